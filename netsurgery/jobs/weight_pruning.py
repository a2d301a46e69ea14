"""Weights of a net made zero, with masks that say which, tuned, written and proved."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Callable, Optional, Tuple

from netsurgery.calibration import Calibrator, Inputs, closed_behind
from netsurgery.criteria import criterion
from netsurgery.errors import Remedy, RequestError
from netsurgery.jobs.channel_pruning import (
    USUAL_IMAGES,
    USUAL_REMOVED,
    USUAL_STEPS,
    ChannelTask,
)
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.mask_files import held_masks
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.jobs.names import PathLike, names_of
from netsurgery.jobs.outputs import checked_folder
from netsurgery.jobs.prune_request import NET, PruneRequest
from netsurgery.jobs.pruned import Pruned
from netsurgery.jobs.pruning_runs import (
    ONCE,
    ROUNDS,
    USUAL_ROUNDS,
    WHILE_TRAINED,
    PruningTask,
    plain_views,
    require_schedule,
    training_part,
    usual_schedule,
)
from netsurgery.jobs.pruning_writing import AnyTask, pruning_effect, write_pruned
from netsurgery.jobs.published import by_recipe
from netsurgery.jobs.run_states import kept_states
from netsurgery.jobs.samples import random_count, read_samples, shown_of
from netsurgery.jobs.training_requests import (
    Learning,
    read_learning,
    report_inputs,
)
from netsurgery.jobs.training_texts import read_twins
from netsurgery.jobs.training_work import work_of_training
from netsurgery.jobs.workload import SCORED, Workload
from netsurgery.linalg import Pattern
from netsurgery.measurements import default_folder
from netsurgery.network import Model, prunable
from netsurgery.planning import refuse_another
from netsurgery.progress import Progress, ProgressLike
from netsurgery.pruning import ChannelRemoval, Masking
from netsurgery.quality import require_outputs
from netsurgery.saliency import saliency
from netsurgery.validation import validated

MAGNITUDE, TAYLOR = "magnitude", "taylor"
_NEAR = 1e-6
_STEPS = "schedule", "steps"


@validated
@by_recipe
def prune(
    model: ModelLike,
    request: PruneRequest,
    out: PathLike,
    progress: ProgressLike = None,
    name: Callable[[str], str] = "`{}`".format,
) -> Pruned:
    """Make weights of a net zero, write the new pair with its masks, and prove them.

    A run that tunes and is killed keeps its states in ``out``; the same call goes on from there.

    Args:
        model: The net with its weights, or its files.
        request: Which weights, and how.
        out: The folder for the new pair, under the names of the old one's files, for its masks,
            ``NAME.masks.npz``, and its record.
        progress: Told each step.
        name: Names an argument of the library, in what the record says there is to do.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing.
        PlanError: There is no such saliency or recipe, or not what it looks at.
        FormatError: The folder holds another net's pair or another run's states, or cannot be
            written.
        NetworkError: A layer that is named is not there; masks do not fit.
        EngineError: There is no engine that can do it, or the net went to pieces.
        NetsurgeryError: A file is not what it should be.
    """
    refuse_contradictions("prune", request)
    folder, progress = checked_folder(out), Progress.of(progress)
    original = open_model_like(model)
    if original.weights is None:
        raise RequestError("there are no weights to prune", remedy="give a caffemodel")
    require_outputs(original.network(), request.output_kinds, request.task_output)
    original.refuse_overwriting(folder / name for name in original.file_names())
    if not request.force:
        refuse_another(folder, original)
    if request.macs is not None and request.train_val is not None:
        read_twins(request.train_val, None, original, folder)  # it is written there, too
    task, judged = (_read if request.macs is None else _read_channels)(original, request, progress)
    # What is not tuned is over at once.
    trains = task.learning is not None
    states_kept = kept_states(folder, request.force) if trains else nullcontext(folder)
    told = told_beforehand(progress, "prune", _work(task, judged), default_folder())
    with states_kept as states, told:
        with closed_behind(task.calibrator):
            carried = task.carry_out(states, progress)
        if task.learning is not None and carried.tuned is not None:
            judged = report_inputs(task.learning, carried.tuned)
        with progress.task("report"):
            effect, unproven = pruning_effect(original, carried.model, judged, request)
        with progress.task("writing"):
            done = write_pruned(task, carried, folder, effect, unproven, name)
    return replace(done, timings=progress.timings)


def _read(
    model: Model, request: PruneRequest, progress: Progress
) -> Tuple[PruningTask, Optional[Inputs]]:
    """The task, and what judges it where nothing is tuned; random inputs if None."""
    masking = _masking(model, request)
    sparsity = _sparsity(request, masking.pattern)
    masks, _ = held_masks(model, request.masks)
    learning: Optional[Learning] = None
    inputs = judged = None
    if request.calibrate is not None and request.tune:
        learning = read_learning(model, request, progress, otherwise=model)
        inputs = plain_views(learning, training_part(learning))
    elif request.calibrate is not None:
        with progress.task("reading inputs"):
            how = request.preprocessing, request.labels, "TRAIN"
            inputs = read_samples(model, request.calibrate, *how)
    calibrator = None
    if inputs is not None:
        how_run = request.engine, request.seed, progress, request.task_output
        calibrator = Calibrator(inputs, *how_run)
        judged = shown_of(calibrator)
    if learning is None and request.validate is not None:
        judged = read_samples(model, request.validate, request.preprocessing)
    rounds = request.rounds
    schedule = request.schedule or (ROUNDS if rounds else usual_schedule(masking, bool(learning)))
    require_schedule(masking, schedule)
    if learning is None and schedule != ONCE:
        raise RequestError(Remedy(f"{{}} {schedule} needs {{}}", "schedule", "calibrate"))
    if request.steps == 1 and schedule in WHILE_TRAINED:
        raise RequestError(
            Remedy(f"{{}} {schedule} closes weights between {{}}, of which 1 has none", *_STEPS),
            remedy=Remedy("give {} as once, or 2 {} or more", *_STEPS),
        )
    often = rounds or USUAL_ROUNDS
    task = PruningTask(model, masking, sparsity, schedule, often, masks, learning, calibrator)
    return task, judged


def _read_channels(
    model: Model, request: PruneRequest, progress: Progress
) -> Tuple[ChannelTask, Optional[Inputs]]:
    """The task, where channels go."""
    assert request.macs is not None
    if not 0 < request.macs < 1:
        raise RequestError(Remedy(f"{{}} {request.macs:g} is no share that can be left", "macs"))
    masks, of = held_masks(model, request.masks)
    if masks:
        raise RequestError(
            Remedy(f"channels cannot go from under masks ({of})"),
            remedy=Remedy("cut what is dead first, with thin; or give {} as none", "masks"),
        )
    learning = read_learning(model, request, progress, otherwise=model)
    if learning.settings.steps is None:
        settings = replace(learning.settings, steps=USUAL_STEPS)
        learning = replace(learning, settings=settings)
    removal = ChannelRemoval(
        criterion(request.saliency or TAYLOR),
        request.macs,
        request.remove or USUAL_REMOVED,
        request.flops_regularization,
        request.seed,
    )
    images = request.images or USUAL_IMAGES
    task = ChannelTask(model, removal, images, learning, request.engine)
    return task, None


def _masking(model: Model, request: PruneRequest) -> Masking:
    """How masks are made, and of which weights."""
    try:
        pattern = Pattern.parse(request.pattern)
    except ValueError as error:
        raise RequestError(f"there is no such pattern: {error}") from None
    keys = prunable(model, names_of(request.layers) or ("*",), names_of(request.keep))
    if not keys:
        raise RequestError(
            Remedy("{} leaves no layer whose weights could go", "keep"), remedy="keep fewer"
        )
    options = {} if request.factor_rank is None else {"rank": request.factor_rank}
    together = request.scope in (None, NET)
    return Masking(
        saliency(request.saliency or MAGNITUDE), keys, pattern, together, request.seed, options
    )


def _sparsity(request: PruneRequest, pattern: Pattern) -> float:
    """The share that is asked for, or that the pattern says itself."""
    asked, own = request.sparsity, pattern.sparsity
    if asked is None and own:
        return own
    if asked is None:
        raise RequestError(
            Remedy("say how many weights become zero: {}, or what is left: {}", "sparsity", "macs")
        )
    if not 0 < asked < 1:
        raise RequestError(
            Remedy(f"{{}} {asked:g} is no share that can go", "sparsity"),
            remedy="give one between 0, which closes nothing, and 1, which leaves nothing",
        )
    if own and abs(asked - own) > _NEAR:
        raise RequestError(
            Remedy(f"{{}} {pattern} makes {own:g} of the weights zero, not {asked:g}", "pattern"),
            remedy=Remedy("leave out {}", "sparsity"),
        )
    return own or asked


def _work(task: AnyTask, judged: Optional[Inputs]) -> dict[Tuple[str, ...], float]:
    """About how many seconds it takes."""
    work, learning = Workload.of(task.model), task.learning
    scored = task.scoring / SCORED if isinstance(task, PruningTask) else 0.0
    if learning is None:
        count = random_count(task.model, None) if judged is None else len(judged)
        found = {("report",): work.comparing(count, judged is None), **work.writing()}
        return {("pruning",): scored, **found}
    found = work_of_training(task.model, learning)
    if isinstance(task, PruningTask) and task.schedule in WHILE_TRAINED:
        return found
    tried, asked = (found.pop((name,), 0.0) for name in ("trying rates", "asking the teacher"))
    if isinstance(task, PruningTask):
        # The teacher is asked once; every round looks for a rate of its own.
        each = tried + found.pop(("training",))
        looped = asked + each + (task.rounds_at_most - 1) * (each + scored)
        return {("pruning",): scored, ("rounds",): looped, **found}
    del found["training",]  # all rounds have the rate of the first
    length, takes = task.length, task.round_takes
    loop = len(length.macs) * takes.start + length.work * takes.net
    return {("removing channels",): takes.ranking, ("rounds",): tried + asked + loop, **found}
