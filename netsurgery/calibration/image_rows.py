"""Images that a data layer reads: decoded and transformed when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration.images import decode_image, import_cv2, read_image
from netsurgery.calibration.transformation import Transformation
from netsurgery.errors import FormatError
from netsurgery.formats import LmdbDatabase, read_datum

Read = Callable[[int, int], List[np.ndarray]]


class ImageRows:
    """Samples of one shape, read from image ``start`` to image ``stop``."""

    def __init__(self, count: int, read: Read, source: Path) -> None:
        """Look at the first.

        Args:
            count: Number of images.
            read: Answers the samples from one number to another, each (C, H, W).
            source: Where they are, for errors.

        Raises:
            FormatError: The first image cannot be read.
        """
        self._read, self._source = read, source
        (first,) = read(0, 1)
        self.shape: Tuple[int, ...] = (count, *first.shape)
        self.dtype = first.dtype

    @property
    def ndim(self) -> int:
        """Four."""
        return len(self.shape)

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, step = part.indices(self.shape[0])
        samples = self._read(start, stop)
        for sample in samples:
            if sample.shape != self.shape[1:]:
                raise FormatError(
                    f"holds images of {self.shape[1:]} and of {sample.shape}",
                    file=self._source,
                    remedy="make them of one size, or set crop_size in the transform_param",
                )
        return np.array(samples, self.dtype).reshape(-1, *self.shape[1:])[::step]


def database_rows(database: LmdbDatabase, transformation: Transformation) -> ImageRows:
    """Return the images of a database as Caffe's Data layer would feed them.

    Raises:
        FormatError: The first record cannot be read.
    """

    def sample(record: memoryview) -> np.ndarray:
        datum = read_datum(record)
        if datum.pixels is not None:
            return transformation(datum.pixels)
        encoded = np.frombuffer(datum.encoded, np.uint8)
        return transformation(_channels_first(decode_image(encoded, transformation.color)))

    def read(start: int, stop: int) -> List[np.ndarray]:
        return database.read(start, stop, sample)

    return ImageRows(database.count, read, database.folder)


def file_rows(
    files: Sequence[Path],
    size: Optional[Tuple[int, int]],
    color: bool,
    transformation: Transformation,
    source: Path,
) -> ImageRows:
    """Return image files as Caffe's ImageData layer would feed them.

    Args:
        files: The images.
        size: Height and width to resize to, or None.
        color: In three channels, BGR, or in one.
        transformation: What is done to them then.
        source: The file that lists them.

    Raises:
        FormatError: The first image cannot be read.
    """

    def sample(file: Path) -> np.ndarray:
        pixels = read_image(file, color)
        if size is not None:
            pixels = import_cv2().resize(pixels, size[::-1])
        try:
            return transformation(_channels_first(pixels))
        except FormatError as error:
            error.file = error.file or str(file)
            raise

    def read(start: int, stop: int) -> List[np.ndarray]:
        return [sample(file) for file in files[start:stop]]

    return ImageRows(len(files), read, source)


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    """(C, H, W) of what OpenCV decoded; Caffe takes bytes only."""
    if pixels.dtype != np.uint8:
        raise FormatError(f"is an image of {pixels.dtype}, and Caffe takes 8 bits per channel")
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)
