"""Comparing lists of detections, whose number and order vary."""

from __future__ import annotations

import numpy as np

MATCHING_IOU = 0.5

IMAGE, LABEL, SCORE = 0, 1, 2
BOX = slice(3, 7)


def detections(blob: np.ndarray) -> np.ndarray:
    """Return the rows of a ``DetectionOutput`` blob that are detections.

    Args:
        blob: Shape (1, 1, n, 7): image in the batch, label, score, x1, y1, x2, y2. Caffe
            says "nothing found" by a row with the label -1; OpenCV fills up with zeros.

    Returns:
        float64 of shape (m, 7).
    """
    rows = blob.reshape(-1, 7).astype(np.float64)
    return rows[(rows[:, LABEL] >= 0) & rows[:, SCORE:].any(axis=1)]


def match_detections(
    a: np.ndarray, b: np.ndarray, least_iou: float = MATCHING_IOU
) -> tuple[np.ndarray, np.ndarray]:
    """Pair the detections that two nets have in common.

    Two match when they agree on image and label and overlap by ``least_iou``; the pairs that
    overlap most are made first, each detection in one pair at most.

    Args:
        a: Shape (n, 7).
        b: Shape (m, 7).
        least_iou: Intersection over union from which boxes match.

    Returns:
        The indices into ``a`` and those into ``b``, of equal length.
    """
    same = (a[:, None, :SCORE] == b[None, :, :SCORE]).all(axis=2)
    overlap = np.where(same, intersection_over_union(a[:, BOX], b[:, BOX]), 0)
    rows, columns = np.nonzero(overlap >= least_iou)
    order = np.argsort(-overlap[rows, columns], kind="stable")
    matches: dict[int, int] = {}
    taken: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist()):
        if row not in matches and column not in taken:
            matches[row] = column
            taken.add(column)
    return np.array([*matches], dtype=int), np.array([*matches.values()], dtype=int)


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the overlap of every box of ``a`` (n, 4) with every box of ``b`` (m, 4): (n, m).

    A box without area overlaps with itself entirely, and with nothing else.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(box[:, 2:] - box[:, :2], 0, None).prod(axis=1) for box in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - common
    same = (a[:, None] == b[None, :]).all(axis=2)
    return np.divide(common, union, out=same.astype(np.float64), where=union > 0)
