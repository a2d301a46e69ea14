"""Inputs from files: arrays as they are, images as Caffe's classic scripts prepare them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

import numpy as np

from netsurgery.calibration.arrays import Shape, read_arrays
from netsurgery.calibration.images import load_image
from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.labels import read_labels
from netsurgery.calibration.preprocessing import Preprocessing, Transformer
from netsurgery.errors import FormatError, NetsurgeryError

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
) -> Inputs:
    """Read samples for a net from an ``.npz`` or ``.npy`` file, or from images.

    Arrays hold what the net is fed, without preprocessing. In an ``.npz`` they bear the names
    of the net's inputs (one of any other name goes to the only input) and may stand beside
    an array ``labels``. A sample with one axis more than the net's input less its axis 0 is a
    whole blob, see `Inputs`.

    Args:
        paths: One array file, or images and folders of images (taken in the order of names).
        shapes: The declared shape of each input of the net, axis 0 included.
        preprocessing: For images: the classic flags.
        labels: Text file: a class per line in the order of the samples, or ``name class``.

    Raises:
        FormatError: A file is not readable, or is not what its name says.
        NetsurgeryError: The samples do not fit the net's inputs.
    """
    files = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    if len(files) == 1 and files[0].suffix in (".npy", ".npz"):
        if preprocessing is not None:
            raise NetsurgeryError(
                "preprocessing is for images, arrays are fed as they are",
                file=files[0],
                remedy="leave the preprocessing flags out",
            )
        inputs, names = read_arrays(files[0], shapes), []
    else:
        images, description = _list_images(files)
        inputs = _image_inputs(images, shapes, preprocessing or Preprocessing(), description)
        names = [image.name for image in images]
    if labels is None:
        return inputs
    return replace(inputs, labels=read_labels(Path(labels), len(inputs), names))


class ImageSamples:
    """Images that are decoded and preprocessed when they are asked for.

    Attributes:
        files: The images.
        transformer: What makes samples of them.
    """

    def __init__(self, files: Sequence[Path], transformer: Transformer) -> None:
        self.files = tuple(files)
        self.transformer = transformer

    @property
    def shape(self) -> Shape:
        """(N, C, H, W)."""
        return (len(self.files), *self.transformer.shape)

    @property
    def ndim(self) -> int:
        """Four."""
        return len(self.shape)

    def __getitem__(self, part: Any) -> Any:
        files = self.files[part]
        color = self.transformer.shape[0] == 3
        return np.stack([self.transformer(load_image(file, color)) for file in files])


def _image_inputs(
    files: Sequence[Path], shapes: Mapping[str, Shape], flags: Preprocessing, description: str
) -> Inputs:
    shape = next(iter(shapes.values())) if len(shapes) == 1 else ()
    if len(shape) != 4 or shape[1] not in (1, 3):
        inputs = ", ".join(f"{name!r} {shape}" for name, shape in shapes.items())
        raise NetsurgeryError(
            f"images need a net with one input of 1 or 3 channels, not {inputs or 'none'}",
            remedy="give an .npz with an array per input",
        )
    samples = ImageSamples(files, flags.transformer((shape[1], shape[2], shape[3])))
    return Inputs({next(iter(shapes)): samples}, description=description)


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
