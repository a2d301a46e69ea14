"""How much work it is to train a net: about how long its tasks take on one machine."""

from __future__ import annotations

from typing import Optional

from netsurgery.jobs.workload import START, Seconds, Workload
from netsurgery.network import Model
from netsurgery.training import (
    RATES,
    STOPPING,
    TRIAL_STEPS,
    VALIDATIONS,
    TuningSettings,
    run_length,
    usual_views,
)

TRAINED = 3
"""Forward passes that a pass of training takes as long as: back it is twice as much work."""


def work_of_training(
    model: Model, settings: TuningSettings, inputs: int, teacher: Optional[Model] = None
) -> Seconds:
    """Return the seconds of tuning a net, of reporting on it and of writing it.

    Args:
        model: The net.
        settings: What is asked for.
        inputs: How many there are to train on.
        teacher: The net that is learned from, if there is one.
    """
    work = Workload.of(model)
    batch, steps = run_length(model, settings, inputs)
    aside = round(STOPPING * inputs)
    step, judging = TRAINED * batch * work.passing, aside * work.passing
    found: Seconds = {("training",): START + steps * step + VALIDATIONS * judging}
    if settings.rate is None and settings.solver is None:
        found["trying rates",] = START + len(RATES) * (TRIAL_STEPS * step + judging)
    if teacher is not None:
        usual = usual_views(inputs, settings.augmentation)
        views = inputs * ((settings.views or usual) if settings.augmentation.changes else 1)
        found["asking the teacher",] = START + views * Workload.of(teacher).passing
    found["report",] = 2 * work.comparing(aside)
    return {**found, **work.writing()}
