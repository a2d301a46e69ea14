"""A network with its weights: read once, never changed."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence, Tuple, Union

from netsurgery.errors import FormatError, NetworkError
from netsurgery.formats import (
    Blob,
    Prototxt,
    Weights,
    open_weights,
    sha256,
    sniff,
)
from netsurgery.network.graph import Network, build_network
from netsurgery.validation import validated

PathLike = Union[str, os.PathLike[str]]


@dataclass(frozen=True)
class Model:
    """A prototxt and the weights that belong to it.

    Attributes:
        prototxt: The text of the network.
        weights: Its trained blobs, or None.
        input_shapes: Those that the prototxt does not tell, or tells otherwise, by blob. A
            layer that reads data is an input where the shape of what it makes is given.
    """

    prototxt: Prototxt
    weights: Optional[Weights] = None
    input_shapes: Mapping[str, Tuple[int, ...]] = field(default_factory=dict, hash=False)

    def __reduce__(self) -> Any:
        """Pickle the text, changed blobs, and for all others their file's path and digest.

        Where it is unpickled, that file is opened when its blobs are first asked for, and must then
        hold what it held.
        """
        return Model, (self.prototxt, self.weights, dict(self.input_shapes))

    def network(self, phase: str = "TEST", level: int = 0, stages: Iterable[str] = ()) -> Network:
        """Return the graph that Caffe would build for a phase, level and stages.

        It belongs to the text: models that differ in their weights alone share it, with all that
        is remembered of it.

        Args:
            phase: ``"TEST"`` or ``"TRAIN"``.
            level: What ``min_level`` and ``max_level`` of a layer's rules are held against.
            stages: What ``stage`` and ``not_stage`` of its rules are held against.

        Raises:
            NetworkError: Caffe would abort on it.
        """
        network, problems = self.network_and_problems(phase, level, stages)
        if problems:
            raise problems[0]
        return network

    def network_and_problems(
        self, phase: str = "TEST", level: int = 0, stages: Iterable[str] = ()
    ) -> Tuple[Network, Tuple[NetworkError, ...]]:
        """Return the graph as far as it goes, with all that Caffe would abort on.

        Args:
            phase: As for `network`.
            level: As for `network`.
            stages: As for `network`.
        """
        asked, given = tuple(stages), self.input_shapes
        shapes = tuple((name, tuple(shape)) for name, shape in given.items())
        network, problems = self.prototxt.derived(
            (build_network, phase, level, asked, shapes),
            lambda: build_network(self.prototxt, phase, level, asked, given),
        )
        # Whoever raises an error gives it a traceback, and may add to its words.
        return network, tuple(map(copy, problems))

    def blobs(self, layer: str) -> tuple[Blob, ...]:
        """Return the blobs Caffe would load for the layer of that name, or none."""
        return self.weights.blobs(layer) if self.weights else ()

    @cached_property
    def digest(self) -> str:
        """A sha256 by which the model is known again: what its text says, and its numbers.

        How the text is laid out makes no difference, nor which files hold it. Nothing is written;
        each blob is read once, when this is first asked for.
        """
        shapes = sorted((name, tuple(shape)) for name, shape in self.input_shapes.items())
        parts = (self.prototxt.digest, self.weights and self.weights.digest, shapes)
        return sha256(repr(parts).encode()).hexdigest()

    def file_names(self) -> tuple[str, ...]:
        """Return the names, without folders, under which `save` writes into a folder."""
        prototxt = Path(self.prototxt.file or "deploy.prototxt").name
        if self.weights is None:
            return (prototxt,)
        suffix = ".caffemodel.h5" if self.weights.format == "hdf5" else ".caffemodel"
        return prototxt, Path(self.weights.file or f"weights{suffix}").name

    @validated
    def save(self, target: PathLike, weights: Optional[PathLike] = None) -> tuple[Path, ...]:
        """Write both files, complete or not at all.

        Args:
            target: A folder, which is made if it is not there and gets the files under their
                own names; or with ``weights``, the path of the prototxt.
            weights: The path of the weights.

        Returns:
            The paths that were written.

        Raises:
            FormatError: A file cannot be written, or would overwrite one this model was read
                from.
        """
        if weights is None:
            paths = tuple(Path(target) / name for name in self.file_names())
        else:
            paths = (Path(target), Path(weights))
        self.refuse_overwriting(paths)
        from netsurgery.formats import make_folder, write_together

        make_folder(paths[0].parent)
        writers = {paths[0]: lambda out: out.write(self.prototxt.data)}
        if self.weights is not None:
            writers[paths[1]] = self.weights.write_to
        write_together(writers)  # type: ignore[arg-type]
        return paths

    def refuse_overwriting(self, paths: Iterable[PathLike]) -> None:
        """See that none of ``paths`` is a file this model was read from.

        Raises:
            FormatError: One is.
        """
        # Whoever only reads a net needs nothing of what writes files.
        from netsurgery.formats import refuse_overwriting

        named = (self.prototxt.file, self.weights and self.weights.file)
        refuse_overwriting([file for file in named if file], paths)


@validated
def load(
    prototxt: PathLike,
    weights: Optional[PathLike] = None,
    input_shapes: Optional[Mapping[str, Sequence[int]]] = None,
) -> Model:
    """Read a network, and its weights if their file is given.

    The weights are mapped, not read: this takes milliseconds whatever their size.

    Args:
        prototxt: The text of the network.
        weights: Its weights.
        input_shapes: Those that the prototxt does not tell, or tells otherwise; see `Model`.

    Raises:
        FormatError: A file cannot be read, or is not what it should be; the text says what it
            is instead.
    """
    if weights is not None and _look_swapped(prototxt, weights):
        raise FormatError(
            "these two arguments look swapped", file=prototxt, remedy="give the prototxt first"
        )
    given = {name: tuple(shape) for name, shape in (input_shapes or {}).items()}
    text = Prototxt.read(prototxt)
    return Model(text, None if weights is None else open_weights(weights), given)


def _look_swapped(prototxt: PathLike, weights: PathLike) -> bool:
    binary = sniff.CAFFEMODEL, sniff.HDF5
    return _kind(prototxt) in binary and _kind(weights) == sniff.PROTOTXT


def _kind(path: PathLike) -> Optional[sniff.FileKind]:
    try:
        with open(path, "rb") as stream:
            return sniff.identify(stream.read(sniff.HEAD))
    except OSError:
        return None
