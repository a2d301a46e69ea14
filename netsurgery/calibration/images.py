"""Images as ``caffe.io`` loads and resizes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from netsurgery.errors import FormatError, NetsurgeryError

# The weights of red, green and blue in what skimage, and so Caffe, takes for intensity.
_GREY = np.array([0.2125, 0.7154, 0.0721], dtype=np.float32)


def load_image(file: Union[str, Path], color: bool = True) -> np.ndarray:
    """Load an image as ``caffe.io.load_image`` does.

    Args:
        file: Any image format OpenCV decodes. Transparency is dropped, an EXIF rotation is not
            applied.
        color: RGB, or else intensity.

    Returns:
        float32 of shape (H, W, 3), or (H, W, 1) without ``color``, with values in [0, 1].

    Raises:
        FormatError: The file is not there, or is no image.
        NetsurgeryError: OpenCV is not installed.
    """
    pixels = read_image(file)
    if pixels.dtype.kind == "u":
        pixels = pixels / np.float32(np.iinfo(pixels.dtype).max)
    image = pixels.astype(np.float32, copy=False).reshape(*pixels.shape[:2], -1)
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2) if color else image
    image = image[:, :, 2::-1]
    return image if color else (image @ _GREY)[:, :, None]


def decode_image(data: np.ndarray, color: Optional[bool] = None) -> np.ndarray:
    """Decode an image as Caffe's data layers do.

    Args:
        data: The bytes of the file, uint8.
        color: In three channels, BGR, or else in one; as it is stored if None.

    Returns:
        (H, W), (H, W, 3) in BGR or (H, W, 4) in BGRA.

    Raises:
        FormatError: It is no image.
        NetsurgeryError: OpenCV is not installed.
    """
    cv2 = import_cv2()
    modes = {None: cv2.IMREAD_UNCHANGED, True: cv2.IMREAD_COLOR, False: cv2.IMREAD_GRAYSCALE}
    try:
        pixels = cv2.imdecode(data, modes[color]) if data.size else None
    except cv2.error as error:
        raise FormatError(f"not a readable image: {error}") from error
    if pixels is None:
        raise FormatError("not an image that OpenCV can decode")
    return pixels


def read_image(file: Union[str, Path], color: Optional[bool] = None) -> np.ndarray:
    """Decode an image file, see `decode_image`.

    Raises:
        FormatError: The file is not there, or is no image.
        NetsurgeryError: OpenCV is not installed.
    """
    import_cv2()
    try:
        return decode_image(np.fromfile(file, dtype=np.uint8), color)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", file=file) from error
    except FormatError as error:
        error.file = str(file)
        raise


def import_cv2() -> Any:
    """Return OpenCV.

    Raises:
        NetsurgeryError: It is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise NetsurgeryError(
            "reading images needs OpenCV", remedy="pip install 'netsurgery[opencv]'"
        ) from error
    return cv2


def resize_image(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    r"""Resize linearly as ``caffe.io.resize_image`` does on today's scikit-image.

    An image is smoothed before it is made smaller. Beyond the border an image is as dark as
    its darkest pixel. (scikit-image before 0.15 did not smooth.)

    Args:
        image: Shape (H, W, C).
        size: New height and width.

    Returns:
        float32 of shape (\*size, C); the image itself where it has that size already.
    """
    if image.shape[:2] == tuple(size):
        return image.astype(np.float32, copy=False)
    from scipy import ndimage

    low, high = image.min(), image.max()
    if high == low:
        return np.full((*size, image.shape[2]), low, dtype=np.float32)
    shrink = np.array([*(old / new for old, new in zip(image.shape, size)), 1.0])
    unit = (image - low) / (high - low)
    if shrink.max() > 1:
        sigma = np.maximum(0, (shrink - 1) / 2)
        unit = ndimage.gaussian_filter(unit, sigma, mode="grid-constant")
    unit = ndimage.zoom(unit, 1 / shrink, order=1, mode="grid-constant", grid_mode=True)
    return (unit * (high - low) + low).astype(np.float32)
