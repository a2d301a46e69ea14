"""A request to prune, read and carried out: at once, in rounds, or while the net is trained."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.criteria import WEIGHTS
from netsurgery.errors import PlanError, Remedy
from netsurgery.formats import Prototxt
from netsurgery.jobs.run_states import ANSWERS
from netsurgery.jobs.training_requests import Learning
from netsurgery.network import Masks, Model, ParameterKey, sparsity_of
from netsurgery.planning import Skipped
from netsurgery.progress import Progress
from netsurgery.pruning import (
    CubicRamp,
    DynamicSurgery,
    GradualPruning,
    LoopRound,
    Masking,
    ProjectedSparsity,
    close_weights,
    prune_in_rounds,
    round_sparsities,
)
from netsurgery.training import (
    TrainerHook,
    Tuned,
    TuningSettings,
    claim_folder,
    parts_of,
    plain_samples,
    run_length,
    tune,
    tuning_digest,
)
from netsurgery.version import __version__

ONCE, ROUNDS = "once", "rounds"
"""Everything goes at once; in rounds with a tuning each."""
CUBIC, DYNAMIC, PROJECTED = WHILE_TRAINED = ("cubic", "dynamic", "projected")
"""More and more goes while one tuning goes on; the same, and what went may come back; all goes
again and again, and may grow in between."""
USUAL_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class PruningTask:
    """What a request to prune says, read.

    Attributes:
        model: The net.
        masking: Which weights close, and by what.
        sparsity: The share of them that closes.
        schedule: When they close.
        rounds: In how many rounds.
        masks: What is closed before.
        learning: What the others are tuned by; None: they are not.
        calibrator: Runs inputs for a saliency that looks at what the net computes; if it is tuned,
            only those that it is trained on.
    """

    model: Model
    masking: Masking
    sparsity: float
    schedule: str
    rounds: int
    masks: Masks
    learning: Optional[Learning]
    calibrator: Optional[Calibrator]

    @property
    def method(self) -> str:
        """What says which weights go."""
        return self.masking.saliency.name

    @property
    def notes(self) -> Tuple[str, ...]:
        """What the scores do not look at, a line each."""
        return self.masking.saliency.notes(self.masking.net(self.model, self.masks))

    @property
    def scoring(self) -> float:
        """About how many operations it takes to choose, beside running inputs."""
        return self.masking.saliency.work(self.masking.net(self.model, self.masks))

    @property
    def solved(self) -> Tuple[ParameterKey, ...]:
        """Blobs whose weights that stay become others when some go."""
        return self.masking.keys if self.masking.solves else ()

    @property
    def keys(self) -> Tuple[ParameterKey, ...]:
        """Blobs whose weights may go one by one."""
        return self.masking.keys

    @property
    def rounds_at_most(self) -> int:
        """How many tunings there are."""
        return len(self.sparsities)

    @property
    def start(self) -> float:
        """The share that is closed before."""
        return sparsity_of(with_open(self.model, self.masking, self.masks))

    @property
    def sparsities(self) -> Tuple[float, ...]:
        """The share that is closed after each round."""
        if self.schedule != ROUNDS:
            return (self.sparsity,)
        return round_sparsities(self.sparsity, self.rounds, self.start)

    def digest(self) -> str:
        """A sha256 of all that the numbers depend on."""
        masking, learning = self.masking, self.learning
        assert learning is not None, "what is not tuned has no states"
        told = (
            tuning_digest(
                self.model, learning.teacher, learning.inputs, learning.settings, self.masks
            ),
            *(masking.saliency.name, masking.keys, str(masking.pattern), masking.together),
            *(masking.seed, sorted(masking.options.items())),
            *(self.sparsity, self.schedule, self.rounds),
        )
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def carry_out(self, states: Path, progress: Progress) -> CarriedOut:
        """Prune a net, and tune it where that is asked for.

        Args:
            states: Keeps the states of what is tuned: a run that was killed goes on from there.
            progress: Told each step.

        Raises:
            NetsurgeryError: It cannot be done, see `prune_in_rounds` and `tune`.
        """
        learning = self.learning
        if learning is None:
            with progress.task("pruning"):
                closed = close_weights(
                    self.model,
                    self.masking,
                    self.sparsity,
                    self.masks,
                    self.calibrator,
                    progress,
                )
            return CarriedOut(closed.model, closed.masks)
        claim_folder(states, self.digest(), __version__, "prune")
        if self.schedule in WHILE_TRAINED:
            return _while_trained(self, learning, states, progress)

        def tuned(model: Model, masks: Masks, folder: Path) -> Tuned:
            assert learning is not None
            how = learning.teacher, learning.inputs, learning.settings
            return tune(model, *how, folder, progress, masks=masks, answers=states / ANSWERS)

        done = prune_in_rounds(
            self.model,
            self.masking,
            self.sparsities,
            tuned,
            states,
            masks=self.masks,
            calibrator=self.calibrator,
            progress=progress,
        )
        return CarriedOut(done.tuned.model, done.masks, done.tuned, done.rounds)


class CarriedOut(NamedTuple):
    """What came of a task.

    Attributes:
        model: The pruned net.
        masks: Which weights are free.
        tuned: Its last tuning; None where it was not tuned.
        rounds: What came of each round.
        train_val: The text that it is trained by, where channels went; None where there is none.
        whole: Then, the groups of channels of which none could go, and why.
    """

    model: Model
    masks: Masks
    tuned: Optional[Tuned] = None
    rounds: Tuple[LoopRound, ...] = ()
    train_val: Optional[Prototxt] = None
    whole: Tuple[Skipped, ...] = ()


def with_open(model: Model, masking: Masking, masks: Masks) -> Dict[ParameterKey, np.ndarray]:
    """Return a mask for each blob that may be pruned, all open where there was none."""
    return {
        (name, index): masks[name, index]
        if (name, index) in masks
        else np.ones(model.blobs(name)[index].shape, bool)
        for name, index in masking.keys
    }


def require_schedule(masking: Masking, schedule: str) -> None:
    """See that weights can close so.

    Raises:
        PlanError: They cannot.
    """
    if schedule in WHILE_TRAINED and masking.solves:
        raise PlanError(
            f"{masking.saliency.name} moves the weights that stay whenever some go, which a net in "
            "training cannot have",
            remedy=Remedy("give {} as rounds or once", "schedule"),
        )
    if schedule in (CUBIC, ROUNDS) and masking.pattern.sparsity:
        raise PlanError(
            f"{masking.pattern} closes all of it at once",
            remedy=Remedy("give {} as once", "schedule"),
        )
    if schedule == DYNAMIC and masking.pattern.kind != "weights":
        raise PlanError(
            f"weights come back one by one, not in {masking.pattern}",
            remedy=Remedy("give another {}, or {} as cubic", "pattern", "schedule"),
        )


def usual_schedule(masking: Masking, tuned: bool) -> str:
    """Return when weights close where nobody says so."""
    if not tuned or masking.pattern.sparsity:
        return ONCE
    return ROUNDS if masking.solves or masking.saliency.needs != WEIGHTS else CUBIC


def _while_trained(
    task: PruningTask, learning: Learning, states: Path, progress: Progress
) -> CarriedOut:
    settings = with_steps(task.model, learning)
    assert settings.steps is not None
    tuned = tune(
        task.model,
        learning.teacher,
        learning.inputs,
        settings,
        states / "round-01",
        progress,
        masks=task.masks,
        hooks=[_hook(task, settings.steps, progress)],
        closing=task.keys,
        answers=states / ANSWERS,
    )
    return CarriedOut(tuned.model, tuned.trained.masks, tuned)


def _hook(task: PruningTask, steps: int, progress: Progress) -> TrainerHook:
    """What closes weights while a net is trained."""
    model, masking, calibrator = task.model, task.masking, task.calibrator
    ramp = CubicRamp(task.sparsity, steps, task.start)
    if task.schedule == CUBIC:
        return GradualPruning(model, masking, ramp, calibrator, progress)
    if task.schedule == DYNAMIC:
        return DynamicSurgery(model, masking, ramp, task.masks, calibrator, progress)
    return ProjectedSparsity(model, masking, task.sparsity, steps, calibrator, progress)


def with_steps(model: Model, learning: Learning) -> TuningSettings:
    """Return the settings of a tuning with the steps that it takes where nobody says how many."""
    settings = learning.settings
    return replace(settings, steps=run_length(model, settings, trained_on(learning)).steps)


def trained_on(learning: Learning) -> int:
    """Return how many inputs a net is trained on."""
    return len(training_part(learning))


def training_part(learning: Learning) -> np.ndarray:
    """Return the numbers of the inputs that a net is trained on."""
    return parts_of(learning.inputs, learning.settings).train


def plain_views(learning: Learning, numbers: np.ndarray) -> Inputs:
    """Return inputs as the net is fed them where no views are drawn: of larger pictures the centre.

    Args:
        learning: What a net is tuned by.
        numbers: Of the inputs.
    """
    return plain_samples(learning.inputs.chosen(numbers), learning.settings.augmentation)
