"""The planner of thinned nets: which channels each group keeps, from a user's request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Sized, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.criteria import WEIGHTS, Criterion, View, criterion, within_parts
from netsurgery.errors import PlanError
from netsurgery.formats import upgrade_net
from netsurgery.methods import Edit
from netsurgery.network import (
    ChannelGroup,
    Model,
    channel_groups,
    known_costs,
    require_fit,
    thin_model,
)
from netsurgery.planning.asked import channel_facts
from netsurgery.planning.downstream import are_readers_fitted, downstream_layers
from netsurgery.planning.plan import Plan, Skipped
from netsurgery.planning.rules import LayerRule, choose, refuse_idle
from netsurgery.planning.sensitivity import by_outputs
from netsurgery.planning.thin_budget import ThinBudget, spend
from netsurgery.planning.thin_cost import ThinCost

Progress = Optional[Callable[[str], None]]
REFIT = "refit"
WITH_INPUTS, WITHOUT_INPUTS = "surgeon", "somp"


@dataclass(frozen=True)
class ThinRequest:
    """What a user asks of a thinned net.

    Attributes:
        rules: How many channels layers keep: of kind ``"keep"``, numbers or shares.
        width: Convolutions keep at most this many channels and InnerProduct layers twice as many,
            where no rule says otherwise (the thin-w nets of Lu et al. 2017).
        budget: Shares of the whole net's cost that may be left, chosen by one ranking of all
            channels; groups with a rule keep what that says.
        criterion: What tells which channels to keep; by default ``"surgeon"`` where there are
            inputs and ``"somp"`` where there are none.
        compensate: How what is kept stands in for the rest: ``"none"``, ``"channels"``,
            ``"patches"`` (see `methods.thin`) or ``"refit"`` (every layer behind the first cut is
            fitted to the original, see `methods.refit`); by default ``"refit"`` where there are
            inputs.
        multiple: Of what the number of channels kept is to be a multiple.
        seed: For what is random.
    """

    rules: Sequence[LayerRule] = ()
    width: Optional[int] = None
    budget: Optional[ThinBudget] = None
    criterion: Optional[str] = None
    compensate: Optional[str] = None
    multiple: int = 1
    seed: int = 0


def plan_thin(
    model: Model,
    request: ThinRequest,
    calibrator: Optional[Calibrator] = None,
    progress: Progress = None,
) -> Plan:
    """Decide which channels every group keeps, group after group from the first.

    A criterion that looks at weights sees them without the columns of channels that are gone
    already (Lu et al. 2017); one that looks at activations sees those of the original.

    Args:
        model: The network with its weights.
        request: What the user asks for.
        calibrator: Runs inputs, for criteria and compensation that look at them.
        progress: Called with the name of each group before it is looked at.

    Raises:
        PlanError: A rule selects nothing or asks for the impossible, a budget cannot be met, or
            inputs are missing.
        NetworkError: Prototxt and weights do not belong together.
    """
    require_fit(model)
    if request.budget is not None:
        known_costs(model)
    if model.prototxt.version == "V0":
        # As surgery does before the first edit.
        model = replace(model, prototxt=upgrade_net(model.prototxt).prototxt)
    planner = _Planner(model, request, calibrator, progress)
    planner.check()
    planner.follow_rules()
    if request.budget is not None:
        planner.spend(request.budget)
    return planner.plan()


class _Planner:
    """Decides for one model."""

    def __init__(
        self,
        model: Model,
        request: ThinRequest,
        calibrator: Optional[Calibrator],
        progress: Progress,
    ) -> None:
        self.model, self.request, self.calibrator = model, request, calibrator
        self.progress = progress or (lambda name: None)
        self.groups = channel_groups(model)
        self.types = {layer.name: layer.type for layer in model.network().layers}
        self.layers = [self._layer(origin) for one in self.groups for origin in one.origins]
        default = WITH_INPUTS if calibrator else WITHOUT_INPUTS
        self.criterion: Criterion = criterion(request.criterion or default)
        self.kept: Dict[str, np.ndarray] = {}
        self.skipped: Dict[str, str] = {
            group.name: group.blocked for group in self.groups if group.blocked
        }

    def check(self) -> None:
        """Refuse what cannot be followed before anything is computed."""
        if self.request.multiple < 1 or (self.request.width is not None and self.request.width < 1):
            raise PlanError("a width, and what counts are to be a multiple of, are 1 or more")
        refuse_idle(self.request.rules, self.layers, "channels of a")
        for group in self.groups:
            rule = self._rule(group)
            if group.blocked and rule is not None and any(map(rule.names, group.origins)):
                raise PlanError(
                    f"no channel of it can go: {group.blocked}",
                    layer=group.name,
                    remedy="see `netsurgery channels`",
                )
        self._refuse_idle_limits()

    def _refuse_idle_limits(self) -> None:
        """Refuse a width or a budget where rules say of every group what it keeps."""
        free = [group for group in self.groups if not group.blocked]
        if not free or not all(self._rule(group) for group in free):
            return
        for limit, name in ((self.request.width, "width"), (self.request.budget, "budget")):
            if limit is not None:
                raise PlanError(
                    f"the rules say of every layer what it keeps, and leave the {name} no choice",
                    file=self.model.prototxt.file,
                    remedy="leave one of both out, or rules for some layers",
                )

    def spend(self, budget: ThinBudget) -> None:
        """Choose by one ranking of all channels of groups that nothing else is asked of."""
        rankings = {}
        free = [g for g in self.groups if not g.blocked and self._number(g) is None]
        self.progress("what the inputs tell")
        self.criterion.prepare([self._view(self.model, group) for group in free])
        for place, group in enumerate(free, 1):
            self.progress(f"{group.name}, {place} of {len(free)} groups ranked")
            try:
                view = self._view(self.model, group)
                rankings[group.name] = within_parts(self.criterion.ranking(view), view)
            except PlanError as error:
                self._leave(group, error)
        if self.calibrator is not None:
            downstream = (
                partial(_fitted, self.model, self.groups) if self._kind() == REFIT else None
            )
            rankings = by_outputs(
                self.model, self.groups, rankings, self.calibrator, self.progress, downstream
            )
        multiple = self.request.multiple
        self.kept.update(
            spend(self.model, self.groups, rankings, budget, dict(self.kept), multiple)
        )

    def follow_rules(self) -> None:
        """Choose in every group that has a rule, from the first."""
        current, present = self.model, {group.name: group for group in self.groups}
        cuts = self.criterion.needs == WEIGHTS
        # A convolution of which each group is left with one input ties what it reads and makes.
        follows = cuts or any(group.balanced for group in self.groups)
        asked = [g for g in self.groups if (self._number(g) or g.channels) < g.channels]
        self.criterion.prepare([self._view(self.model, group) for group in asked])
        for whole in self.groups:
            name = whole.name
            if name not in present or present[name].channels != whole.channels:
                self.skipped[name] = "its channels go with those of another layer that was cut"
                continue
            group = present[name] if cuts else whole
            number = self._number(group)
            if number is not None and number < group.channels:
                place = 1 + [one.name for one in asked].index(name)
                self.progress(f"{name}, {place} of {len(asked)} groups")
                try:
                    view = self._view(current if cuts else self.model, group)
                    self.kept[name] = self.criterion.choose(view, number, self.request.multiple)
                except PlanError as error:
                    self._leave(group, error)
            if follows and name in self.kept and len(self.kept[name]) < group.channels:
                keep = {name: self.kept[name].tolist()}
                current = thin_model(current, list(present.values()), keep)
                present = {one.name: one for one in channel_groups(current)}

    def plan(self) -> Plan:
        """Return what was decided."""
        kind = self._kind()
        fitted = set(_fitted(self.model, self.groups, self.kept)) if kind == REFIT else set()
        edits: List[Edit] = []
        # One input a group ties what a convolution reads to what it makes: after that is cut.
        for group in sorted(self.groups, key=lambda one: _leaves_one_each(one, self.kept)):
            kept = self.kept.get(group.name)
            if kept is None or len(kept) == group.channels:
                self.skipped.setdefault(group.name, _whole(kept))
                continue
            options: Dict[str, Any] = {"keep": kept.tolist()}
            if kind not in ("none", REFIT):
                options["compensate"] = kind
            elif kind == REFIT and not are_readers_fitted(group, fitted):
                options["compensate"] = "channels"
            predicted: Dict[str, Any] = {"channels": [group.channels, len(kept)]}
            predicted.update(self._asked(group, len(kept)))
            if group.approximate:
                predicted["approximate"] = group.approximate
            edits.append(Edit(group.name, "thin", options, predicted))
        edits += [
            Edit(layer.name, REFIT) for layer in self.model.network().layers if layer.name in fitted
        ]
        left = tuple(Skipped(*item) for item in self.skipped.items())
        return Plan(tuple(edits), left, expected=self._expected())

    def _asked(self, group: ChannelGroup, kept: int) -> Dict[str, Any]:
        rule, width = self._rule(group), self.request.width
        if width is not None:
            width *= 2 if _is_twice_as_wide(group) else 1
        return channel_facts(rule, width, kept, group.channels)

    def _expected(self) -> Dict[str, Any]:
        """What the budget asks, and what the net costs before and after."""
        budget = self.request.budget
        if budget is None:
            return {}
        cost = ThinCost(self.model, self.groups)
        whole = cost.now
        for group in self.groups:
            if group.name in self.kept:
                mask = np.isin(np.arange(group.channels), self.kept[group.name])
                cost.take(group.name, mask)
        given = {"macs": budget.macs, "params": budget.params}
        return {
            "budget": {name: share for name, share in given.items() if share is not None},
            "whole": dict(zip(("params", "macs"), whole)),
            "left": dict(zip(("params", "macs"), cost.now)),
        }

    def _kind(self) -> str:
        """How what is kept stands in for the rest."""
        return self.request.compensate or (REFIT if self.calibrator else "none")

    def _rule(self, group: ChannelGroup) -> Optional[LayerRule]:
        """The rule of a group: one that names a layer that makes its channels beats the others.

        Raises:
            PlanError: Rules for layers whose channels are cut together contradict each other.
        """
        pairs = [
            (rule, origin)
            for origin in group.origins
            for rule in [choose(self.request.rules, *self._layer(origin), self.layers)]
            if rule is not None
        ]
        most = max((rule.closeness(origin) for rule, origin in pairs), default=0)
        found = [rule for rule, origin in pairs if rule.closeness(origin) == most]
        for rule in found[1:]:
            if not rule.agrees(found[0]):
                raise PlanError(
                    f"{found[0]} and {rule} contradict each other: the channels of "
                    f"{' and '.join(origin for _, origin in pairs)} are cut together",
                    layer=group.name,
                    remedy="give one",
                )
        return next(iter(found), None)

    def _layer(self, name: str) -> Tuple[str, str]:
        return name, self.types.get(name, "")

    def _number(self, group: ChannelGroup) -> Optional[int]:
        """How many channels rules and width ask a group to keep, or None."""
        rule, total = self._rule(group), group.channels
        if group.blocked:
            return None
        if rule is not None:
            number = int(rule.value) if rule.whole else max(1, round(rule.value * total))
            if number > total:
                raise PlanError(f"it has {total} channels, not {number}", layer=group.name)
        elif self.request.width is not None:
            number = min(self.request.width * (2 if _is_twice_as_wide(group) else 1), total)
        else:
            return None
        return max(number, len(group.pinned))

    def _view(self, model: Model, group: ChannelGroup) -> View:
        return View(model, group, self.calibrator, self.request.seed)

    def _leave(self, group: ChannelGroup, error: PlanError) -> None:
        """Leave a group alone that a criterion cannot judge, unless a rule names it."""
        rule = self._rule(group)
        missing = self.criterion.needs != WEIGHTS and self.calibrator is None
        if missing or (rule is not None and any(map(rule.names, group.origins))):
            raise error
        self.skipped[group.name] = error.problem


def _leaves_one_each(group: ChannelGroup, kept: Mapping[str, np.ndarray]) -> bool:
    stays = np.isin(np.arange(group.channels), kept.get(group.name, np.arange(group.channels)))
    return any((stays[rows].sum(axis=1) == 1).any() for rows in group.balanced)


def _is_twice_as_wide(group: ChannelGroup) -> bool:
    """Whether a width counts double, as it does for InnerProduct layers."""
    return {layer.type for layer in group.producers} == {"InnerProduct"}


def _whole(kept: Optional[np.ndarray]) -> str:
    return "no rule selects it" if kept is None else "keeps all its channels"


def _fitted(model: Model, groups: Sequence[ChannelGroup], kept: Mapping[str, Sized]) -> List[str]:
    """The layers to fit: all that read, however far behind, what is cut, and that can be fitted."""
    cut = [group for group in groups if len(kept.get(group.name, ())) not in (0, group.channels)]
    return downstream_layers(model, (value.value for group in cut for value in group.values))
