"""Measured values that are kept, each under a key that says all that it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.measurements.base import (
        Arrays as Arrays,
        MeasurementStore as MeasurementStore,
        MemoryStore as MemoryStore,
    )
    from netsurgery.measurements.file_store import (
        FileStore as FileStore,
        open_store as open_store,
    )
    from netsurgery.measurements.folder_store import (
        FolderStore as FolderStore,
        StoredFile as StoredFile,
        default_folder as default_folder,
    )
    from netsurgery.measurements.keys import (
        code_version as code_version,
        digest_of as digest_of,
    )

__getattr__, __dir__, __all__ = face(__name__)
