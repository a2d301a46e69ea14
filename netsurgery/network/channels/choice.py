"""Check which channels a user or a planner wants to keep."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Sequence

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.network.channels.groups import ChannelGroup

Masks = Dict[str, np.ndarray]


def read_choice(groups: Sequence[ChannelGroup], keep: Mapping[str, Sequence[int]]) -> Masks:
    """Return for each group in ``keep`` a mask of the channels that stay.

    Raises:
        PlanError: There is no such group or channel, or the choice cannot be carried out.
    """
    named = {group.name: group for group in groups}
    masks = {name: _mask(find_group(named, name), channels) for name, channels in keep.items()}
    for name, mask in masks.items():
        _check_pinned(named[name], mask)
        _check_balance(named[name], mask)
    _check_something_stays([named[name] for name in masks], masks)
    return masks


def find_group(groups: Mapping[str, ChannelGroup], name: str) -> ChannelGroup:
    """Return the group of a name.

    Raises:
        PlanError: There is none.
    """
    if name not in groups:
        raise PlanError(
            "there is no group of channels of that name",
            layer=name,
            remedy=f"the groups are {', '.join(groups)}",
        )
    return groups[name]


def _mask(group: ChannelGroup, channels: Iterable[int]) -> np.ndarray:
    kept = np.asarray(list(channels))
    numbers = kept.size == 0 or np.issubdtype(kept.dtype, np.integer)
    if not numbers or any(not 0 <= channel < group.channels for channel in kept.tolist()):
        raise PlanError(
            f"the channels to keep are not numbers from 0 to {group.channels - 1}",
            layer=group.name,
        )
    mask = np.zeros(group.channels, bool)
    mask[kept.astype(int)] = True
    return mask


def _check_pinned(group: ChannelGroup, mask: np.ndarray) -> None:
    for channel, reason in group.pinned.items():
        if not mask[channel]:
            raise PlanError(
                f"channel {channel} must stay: {reason}",
                layer=group.name,
                remedy="keep it; see `netsurgery channels`",
            )


def _check_balance(group: ChannelGroup, mask: np.ndarray) -> None:
    for rows in group.balanced:
        counts = mask[rows].sum(axis=1).tolist()
        if len(set(counts)) > 1:
            raise PlanError(
                f"a convolution in groups would keep {counts} channels in its groups",
                layer=group.name,
                remedy="keep as many in each",
            )


def _check_something_stays(groups: Iterable[ChannelGroup], masks: Masks) -> None:
    """A value, and every group of a convolution, keeps at least one channel."""
    staying: Dict[object, List[np.ndarray]] = {}
    for group in groups:
        mask = np.append(masks[group.name], True)
        for cut in group.values:
            staying.setdefault(cut.value, []).append(mask[cut.channels])
        emptied = any(not mask[rows].any() for rows in group.balanced)
        if emptied or not masks[group.name].any():
            raise PlanError("no channel would be left", layer=group.name, remedy="keep one")
    for value, found in staying.items():
        if not np.all(np.stack(found), axis=0).any():
            raise PlanError(f"{value} would be left without channels", remedy="keep one")
