"""Channels that go some at a time, with a tuning after each (Molchanov et al. 2017)."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.costs import MACS, PARAMS, ChannelCost, NetCost
from netsurgery.criteria import WEIGHTS, Criterion, View, within_parts
from netsurgery.errors import PlanError
from netsurgery.formats import Prototxt
from netsurgery.methods import Edit
from netsurgery.network import ChannelGroup, Model, channel_groups
from netsurgery.planning import Plan
from netsurgery.progress import Progress, silent
from netsurgery.pruning.loop_state import LoopRound, Rounds
from netsurgery.surgery import operate, replay
from netsurgery.training import Tuned

TuneThinned = Callable[[Model, Optional[Prototxt], Optional[float], Path], Tuned]
"""Tunes a thinned net by its train prototxt, if it has one, at a learning rate, or at one that is
yet to be found, with its states in a folder."""
LEAST_OF_BLOCK = 2
"""Channels that stay of a block, where convolutions in groups divide them into several."""


class Thinned(NamedTuple):
    """A net without some of its channels.

    Attributes:
        model: The net.
        train_val: The text that it is trained by, rewritten alike; None where there is none.
    """

    model: Model
    train_val: Optional[Prototxt]


class ThinnedInRounds(NamedTuple):
    """What came of the loop.

    Attributes:
        tuned: The tuning of the last round, with the net.
        train_val: The text that it is trained by, if there is one.
        rounds: What came of each.
    """

    tuned: Tuned
    train_val: Optional[Prototxt]
    rounds: Tuple[LoopRound, ...]


def thin_in_rounds(
    model: Model,
    criterion: Criterion,
    macs: float,
    remove: int,
    tune: TuneThinned,
    folder: Path,
    *,
    calibrator_of: Callable[[int], Optional[Calibrator]],
    train_val: Optional[Prototxt] = None,
    seed: int = 0,
    progress: Progress = silent,
) -> ThinnedInRounds:
    """Take the least channels out of a net and tune what is left, until it computes little enough.

    In every round the net is physically thinner, and tuned by a new solver, which remembers
    nothing. All rounds have the learning rate of the first.

    Args:
        model: The net.
        criterion: Which channels go first.
        macs: The share of its multiply-accumulates that is to be left.
        remove: How many channels go in a round; the last takes no more than it must.
        tune: Tunes.
        folder: Keeps the rounds: a loop that was killed goes on from there.
        calibrator_of: Returns what runs the inputs that rank the channels of a round.
        train_val: The text that the net is trained by.
        seed: Of what is drawn.
        progress: Told each round.

    Raises:
        PlanError: The net computes no more already, or cannot be made to compute as little.
        NetworkError: What it computes is not known, as a shape is not.
        FormatError: What is in the folder is damaged, or cannot be written.
        EngineError: There is no engine that can do it, or the net went to pieces.
    """
    rounds = Rounds(folder, model)
    whole = NetCost(model).total[MACS]
    limit = macs * whole

    def begin(number: int, net: Model, text: Optional[Prototxt]) -> None:
        calibrator = calibrator_of(number)
        with progress.task("removing channels"):
            keep = choose_channels(net, criterion, limit, remove, calibrator, seed)
            if calibrator is not None:
                calibrator.sessions.close()  # the solver needs the memory
            found = without_channels(net, keep, text)
            rounds.begin(number, found.model, {}, found.train_val)

    if not rounds.newest:
        begin(1, model, train_val)
    done = list(rounds.finished(rounds.newest - 1))
    with progress.task("rounds", 100, "% of what is to go") as task:
        while True:
            number = rounds.newest
            start = rounds.read(number)
            rate = done[0].facts["rate"] if done else None
            with progress.task(f"round {number}"):
                tuned = tune(start.model, start.train_val, rate, rounds.path(number))
            facts = {**facts_of(start.model), "rate": tuned.solver.base_lr}
            done.append(LoopRound.tuned(number, facts, tuned))
            rounds.finish(done[-1])
            gone = min(1.0, (whole - facts["macs"]) / (whole - limit))
            task.advance(round(100 * gone) - task.done, item=f"round {number} done")
            if facts["macs"] <= limit:
                return ThinnedInRounds(tuned, start.train_val, tuple(done))
            begin(number + 1, tuned.model, start.train_val)


def facts_of(model: Model) -> Dict[str, float]:
    """Return how large a net is: its channels that could be cut, MACs and parameters."""
    total = NetCost(model).total
    channels = sum(group.channels for group in channel_groups(model) if not group.blocked)
    return {"channels": channels, "macs": total[MACS], "params": total[PARAMS]}


def choose_channels(
    model: Model,
    criterion: Criterion,
    limit: float,
    remove: int,
    calibrator: Optional[Calibrator] = None,
    seed: int = 0,
) -> Dict[str, List[int]]:
    """Return the channels that stay when the least of all groups go.

    Groups that the criterion cannot rank stay whole. Blocks of channels that must keep as many as
    each other lose one in turn, and count as many.

    Args:
        model: The net.
        criterion: Which channels go first.
        limit: Multiply-accumulates at which no more go.
        remove: How many go at most, to one block.
        calibrator: Runs inputs, for a criterion that looks at what the net computes.
        seed: Of what is drawn.

    Returns:
        For each group that loses some the channels that stay, rising.

    Raises:
        PlanError: The net computes no more already; nothing more can go.
    """
    groups = [group for group in channel_groups(model) if not group.blocked]
    cost = ChannelCost(NetCost(model), groups, [MACS])
    if cost.now[MACS] <= limit:
        raise PlanError(
            f"it computes {cost.now[MACS]:,.0f} multiply-accumulates, which is no more than is to "
            "be left",
            file=model.prototxt.file,
            remedy="ask for a smaller share",
        )
    waiting = _queues([View(model, group, calibrator, seed) for group in groups], criterion)
    masks = {group.name: np.ones(group.channels, bool) for group in groups}
    gone = 0
    while gone < remove and cost.now[MACS] > limit:
        heads = [queue for queue in waiting if queue.units]
        if not heads:
            break
        queue = min(heads, key=lambda one: one.units[0].loss)
        unit = queue.units.pop(0)
        mask = masks[queue.group.name].copy()
        mask[unit.channels] = False
        cost.take(queue.group.name, mask)
        masks[queue.group.name] = mask
        gone += len(unit.channels)
    if not gone:
        raise PlanError(
            f"no channel is left that could go, at {cost.now[MACS]:,.0f} multiply-accumulates of "
            f"{limit:,.0f} that are to be left",
            file=model.prototxt.file,
            remedy="ask for a larger share",
        )
    return {name: np.flatnonzero(mask).tolist() for name, mask in masks.items() if not mask.all()}


class _Unit(NamedTuple):
    """Channels that go together, and what that costs."""

    channels: np.ndarray
    loss: float


class _Queue(NamedTuple):
    """The units of a group, in their order."""

    group: ChannelGroup
    units: List[_Unit]


def _queues(views: List[View], criterion: Criterion) -> List[_Queue]:
    """What goes of each group that the criterion can rank; never its last block."""
    if views and criterion.needs != WEIGHTS:
        views[0].require_calibrator()
    criterion.prepare(views)
    found = []
    for view in views:
        try:
            ranking = within_parts(criterion.ranking(view), view)
        except PlanError:  # nothing makes its channels, or they are in uneven blocks
            continue
        size, group = len(view.blocks or [[]]), view.group
        # With one channel a block, a convolution in groups would be another group of channels.
        least = size * LEAST_OF_BLOCK if size > 1 else 1
        most = group.channels - max(least, len(group.pinned))
        starts = range(0, min(len(ranking.order), most) - size + 1, size)
        units = [
            _Unit(ranking.order[at : at + size], float(ranking.losses[at : at + size].mean()))
            for at in starts
        ]
        found.append(_Queue(view.group, units))
    return found


def without_channels(
    model: Model, keep: Dict[str, List[int]], train_val: Optional[Prototxt] = None
) -> Thinned:
    """Return a net that is physically thinner.

    Args:
        model: The net.
        keep: For groups that lose channels, those that stay.
        train_val: The text that the net is trained by, which is rewritten alike.

    Raises:
        PlanError: The cuts cannot be carried out.
    """
    edits = [
        Edit(name, "thin", {"keep": kept, "compensate": "none"}) for name, kept in keep.items()
    ]
    surgery = operate(model, Plan(tuple(edits)))
    text = None if train_val is None else replay(surgery, train_val).prototxt
    return Thinned(surgery.model, text)
