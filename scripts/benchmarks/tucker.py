"""Figure 5: Tucker decompositions of real kernels, beside tensorly's at the same ranks."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Iterable, Optional

from zoo_pairs import Pair, find_pairs

from benchmarks.setting import Figure, Setting, say

TITLE = "Tucker decomposition of kernels, ranks by EVBMF"
COLUMNS = ("weights", "kernels", "netsurgery", "tensorly", "tensorly / netsurgery", "error")
ROUNDING = 1e-6
"""Of float32, in which tensorly works: errors below are not told apart."""


def measure(setting: Setting) -> Figure:
    """Decompose every kernel with a window of the nets of CIFAR-10 and of SqueezeNet."""
    pairs = list(_pairs(setting.zoo))
    if not pairs:
        return Figure(TITLE, COLUMNS, [], ["The zoo of real models is not here: give --zoo."], {})
    say("decomposing kernels")
    words = [f"{pair.prototxt}={pair.weights}" for pair in pairs]
    peer = "tensorly" if setting.tensorly_python else "none"
    done = setting.job("tucker", setting.repeats, peer, *words, python=setting.tensorly_python)
    kernels = done.answer["kernels"]
    rows = [
        _row(pair.name, [one for one in kernels if one["net"] == str(pair.weights)])
        for pair in pairs
    ]
    note = (
        _verdict(kernels)
        if setting.tensorly_python
        else ("tensorly is not here: make it with `scripts/environment tensorly`.")
    )
    others = "?" if done.others is None else f"{done.others:.0%}"
    notes = [
        note,
        f"Processor time, medians of {setting.repeats}, added up over the kernels of a net; both "
        "sides took turns in one process, tensorly on float32 as the weights are, netsurgery in "
        f"float64, while other processes took {others} of the machine. *error*: the largest ratio "
        "of netsurgery's error to tensorly's.",
    ]
    return Figure(TITLE, COLUMNS, rows, notes, {"kernels": kernels})


def _pairs(zoo: Optional[Path]) -> Iterable[Pair]:
    if zoo is not None and (zoo / "INDEX.md").exists():
        for pair in find_pairs(zoo):
            folder = pair.weights.parent.name
            if "cifar10" in folder or folder.startswith("squeezenet"):
                yield pair


def _row(name: str, kernels: list[dict[str, Any]]) -> tuple[str, ...]:
    ours = sum(_seconds(one, "ours") for one in kernels)
    cells = [name, str(len(kernels)), f"{1000 * ours:.1f} ms"]
    if not all("theirs" in one["seconds"] for one in kernels):
        return (*cells, "-", "-", "-")
    theirs = sum(_seconds(one, "theirs") for one in kernels)
    worst = max(map(_ratio, kernels))
    return (*cells, f"{1000 * theirs:.1f} ms", f"{theirs / ours:.2f}", f"{worst:.6f}")


def _verdict(kernels: list[dict[str, Any]]) -> str:
    slower = [one for one in kernels if _seconds(one, "ours") > _seconds(one, "theirs")]
    total = {name: sum(_seconds(one, name) for one in kernels) for name in ("ours", "theirs")}
    parts = [
        f"{total['theirs'] / total['ours']:.2f} times faster over all {len(kernels)} kernels",
        f"faster on {len(kernels) - len(slower)}",
        f"error at most {max(map(_ratio, kernels)):.6f} times tensorly's",
    ]
    text = f"**{', '.join(parts)}.**"
    if not slower:
        return text
    named = [
        f"{Path(one['net']).parent.name} {one['layer']} "
        f"({1000 * _seconds(one, 'ours'):.1f} ms beside {1000 * _seconds(one, 'theirs'):.1f})"
        for one in slower
    ]
    return f"{text} Slower on {', '.join(named)}."


def _seconds(kernel: dict[str, Any], name: str) -> float:
    return statistics.median(kernel["seconds"][name])


def _ratio(kernel: dict[str, Any]) -> float:
    ours, theirs = (max(kernel["errors"][name], ROUNDING) for name in ("ours", "theirs"))
    return ours / theirs
