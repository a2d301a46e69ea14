"""The net that an engine steps: the layers of a user's net, losses behind them, inputs before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

from netsurgery.errors import RequestError
from netsurgery.formats import Prototxt
from netsurgery.network import (
    Model,
    Network,
    ParameterKey,
    blob_shapes,
    infer_shapes,
    scores_before_softmax,
)
from netsurgery.training.batchnorm import FROZEN, normalised
from netsurgery.training.freezing import frozen_text, keys_of
from netsurgery.training.loss_text import accuracy_text, loss_text
from netsurgery.training.objectives import LABELS, LabelObjective, Objective
from netsurgery.training.trunk import Trunk, shape_of, trunk_of


@dataclass(frozen=True)
class TrainingNet:
    """A net with losses that an engine can step.

    Attributes:
        train: The net that is trained, in V2: what is fed has Input layers, and no layer has rules
            of inclusion.
        deploy: The net as it is used, whose layers of the same names hold the same weights.
        fed: What goes into each input of the train net: ``data:`` and an input of the net that is
            used, or the role of an objective, see `objectives`.
        losses: Its loss blobs, and the factor of each.
        accuracy: A blob of it that holds the share of right classes, if there is one.
        classes: How many classes there are labels of, if it is fed labels of classes.
        own_data: Its own data layers feed it, and nobody else does.
        still: Blobs that stay as they are.
        notes: What is not as one might expect, a sentence each.
    """

    train: Prototxt
    deploy: Model
    fed: Dict[str, str]
    losses: Dict[str, float]
    accuracy: Optional[str] = None
    classes: Optional[int] = None
    own_data: bool = False
    still: FrozenSet[ParameterKey] = frozenset()
    notes: Tuple[str, ...] = ()

    @property
    def trained(self) -> Tuple[str, ...]:
        """The layers of the deploy net of which a blob is trained, in the order of the net."""
        counts = _blob_counts(Network.of(self.train, "TRAIN"), self.deploy)
        own = {layer.name for layer in self.deploy.network().layers}
        return tuple(
            name
            for name, count in counts.items()
            if name in own and not keys_of([name], counts) <= self.still and count
        )


def label_objective(model: Model, output: Optional[str] = None) -> LabelObjective:
    """Return the objective that labels are for: the class scores of a net, before any Softmax.

    Args:
        model: The net.
        output: The output that labels are for, where several hold class scores.

    Raises:
        PlanError: There is not exactly one output of class scores.
    """
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    return LabelObjective(LABELS, scores_before_softmax(network, shapes, output))


def training_net(
    model: Model,
    objectives: Sequence[Objective],
    *,
    batch: int,
    batchnorm: str = FROZEN,
    frozen: Collection[str] = (),
) -> TrainingNet:
    """Return a net that trains a model towards objectives.

    Args:
        model: The net as it is used.
        objectives: What its values should come to.
        batch: The number of inputs of a batch.
        batchnorm: What becomes of statistics, see `batchnorm`.
        frozen: Names of layers that stay as they are.

    Raises:
        RequestError: Nothing would be trained, the net does not take such batches, or an objective
            does not fit it.
        NetworkError: An objective is of a value that the net has not.
    """
    if not objectives:
        raise RequestError(
            "nothing says what the net should come to", remedy="give labels, or a teacher"
        )
    trunk = trunk_of(model, [one.value for one in objectives], batch)
    made = _with_objectives(model, trunk, objectives, batch)
    return _settled(made, trunk, batchnorm, frozen)


def _with_objectives(
    model: Model, trunk: Trunk, objectives: Sequence[Objective], batch: int
) -> TrainingNet:
    network = Network.of(trunk.prototxt, "TRAIN")
    taken = {*(value.blob for value in network.values), *(one.name for one in network.layers)}
    parts: List[bytes] = [trunk.prototxt.data]
    fed, losses = dict(trunk.fed), {}
    accuracy: Optional[str] = None
    classes: Optional[int] = None
    for objective in objectives:
        blob = trunk.blobs[objective.value]
        shape = shape_of(network, blob, model)
        text = loss_text(objective, blob, shape, batch, taken)
        parts.append(text.text)
        fed.update({name: role for name, (role, _) in text.fed.items()})
        losses.update(text.losses)
        if isinstance(objective, LabelObjective) and accuracy is None:
            label = next(name for name, (role, _) in text.fed.items() if role == LABELS)
            counted, accuracy = accuracy_text(objective, blob, label, taken)
            parts.append(counted)
            classes = shape[objective.axis]
    train = Prototxt.parse(b"".join(parts), trunk.prototxt.file)
    return TrainingNet(train, model, fed, losses, accuracy, classes)


def _settled(
    made: TrainingNet,
    trunk: Trunk,
    batchnorm: str,
    frozen: Collection[str],
) -> TrainingNet:
    """The net with what must not move held still."""
    found = normalised(made.train, batchnorm)
    network = Network.of(found.prototxt, "TRAIN")
    counts = _blob_counts(network, made.deploy)
    still = {*found.still, *keys_of(frozen, counts)}
    train = frozen_text(found.prototxt, still)
    still |= _sharing(network, still)
    if not any(keys_of([name], counts) - still for name in counts):
        raise RequestError(
            "nothing is left to train: all layers with weights stay as they are",
            remedy="freeze fewer of them",
        )
    notes = [*made.notes, *found.notes]
    if trunk.untrained:
        names = ", ".join(trunk.untrained)
        notes.append(f"no loss depends on {names}, which stay as they are")
    return TrainingNet(
        train,
        made.deploy,
        made.fed,
        made.losses,
        made.accuracy,
        made.classes,
        made.own_data,
        frozenset(still),
        tuple(notes),
    )


def _sharing(network: Network, still: Set[ParameterKey]) -> Set[ParameterKey]:
    found: Set[ParameterKey] = set()
    for group in network.shared_parameters:
        members = {(layer.name, index) for layer, index in group.members}
        if members & still:
            found |= members
    return found


def _blob_counts(network: Network, model: Model) -> Dict[str, int]:
    """How many blobs each layer has, by its text or else by its weights."""
    shapes = blob_shapes(network)
    counts: Dict[str, int] = {}
    for layer in network.layers:
        known = shapes.get(layer.name)
        counts[layer.name] = len(model.blobs(layer.name)) if known is None else len(known)
    return {name: count for name, count in counts.items() if count}
