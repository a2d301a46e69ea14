"""Two models compared, or one with what another left behind."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Sequence, Union

from netsurgery import verification
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.jobs.names import PathLike, names_of
from netsurgery.jobs.outputs import GOLDEN
from netsurgery.jobs.requests import FedRequest, JudgedRequest
from netsurgery.jobs.samples import judging_inputs, random_count
from netsurgery.jobs.workload import Workload
from netsurgery.progress import Progress, ProgressLike
from netsurgery.validation import validated
from netsurgery.verification import Verification

_ALL = ("outputs", "common")


@dataclass(frozen=True)
class VerifyRequest(JudgedRequest):
    """How to compare two models.

    Attributes:
        expect: ``"exact"``: equal up to the float noise that the first shows against itself;
            ``"approx"``: within the limits, see `Demand`.
        blobs: ``"outputs"``, ``"common"`` (all that both have), or names of blobs.
        trace: Compare all that both have in common, too, and say where differences begin. Where
            nets are to be exact and are not, that is done in any case.
    """

    expect: str = "approx"
    blobs: Union[str, Sequence[str]] = ("outputs",)
    trace: bool = False


@validated
def verify(
    a: ModelLike,
    b: ModelLike,
    request: Optional[VerifyRequest] = None,
    progress: ProgressLike = None,
) -> Verification:
    """Run two models on the same inputs and say how far they are apart.

    Without a limit in the request, the outputs of the second are held to the table of limits; then
    they must be judged: random inputs say nothing of quality, and what comes of them passes only
    if it is equal up to float noise.

    Args:
        a: The original, or its files; errors are relative to it, and it tells the float noise.
        b: The other one.
        request: How to compare them.
        progress: Told how many inputs were run.

    Raises:
        RequestError: What is asked for contradicts itself.
        VerificationError: The models cannot be compared on these inputs.
        EngineError: There is no engine, or it refuses a model.
        NetsurgeryError: A file is not what it should be.
    """
    request = request or VerifyRequest()
    refuse_contradictions("verify", request)
    progress, a, b = Progress.of(progress), open_model_like(a), open_model_like(b)
    inputs = judging_inputs(a, request, progress)
    count = random_count(a, request.count)
    seconds = Workload.of(a).comparing(count if inputs is None else len(inputs), inputs is None)
    told = told_beforehand(progress, "verify", {("comparing",): seconds}, None)
    with told, progress.task("comparing"):
        done = verification.verify(
            a,
            b,
            inputs=inputs,
            count=count,
            seed=request.seed,
            engine=request.engine,
            expect=request.expect,
            blobs=_wanted(request.blobs),
            max_error=request.max_error,
            min_agreement=request.min_agreement,
            output=request.task_output,
            output_kinds=request.output_kinds,
            accept_loss=request.accept_loss,
            trace=request.trace,
        )
    return replace(done, timings=progress.timings)


@validated
def save_golden(
    model: ModelLike,
    out: PathLike,
    request: Optional[FedRequest] = None,
    progress: ProgressLike = None,
) -> Path:
    """Run a model and save what it computes, to be checked elsewhere or later.

    Args:
        model: The model, or its files.
        out: The golden file to write.
        request: What to run it on, and how.
        progress: Told how many inputs were run.

    Returns:
        The path of the file.

    Raises:
        RequestError: What is asked for contradicts itself, or ``out`` is no name for such a file.
        VerificationError: The model cannot run on these inputs.
        EngineError: There is no engine, or it refuses the model.
        NetsurgeryError: A file is not what it should be, or cannot be written.
    """
    request = request or FedRequest()
    refuse_contradictions("verify", request)
    GOLDEN.checked(out)
    model = open_model_like(model)
    inputs = judging_inputs(model, request, Progress.of(progress))
    path = GOLDEN.ready(out)
    verification.save_golden(
        model,
        path,
        inputs=inputs,
        count=random_count(model, request.count),
        seed=request.seed,
        engine=request.engine,
    )
    return path


@validated
def verify_golden(
    model: ModelLike, golden: PathLike, request: Optional[VerifyRequest] = None
) -> Verification:
    """Compare what a model computes with a golden file, which says what is run and compared.

    Args:
        model: The model, or its files.
        golden: The golden file.
        request: How to compare them.

    Raises:
        RequestError: What is asked for contradicts itself, or the golden file.
        FormatError: It is no golden file.
        VerificationError: The model takes other inputs.
        EngineError: There is no engine, or it refuses the model.
    """
    request = request or VerifyRequest()
    refuse_contradictions("verify", request, golden=golden)
    return verification.verify_golden(
        open_model_like(model),
        os.fspath(golden),
        engine=request.engine,
        expect=request.expect,
        max_error=request.max_error,
        min_agreement=request.min_agreement,
        output=request.task_output,
        output_kinds=request.output_kinds,
        accept_loss=request.accept_loss,
    )


def _wanted(blobs: Union[str, Sequence[str]]) -> Union[str, Sequence[str]]:
    """What stands for all blobs, as a word; names as a list, also a single one."""
    names = names_of(blobs)
    return names[0] if len(names) == 1 and names[0] in _ALL else names
