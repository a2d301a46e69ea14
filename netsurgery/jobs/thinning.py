"""A model made thinner, and proved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Optional, Tuple

from netsurgery.calibration import Calibrator
from netsurgery.errors import Remedy, RequestError
from netsurgery.jobs.compressed import Compression
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.layer_rules import Rules, rules_of
from netsurgery.jobs.loss import find_smallest
from netsurgery.jobs.mask_files import masked_by_file
from netsurgery.jobs.models import ModelLike, deployed, engine_of, open_model_like
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.outputs import PLAN, checked_folder
from netsurgery.jobs.pairs import MakePlan, PairRequest, beside_folder, make_pair
from netsurgery.jobs.published import by_recipe
from netsurgery.jobs.quick import quickly, told_untried
from netsurgery.jobs.requests import BudgetedRequest
from netsurgery.jobs.samples import with_preset
from netsurgery.network import Model, without_masks
from netsurgery.planning import ThinPlanner, ThinSpec, identify, plan_dead_channels
from netsurgery.progress import Progress, ProgressLike
from netsurgery.surgery import Planned
from netsurgery.validation import validated


@dataclass(frozen=True)
class ThinRequest(BudgetedRequest, PairRequest):
    """How thin a net is to be, which channels stay, and how the result is judged.

    Attributes:
        keep: How many channels layers keep, or which share: ``{"conv4_1": 96, "conv3_*": "50%"}``;
            a share alone is for all. Beside a budget or a width it speaks of these layers, and they
            of the others.
        width: Convolutions keep at most this many channels, InnerProduct layers twice as many.
        from_zeros: Cut what is dead already, in a net that was pruned by masks: outputs stay equal.
        multiple: Keep multiples of this many channels.
        criterion: What tells which channels to keep; see `ThinSpec`.
        compensate: How kept channels stand in for the others: ``"none"``, ``"channels"``,
            ``"patches"`` or ``"refit"``; see `ThinSpec`.
        recipe: A way that is known from a paper, by its name; see `netsurgery.jobs.known_recipes`.
            What else is given goes before it.
        save_plan: A file for the plan.
    """

    keep: Rules = ()
    width: Optional[int] = None
    from_zeros: bool = False
    multiple: int = 1
    criterion: Optional[str] = None
    compensate: Optional[str] = None
    recipe: Optional[str] = None
    save_plan: Optional[PathLike] = None

    recipes = "thin"


@validated
@by_recipe
def thin(
    model: ModelLike,
    request: ThinRequest,
    out: PathLike,
    progress: ProgressLike = None,
    name: Callable[[str], str] = "`{}`".format,
) -> Compression:
    """Keep some of the channels of a net's layers, write the new pair and prove it.

    Args:
        model: The network with its weights, or its files.
        request: How thin, and how it is judged.
        out: The folder for the new pair, under the names of the original's files, and for its
            record.
        progress: Told each step.
        name: Names an argument of the library, in what the record says there is to do.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing.
        PlanError: A rule selects nothing or asks for the impossible, the budget cannot be met, or
            inputs are missing.
        FormatError: The pair would overwrite another net's, or cannot be written.
        EngineError: An engine that was asked for cannot run the pair; nothing is written then.
        NetsurgeryError: A file is not what it should be.
    """
    checked_folder(out)
    original, make_plan = prepare_thinning(model, request, out)
    return make_pair(original, request, make_plan, out, Progress.of(progress), name)


def prepare_thinning(
    model: ModelLike, request: ThinRequest, out: Optional[PathLike]
) -> Tuple[Model, MakePlan]:
    """Return the model that counts as the original, and what makes the plan for it.

    Args:
        model: The network with its weights, or its files.
        request: How thin.
        out: The folder that the pair goes to, if it is written: what is measured is kept beside it.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing.
        PlanError: A rule is not well formed.
        NetsurgeryError: A file is not what it should be.
    """
    make_plan = _planner(request, out)
    original = deployed(masked_by_file(open_model_like(model)), request.deploy)
    # A fork may store its masks beside the weights.
    return without_masks(original) if request.from_zeros else original, make_plan


def _planner(request: ThinRequest, out: Optional[PathLike]) -> MakePlan:
    refuse_contradictions("thin", request)
    path = None if request.save_plan is None else PLAN.checked(request.save_plan)
    spec = ThinSpec(
        rules_of("keep", request.keep),
        request.width,
        request.searched,
        request.criterion,
        request.compensate,
        request.multiple,
        request.seed,
        engine_of(request.engine),
        beside_folder(out),
    )
    if not request.from_zeros and not (spec.budget or spec.rules or spec.width):
        raise RequestError(
            Remedy(
                "say how thin: {}, {}, {}, {}, {}, {} or {}; or {}",
                *("macs", "params", "bytes", "latency", "max_loss", "keep", "width", "from_zeros"),
            )
        )

    def make(model: Model, calibrator: Optional[Calibrator], progress: Progress) -> Planned:
        if request.from_zeros:
            made = Planned(plan_dead_channels(model, progress))
        else:
            made = _thinned(model, request, spec, calibrator, progress)
        plan = with_preset(replace(made.plan, model=identify(model)), request)
        if path is not None:
            plan.save(PLAN.ready(path))
        return Planned(plan, made.surgery)

    return make


def _thinned(
    model: Model,
    request: ThinRequest,
    spec: ThinSpec,
    calibrator: Optional[Calibrator],
    progress: Progress,
) -> Planned:
    if request.quick and calibrator is not None:
        planner = ThinPlanner(model, replace(spec, trials=False), quickly(calibrator), progress)
        return Planned(told_untried(planner.plan(), len(calibrator.inputs), joint=False))
    planner = ThinPlanner(model, spec, calibrator, progress)
    if request.max_loss is None:
        return Planned(planner.plan())
    return find_smallest(model, request, planner.original, planner.plan, calibrator, progress)
