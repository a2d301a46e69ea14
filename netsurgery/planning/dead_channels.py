"""The planner of cuts that change nothing: channels and neurons that are dead already."""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, Optional

import numpy as np

from netsurgery.methods import Change, Edit, Prediction, fold_constants
from netsurgery.network import (
    ChannelGroup,
    Dead,
    Model,
    channel_groups,
    find_dead,
    require_fit,
    thin_model,
)
from netsurgery.planning.plan import Plan, Skipped
from netsurgery.progress import Progress, silent


def plan_dead_channels(model: Model, progress: Optional[Progress] = None) -> Plan:
    """Plan to cut all channels that a net can do without, exactly.

    Those go that nobody reads, and those that are constant where they are read, if a bias can take
    what they add. The last layers come first, as a channel that goes may have been the only reader
    of others; this goes on until nothing is left to cut. Where channels go round, as in residual
    branches, a group can have several edits, each for what the one before left.

    Args:
        model: The network with its weights.
        progress: Told each group of channels before it is looked at.

    Returns:
        The edits of method ``thin``; and for each group of which something dead stays, or in which
        nothing is dead, the reason.

    Raises:
        NetworkError: Prototxt and weights do not belong together, or the net is in the oldest
            layout.
    """
    require_fit(model)
    walk = _Walk(model)
    while walk.round(progress):
        pass
    left = (walk.left(dead) for dead in walk.dead.values())
    return Plan(tuple(walk.edits), tuple(one for one in left if one is not None))


class _Walk:
    """The model as it is after the edits so far."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.edits: List[Edit] = []
        self._spared: Dict[str, str] = {}
        self._look()

    def round(self, progress: Optional[Progress]) -> bool:
        """Cut what is dead in each group once, from the last to the first; whether anything was."""
        before = len(self.edits)
        names = [group.name for group in reversed(self.groups)]
        for name in (progress or silent).each(names, "dead channels", "groups"):
            if name in self.dead:
                self._cut(self.dead[name])
        return len(self.edits) > before

    def left(self, dead: Dead) -> Optional[Skipped]:
        """Why something dead stays in a group, or why nothing goes; None where all has gone."""
        group, name = dead.group, dead.group.name
        reasons = [self._spared[name]] if name in self._spared else []
        for why, count in Counter(dead.stuck.values()).items():
            reasons.append(f"{count} constant channels stay: {why}")
        if not reasons and all(edit.layer != name for edit in self.edits):
            reasons.append(group.blocked or group.approximate or "no channel is dead")
        return Skipped(name, "; ".join(reasons)) if reasons else None

    def _cut(self, dead: Dead) -> None:
        group = dead.group
        going = _most_that_may_go(group, dead.channels)
        if (going != dead.channels).any():
            self._spared[group.name] = _why_spared(group, int((dead.channels & ~going).sum()))
        if not going.any():
            return
        keep = np.flatnonzero(~going).tolist()
        options = {"keep": keep, "compensate": "constants"}
        predicted = Prediction(channels=Change(group.channels, len(keep)))
        self.edits.append(Edit(group.name, "thin", options, predicted))
        folded = fold_constants(self.model, self.groups, group, keep)
        self.model = thin_model(folded, self.groups, {group.name: keep})
        self._look()

    def _look(self) -> None:
        self.groups = channel_groups(self.model)
        self.dead: Dict[str, Dead] = find_dead(self.model, self.groups)


def _most_that_may_go(group: ChannelGroup, dead: np.ndarray) -> np.ndarray:
    """Dead channels without those that must stay for the sake of counts, or to be the last one."""
    going, before = dead.copy(), None
    while before is None or (going != before).any():
        before = going.copy()
        for rows in group.balanced:
            _even_out(going, rows)
        for cut in group.values:
            if np.append(going, False)[cut.channels].all():
                going[cut.channels[0]] = False
        going[0] &= not going.all()
    return going


def _even_out(going: np.ndarray, rows: np.ndarray) -> None:
    """Let as many channels of every row go, and never all."""
    most = min(int(going[rows].sum(axis=1).min()), rows.shape[1] - 1)
    for row in rows:
        while going[row].sum() > most:
            going[row[going[row]][-1]] = False


def _why_spared(group: ChannelGroup, count: int) -> str:
    if group.balanced:
        return f"{count} dead channels stay: the groups of a convolution keep as many, one at least"
    return f"{count} dead channels stay: a blob keeps one channel at least"
