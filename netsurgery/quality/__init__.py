"""What is left of a net: what each output is, how it is judged, and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.quality.cautions import (
        cautions_of as cautions_of,
    )
    from netsurgery.quality.evaluation import (
        EvaluationContext as EvaluationContext,
        Evaluators as Evaluators,
    )
    from netsurgery.quality.kinds import (
        OutputKind as OutputKind,
        answering_layer as answering_layer,
        holds_scores as holds_scores,
        kinds_of as kinds_of,
        require_outputs as require_outputs,
        sources_of as sources_of,
    )
    from netsurgery.quality.limits import (
        BOXES as BOXES,
        CLASSES as CLASSES,
        DEGRADED as DEGRADED,
        DETECTIONS as DETECTIONS,
        GOOD as GOOD,
        KINDS as KINDS,
        LIMITS as LIMITS,
        LOST as LOST,
        PICTURE as PICTURE,
        PIXELS as PIXELS,
        PROBABILITIES as PROBABILITIES,
        SEGMENTATION as SEGMENTATION,
        UNJUDGED as UNJUDGED,
        Limits as Limits,
        limit_rows as limit_rows,
    )
    from netsurgery.quality.loss import (
        OutputLoss as OutputLoss,
        loss_of as loss_of,
    )
    from netsurgery.quality.matching import (
        SCORE as SCORE,
        detections as detections,
        match_detections as match_detections,
    )
    from netsurgery.quality.verdict import (
        ORDER as ORDER,
        OutputQuality as OutputQuality,
        Quality as Quality,
        unjudged as unjudged,
    )

__getattr__, __dir__, __all__ = face(__name__)
