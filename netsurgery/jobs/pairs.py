"""A smaller pair, made of a plan, written and proved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Optional

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.engine import Capability, Engine, choose
from netsurgery.jobs.compressed import Compression
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.models import engine_of
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.outputs import checked_folder
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.jobs.requests import BudgetedRequest, CalibratedRequest, JudgedRequest
from netsurgery.jobs.samples import (
    calibrator_of,
    fitted_to,
    judging_inputs,
    random_count,
    shown_of,
    with_preset,
)
from netsurgery.jobs.training_texts import read_twins
from netsurgery.jobs.workload import work_of_pair
from netsurgery.network import Model
from netsurgery.planning import refuse_another
from netsurgery.progress import Progress
from netsurgery.quality import require_outputs
from netsurgery.surgery import Planned

MakePlan = Callable[[Model, Optional[Calibrator], Progress], Planned]


@dataclass(frozen=True)
class PairRequest(CalibratedRequest, JudgedRequest):
    """How a smaller pair is made of a plan, written, proved and judged.

    Where no inputs are given to judge by, a few of those to fit to do, or else random ones.

    Attributes:
        verify: Run the pair; without that it is written and held against what was meant.
        writer: Who writes the caffemodel: ``"direct"``, this package; ``"caffe"``, an engine that
            can, as pycaffe does (net.params, net.save).
        deploy: Leave out the layers that Caffe does not build for TEST.
        force: Overwrite what is in the folder even if it was made of other files.
        train_val: The prototxt that the net is trained by. It is rewritten alike, so that it loads
            the new weights, and written beside them.
        solver: The solver that it is trained by. One for the new net, at a tenth of its rate, is
            written beside it, with a text to train by where `train_val` gives none.
    """

    verify: bool = True
    writer: str = "direct"
    deploy: bool = False
    force: bool = False
    train_val: Optional[PathLike] = None
    solver: Optional[PathLike] = None


def make_pair(
    original: Model,
    request: PairRequest,
    make_plan: MakePlan,
    out: PathLike,
    progress: Progress,
    name: Callable[[str], str],
) -> Compression:
    """Plan, carry out, write and prove.

    Args:
        original: The model that counts as the original.
        request: How.
        make_plan: Makes the plan, of the model and what runs the inputs to fit to, if any; and
            carries it out where it has to know what comes of it.
        out: The folder for the new pair.
        progress: Told each step.
        name: Names an argument of the library, in what the record says there is to do.

    Raises:
        FormatError: The pair would overwrite another net's, or cannot be written.
        PlanError: The plan cannot be made or carried out.
        VerificationError: The labels do not belong to the net; it has no output that is asked for.
        EngineError: An engine that was asked for cannot run the pair.
    """
    folder = checked_folder(out)
    require_outputs(original.network(), request.output_kinds, request.task_output)
    if not request.force:
        refuse_another(folder, original)
    beside = read_twins(request.train_val, request.solver, original, folder)
    engine = engine_of(request.engine)
    calibrator = calibrator_of(original, request, progress)
    proof = _proof_of(original, request, engine, calibrator, progress)
    writer = None if request.writer == "direct" else _writer(engine)
    judged = (
        None if not proof.wanted else proof.count if proof.inputs is None else len(proof.inputs)
    )
    work = work_of_pair(original, request, fitted_to(calibrator), judged)
    with told_beforehand(progress, type(request).__name__, work, request.cache):
        with progress.task("planning"):
            plan, surgery = make_plan(original, calibrator, progress)
        done = write_proved(
            original,
            Planned(with_preset(plan, request), surgery),
            folder,
            proof,
            calibrator=calibrator,
            writer=writer,
            beside=beside,
            progress=progress,
            name=name,
        )
    return replace(done, timings=progress.timings)


def beside_folder(out: Optional[PathLike]) -> Optional[str]:
    """Return the file beside a folder in which evaluations or times are kept."""
    return None if out is None else f"{Path(out)}.measured.json"


def _proof_of(
    model: Model,
    request: PairRequest,
    engine: Optional[Engine],
    calibrator: Optional[Calibrator],
    progress: Progress,
) -> Proof:
    return Proof(
        engine=engine,
        inputs=judged_by(model, request, calibrator, progress),
        count=random_count(model, request.count),
        seed=request.seed,
        max_error=request.max_error,
        min_agreement=request.min_agreement,
        task_output=request.task_output,
        wanted=request.verify,
        output_kinds=request.output_kinds,
        accept_loss=request.accept_loss,
    )


def judged_by(
    model: Model, request: PairRequest, calibrator: Optional[Calibrator], progress: Progress
) -> Optional[Inputs]:
    """Return what a pair is judged by; None for random inputs.

    Args:
        model: The original.
        request: What is asked.
        calibrator: Runs the inputs to fit to: a few of them do where none are given, or all where
            a limit of what may be lost is measured on them.
        progress: Told how many of them were run.

    Raises:
        NetsurgeryError: See `read_samples`.
    """
    if request.inputs is not None or calibrator is None or request.count is not None:
        return judging_inputs(model, request, progress)
    limited = isinstance(request, BudgetedRequest) and request.max_loss is not None
    return (calibrator.inputs if limited else shown_of(calibrator)).told(progress)


def _writer(engine: Optional[Engine]) -> Engine:
    needs = Capability.SET_PARAMETERS, Capability.WRITE_WEIGHTS
    return choose(engine if engine is not None and engine.can(*needs) else None, needs=needs)
