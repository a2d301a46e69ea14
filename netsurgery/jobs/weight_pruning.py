"""Weights of a net made zero, with masks that say which, tuned, written and proved."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Optional, Sequence, Tuple

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.engine import how_to_get_an_engine, usable_engines
from netsurgery.errors import EngineError, Remedy, RequestError, VerificationError
from netsurgery.formats import make_folder, move_together, scratch_folder, write_masks
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.finetuning import STATES
from netsurgery.jobs.models import ModelLike, engine_of, open_model_like
from netsurgery.jobs.names import PathLike, names_of
from netsurgery.jobs.outputs import checked_folder
from netsurgery.jobs.pruned import Pruned
from netsurgery.jobs.pruning_runs import (
    ONCE,
    ROUNDS,
    USUAL_ROUNDS,
    CarriedOut,
    PruningTask,
    carry_out_pruning,
    require_schedule,
    training_part,
    usual_schedule,
)
from netsurgery.jobs.samples import random_count, read_samples, shown_of
from netsurgery.jobs.training_requests import (
    Learning,
    TrainingRequest,
    held_masks,
    masks_file,
    read_learning,
    report_inputs,
)
from netsurgery.jobs.training_work import work_of_training
from netsurgery.jobs.workload import Workload
from netsurgery.linalg import Pattern
from netsurgery.measurements import default_folder
from netsurgery.network import Model, load, prunable, require_masks_fit
from netsurgery.planning import RECORD, identify, refuse_another
from netsurgery.progress import Progress, ProgressLike
from netsurgery.pruning import Masking, zero_faults
from netsurgery.quality import require_outputs
from netsurgery.saliency import saliency
from netsurgery.training import moved_layers
from netsurgery.validation import validated
from netsurgery.verification import Verification, compare_written, verify

MAGNITUDE = "magnitude"
NET = "net"
_NEAR = 1e-6


@dataclass(frozen=True)
class PruneRequest(TrainingRequest):
    """Which weights of a net become zero, how the others are tuned, and how that is judged.

    With inputs in `calibrate` the weights that stay are tuned: by their labels, by a teacher, or
    where there is neither by what the net itself answers before it is pruned.

    Attributes:
        sparsity: Share of the weights that become zero.
        saliency: What says how much each weight matters; see `netsurgery.saliency`.
        pattern: What goes together: ``"weights"``, ``"kernels"``, ``"rows"``, ``"columns"`` or N:M.
        scope: Whether the least weights of the whole net go, ``"net"``, or those of each layer,
            ``"layer"``.
        layers: Only these: names, globs over names, or types.
        keep: Not these.
        schedule: When they go: ``"once"``; in ``"rounds"``, with a tuning after each; more and more
            while the net is tuned, ``"cubic"``; the same, but what turns out to matter comes back,
            ``"dynamic"``. Cubic if None, where the net is tuned and the saliency looks at weights
            alone.
        rounds: How many rounds; 3 if None.
        factor_rank: Of saliencies that factor the weights: the share of units that is their rank.
        tune: Tune what stays. Without, inputs only tell the saliency what the net computes.
        max_error: Largest relative error of an output that passes, against the net before.
        min_agreement: Smallest share of inputs that keep their top-1 class (or detections); with
            labels, one minus the accuracy that may be lost.
    """

    sparsity: Optional[float] = None
    saliency: str = MAGNITUDE
    pattern: str = "weights"
    scope: str = NET
    layers: Sequence[str] = ()
    keep: Sequence[str] = ()
    schedule: Optional[str] = None
    rounds: Optional[int] = None
    factor_rank: Optional[float] = None
    tune: bool = True
    max_error: Optional[float] = None
    min_agreement: Optional[float] = None


@validated
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
        PlanError: There is no such saliency, or not what it looks at.
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
    task, judged = _read(original, request, progress)
    states = folder / STATES
    if request.force and states.exists():
        shutil.rmtree(states)
    with told_beforehand(progress, "prune", _work(task, judged), default_folder()):
        carried = carry_out_pruning(task, states, progress)
        if task.calibrator is not None:
            task.calibrator.sessions.close()
        if task.learning is not None and carried.tuned is not None:
            judged = report_inputs(task.learning, carried.tuned)
        with progress.task("report"):
            effect, unproven = _effect(original, carried.model, judged, request)
        with progress.task("writing"):
            done = _written(task, carried, folder, effect, unproven, name)
    shutil.rmtree(states, ignore_errors=True)
    return replace(done, timings=progress.timings)


def _read(
    model: Model, request: PruneRequest, progress: Progress
) -> Tuple[PruningTask, Optional[Inputs]]:
    """The task, and what judges it where nothing is tuned; random inputs if None."""
    masking = _masking(model, request)
    sparsity = _sparsity(request, masking.pattern)
    masks, _ = held_masks(model, request.masks)
    require_masks_fit(model, masks)
    learning: Optional[Learning] = None
    inputs = judged = None
    if request.calibrate is not None and request.tune:
        learning = read_learning(model, request, progress, otherwise=model)
        inputs = learning.inputs.chosen(training_part(learning))
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
    often = rounds or USUAL_ROUNDS
    task = PruningTask(model, masking, sparsity, schedule, often, masks, learning, calibrator)
    return task, judged


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
    together = request.scope == NET
    return Masking(saliency(request.saliency), keys, pattern, together, request.seed, options)


def _sparsity(request: PruneRequest, pattern: Pattern) -> float:
    """The share that is asked for, or that the pattern says itself."""
    asked, own = request.sparsity, pattern.sparsity
    if asked is None and own:
        return own
    if asked is None:
        raise RequestError(Remedy("say how many weights become zero: {}", "sparsity"))
    if not 0 <= asked <= 1:
        raise RequestError(Remedy(f"{{}} {asked:g} is no share of one", "sparsity"))
    if own and abs(asked - own) > _NEAR:
        raise RequestError(
            Remedy(f"{{}} {pattern} makes {own:g} of the weights zero, not {asked:g}", "pattern"),
            remedy=Remedy("leave out {}", "sparsity"),
        )
    return own or asked


def _work(task: PruningTask, judged: Optional[Inputs]) -> dict[Tuple[str, ...], float]:
    """About how many seconds it takes."""
    work, learning = Workload.of(task.model), task.learning
    if learning is None:
        count = random_count(task.model, None) if judged is None else len(judged)
        return {("report",): work.comparing(count, judged is None), **work.writing()}
    found = work_of_training(task.model, learning.settings, len(learning.inputs))
    again = len(task.sparsities)
    often = (("training",), ("trying rates",))
    return {path: seconds * (again if path in often else 1) for path, seconds in found.items()}


def _effect(
    original: Model, made: Model, inputs: Optional[Inputs], request: PruneRequest
) -> Tuple[Optional[Verification], Optional[str]]:
    """The net before against the pruned one; or why they were not run, which forbids nothing."""
    limited = request.max_error is not None or request.min_agreement is not None
    if request.engine is None and not limited and not usable_engines():
        return None, f"there is no engine to run it; {how_to_get_an_engine()}"
    labelled = inputs is not None and inputs.labels is not None
    try:
        found = verify(
            original,
            made,
            inputs=inputs,
            count=random_count(original, None),
            seed=request.seed,
            engine=engine_of(request.engine),
            max_error=request.max_error,
            min_agreement=request.min_agreement,
            output=request.task_output if labelled else None,
            output_kinds=dict(request.output_kinds),
            accept_loss=True,
        )
    except (EngineError, VerificationError) as error:
        if limited or request.engine is not None or inputs is not None:
            raise
        return None, f"no engine here can run it: {error}"
    return found, None


def _written(
    task: PruningTask,
    carried: CarriedOut,
    folder: Path,
    effect: Optional[Verification],
    unproven: Optional[str],
    name: Callable[[str], str],
) -> Pruned:
    """Write the pair, its masks and its record, together or not at all, and read the pair back."""
    original, made, masking = task.model, carried.model, task.masking
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        pair = made.save(scratch)
        again = load(pair[0], pair[1], original.input_shapes)
        written = compare_written(original, made, again, frozenset(moved_layers(original, made)))
        moved = carried.masks if carried.tuned else masking.keys if masking.solves else ()
        faults = zero_faults(again, carried.masks, original, moved)
        masks = masks_file(pair[1])
        masks.write_bytes(write_masks(carried.masks))
        record = Path(scratch) / RECORD
        paths = (*pair, masks, record)
        done = Pruned(
            inputs=identify(original),
            files=tuple(folder / path.name for path in paths),
            method=masking.saliency.name,
            schedule=task.schedule,
            sparsity=task.sparsity,
            masks=carried.masks,
            written=written,
            faults=faults,
            effect=effect,
            unproven=unproven,
            tuned=carried.tuned,
            rounds=carried.rounds,
        )
        record.write_text(json.dumps(done.to_dict(name), indent=2) + "\n", encoding="utf-8")
        move_together({folder / path.name: path for path in paths})
    return done
