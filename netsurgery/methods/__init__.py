"""Ways to make a layer smaller, one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.methods.base import (
        ROUNDING as ROUNDING,
        Arrays as Arrays,
        Composed as Composed,
        LowRankMethod as LowRankMethod,
        Method as Method,
    )
    from netsurgery.methods.chain import (
        ChainMethod as ChainMethod,
    )
    from netsurgery.methods.channel_svd import (
        ChannelSVD as ChannelSVD,
    )
    from netsurgery.methods.constants import (
        fold_constants as fold_constants,
    )
    from netsurgery.methods.convolution import (
        ConvolutionChain as ConvolutionChain,
        ConvolutionMethod as ConvolutionMethod,
    )
    from netsurgery.methods.coupled import (
        weights_name as weights_name,
    )
    from netsurgery.methods.exchange import (
        Context as Context,
        Edit as Edit,
        Origin as Origin,
        Rewrite as Rewrite,
    )
    from netsurgery.methods.fits import (
        ASYMMETRIC as ASYMMETRIC,
    )
    from netsurgery.methods.fold_chains import (
        find_chain as find_chain,
        shapes_of as shapes_of,
    )
    from netsurgery.methods.pieces import (
        new_names as new_names,
    )
    from netsurgery.methods.prediction import (
        Change as Change,
        Prediction as Prediction,
        SecondChoice as SecondChoice,
        Setting as Setting,
    )
    from netsurgery.methods.reconstruction import (
        WIDEST as WIDEST,
        compensate as compensate,
    )
    from netsurgery.methods.reconstruction_targets import (
        biases_of as biases_of,
        find_target as find_target,
    )
    from netsurgery.methods.refit import (
        Refit as Refit,
        why_not as why_not,
    )
    from netsurgery.methods.registry import (
        METHODS as METHODS,
        low_rank_method as low_rank_method,
        low_rank_names as low_rank_names,
        method as method,
    )
    from netsurgery.methods.svd import (
        TruncatedSVD as TruncatedSVD,
    )
    from netsurgery.methods.thin import (
        kept_origins as kept_origins,
    )

__getattr__, __dir__, __all__ = face(__name__)
