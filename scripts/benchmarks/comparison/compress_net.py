"""The job of Fast R-CNN's compress_net.py by the whole command, beside that script's way."""

from __future__ import annotations

from typing import Iterator

from benchmarks.child import Run, run
from benchmarks.comparison.bench import Bench, Command, NotHereError, Row, seconds
from benchmarks.setting import FOLDER, say

MINUTES = 6.0
WANTED, MOST_MEMORY, MOST_ERROR = 12.0, 0.2, 1.0005


def measure(bench: Bench) -> Iterator[Row]:
    """Hash, factor, write, read back and prove, against factoring and writing."""
    setting = bench.setting
    if not setting.caffe_python:
        raise NotHereError("real Caffe is not here: give --caffe-python")
    ranks = [f"--rank={rank}" for rank in setting.ranks]
    prototxt = setting.prototxt("deploy", setting.model.deploy())
    words = ["compress", prototxt, setting.weights, *ranks, "-o", "{out}"]
    title = f"compress the VGG16-shaped net, {', '.join(setting.ranks)}"
    command = Command("vgg16-written", title, [*words, "--no-verify"])
    proved = Command("vgg16-compress", f"{title}, proved in real Caffe", [*words, "--accept-loss"])
    ours, theirs = bench.both(command, WANTED)
    say("compressing as compress_net.py does, which takes minutes")
    peer, output = _peer(bench)
    times = peer.seconds / ours.seconds
    yield Row(
        title,
        f"{seconds(peer.seconds)} (compress_net)",
        seconds(ours.seconds),
        f"{times:.1f} times faster",
        f"{WANTED:g} times",
        times >= WANTED,
        f"Hashed, read back and measured; compress_net runs neither net. "
        f"The {bench.theirs.name} build takes {theirs.time} and {theirs.tree / 1e9:.2f} GB for it.",
    )
    whole = peer.resident or 1
    share = ours.largest / whole
    yield Row(
        "the same: peak memory of its largest process",
        f"{whole / 1e9:.2f} GB (compress_net)",
        f"{ours.largest / 1e9:.2f} GB",
        f"{share:.2f} of it",
        f"at most {MOST_MEMORY:g}",
        0 < share <= MOST_MEMORY,
    )
    weights = bench.folder(bench.ours, command) / setting.weights.name
    judged = setting.job("judge", setting.weights, weights, output, *setting.ranks).answer
    worst = [
        max(layer["errors"][side] / layer["optimum"] for layer in judged.values())
        for side in (0, 1)
    ]
    yield Row(
        "the same: error of the weights",
        f"{worst[1]:.6f} times the optimum (compress_net)",
        f"{worst[0]:.6f} times the optimum",
        f"{worst[0] / worst[1]:.6f}",
        f"at most {MOST_ERROR:g} times",
        worst[0] <= MOST_ERROR,
    )
    yield bench.beside_others(command, ours)
    ours, theirs = bench.both(proved, WANTED)
    yield Row(
        proved.title,
        theirs.time,
        seconds(ours.seconds),
        f"{theirs.seconds / ours.seconds:.1f} times faster",
        "",
        None,
        f"{peer.seconds / ours.seconds:.1f} times faster than compress_net, which proves nothing. "
        f"Engines among them, all processes take {ours.tree / 1e9:.2f} GB, "
        f"{ours.tree / whole:.2f} of compress_net's.",
    )


def _peer(bench: Bench) -> tuple[Run, object]:
    setting = bench.setting
    full = setting.prototxt("deploy", setting.model.deploy())
    thin = setting.prototxt("deploy-svd", setting.model.deploy(compressed=True))
    output = setting.file("peer.caffemodel")
    words = [setting.caffe_python, FOLDER / "peer.py", full, setting.weights, thin, output]
    return run([*words, *setting.ranks]), output
