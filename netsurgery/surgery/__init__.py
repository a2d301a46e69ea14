"""The only maker of models: carries out plans, and keeps a record of what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.surgery.carrying_out import (
        apply as apply,
        operate as operate,
        plan_after_folds as plan_after_folds,
    )
    from netsurgery.surgery.record import (
        Planned as Planned,
        Step as Step,
        Surgery as Surgery,
    )
    from netsurgery.surgery.replaying import (
        Replayed as Replayed,
        replay as replay,
    )
    from netsurgery.surgery.through_engine import (
        refuse_half as refuse_half,
        write_through_engine as write_through_engine,
    )

__getattr__, __dir__, __all__ = face(__name__)
