"""Figure 1: the job of compress_net.py, done by netsurgery and by real pycaffe."""

from __future__ import annotations

from pathlib import Path

from benchmarks.child import CELLS, Run, megabytes, run
from benchmarks.setting import FOLDER, Figure, Setting, say

COLUMNS = ("", *CELLS, "error of fc6", "error of fc7")


def measure(setting: Setting) -> Figure:
    """Compress fc6 and fc7 both ways, and compare time, memory and reconstruction error."""
    weights = setting.weights
    runs: dict[str, tuple[Run, Path]] = {}
    say("compressing with netsurgery")
    runs["netsurgery"] = setting.compress()
    if setting.caffe_python:
        say("compressing as compress_net.py does, which takes minutes")
        runs["compress_net with pycaffe"] = _peer(setting, weights)
    say("comparing with the optimum")
    files = [path for _, path in runs.values()]
    judged = setting.job("judge", weights, *files, *setting.ranks).answer
    rows = [
        (name, *done.cells, *(_error(judged[layer], index) for layer in judged))
        for index, (name, (done, _)) in enumerate(runs.items())
    ]
    notes = [f"{name}: {done.steps}." for name, (done, _) in runs.items()]
    numbers = {
        "runs": {name: vars(done) for name, (done, _) in runs.items()},
        "layers": judged,
    }
    if len(runs) == 2:
        notes.insert(0, _verdict(*(done for done, _ in runs.values()), judged))
    else:
        notes.insert(0, "Real Caffe is not here: give --caffe-python to see the peer.")
    title = ", ".join(f"{layer} to rank {rank}" for layer, rank in setting.model.ranks.items())
    size = megabytes(weights.stat().st_size)
    return Figure(f"Compressing VGG16 ({size}): {title}", COLUMNS, rows, notes, numbers)


def _peer(setting: Setting, weights: Path) -> tuple[Run, Path]:
    full = setting.prototxt("deploy", setting.model.deploy())
    thin = setting.prototxt("deploy-svd", setting.model.deploy(compressed=True))
    output = setting.file("peer.caffemodel")
    script = FOLDER / "peer.py"
    done = run([setting.caffe_python, script, full, weights, thin, output, *setting.ranks])
    return done, output


def _error(layer: dict, index: int) -> str:
    """The relative error, and how it compares with the smallest possible."""
    error = layer["errors"][index]
    return f"{error:.6f} = {error / layer['optimum']:.6f} x optimum"


def _verdict(ours: Run, peer: Run, judged: dict) -> str:
    parts = [f"{peer.seconds / ours.seconds:.1f} times faster"]
    if ours.resident and peer.resident:
        parts.append(f"{ours.resident / peer.resident:.2f} of the peak memory")
    worst = max(layer["errors"][0] / layer["optimum"] for layer in judged.values())
    parts.append(f"error at most {worst:.6f} times the optimum")
    return f"**{', '.join(parts)}.**"
