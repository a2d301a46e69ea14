"""What the author of a plugin runs over it: whether it keeps the contract of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.testing.engines import (
        check_engine as check_engine,
        engine_checks as engine_checks,
    )
    from netsurgery.testing.layers import (
        check_layer as check_layer,
        layer_checks as layer_checks,
    )
    from netsurgery.testing.methods import (
        MethodExample as MethodExample,
        check_method as check_method,
        method_checks as method_checks,
        sample_model as sample_model,
    )
    from netsurgery.testing.saliencies import (
        check_saliency as check_saliency,
        saliency_checks as saliency_checks,
    )

__getattr__, __dir__, __all__ = face(__name__)
