"""A request to take channels out of a net in rounds, with a tuning after each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.criteria import WEIGHTS
from netsurgery.engine import EngineLike
from netsurgery.formats import Prototxt
from netsurgery.jobs.pruning_runs import CarriedOut, plain_views, training_part
from netsurgery.jobs.run_states import ANSWERS
from netsurgery.jobs.training_requests import Learning
from netsurgery.jobs.training_work import TRAINED, work_of_training
from netsurgery.jobs.workload import START, Workload
from netsurgery.network import Model, ParameterKey
from netsurgery.progress import Progress
from netsurgery.pruning import ChannelRemoval, LoopLength, thin_in_rounds
from netsurgery.training import Tuned, claim_folder, random_of, tune, tuning_digest
from netsurgery.version import __version__

CHANNELS = "channels"
"""The schedule of channels: some go, what is left is tuned, again."""
USUAL_STEPS = 200
"""Steps of a round's tuning where nobody says how many."""
USUAL_REMOVED = 16
"""Channels that go in a round."""
USUAL_IMAGES = 256
"""Inputs that rank the channels of a round: a few batches tell."""


class RoundTakes(NamedTuple):
    """Seconds of a round.

    Attributes:
        start: Those that engines take to start.
        net: Others, if it were that of the whole net.
        ranking: Those of both that come before its tuning.
    """

    start: float
    net: float
    ranking: float


@dataclass(frozen=True, eq=False)
class ChannelTask:
    """What a request to take channels out says, read.

    Attributes:
        model: The net.
        removal: Which channels go, and when.
        images: How many inputs rank those of a round.
        learning: What the net is tuned by.
        engine: Runs it.
    """

    model: Model
    removal: ChannelRemoval
    images: int
    learning: Learning
    engine: EngineLike

    schedule: ClassVar[str] = CHANNELS
    sparsity: ClassVar[Optional[float]] = None
    keys: ClassVar[Tuple[ParameterKey, ...]] = ()
    solved: ClassVar[Tuple[ParameterKey, ...]] = ()
    calibrator: ClassVar[Optional[Calibrator]] = None
    notes: ClassVar[Tuple[str, ...]] = ()

    @property
    def method(self) -> str:
        """What says which channels go."""
        return self.removal.criterion.name

    @cached_property
    def length(self) -> LoopLength:
        """About how many rounds it takes."""
        return LoopLength.dry_run(self.model, self.removal.macs, self.removal.remove)

    @cached_property
    def round_takes(self) -> RoundTakes:
        """About how long a round takes."""
        learning, work = self.learning, Workload.of(self.model)
        found = work_of_training(self.model, learning)
        training, ranking = found["training",], 0.0
        if self.removal.criterion.needs != WEIGHTS:
            images = min(self.images, len(learning.inputs))
            ranking = START + TRAINED * images * work.passing
        start = START * (2 if ranking else 1)
        return RoundTakes(start, training + ranking - start, ranking)

    def digest(self) -> str:
        """A sha256 of all that the numbers depend on."""
        how = self.learning
        tuning = tuning_digest(self.model, how.teacher, how.inputs, how.settings, None)
        told = (tuning, self.method, *self.removal[1:], self.images)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def calibrator_of(self, number: int, progress: Progress) -> Optional[Calibrator]:
        """Return what runs the inputs that rank the channels of a round: some, drawn for it."""
        removal = self.removal
        if removal.criterion.needs == WEIGHTS:
            return None
        part = training_part(self.learning)
        draw = random_of(removal.seed, "images of a round", number)
        chosen = np.sort(draw.permutation(part)[: self.images])
        inputs = plain_views(self.learning, chosen)
        output = self.learning.settings.task_output
        return Calibrator(inputs, self.engine, removal.seed, progress, output)

    def carry_out(self, states: Path, progress: Progress) -> CarriedOut:
        """Take channels out of a net and tune it, until it computes little enough.

        Args:
            states: Keeps the states: a run that was killed goes on from there.
            progress: Told each step.

        Raises:
            NetsurgeryError: It cannot be done, see `thin_in_rounds` and `tune`.
        """
        learning = self.learning
        claim_folder(states, self.digest(), __version__, "prune")

        def tuned(
            model: Model, train_val: Optional[Prototxt], rate: Optional[float], folder: Path
        ) -> Tuned:
            how = learning.settings
            settings = replace(how, train_val=train_val, rate=how.rate if rate is None else rate)
            how_taught = learning.teacher, learning.inputs, settings
            return tune(model, *how_taught, folder, progress, answers=states / ANSWERS)

        done = thin_in_rounds(
            self.model,
            self.removal,
            tuned,
            states,
            calibrator_of=lambda number: self.calibrator_of(number, progress),
            train_val=learning.settings.train_val,
            overhead=self.round_takes.start / max(self.round_takes.net, 1e-9),
            progress=progress,
        )
        return CarriedOut(done.tuned.model, {}, done.tuned, done.rounds, done.train_val, done.whole)
