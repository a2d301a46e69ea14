"""A plan carried out as it stands, on the pair it names or on another one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from netsurgery.errors import PlanError, Remedy, RequestError
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.explanation import PlanLike, open_plan
from netsurgery.jobs.mask_files import masked_by_file
from netsurgery.jobs.models import ModelLike, deployed, open_model_like
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.outputs import checked_folder
from netsurgery.jobs.proving import write_checked
from netsurgery.jobs.requests import CalibratedRequest
from netsurgery.jobs.samples import calibrator_of, fitted_to
from netsurgery.jobs.training_texts import read_twins
from netsurgery.jobs.workload import Workload
from netsurgery.network import Model
from netsurgery.planning import Plan, identify, refuse_another
from netsurgery.progress import Progress, ProgressLike, Timing
from netsurgery.surgery import operate
from netsurgery.validation import validated
from netsurgery.verification import Written

_HASH = "sha256"


@dataclass(frozen=True)
class ApplyRequest(CalibratedRequest):
    """How to carry out a plan.

    Attributes:
        deploy: Leave out the layers that Caffe does not build for TEST.
        force: Overwrite what is in the folder even if it was made of other files.
        train_val: Another text of the net, which is rewritten alike, so that it loads the new
            weights, and written beside them under its own name.
        solver: The solver that the net was trained by; see `PairRequest`.
    """

    deploy: bool = False
    force: bool = False
    train_val: Optional[PathLike] = None
    solver: Optional[PathLike] = None


@dataclass(frozen=True)
class WrittenPair:
    """A pair that was written and read back, but not run. Truthy where it is what was meant.

    Attributes:
        files: The prototxt and the weights, and what it is trained by if that was given.
        written: What reading them back showed.
        notes: What was lost in the upgrade of an old net, a line each.
        timings: Where the time went.
    """

    files: Tuple[Path, ...]
    written: Written
    notes: Tuple[str, ...] = ()
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.written)

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return {
            "files": [str(path) for path in self.files],
            "written": self.written.to_dict(),
            "notes": list(self.notes),
        }


@validated
def apply(
    model: ModelLike,
    plan: PlanLike,
    request: Optional[ApplyRequest] = None,
    progress: ProgressLike = None,
) -> Model:
    """Carry out a plan, and return the new model.

    Args:
        model: The network with its weights, or its files.
        plan: The edits, or the file they are in.
        request: How; what to fit to, where an edit of the plan wants that.
        progress: Told each edit.

    Raises:
        PlanError: An edit cannot be carried out.
        NetworkError: Prototxt and weights do not belong together.
        NetsurgeryError: A file is not what it should be.
    """
    request = request or ApplyRequest()
    refuse_contradictions("apply", request)
    progress, opened = (
        Progress.of(progress),
        deployed(masked_by_file(open_model_like(model)), request.deploy),
    )
    return operate(
        opened, open_plan(plan), calibrator_of(opened, request, progress), progress
    ).model


@validated
def write_applied(
    model: ModelLike,
    plan: PlanLike,
    out: PathLike,
    request: Optional[ApplyRequest] = None,
    progress: ProgressLike = None,
) -> WrittenPair:
    """Carry out a plan, write the new pair, and hold the files against what was meant.

    Nothing is run: `verify` compares the result with the original.

    Args:
        model: The network with its weights, or its files.
        plan: The edits, or the file they are in.
        out: The folder for the new pair, under the names of the original's files.
        request: How; what to fit to, where an edit of the plan wants that.
        progress: Told each edit.

    Raises:
        PlanError: An edit cannot be carried out.
        FormatError: The pair would overwrite another net's, or cannot be written.
        NetworkError: Prototxt and weights do not belong together.
        NetsurgeryError: A file is not what it should be.
    """
    request = request or ApplyRequest()
    refuse_contradictions("apply", request)
    folder = checked_folder(out)
    opened = masked_by_file(open_model_like(model))
    beside = read_twins(request.train_val, request.solver, opened, folder)
    progress = Progress.of(progress)
    opened = deployed(opened, request.deploy)
    calibrator = calibrator_of(opened, request, progress)
    work = Workload.of(opened)
    seconds = {**work.rewriting(fitted_to(calibrator)), **work.writing()}
    with told_beforehand(progress, "apply", seconds, request.cache):
        surgery = operate(opened, open_plan(plan), calibrator, progress)
        if not request.force:
            refuse_another(folder, surgery.original, surgery.model)
        with progress.task("writing"):
            files, written = write_checked(surgery, folder, beside)
    notes: List[str] = [f"lost in the upgrade to V2: {note}" for note in surgery.notes]
    return WrittenPair(files, written, tuple(notes), progress.timings)


def file_of_plan(path: Path, plan: Plan, kind: str) -> Path:
    """Return the file that a plan was made for.

    Args:
        path: The file of the plan, beside which it may be.
        plan: The plan.
        kind: ``"prototxt"`` or ``"weights"``.

    Raises:
        RequestError: The plan names none.
        PlanError: It is not there.
    """
    named = (plan.model.get(kind) or {}).get("file")
    if not named:
        raise RequestError(
            Remedy(f"the plan names no {kind}: give {{}} and {{}}", "prototxt", "weights")
        )
    file = Path(named)
    file = file if file.is_absolute() or file.exists() else path.parent / file
    if not file.exists():
        raise PlanError(
            f"the {kind} it was made for, {named}, is not there",
            file=path,
            remedy=Remedy("give {} and {} behind the plan", "prototxt", "weights"),
        )
    return file


def is_made_for(plan: Plan, model: Model, deploy: bool = False) -> bool:
    """Whether a plan was made for the very files of a model, as far as it says.

    Args:
        plan: The plan.
        model: The model as it was read.
        deploy: Whether its layers for other phases are left out.
    """
    known = [_hashes(identify(one)) for one in (model, deployed(model, deploy))]
    return not plan.model or _hashes(plan.model) in known


def _hashes(files: Mapping[str, Mapping[str, Any]]) -> Dict[str, Any]:
    return {kind: facts.get(_HASH) for kind, facts in files.items()}
