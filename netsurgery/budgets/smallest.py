"""The smallest net that loses no more than it may: budgets are tried, and the loss measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, List, Mapping, Optional, Sequence

from netsurgery.budgets.loss_meter import LossMeter
from netsurgery.costs import CURRENCIES, Budget, all_six_digits, six_digits
from netsurgery.errors import PlanError
from netsurgery.planning import Expected, LossSearch, Plan, TriedBudget
from netsurgery.progress import Progress
from netsurgery.quality import OutputLoss
from netsurgery.surgery import Planned

STEP = 0.01
"""Budgets nearer to each other than this share of the net are one."""
MOST = 10
"""Nets that are made and measured at most."""


@dataclass(frozen=True)
class _Net:
    """A net that was planned for a share of what the original costs, and measured."""

    share: float
    left: float = 1.0
    planned: Planned = field(default_factory=lambda: Planned(Plan()))
    loss: Optional[OutputLoss] = None

    @property
    def told(self) -> TriedBudget:
        if self.loss is None:
            return TriedBudget(self.share)
        return TriedBudget(self.share, six_digits(self.left), six_digits(self.loss.share))


@dataclass(frozen=True)
class SmallestSearch:
    """A question: how small can a net be that loses no more than this?

    What is lost grows as budgets shrink, nearly; it is looked for between the smallest budget that
    was seen to be kept to and the largest that was not, by halves.

    Attributes:
        max_loss: What may be lost: a share, see `netsurgery.quality.loss_of`.
        caps: What may be left at most beside that, if anything is said of it. The first of its
            currencies is made smaller, MACs where there is none; the others hold.
        whole: What the net costs.
        plan_for: Plans for a budget; PlanError where it cannot be met.
        meter: Measures what a plan loses.
        progress: Told each budget that is tried.
    """

    max_loss: float
    caps: Optional[Budget]
    whole: Mapping[str, float]
    plan_for: Callable[[Budget], Plan]
    meter: LossMeter
    progress: Progress

    def __post_init__(self) -> None:
        if not 0 <= self.max_loss < 1:
            raise PlanError(
                f"a loss of {self.max_loss:g} is no share", remedy="say 0.01 or 1%, from 0 on"
            )

    def run(self) -> Planned:
        """Return the plan of the smallest net found, with what it made.

        It is one without edits where every net loses too much.

        Raises:
            PlanError: Even the largest net within the caps loses too much, or nothing can be
                measured.
        """
        tried: List[TriedBudget] = []
        best: Optional[_Net] = None
        low, high = 0.0, self._cap
        share = high if high < 1 else high / 2
        while len(tried) < MOST:
            with self.progress.task(f"net {len(tried) + 1}, {self._currency} {share:g}"):
                net = self._try(share)
            tried.append(net.told)
            if net.loss is not None and net.loss.share <= self.max_loss:
                best = net if best is None or net.left < best.left else best
                high = min(share, net.left)
            elif share == self._cap:
                raise self._beyond(net)
            else:
                low = share
            if high - low <= STEP:
                break
            share = six_digits((low + high) / 2)
        return self._smallest(best, tried) if best else self._untouched(tried)

    @property
    def _currency(self) -> str:
        given = self.caps.given if self.caps else {}
        return next((name for name in CURRENCIES if name in given), CURRENCIES[0])

    @property
    def _cap(self) -> float:
        """The largest share of the currency that may be left."""
        if self.caps is None:
            return 1.0
        return min(self.caps.limits(self.whole)[self._currency] / self.whole[self._currency], 1.0)

    def _try(self, share: float) -> _Net:
        own = {self._currency: share}
        budget = Budget(**own) if self.caps is None else replace(self.caps, **own)
        try:
            plan = self.plan_for(budget)
        except PlanError:
            if share == self._cap:
                raise
            return _Net(share)
        left = plan.expected.left[self._currency] / self.whole[self._currency]
        loss, surgery = self.meter.measure(plan)
        return _Net(share, left, Planned(plan, surgery), loss)

    def _smallest(self, best: _Net, tried: Sequence[TriedBudget]) -> Planned:
        plan, surgery = best.planned
        search = self._told(tried, best.loss)
        expected = replace(plan.expected, budget=self._asked, max_loss=search)
        return Planned(replace(plan, expected=expected), surgery)

    def _untouched(self, tried: Sequence[TriedBudget]) -> Planned:
        reason = "every smaller net that was tried loses more, or cannot be had"
        return Planned(Plan(expected=Expected(max_loss=self._told(tried, None, reason))))

    @property
    def _asked(self) -> Mapping[str, float]:
        return all_six_digits(self.caps.given) if self.caps else {}

    def _told(
        self, tried: Sequence[TriedBudget], loss: Optional[OutputLoss], reason: Optional[str] = None
    ) -> LossSearch:
        return LossSearch(
            self.max_loss,
            six_digits(loss.share) if loss else 0.0,
            loss.figure if loss else None,
            loss.output if loss else None,
            self.meter.inputs.description,
            self._currency,
            tuple(tried),
            reason,
        )

    def _beyond(self, net: _Net) -> PlanError:
        assert net.loss is not None
        return PlanError(
            f"the largest net within the budget, {self._currency} {self._cap:.3g}, loses "
            f"{net.loss.share:.3g} ({net.loss.figure}); {self.max_loss:g} may be lost",
            file=self.meter.model.prototxt.file,
            remedy="allow more to be left, or to be lost",
        )
