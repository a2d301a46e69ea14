"""Many models at once: found in folders, listed in manifests, each one an entry of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.zoo.entry import (
        Entry as Entry,
        ModelBatch as ModelBatch,
        SkippedFile as SkippedFile,
        distinct_names as distinct_names,
    )

__getattr__, __dir__, __all__ = face(__name__)
