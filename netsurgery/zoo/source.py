"""The models that a user names: by a folder, a manifest, or a readme of Caffe's model zoo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netsurgery.errors import FormatError
from netsurgery.progress import ProgressLike
from netsurgery.zoo.discovery import discover
from netsurgery.zoo.entry import ModelBatch
from netsurgery.zoo.front_matter import is_readme, read_front_matter
from netsurgery.zoo.manifest import is_manifest, read_manifest


def read_source(source: Path, download: bool = False, progress: ProgressLike = None) -> ModelBatch:
    """Return the models of a folder, of a manifest, or of a readme.

    Args:
        source: A folder, whose models are told by what its files hold; a manifest; or a readme.md
            of Caffe's model zoo, which says where the weights of its folder are to be had.
        download: Fetch weights that are not there and that readmes speak of, see `discover`.
        progress: Told each download.

    Raises:
        FormatError: It is none of these, or cannot be read.
    """
    if source.is_dir():
        return discover(source, download, progress)
    if is_readme(source) and source.is_file():
        return _of_readme(source, download, progress)
    if is_manifest(source):
        return read_manifest(source)
    problem = "is no folder, no manifest and no readme.md" if source.exists() else "is not there"
    raise FormatError(
        problem, file=source, remedy="give a folder with models, or a manifest.yaml of them"
    )


def _of_readme(source: Path, download: bool, progress: ProgressLike) -> ModelBatch:
    front = read_front_matter(source)
    if front is None:
        raise FormatError(
            "says nothing of weights in front",
            file=source,
            remedy="it should begin with --- and a line `caffemodel: NAME`, as in Caffe's model "
            "zoo; or give its folder",
        )
    found = discover(source.parent, download, progress)
    entries = tuple(entry for entry in found.entries if entry.weights == front.weights)
    skipped = tuple(one for one in found.skipped if not entries or one.path.parent == source.parent)
    return replace(found, source=source, entries=entries, skipped=skipped)
