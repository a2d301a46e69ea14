"""Proof: two models run side by side, or one against what another left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.verification.accuracy import (
        Accuracy as Accuracy,
        refuse_labels as refuse_labels,
    )
    from netsurgery.verification.comparison import (
        BlobComparison as BlobComparison,
        Noise as Noise,
        choose_scored as choose_scored,
    )
    from netsurgery.verification.divergence import (
        BlobTrace as BlobTrace,
        Divergence as Divergence,
    )
    from netsurgery.verification.front import (
        FrontRuns as FrontRuns,
    )
    from netsurgery.verification.golden import (
        save_golden as save_golden,
        verify_golden as verify_golden,
    )
    from netsurgery.verification.layer_error import (
        LayerError as LayerError,
    )
    from netsurgery.verification.models import (
        verify as verify,
    )
    from netsurgery.verification.parts import (
        DifferingPart as DifferingPart,
        Joint as Joint,
        differing_parts as differing_parts,
        joint_of as joint_of,
    )
    from netsurgery.verification.tallies import (
        class_scores as class_scores,
        count_in_top as count_in_top,
    )
    from netsurgery.verification.verdict import (
        Demand as Demand,
        Verification as Verification,
        largest_noise as largest_noise,
    )
    from netsurgery.verification.written import (
        Written as Written,
        compare_saved as compare_saved,
        compare_written as compare_written,
        zero_faults as zero_faults,
    )

__getattr__, __dir__, __all__ = face(__name__)
