"""The loop that trains: steps, validations, states, the best net, and when to stop.

It knows a `TrainingSession` and no engine. What it does depends on the iteration alone, so a run
that was killed and goes on from its newest state ends in the same weights, bit for bit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from netsurgery.engine import Engine, MaskMode, StepLosses, TrainingSession
from netsurgery.errors import EngineError, FormatError, Remedy
from netsurgery.network import Masks
from netsurgery.progress import Progress, Task, silent
from netsurgery.training.checkpoint import Checkpoints, TrainerState
from netsurgery.training.history import History, HistoryFile, Judged, Validation
from netsurgery.training.opening import open_training
from netsurgery.training.solver_settings import SolverSettings
from netsurgery.training.training_net import TrainingNet

SECONDS = 2.0
"""About so long an engine steps until it is asked again: what a progress bar needs."""
_FIRST, _MOST = 4, 1000
GAINED_NOTHING, ALL_DONE = "patience", "steps"
"""Why a run stopped: nothing was gained for so long; all steps are done."""


class BatchSource(Protocol):
    """What a net is fed: pure in the number of the batch."""

    def batch(self, number: int) -> Dict[str, np.ndarray]:
        """Return a batch, counted from 0."""


class Judge(Protocol):
    """What looks at the net between steps."""

    def judge(self, session: TrainingSession) -> Judged:
        """Return how good the net is; changes nothing of it."""


class TrainerHook(Protocol):
    """What wants to do something to the net between steps, such as closing weights.

    Attributes:
        settled_at: The iteration before which it last changes masks; -1 for never. The best net is
            looked for behind that.
    """

    settled_at: int

    def next_at(self, iteration: int) -> int:
        """Return the first iteration from this one on before which it wants to be called."""

    def before(self, iteration: int, session: TrainingSession) -> None:
        """Do it; so many steps are done."""


@dataclass(frozen=True)
class TrainingPlan:
    """How long a net is trained, and what happens on the way.

    Attributes:
        settings: The solver.
        steps: Iterations of it.
        validate_every: Iterations from one validation to the next; the last step has one too.
        patience: Validations without a gain after which the run stops; None for never.
        seed: Of what is random in the net: dropout.
        keep_best: Whether the best net comes back, or the last.
    """

    settings: SolverSettings
    steps: int
    validate_every: int
    patience: Optional[int] = None
    seed: int = 0
    keep_best: bool = True


class Trained(NamedTuple):
    """What came of a run.

    Attributes:
        arrays: The numbers of the net that was wanted, per layer.
        masks: The masks that held at the end.
        history: Every validation.
        iteration: Steps that were done.
        best: The iteration that the arrays are of.
        stopped: ``"patience"`` or ``"steps"``.
        resumed_from: The iteration that this process went on from; None where it began.
        seconds_per_step: Of the steps that this process did; NaN where it did none.
        notes: What does not hold of the engine, a sentence each.
    """

    arrays: Dict[str, List[np.ndarray]]
    masks: Masks
    history: History
    iteration: int
    best: int
    stopped: str
    resumed_from: Optional[int] = None
    seconds_per_step: float = math.nan
    notes: Tuple[str, ...] = ()


class Batches(Sequence[Mapping[str, np.ndarray]]):
    """Batches in a row, each made when it is asked for."""

    def __init__(self, feed: BatchSource, first: int, count: int) -> None:
        """Name them.

        Args:
            feed: What makes them.
            first: The number of the first.
            count: How many.
        """
        self._feed, self._first, self._count = feed, first, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> Mapping[str, np.ndarray]:  # type: ignore[override]
        if not 0 <= place < self._count:
            raise IndexError(place)
        return self._feed.batch(self._first + place)


def stepped(
    net: TrainingNet,
    session: TrainingSession,
    feed: BatchSource,
    iteration: int,
    count: int,
    iter_size: int,
) -> StepLosses:
    """Do some iterations of a net, on the batches that belong to them or on data of its own.

    Args:
        net: What is trained.
        session: Trains it.
        feed: Makes the batches.
        iteration: The number of the first, counted from 0.
        count: How many.
        iter_size: Batches of each.

    Raises:
        EngineError: The engine gave up.
    """
    if net.own_data:
        return session.step_own(count)
    return session.step(Batches(feed, iteration * iter_size, count * iter_size))


class Trainer:
    """A run in its folder."""

    def __init__(
        self,
        net: TrainingNet,
        feed: BatchSource,
        judge: Judge,
        plan: TrainingPlan,
        engine: Engine,
        folder: Path,
        *,
        masks: Optional[Masks] = None,
        hooks: Sequence[TrainerHook] = (),
        progress: Progress = silent,
    ) -> None:
        """Take what is needed; nothing begins yet.

        Args:
            net: What is trained.
            feed: Makes the batches.
            judge: Tells how good the net is.
            plan: How long, and how.
            engine: Steps the solver.
            folder: Keeps the states; where there are some, the run goes on from the newest.
            masks: Weights that are zero and stay so, at the start.
            hooks: Are called between steps, in their order.
            progress: Told the steps.
        """
        self._net, self._feed, self._judge, self._plan = net, feed, judge, plan
        self._engine, self._masks, self._hooks = engine, dict(masks or {}), tuple(hooks)
        self._progress = progress
        self._checkpoints = Checkpoints(folder)
        self._file = HistoryFile(folder / "history.jsonl")
        self._history = History()
        self._state = TrainerState(0, None, 0, 1, self._masks, MaskMode.HELD)
        self._losses: List[float] = []
        self._rate: Optional[float] = None
        self._steps, self._seconds = 0, 0.0

    def run(self) -> Trained:
        """Train, from the newest state if there is one.

        Raises:
            FormatError: The state is damaged, or of another number of threads; one cannot be
                written.
            EngineError: The engine refuses the net, gave up, or its loss is no number any more.
        """
        plan, total = self._plan, self._plan.steps
        with open_training(self._net, plan.settings, self._engine, plan.seed) as session:
            resumed = self._resume(session)
            if resumed is None:
                self._begin(session)
            with self._progress.task("training", total, "steps") as task:
                task.advance(self._state.iteration)
                while self._goes_on:
                    self._stretch(session, task)
            return self._trained(session, resumed)

    @property
    def _goes_on(self) -> bool:
        patience = self._plan.patience
        tired = patience is not None and self._state.bad >= patience
        return self._state.iteration < self._plan.steps and not tired

    def _resume(self, session: TrainingSession) -> Optional[int]:
        newest = self._checkpoints.newest()
        if newest is None:
            return None
        state = self._checkpoints.read(newest)
        if state.threads != session.threads:
            raise FormatError(
                f"this run works with {state.threads} threads of BLAS, and not with "
                f"{session.threads}, which give other bits",
                file=self._checkpoints.path(newest),
                remedy=f"set OPENBLAS_NUM_THREADS={state.threads}, or begin anew",
            )
        session.restore_state(self._checkpoints.path(newest))
        if state.masks:
            session.set_masks(state.masks, state.mask_mode)
        self._state = state
        self._history = self._file.read_up_to(newest)
        return newest

    def _begin(self, session: TrainingSession) -> None:
        if self._masks:
            session.set_masks(self._masks)
        self._file.path.unlink(missing_ok=True)
        self._state = replace(self._state, threads=session.threads)
        self._validate(session)

    def _stretch(self, session: TrainingSession, task: Task) -> None:
        """Do the steps up to the next validation or hook, and what happens there."""
        start = self._state.iteration
        for hook in self._hooks:
            if hook.next_at(start) == start:
                hook.before(start, session)
        end = min(
            (start // self._plan.validate_every + 1) * self._plan.validate_every,
            self._plan.steps,
            *(max(start + 1, hook.next_at(start + 1)) for hook in self._hooks),
        )
        while self._state.iteration < end:
            count = min(end - self._state.iteration, self._at_once)
            self._step(session, count, task)
        if end % self._plan.validate_every == 0 or end == self._plan.steps:
            self._validate(session)

    @property
    def _at_once(self) -> int:
        if not self._seconds:
            return _FIRST
        return max(1, min(_MOST, int(SECONDS * self._steps / self._seconds)))

    def _step(self, session: TrainingSession, count: int, task: Task) -> None:
        iteration, began = self._state.iteration, time.monotonic()
        each = self._plan.settings.iter_size
        found = stepped(self._net, session, self._feed, iteration, count, each)
        self._require_finite(found, iteration)
        self._losses += found.losses.tolist()
        rate = float(found.rates[-1])
        self._rate = rate if math.isfinite(rate) else None
        self._state = replace(self._state, iteration=iteration + count)
        self._steps += count
        self._seconds += time.monotonic() - began
        task.advance(count, item=self._told(found))

    def _told(self, found: StepLosses) -> str:
        """What a progress bar says of some steps."""
        told = [f"loss {found.losses.mean():.4g}"]
        blob = self._net.accuracy
        if blob is not None and blob in found.blobs:
            told.append(f"accuracy {100 * float(np.mean(found.blobs[blob])):.1f} %")
        last = self._history[-1].judged
        told += [f"{name} aside {100 * value:.1f} %" for name, value in last.figures.items()][:1]
        return ", ".join(told)

    def _require_finite(self, found: StepLosses, iteration: int) -> None:
        bad = ~np.isfinite(found.losses)
        if bad.any():
            raise EngineError(
                f"the loss of step {iteration + int(np.argmax(bad)) + 1} is no number",
                remedy=Remedy(
                    "give a lower {} and begin anew with {}, or see whether inputs are in range",
                    *("lr", "force"),
                ),
            )

    def _validate(self, session: TrainingSession) -> None:
        """Judge the net, keep it if it is the best, and write a state."""
        with self._progress.task("validating"):
            judged = self._judge.judge(session)
        state, iteration = self._state, self._state.iteration
        counts = all(iteration > hook.settled_at for hook in self._hooks)
        best = None if state.best is None else self._history.at(state.best).judged
        gained = counts and (best is None or judged.better_than(best))
        if gained:
            self._checkpoints.save_best(iteration, session.parameters())
            state = replace(state, best=iteration, bad=0)
        elif counts:
            state = replace(state, bad=state.bad + 1)
        loss = sum(self._losses) / len(self._losses) if self._losses else None
        validation = Validation(iteration, judged, loss, self._rate, gained, counts)
        self._history.add(validation)
        self._file.append(validation)
        self._losses = []
        self._state = replace(state, masks=dict(session.masks), mask_mode=session.mask_mode)
        with self._progress.task("writing a state"):
            self._checkpoints.save(self._state, session)

    def _trained(self, session: TrainingSession, resumed: Optional[int]) -> Trained:
        state = self._state
        if self._plan.keep_best and state.best is not None:
            best, arrays = state.best, self._checkpoints.best(state.best)
        else:
            best, arrays = state.iteration, session.parameters()
        return Trained(
            arrays,
            dict(session.masks),
            self._history,
            state.iteration,
            best,
            ALL_DONE if state.iteration >= self._plan.steps else GAINED_NOTHING,
            resumed,
            self._seconds / self._steps if self._steps else math.nan,
            tuple(session.notes),
        )
