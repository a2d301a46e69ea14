"""Which channels of a model matter."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Optional, Sequence

from netsurgery import ranking
from netsurgery.calibration import Calibrator
from netsurgery.errors import Remedy, RequestError
from netsurgery.formats import write_whole
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.json_text import to_json
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.jobs.names import PathLike, names_of
from netsurgery.jobs.outputs import RANKING
from netsurgery.jobs.requests import RunRequest
from netsurgery.jobs.samples import InputsLike, fitted_to, read_samples
from netsurgery.jobs.workload import Workload
from netsurgery.measurements import default_folder
from netsurgery.network import Model
from netsurgery.progress import Progress, ProgressLike
from netsurgery.ranking import Ranking
from netsurgery.validation import validated


@dataclass(frozen=True)
class RankRequest(RunRequest):
    """What to rank channels by.

    Attributes:
        criteria: Names of criteria; the first orders the tables of a report.
        inputs: Samples like those the net was trained on, or the files they are in, or a train
            prototxt, of which what its data layer for TRAIN reads. Criteria that look at weights
            alone need none.
        labels: A text file with the class of each input.
        oracle: Also remove each channel alone, see what becomes of the loss, and hold the criteria
            against that. Needs an engine that gives the loss.
        flops: In the order over all layers, what one percent of the net's MACs is worth.
        cache: The folder that keeps what inputs tell of a model for other runs; None keeps nothing.
    """

    criteria: Sequence[str] = ("l1",)
    inputs: Optional[InputsLike] = None
    labels: Optional[PathLike] = None
    oracle: bool = False
    flops: float = 0.0
    cache: Optional[PathLike] = field(default_factory=default_folder)


@validated
def rank(
    model: ModelLike,
    request: Optional[RankRequest] = None,
    out: Optional[PathLike] = None,
    progress: ProgressLike = None,
) -> Ranking:
    """Rank the channels of a model by what they are worth.

    Args:
        model: The network with its weights, or its files.
        request: What to rank by.
        out: A file for the whole ranking as JSON. What an oracle measures is kept beside it, under
            the same name with ``.oracle`` behind it, from which the next run goes on.
        progress: Told each step.

    Raises:
        RequestError: What is asked for contradicts itself, or ``out`` is no name for such a file.
        PlanError: There is no such criterion, no inputs that it needs, nothing to rank, or no loss.
        EngineError: There is no engine that can do it.
        NetworkError: Prototxt and weights do not belong together.
        NetsurgeryError: A file is not what it should be, or cannot be written.
    """
    request = request or RankRequest()
    refuse_contradictions("rank", request)
    if not request.criteria:
        raise RequestError(Remedy("say what to rank by: give {}", "criteria"))
    path = None if out is None else RANKING.checked(out)
    model, progress = open_model_like(model), Progress.of(progress)
    calibrator = _calibrator(model, request, progress)
    work = Workload.of(model).ranking(fitted_to(calibrator), request.oracle)
    with told_beforehand(progress, "rank", work, request.cache):
        found = ranking.rank(
            model,
            names_of(request.criteria),
            calibrator,
            oracle=request.oracle,
            notes=path and path.with_name(f"{path.name}.oracle"),
            flops=request.flops,
            seed=request.seed,
            progress=progress,
        )
    if path is not None:
        data = f"{to_json(found.to_dict())}\n".encode()
        write_whole(RANKING.ready(path), data)
    return replace(found, timings=progress.timings)


def _calibrator(model: Model, request: RankRequest, progress: Progress) -> Optional[Calibrator]:
    if request.inputs is None:
        return None
    samples = read_samples(model, request.inputs, request.preprocessing, request.labels, "TRAIN")
    cache = None if request.cache is None else os.fspath(request.cache)
    return Calibrator(samples, request.engine, request.seed, progress, request.task_output, cache)
