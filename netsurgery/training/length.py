"""How many inputs a batch has, and how many steps a tuning, where nobody says so."""

from __future__ import annotations

from typing import NamedTuple, Optional

from netsurgery.calibration import input_shapes
from netsurgery.formats import Prototxt
from netsurgery.network import Model
from netsurgery.training.bank import usual_views
from netsurgery.training.settings import TuningSettings
from netsurgery.training.zoom import ZoomedViews

EPOCHS, PASSES = 20, 2
"""How often a run goes through its inputs, where nobody says how many steps it has, and through the
windows of all sizes that are made of a few."""
BATCH, SMALL_BATCH, LARGE_PICTURE = 64, 16, 100
"""Inputs of a batch; of pictures with more pixels than that on a side."""
VALIDATIONS, LEAST_APART = 20, 20
"""Validations of a run where nobody says how many, and the steps between two of them at least."""


class RunLength(NamedTuple):
    """How long a tuning is.

    Attributes:
        batch: Inputs of a batch.
        steps: Iterations of the solver.
    """

    batch: int
    steps: int


def run_length(model: Model, settings: TuningSettings, inputs: int) -> RunLength:
    """Return how long the tuning of a net is.

    Args:
        model: The net.
        settings: What is asked for.
        inputs: How many there are to train on.
    """
    each = 1
    if isinstance(settings.augmentation, ZoomedViews):
        each = settings.views or usual_views(inputs, settings.augmentation)
    batch = min(settings.batch or usual_batch(model, settings.train_val), inputs * each)
    passes = EPOCHS * -(-inputs // batch), PASSES * -(-inputs * each // batch)
    return RunLength(batch, settings.steps or max(passes))


def validation_interval(settings: TuningSettings, steps: int) -> int:
    """Return how many steps there are from one validation to the next.

    Args:
        settings: What is asked for.
        steps: Of the run.
    """
    return min(settings.validate_every or max(LEAST_APART, steps // VALIDATIONS), steps)


def usual_batch(model: Model, train_val: Optional[Prototxt] = None) -> int:
    """Return how many inputs a batch has where nobody says so.

    Args:
        model: The net: there are fewer of large pictures.
        train_val: The text that it is trained by, which may say it.
    """
    declared = [
        getattr(block, "batch_size", 0)
        for layer in (() if train_val is None else Model(train_val).network("TRAIN").layers)
        if layer.layer_type.data is not None
        for _, block in layer.parameter.ListFields()
    ]
    if any(declared):
        return int(max(declared))
    sizes = [shape[2:] for shape in input_shapes(model.network()).values()]
    large = any(max(size, default=0) > LARGE_PICTURE for size in sizes)
    return SMALL_BATCH if large else BATCH
