"""Weights of a net made zero, with masks that say which, written and proved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence, Tuple

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.engine import how_to_get_an_engine, usable_engines
from netsurgery.errors import EngineError, Remedy, RequestError, VerificationError
from netsurgery.formats import make_folder, move_together, read_masks, scratch_folder, write_masks
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.models import ModelLike, engine_of, open_model_like
from netsurgery.jobs.names import PathLike, names_of
from netsurgery.jobs.outputs import checked_folder
from netsurgery.jobs.pruned import Pruned
from netsurgery.jobs.requests import RunRequest
from netsurgery.jobs.samples import InputsLike, random_count, read_samples, shown_of
from netsurgery.jobs.workload import Workload
from netsurgery.linalg import Pattern
from netsurgery.measurements import default_folder
from netsurgery.network import Model, load, prunable, require_masks_fit
from netsurgery.planning import RECORD, identify, refuse_another
from netsurgery.progress import Progress, ProgressLike
from netsurgery.pruning import Closed, Masking, close_weights, zero_faults
from netsurgery.quality import require_outputs
from netsurgery.saliency import Saliency, saliency
from netsurgery.training import moved_layers
from netsurgery.validation import validated
from netsurgery.verification import Verification, compare_written, verify

MAGNITUDE = "magnitude"
NET, LAYER = "net", "layer"
ONCE = "once"
_NEAR = 1e-6


@dataclass(frozen=True)
class PruneRequest(RunRequest):
    """Which weights of a net become zero, and how the result is judged.

    Attributes:
        sparsity: Share of the weights that become zero.
        saliency: What says how much each weight matters; see `netsurgery.saliency`.
        pattern: What goes together: ``"weights"``, ``"kernels"``, ``"rows"``, ``"columns"`` or N:M.
        scope: Whether the least weights of the whole net go, ``"net"``, or those of each layer,
            ``"layer"``.
        layers: Only these: names, globs over names, or types.
        keep: Not these.
        calibrate: Samples like those the net was trained on, or the files they are in.
        labels: A text file with the class of each.
        validate: Inputs to judge by; some of those to fit to if None, or random ones.
        masks: A file of masks: what they close is zero already.
        max_error: Largest relative error of an output that passes.
        min_agreement: Smallest share of inputs that keep their top-1 class (or detections); with
            labels, one minus the accuracy that may be lost.
        output_kinds: What outputs are, by blob, where the net does not tell; see `KINDS`.
        force: Overwrite what is in the folder even if it was made of other files.
    """

    sparsity: Optional[float] = None
    saliency: str = MAGNITUDE
    pattern: str = "weights"
    scope: str = "net"
    layers: Sequence[str] = ()
    keep: Sequence[str] = ()
    calibrate: Optional[InputsLike] = None
    labels: Optional[PathLike] = None
    validate: Optional[InputsLike] = None
    masks: Optional[PathLike] = None
    max_error: Optional[float] = None
    min_agreement: Optional[float] = None
    output_kinds: Mapping[str, str] = field(default_factory=dict)
    force: bool = False


@validated
def prune(
    model: ModelLike,
    request: PruneRequest,
    out: PathLike,
    progress: ProgressLike = None,
    name: Callable[[str], str] = "`{}`".format,
) -> Pruned:
    """Make weights of a net zero, write the new pair with its masks, and prove them.

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
        FormatError: The folder holds another net's pair, or cannot be written.
        NetworkError: A layer that is named is not there; masks do not fit.
        EngineError: There is no engine that can do it.
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
    masking = _masking(original, request)
    sparsity = _sparsity(request, masking.pattern)
    masks = {} if request.masks is None else read_masks(request.masks)
    require_masks_fit(original, masks)
    calibrator, judged = _read_inputs(original, request, progress)
    work = Workload.of(original)
    count = random_count(original, None) if judged is None else len(judged)
    seconds = {("running",): work.comparing(count, judged is None), **work.writing()}
    with told_beforehand(progress, "prune", seconds, default_folder()):
        with progress.task("pruning"):
            closed = close_weights(original, masking, sparsity, masks, calibrator)
        if calibrator is not None:
            calibrator.sessions.close()
        with progress.task("running"):
            effect, unproven = _effect(original, closed.model, judged, request)
        with progress.task("writing"):
            done = _written(original, closed, masking, sparsity, folder, effect, unproven, name)
    return replace(done, timings=progress.timings)


def _masking(model: Model, request: PruneRequest) -> Masking:
    """How masks are made, and of which weights."""
    try:
        pattern = Pattern.parse(request.pattern)
    except ValueError as error:
        raise RequestError(f"there is no such pattern: {error}") from None
    keys = prunable(model, names_of(request.layers) or ("*",), names_of(request.keep))
    if not keys:
        raise RequestError(
            Remedy("{} leaves no layer whose weights could go", "keep"),
            remedy="keep fewer",
        )
    together = request.scope == NET
    return Masking(saliency(request.saliency), keys, pattern, together, request.seed)


def _sparsity(request: PruneRequest, pattern: Pattern) -> float:
    """The share that is asked for, or that the pattern says itself."""
    asked, own = request.sparsity, pattern.sparsity
    if asked is None and own:
        return own
    if asked is None:
        raise RequestError(Remedy("say how many weights become zero: {}", "sparsity"))
    if own and abs(asked - own) > _NEAR:
        raise RequestError(
            Remedy(f"{{}} {pattern} makes {own:g} of the weights zero, not {asked:g}", "pattern"),
            remedy=Remedy("leave out {}", "sparsity"),
        )
    return own or asked


def _read_inputs(
    model: Model, request: PruneRequest, progress: Progress
) -> Tuple[Optional[Calibrator], Optional[Inputs]]:
    """What runs the inputs to prune by, if any, and the inputs to judge by; random ones if None."""
    calibrator = judged = None
    with progress.task("reading inputs"):
        if request.calibrate is not None:
            inputs = read_samples(
                model, request.calibrate, request.preprocessing, request.labels, "TRAIN"
            )
            calibrator = Calibrator(
                inputs, request.engine, request.seed, progress, request.task_output
            )
            judged = shown_of(calibrator)
        if request.validate is not None:
            judged = read_samples(model, request.validate, request.preprocessing)
    return calibrator, judged if judged is None else judged.told(progress)


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
    original: Model,
    closed: Closed,
    masking: Masking,
    sparsity: float,
    folder: Path,
    effect: Optional[Verification],
    unproven: Optional[str],
    name: Callable[[str], str],
) -> Pruned:
    """Write the pair, its masks and its record, together or not at all, and read the pair back."""
    made = closed.model
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        pair = made.save(scratch)
        again = load(pair[0], pair[1], original.input_shapes)
        written = compare_written(original, made, again, frozenset(moved_layers(original, made)))
        solves = type(masking.saliency).solve is not Saliency.solve
        faults = zero_faults(again, closed.masks, original, masking.keys if solves else ())
        masks = masks_file(pair[1])
        masks.write_bytes(write_masks(closed.masks))
        record = Path(scratch) / RECORD
        paths = (*pair, masks, record)
        done = Pruned(
            identify(original),
            tuple(folder / path.name for path in paths),
            masking.saliency.name,
            ONCE,
            sparsity,
            closed.masks,
            written,
            faults,
            effect,
            unproven,
        )
        record.write_text(json.dumps(done.to_dict(name), indent=2) + "\n", encoding="utf-8")
        move_together({folder / path.name: path for path in paths})
    return done


def masks_file(weights: Path) -> Path:
    """Return how the file of masks beside weights is called."""
    name = weights.name
    for ending in (".h5", ".caffemodel"):
        name = name[: -len(ending)] if name.endswith(ending) else name
    return weights.with_name(f"{name}.masks.npz")
