"""What LSTM and RNN share: sequences, and the blobs of the net that they unroll into."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.shape import Shape, count, show
from netsurgery.layers.traits import Role


class RecurrentLayer(LayerType):
    """A small net that runs along a sequence and reads its own state.

    Attributes:
        states: Number of hidden states carried from step to step.
        gates: Number of gates that a step computes.
    """

    bottoms = (2, 5)
    tops = (1, 3)
    keeps = "is recurrent, and left as it is"
    states: int = 1
    gates: int = 1
    message = "recurrent_param"
    mixes_places = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(steps, streams, num_output), then the states after the last step if exposed."""
        steps, streams = self._sequence(node)
        outputs = node.parameter.recurrent_param.num_output
        node.check(outputs > 0, "has no num_output, or a num_output of 0")
        exposed = self._exposed(node)
        text = f"has {node.tops} tops; with expose_hidden as it is, it must have {1 + exposed}"
        node.check(node.tops == 1 + exposed, text)
        state = (1, streams, outputs)
        hidden = node.bottoms[len(node.bottoms) - exposed :]
        for shape in hidden:
            text = f"has a hidden state of {show(shape)} that should be {show(state)}"
            node.check(shape == state, text)
        return [(steps, streams, outputs), *[state] * exposed]

    def blobs(self, node: ShapeNode) -> List[Shape]:
        """Weights and bias of the input, weights of the static input if any, of the state."""
        outputs = node.parameter.recurrent_param.num_output
        gates = self.gates * outputs
        static = [(gates, count((node.bottoms[2] or ())[1:]))] if self._is_static(node) else []
        return [(gates, count(node.bottom[2:])), (gates,), *static, (gates, outputs)]

    def _exposed(self, node: ShapeNode) -> int:
        return self.states if node.parameter.recurrent_param.expose_hidden else 0

    def _is_static(self, node: ShapeNode) -> bool:
        """Whether there is an input that stays the same at all steps."""
        return len(node.bottoms) > 2 + self._exposed(node)

    def _sequence(self, node: ShapeNode) -> Tuple[int, int]:
        """Number of steps and of streams."""
        exposed, bottoms = self._exposed(node), len(node.bottoms)
        text = f"has {bottoms} bottoms; it needs {2 + exposed}, or one more for a static input"
        node.check(bottoms in (2 + exposed, 3 + exposed), text)
        node.check(len(node.bottom) >= 3, f"needs 3 axes or more, has {show(node.bottom)}")
        marks = node.bottoms[1] or ()
        text = f"has a sequence of {show(node.bottom)} and continuation marks of {show(marks)}"
        node.check(marks == node.bottom[:2], text)
        if self._is_static(node):
            static = node.bottoms[2] or ()
            text = f"has a static input of {show(static)} for {marks[1]} streams"
            node.check(static[:1] == marks[1:], text)
        return marks[0], marks[1]

    def macs(self, bottoms: Sequence[Shape], tops: Sequence[Shape], blobs: Sequence[Shape]) -> int:
        """Each step of each stream meets every matrix, a static input only the stream."""
        steps, streams = bottoms[0][:2]
        matrices = [shape for shape in blobs if len(shape) == 2]
        # W_x, (W_static,) W_h and for an RNN W_o: with a static input there is one more.
        static = count(matrices[1]) if len(blobs) in (4, 6) else 0
        return streams * (steps * (sum(map(count, matrices)) - static) + static)

    def mixes_samples(self, layer: Layer) -> bool:
        """Its first axis is time."""
        return True

    def input_role(self, layer: Layer, bottom: int, shape: Shape) -> Role:
        """The second bottom says where sequences begin."""
        return Role.CONTINUATION if bottom == 1 else Role.VALUES
