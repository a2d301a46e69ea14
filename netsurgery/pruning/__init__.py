"""Pruning: how much goes when, which weights close, and rounds of pruning and tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.pruning.channel_choice import (
        ChosenChannels as ChosenChannels,
        choose_channels as choose_channels,
    )
    from netsurgery.pruning.channel_loop import (
        ChannelRemoval as ChannelRemoval,
        Thinned as Thinned,
        ThinnedInRounds as ThinnedInRounds,
        facts_of as facts_of,
        thin_in_rounds as thin_in_rounds,
        without_channels as without_channels,
    )
    from netsurgery.pruning.dynamic import (
        DynamicSurgery as DynamicSurgery,
        with_hysteresis as with_hysteresis,
    )
    from netsurgery.pruning.gradual import (
        GradualPruning as GradualPruning,
        present_model as present_model,
    )
    from netsurgery.pruning.loop_length import (
        LoopLength as LoopLength,
    )
    from netsurgery.pruning.loop_state import (
        LoopRound as LoopRound,
        Rounds as Rounds,
    )
    from netsurgery.pruning.masking import (
        Closed as Closed,
        LayerSparsity as LayerSparsity,
        Masking as Masking,
        close_weights as close_weights,
        layer_sparsities as layer_sparsities,
    )
    from netsurgery.pruning.projection import (
        ProjectedSparsity as ProjectedSparsity,
    )
    from netsurgery.pruning.rounds import (
        PrunedInRounds as PrunedInRounds,
        prune_in_rounds as prune_in_rounds,
    )
    from netsurgery.pruning.schedule import (
        CubicRamp as CubicRamp,
        round_sparsities as round_sparsities,
    )

__getattr__, __dir__, __all__ = face(__name__)
