"""Where two nets begin to differ, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Optional, Tuple

from netsurgery.verification.comparison import BlobComparison


@dataclass(frozen=True)
class Divergence:
    """A blob that differs though all that it is made of, as far as that is known, does not.

    Attributes:
        blob: Its name in the first net; ``blob@version`` where layers compute in place.
        error: How far it is apart, see `BlobComparison`.
        noise: How far float noise explains at most.
        maker: The layer of the first net that makes it.
        layers: The layers that are not the same in both nets between it and what agrees.
        changes: What is otherwise about them, a line each; empty where nothing is.
    """

    blob: str
    error: float
    noise: float
    maker: str
    layers: Tuple[str, ...] = ()
    changes: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"blob {self.blob!r} of layer {self.maker!r} differs, {self.error:.2e} apart, "
            f"float noise explains {self.noise:.2e} at most"
        )


@dataclass(frozen=True)
class BlobTrace:
    """All blobs that two nets have in common, along the first of them.

    Attributes:
        blobs: What is known of each.
        divergences: Where differences begin, in the order of the first net.
        changes: All that is otherwise about the layers of the second net, a line each.
    """

    blobs: Tuple[BlobComparison, ...] = ()
    divergences: Tuple[Divergence, ...] = ()
    changes: Tuple[str, ...] = ()

    @property
    def first(self) -> Optional[Divergence]:
        """The first blob that differs; None where none does."""
        return self.divergences[0] if self.divergences else None

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data; numbers may be infinite."""
        return {
            "divergences": [asdict(one) for one in self.divergences],
            "changes": list(self.changes),
            "blobs": [asdict(row) for row in self.blobs],
        }
