"""What Caffe says when it aborts: the FATAL line that glog prints to stderr."""

from __future__ import annotations

import re
from typing import Optional

from netsurgery.errors import EngineError

# F1120 19:06:45.035084  5687 net.cpp:759] Check failed: ... *** Check failure stack trace: ***
_FATAL = re.compile(
    r"^F\d{4,8} [\d:.]+ +\d+ (?P<place>[^\]\n]+)\] (?P<text>.*?)(?=^\*\*\* |\Z)", re.M | re.S
)
_PARSING = re.compile(
    r"Error parsing text-format [\w.]+: (?:(?P<line>\d+):(?P<column>\d+): )?(?P<text>.*)"
)
_LAYER = re.compile(r"layer '([^']*)'|for layer ([^\s;]+)")
_CREATING = re.compile(r"^I.*\] Creating [Ll]ayer (.*)$", re.M)
_BUILT = "Network initialization done"
_KNOWN_TYPES = re.compile(r" *\(known types: [^)]*\)")
_REMEDIES = {
    "Cannot copy param": "these weights do not belong to this prototxt",
    "Incompatible number of blobs": "these weights do not belong to this prototxt",
    "Unknown layer type": "run it in the Caffe that has that layer: set NETSURGERY_CAFFE_PYTHON",
    "No module named": "put the folder of that module on the engine's pythonpath",
    "proto.data_size()": "stock Caffe reads float32 and double, not the float16 of NVIDIA's fork",
    "Error saving weights": "Caffe's HDF5 takes no '/' in the name of a layer",
    "Incorrect length of history": "the state is of another type of solver: train with that one",
    "Cannot share param": "the nets that are trained and used differ there: give two that belong"
    " together",
    "bad_alloc": "use a smaller batch, or a machine with more memory",
}


def explain(problem: str, stderr: str, file: Optional[str]) -> EngineError:
    """Make an error of what a Caffe process left behind.

    Args:
        problem: How the process ended.
        stderr: What it had printed.
        file: The prototxt it was running.

    Returns:
        An error with Caffe's own message where there is one, and with the place in the prototxt
        or the layer that Caffe names in it or was building.
    """
    parsing = _PARSING.search(stderr)
    text = parsing["text"] if parsing else _last_words(problem, stderr)
    return EngineError(
        f"Caffe says: {text.rstrip('.')}",
        file=file,
        line=int(parsing["line"] or 0) if parsing else None,
        column=int(parsing["column"] or 0) if parsing else None,
        layer=_layer(text, stderr),
        remedy=next((cure for sign, cure in _REMEDIES.items() if sign in text), None),
    )


def _layer(text: str, stderr: str) -> Optional[str]:
    named = _LAYER.search(text)
    if named:
        return named[1] or named[2]
    # Another net may have been built before it in the same process.
    building = _CREATING.findall(stderr.rpartition(_BUILT)[2])
    return building[-1] if building else None


def _last_words(problem: str, stderr: str) -> str:
    fatal = _FATAL.search(stderr)
    if fatal:
        return _KNOWN_TYPES.sub("", f"{fatal['place']}: {' '.join(fatal['text'].split())}")
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    # pycaffe prints the exception of a Python layer that cannot be made, and then loses it.
    if problem.startswith("SystemError") and lines:
        return lines[-1]
    what = next((line for line in reversed(lines) if line.startswith("what():")), "")
    return f"{problem}, {what.replace('what():', '').strip()}" if what else problem
