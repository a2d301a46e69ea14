"""What Caffe's classic scripts do to an image before the net sees it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Optional

import numpy as np

from netsurgery.calibration.images import resize_image
from netsurgery.errors import FormatError, NetsurgeryError, Remedy
from netsurgery.formats import read_mean
from netsurgery.validation import require_fields


@dataclass(frozen=True)
class Preprocessing:
    """The flags of Caffe's ``classify.py``, with its defaults, in the order they are applied.

    An RGB or grey image with values in [0, 1] is resized to ``images_dim`` and its centre cut
    out (without ``images_dim``: resized to the net's input), its channels put first and
    swapped, then ``(x * raw_scale - mean) * input_scale``.

    Attributes:
        images_dim: Height and width to resize to before the centre of the net's size is cut out.
        channel_swap: New order of the channels; by default 2,1,0 (RGB to BGR) for three.
        raw_scale: Factor before the mean is subtracted.
        mean: One value per channel, or one for all, in the order after ``channel_swap``.
        mean_file: ``.npy`` or ``.binaryproto`` in place of ``mean``: (C,), (H, W) or (C, H, W),
            resized to the net's input where it has another height or width.
        input_scale: Factor after the mean was subtracted.
        preset: The name or the file of the preset that says so, if one does.
        overrides: What was said beside it, and goes before it.
    """

    images_dim: Optional[tuple[int, int]] = None
    channel_swap: Optional[tuple[int, ...]] = None
    raw_scale: float = 255.0
    mean: Optional[tuple[float, ...]] = None
    mean_file: Optional[str] = None
    input_scale: Optional[float] = None
    preset: Optional[str] = None
    overrides: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The preset in words, with what goes before it; empty where there is none."""
        if self.preset is None:
            return ""
        but = f" but for {', '.join(self.overrides)}" if self.overrides else ""
        return f"prepared as {self.preset}{but}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: what is not as it is by default."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if value not in (None, ())
        }

    def __post_init__(self) -> None:
        if self.mean is not None and self.mean_file is not None:
            raise NetsurgeryError("both a mean and a mean file are given", remedy="give one")
        if isinstance(self.images_dim, (tuple, list)) and len(self.images_dim) != 2:
            given = ",".join(map(str, self.images_dim))
            problem = f"images_dim {given} is not a height and a width"
            raise NetsurgeryError(problem, remedy="write both, such as 256,256")
        require_fields(self)

    def transformer(self, shape: tuple[int, int, int], uncut: bool = False) -> Transformer:
        """Return what turns images into samples of ``shape`` (C, H, W).

        Args:
            shape: That of a sample.
            uncut: Samples are as large as ``images_dim`` says, from which others can be cut out.

        Raises:
            NetsurgeryError: The flags do not fit that shape.
            FormatError: The mean file is not readable, or has another number of channels.
        """
        channels = shape[0]
        swap = self.channel_swap or ((2, 1, 0) if channels == 3 else tuple(range(channels)))
        if sorted(swap) != list(range(channels)):
            raise NetsurgeryError(
                f"channel swap {','.join(map(str, swap))} is not an order of {channels} channels"
            )
        if self.images_dim and (self.images_dim[0] < shape[1] or self.images_dim[1] < shape[2]):
            raise NetsurgeryError(
                f"images_dim {self.images_dim[0]},{self.images_dim[1]} is smaller than the net's "
                f"input {shape[1]},{shape[2]}",
                remedy="give at least that size, or leave images_dim out",
            )
        mean = self._mean(shape)
        if uncut and self.images_dim:
            if mean is not None and mean.shape[1:] != (1, 1):
                raise NetsurgeryError(
                    "a mean image is as large as the net's input, so that it belongs to the centre "
                    "of an image alone, and not to what is cut out elsewhere",
                    file=self.mean_file,
                    remedy=Remedy("give its mean for each channel as {}", "mean"),
                )
            shape = (channels, *self.images_dim)
        return Transformer(self, shape, swap, mean)

    def _mean(self, shape: tuple[int, int, int]) -> Optional[np.ndarray]:
        if self.mean_file is not None:
            return _fit_mean(read_mean_file(self.mean_file), shape, self.mean_file)
        if self.mean is None:
            return None
        if len(self.mean) not in (1, shape[0]):
            raise NetsurgeryError(
                f"{len(self.mean)} mean values for an input of {shape[0]} channels",
                remedy="give one value, or one per channel",
            )
        return np.asarray(self.mean, dtype=np.float64).reshape(-1, 1, 1)


@dataclass(frozen=True, eq=False)
class Transformer:
    """A `Preprocessing` made ready for one input shape, its mean read and fitted.

    Attributes:
        preprocessing: The flags.
        shape: (C, H, W) of a sample.
        swap: The order of the channels.
        mean: float64 array that broadcasts to ``shape``, or None.
    """

    preprocessing: Preprocessing
    shape: tuple[int, int, int]
    swap: tuple[int, ...]
    mean: Optional[np.ndarray]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the (C, H, W) float32 sample of an (H', W', C) float32 image in [0, 1]."""
        flags, size = self.preprocessing, self.shape[1:]
        image = resize_image(image, flags.images_dim or size)
        top, left = ((image.shape[axis] - size[axis]) // 2 for axis in (0, 1))
        sample = image[top : top + size[0], left : left + size[1]].transpose(2, 0, 1)
        sample = sample[list(self.swap)] * np.float32(flags.raw_scale)
        if self.mean is not None:
            sample -= self.mean
        if flags.input_scale is not None:
            sample *= np.float32(flags.input_scale)
        return sample


def read_mean_file(file: str) -> np.ndarray:
    """Read a mean from an ``.npy`` or a ``.binaryproto``.

    Raises:
        FormatError: It is not readable.
    """
    if Path(file).suffix != ".npy":
        return read_mean(file)
    try:
        mean = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(f"not a readable .npy mean: {error}", file=file) from error
    if not isinstance(mean, np.ndarray) or mean.dtype.kind not in "biuf":
        raise FormatError("a mean is one array of numbers", file=file)
    if not np.isfinite(mean).all():
        raise FormatError("the mean holds NaN or infinity", file=file)
    return mean


def _fit_mean(mean: np.ndarray, shape: tuple[int, int, int], file: str) -> np.ndarray:
    """Bring a mean of any accepted shape to one that broadcasts to ``shape`` (C, H, W)."""
    wanted = {1: lambda m: m[:, None, None], 2: lambda m: m[None], 3: lambda m: m}
    if mean.ndim == 4 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim not in wanted:
        raise FormatError(f"a mean of shape {mean.shape} is neither (C,) nor (C, H, W)", file=file)
    mean = wanted[mean.ndim](mean).astype(np.float64)
    if mean.shape[0] != shape[0]:
        raise FormatError(
            f"the mean has {mean.shape[0]} channels, the net's input {shape[0]}", file=file
        )
    if mean.shape[1:] in ((1, 1), shape[1:]):
        return mean
    return resize_image(mean.transpose(1, 2, 0), shape[1:]).transpose(2, 0, 1)
