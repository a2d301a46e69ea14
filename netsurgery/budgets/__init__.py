"""What to do with a model that may cost so much and no more: choices, and the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.budgets.correction import (
        METRIC as METRIC,
    )
    from netsurgery.budgets.loss_meter import (
        LossMeter as LossMeter,
    )
    from netsurgery.budgets.planner import (
        BudgetRequest as BudgetRequest,
        Planner as Planner,
        plan_budget as plan_budget,
    )
    from netsurgery.budgets.request import (
        DEFAULT_METHODS as DEFAULT_METHODS,
        FOLD as FOLD,
    )
    from netsurgery.budgets.smallest import (
        SmallestSearch as SmallestSearch,
    )
    from netsurgery.budgets.sweep import (
        Point as Point,
        parse_sweep as parse_sweep,
        sweep_budgets as sweep_budgets,
    )
    from netsurgery.costs import (
        Budget as Budget,
        parse_bytes as parse_bytes,
    )

__getattr__, __dir__, __all__ = face(__name__)
