"""A learning rate found by trying: a few steps at each of some rates."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional

from netsurgery.engine import Engine
from netsurgery.errors import EngineError
from netsurgery.formats import scratch_folder
from netsurgery.network import Masks
from netsurgery.progress import Progress, silent
from netsurgery.training.opening import open_training
from netsurgery.training.solver_settings import SolverSettings
from netsurgery.training.trainer import BatchSource, Judge, stepped
from netsurgery.training.training_net import TrainingNet

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
"""Rates that are tried, from the least on."""
TRIAL_STEPS = 20
"""Steps at each of them."""
_WORSE = 2
"""So many rates in a row that do worse than the best end the trial: higher ones do worse yet."""


class RateTrial(NamedTuple):
    """What came of the rates that were tried.

    Attributes:
        rate: The one to begin with.
        losses: On the inputs kept aside, by rate; NaN where the net went to pieces.
        before: The loss before any step.
    """

    rate: float
    losses: Mapping[float, float]
    before: float

    @property
    def told(self) -> str:
        """Return why it is this rate, in a few words."""
        return f"the best of {len(self.losses)} that were tried for {TRIAL_STEPS} steps each"


def find_rate(
    net: TrainingNet,
    feed: BatchSource,
    judge: Judge,
    settings: SolverSettings,
    engine: Engine,
    *,
    seed: int = 0,
    masks: Optional[Masks] = None,
    progress: Progress = silent,
) -> RateTrial:
    """Return the rate after a few steps of which a net does best.

    Every trial starts from the same net, takes the same batches and is judged by the loss on the
    inputs that are kept aside.

    Args:
        net: What is trained.
        feed: Makes the batches.
        judge: Tells how good the net is.
        settings: The solver, whose rate does not count.
        engine: Steps it.
        seed: Of what is random in the net.
        masks: Weights that are zero and stay so.
        progress: Told the rates.

    Raises:
        EngineError: The engine refuses the net or gave up, or the net goes to pieces at every rate.
    """
    losses: Dict[float, float] = {}
    steady = replace(settings, lr_policy="fixed", max_iter=TRIAL_STEPS)
    with open_training(net, steady, engine, seed) as session, scratch_folder() as folder:
        if masks:
            session.set_masks(masks)
        before = judge.judge(session).loss
        start = Path(folder) / "start"
        session.save_state(start)
        for rate in progress.each(RATES, "trying rates", "rates", told=str):
            session.restore_state(start)
            if masks:
                session.set_masks(masks)
            session.set_rate(rate)
            found = stepped(net, session, feed, 0, TRIAL_STEPS, settings.iter_size)
            sound = all(map(math.isfinite, found.losses))
            losses[rate] = judge.judge(session).loss if sound else math.nan
            if _is_over(list(losses.values())):
                break
    finite = {rate: loss for rate, loss in losses.items() if math.isfinite(loss)}
    if not finite:
        raise EngineError(
            f"the net goes to pieces at every learning rate that was tried, from {RATES[0]:g} on",
            remedy="see whether inputs and targets are in range",
        )
    return RateTrial(min(finite, key=lambda rate: finite[rate]), losses, before)


def _is_over(losses: List[float]) -> bool:
    """Whether the last few all did worse than the best, or went to pieces."""
    ranked = [loss if math.isfinite(loss) else math.inf for loss in losses]
    return len(ranked) > _WORSE and min(ranked[-_WORSE:]) > min(ranked[:-_WORSE])
