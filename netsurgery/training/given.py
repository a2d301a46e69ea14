"""Targets of the user's own, beside the inputs: what outputs should be that hold no classes."""

from __future__ import annotations

from dataclasses import replace
from math import prod, sqrt
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.calibration import HeldSamples, Inputs, Samples, held
from netsurgery.errors import Remedy, RequestError
from netsurgery.network import Model, Shape, Value, infer_shapes
from netsurgery.quality import BOXES, CLASSES, DETECTIONS, PROBABILITIES, SEGMENTATION
from netsurgery.training.augmentation import Augmentation
from netsurgery.training.bank import ViewBank
from netsurgery.training.feed import Targets, require_labels
from netsurgery.training.maps import MapViews, target_views
from netsurgery.training.net_outputs import NetOutputs
from netsurgery.training.objectives import (
    LABELS,
    Given,
    GivenObjective,
    GivenProbabilityObjective,
    GivenValueObjective,
    LabelObjective,
    Objective,
    given_role,
)

_OTHERWISE = (CLASSES, SEGMENTATION, DETECTIONS, BOXES)
"""Kinds of outputs that no plain numbers are the truth of."""
_AT_ONCE = 256


def outputs_to_give(
    model: Model, output_kinds: Optional[Mapping[str, str]] = None
) -> Tuple[str, ...]:
    """Return the outputs of a net that targets can be given for: no classes and no boxes.

    Args:
        model: The net.
        output_kinds: What outputs are, by blob, where the net does not tell.
    """
    net = NetOutputs(model, output_kinds or {}, None)
    return tuple(value.blob for value, kind in net.kinds.items() if kind.name not in _OTHERWISE)


def given_objectives(
    model: Model,
    inputs: Inputs,
    output_kinds: Optional[Mapping[str, str]] = None,
    augmentation: Optional[Augmentation] = None,
) -> Tuple[GivenObjective, ...]:
    """Return what outputs should come to that there are targets for, under their names.

    What a Sigmoid makes is compared before it, by its cross entropy; all else by squares, in units
    of the standard deviation of the targets.

    Args:
        model: The net.
        inputs: With targets.
        output_kinds: What outputs are, by blob, where the net does not tell.
        augmentation: How views of the inputs are drawn, which targets with places follow.

    Raises:
        RequestError: Targets are of another shape than the output, or no probabilities.
    """
    found: List[GivenObjective] = []
    net = NetOutputs(model, output_kinds or {}, None)
    for value, kind in net.kinds.items():
        samples = inputs.targets.get(value.blob)
        if samples is None or kind.name in _OTHERWISE:
            continue
        views = target_views(inputs, value.blob, augmentation or Augmentation())
        own = tuple(samples.shape[1:]) if views is None else views.shape
        _require_shape(value.blob, own, net.shape(value))
        name, given = f"given{len(found)}", Given(value.blob)
        logits = net.logits(value) if kind.name == PROBABILITIES else None
        if logits is not None:
            _require_shares(value.blob, samples)
            found.append(GivenProbabilityObjective(name, logits, given=given))
        else:
            scale = _deviation(samples)
            found.append(GivenValueObjective(name, value, given=given, scale=scale))
    return tuple(found)


def _require_shape(blob: str, own: Shape, shape: Optional[Tuple[float, ...]]) -> None:
    if shape is not None and (shape[0] != 1 or prod(own) != prod(shape[1:])):
        wanted = "x".join(f"{size:g}" for size in (shape[1:] if shape[0] == 1 else shape))
        raise RequestError(
            f"targets of {blob!r} hold {'x'.join(map(str, own)) or 'one number'} for each input, "
            f"and the net makes {wanted} of it",
            remedy="give an array of that shape, with an axis of inputs in front",
        )


def _require_shares(blob: str, samples: Samples) -> None:
    for start in range(0, samples.shape[0], _AT_ONCE):
        part = np.asarray(samples[start : start + _AT_ONCE])
        if part.size and not 0 <= part.min() <= part.max() <= 1:
            raise RequestError(
                f"targets of {blob!r} are probabilities, and some are not from 0 to 1",
                remedy="give 0 or 1, or what lies between",
            )


def _deviation(samples: Samples) -> float:
    """The standard deviation of all numbers; 1 where all are the same."""
    parts = [
        np.asarray(samples[start : start + _AT_ONCE], np.float64)
        for start in range(0, samples.shape[0], _AT_ONCE)
    ]
    count = sum(part.size for part in parts)
    mean = sum(part.sum() for part in parts) / count
    return sqrt(sum(((part - mean) ** 2).sum() for part in parts) / count) or 1.0


class GivenTargets:
    """Targets that came beside the inputs, and perhaps others.

    Those with places follow the views of a bank; others are the same for all views of an input.

    Attributes:
        bank: The views.
    """

    def __init__(
        self,
        names: Mapping[str, Optional[Shape]],
        bank: ViewBank,
        others: Optional[Targets] = None,
    ) -> None:
        """Take them.

        Args:
            names: The targets that are fed or looked at; the shape of one sample where that is to
                be another than the array has.
            bank: The views of the inputs; that of ``others``, where there are some.
            others: What a teacher answers.

        Raises:
            RequestError: The inputs do not have them, or they have places that cannot follow.
        """
        self.bank, self._others, self._shapes = bank, others, dict(names)
        self._held: Dict[str, HeldSamples] = {}
        self._views: Dict[str, Optional[Union[MapViews, Augmentation]]] = {}
        inputs = bank.inputs
        for name in names:
            if name in inputs.targets:
                self._views[name] = target_views(inputs, name, bank.augmentation)
            elif name in inputs.arrays:
                # What a net is to make of its own input is compared with that as it is fed.
                self._views[name] = bank.augmentation if bank.augmentation.changes else None
            else:
                raise RequestError(
                    f"{inputs.description} holds no {name!r}, which a loss compares with",
                    remedy="give an .npz or HDF5 data with an array of that name beside the inputs",
                )
            if inputs.whole_blobs:
                raise RequestError(
                    f"inputs that are whole blobs can have no targets such as {name!r}"
                )
            self._held[name] = held({**inputs.arrays, **inputs.targets}[name])

    @property
    def roles(self) -> Tuple[str, ...]:
        """What is fed of them, by role."""
        others = () if self._others is None else tuple(self._others.roles)
        return (*map(given_role, self._held), *others)

    def rows(self, role: str, numbers: np.ndarray) -> np.ndarray:
        """Return what a role is fed for the views of some numbers, one behind the other."""
        name = next((name for name in self._held if given_role(name) == role), None)
        if name is None:
            assert self._others is not None, "a role of `roles`"
            return self._others.rows(role, numbers)
        inputs, views = np.divmod(np.asarray(numbers), self.bank.views)
        found, how, shape = self._held[name].take(inputs), self._views[name], self._shapes[name]
        if how is not None:
            found = how.views(found, self.bank.draws[inputs, views])
        return found if shape is None else found.reshape(len(found), *shape)


def labels_as_targets(inputs: Inputs, names: Sequence[str]) -> Inputs:
    """Return inputs whose labels are also the targets that alone are missing.

    So a loss may compare numbers with what an LMDB or a list of images holds as classes.

    Args:
        inputs: Perhaps with labels.
        names: The targets that are wanted.
    """
    missing = [name for name in names if name not in inputs.targets]
    if inputs.labels is None or len(missing) != 1:
        return inputs
    return replace(inputs, targets={**inputs.targets, missing[0]: np.float32(inputs.labels)})


def require_places(
    objectives: Sequence[Objective], inputs: Inputs, model: Model, augmentation: Augmentation
) -> None:
    """See that targets with places can follow the views of the inputs they are of.

    Args:
        objectives: What the net should come to.
        inputs: With targets.
        model: The net as it is used.
        augmentation: How views are drawn.

    Raises:
        RequestError: They cannot, or nothing tells which axes are places.
    """
    if not augmentation.changes:
        return
    net = NetOutputs(model, {}, None)
    for one in objectives:
        given = one.given if isinstance(one, (GivenObjective, LabelObjective)) else None
        if given is None or given.name not in inputs.targets:
            continue
        views, shape = target_views(inputs, given.name, augmentation), net.shape(one.value)
        own = inputs.targets[given.name].shape[1:] if views is None else views.shape
        places = None if shape is None else tuple(shape[2:])
        if views is None and (places is None or prod(places) <= 1 or prod(own) <= 1):
            continue
        if places is not None and (views is None or places != views.shape[-2:]):
            told = (" x ".join(f"{size:g}" for size in one) or "no" for one in (own, places))
            raise RequestError(
                "targets of {0!r} are {2} for a view, and {1!r} has {3} places, so that they "
                "cannot be cut and mirrored with the inputs".format(
                    given.name, one.value.blob, *told
                ),
                remedy=Remedy(
                    "give targets with axes of height and width, or leave {} and {} out",
                    *("mirror", "crop"),
                ),
            )


def require_classes(objectives: Sequence[Objective], inputs: Inputs, model: Model) -> None:
    """See that labels, also those in targets, are classes of the net: no engine need look.

    Args:
        objectives: What the net should come to.
        inputs: With labels or targets.
        model: The net as it is used.

    Raises:
        RequestError: One is none.
    """
    shapes: Mapping[Value, Optional[Shape]] = {}
    for one in objectives:
        rows = _labels_of(one, inputs)
        if rows is None or not isinstance(one, LabelObjective):
            continue
        shapes = shapes or infer_shapes(model.network(), weights=model.weights)
        shape = shapes.get(one.value)
        told = ", ".join([inputs.description, *([] if one.given is None else [one.given.name])])
        for place in one.labels(rows).reshape(len(inputs), -1).T:
            classes = shape[one.axis] if shape else None
            require_labels(Inputs(inputs.arrays, place, told), classes)


def some_lack_labels(objectives: Sequence[Objective], inputs: Inputs) -> bool:
    """Return whether some inputs have -1 for a label, in places: what says that there is none.

    Args:
        objectives: What a net should come to.
        inputs: With labels or targets.
    """
    rows = [(one, _labels_of(one, inputs)) for one in objectives]
    return any(
        bool((one.told(found) < 0).any())
        for one, found in rows
        if isinstance(one, LabelObjective) and found is not None
    )


def _labels_of(one: Objective, inputs: Inputs) -> Optional[Dict[str, np.ndarray]]:
    """What says of all inputs which class they are, by role; None where nothing does."""
    if not isinstance(one, LabelObjective):
        return None
    if one.given is None:
        return None if inputs.labels is None else {LABELS: inputs.labels}
    samples = inputs.targets.get(one.given.name)
    return None if samples is None else {one.given.role: np.asarray(samples[: samples.shape[0]])}
