"""LSTM and RNN: shapes of their tops, and the blobs of the net they unroll into."""

from __future__ import annotations

from typing import Sequence, Tuple

from netsurgery.layers import Shape, ShapeNode, count, show
from netsurgery.network.shapes.base import parameters, rule

# Number of hidden states carried from step to step, and of gates a step computes.
STATES = {"LSTM": 2, "RNN": 1}
GATES = {"LSTM": 4, "RNN": 1}


@rule("LSTM", "RNN", bottoms=(2, 5), tops=(1, 3))
def recurrent(node: ShapeNode) -> Sequence[Shape]:
    """(steps, streams, num_output), then the states after the last step if exposed."""
    steps, streams = _sequence(node)
    outputs = node.parameter.recurrent_param.num_output
    node.check(outputs > 0, "has no num_output, or a num_output of 0")
    exposed = _exposed(node)
    text = f"has {node.tops} tops; with expose_hidden as it is, it must have {1 + exposed}"
    node.check(node.tops == 1 + exposed, text)
    state = (1, streams, outputs)
    hidden = node.bottoms[len(node.bottoms) - exposed :]
    for shape in hidden:
        text = f"has a hidden state of {show(shape)} that should be {show(state)}"
        node.check(shape == state, text)
    return [(steps, streams, outputs), *[state] * exposed]


@parameters("LSTM", "RNN")
def recurrent_blobs(node: ShapeNode) -> Sequence[Shape]:
    """Weights and bias of the input, of the static input, of the state, of the output."""
    outputs = node.parameter.recurrent_param.num_output
    gates = GATES[node.layer.type] * outputs
    static = [(gates, count((node.bottoms[2] or ())[1:]))] if _is_static(node) else []
    inputs = [(gates, count(node.bottom[2:])), (gates,), *static, (gates, outputs)]
    return inputs if node.layer.type == "LSTM" else [*inputs, (outputs, outputs), (outputs,)]


@rule("LSTMUnit", bottoms=3, tops=2)
def lstm_unit(node: ShapeNode) -> Sequence[Shape]:
    """Cell and hidden state, both shaped like the cell before."""
    return [node.bottom, node.bottom]


def _exposed(node: ShapeNode) -> int:
    expose = node.parameter.recurrent_param.expose_hidden
    return STATES[node.layer.type] if expose else 0


def _is_static(node: ShapeNode) -> bool:
    """Whether there is an input that stays the same at all steps."""
    return len(node.bottoms) > 2 + _exposed(node)


def _sequence(node: ShapeNode) -> Tuple[int, int]:
    """Number of steps and of streams."""
    exposed, bottoms = _exposed(node), len(node.bottoms)
    text = f"has {bottoms} bottoms; it needs {2 + exposed}, or one more for a static input"
    node.check(bottoms in (2 + exposed, 3 + exposed), text)
    node.check(len(node.bottom) >= 3, f"needs 3 axes or more, has {show(node.bottom)}")
    marks = node.bottoms[1] or ()
    text = f"has a sequence of {show(node.bottom)} and continuation marks of {show(marks)}"
    node.check(marks == node.bottom[:2], text)
    if _is_static(node):
        static = node.bottoms[2] or ()
        text = f"has a static input of {show(static)} for {marks[1]} streams"
        node.check(static[:1] == marks[1:], text)
    return marks[0], marks[1]
