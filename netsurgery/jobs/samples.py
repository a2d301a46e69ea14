"""The samples that jobs run models on: which they are, and in which phase they are read."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Optional, Sequence, Union

from netsurgery.calibration import (
    Calibrator,
    Inputs,
    Preprocessing,
    input_shapes,
    prepared,
    read_inputs,
)
from netsurgery.errors import Remedy, RequestError
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.workload import declared_batch
from netsurgery.network import Model, require_inputs, total_cost
from netsurgery.planning import Plan
from netsurgery.progress import Progress

if TYPE_CHECKING:
    from netsurgery.jobs.requests import CalibratedRequest, FedRequest, RunRequest

InputsLike = Union[Inputs, PathLike, Sequence[PathLike]]
"""Samples, the path of a file with some, or several paths of images and folders of images."""

PreprocessingLike = Union[Preprocessing, PathLike]
"""How images are prepared, or the name or the file of a preset that says so."""

RANDOM = 8
"""How many random inputs a model is run on where nobody says otherwise."""
FEW = 2
"""How many where one run takes long: a few random inputs show what is wrong as well as many."""
MANY_MACS = 4e9
"""Multiply-accumulates of a sample beyond which a run takes long: a second or so."""
SHOWN = 64
"""How many of the inputs that were fitted to stand in for others: random ones say less."""


def random_count(model: Model, asked: Optional[int]) -> int:
    """Return how many random inputs a model is run on.

    Args:
        model: The model.
        asked: How many are asked for, if that was said.
    """
    if asked is not None:
        return asked
    macs = total_cost(model).macs or 0
    return FEW if macs > MANY_MACS * declared_batch(model) else RANDOM


def read_samples(
    model: Model,
    given: InputsLike,
    preprocessing: Optional[PreprocessingLike] = None,
    labels: Optional[PathLike] = None,
    phase: str = "TEST",
    count: Optional[int] = None,
    uncut: bool = False,
    targets: Sequence[str] = (),
) -> Inputs:
    """Return samples, read if need be, that a model can be run on.

    Args:
        model: The network they are for.
        given: The samples, or their files.
        preprocessing: How images are prepared.
        labels: A text file with the class of each.
        phase: Which data layers of a prototxt to read.
        count: How many of them, spread evenly; all if None.
        uncut: Images may be larger than the net's input, which is cut out of them later.
        targets: Names of arrays that are wanted beside the inputs, see `read_inputs`.

    Raises:
        NetsurgeryError: One cannot be read, is not finite or is of a shape that the net cannot
            take: all are looked at once, before work that takes long.
    """
    shapes = input_shapes(model.network())
    if isinstance(given, Inputs):
        for name, value in (("labels", labels), ("preprocessing", preprocessing)):
            if value is not None:
                raise RequestError(Remedy("{} is for inputs that are read from files", name))
        if set(given.arrays) != set(shapes):
            own, others = (", ".join(map(repr, names)) for names in (shapes, given.arrays))
            raise RequestError(
                f"the net's inputs are {own}, not {others}", remedy="give one array for each"
            )
        inputs = given
    else:
        paths = [given] if isinstance(given, (str, os.PathLike)) else given
        inputs = read_inputs(
            [os.fspath(path) for path in paths],
            shapes,
            preprocessing=preprocessing_of(preprocessing),
            labels=None if labels is None else os.fspath(labels),
            phase=phase,
            uncut=uncut,
            targets=targets,
        )
    inputs = inputs if count is None else inputs.spread(count)
    fed = {
        name: samples.shape[1:] if inputs.whole_blobs else (shapes[name][0], *samples.shape[1:])
        for name, samples in inputs.arrays.items()
        if name in shapes
    }
    if fed != shapes and not uncut:
        require_inputs(replace(model, input_shapes={**model.input_shapes, **fed}))
    inputs.check()
    return inputs


def preprocessing_of(given: Optional[PreprocessingLike]) -> Optional[Preprocessing]:
    """Return how images are prepared, by a preset if need be.

    Raises:
        NetsurgeryError: There is no such preset.
    """
    return given if given is None or isinstance(given, Preprocessing) else prepared(given)


def with_preset(plan: Plan, request: RunRequest) -> Plan:
    """Return a plan that says how the images were prepared that it was made on, by a preset."""
    how = preprocessing_of(request.preprocessing)
    return plan if how is None or how.preset is None else replace(plan, preprocessing=how.to_dict())


def judging_inputs(model: Model, request: FedRequest, progress: Progress) -> Optional[Inputs]:
    """Return the inputs that a request names to judge by, or None for random ones.

    Args:
        model: The network they are for.
        request: What is asked for.
        progress: Told how many of them were run.

    Raises:
        NetsurgeryError: See `read_samples`.
    """
    if request.inputs is None:
        return None
    preprocessing, labels = request.preprocessing, request.labels
    with progress.task("reading inputs"):
        samples = read_samples(model, request.inputs, preprocessing, labels)
    return samples.told(progress)


def calibrator_of(
    model: Model, request: CalibratedRequest, progress: Progress
) -> Optional[Calibrator]:
    """Return what runs the inputs that a request names to fit to, or None where it names none.

    They are read as for TRAIN: the net is fitted to what it was trained on.

    Raises:
        NetsurgeryError: See `read_samples`.
    """
    if request.calibrate is None:
        return None
    with progress.task("reading inputs"):
        samples = read_samples(
            model, request.calibrate, request.preprocessing, None, "TRAIN", request.samples
        )
    cache = None if request.cache is None else os.fspath(request.cache)
    return Calibrator(samples, request.engine, request.seed, progress, request.task_output, cache)


def fitted_to(calibrator: Optional[Calibrator]) -> Optional[int]:
    """Return how many inputs there are to fit to, or None where there are none."""
    return None if calibrator is None else len(calibrator.inputs)


def shown_of(calibrator: Calibrator) -> Inputs:
    """Return a few of the inputs that a net was fitted to: what judges where nothing else does."""
    few = calibrator.inputs.spread(SHOWN)
    return replace(few, description=f"{few.description}, which it was fitted to")
