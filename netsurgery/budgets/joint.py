"""What a plan does to a net as a whole, measured on the calibration inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

import numpy as np

from netsurgery.budgets.order import REFIT
from netsurgery.calibration import Calibrator, ObservedValue, Seen
from netsurgery.costs import BYTES, MACS, PARAMS, all_six_digits, six_digits
from netsurgery.methods import Edit, LowRankMethod, method
from netsurgery.network import Model, Value, compared_outputs, total_cost
from netsurgery.planning import Plan
from netsurgery.progress import Progress
from netsurgery.surgery import Planned, Surgery, operate


class ErrorObserver:
    """How far values of one model are from those of another, relative to how they vary.

    Attributes:
        values: The values compared, in the first model.
    """

    def __init__(
        self, pairs: Mapping[Value, Tuple[Value, Optional[Tuple[int, np.ndarray]]]]
    ) -> None:
        """Choose what to compare.

        Args:
            pairs: For a value of the original, the one of the new model, and where that keeps a
                part, the axis and the entries.
        """
        self._pairs = pairs
        self._lost = dict.fromkeys(pairs, 0.0)
        self._squares = dict.fromkeys(pairs, 0.0)

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """The values, in both models."""
        for old, (new, _) in self._pairs.items():
            yield from (ObservedValue(old, 0), ObservedValue(new, 1))

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        for old, (new, kept) in self._pairs.items():
            before = np.asarray(seen[ObservedValue(old, 0)], np.float64)
            if kept is not None:
                before = before.take(kept[1], axis=kept[0])
            self._lost[old] += float(np.square(before - seen[ObservedValue(new, 1)]).sum())
            self._squares[old] += float(np.square(before).sum())

    def errors(self) -> Dict[Value, float]:
        """Return ``||y - y'|| / ||y||`` of each value."""
        return {
            value: (self._lost[value] / self._squares[value]) ** 0.5
            if self._squares[value]
            else 0.0
            for value in self._pairs
        }


def measure_jointly(
    model: Model, planned: Planned, calibrator: Calibrator, rois: Optional[int], progress: Progress
) -> Planned:
    """Carry out a plan once, and return it with what was measured beside what was predicted.

    Each edit of a layer gets ``measured``, the error of the layer's outputs in the finished net;
    the whole gets that of the net's outputs, and what the finished net costs. Of lists of
    detections, whose rows do not belong together, it is that of what they are made from. What was
    made comes with it, to be written.
    """
    plan = planned.plan
    surgery = planned.surgery or operate(model, plan, calibrator, progress)
    tops = _tops(model, plan)
    outputs = compared_outputs(model.network())
    pairs = _pairs(surgery, [*tops.values(), *outputs])
    observer = ErrorObserver(pairs)
    calibrator.run([model, surgery.model], [observer])
    errors = observer.errors()
    edits = [_with_measured(edit, tops, errors) for edit in plan.edits]
    after = total_cost(surgery.model, rois=rois)
    left: Dict[str, Any] = {
        **plan.expected.left,
        MACS: after.macs,
        PARAMS: after.params,
        BYTES: surgery.model.weights.size() if surgery.model.weights else 0,
    }
    measured = all_six_digits({str(v.blob): errors[v] for v in outputs if v in errors})
    expected = replace(plan.expected, left=left, measured=measured)
    return Planned(replace(plan, edits=tuple(edits), expected=expected), surgery)


def without_fits(plan: Plan) -> Plan:
    """Return a plan whose net has the same layers with other numbers, for which no inputs run."""
    fits = ("fit", "compensate")
    edits = [
        replace(edit, options={k: v for k, v in edit.options.items() if k not in fits})
        for edit in plan.edits
        if edit.method != REFIT
    ]
    return replace(plan, edits=tuple(edits))


def _tops(model: Model, plan: Plan) -> Dict[str, Value]:
    """What the layers make that edits rewrite into chains."""
    ordered = {edit.layer for edit in plan.edits if _factors(edit)}
    return {one.name: one.tops[0] for one in model.network().layers if one.name in ordered}


def _pairs(
    surgery: Surgery, values: List[Value]
) -> Dict[Value, Tuple[Value, Optional[Tuple[int, np.ndarray]]]]:
    """The values of the original that the new model has too."""
    there = set(surgery.model.network().values)
    moved = {
        origin.value: (value, None if origin.kept is None else (origin.axis, origin.kept))
        for value, origin in surgery.origins.items()
        if value in there
    }
    pairs = {value: moved.get(value, (value, None)) for value in values}
    return {old: pair for old, pair in pairs.items() if pair[0] in there}


def _factors(edit: Edit) -> bool:
    return isinstance(method(edit.method), LowRankMethod)


def _with_measured(edit: Edit, tops: Mapping[str, Value], errors: Mapping[Value, float]) -> Edit:
    top = tops.get(edit.layer)
    if top is None or top not in errors or not _factors(edit):
        return edit
    return replace(edit, predicted=replace(edit.predicted, measured=six_digits(errors[top])))
