"""How much work it is to train a net: about how long its tasks take on one machine."""

from __future__ import annotations

from netsurgery.jobs.training_requests import Learning
from netsurgery.jobs.workload import START, Seconds, Workload
from netsurgery.network import Model
from netsurgery.training import (
    JUDGED,
    RATES,
    TRIAL_STEPS,
    parts_of,
    run_length,
    usual_views,
    validation_interval,
)

TRAINED = 3
"""Forward passes that a pass of training takes as long as: back it is twice as much work."""


def work_of_training(model: Model, learning: Learning, compared: int = 1) -> Seconds:
    """Return the seconds of tuning a net, of reporting on it and of writing it.

    Args:
        model: The net.
        learning: What it is tuned by, and how.
        compared: How many nets are compared with another on the inputs that report.

    Raises:
        RequestError: There are too few inputs.
    """
    work, settings, inputs = Workload.of(model), learning.settings, learning.inputs
    parts = parts_of(inputs, settings)
    batch, steps = run_length(model, settings, len(parts.train))
    each = 1 if settings.solver is None else settings.solver.parameter.iter_size
    step = TRAINED * batch * each * work.passing
    judging = len(parts.stop) * work.passing
    found: Seconds = {}
    if learning.teacher is not None:
        usual = usual_views(len(inputs), settings.augmentation)
        views = (settings.views or usual) if settings.augmentation.changes else 1
        judging *= min(views, -(-JUDGED // len(parts.stop)))
        asked = len(inputs) * views * Workload.of(learning.teacher).passing
        found["asking the teacher",] = START + asked
    if settings.rate is None and settings.solver is None:
        found["trying rates",] = START + len(RATES) * (TRIAL_STEPS * step + judging)
    validations = 1 + -(-steps // validation_interval(settings, steps))
    found["training",] = START + steps * step + validations * judging
    judged = len(parts.report) if learning.reported is None else len(learning.reported)
    found["report",] = compared * work.comparing(judged)
    return {**found, **work.writing()}
