"""Carrying out a plan: the only place where a model becomes another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.engine import Engine
from netsurgery.errors import FormatError, PlanError, Remedy
from netsurgery.formats import (
    HALF,
    Blob,
    LayerWeights,
    Weights,
    mostly_half,
    stored_alike,
    upgrade_net,
)
from netsurgery.linalg import relative_distance
from netsurgery.methods import Arrays, Context, Origin, Rewrite, method
from netsurgery.network import Model, Value, described, require_fit
from netsurgery.planning import Plan, plan_folds


@dataclass(frozen=True)
class Step:
    """One rewrite, with the model it was made for.

    Attributes:
        before: The model.
        rewrite: What was done to it; its weights are as they are stored.
        rounding: For layers of which the method states an error, how far storing them rounded
            moved their weights, multiplied out: ``||W' - W''|| / ||W||``.
    """

    before: Model
    rewrite: Rewrite
    rounding: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Surgery:
    """What was done to a model.

    Attributes:
        original: The model before the first step.
        steps: The rewrites, in order.
        model: The model after the last step.
        notes: What upgrading a V0 net left out, and what of the net is a fork's, a line each.
        origins: Where values of the new model stood in the original, if not simply there.
    """

    original: Model
    steps: tuple[Step, ...]
    model: Model
    notes: tuple[str, ...] = ()
    origins: Mapping[Value, Origin] = field(default_factory=dict)

    def twin(self, weights: Optional[Weights] = None) -> Model:
        """Return the original network holding the weights to which the rewrites are equivalent.

        The product of a low-rank pair put back in the place of the layer it replaced: the twin
        differs from the original by the truncation alone, and from the rewritten model by
        nothing but rounding. Whatever else is wrong with the rewritten model shows as a
        difference between the two.

        Args:
            weights: The weights of the rewritten model as they were read back from a file;
                those in memory if not given.
        """
        weights = weights or self.model.weights
        assert weights is not None, "operate() takes no model without weights"
        for step in reversed(self.steps):
            weights = _undo(step, weights)
        return replace(self.original, weights=weights)

    def errors(self, twin: Model) -> dict[str, float]:
        """Return ``||W - W'|| / ||W||`` of each rewritten layer, with W' from the twin."""
        names = dict.fromkeys(name for step in self.steps for name in step.rewrite.pieces)
        return {
            name: relative_distance(
                self.original.blobs(name)[0].array(), twin.blobs(name)[0].array()
            )
            for name in names
            if self.original.blobs(name)
        }

    def predicted_errors(self) -> dict[str, float]:
        """Return the error that a method states for each layer that one edit alone changed.

        An edit of a layer that came in the place of another changes that other, too.
        """
        once = self._changed_once()
        return {
            name: error
            for step in self.steps
            for name, error in step.rewrite.errors.items()
            if name in once
        }

    def _changed_once(self) -> set[str]:
        """Return the layers of the original that one edit alone changed."""
        touched: Counter[str] = Counter()
        home: dict[str, str] = {}
        for step in self.steps:
            for name, pieces in step.rewrite.pieces.items():
                whole = home.get(name, name)
                touched[whole] += 1
                home.update(dict.fromkeys(pieces, whole))
        return {name for name, times in touched.items() if times == 1}

    def moved_errors(self, twin: Model) -> dict[str, float]:
        """Return how far those blobs are from the original's that no method may have moved.

        Those are biases and the like, of layers that one edit alone changed. In files of float16
        what is divided out again is rounded, too, and says nothing.
        """
        if self.rounding():
            return {}
        names = {name for step in self.steps for name in step.rewrite.unmoved}
        return {
            name: max(
                relative_distance(blob.array(), other.array())
                for blob, other in zip(self.original.blobs(name)[1:], twin.blobs(name)[1:])
            )
            for name in names & self._changed_once()
            if len(self.original.blobs(name)) > 1
        }

    @property
    def exact(self) -> bool:
        """Whether the new model computes what the original does: then it is held to that."""
        return all(step.rewrite.exact for step in self.steps) and not self.rounding()

    def rounding(self) -> dict[str, float]:
        """Return how far rounding may have moved layers' weights, in the units of `errors`.

        Only files in float16 have any: what surgery makes anew is stored in the type of what it
        comes from. The model in memory holds it as it is stored.
        """
        moved: Counter[str] = Counter()
        for step in self.steps:
            moved.update(step.rounding)
        return dict(moved)

    def kept(self) -> dict[Value, tuple[int, np.ndarray]]:
        """Return the axis and the entries that are left of values of the original."""
        return {
            origin.value: (origin.axis, origin.kept)
            for origin in self.origins.values()
            if origin.kept is not None
        }

    def places(self) -> dict[Value, Value]:
        """Return where values of the new model stood in the original, if not simply there."""
        return {value: origin.value for value, origin in self.origins.items()}

    @property
    def touched(self) -> frozenset[str]:
        """The names of layers whose weights were taken away or put in."""
        return frozenset(
            name
            for step in self.steps
            for gone, came in step.rewrite.weights.items()
            for name in (gone, *(layer.name for layer in came))
        )

    @property
    def approximate(self) -> Optional[str]:
        """Why the twin is not equal to the new model, or None if it is."""
        reasons = [step.rewrite.approximate for step in self.steps]
        return "; ".join(dict.fromkeys(filter(None, reasons))) or None


def apply(model: Model, plan: Plan, calibrator: Optional[Calibrator] = None) -> Model:
    """Return the model that ``plan`` makes of ``model``, which stays as it is.

    Raises:
        PlanError: An edit cannot be carried out; nothing has been done then.
    """
    return operate(model, plan, calibrator).model


def plan_after_folds(
    model: Model, plan_others: Callable[[Model], Plan], keep: Sequence[str] = ()
) -> Plan:
    """Plan all folds of BatchNorm, Scale and Bias, and then for the model that they leave.

    Args:
        model: The network with its weights.
        plan_others: Makes the rest of the plan.
        keep: Layers that folds leave alone.

    Raises:
        NetworkError: Prototxt and weights do not belong together.
        PlanError: What ``plan_others`` raises.
    """
    folds = plan_folds(model, keep)
    others = plan_others(apply(model, folds))
    return Plan((*folds.edits, *others.edits), (*folds.skipped, *others.skipped))


def operate(
    model: Model,
    plan: Plan,
    calibrator: Optional[Calibrator] = None,
    progress: Optional[Callable[[str], None]] = None,
) -> Surgery:
    """Carry out ``plan`` and return the new model with a record of every step.

    A net in Caffe's oldest layout (V0) is upgraded first; V1 and V2 nets keep their own form.

    Args:
        model: The network with its weights.
        plan: The edits, carried out in order.
        calibrator: What calibration learnt, for the methods that want it.
        progress: Called with the name of each layer before its edit.

    Raises:
        PlanError: An edit cannot be carried out; nothing has been done then.
        NetworkError: Prototxt and weights do not belong together.
    """
    if model.weights is None:
        raise PlanError("there are no weights to operate on", file=model.prototxt.file)
    require_fit(model)
    for edit in plan.edits:  # all of them, before the first one that takes long
        method(edit.method).refuse_unknown(edit.options, edit.layer)
    current, notes = _in_editable_form(model) if plan.edits else (model, ())
    steps: list[Step] = []
    origins: Mapping[Value, Origin] = {}
    for number, edit in enumerate(plan.edits, 1):
        if progress:
            progress(f"{edit.layer}, {number} of {len(plan.edits)} edits")
        context = Context(model, calibrator, origins)
        step = _stored(current, method(edit.method).rewrite(current, edit, context))
        steps.append(step)
        origins = _traced_back(origins, step.rewrite.origins)
        current = _carry_out(current, step.rewrite)
    forks = tuple(
        f"stock Caffe does not know {what}; engines that do not are given what it is"
        for what in described(current.network())
    )
    return Surgery(model, tuple(steps), current, (*notes, *forks), origins)


def _in_editable_form(model: Model) -> tuple[Model, tuple[str, ...]]:
    if model.prototxt.version != "V0":
        return model, ()
    upgraded = upgrade_net(model.prototxt)
    return replace(model, prototxt=upgraded.prototxt), upgraded.notes


def _carry_out(model: Model, rewrite: Rewrite) -> Model:
    assert model.weights is not None
    return replace(
        model,
        prototxt=model.prototxt.replace_layers(rewrite.layers),
        weights=model.weights.replace(rewrite.weights),
    )


def _traced_back(
    known: Mapping[Value, Origin], latest: Mapping[Value, Origin]
) -> dict[Value, Origin]:
    """Return where the values were before the first edit, from where they were before the last."""
    return {**known, **{value: _before(origin, known) for value, origin in latest.items()}}


def _before(origin: Origin, known: Mapping[Value, Origin]) -> Origin:
    earlier = known.get(origin.value)
    if earlier is None or earlier.kept is None:
        return origin if earlier is None else Origin(earlier.value, origin.axis, origin.kept)
    if origin.kept is None:
        return earlier
    assert earlier.axis == origin.axis, "channels lie along one axis"
    return Origin(earlier.value, origin.axis, earlier.kept[origin.kept])


def _stored(model: Model, rewrite: Rewrite) -> Step:
    """Return the step, its weights in the type of those that they come from."""
    assert model.weights is not None
    before = {name: model.blobs(name) for name in rewrite.weights}
    stored = stored_alike(rewrite.weights, before, mostly_half(model.weights.layers))
    if stored is rewrite.weights:
        return Step(model, rewrite)
    step = Step(model, replace(rewrite, weights=stored))
    exact, rounded = (
        _multiplied_out(step, model.weights.replace(changes))
        for changes in (rewrite.weights, stored)
    )
    rounding = {
        name: relative_distance(exact[name][0], rounded[name][0])
        for name in rewrite.errors
        if name in exact
    }
    return replace(step, rounding=rounding)


def _undo(step: Step, weights: Weights) -> Weights:
    rewrite = step.rewrite
    whole = _multiplied_out(step, weights)
    changes: dict[str, list[LayerWeights]] = {}
    # Layers that vanished altogether come back beside one that did not.
    named = {name: pieces for name, pieces in rewrite.pieces.items() if step.before.blobs(name)}
    home = next(pieces[0] for pieces in named.values() if pieces)
    for name, pieces in named.items():
        changes.update({piece: [] for piece in pieces})
        pairs = zip_longest(whole[name], step.before.blobs(name)[: len(whole[name])])
        blobs = tuple(_as_before(array, blob) for array, blob in pairs)
        changes[pieces[0] if pieces else home].append(LayerWeights(name, None, blobs))
    return weights.replace(changes)


def _multiplied_out(step: Step, weights: Weights) -> Mapping[str, Arrays]:
    """Return the blobs with which the layers before the step do what ``weights`` do behind it."""
    # The others share their weights with a layer that holds them.
    arrays = {
        name: [[blob.array() for blob in weights.blobs(piece)] for piece in pieces]
        for name, pieces in step.rewrite.pieces.items()
        if step.before.blobs(name)
    }
    return method(step.rewrite.edit.method).compose(step.before, step.rewrite, arrays)


def _as_before(array: np.ndarray, blob: Optional[Blob]) -> Blob:
    """A blob with new numbers, in the form of the one there was if that has the shape."""
    return blob.filled(array) if blob and blob.shape == array.shape else Blob.of(array)


def refuse_half(model: Model) -> None:
    """Refuse to have pycaffe write what it would have to read first, and cannot.

    Raises:
        FormatError: Some weights are in float16.
    """
    for layer in model.weights.layers if model.weights else ():
        if any(blob.storage == HALF for blob in layer.blobs):
            raise FormatError(
                "is in float16, and pycaffe writes float32 alone",
                file=model.weights and model.weights.file,
                layer=layer.name,
                remedy=Remedy("leave out {}, or convert the weights first", "writer"),
            )


def write_through_engine(surgery: Surgery, pair: tuple[Path, ...], writer: Engine) -> None:
    """Have an engine load the original's blobs into the new net, add the new ones, and save.

    Args:
        surgery: What was done.
        pair: The prototxt that was written, and where the weights go.
        writer: An engine that sets parameters and writes weights.

    Raises:
        EngineError: It cannot, or it gave up.
    """
    assert surgery.original.weights is not None
    new = {
        piece: [blob.array() for blob in surgery.model.blobs(piece)]
        for step in surgery.steps
        for pieces in step.rewrite.pieces.values()
        for piece in pieces
        if surgery.model.blobs(piece)
    }
    prototxt, weights = pair
    # A layer that keeps its name may have other blobs now, as one has that was folded into.
    gone = dict.fromkeys((name for step in surgery.steps for name in step.rewrite.weights), ())
    kept = weights.with_name(f"kept-{weights.name}")
    surgery.original.weights.replace(gone).write(kept)
    with writer.open(prototxt, kept) as session:
        session.set_parameters(new)
        session.save(weights)
