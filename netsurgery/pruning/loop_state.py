"""What a loop of removing and tuning has come to, on disk: a killed one goes on from there.

Each round has a folder ``round-01/``. ``start/`` in it holds the pair and the masks that the round
starts from, written whole or not at all; the tuning keeps its states beside it; ``done.json`` tells
what came of it. A round's start is read back from disk also by the process that wrote it, so that
one which goes on works on the very same numbers. Once a round has begun, of those before it there
is only what came of them, so that a long loop takes no more space than a short one.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from netsurgery.errors import FormatError
from netsurgery.formats import Prototxt, make_folder, read_masks, write_masks, write_whole
from netsurgery.network import Masks, Model, load, with_masks
from netsurgery.planning import Skipped
from netsurgery.training import Tuned, Validation

_START, _MASKS, _DONE, _WHOLE = "start", "masks.npz", "done.json", "whole.json"
_TRAIN_VAL = "train_val.text"
"""No name that a net's own file could have."""


@dataclass(frozen=True)
class LoopRound:
    """What came of a round.

    Attributes:
        number: Counted from 1.
        facts: What was left of the net: its sparsity, or its channels, MACs and parameters.
        start: What the net was worth on the inputs that stop its tuning, before that.
        best: What it was worth afterwards.
        steps: Iterations of the tuning.
    """

    number: int
    facts: Mapping[str, float]
    start: Validation
    best: Validation
    steps: int

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as JSON takes it."""
        return {
            "round": self.number,
            **self.facts,
            "start": self.start.to_dict(),
            "best": self.best.to_dict(),
            "steps": self.steps,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> LoopRound:
        """Return what `to_dict` told of.

        Raises:
            KeyError: Something is missing.
        """
        known = ("round", "start", "best", "steps")
        facts = {name: value for name, value in data.items() if name not in known}
        start, best = (Validation.of(data[name]) for name in ("start", "best"))
        return cls(data["round"], facts, start, best, data["steps"])

    @classmethod
    def tuned(cls, number: int, facts: Mapping[str, float], tuned: Tuned) -> LoopRound:
        """Return what came of a round from its tuning.

        Args:
            number: Of the round.
            facts: What was left of the net.
            tuned: The tuning.
        """
        history = tuned.trained.history
        best = history.at(tuned.trained.best)
        return cls(number, dict(facts), history[0], best, tuned.trained.iteration)


class RoundStart(NamedTuple):
    """What a round starts from.

    Attributes:
        model: The net, whose blobs carry the masks.
        masks: Which weights are free.
        train_val: The text that it is trained by, where the loop rewrites one.
    """

    model: Model
    masks: Masks
    train_val: Optional[Prototxt] = None


@dataclass(frozen=True)
class Rounds:
    """The rounds of a loop in its folder.

    Attributes:
        folder: Of the loop.
        model: The net before the loop: tells how files are called.
    """

    folder: Path
    model: Model = field(repr=False)

    def path(self, number: int) -> Path:
        """Return the folder of a round."""
        return self.folder / f"round-{number:02}"

    @property
    def newest(self) -> int:
        """The last round that was begun; 0 for none."""
        begun = self.folder.glob(f"round-*/{_START}")
        return max((int(path.parent.name.split("-")[1]) for path in begun), default=0)

    def begin(
        self, number: int, model: Model, masks: Masks, train_val: Optional[Prototxt] = None
    ) -> None:
        """Write what a round starts from, whole or not at all, and let go of the rounds before.

        Raises:
            FormatError: It cannot be written.
        """
        place = self.path(number) / _START
        part = place.with_name(f"{_START}.part")
        if part.exists():
            shutil.rmtree(part)
        make_folder(part)
        model.save(part)
        if masks:
            write_whole(part / _MASKS, write_masks(masks))
        if train_val is not None:
            write_whole(part / _TRAIN_VAL, train_val.data)
        part.rename(place)
        for earlier in range(1, number):
            self._let_go(earlier)

    def _let_go(self, number: int) -> None:
        """Remove all of a round but what came of it."""
        for path in self.path(number).iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _DONE:
                path.unlink()

    def note_whole(self, groups: Sequence[Skipped]) -> None:
        """Write down which groups of channels the loop leaves whole, and why.

        Raises:
            FormatError: It cannot be written.
        """
        make_folder(self.folder)
        text = json.dumps([[one.layer, one.reason] for one in groups]) + "\n"
        write_whole(self.folder / _WHOLE, text.encode())

    def whole(self) -> Tuple[Skipped, ...]:
        """Return the groups of channels that the loop leaves whole, and why.

        Raises:
            FormatError: What was written down is damaged.
        """
        path = self.folder / _WHOLE
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return tuple(Skipped(layer, reason) for layer, reason in told)
        except (OSError, ValueError, TypeError) as error:
            raise _damaged(path, error) from None

    def read(self, number: int) -> RoundStart:
        """Return what a round starts from.

        Raises:
            FormatError: It is damaged.
        """
        place = self.path(number) / _START
        paths = [place / name for name in self.model.file_names()]
        model = load(paths[0], paths[1], self.model.input_shapes)
        file = place / _MASKS
        masks = read_masks(file) if file.exists() else {}
        text = place / _TRAIN_VAL
        train_val = Prototxt.read(text) if text.exists() else None
        return RoundStart(with_masks(model, masks) if masks else model, masks, train_val)

    def finish(self, done: LoopRound) -> None:
        """Write what came of a round.

        Raises:
            FormatError: It cannot be written.
        """
        text = json.dumps(done.to_dict()) + "\n"
        path = self.path(done.number) / _DONE
        write_whole(path, text.encode())

    def finished(self, most: int) -> Tuple[LoopRound, ...]:
        """Return what came of the first rounds.

        Args:
            most: How many of them.

        Raises:
            FormatError: One is damaged.
        """
        found: List[LoopRound] = []
        for number in range(1, most + 1):
            path = self.path(number) / _DONE
            try:
                found.append(LoopRound.of(json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise _damaged(path, error) from None
        return tuple(found)


def _damaged(path: Path, error: Exception) -> FormatError:
    return FormatError(
        f"this round of a loop is damaged: {type(error).__name__} {error}",
        file=path,
        remedy="begin anew, in another folder",
    )
