"""A model made smaller, and proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Tuple, Union

from netsurgery.calibration import Calibrator
from netsurgery.errors import Remedy, RequestError
from netsurgery.jobs.compressed import Compression
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.explanation import PlanLike, open_plan
from netsurgery.jobs.mask_files import masked_by_file
from netsurgery.jobs.models import ModelLike, deployed, open_model_like
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.outputs import checked_folder
from netsurgery.jobs.pairs import MakePlan, PairRequest, beside_folder, make_pair
from netsurgery.jobs.plan_request import PlanRequest
from netsurgery.jobs.planning import BALANCED, Chooser
from netsurgery.jobs.published import by_recipe
from netsurgery.network import Model
from netsurgery.planning import Plan
from netsurgery.progress import Progress, ProgressLike
from netsurgery.surgery import Planned
from netsurgery.validation import validated


@dataclass(frozen=True)
class CompressRequest(PlanRequest, PairRequest):
    """Which layers to make smaller, by rules, within a budget or by a plan; and how it is judged.

    Attributes:
        plan: A plan to carry out as it stands, or its file, in place of rules and budget.
    """

    plan: Optional[PlanLike] = None

    @property
    def usual_split(self) -> Optional[str]:
        """Balanced factors learn at one rate, so a net that is to be trained on gets these."""
        return None if self.train_val is None and self.solver is None else BALANCED


@validated
@by_recipe
def compress(
    model: ModelLike,
    request: Union[CompressRequest, Plan],
    out: PathLike,
    progress: ProgressLike = None,
    name: Callable[[str], str] = "`{}`".format,
) -> Compression:
    """Make a model smaller, write the new pair and prove what that did to its outputs.

    Args:
        model: The network with its weights, or its files.
        request: What to make smaller, and how it is judged; a plan alone is carried out and judged
            as a request that says no more.
        out: The folder for the new pair, under the names of the original's files, and for its
            record. What a search for a budget measures is kept beside it.
        progress: Told each step.
        name: Names an argument of the library, in what the record says there is to do.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing.
        PlanError: A rule cannot be followed, the budget not be met, or the plan not be carried out.
        FormatError: The pair would overwrite another net's, or cannot be written.
        EngineError: An engine that was asked for cannot run the pair; nothing is written then.
        NetsurgeryError: A file is not what it should be.
    """
    if isinstance(request, Plan):
        request = CompressRequest(plan=request)
    checked_folder(out)
    original, make_plan = prepare_compression(model, request, out)
    return make_pair(original, request, make_plan, out, Progress.of(progress), name)


def prepare_compression(
    model: ModelLike, request: CompressRequest, out: Optional[PathLike]
) -> Tuple[Model, MakePlan]:
    """Return the model that counts as the original, and what makes the plan for it.

    Args:
        model: The network with its weights, or its files.
        request: What to make smaller.
        out: The folder that the pair goes to, if it is written: what is measured is kept beside it.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing.
        PlanError: A rule is not well formed; a method or score is unknown.
        NetsurgeryError: A file is not what it should be.
    """
    make_plan = _planner(request, out)
    return deployed(masked_by_file(open_model_like(model)), request.deploy), make_plan


def _planner(request: CompressRequest, out: Optional[PathLike]) -> MakePlan:
    refuse_contradictions("compress", request)
    planned = request.plan
    if request.calibrate is not None and not (planned or request.searched or request.fit):
        raise RequestError(
            Remedy("{} has nothing to fit: add {} data, or give a budget", "calibrate", "fit")
        )
    if planned is None:
        return Chooser(request, beside_folder(out)).choose

    def read(model: Model, calibrator: Optional[Calibrator], progress: Progress) -> Planned:
        return Planned(open_plan(planned))

    return read
