"""Rounds of pruning and tuning (Han et al. 2015): close some weights, tune the rest, again."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, NamedTuple, Optional, Sequence, Tuple

from netsurgery.calibration import Calibrator, closed_behind
from netsurgery.network import Masks, Model, sparsity_of
from netsurgery.progress import Progress, silent
from netsurgery.pruning.loop_state import LoopRound, Rounds
from netsurgery.pruning.masking import Masking, close_weights
from netsurgery.training import Tuned

Tune = Callable[[Model, Masks, Path], Tuned]
"""Tunes a net whose closed weights stay closed, with its states in a folder."""


class PrunedInRounds(NamedTuple):
    """What came of the rounds.

    Attributes:
        tuned: The tuning of the last round, with the net.
        masks: Which weights are free.
        rounds: What came of each.
    """

    tuned: Tuned
    masks: Masks
    rounds: Tuple[LoopRound, ...]


def prune_in_rounds(
    model: Model,
    masking: Masking,
    sparsities: Sequence[float],
    tune: Tune,
    folder: Path,
    *,
    masks: Optional[Masks] = None,
    calibrator: Optional[Calibrator] = None,
    progress: Progress = silent,
) -> PrunedInRounds:
    """Close weights and tune the others, as often as there are sparsities.

    Every tuning starts with a new solver, which remembers nothing and has its rate from the start.

    Args:
        model: The net.
        masking: Which weights close, and what becomes of the others.
        sparsities: The share that is closed after each round, rising.
        tune: Tunes.
        folder: Keeps the rounds: a loop that was killed goes on from there.
        masks: What is closed before.
        calibrator: Runs inputs, for a saliency that looks at what the net computes.
        progress: Told each round.

    Raises:
        PlanError: Weights cannot be closed so.
        FormatError: What is in the folder is damaged, or cannot be written.
        EngineError: There is no engine that can do it, or the net went to pieces.
    """
    rounds = Rounds(folder, model)

    def begin(number: int, net: Model, held: Masks) -> None:
        with progress.task("pruning"):
            with closed_behind(calibrator):
                sparsity = sparsities[number - 1]
                closed = close_weights(net, masking, sparsity, held, calibrator, progress)
            rounds.begin(number, closed.model, closed.masks)

    if not rounds.newest:
        begin(1, model, masks or {})
    done = list(rounds.finished(rounds.newest - 1))
    with progress.task("rounds", len(sparsities), "rounds", within="training") as task:
        task.advance(len(done))
        while True:
            number = rounds.newest
            start = rounds.read(number)
            with progress.task(f"round {number}"):
                tuned = tune(start.model, start.masks, rounds.path(number))
            sparsity = sparsity_of({key: start.masks[key] for key in masking.keys})
            done.append(LoopRound.tuned(number, {"sparsity": sparsity}, tuned))
            rounds.finish(done[-1])
            task.advance()
            if number == len(sparsities):
                return PrunedInRounds(tuned, start.masks, tuple(done))
            begin(number + 1, tuned.model, start.masks)
