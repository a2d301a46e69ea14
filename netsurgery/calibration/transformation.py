"""What Caffe's data layers do to an image: ``transform_param``, as in the phase TEST."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Tuple

import numpy as np

from netsurgery.errors import FormatError


@dataclass(frozen=True, eq=False)
class Transformation:
    """The centre of an image, less a mean, times a factor: ``(x - mean) * scale`` in float32.

    Attributes:
        scale: The factor.
        mean: float32, a value for each channel, shape (C, 1, 1) or (1, 1, 1), or an image as large
            as those before they are cut, shape (C, H, W); or None.
        crop: Height and width to cut out of the centre, or None.
        color: How an encoded image is decoded: as it is (None), in three channels (True) or one.
    """

    scale: float = 1.0
    mean: Optional[np.ndarray] = None
    crop: Optional[Tuple[int, int]] = None
    color: Optional[bool] = None

    @property
    def uncut(self) -> Transformation:
        """The same without the cut: what it makes holds all that could be cut out."""
        return replace(self, crop=None)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return the float32 sample of an image of shape (C, H, W).

        Raises:
            FormatError: The image does not fit.
        """
        sample = pixels.astype(np.float32)
        if self.mean is not None:
            if self.mean.shape[1:] != (1, 1) and self.mean.shape != pixels.shape:
                raise FormatError(
                    f"is of shape {pixels.shape}, but the mean image of shape {self.mean.shape}"
                )
            if self.mean.shape[0] not in (1, len(pixels)):
                raise FormatError(f"has {len(pixels)} channels, but the mean {len(self.mean)}")
            sample -= self.mean
        return self._centre(sample) * np.float32(self.scale)

    def _centre(self, sample: np.ndarray) -> np.ndarray:
        if self.crop is None:
            return sample
        height, width = self.crop
        top, left = (sample.shape[1] - height) // 2, (sample.shape[2] - width) // 2
        if top < 0 or left < 0:
            raise FormatError(
                f"is of shape {sample.shape}, smaller than the {height} x {width} cut out of it"
            )
        return sample[:, top : top + height, left : left + width]
