"""The models of a folder: which weights are those of which net, told by what the files hold."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import Weights, open_weights
from netsurgery.progress import Progress, ProgressLike
from netsurgery.zoo.contents import NetFile, WeightsFile, look_into, reason_of
from netsurgery.zoo.entry import Entry, ModelBatch, SkippedFile, distinct_names
from netsurgery.zoo.fitting import WHY, Fitting, closest, may_fit, nearness
from netsurgery.zoo.front_matter import FrontMatter, is_readme, read_front_matter
from netsurgery.zoo.remote import Remote
from netsurgery.zoo.walking import walk

_Found = Union[NetFile, WeightsFile, SkippedFile]
_SUFFIXES = (".caffemodel.h5", ".caffemodel", ".h5")


class _Match(NamedTuple):
    """A net for weights, and the other nets that were as good, with why they were not taken."""

    net: NetFile
    others: Mapping[Path, str]


def discover(folder: Path, download: bool = False, progress: ProgressLike = None) -> ModelBatch:
    """Find the models of a folder and of the folders in it.

    Weights belong to the net whose layers and shapes they fit. Of several such nets the one to be
    used goes before one to be trained by, then the one that has most of the layers of the weights,
    then the nearest; then the one that looks most like what was saved, see `Likeness`.

    Args:
        folder: Where to look.
        download: Fetch weights that are not there, and of which a readme of Caffe's model zoo says
            where they are to be had; and see that those that are there have its checksum.
        progress: Told each download.

    Returns:
        An entry for each file of weights with a net, by their paths; and what was left out, with
        the reason: nets to be trained by, solvers, weights that fit nothing, files that are broken.

    Raises:
        FormatError: There is no such folder.
    """
    if not folder.is_dir():
        raise FormatError("is no folder", file=folder, remedy="give a folder with models")
    found: List[_Found] = []
    fronts: List[FrontMatter] = []
    for one in walk(folder):
        told = one if isinstance(one, SkippedFile) else _look_into(one)
        if isinstance(told, FrontMatter):
            fronts.append(told)
        elif told is not None:
            found.append(told)
    remote = Remote(fronts, download, Progress.of(progress))
    batch = matched(folder, remote.completed(found))
    return replace(batch, entries=tuple(map(remote.told, batch.entries)))


def _look_into(path: Path) -> Union[_Found, FrontMatter, None]:
    if not is_readme(path):
        return look_into(path)
    try:
        return read_front_matter(path)
    except NetsurgeryError as error:
        return SkippedFile(path, reason_of(error))


def matched(folder: Path, found: Iterable[Optional[_Found]]) -> ModelBatch:
    """Return the models that nets and weights make, as `discover` does.

    Args:
        folder: By which they are named.
        found: What was found there.
    """
    once = _without_links(one for one in found if one is not None)
    nets = [one for one in once if isinstance(one, NetFile)]
    files = [one for one in once if isinstance(one, WeightsFile)]
    skipped = [one for one in once if isinstance(one, SkippedFile)]
    matching = _Matching(nets, folder)
    pairs: List[Tuple[WeightsFile, NetFile]] = []
    for weights in files:
        match = matching.find(weights)
        if isinstance(match, SkippedFile):
            skipped.append(match)
        else:
            pairs.append((weights, match))
    pairs.sort(key=lambda pair: pair[0].path)
    skipped += matching.unused(files)
    names = distinct_names([name_of_weights(weights.path, folder) for weights, _ in pairs])
    entries = [Entry(name, net.path, weights.path) for name, (weights, net) in zip(names, pairs)]
    return ModelBatch(folder, tuple(entries), tuple(sorted(skipped, key=lambda one: one.path)))


def _without_links(found: Iterable[_Found]) -> List[_Found]:
    """Have every file once: links to what is there under its own name are told, and left out."""
    found = list(found)
    own: Dict[Tuple[object, ...], Path] = {}
    files = [one for one in found if not isinstance(one, SkippedFile)]
    for one in sorted(files, key=lambda one: (one.path.is_symlink(), one.path)):
        own.setdefault(_identity(one.path), one.path)
    return [
        one
        if isinstance(one, SkippedFile) or own[_identity(one.path)] == one.path
        else SkippedFile(one.path, f"is the same file as {own[_identity(one.path)]}")
        for one in found
    ]


def _identity(path: Path) -> Tuple[object, ...]:
    try:
        status = os.stat(path)
    except OSError:  # it was there a moment ago
        return (path,)
    return status.st_dev, status.st_ino


class _Matching:
    def __init__(self, nets: List[NetFile], folder: Path) -> None:
        self.nets = nets
        self.folder = folder
        self.fitting = Fitting()
        self.taken: Dict[Path, Path] = {}
        self.passed_over: Dict[Path, str] = {}

    def find(self, file: WeightsFile) -> Union[NetFile, SkippedFile]:
        """Return the net of weights, or why they are left out."""
        try:
            weights = open_weights(file.path)
        except NetsurgeryError as error:  # it was there a moment ago
            return SkippedFile(file.path, reason_of(error))
        match = self._match(file, weights)
        if match is None:
            reason = self._why_none(file, weights)
            weights.let_go()
            return SkippedFile(file.path, reason)
        weights.let_go()
        if match.net.training is not None:
            net = self._shown(match.net.path)
            reason = f"fits {net} alone, which is to train by, as {match.net.training}"
            remedy = "put a prototxt of the net as it is used beside it"
            return SkippedFile(file.path, f"{reason}; {remedy}")
        self.taken.setdefault(match.net.path, file.path)
        for path, why in match.others.items():
            chosen = f"{self._shown(match.net.path)} was taken for it, as {why}"
            self.passed_over.setdefault(path, f"{self._shown(file.path)} fits it, but {chosen}")
        return match.net

    def _match(self, file: WeightsFile, weights: Weights) -> Optional[_Match]:
        def place(net: NetFile) -> Tuple[bool, Tuple[int, int]]:
            return net.training is not None, nearness(net, file)

        possible = sorted((net for net in self.nets if may_fit(net, file)), key=place)
        for _, group in groupby(possible, key=place):
            fits = [net for net in group if self.fitting.misfit(net, weights) is None]
            if fits:
                return self._best(fits, weights)
        return None

    def _best(self, fits: List[NetFile], weights: Weights) -> _Match:
        if len(fits) == 1:
            return _Match(fits[0], {})
        likeness = {net.path: self.fitting.likeness(net, weights) for net in fits}
        best, *others = sorted(fits, key=lambda net: (likeness[net.path], net.path))
        why = {}
        for net in others:
            pairs = zip(likeness[best.path], likeness[net.path], WHY)
            words = next((reason for one, two, reason in pairs if one != two), None)
            if words is None:
                same = net.digest == best.digest
                words = "it says the same" if same else "nothing tells them apart but their names"
            why[net.path] = words
        return _Match(best, why)

    def _why_none(self, file: WeightsFile, weights: Weights) -> str:
        net = closest(self.nets, file)
        if net is None:
            return "no prototxt here has layers of these names"
        why = self.fitting.misfit(net, weights)
        if why is None:  # by names alone, all its layers are the text's
            why = "they have no layer with weights in common"
        return f"does not fit {self._shown(net.path)}: {why}"

    def unused(self, files: List[WeightsFile]) -> Iterable[SkippedFile]:
        """Tell of each net that is no entry's why."""
        for net in self.nets:
            if net.path not in self.taken:
                yield SkippedFile(net.path, self._why_unused(net, files))

    def _why_unused(self, net: NetFile, files: List[WeightsFile]) -> str:
        if net.training is not None:
            return f"is to train by: {net.training}"
        if net.path in self.passed_over:
            return self.passed_over[net.path]
        if net.bare:
            return "has no layers with weights"
        akin = [file for file in files if net.layers & file.layers]
        if not akin:
            return "no weights here have layers of its names"
        file = min(akin, key=lambda one: (nearness(net, one)[::-1], one.path))
        try:
            why = self.fitting.misfit(net, open_weights(file.path))
        except NetsurgeryError as error:
            why = reason_of(error)
        if why is None:
            return f"{self._shown(file.path)} fits it, but a prototxt nearer to that was taken"
        return f"no weights here fit it; {self._shown(file.path)} does not, as {why}"

    def _shown(self, path: Path) -> str:
        try:
            return path.relative_to(self.folder).as_posix()
        except ValueError:
            return str(path)


def name_of_weights(weights: Path, folder: Path) -> str:
    """Return what a model is called by the path of its weights, seen from a folder."""
    try:
        name = weights.relative_to(folder).as_posix()
    except ValueError:
        name = weights.name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
