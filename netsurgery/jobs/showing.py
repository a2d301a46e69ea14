"""What a page shows of a written pair beside its record: the error along the net, and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.calibration import Inputs, Preprocessing, SessionPool
from netsurgery.engine import choose
from netsurgery.jobs.compressed import Compression
from netsurgery.jobs.pairs import PairRequest, judged_by
from netsurgery.jobs.requests import FedRequest
from netsurgery.jobs.samples import calibrator_of, preprocessing_of
from netsurgery.network import Model, Value
from netsurgery.progress import Progress, ProgressLike
from netsurgery.quality import DETECTIONS, PICTURE, SEGMENTATION
from netsurgery.verification import BlobComparison, verify

_TRACED, _PICTURED = 4, 3
"""How many inputs the nets are run on again: a page has room for few."""
_SMALLEST = 16
"""Pixels of an edge below which nobody sees anything."""


@dataclass(frozen=True)
class ShownPicture:
    """What both nets make of one input.

    Attributes:
        output: The output.
        kind: What it is: detections, a segmentation or a picture.
        photo: The input as it was before it was prepared, RGB, (H, W, 3), 0 to 1.
        before: What the original makes of it, as its engine gives it, without the axis of samples.
        after: What the new net makes of it.
        swapped: The order of channels that makes RGB of what the net reads and makes.
    """

    output: str
    kind: str
    photo: np.ndarray
    before: np.ndarray
    after: np.ndarray
    swapped: Tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class Shown:
    """What a page shows beside the record of a compression.

    Attributes:
        trace: How far every blob that both nets have is apart, along the original.
        pictures: What both make of some inputs, where that can be looked at.
    """

    trace: Sequence[BlobComparison] = ()
    pictures: Sequence[ShownPicture] = ()


def show(done: Compression, request: PairRequest, progress: ProgressLike = None) -> Shown:
    """Run a pair that was proved again, on a few inputs, and keep what can be looked at.

    Args:
        done: The compression; where nothing was run for it, nothing is run now.
        request: What it was asked by.
        progress: Told how many inputs were run.

    Raises:
        EngineError: The engine that proved it gave up.
        NetsurgeryError: An input is not there any more.
    """
    if done.effect is None or not done.surgery.steps:
        return Shown()
    surgery, progress = done.surgery, Progress.of(progress)
    with progress.task("showing"):
        fitted = calibrator_of(surgery.original, request, progress)
        inputs = judged_by(surgery.original, request, fitted, progress)
        found = verify(
            surgery.original,
            surgery.model,
            inputs=None if inputs is None else inputs.spread(min(len(inputs), _TRACED)),
            count=_TRACED,
            engine=done.effect.engine,
            trace=True,
            kept=surgery.kept(),
            origins=surgery.places(),
            accept_loss=True,
        )
        trace = () if found.trace is None else found.trace.blobs
        pictures = () if inputs is None else _pictures(done, request, inputs)
        return Shown(trace, tuple(pictures))


def _pictures(done: Compression, request: FedRequest, inputs: Inputs) -> Iterator[ShownPicture]:
    """What both nets make of the first inputs, of outputs that are something to look at."""
    assert done.effect is not None
    kinds = {
        one.blob: one.kind
        for one in done.effect.quality.outputs
        if one.kind in (DETECTIONS, SEGMENTATION, PICTURE)
    }
    images = [name for name, array in inputs.arrays.items() if _is_image(array.shape[1:])]
    if not kinds or len(images) != 1 or inputs.whole_blobs:
        return
    models = done.surgery.original, done.surgery.model
    engine = choose(done.effect.engine, [model.network() for model in models])
    how = preprocessing_of(request.preprocessing) or Preprocessing()
    with SessionPool() as pool, pool.open(engine, models) as runners:
        few = inputs.spread(min(len(inputs), _PICTURED))
        for batch in few.batches(1):
            made = [
                runner.run(batch, _last(model, kinds)) for runner, model in zip(runners, models)
            ]
            sample = batch.inputs[images[0]][0]
            swapped = _to_rgb(how, len(sample))
            photo = _unprepared(sample, how, swapped)
            for blob, kind in kinds.items():
                before, after = (one[blob] for one in made)
                if kind == DETECTIONS or _is_image(before.shape[1:], 1 << 16):
                    yield ShownPicture(blob, kind, photo, before[0], after[0], swapped)


def _last(model: Model, blobs: Mapping[str, str]) -> Dict[str, Value]:
    network = model.network()
    return {blob: network.last(blob.split("@")[0]) for blob in blobs}


def _is_image(shape: Sequence[int], channels: int = 3) -> bool:
    """Whether there is something to look at: (C, H, W), of so many channels at most."""
    return len(shape) == 3 and 1 <= shape[0] <= channels and min(shape[1:]) >= _SMALLEST


def _to_rgb(how: Preprocessing, channels: int) -> Tuple[int, ...]:
    """The order of channels that undoes how they were swapped."""
    if channels != 3:
        return (0, 0, 0)
    swap = how.channel_swap or (2, 1, 0)
    return tuple(swap.index(channel) for channel in range(3))


def _unprepared(sample: np.ndarray, how: Preprocessing, swapped: Tuple[int, ...]) -> np.ndarray:
    """A sample as it was before; stretched to what can be seen where nobody knows how it was."""
    mean = np.asarray(how.mean if how.mean is not None else 0.0).reshape(-1, 1, 1)
    image = (sample / (how.input_scale or 1.0) + mean) / how.raw_scale
    low, high = float(image.min()), float(image.max())
    if low < -0.1 or high > 1.1 or high - low < 0.02:
        image = (image - low) / ((high - low) or 1.0)
    return np.clip(image[list(swapped)].transpose(1, 2, 0), 0.0, 1.0)
