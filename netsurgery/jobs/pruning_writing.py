"""A pruned net held against the one before, written, read back and proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable, Iterator, Optional, Tuple, Union

from netsurgery.calibration import Inputs
from netsurgery.engine import how_to_get_an_engine, usable_engines
from netsurgery.errors import EngineError, VerificationError
from netsurgery.formats import make_folder, move_together, scratch_folder, write_masks
from netsurgery.jobs.channel_pruning import ChannelTask
from netsurgery.jobs.models import engine_of
from netsurgery.jobs.prune_request import PruneRequest
from netsurgery.jobs.pruned import Pruned
from netsurgery.jobs.pruning_runs import CarriedOut, PruningTask
from netsurgery.jobs.samples import random_count
from netsurgery.jobs.training_requests import masks_file
from netsurgery.network import Model, load, total_cost
from netsurgery.planning import RECORD, identify
from netsurgery.training import TRAIN_VAL, moved_layers
from netsurgery.verification import Verification, compare_written, verify, zero_faults

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
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        pair = made.save(scratch)
        again = load(pair[0], pair[1], original.input_shapes)
        written = compare_written(original, made, again, frozenset(moved_layers(original, made)))
        moved = carried.masks if carried.tuned else task.solved
        faults = zero_faults(again, carried.masks, original, moved)
        record = Path(scratch) / RECORD
        paths = (*pair, *_beside(pair[1], task, carried), record)
        done = Pruned(
            inputs=identify(original),
            files=tuple(folder / path.name for path in paths),
            method=task.method,
            schedule=task.schedule,
            sparsity=task.sparsity,
            keys=task.keys,
            masks=carried.masks,
            written=written,
            faults=faults,
            costs=(total_cost(original), total_cost(made)),
            effect=effect,
            unproven=unproven,
            tuned=carried.tuned,
            rounds=carried.rounds,
            whole=carried.whole,
            notes=task.notes,
        )
        record.write_text(json.dumps(done.to_dict(name), indent=2) + "\n", encoding="utf-8")
        move_together({folder / path.name: path for path in paths})
    return done


def _beside(weights: Path, task: AnyTask, carried: CarriedOut) -> Iterator[Path]:
    """What is written beside the pair: masks, and the text that a thinned net is trained by."""
    if carried.masks:
        masks = masks_file(weights)
        masks.write_bytes(write_masks(carried.masks))
        yield masks
    given = None if task.learning is None else task.learning.settings.train_val
    if carried.train_val is not None and given is not None:
        text = weights.with_name(Path(given.file or TRAIN_VAL).name)
        text.write_bytes(carried.train_val.data)
        yield text
