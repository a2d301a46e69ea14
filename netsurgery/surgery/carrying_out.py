"""Carrying out a plan: the only place where a model becomes another."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Mapping, Optional, Sequence

from netsurgery.calibration import Calibrator
from netsurgery.errors import PlanError
from netsurgery.formats import mostly_half, stored_alike, upgrade_net
from netsurgery.linalg import relative_distance
from netsurgery.methods import Context, Edit, Origin, Rewrite, method
from netsurgery.network import Model, Value, described, require_fit
from netsurgery.planning import Plan, plan_folds
from netsurgery.progress import Progress, silent
from netsurgery.surgery.contract import ModelState, carried_out, rewrite_of
from netsurgery.surgery.masks import require_masks
from netsurgery.surgery.record import Step, Surgery, multiplied_out, traced_back


def apply(model: Model, plan: Plan, calibrator: Optional[Calibrator] = None) -> Model:
    """Return the model that a plan makes of another one, which stays as it is.

    Args:
        model: The network with its weights.
        plan: The edits, carried out in order.
        calibrator: Runs inputs, for the methods that fit to them.

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
    progress: Optional[Progress] = None,
) -> Surgery:
    """Carry out ``plan`` and return the new model with a record of every step.

    A net in Caffe's oldest layout (V0) is upgraded first; V1 and V2 nets keep their own form.

    Args:
        model: The network with its weights.
        plan: The edits, carried out in order.
        calibrator: What calibration learnt, for the methods that want it.
        progress: Told each edit.

    Raises:
        PlanError: An edit cannot be carried out; nothing has been done then.
        NetworkError: Prototxt and weights do not belong together.
    """
    if model.weights is None:
        raise PlanError("there are no weights to operate on", file=model.prototxt.file)
    require_fit(model)
    for edit in plan.edits:  # all of them, before the first one that takes long
        method(edit.method).refuse_unknown(edit.options, edit.layer)
    editable, notes = _in_editable_form(model) if plan.edits else (model, ())
    current = ModelState(editable)
    steps: list[Step] = []
    origins: Mapping[Value, Origin] = {}
    for edit in (progress or silent).each(plan.edits, "rewriting", "edits", _layer_of):
        context = Context(model, calibrator, origins)
        rewrite = rewrite_of(current.model, edit, context)
        require_masks(current.model, rewrite)
        stored = _stored(current.model, rewrite)
        after = carried_out(current, stored)
        steps.append(Step(current.model, stored, _rounding(current.model, rewrite, stored)))
        origins = traced_back(origins, stored.origins)
        current = after
    forks = tuple(
        f"stock Caffe does not know {what}; engines that do not are given what it is"
        for what in described(current.model.network())
    )
    return Surgery(model, tuple(steps), current.model, (*notes, *forks), origins)


def _layer_of(edit: Edit) -> str:
    return edit.layer


def _in_editable_form(model: Model) -> tuple[Model, tuple[str, ...]]:
    if model.prototxt.version != "V0":
        return model, ()
    upgraded = upgrade_net(model.prototxt)
    return replace(model, prototxt=upgraded.prototxt), upgraded.notes


def _stored(model: Model, rewrite: Rewrite) -> Rewrite:
    """Return the rewrite with its weights in the type of those that they come from."""
    assert model.weights is not None
    changes = rewrite.weights
    before = {name: model.blobs(name) for name in changes}
    stored = stored_alike(changes, before, mostly_half(model.weights.layers))
    return rewrite if stored is changes else rewrite.with_weights(stored)


def _rounding(model: Model, rewrite: Rewrite, stored: Rewrite) -> dict[str, float]:
    """How far storing a rewrite rounded the weights of the layers whose error it states."""
    if stored is rewrite:
        return {}
    assert model.weights is not None
    step = Step(model, stored)
    exact, rounded = (
        multiplied_out(step, model.weights.replace(one.weights)) for one in (rewrite, stored)
    )
    return {
        name: relative_distance(exact[name][0], rounded[name][0])
        for name in rewrite.errors
        if name in exact
    }
