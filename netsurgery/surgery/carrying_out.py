"""Carrying out a plan: the only place where a model becomes another."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Mapping, Optional, Sequence

from netsurgery.calibration import Calibrator
from netsurgery.errors import PlanError
from netsurgery.formats import mostly_half, stored_alike, upgrade_net
from netsurgery.linalg import gram_work, relative_distance
from netsurgery.methods import Context, Edit, Origin, Rewrite, method
from netsurgery.network import Model, Value, described, require_fit
from netsurgery.planning import Plan, plan_folds
from netsurgery.progress import Progress, silent
from netsurgery.surgery.contract import ModelState, carried_out
from netsurgery.surgery.masks import require_masks
from netsurgery.surgery.record import Step, Surgery, joined, multiplied_out, traced_back
from netsurgery.surgery.together import rewrites_together

EDIT = 2e9
"""Multiplications that would take as long as an edit of a small layer does."""


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
    state = ModelState(editable)
    origins: Mapping[Value, Origin] = {}
    steps: Dict[int, Step] = {}
    work = [_work_of(editable, edit) for edit in plan.edits]
    told = (progress or silent).task("rewriting", len(plan.edits), "edits", sum(work))
    with told as task:
        while len(steps) < len(plan.edits):
            left = [number for number in range(len(plan.edits)) if number not in steps]
            edits = [plan.edits[number] for number in left]
            task.advance(0, edits[0].layer)
            together: List[Step] = []
            context = Context(model, calibrator, origins)
            for place, rewrite in rewrites_together(state.model, edits, context):
                before = _with_blobs(together[-1]) if together else state.model
                together.append(_step(before, rewrite))
                steps[left[place]] = together[-1]
                task.advance(1, edits[place].layer, work[left[place]])
            state, origins = _after(state, origins, together)
    forks = tuple(
        f"stock Caffe does not know {what}; engines that do not are given what it is"
        for what in described(state.model.network())
    )
    in_order = tuple(steps[number] for number in range(len(steps)))
    return Surgery(model, in_order, state.model, (*notes, *forks), origins)


def _work_of(model: Model, edit: Edit) -> float:
    """About how much work an edit is: large weights take most, else each takes about as long."""
    blobs = model.blobs(edit.layer)
    return EDIT + (gram_work(blobs[0].shape) if blobs else 0.0)


def _step(before: Model, rewrite: Rewrite) -> Step:
    """What is done for an edit, with its weights as they will be stored."""
    require_masks(before, rewrite)
    stored = _stored(before, rewrite)
    return Step(before, stored, _rounding(before, rewrite, stored))


def _with_blobs(step: Step) -> Model:
    """The model before a step with what it leaves of the weights."""
    assert step.before.weights is not None
    return replace(step.before, weights=step.before.weights.replace(step.rewrite.weights))


def _after(
    state: ModelState, origins: Mapping[Value, Origin], together: Sequence[Step]
) -> tuple[ModelState, Mapping[Value, Origin]]:
    """What is known once steps are carried out that were made of one text."""
    for step in together:
        origins = traced_back(origins, step.rewrite.origins)
    return carried_out(state, joined([step.rewrite for step in together])), origins


def _in_editable_form(model: Model) -> tuple[Model, tuple[str, ...]]:
    if model.prototxt.version != "V0":
        return model, ()
    upgraded = upgrade_net(model.prototxt)
    return replace(model, prototxt=upgraded.prototxt), upgraded.notes


def _stored(model: Model, rewrite: Rewrite) -> Rewrite:
    """Return the rewrite with its weights in the type of those that they come from."""
    weights = model.weights
    assert weights is not None
    changes = rewrite.weights
    before = {name: model.blobs(name) for name in changes}
    stored = stored_alike(changes, before, lambda: mostly_half(weights.layers))
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
