"""Weights that a readme speaks of: fetched where they are not there, and held to its checksum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Union

from netsurgery.errors import NetsurgeryError
from netsurgery.progress import Progress
from netsurgery.zoo.contents import NetFile, WeightsFile, look_into, reason_of
from netsurgery.zoo.download import download, sha1_of
from netsurgery.zoo.entry import Entry, SkippedFile
from netsurgery.zoo.front_matter import FrontMatter


class Remote:
    """What readmes say of the weights of a folder.

    Args:
        fronts: What each says.
        fetch: Download what is not there, and check what is.
        progress: Told each download.
    """

    def __init__(self, fronts: Sequence[FrontMatter], fetch: bool, progress: Progress) -> None:
        self._by_weights: Dict[Path, FrontMatter] = {}
        for front in fronts:
            self._by_weights.setdefault(front.weights, front)
        self._fetch = fetch
        self._progress = progress

    def completed(
        self, found: Iterable[Union[NetFile, WeightsFile, SkippedFile]]
    ) -> List[Union[NetFile, WeightsFile, SkippedFile]]:
        """Return what was found, with the weights that readmes name, or why they are not there."""
        complete: List[Union[NetFile, WeightsFile, SkippedFile]] = []
        here = set()
        for one in found:
            here.add(one.path)
            front = self._by_weights.get(one.path)
            wrong = front and self._wrong(front)
            complete.append(SkippedFile(one.path, wrong) if wrong else one)
        for path, front in self._by_weights.items():
            if path not in here and not path.exists():
                complete.append(self._fetched(front))
        return complete

    def _wrong(self, front: FrontMatter) -> str:
        """Say what is wrong with the checksum of weights that are there."""
        if not self._fetch or front.sha1 is None:
            return ""
        try:
            found = sha1_of(front.weights)
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        if found == front.sha1.lower():
            return ""
        again = "; take it away to have it downloaded" if front.url else ""
        return f"has the sha1 {found}, and should have {front.sha1} by {front.readme.name}{again}"

    def _fetched(self, front: FrontMatter) -> Union[NetFile, WeightsFile, SkippedFile]:
        if front.url is None:
            source = f"; see {front.source}" if front.source else ""
            reason = f"is not there, and {front.readme.name} says no caffemodel_url{source}"
            return SkippedFile(front.weights, reason)
        if not self._fetch:
            reason = f"is not there yet; `netsurgery zoo run` downloads it from {front.url}"
            return SkippedFile(front.weights, reason)
        try:
            with self._progress.task(f"downloading {front.weights.name}"):
                download(front.url, front.weights, front.sha1)
        except NetsurgeryError as error:
            return SkippedFile(front.weights, reason_of(error))
        got = look_into(front.weights)
        return SkippedFile(front.weights, "is no file of weights") if got is None else got

    def told(self, entry: Entry) -> Entry:
        """Return an entry with the license and the source that a readme tells."""
        front = self._by_weights.get(entry.weights)
        if front is None:
            return entry
        return replace(entry, license=front.license, source=front.source)
