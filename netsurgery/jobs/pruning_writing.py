"""A pruned net held against the one before, written, read back and proved."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, Optional, Tuple, Union

from netsurgery.calibration import Inputs
from netsurgery.engine import how_to_get_an_engine, usable_engines
from netsurgery.errors import EngineError, VerificationError
from netsurgery.jobs.channel_pruning import ChannelTask
from netsurgery.jobs.models import engine_of
from netsurgery.jobs.prune_request import PruneRequest
from netsurgery.jobs.pruned import Pruned
from netsurgery.jobs.pruning_runs import CarriedOut, PruningTask
from netsurgery.jobs.samples import random_count
from netsurgery.jobs.tuned_pairs import write_tuned
from netsurgery.network import Model, total_cost
from netsurgery.planning import identify
from netsurgery.training import TRAIN_VAL
from netsurgery.verification import Verification, Written, verify, zero_faults

AnyTask = Union[PruningTask, ChannelTask]


def pruning_effect(
    original: Model, made: Model, inputs: Optional[Inputs], request: PruneRequest
) -> Tuple[Optional[Verification], Optional[str]]:
    """Return the net before against the pruned one; or why they were not run.

    Args:
        original: The net before.
        made: The pruned one.
        inputs: What they are run on; random inputs if None.
        request: The engine, and the limits.

    Raises:
        EngineError: The engine that is asked for, or one that a limit needs, cannot run them.
        VerificationError: They cannot be compared on these inputs.
    """
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


def write_pruned(
    task: AnyTask,
    carried: CarriedOut,
    folder: Path,
    effect: Optional[Verification],
    unproven: Optional[str],
    name: Callable[[str], str],
) -> Pruned:
    """Write the pair, its masks and its record, together or not at all, and read the pair back.

    Args:
        task: What was asked for.
        carried: What came of it.
        folder: Where they go.
        effect: What comparing the nets showed.
        unproven: Why they were not compared.
        name: Names an argument of the library, in what the record says there is to do.

    Raises:
        FormatError: They cannot be written.
    """
    original, made = task.model, carried.model
    moved = carried.masks if carried.tuned else task.solved

    def answer(again: Model, written: Written, files: Tuple[Path, ...]) -> Pruned:
        return Pruned(
            inputs=identify(original),
            files=files,
            method=task.method,
            schedule=task.schedule,
            sparsity=task.sparsity,
            keys=task.keys,
            masks=carried.masks,
            written=written,
            faults=zero_faults(again, carried.masks, original, moved),
            costs=(total_cost(original), total_cost(made)),
            effect=effect,
            unproven=unproven,
            tuned=carried.tuned,
            rounds=carried.rounds,
            whole=carried.whole,
            notes=task.notes,
        )

    beside = _training_text(task, carried)
    return write_tuned(original, made, carried.masks, folder, answer, name, beside)


def _training_text(task: AnyTask, carried: CarriedOut) -> Dict[str, bytes]:
    """The text that a thinned net is trained by, by its name."""
    given = None if task.learning is None else task.learning.settings.train_val
    if carried.train_val is None or given is None:
        return {}
    return {Path(given.file or TRAIN_VAL).name: carried.train_val.data}
