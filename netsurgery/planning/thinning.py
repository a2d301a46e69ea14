"""The planner of thinned nets: which channels each group keeps, from a user's request."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any, Dict, List, Mapping, Optional, Sequence, Sized, Union

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.costs import (
    BYTES,
    LATENCY,
    MACS,
    PARAMS,
    Aims,
    Budget,
    ChannelCost,
    Clock,
    Cost,
    NetCost,
    counted,
    quick_enough,
    settle,
)
from netsurgery.criteria import (
    WEIGHTS,
    Criterion,
    RemovalOrder,
    View,
    criterion,
    within_parts,
)
from netsurgery.engine import Capability, choose
from netsurgery.errors import PlanError
from netsurgery.formats import upgrade_net
from netsurgery.measurements import open_store
from netsurgery.methods import Change, Edit, Prediction
from netsurgery.network import (
    ChannelGroup,
    Model,
    Thinning,
    channel_groups,
    known_costs,
    require_fit,
    thin_model,
)
from netsurgery.planning.downstream import are_readers_fitted, downstream_layers
from netsurgery.planning.expected import Expected
from netsurgery.planning.plan import Plan, Skipped
from netsurgery.planning.sensitivity import by_outputs
from netsurgery.planning.thin_budget import Kept, cut_of, file_size, spend
from netsurgery.planning.thin_spec import ThinRules, ThinSpec
from netsurgery.progress import Progress, silent

REFIT = "refit"
WITH_INPUTS, WITHOUT_INPUTS = "surgeon", "somp"


def plan_thin(
    model: Model,
    request: ThinSpec,
    calibrator: Optional[Calibrator] = None,
    progress: Optional[Progress] = None,
) -> Plan:
    """Decide which channels every group keeps, group after group from the first.

    A criterion that looks at weights sees them without the columns of channels that are gone
    already (Lu et al. 2017); one that looks at activations sees those of the original.

    Args:
        model: The network with its weights.
        request: What the user asks for.
        calibrator: Runs inputs, for criteria and compensation that look at them.
        progress: Told each group before it is looked at.

    Raises:
        PlanError: A rule selects nothing or asks for the impossible, a budget cannot be met, or
            inputs are missing.
        NetworkError: Prototxt and weights do not belong together.
    """
    return ThinPlanner(model, request, calibrator, progress).plan()


class ThinPlanner:
    """Thins one model; what was learnt of its channels serves every budget.

    Attributes:
        rules: What is asked of each group.
        kept: The channels that rules and width leave to groups.
    """

    def __init__(
        self,
        model: Model,
        request: ThinSpec,
        calibrator: Optional[Calibrator] = None,
        progress: Optional[Progress] = None,
    ) -> None:
        """Refuse what cannot be followed, and follow the rules.

        Args:
            model: The network with its weights.
            request: What the user asks for.
            calibrator: Runs inputs, for criteria and compensation that look at them.
            progress: Told each group before it is looked at.

        Raises:
            PlanError: A rule selects nothing or asks for the impossible, or inputs are missing.
            NetworkError: Prototxt and weights do not belong together.
        """
        require_fit(model)
        if request.budget is not None:
            known_costs(model)
        if model.prototxt.version == "V0":
            # As surgery does before the first edit.
            model = replace(model, prototxt=upgrade_net(model.prototxt).prototxt)
        self.model, self.request, self.calibrator = model, request, calibrator
        self.progress = progress or silent
        self.groups = channel_groups(model)
        self.rules = ThinRules(model, self.groups, request)
        default = WITH_INPUTS if calibrator else WITHOUT_INPUTS
        self.criterion: Criterion = criterion(request.criterion or default)
        self.kept: Kept = {}
        self.skipped: Dict[str, str] = {
            group.name: group.blocked for group in self.groups if group.blocked
        }
        self._rankings: Optional[Dict[str, RemovalOrder]] = None
        self.rules.check()
        self._net: Optional[NetCost] = self._count() if request.budget is not None else None
        self._follow_rules()

    @property
    def original(self) -> Cost:
        """What the net costs before anything is done to it."""
        assert self._net is not None
        return self._net.total

    def plan(self, budget: Optional[Budget] = None) -> Plan:
        """Return what was decided.

        Args:
            budget: In the currencies of the request; theirs if None.

        Raises:
            PlanError: The budget cannot be met; the text says what can be had.
        """
        budget = budget or self.request.budget
        if budget is None:
            return self._write(self.kept, Expected())
        try:
            return self._keep_to(budget)
        finally:
            if self._clock is not None:
                self._clock.close()

    @property
    def _clock(self) -> Optional[Clock]:
        return self._net.clock if self._net is not None else None

    def _count(self) -> NetCost:
        """What the net costs, in time too where there is a budget of it."""
        request, clock = self.request, None
        if request.budget is not None and request.budget.latency is not None:
            engine = request.engine or (self.calibrator.engine if self.calibrator else None)
            chosen = choose(engine, [self.model.network()], [Capability.TIME])
            clock = Clock(chosen, open_store(request.notes))
        return NetCost(self.model, clock=clock)

    def _keep_to(self, budget: Budget) -> Plan:
        """Choose by one ranking of all channels of groups that nothing else is asked of."""
        net, clock = self._net, self._clock
        assert net is not None

        def spent(seconds: Optional[float] = None) -> Kept:
            rankings, multiple = self._ranked(), self.request.multiple
            found = spend(net, self.groups, rankings, budget, self.kept, multiple, seconds)
            return {**self.kept, **found}

        if clock is None or budget.latency is None:
            kept = spent()
            return self._write(kept, self._expected(budget, kept))

        def share(kept: Kept) -> Optional[float]:
            smaller = thin_model(self.model, self.groups, cut_of(self.groups, kept))
            return clock.share(self.model, smaller) if cut_of(self.groups, kept) else None

        whole = net.total[LATENCY]
        aims = Aims(budget.latency * whole, whole)
        timed = settle(spent(), share, spent, aims, self.progress)
        if not timed:
            return self._write(self.kept, self._expected(budget, self.kept))
        fitting = quick_enough(timed, budget.latency, self.model.prototxt.file)
        took, best = max(fitting, key=lambda one: one[0])
        return self._write(best, self._expected(budget, best, took * whole))

    def _ranked(self) -> Dict[str, RemovalOrder]:
        """In which order channels go, of groups that nothing else is asked of."""
        if self._rankings is not None:
            return self._rankings
        rankings = {}
        free = [g for g in self.groups if not g.blocked and self.rules.number(g) is None]
        with self.progress.task("moments"):
            self.criterion.prepare([self._view(self.model, group) for group in free])
        for group in self.progress.each(free, "rankings", "groups", attrgetter("name")):
            try:
                view = self._view(self.model, group)
                rankings[group.name] = within_parts(self.criterion.ranking(view), view)
            except PlanError as error:
                self._leave(group, error)
        if self.calibrator is not None and self.request.trials:
            downstream = (
                partial(_fitted, self.model, self.groups) if self._kind() == REFIT else None
            )
            rankings = by_outputs(
                self.model, self.groups, rankings, self.calibrator, self.progress, downstream
            )
        self._rankings = rankings
        return rankings

    def _follow_rules(self) -> None:
        """Choose in every group that has a rule, from the first."""
        thinning = Thinning(self.model, self.groups)
        cuts = self.criterion.needs == WEIGHTS
        # A convolution of which each group is left with one input ties what it reads and makes.
        follows = cuts or any(group.balanced for group in self.groups)
        asked = [g for g in self.groups if (self.rules.number(g) or g.channels) < g.channels]
        self.criterion.prepare([self._view(self.model, group) for group in asked])
        for whole in self.progress.each(self.groups, "rules", "groups", attrgetter("name")):
            name = whole.name
            if not thinning.is_whole(name) or thinning.group(name).channels != whole.channels:
                self.skipped[name] = "its channels go with those of another layer that was cut"
                continue
            group = thinning.group(name) if cuts else whole
            number = self.rules.number(group)
            if number is not None and number < group.channels:
                try:
                    view = self._view(thinning if cuts else self.model, group)
                    self.kept[name] = self.criterion.choose(view, number, self.request.multiple)
                except PlanError as error:
                    self._leave(group, error)
            if follows and name in self.kept and len(self.kept[name]) < group.channels:
                cut = thinning.cut(name, self.kept[name].tolist())
                if not cut.settled:
                    thinning = Thinning(thinning.model, channel_groups(thinning.model))

    def _write(self, chosen: Kept, expected: Expected) -> Plan:
        """Put down which channels stay."""
        kind, skipped = self._kind(), dict(self.skipped)
        fitted = set(_fitted(self.model, self.groups, chosen)) if kind == REFIT else set()
        edits: List[Edit] = []
        # One input a group ties what a convolution reads to what it makes: after that is cut.
        for group in sorted(self.groups, key=lambda one: _leaves_one_each(one, chosen)):
            kept = chosen.get(group.name)
            if kept is None or len(kept) == group.channels:
                skipped.setdefault(group.name, _whole(kept))
                continue
            options: Dict[str, Any] = {"keep": kept.tolist()}
            if kind not in ("none", REFIT):
                options["compensate"] = kind
            elif kind == REFIT and not are_readers_fitted(group, fitted):
                options["compensate"] = "channels"
            predicted = Prediction(
                channels=Change(group.channels, len(kept)),
                approximate=group.approximate,
                **self.rules.facts(group, len(kept)),
                order=("channels", "asked", "reached", "approximate"),
            )
            edits.append(Edit(group.name, "thin", options, predicted))
        edits += [
            Edit(layer.name, REFIT) for layer in self.model.network().layers if layer.name in fitted
        ]
        left = tuple(Skipped(*item) for item in skipped.items())
        return Plan(tuple(edits), left, expected=expected)

    def _expected(self, budget: Budget, kept: Kept, seconds: Optional[float] = None) -> Expected:
        """What the budget asks, and what the net costs before and after."""
        assert self._net is not None
        counts = (PARAMS, MACS)
        cost = ChannelCost(self._net, self.groups, counts)
        for name, channels in cut_of(self.groups, kept).items():
            cost.take(name, np.isin(np.arange(cost.channels[name]), channels))
        left = {name: cost.now[name] for name in counts}
        if budget.bytes is not None:
            left[BYTES] = file_size(self.model, self.groups, kept)
        if budget.latency is not None:
            left[LATENCY] = counted(self.original[LATENCY] if seconds is None else seconds)
        whole = {name: counted(self.original[name]) for name in left}
        return Expected(budget=budget.given, whole=whole, left=left)

    def _kind(self) -> str:
        """How what is kept stands in for the rest."""
        return self.request.compensate or (REFIT if self.calibrator else "none")

    def _view(self, net: Union[Model, Thinning], group: ChannelGroup) -> View:
        return View(net, group, self.calibrator, self.request.seed)

    def _leave(self, group: ChannelGroup, error: PlanError) -> None:
        """Leave a group alone that a criterion cannot judge, unless a rule names it."""
        rule = self.rules.rule(group)
        missing = self.criterion.needs != WEIGHTS and self.calibrator is None
        if missing or (rule is not None and any(map(rule.names, group.origins))):
            raise error
        self.skipped[group.name] = error.problem


def _leaves_one_each(group: ChannelGroup, kept: Mapping[str, np.ndarray]) -> bool:
    stays = np.isin(np.arange(group.channels), kept.get(group.name, np.arange(group.channels)))
    return any((stays[rows].sum(axis=1) == 1).any() for rows in group.balanced)


def _whole(kept: Optional[np.ndarray]) -> str:
    return "no rule selects it" if kept is None else "keeps all its channels"


def _fitted(model: Model, groups: Sequence[ChannelGroup], kept: Mapping[str, Sized]) -> List[str]:
    """The layers to fit: all that read, however far behind, what is cut, and that can be fitted."""
    cut = [group for group in groups if len(kept.get(group.name, ())) not in (0, group.channels)]
    return downstream_layers(model, (value.value for group in cut for value in group.values))
