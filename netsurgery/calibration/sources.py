"""Inputs from files: arrays, images as Caffe prepares them, what its data layers read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.calibration.arrays import Shape, read_arrays
from netsurgery.calibration.data_layers import fit_rows, read_data_layers, read_lines
from netsurgery.calibration.databases import is_database, read_database
from netsurgery.calibration.held_samples import HeldSamples
from netsurgery.calibration.images import load_image
from netsurgery.calibration.inputs import Inputs, Samples
from netsurgery.calibration.labels import read_labels
from netsurgery.calibration.preprocessing import Preprocessing, Transformer
from netsurgery.calibration.request import Request
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import read_rows

IMAGE_SUFFIXES = frozenset(
    (".bmp", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
PathLike = Union[str, Path]


def read_inputs(
    paths: Union[PathLike, Sequence[PathLike]],
    shapes: Mapping[str, Shape],
    *,
    preprocessing: Optional[Preprocessing] = None,
    labels: Optional[PathLike] = None,
    phase: str = "TEST",
    uncut: bool = False,
    targets: Sequence[str] = (),
) -> Inputs:
    """Read samples for a net: arrays, images, or what a data layer of Caffe reads.

    Arrays hold what the net is fed, without preprocessing. In an ``.npz`` they bear the names
    of the net's inputs (one of any other name goes to the only input) and may stand beside
    an array ``labels``. A sample with one axis more than the net's input less its axis 0 is a
    whole blob, see `Inputs`.

    A train prototxt is read as its data layer says, with the centre cut out and nothing
    mirrored. A database or HDF5 files can also be given themselves.

    Args:
        paths: One ``.npz`` or ``.npy``, a train prototxt, an LMDB, an HDF5 file or a ``.txt`` that
            lists some; or images and folders of images (taken in the order of names).
        shapes: The declared shape of each input of the net, axis 0 included.
        preprocessing: For images: the classic flags.
        phase: Which data layers of a prototxt to read, those of ``"TRAIN"`` or ``"TEST"``.
        labels: Text file: a class per line in the order of the samples, or ``name class``.
        uncut: Images are wanted as large as they are before the centre is cut out, so that a
            training can cut out other places.
        targets: Names of arrays that are wanted beside the inputs, see `Inputs`: of an ``.npz``, of
            HDF5 data, or tops of data layers; what is not there is left out.

    Raises:
        FormatError: A file is not readable, or is not what its name says.
        NetsurgeryError: The samples do not fit the net's inputs.
    """
    files = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    request = Request(shapes, preprocessing, phase, uncut, tuple(targets))
    kinds = [next((read for matches, read in KINDS if matches(file)), None) for file in files]
    if any(kinds) and len(files) > 1:
        raise NetsurgeryError("this cannot be read together with others", file=files[0])
    read = kinds[0] if kinds else None
    inputs = read(files[0], request) if read else _read_images(files, request)
    if labels is None:
        return inputs
    images = [samples for samples in inputs.arrays.values() if isinstance(samples, ImageSamples)]
    names = [file.name for samples in images for file in samples.files]
    return replace(inputs, labels=read_labels(Path(labels), len(inputs), names))


def _read_array_file(file: Path, request: Request) -> Inputs:
    request.refuse_preprocessing(file, "arrays are fed as they are")
    return read_arrays(file, request.shapes, request.targets)


def _read_hdf5(file: Path, request: Request) -> Inputs:
    """Read an HDF5 file, or a text file that lists some, as Caffe's HDF5Data layer would."""
    request.refuse_preprocessing(file, "HDF5 is fed as it is")
    files = [file]
    if file.suffix == ".txt":
        names = [Path(name) for line in read_lines(file) for name in line.split()]
        files = [name if name.exists() else file.parent / name for name in names]
    return fit_rows(dict(read_rows(files)), request, str(file))


KINDS: Sequence[Tuple[Callable[[Path], bool], Callable[[Path, Request], Inputs]]] = (
    (lambda path: path.suffix in (".npy", ".npz"), _read_array_file),
    (lambda path: path.suffix == ".prototxt", read_data_layers),
    (lambda path: path.suffix in (".h5", ".hdf5", ".txt"), _read_hdf5),
    (is_database, read_database),
)
"""How a path is known, and what reads it; all others are images."""


class _Decoded:
    """Images that are decoded and preprocessed each time they are asked for."""

    def __init__(self, files: Sequence[Path], transformer: Transformer) -> None:
        self._files, self._transformer = files, transformer
        self.shape: Shape = (len(files), *transformer.shape)
        self.ndim = len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        color = self._transformer.shape[0] == 3
        numbers = range(len(self._files))[part]
        made = [self._transformer(load_image(self._files[one], color)) for one in numbers]
        return np.stack(made)


class ImageSamples:
    """Images that are decoded and preprocessed when they are asked for, once if they fit.

    Attributes:
        files: The images.
        transformer: What makes samples of them.
        held: The samples by their numbers.
        shape: (N, C, H, W).
        ndim: Four.
    """

    def __init__(self, files: Sequence[Path], transformer: Transformer) -> None:
        self.files, self.transformer = tuple(files), transformer
        self.held = HeldSamples(_Decoded(self.files, transformer))
        self.shape: Shape = self.held.shape
        self.ndim = len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        found = self.held.take(np.arange(self.shape[0])[part])
        found.flags.writeable = False
        return found


def held(samples: Samples) -> HeldSamples:
    """Return samples as those that are made once if they fit, which images are already."""
    return samples.held if isinstance(samples, ImageSamples) else HeldSamples(samples)


def _read_images(paths: Sequence[Path], request: Request) -> Inputs:
    files, description = _list_images(paths)
    name, shape = request.image_input((1, 3), "give an .npz with an array per input")
    flags = request.preprocessing or Preprocessing()
    description = ", ".join(filter(None, (description, flags.told)))
    transformer = flags.transformer(shape, request.uncut)
    return Inputs({name: ImageSamples(files, transformer)}, description=description)


def _list_images(paths: Iterable[Path]) -> tuple[list[Path], str]:
    """Return the images of files and folders, and what to call them in a report."""
    images: list[Path] = []
    passed_over = 0
    for path in paths:
        if not path.is_dir():
            images.append(path)
            continue
        files = sorted(file for file in path.iterdir() if file.is_file())
        found = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        if not found:
            raise FormatError("the folder holds no image", file=path)
        images += found
        passed_over += len(files) - len(found)
    others = f" ({passed_over} files that are no images passed over)" if passed_over else ""
    return images, f"{len(images)} images{others}"
