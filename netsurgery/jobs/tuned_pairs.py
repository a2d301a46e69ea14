"""The pair of a net whose numbers were trained or pruned: written, read back, and recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Protocol, Tuple, TypeVar

from netsurgery.formats import make_folder, scratch_folder
from netsurgery.jobs.mask_files import masks_to_write, move_pair
from netsurgery.network import Masks, Model, load
from netsurgery.planning import RECORD
from netsurgery.training import moved_layers
from netsurgery.verification import Written, compare_written


class JobAnswer(Protocol):
    """What a job answers, and its record holds."""

    def to_dict(self, name: Callable[[str], str]) -> Dict[str, Any]:
        """Return everything as plain data."""


Answer = TypeVar("Answer", bound=JobAnswer)


def write_tuned(
    before: Model,
    made: Model,
    masks: Masks,
    folder: Path,
    answer: Callable[[Model, Written, Tuple[Path, ...]], Answer],
    name: Callable[[str], str],
    beside: Optional[Mapping[str, bytes]] = None,
) -> Answer:
    """Write a pair, its masks and its record, together or not at all, and read the pair back.

    Args:
        before: The net as it was.
        made: The net.
        masks: Which of its weights are free; no file of them without any.
        folder: Where they go.
        answer: Makes the job's answer of the pair as it was read back, what that showed, and the
            paths of all files, the record last.
        name: Names an argument of the library, in what the record says there is to do.
        beside: What else is written, by name.

    Raises:
        FormatError: They cannot be written.
    """
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        pair = made.save(scratch)
        again = load(pair[0], pair[1], before.input_shapes)
        written = compare_written(before, made, again, frozenset(moved_layers(before, made)))
        others = {**masks_to_write(masks, pair[1]), **(beside or {})}
        for other, data in others.items():
            (Path(scratch) / other).write_bytes(data)
        names = [*(path.name for path in pair), *others, RECORD]
        done = answer(again, written, tuple(folder / one for one in names))
        record = Path(scratch) / RECORD
        record.write_text(json.dumps(done.to_dict(name), indent=2) + "\n", encoding="utf-8")
        move_pair({folder / one: Path(scratch) / one for one in names}, folder / pair[1].name)
    return done
