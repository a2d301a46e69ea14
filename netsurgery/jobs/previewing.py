"""What making a model smaller would change, with nothing written."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Union

from netsurgery.jobs.compression import CompressRequest, prepare_compression
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.models import ModelLike
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.published import by_recipe
from netsurgery.jobs.samples import calibrator_of, fitted_to
from netsurgery.jobs.thinning import ThinRequest, prepare_thinning
from netsurgery.jobs.workload import work_of_pair
from netsurgery.planning import Plan
from netsurgery.progress import Progress, ProgressLike, Timing
from netsurgery.surgery import operate
from netsurgery.validation import validated


@dataclass(frozen=True)
class Preview:
    """What carrying out a plan would change.

    Attributes:
        plan: The plan.
        diff: The change to the prototxt, as a unified diff; empty where nothing changes.
        timings: Where the time went.
    """

    plan: Plan
    diff: str
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return {"plan": self.plan.to_dict(), "diff": self.diff}


@validated
@by_recipe
def preview(
    model: ModelLike,
    request: Union[CompressRequest, ThinRequest],
    out: Optional[PathLike] = None,
    progress: ProgressLike = None,
) -> Preview:
    """Say what `compress` or `thin` would change in the prototxt; write no pair.

    Args:
        model: The network with its weights, or its files.
        request: What to make smaller.
        out: The folder that the pair would go to: what is measured is kept beside it.
        progress: Told each step.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing.
        PlanError: The plan cannot be made or carried out.
        NetsurgeryError: A file is not what it should be.
    """
    if isinstance(request, ThinRequest):
        original, make_plan = prepare_thinning(model, request, out)
    else:
        original, make_plan = prepare_compression(model, request, out)
    progress = Progress.of(progress)
    calibrator = calibrator_of(original, request, progress)
    work = work_of_pair(original, request, fitted_to(calibrator), None)
    with told_beforehand(progress, "preview", work, request.cache):
        with progress.task("planning"):
            plan, surgery = make_plan(original, calibrator, progress)
        surgery = surgery or operate(original, plan, calibrator, progress)
    before, after = original.prototxt, surgery.model.prototxt
    old, new = (
        bytes(text).decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after)
    )
    lines = difflib.unified_diff(old, new, str(before.file), "compressed")
    diff = "".join(one if one.endswith("\n") else f"{one}\n" for one in lines)
    return Preview(plan, diff, progress.timings)
