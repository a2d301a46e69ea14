"""Channels that go some at a time, with a tuning after each (Molchanov et al. 2017)."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from netsurgery.calibration import Calibrator, closed_behind
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
    overhead: float = 0.0,
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
        overhead: How long a round takes beside what its net computes, in rounds of the whole net:
            to tell how long it will take.
        progress: Told each round.

    Raises:
        PlanError: The net computes no more already, or cannot be made to compute as little.
        NetworkError: What it computes is not known, as a shape is not.
        FormatError: What is in the folder is damaged, or cannot be written.
        EngineError: There is no engine that can do it, or the net went to pieces.
    """
    rounds = Rounds(folder, model)
    whole = NetCost(model).total[MACS]
    limit = removal.macs * whole

    def begin(number: int, net: Model, text: Optional[Prototxt]) -> Tuple[float, ...]:
        calibrator = calibrator_of(number)
        how = removal.criterion, limit, removal.remove, calibrator, removal.seed
        with progress.task("removing channels"):
            regularized = removal.flops_regularization
            with closed_behind(calibrator):
                chosen = choose_channels(net, *how, flops_regularization=regularized)
            found = without_channels(net, chosen.keep, text)
            if number == 1:
                rounds.note_whole(chosen.whole)
            rounds.begin(number, found.model, {}, found.train_val)
        return chosen.ahead

    ahead = begin(1, model, train_val) if not rounds.newest else ()
    done = list(rounds.finished(rounds.newest - 1))
    with progress.task("rounds", 100, "% of what is to go", 1.0, "training") as task:
        told = _Told(task, whole, limit, overhead)
        while True:
            number = rounds.newest
            start = rounds.read(number)
            told.goes_on(done, ahead or _dry_run(start.model, limit, removal.remove))
            rate = done[0].facts["rate"] if done else None
            with progress.task(f"round {number}"):
                tuned = tune(start.model, start.train_val, rate, rounds.path(number))
            facts = {**facts_of(start.model), "rate": tuned.solver.base_lr}
            done.append(LoopRound.tuned(number, facts, tuned))
            rounds.finish(done[-1])
            if facts["macs"] <= limit:
                told.goes_on(done, ())
                return ThinnedInRounds(tuned, start.train_val, tuple(done), rounds.whole())
            ahead = begin(number + 1, tuned.model, start.train_val)


def _dry_run(model: Model, limit: float, remove: int) -> Tuple[float, ...]:
    """What nets of a round and of those behind it compute, where no ranking tells."""
    macs = NetCost(model).total[MACS]
    if macs <= limit:
        return (macs,)
    return (macs, *(macs * LoopLength.dry_run(model, limit / macs, remove).macs).tolist())


class _Told:
    """How far the loop is: how much of what is to go is gone, and how much of the work is done."""

    def __init__(self, task: Task, whole: float, limit: float, overhead: float) -> None:
        self._task, self._whole, self._limit, self._overhead = task, whole, limit, overhead
        self._totals: List[float] = []

    def goes_on(self, done: Sequence[LoopRound], ahead: Sequence[float]) -> None:
        """Tell what was done until now, and how much of the work the next round is.

        Args:
            done: What came of the rounds that are through.
            ahead: What the nets of the others compute.
        """
        task = self._task
        through, left = ([self._work(macs) for macs in part] for part in (_macs(done), ahead))
        # Tuning moves channels about in the ranking, and with them what a single one tells.
        self._totals.append(sum(through) + sum(left))
        least = sum(through) + sum(left[:1])
        whole = max(sum(self._totals) / len(self._totals), least) if left else least
        task.coming = left[0] / whole if left else 0.0
        if done:
            gone = (self._whole - _macs(done)[-1]) / (self._whole - self._limit)
            percent = round(100 * min(1.0, gone)) - task.done
            task.advance(percent, f"round {len(done)} done", sum(through) / whole - task.through)

    def _work(self, macs: float) -> float:
        return self._overhead + macs / self._whole


def _macs(rounds: Sequence[LoopRound]) -> List[float]:
    return [one.facts["macs"] for one in rounds]


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
