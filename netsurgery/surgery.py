"""Carrying out a plan: the only place where a model becomes another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats.upgrade import upgrade
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.methods import Edit, Method, Rewrite, method
from netsurgery.network.doctor.fit import require_fit
from netsurgery.network.model import Model
from netsurgery.planning.plan import Plan


@dataclass(frozen=True)
class Step:
    """One rewrite, with the model it was made for."""

    before: Model
    rewrite: Rewrite


@dataclass(frozen=True)
class Surgery:
    """What was done to a model.

    Attributes:
        original: The model before the first step.
        steps: The rewrites, in order.
        model: The model after the last step.
        notes: What upgrading a V0 net left out, a line each.
    """

    original: Model
    steps: tuple[Step, ...]
    model: Model
    notes: tuple[str, ...] = ()

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
        return Model(self.original.prototxt, weights)

    def errors(self, twin: Model) -> dict[str, float]:
        """Return ``||W - W'|| / ||W||`` of each rewritten layer, with W' from the twin."""
        names = dict.fromkeys(name for step in self.steps for name in step.rewrite.pieces)
        return {
            name: _relative_distance(self.original.blobs(name), twin.blobs(name))
            for name in names
            if self.original.blobs(name)
        }


def apply(model: Model, plan: Plan, statistics: Optional[Any] = None) -> Model:
    """Return the model that ``plan`` makes of ``model``, which stays as it is.

    Raises:
        PlanError: An edit cannot be carried out; nothing has been done then.
    """
    return operate(model, plan, statistics).model


def operate(
    model: Model,
    plan: Plan,
    statistics: Optional[Any] = None,
    progress: Optional[Callable[[str], None]] = None,
) -> Surgery:
    """Carry out ``plan`` and return the new model with a record of every step.

    A net in Caffe's oldest layout (V0) is upgraded first; V1 and V2 nets keep their own form.

    Args:
        model: The network with its weights.
        plan: The edits, carried out in order.
        statistics: What calibration learnt, for the methods that want it.
        progress: Called with the name of each layer before its edit.

    Raises:
        PlanError: An edit cannot be carried out; nothing has been done then.
        NetworkError: Prototxt and weights do not belong together.
    """
    if model.weights is None:
        raise PlanError("there are no weights to operate on", file=model.prototxt.file)
    require_fit(model)
    current, notes = _in_editable_form(model) if plan.edits else (model, ())
    steps = []
    for edit in plan.edits:
        if progress:
            progress(edit.layer)
        chosen = method(edit.method)
        _refuse_unknown_options(edit, chosen)
        rewrite = chosen.rewrite(current, edit, statistics)
        steps.append(Step(current, rewrite))
        current = _carry_out(current, rewrite)
    return Surgery(model, tuple(steps), current, notes)


def _refuse_unknown_options(edit: Edit, chosen: Method) -> None:
    for option in edit.options:
        if option not in chosen.options:
            raise PlanError(
                f"method {edit.method!r} has no option {option!r}",
                layer=edit.layer,
                remedy=f"it takes {', '.join(chosen.options)}",
            )


def _in_editable_form(model: Model) -> tuple[Model, tuple[str, ...]]:
    if model.prototxt.version != "V0":
        return model, ()
    upgraded = upgrade(model.prototxt)
    return Model(upgraded.prototxt, model.weights), upgraded.notes


def _carry_out(model: Model, rewrite: Rewrite) -> Model:
    assert model.weights is not None
    return Model(
        model.prototxt.replace_layers(rewrite.layers), model.weights.replace(rewrite.weights)
    )


def _undo(step: Step, weights: Weights) -> Weights:
    compose = method(step.rewrite.edit.method).compose
    changes: dict[str, list[LayerWeights]] = {}
    for name, pieces in step.rewrite.pieces.items():
        if not step.before.blobs(name):
            continue  # shares its weights with a layer that holds them
        arrays = [[blob.array() for blob in weights.blobs(piece)] for piece in pieces]
        after = compose(step.before, name, arrays)
        whole = LayerWeights(name, None, tuple(Blob.of(array) for array in after))
        changes.update({piece: [] for piece in pieces})
        changes[pieces[0]] = [whole]
    return weights.replace(changes)


def _relative_distance(before: tuple, after: tuple) -> float:
    first, second = before[0].array(), after[0].array()
    scale = np.linalg.norm(first)
    return float(np.linalg.norm(first - second.reshape(first.shape)) / scale) if scale else 0.0
