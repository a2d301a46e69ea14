"""A plan carried out: the pair written, read back and proved."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Container, Mapping, Optional, Union

from netsurgery.calibration import Calibrator, Inputs, SessionPool, closed_behind
from netsurgery.engine import Engine, how_to_get_an_engine, usable_engines
from netsurgery.errors import EngineError, NoJudgeError, VerificationError
from netsurgery.formats import (
    make_folder,
    refuse_unmakable,
    scratch_folder,
)
from netsurgery.jobs.compressed import Compression
from netsurgery.jobs.mask_files import masks_to_write, move_pair
from netsurgery.jobs.samples import RANDOM
from netsurgery.network import Model, load, masks_of, total_cost
from netsurgery.planning import RECORD as REPORT, Plan, identify
from netsurgery.progress import Progress, silent
from netsurgery.quality import cautions_of
from netsurgery.surgery import Planned, Surgery, operate, refuse_half, write_through_engine
from netsurgery.verification import (
    FrontRuns,
    LayerError,
    Verification,
    Written,
    compare_saved,
    compare_written,
    refuse_labels,
    verify,
)

Beside = Callable[[Surgery], Mapping[str, bytes]]
"""Makes what is written beside a pair: names of files, and what is in them."""
Compare = Callable[[Model, Model, Model, Container[str]], Written]


@dataclass(frozen=True)
class Proof:
    """How to prove a compression.

    Attributes:
        engine: The engine to run; the first usable one if None.
        inputs: What to run it on; random inputs if None.
        count: Number of random inputs.
        seed: Seed of the random inputs.
        max_error: Largest relative error allowed in any output.
        min_agreement: Smallest share of inputs whose top-1 class must stay the same.
        task_output: The output that labels are for, where several hold classes.
        wanted: Whether to run anything at all.
        output_kinds: What outputs are, by blob, where the net does not tell; see `KINDS`.
        accept_loss: Whether an output may be lost by the table of limits.
    """

    engine: Optional[Engine] = None
    inputs: Optional[Inputs] = None
    count: int = RANDOM
    seed: int = 0
    max_error: Optional[float] = None
    min_agreement: Optional[float] = None
    task_output: Optional[str] = None
    wanted: bool = True
    output_kinds: Mapping[str, str] = field(default_factory=dict)
    accept_loss: bool = False


def write_proved(
    model: Model,
    planned: Union[Plan, Planned],
    folder: Union[str, Path],
    proof: Optional[Proof] = None,
    *,
    calibrator: Optional[Calibrator] = None,
    writer: Optional[Engine] = None,
    beside: Optional[Beside] = None,
    progress: Progress = silent,
    name: Callable[[str], str] = "`{}`".format,
) -> Compression:
    """Carry out a plan, write the pair into ``folder`` and prove what is written there.

    The pair is written beside its place, read back and proved; then it is put in place together
    with a report, ``netsurgery.json``.

    Args:
        model: The network with its weights.
        planned: The edits, and what they make of the model where that was done already.
        folder: Where the pair goes, under the names of the original's files.
        proof: How to prove it.
        calibrator: What calibration inputs tell, for methods that want it.
        writer: An engine that writes weights, to have it do so instead of this package.
        beside: What else is written beside the pair, made of what surgery did.
        progress: Told each step.
        name: Names an argument of the library, in what the report says there is to do.

    Raises:
        PlanError: An edit cannot be carried out, or what goes beside the pair not be made; nothing
            is written then.
        FormatError: The pair would overwrite the original, or cannot be written.
        VerificationError: The labels do not belong to the net; nothing is done then.
        EngineError: An engine that was asked for cannot run the pair; nothing is written then.
    """
    folder = Path(folder)
    model.refuse_overwriting(folder / name for name in model.file_names())
    refuse_unmakable(folder)
    if writer is not None:
        refuse_half(model)
    refuse_labels(model, proof.inputs if proof else None)
    plan, surgery = planned if isinstance(planned, Planned) else Planned(planned)
    with closed_behind(calibrator):
        surgery = surgery.of(plan) if surgery else operate(model, plan, calibrator, progress)
    others = _others(surgery, beside, folder)
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        with progress.task("writing"):
            pair = surgery.model.save(scratch)
            if writer is not None:
                write_through_engine(surgery, pair, writer)
        compare = compare_written if writer is None else compare_saved
        proof = proof or Proof()
        with progress.task("proof"):
            done = _examine(surgery, plan, pair, folder, proof, compare, progress)
        if calibrator is not None:
            judged = proof.inputs if done.effect is not None else None
            cautions = cautions_of(surgery, calibrator.inputs, judged)
            done = replace(done, cautions=cautions)
        *written, last = done.files
        done = replace(done, files=(*written, *(folder / other for other in others), last))
        report = Path(scratch) / REPORT
        report.write_text(json.dumps(done.to_dict(name), indent=2) + "\n", encoding="utf-8")
        more = _written_into(Path(scratch), others)
        staged = {folder / path.name: path for path in (*pair, *more, report)}
        move_pair(staged, folder / pair[1].name)
    return done


def write_checked(
    surgery: Surgery, folder: Union[str, Path], beside: Optional[Beside] = None
) -> tuple[tuple[Path, ...], Written]:
    """Write the pair that surgery made and hold the files against what was meant; run nothing.

    Like `write_proved`, this puts a pair in its place also where it is not what was meant.

    Args:
        surgery: The rewritten model, and where it comes from.
        folder: Where the pair goes, under the names of the original's files.
        beside: What else is written beside the pair, made of what surgery did.

    Returns:
        The paths of what was written, and what reading it back showed.

    Raises:
        FormatError: The pair would overwrite the original, cannot be written or not be read back;
            nothing is written then.
        PlanError: What goes beside it cannot be made; nothing is written then.
    """
    folder, original = Path(folder), surgery.original
    original.refuse_overwriting(folder / name for name in original.file_names())
    others = _others(surgery, beside, folder)
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        pair = surgery.model.save(scratch)
        written = load(pair[0], pair[1], original.input_shapes)
        found = compare_written(original, surgery.model, written, surgery.touched)
        more = _written_into(Path(scratch), others)
        staged = {folder / path.name: path for path in (*pair, *more)}
        move_pair(staged, folder / pair[1].name)
    return tuple(folder / path.name for path in (*pair, *more)), found


def _others(surgery: Surgery, beside: Optional[Beside], folder: Path) -> dict[str, bytes]:
    """What is written beside the pair: its masks, and what is made of what surgery did."""
    made = surgery.model
    masks = masks_to_write(masks_of(made), folder / made.file_names()[1])
    return {**(beside(surgery) if beside is not None else {}), **masks}


def _written_into(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    paths = [folder / name for name in files]
    for path in paths:
        path.write_bytes(files[path.name])
    return paths


def _examine(
    surgery: Surgery,
    plan: Plan,
    pair: tuple[Path, ...],
    folder: Path,
    proof: Proof,
    compare: Compare,
    progress: Progress,
) -> Compression:
    written = load(pair[0], pair[1], surgery.original.input_shapes)
    progress.begin("reading back")
    found = compare(surgery.original, surgery.model, written, surgery.touched)
    progress.begin("measuring errors")
    if not found:
        written = surgery.model  # What is on the disk is no net that anything could be said of.
    twin = surgery.twin(written.weights, pair[0].parent)
    measured = surgery.errors(twin)
    predicted = surgery.predicted_errors()
    rounding, others = surgery.rounding(), surgery.moved_errors(twin)
    layers = [
        LayerError(name, predicted.get(name), error, rounding.get(name, 0.0), others.get(name, 0.0))
        for name, error in measured.items()
    ]
    for one in (surgery.original, written):
        if one.weights is not None:
            one.weights.let_go()  # engines need the memory
    progress.begin("running")
    nothing = None, None, None
    equality, effect, unproven = _prove(surgery, twin, written, proof) if found else nothing
    inputs = identify(surgery.original)
    return Compression(
        surgery,
        plan if plan.model else replace(plan, model=inputs),
        inputs,
        (*(folder / path.name for path in pair), folder / REPORT),
        tuple(layers),
        # The written net was read back, so that what is known of the one that was meant serves.
        (total_cost(surgery.original), total_cost(surgery.model)),
        (_bytes(surgery.original), pair[1].stat().st_size),
        found,
        equality,
        effect,
        unproven,
    )


def _prove(
    surgery: Surgery, twin: Model, written: Model, proof: Proof
) -> tuple[Optional[Verification], Optional[Verification], Optional[str]]:
    """Run the models; or say why not, where that is not the fault of what was written."""
    if not proof.wanted:
        return None, None, "nothing was run, on request"
    chosen = [proof.engine] if proof.engine else usable_engines()
    if not chosen:
        return None, None, f"there is no engine to run it; {how_to_get_an_engine()}"
    refusals = []
    with SessionPool() as sessions:
        fronts = FrontRuns()
        for engine in chosen:
            common: dict[str, Any] = {
                "inputs": proof.inputs,
                "count": proof.count,
                "seed": proof.seed,
                "engine": engine,
                "output": proof.task_output,
                "origins": surgery.places(),
                "output_kinds": proof.output_kinds,
                "sessions": sessions,
                "fronts": fronts,
            }
            try:
                return _compare(surgery, twin, written, proof, common)
            except NoJudgeError as error:
                refusals.append(f"{engine.name}: {error}")
            except (EngineError, VerificationError) as error:
                if proof.engine or _runs(surgery.original, common):
                    raise
                refusals.append(f"{engine.name}: {error}")
    return None, None, f"no engine here can judge the original ({'; '.join(refusals)})"


def _compare(
    surgery: Surgery, twin: Model, written: Model, proof: Proof, common: Mapping[str, Any]
) -> tuple[Optional[Verification], Verification, Optional[str]]:
    """Hold the written pair against what it must equal, and against the original."""
    # Where channels change their neighbours, the twin is no measure.
    approximate = surgery.approximate
    held_to, kept = surgery.original if surgery.exact else twin, surgery.kept()
    equality = (
        None
        if approximate
        else verify(held_to, written, expect="exact", blobs="common", kept=kept, **common)
    )
    effect = verify(
        surgery.original,
        written,
        max_error=proof.max_error,
        min_agreement=proof.min_agreement,
        accept_loss=proof.accept_loss,
        **common,
    )
    why = approximate and f"thinned nets like this are not exact: {approximate}"
    return equality, effect, why or None


def _runs(model: Model, common: Mapping[str, Any]) -> bool:
    try:
        return verify(model, model, **{**common, "origins": {}}).passed is not False
    except (EngineError, VerificationError):
        return False


def _bytes(model: Model) -> int:
    file = model.weights.file if model.weights else None
    return os.path.getsize(file) if file else 0
