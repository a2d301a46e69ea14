"""What to do with a model, as data: plans, and the planners that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.planning.asked import (
        MAX_LOSS as MAX_LOSS,
        Asked as Asked,
        asked_of_layer as asked_of_layer,
        asked_of_net as asked_of_net,
    )
    from netsurgery.planning.dead_channels import (
        plan_dead_channels as plan_dead_channels,
    )
    from netsurgery.planning.distances import (
        BoxDistance as BoxDistance,
        Distance as Distance,
        DistanceObserver as DistanceObserver,
        ScoreDistance as ScoreDistance,
        SightingObserver as SightingObserver,
        distances_of as distances_of,
    )
    from netsurgery.planning.downstream import (
        ROWS as ROWS,
        fit_in_turn as fit_in_turn,
        rows_seen as rows_seen,
        sees_enough as sees_enough,
    )
    from netsurgery.planning.expected import (
        Expected as Expected,
        LossSearch as LossSearch,
        MetricValues as MetricValues,
        TriedBudget as TriedBudget,
    )
    from netsurgery.planning.fold import (
        plan_folds as plan_folds,
    )
    from netsurgery.planning.folder import (
        RECORD as RECORD,
        refuse_another as refuse_another,
    )
    from netsurgery.planning.low_rank import (
        LowRankRequest as LowRankRequest,
        plan_low_rank as plan_low_rank,
    )
    from netsurgery.planning.plan import (
        Plan as Plan,
        Skipped as Skipped,
        identify as identify,
    )
    from netsurgery.planning.rules import (
        LayerRule as LayerRule,
        keeps as keeps,
        parse_rule as parse_rule,
        refuse_idle_keeps as refuse_idle_keeps,
    )
    from netsurgery.planning.thin_spec import (
        ThinSpec as ThinSpec,
    )
    from netsurgery.planning.thinning import (
        REFIT as REFIT,
        ThinPlanner as ThinPlanner,
        plan_thin as plan_thin,
    )
    from netsurgery.planning.trial import (
        try_change as try_change,
    )

__getattr__, __dir__, __all__ = face(__name__)
