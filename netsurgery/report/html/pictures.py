"""What both nets make of an input, as pictures: boxes on the photo, maps and their difference."""

from __future__ import annotations

import io
from typing import Any, Iterator, List, Sequence, Tuple

import numpy as np

from netsurgery.jobs import ShownPicture
from netsurgery.quality import DETECTIONS, PICTURE, SCORE, detections
from netsurgery.report.html.document import Picture, Pictures

_SURE, _MOST = 0.3, 60
"""The score from which on a box is drawn, and how many there are at most."""
# Okabe and Ito (2008), black first: what is most is often the background.
_PALETTE = np.array(
    [
        (0, 0, 0),
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
    ]
)
Frame = Tuple[str, str, float, float, float, float]


def pictures_of(shown: ShownPicture) -> Pictures:
    """Return what both nets make of an input, to be looked at.

    Args:
        shown: The input and what they make of it.
    """
    if shown.kind == DETECTIONS:
        return _detections(shown)
    return _picture(shown) if shown.kind == PICTURE else _segmentation(shown)


def _detections(shown: ShownPicture) -> Pictures:
    found = [_frames(name, array, shown.photo.shape) for name, array in _both(shown)]
    counts = [len(frames) for frames in found]
    caption = f"{shown.output}: {counts[0]} boxes of the original (blue, drawn through), "
    caption += f"{counts[1]} of the new net (orange, dashed); those of a score of {_SURE} and more."
    photo = _as_picture(shown.photo, "both sets of boxes", [*found[0], *found[1]])
    return Pictures([photo], caption)


def _both(shown: ShownPicture) -> Iterator[Tuple[str, np.ndarray]]:
    yield "before", shown.before
    yield "after", shown.after


def _frames(kind: str, array: np.ndarray, shape: Tuple[int, ...]) -> List[Frame]:
    rows = detections(array)
    rows = rows[rows[:, SCORE] >= _SURE]
    height, width = shape[:2]
    frames = []
    for row in rows[np.argsort(-rows[:, SCORE])][:_MOST]:
        left, top, right, bottom = np.clip(row[3:7], 0, 1) * (width, height, width, height)
        place = (round(float(one), 1) for one in (left, top, right - left, bottom - top))
        frames.append((kind, f"{kind}: class {int(row[1])}, score {row[SCORE]:.3f}", *place))
    return frames  # type: ignore[return-value]


def _picture(shown: ShownPicture) -> Pictures:
    order = list(shown.swapped) if len(shown.before) == 3 else [0, 0, 0]
    before, after = (array[order].transpose(1, 2, 0) for _, array in _both(shown))
    low, high = float(before.min()), float(before.max())
    span = (high - low) or 1.0
    apart = np.abs(before - after)
    largest = float(apart.max()) or 1.0
    told = f"their difference, stretched: white is {largest / span:.3%} of the range"
    return Pictures(
        [
            _as_picture((before - low) / span, "the original"),
            _as_picture((after - low) / span, "the new net"),
            _as_picture(apart / largest, told),
        ],
        shown.output,
    )


def _segmentation(shown: ShownPicture) -> Pictures:
    before, after = (array.argmax(axis=0) for _, array in _both(shown))
    other = before != after
    colours = [_PALETTE[classes % len(_PALETTE)] / 255.0 for classes in (before, after)]
    told = f"white where they tell another class: {other.mean():.2%}"
    return Pictures(
        [
            _as_picture(shown.photo, "the input"),
            _as_picture(colours[0], "the original"),
            _as_picture(colours[1], "the new net"),
            _as_picture(np.repeat(other[..., None], 3, axis=2).astype(float), told),
        ],
        f"{shown.output}: a colour a class",
    )


def _as_picture(image: np.ndarray, caption: str, frames: Sequence[Frame] = ()) -> Picture:
    from matplotlib.image import imsave

    out = io.BytesIO()
    # Without the name of what wrote it, the same picture is the same bytes.
    unsigned: Any = {"Software": None}
    imsave(out, np.clip(image, 0, 1), format="png", metadata=unsigned)
    height, width = image.shape[:2]
    return Picture(out.getvalue(), caption, width, height, frames)
