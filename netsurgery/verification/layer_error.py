"""What a method predicted of a layer's weights, held against what was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

# A pair is stored in float32: its product is off by about 1e-7 of the weights, whatever the
# rank. The rest is what float32 sums of squares over some 1e8 weights can be off by.
_ROUNDING = 1e-5
_PRECISION = 1e-3


@dataclass(frozen=True)
class LayerError:
    """How far a rewritten layer's weights are from the original's, ``||W - W'|| / ||W||``.

    Attributes:
        layer: The layer in the original.
        predicted: What the method expected; None where it states nothing, or where several edits
            changed the layer.
        measured: What the written files hold, multiplied out.
        rounding: How far rounding to the type of the file moved the weights, at most.
        others: How far its further blobs are from the original's, where no method moves them.
    """

    layer: str
    predicted: Optional[float]
    measured: float
    rounding: float = 0.0
    others: float = 0.0

    @property
    def explained(self) -> bool:
        """Whether the measured error is the predicted one, up to rounding."""
        if self.others > _ROUNDING:
            return False
        if self.predicted is None:
            return True
        allowed = self.rounding + _ROUNDING + _PRECISION * self.predicted
        return abs(self.measured - self.predicted) <= allowed
