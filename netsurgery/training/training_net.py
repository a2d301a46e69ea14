"""The net that an engine steps: the layers of a user's net, losses behind them, inputs before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Collection, Dict, FrozenSet, Mapping, Optional, Sequence, Set, Tuple

from netsurgery.engine import Engine
from netsurgery.errors import EngineError, Remedy, RequestError
from netsurgery.formats import Prototxt
from netsurgery.network import (
    Model,
    Network,
    ParameterKey,
    Shape,
    Value,
    blob_shapes,
    infer_shapes,
    lacking,
    names_taken,
    owners_of_shared,
    scores_before_softmax,
)
from netsurgery.training.batchnorm import FROZEN, normalised
from netsurgery.training.freezing import frozen_text, keys_of
from netsurgery.training.lacked import how_to_train_before
from netsurgery.training.loss_text import accuracy_text, loss_text
from netsurgery.training.noise import without_noise
from netsurgery.training.objectives import LABELS, GivenObjective, LabelObjective, Objective
from netsurgery.training.train_val import OwnTraining, own_training
from netsurgery.training.trunk import shape_of, trunk_of

_STOOD_FOR = (LabelObjective, GivenObjective)
"""What the losses of a user's own text stand in the place of."""


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

    @cached_property
    def layers(self) -> FrozenSet[str]:
        """The layers of the train net, by name."""
        return frozenset(layer.name for layer in Network.of(self.train, "TRAIN").layers)

    @property
    def trained(self) -> Tuple[str, ...]:
        """The layers of the deploy net of which a blob of their own is trained, in its order."""
        network = Network.of(self.train, "TRAIN")
        counts = _blob_counts(network, self.deploy)
        borrowed = set(owners_of_shared(network))
        own = {layer.name for layer in self.deploy.network().layers}
        return tuple(
            name
            for name in counts
            if name in own and keys_of([name], counts) - self.still - borrowed
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


def label_classes(model: Model, output: Optional[str] = None) -> int:
    """Return how many classes labels of a net are told among.

    Args:
        model: The net.
        output: The output that labels are for, where several hold class scores.

    Raises:
        PlanError: There is not exactly one output of class scores.
        NetworkError: Their shape is not known.
    """
    objective = label_objective(model, output)
    shape = shape_of(model.network(), objective.value.blob, model)
    return int(shape[objective.axis])


def training_net(
    model: Model,
    objectives: Sequence[Objective],
    *,
    batch: int,
    train_val: Optional[Prototxt] = None,
    stages: Sequence[str] = (),
    batchnorm: str = FROZEN,
    frozen: Collection[str] = (),
    engine: Optional[Engine] = None,
    given: Optional[Mapping[str, Shape]] = None,
    share: float = 1.0,
    unlabelled: bool = False,
) -> TrainingNet:
    """Return a net that trains a model towards objectives.

    Where the user's own training text is given, its losses stand in the place of objectives for
    labels and targets; without such objectives, those of its losses that read them go. What else
    there is to come to, as a teacher has it, is added. Without labels
    or targets nothing is dropped by chance, see `without_noise`.

    Args:
        model: The net as it is used.
        objectives: What its values should come to.
        batch: The number of inputs of a batch.
        train_val: The text that it is trained by.
        stages: Stages of that text that its solver asks for.
        batchnorm: What becomes of statistics, see `batchnorm`.
        frozen: Names of layers that stay as they are.
        engine: The engine that is to train it.
        given: Targets that come beside the inputs: the shape of a sample of each.
        share: The factor of the text's own losses that read labels or targets.
        unlabelled: Some labels are -1, which says that there is none.

    Raises:
        RequestError: Nothing would be trained, the net does not take such batches, or an objective
            does not fit it.
        NetworkError: An objective is of a value that the net has not, or the text is none of a net.
        FormatError: The text does not tell what its data layers feed.
        EngineError: The engine lacks layers of it, or takes no statistics that are to be gathered.
    """
    if not objectives:
        raise RequestError(
            "nothing says what the net should come to", remedy="give labels, or a teacher"
        )
    others = [one for one in objectives if not isinstance(one, _STOOD_FOR)]
    has_truth = len(others) < len(objectives)
    if train_val is None:
        trunk = trunk_of(model, [one.value for one in objectives], batch)
        bare = TrainingNet(trunk.prototxt, model, trunk.fed, {})
        made = _with_objectives(bare, trunk.blobs, objectives, batch)
        made = made if has_truth else _without_noise(made)
        return _settled(made, trunk.untrained, batchnorm, frozen, engine, False)
    own = own_training(
        model,
        train_val,
        [one.value for one in others],
        batch,
        labels=share if has_truth else None,
        stages=stages,
        given=given,
        unlabelled=unlabelled,
    )
    bare = _with_own_accuracy(model, own)
    made = _with_objectives(bare, own.trunk.blobs, others, batch)
    made = made if has_truth else _without_noise(made)
    return _settled(made, own.trunk.untrained, batchnorm, frozen, engine, True)


def _with_own_accuracy(model: Model, own: OwnTraining) -> TrainingNet:
    """A user's training text, which also counts right classes."""
    text, accuracy, classes = own.trunk.prototxt, own.accuracy, None
    if own.compared is not None:
        scores, labels, axis = own.compared
        network = Network.of(text, "TRAIN")
        known = infer_shapes(network, weights=model.weights)[network.last(scores)]
        classes = known[axis] if known else None
        if accuracy is None:
            objective = LabelObjective(LABELS, Value(scores), axis=axis)
            counted, accuracy = accuracy_text(objective, scores, labels, names_taken(network))
            text = Prototxt.parse(text.data + counted, text.file)
    return TrainingNet(
        text,
        model,
        dict(own.trunk.fed),
        own.losses,
        accuracy,
        classes,
        own.own_data,
        notes=own.notes,
    )


def _with_objectives(
    bare: TrainingNet, blobs: Mapping[Value, str], objectives: Sequence[Objective], batch: int
) -> TrainingNet:
    """A net with the losses of objectives behind it."""
    network = Network.of(bare.train, "TRAIN")
    taken, parts = names_taken(network), [bare.train.data]
    fed, losses = dict(bare.fed), dict(bare.losses)
    accuracy, classes = bare.accuracy, bare.classes
    for objective in objectives:
        blob = blobs[objective.value]
        shape = shape_of(network, blob, bare.deploy)
        text = loss_text(objective, blob, shape, batch, taken)
        parts.append(text.text)
        fed.update({name: role for name, (role, _) in text.fed.items()})
        losses.update(text.losses)
        if isinstance(objective, LabelObjective) and accuracy is None:
            label = next(name for name, (role, _) in text.fed.items() if role == LABELS)
            counted, accuracy = accuracy_text(objective, blob, label, taken)
            parts.append(counted)
            classes = shape[objective.axis]
    train = Prototxt.parse(b"".join(parts), bare.train.file)
    return replace(bare, train=train, fed=fed, losses=losses, accuracy=accuracy, classes=classes)


def _without_noise(made: TrainingNet) -> TrainingNet:
    found = without_noise(made.train)
    return replace(made, train=found.prototxt, notes=(*made.notes, *found.notes))


def _settled(
    made: TrainingNet,
    untrained: Sequence[str],
    batchnorm: str,
    frozen: Collection[str],
    engine: Optional[Engine],
    own_text: bool,
) -> TrainingNet:
    """The net with what must not move held still."""
    found = normalised(made.train, batchnorm, engine, frozen)
    network = Network.of(found.prototxt, "TRAIN")
    if engine is not None:
        _require_layers(network, engine, own_text, made.deploy)
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
    if untrained:
        notes.append(f"no loss depends on {', '.join(untrained)}: they stay as they are")
    begun = [name for name in counts if not made.deploy.blobs(name)]
    if begun:
        notes.append(f"the weights hold nothing for {', '.join(begun)}: fillers start them")
    return replace(made, train=train, still=frozenset(still), notes=tuple(notes))


def _require_layers(network: Network, engine: Engine, own_losses: bool, deploy: Model) -> None:
    missing = lacking(network, engine.unsupported)
    if not missing:
        return
    layer = next(one for one in network.layers if one.type in missing)
    in_use = [
        one for one in network.layers if one.type in missing and deploy.network().find(one.name)
    ]
    remedy = Remedy("give another {}", "engine")
    if in_use:
        remedy = how_to_train_before(in_use[0].name)
    elif own_losses:
        remedy = Remedy("train without {}, by what a {} answers", "train_val", "teacher")
    raise EngineError(
        f"engine {engine.name} has no {', '.join(missing)}, which training needs",
        file=network.prototxt.file,
        layer=layer.name,
        remedy=remedy,
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
