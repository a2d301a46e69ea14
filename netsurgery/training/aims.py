"""What a net should come to: labels, targets beside the inputs, what its teacher answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

from netsurgery.calibration import Inputs
from netsurgery.errors import Remedy, RequestError
from netsurgery.network import Model, Network, Shape, infer_shapes
from netsurgery.training.bank import MOST, ViewBank
from netsurgery.training.feed import Targets
from netsurgery.training.given import GivenTargets, given_objectives, require_places
from netsurgery.training.maps import sample_shapes
from netsurgery.training.objectives import (
    GIVEN,
    LABELS,
    LabelObjective,
    Objective,
    given_role,
)
from netsurgery.training.own_objectives import own_objectives
from netsurgery.training.settings import TuningSettings
from netsurgery.training.teacher_targets import TeacherTargets
from netsurgery.training.teaching import teacher_objectives
from netsurgery.training.training_net import TrainingNet, label_objective


def objectives_of(
    model: Model, original: Optional[Model], inputs: Inputs, settings: TuningSettings
) -> Tuple[Objective, ...]:
    """Return what a net should come to: the truth, its teacher's answers, or half of each.

    The truth is in labels and in targets beside the inputs; of these counts what the losses of the
    net's own training text read, where that is given.

    Args:
        model: The net.
        original: Its teacher, if there is one.
        inputs: With labels and targets if there are some.
        settings: The output that labels are for, and how a teacher teaches.

    Raises:
        RequestError: There is neither truth nor a teacher, or targets do not fit.
        PlanError: Labels belong to no output, or to one of several.
    """
    given, labelled = _given(model, inputs, settings)
    require_places(given, inputs, model, settings.augmentation)
    by_labels = settings.train_val is None or labelled or not given
    found: List[Objective] = []
    if inputs.labels is not None and by_labels:
        found.append(_by_labels(model, labelled, settings.task_output))
    found += given
    share = share_of_truth(original, bool(found))
    found = [replace(one, weight=one.weight * share) for one in found]
    if original is not None:
        found += teacher_objectives(
            original,
            model,
            temperature=settings.temperature,
            hints=settings.hints,
            weight=share,
            output_kinds=dict(settings.output_kinds),
            task_output=settings.task_output,
        )
    if not found:
        raise RequestError(
            Remedy("there is nothing to learn from: give {} or a {}", "labels", "teacher")
        )
    return tuple(found)


def share_of_truth(original: Optional[Model], has_truth: bool) -> float:
    """Return how much of what a net should come to each of truth and teacher is.

    Args:
        original: The teacher, if there is one.
        has_truth: Whether there are labels or targets.
    """
    return 0.5 if original is not None and has_truth else 1.0


def _given(
    model: Model, inputs: Inputs, settings: TuningSettings
) -> Tuple[Tuple[Objective, ...], Tuple[LabelObjective, ...]]:
    """What targets beside the inputs say of the net that is used, and labels by its own losses."""
    if settings.train_val is None:
        kinds = dict(settings.output_kinds)
        return given_objectives(model, inputs, kinds, settings.augmentation), ()
    shapes = sample_shapes(inputs, settings.augmentation)
    own = own_objectives(model, settings.train_val, shapes, settings.stages)
    given = tuple(one for one in own if LABELS not in one.roles)
    labelled = (one for one in own if LABELS in one.roles)
    return given, tuple(one for one in labelled if isinstance(one, LabelObjective))


def _by_labels(
    model: Model, own: Sequence[LabelObjective], output: Optional[str]
) -> LabelObjective:
    """What labels are for: the net's own loss of them that counts most, the last of those alike."""
    if own and output is None:
        return max(reversed(own), key=lambda one: one.weight)
    found = label_objective(model, output)
    return next((one for one in own if one.value == found.value), found)


def with_given(
    net: TrainingNet,
    objectives: Sequence[Objective],
    inputs: Inputs,
    settings: TuningSettings,
    answered: Optional[TeacherTargets],
) -> Optional[Targets]:
    """Return what is fed or compared beside inputs and labels; None where there is nothing.

    Args:
        net: What is trained.
        objectives: What the net that is used should come to.
        inputs: With targets if there are some.
        settings: How views are drawn.
        answered: What a teacher answers.

    Raises:
        RequestError: Targets are missing, or have places that cannot follow the views.
    """
    roles = [*net.fed.values(), *(role for one in objectives for role in one.roles)]
    shapes: Dict[str, Optional[Shape]] = {
        role[len(GIVEN) :]: None for role in roles if role.startswith(GIVEN)
    }
    if not shapes:
        return answered
    declared = infer_shapes(Network.of(net.train, "TRAIN"))
    for value, shape in declared.items():
        name = net.fed.get(value.blob, "")[len(GIVEN) :]
        if given_role(name) == net.fed.get(value.blob) and shape is not None:
            shapes[name] = shape[1:]
    views = settings.views or MOST
    bank = ViewBank(inputs, settings.augmentation, views, settings.seed)
    return GivenTargets(shapes, bank if answered is None else answered.bank, answered)
