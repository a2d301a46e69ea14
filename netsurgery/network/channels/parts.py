"""Parts of channels that must not be emptied: what a Slice makes, and what nothing else fills."""

from __future__ import annotations

from typing import Dict, List, Optional, Set, Tuple

import numpy as np

from netsurgery.linalg import smallest_sets
from netsurgery.network.channels.decisions import Decisions
from netsurgery.network.channels.propagation import Trace


def find_parts(trace: Trace, decisions: Decisions) -> List[Tuple[Tuple[int, ...], ...]]:
    """Return for each group the sets of its channels of which one at least stays each.

    Where a value holds channels of several groups, as behind a Concat, the group that has most
    of them keeps one: so each group can be cut without a look at the others.
    """
    found: List[List[np.ndarray]] = [[] for _ in decisions.names]
    seen: Set[bytes] = set()
    for labels in trace.labels.values():
        if labels is None or labels.size < 2:
            continue  # what a blob has only one of is pinned
        own = np.unique(labels)
        if own.tobytes() in seen:
            continue
        seen.add(own.tobytes())
        part = _part(own, decisions)
        if part is not None:
            found[part[0]].append(part[1])
    return [smallest_sets(sets) for sets in found]


def _part(labels: np.ndarray, decisions: Decisions) -> Optional[Tuple[int, np.ndarray]]:
    """A group and those of its channels that a value holds; None where something stays anyway."""
    groups, channels = decisions.group_of[labels], decisions.channel_of[labels]
    of_group: Dict[int, np.ndarray] = {
        group: np.unique(channels[groups == group]) for group in np.unique(groups).tolist()
    }
    for group, own in of_group.items():
        if group < 0 or len(own) == decisions.counts[group]:
            return None
        if not decisions.pinned[group].keys().isdisjoint(own.tolist()):
            return None
    most = max(of_group, key=lambda group: len(of_group[group]))
    return most, of_group[most]
