"""From labels to decisions: what goes as one, what is one group, and what has to stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

import numpy as np

from netsurgery.layers import UnionFind
from netsurgery.network.channels.propagation import Trace

_ALONE = "a blob would be left without channels: {} has no other"


@dataclass(frozen=True)
class Decisions:
    """Labels, counted by group and by channel of the group.

    Attributes:
        group_of: For each label its group, -1 for what is no channel of a layer or input.
        channel_of: For each label its channel in that group.
        names: The first origin of each group.
        origins: All origins of each group.
        counts: Number of channels of each group.
        pinned: For each group, the channels that stay, and why.
        approximate: For each group, why removing channels is not exact.
        balanced: For each group, matrices of channels with equal counts in all rows.
    """

    group_of: np.ndarray
    channel_of: np.ndarray
    names: List[str]
    origins: List[Tuple[str, ...]]
    counts: List[int]
    pinned: List[Dict[int, str]]
    approximate: List[List[str]]
    balanced: List[List[np.ndarray]]


def decide(trace: Trace) -> Decisions:
    """Sort the labels of a network into groups and channels."""
    roots = trace.ties.decisions()
    families = _families(trace, roots)
    origins: Dict[int, List[str]] = {}
    for name, start, _ in trace.ties.origins:
        origins.setdefault(int(families[start]), []).append(name)
    group_of, channel_of = np.full((2, len(roots)), -1)
    counts = []
    by_family = np.argsort(families, kind="stable")
    starts = np.searchsorted(families[by_family], [*origins], "left")
    ends = np.searchsorted(families[by_family], [*origins], "right")
    for number, (start, end) in enumerate(zip(starts, ends)):
        mine = by_family[start:end]
        decisions, channels = np.unique(roots[mine], return_inverse=True)
        group_of[mine], channel_of[mine] = number, channels.ravel()
        counts.append(len(decisions))
    pins = _pins(trace, roots)
    return Decisions(
        group_of,
        channel_of,
        [names[0] for names in origins.values()],
        [tuple(dict.fromkeys(names)) for names in origins.values()],
        counts,
        _pinned_channels(pins, group_of, channel_of, len(counts)),
        _approximations(trace, group_of, len(counts)),
        _balances(trace, group_of, channel_of, len(counts)),
    )


def _families(trace: Trace, roots: np.ndarray) -> np.ndarray:
    """Join all that one layer makes, and all that must be balanced."""
    families = UnionFind(len(roots))
    if len(roots):
        families.join(np.arange(len(roots)), roots)
    for _, start, stop in trace.ties.origins:
        families.join(roots[start:stop], roots[start])
    for rows in trace.ties.balances:
        families.join(rows, rows[0, 0])
    return families.roots()


def _pins(trace: Trace, roots: np.ndarray) -> Dict[int, str]:
    """For each decision that cannot be made, the first reason."""
    pins: Dict[int, str] = {}

    def pin(labels: np.ndarray, reason: str) -> None:
        for root in np.unique(roots[labels]).tolist():
            pins.setdefault(root, reason)

    for labels, reason in trace.ties.pins:
        pin(labels, reason)
    for value, held in trace.labels.items():
        if held is not None and len(np.unique(roots[held])) == 1:
            pin(held, _ALONE.format(value))
    rows_left = True
    while rows_left:
        rows_left = False
        for rows in trace.ties.balances:
            stuck = [all(root in pins for root in row) for row in roots[rows].tolist()]
            if any(stuck) and not all(stuck):
                pin(rows, "the groups of a convolution keep as many, and one of them keeps all")
                rows_left = True
    return pins


def _pinned_channels(
    pins: Dict[int, str], group_of: np.ndarray, channel_of: np.ndarray, groups: int
) -> List[Dict[int, str]]:
    found: List[Dict[int, str]] = [{} for _ in range(groups)]
    for root, reason in sorted(pins.items()):
        if group_of[root] >= 0:
            found[group_of[root]][int(channel_of[root])] = reason
    return found


def _approximations(trace: Trace, group_of: np.ndarray, groups: int) -> List[List[str]]:
    found: List[List[str]] = [[] for _ in range(groups)]
    for labels, reason in trace.ties.approximations:
        for group in np.unique(group_of[labels]).tolist():
            if group >= 0:
                found[group].append(reason)
    return found


def _balances(
    trace: Trace, group_of: np.ndarray, channel_of: np.ndarray, groups: int
) -> List[List[np.ndarray]]:
    found: List[List[np.ndarray]] = [[] for _ in range(groups)]
    for rows in trace.ties.balances:
        group = int(group_of[rows[0, 0]])
        if group >= 0:
            found[group].append(channel_of[rows])
    return found
