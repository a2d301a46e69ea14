"""What a net costs and what may be left of it: budgets, the model of costs, solvers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.costs.aims import (
        Aims as Aims,
        quick_enough as quick_enough,
        settle as settle,
    )
    from netsurgery.costs.budget import (
        BYTES as BYTES,
        CURRENCIES as CURRENCIES,
        LATENCY as LATENCY,
        MACS as MACS,
        PARAMS as PARAMS,
        Budget as Budget,
        Cost as Cost,
        parse_bytes as parse_bytes,
    )
    from netsurgery.costs.channel_cost import (
        ChannelCost as ChannelCost,
    )
    from netsurgery.costs.clock import (
        Clock as Clock,
    )
    from netsurgery.costs.facts import (
        all_six_digits as all_six_digits,
        counted as counted,
        six_digits as six_digits,
    )
    from netsurgery.costs.greedy import (
        Stepwise as Stepwise,
    )
    from netsurgery.costs.knapsack import (
        Independent as Independent,
        Table as Table,
    )
    from netsurgery.costs.net_cost import (
        NetCost as NetCost,
    )
    from netsurgery.costs.shares import (
        how_to_say as how_to_say,
        parse_number as parse_number,
        parse_share as parse_share,
    )

__getattr__, __dir__, __all__ = face(__name__)
