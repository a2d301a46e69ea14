"""What is verified of a batch that ran: each pair against its original, or golden values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

from netsurgery.errors import FormatError
from netsurgery.zoo.entry import Entry, SkippedFile
from netsurgery.zoo.index import Index
from netsurgery.zoo.judging import GOLDEN_FILE, RECORD
from netsurgery.zoo.outcome import Outcome
from netsurgery.zoo.task import Reads, Word, Writes

VERIFY = "verify"

Items = Tuple[Tuple[Entry, Tuple[Word, ...]], ...]


def golden_words(entry: Entry, options: Sequence[Word], saving: str) -> Tuple[Word, ...]:
    """Return the words that save golden values of a model.

    Args:
        entry: The model.
        options: Those that say what it is run on.
        saving: The option that says where they go.
    """
    return (VERIFY, *_reads(entry.prototxt, entry.weights), *options, Writes(GOLDEN_FILE, saving))


def verifying(
    index: Index,
    folder: Path,
    options: Callable[[Sequence[str]], Sequence[Word]],
    golden: Optional[Tuple[str, Path]] = None,
) -> Tuple[Items, Tuple[SkippedFile, ...]]:
    """Return what verifies each pair of a batch, and which models have none.

    Args:
        index: What the batch did.
        folder: Where its results lie.
        options: Makes those of the comparison of those that the pair was made with.
        golden: The option that names golden values, and the folder with those of all originals;
            none: each pair is compared with its original.

    Raises:
        FormatError: A record of a pair cannot be read.
    """
    items: List[Tuple[Entry, Tuple[Word, ...]]] = []
    skipped: List[SkippedFile] = []
    for one in index.models:
        result = folder / one.name
        pair = _pair(result, one)
        values = None if golden is None else golden[1] / one.name / GOLDEN_FILE
        if pair is None:
            skipped.append(SkippedFile(result, f"has no pair: {one.status}"))
        elif values is not None and not values.is_file():
            skipped.append(SkippedFile(values, "is not there: these golden values are missing"))
        else:
            words = (
                [*_reads(*pair)]
                if golden
                else [*_reads(*index.originals[one.name]), *_reads(*pair)]
            )
            words += options(one.options)
            words += [Reads(os.path.abspath(str(values)), golden[0])] if golden else []
            items.append((Entry(one.name, *pair), (VERIFY, *words)))
    return tuple(items), tuple(skipped)


def _reads(prototxt: object, weights: object) -> Tuple[Word, Word]:
    return Reads(os.path.abspath(str(prototxt))), Reads(os.path.abspath(str(weights)))


def _pair(result: Path, outcome: Outcome) -> Optional[Tuple[Path, Path]]:
    """The text and the weights of a result, where it has them."""
    if RECORD not in outcome.files:
        return None
    record = result / RECORD
    try:
        prototxt, weights = json.loads(record.read_bytes())["files"][:2]
        return result / prototxt, result / weights
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", file=record) from None
    except (ValueError, KeyError, TypeError):
        raise FormatError("this is no record of a pair", file=record) from None
