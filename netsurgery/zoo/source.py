"""The models that a user names: by a folder, or by a manifest."""

from __future__ import annotations

from pathlib import Path

from netsurgery.errors import FormatError
from netsurgery.zoo.discovery import discover
from netsurgery.zoo.entry import ModelBatch
from netsurgery.zoo.manifest import is_manifest, read_manifest


def read_source(source: Path) -> ModelBatch:
    """Return the models of a folder or of a manifest.

    Args:
        source: A folder, whose models are told by what its files hold; or a manifest.

    Raises:
        FormatError: It is neither, or cannot be read.
    """
    if source.is_dir():
        return discover(source)
    if is_manifest(source):
        return read_manifest(source)
    problem = "is no folder and no manifest" if source.exists() else "is not there"
    raise FormatError(
        problem, file=source, remedy="give a folder with models, or a manifest.yaml of them"
    )
