"""Boxes that a face detector leaves to be decoded, as rows of Caffe's DetectionOutput."""

from __future__ import annotations

from typing import List

import numpy as np

from netsurgery.quality.matching import BOX, SCORE, intersection_over_union

SIZE = (240, 320)
STRIDES = (8, 16, 32, 64)
SIDES = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
OVERLAP = 0.3
"""Of two boxes that are taken for one, as the authors have it."""


def priors() -> np.ndarray:
    """Return what the boxes of UltraFace are relative to: centre x, y, width, height, (4420, 4).

    In shares of the image (Linzaer, Ultra-Light-Fast-Generic-Face-Detector-1MB).
    """
    found: List[List[float]] = []
    high, wide = SIZE
    for stride, sides in zip(STRIDES, SIDES):
        rows, columns = -(-high // stride), -(-wide // stride)
        for row in range(rows):
            for column in range(columns):
                centre = [(column + 0.5) * stride / wide, (row + 0.5) * stride / high]
                found += [[*centre, side / wide, side / high] for side in sides]
    return np.clip(np.array(found), 0, 1)


def decode(scores: np.ndarray, boxes: np.ndarray, least: float) -> np.ndarray:
    """Return the faces of images, best first, without those that overlap a better one.

    Args:
        scores: Shape (N, 4420, 2), the second that of a face.
        boxes: Shape (N, 4420, 4), relative to the priors.
        least: Score from which a box is a face.

    Returns:
        Shape (m, 7): image, label, score, x1, y1, x2, y2.
    """
    prior = priors()
    centres = prior[:, :2] + boxes[..., :2] * CENTRE_VARIANCE * prior[:, 2:]
    halves = prior[:, 2:] * np.exp(boxes[..., 2:] * SIZE_VARIANCE) / 2
    corners = np.concatenate([centres - halves, centres + halves], axis=2)
    found = [np.empty((0, 7))]
    for image, (score, corner) in enumerate(zip(scores[..., 1], corners)):
        sure = np.flatnonzero(score >= least)
        rows = np.zeros((len(sure), 7))
        rows[:, :SCORE] = image, 1
        rows[:, SCORE], rows[:, BOX] = score[sure], corner[sure]
        found.append(_apart(rows[np.argsort(-rows[:, SCORE], kind="stable")]))
    return np.concatenate(found)


def _apart(rows: np.ndarray) -> np.ndarray:
    overlap = intersection_over_union(rows[:, BOX], rows[:, BOX])
    kept: List[int] = []
    for number in range(len(rows)):
        if not (overlap[number, kept] > OVERLAP).any():
            kept.append(number)
    return rows[kept]
