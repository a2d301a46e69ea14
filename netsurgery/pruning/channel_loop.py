"""Channels that go some at a time, with a tuning after each (Molchanov et al. 2017)."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from netsurgery.calibration import Calibrator
from netsurgery.costs import MACS, PARAMS, NetCost
from netsurgery.criteria import Criterion
from netsurgery.formats import Prototxt
from netsurgery.methods import Edit
from netsurgery.network import Model, channel_groups
from netsurgery.planning import Plan, Skipped
from netsurgery.progress import Progress, Task, silent
from netsurgery.pruning.channel_choice import choose_channels
from netsurgery.pruning.loop_length import LoopLength
from netsurgery.pruning.loop_state import LoopRound, Rounds
from netsurgery.surgery import operate, replay
from netsurgery.training import Tuned

TuneThinned = Callable[[Model, Optional[Prototxt], Optional[float], Path], Tuned]
"""Tunes a thinned net by its train prototxt, if it has one, at a learning rate, or at one that is
yet to be found, with its states in a folder."""


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
        whole: The groups of channels of which none could go, and why.
    """

    tuned: Tuned
    train_val: Optional[Prototxt]
    rounds: Tuple[LoopRound, ...]
    whole: Tuple[Skipped, ...] = ()


class ChannelRemoval(NamedTuple):
    """What is taken out of a net, and when.

    Attributes:
        criterion: Which channels go first.
        macs: The share of its multiply-accumulates that is to be left.
        remove: How many channels go in a round; the last takes no more than it must.
        flops_regularization: How much less a channel counts for what goes with it, see
            `choose_channels`.
        seed: Of what is drawn.
    """

    criterion: Criterion
    macs: float
    remove: int
    flops_regularization: float = 0.0
    seed: int = 0


def thin_in_rounds(
    model: Model,
    removal: ChannelRemoval,
    tune: TuneThinned,
    folder: Path,
    *,
    calibrator_of: Callable[[int], Optional[Calibrator]],
    train_val: Optional[Prototxt] = None,
    progress: Progress = silent,
) -> ThinnedInRounds:
    """Take the least channels out of a net and tune what is left, until it computes little enough.

    In every round the net is physically thinner, and tuned by a new solver, which remembers
    nothing. All rounds have the learning rate of the first.

    Args:
        model: The net.
        removal: What goes, and when.
        tune: Tunes.
        folder: Keeps the rounds: a loop that was killed goes on from there.
        calibrator_of: Returns what runs the inputs that rank the channels of a round.
        train_val: The text that the net is trained by.
        progress: Told each round.

    Raises:
        PlanError: The net computes no more already, or cannot be made to compute as little.
        NetworkError: What it computes is not known, as a shape is not.
        FormatError: What is in the folder is damaged, or cannot be written.
        EngineError: There is no engine that can do it, or the net went to pieces.
    """
    rounds = Rounds(folder, model)
    limit = removal.macs * NetCost(model).total[MACS]

    def begin(number: int, net: Model, text: Optional[Prototxt]) -> None:
        calibrator = calibrator_of(number)
        how = removal.criterion, limit, removal.remove, calibrator, removal.seed
        with progress.task("removing channels"):
            regularized = removal.flops_regularization
            chosen = choose_channels(net, *how, flops_regularization=regularized)
            if calibrator is not None:
                calibrator.sessions.close()  # the solver needs the memory
            found = without_channels(net, chosen.keep, text)
            if number == 1:
                rounds.note_whole(chosen.whole)
            rounds.begin(number, found.model, {}, found.train_val)

    if not rounds.newest:
        begin(1, model, train_val)
    done = list(rounds.finished(rounds.newest - 1))
    told = _Told(model, removal)
    with progress.task("rounds", 100, "% of what is to go", 1.0, "training") as task:
        told.goes_on(task, done)
        while True:
            number = rounds.newest
            start = rounds.read(number)
            rate = done[0].facts["rate"] if done else None
            with progress.task(f"round {number}"):
                tuned = tune(start.model, start.train_val, rate, rounds.path(number))
            facts = {**facts_of(start.model), "rate": tuned.solver.base_lr}
            done.append(LoopRound.tuned(number, facts, tuned))
            rounds.finish(done[-1])
            told.goes_on(task, done)
            if facts["macs"] <= limit:
                return ThinnedInRounds(tuned, start.train_val, tuple(done), rounds.whole())
            begin(number + 1, tuned.model, start.train_val)


class _Told:
    """How far the loop is: how much of what is to go is gone, and how much of the work is done."""

    def __init__(self, model: Model, removal: ChannelRemoval) -> None:
        self._macs, self._left = NetCost(model).total[MACS], removal.macs
        self._length = LoopLength.dry_run(model, removal.macs, removal.remove)

    def goes_on(self, task: Task, done: List[LoopRound]) -> None:
        """Tell what was done until now, and how much of the work the next round is."""
        macs, item = 1.0, ""
        if done:
            macs = done[-1].facts["macs"] / self._macs
            item = f"round {done[-1].number} done"
        gone = min(1.0, (1 - macs) / (1 - self._left))
        through = self._length.through(macs)
        task.coming = self._length.next(macs)
        if done:
            task.advance(round(100 * gone) - task.done, item, through - task.through)


def facts_of(model: Model) -> Dict[str, float]:
    """Return how large a net is: its channels that could be cut, MACs and parameters."""
    total = NetCost(model).total
    channels = sum(group.channels for group in channel_groups(model) if not group.blocked)
    return {"channels": channels, "macs": total[MACS], "params": total[PARAMS]}


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
