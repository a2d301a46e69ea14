"""A request to take channels out of a net in rounds, with a tuning after each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.criteria import WEIGHTS, Criterion
from netsurgery.engine import EngineLike
from netsurgery.formats import Prototxt
from netsurgery.jobs.pruning_runs import CarriedOut, plain_views, training_part
from netsurgery.jobs.run_states import ANSWERS
from netsurgery.jobs.training_requests import Learning
from netsurgery.network import Model, ParameterKey
from netsurgery.progress import Progress
from netsurgery.pruning import thin_in_rounds
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
_ROUNDS = 8
"""About so many rounds it takes, to tell how long it will take."""


@dataclass(frozen=True, eq=False)
class ChannelTask:
    """What a request to take channels out says, read.

    Attributes:
        model: The net.
        criterion: Which channels go first.
        macs: The share of its MACs that is to be left.
        remove: How many channels go in a round.
        images: How many inputs rank them.
        learning: What the net is tuned by.
        engine: Runs it.
        seed: Of what is drawn.
    """

    model: Model
    criterion: Criterion
    macs: float
    remove: int
    images: int
    learning: Learning
    engine: EngineLike
    seed: int

    schedule = CHANNELS
    sparsity: Optional[float] = None
    keys: Tuple[ParameterKey, ...] = ()
    solved: Tuple[ParameterKey, ...] = ()
    calibrator: Optional[Calibrator] = None
    rounds_at_most = _ROUNDS

    @property
    def method(self) -> str:
        """What says which channels go."""
        return self.criterion.name

    def digest(self) -> str:
        """A sha256 of all that the numbers depend on."""
        how = self.learning
        tuning = tuning_digest(self.model, how.teacher, how.inputs, how.settings, None)
        told = (tuning, self.method, self.macs, self.remove, self.images, self.seed)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def calibrator_of(self, number: int, progress: Progress) -> Optional[Calibrator]:
        """Return what runs the inputs that rank the channels of a round: some, drawn for it."""
        if self.criterion.needs == WEIGHTS:
            return None
        part = training_part(self.learning)
        draw = random_of(self.seed, "images of a round", number)
        chosen = np.sort(draw.permutation(part)[: self.images])
        inputs = plain_views(self.learning, chosen)
        output = self.learning.settings.task_output
        return Calibrator(inputs, self.engine, self.seed, progress, output)

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
            self.criterion,
            self.macs,
            self.remove,
            tuned,
            states,
            calibrator_of=lambda number: self.calibrator_of(number, progress),
            train_val=learning.settings.train_val,
            seed=self.seed,
            progress=progress,
        )
        return CarriedOut(done.tuned.model, {}, done.tuned, done.rounds, done.train_val)
