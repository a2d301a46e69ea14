"""A network with a loss at its end, from which real Caffe can run backward."""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional

from netsurgery.errors import PlanError
from netsurgery.formats import Edits, Prototxt, quoted, render, upgrade_net
from netsurgery.layers import Shape, Value
from netsurgery.network.graph import Network
from netsurgery.network.inplace import take_apart
from netsurgery.network.model import Model
from netsurgery.network.names import fresh_name
from netsurgery.network.reach import reached_by
from netsurgery.network.shapes import infer_shapes

IGNORED = -1
"""The label of a sample that has no part in the loss."""


class LossNet(NamedTuple):
    """A model that computes a loss, without layers in place, and asks for all gradients.

    Attributes:
        model: The model.
        names: The blob of it that holds each value of the network it was made from.
        losses: Its loss blobs, and the factor of each.
        reached: The values of the network it was made from that a loss depends on.
        scores: The value that holds the class scores; None where the net had a loss of its own.
        labels: The input that takes the class of each sample, float; None likewise.
    """

    model: Model
    names: Mapping[Value, str]
    losses: Mapping[str, float]
    reached: FrozenSet[Value]
    scores: Optional[Value] = None
    labels: Optional[str] = None

    def copy_of(self, value: Value, turn: int) -> str:
        """Return the blob from which a layer reads a value: Caffe gives each reader a copy.

        The gradient of a copy is that of the loss on the way through this reader alone.

        Args:
            value: A value of the network this was made from.
            turn: Which of its readers, counted from 0 in the order of the net.
        """
        name = self.names[value]
        network = self.model.network()
        maker = network.producer(Value(name))
        if maker is None or len(network.consumers(Value(name))) < 2:
            return name
        # The names that Caffe's InsertSplits has always given them.
        return f"{name}_{maker.name}_{maker.tops.index(Value(name))}_split_{turn}"

    @property
    def takes_means(self) -> bool:
        """Whether a loss of its own is a mean over the samples of a batch, one number."""
        if self.scores is not None:
            return False
        shapes = infer_shapes(self.model.network(), weights=self.model.weights)
        return any(shapes[Value(blob)] == () for blob in self.losses)


def with_loss(model: Model, output: Optional[str] = None) -> LossNet:
    """Return a model that ends in a loss: its own, or the softmax loss of its class scores.

    The loss that is added is the sum over the samples of a batch, not the mean, and leaves out
    those with the label -1. Where the net ends in a Softmax, the loss reads what that reads.

    Args:
        model: The model.
        output: The output that labels are for, where several hold class scores.

    Raises:
        PlanError: There is not exactly one output of class scores.
    """
    network = model.network()
    apart = take_apart(network)
    prototxt = apart.prototxt
    if prototxt.version != "V2":
        prototxt = upgrade_net(prototxt, keep_unknown=True).prototxt
    prototxt = _with_force_backward(prototxt)
    made = Model(prototxt, model.weights)
    own = own_losses(network)
    if own:
        losses = {apart.names[value]: weight for value, weight in own.items()}
        return LossNet(made, apart.names, losses, reached_by(network, own))
    return _with_softmax_loss(network, made, apart.names, output)


def _with_softmax_loss(
    network: Network, made: Model, names: Mapping[Value, str], output: Optional[str]
) -> LossNet:
    shapes = infer_shapes(network, weights=made.weights)
    scores = scores_before_softmax(network, shapes, output)
    taken = {*names.values(), *(layer.name for layer in network.layers)}
    label, loss = fresh_name("label", taken), fresh_name("loss", taken)
    blobs = {"label": label, "loss": loss, "scores": names[scores]}
    count = (shapes[scores] or (1,))[0]
    text = render(
        "softmax_loss", {"count": count, **{k: quoted(name) for k, name in blobs.items()}}
    )
    prototxt = Prototxt.parse(made.prototxt.data + b"\n" + text, made.prototxt.file)
    reached = reached_by(network, {scores: 1.0})
    return LossNet(Model(prototxt, made.weights), names, {loss: 1.0}, reached, scores, label)


def own_losses(network: Network) -> Dict[Value, float]:
    """Return the values that add to the loss of a net, and their factors, as Caffe finds them.

    Args:
        network: The net.
    """
    found: Dict[Value, float] = {}
    for layer in network.layers:
        default = [1.0] if layer.layer_type.is_loss else []
        weights = list(layer.parameter.loss_weight) or default
        found.update((top, weight) for top, weight in zip(layer.tops, weights) if weight)
    return found


def scores_before_softmax(
    network: Network, shapes: Mapping[Value, Optional[Shape]], output: Optional[str] = None
) -> Value:
    """Return what a loss should read: an output of a score for each class, before its Softmax.

    Args:
        network: The net.
        shapes: Of its outputs.
        output: The output that labels are for, where several hold class scores.

    Raises:
        PlanError: There is not exactly one such output.
    """
    classes = [value for value in network.outputs if _is_class_like(shapes[value])]
    before: Dict[Value, Value] = {}
    for value in classes:
        layer = network.producer(value)
        if layer is not None and layer.layer_type.is_softmax:
            before[value] = layer.bottoms[0]
    named = [value for value in classes if value.blob == output]
    candidates = (list(before) or classes) if output is None else named
    if len(candidates) != 1:
        raise PlanError(
            "a loss needs one output of class scores"
            + ("" if output is None else f", and {output!r} is none"),
            file=network.prototxt.file,
            remedy=_choice([value.blob for value in classes]),
        )
    return before.get(candidates[0], candidates[0])


def _choice(blobs: List[str]) -> str:
    if not blobs:
        return "add a loss layer that says what the net is for"
    return f"name the one that labels are for: {', '.join(blobs)}"


def _is_class_like(shape: Optional[Shape]) -> bool:
    return (
        shape is not None
        and len(shape) > 1
        and shape[1] > 1
        and all(size == 1 for size in shape[2:])
    )


def _with_force_backward(prototxt: Prototxt) -> Prototxt:
    edits = Edits(prototxt.data)
    edits.remove(*prototxt.root.all("force_backward"))
    return Prototxt.parse(edits.result() + b"\nforce_backward: true\n", prototxt.file)
