"""What came of each validation of a run, kept as lines of JSON."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from netsurgery.errors import FormatError
from netsurgery.formats import write_whole


@dataclass(frozen=True)
class Judged:
    """What a net makes of the inputs that were kept aside.

    Attributes:
        loss: The mean over these inputs of what training makes smaller; NaN where it overflows.
        figures: Shares of them, such as ``accuracy``, from 0 to 1.
        leading: The figure by which two nets are told apart, the higher the better, with the loss
            where they are equal; the loss alone if None.
    """

    loss: float
    figures: Mapping[str, float] = field(default_factory=dict)
    leading: Optional[str] = None

    def better_than(self, other: Judged) -> bool:
        """Whether this is the better net; one whose loss is no number never is."""
        if not math.isfinite(self.loss):
            return False
        if not math.isfinite(other.loss):
            return True
        if self.leading is not None:
            mine, its = self.figures[self.leading], other.figures[self.leading]
            if mine != its:
                return mine > its
        return self.loss < other.loss


@dataclass(frozen=True)
class Validation:
    """What came of the steps up to an iteration.

    Attributes:
        iteration: How many steps were done.
        judged: What the net makes of the inputs kept aside.
        training_loss: Mean loss of the steps since the validation before; None where there were
            none.
        rate: The learning rate of the last of these steps.
        is_best: Whether this net is the best so far.
        counts: Whether it could be: not where masks still change, as the dense net would win.
    """

    iteration: int
    judged: Judged
    training_loss: Optional[float] = None
    rate: Optional[float] = None
    is_best: bool = False
    counts: bool = True

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as JSON takes it; what is no number is null."""
        return {
            "iteration": self.iteration,
            "training_loss": _number(self.training_loss),
            "loss": _number(self.judged.loss),
            "figures": dict(self.judged.figures),
            "leading": self.judged.leading,
            "rate": _number(self.rate),
            "is_best": self.is_best,
            "counts": self.counts,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Validation:
        """Return what `to_dict` told of, bit for bit.

        Raises:
            KeyError: Something is missing.
        """
        judged = Judged(_read_number(data["loss"]), dict(data["figures"]), data["leading"])
        rest = (data["training_loss"], data["rate"], data["is_best"], data["counts"])
        return cls(int(data["iteration"]), judged, *rest)


class History(Sequence[Validation]):
    """The validations of a run, in their order."""

    def __init__(self, validations: Iterable[Validation] = ()) -> None:
        """Hold some."""
        self._validations: List[Validation] = list(validations)

    def __getitem__(self, place: Any) -> Any:
        return self._validations[place]

    def __len__(self) -> int:
        return len(self._validations)

    def __iter__(self) -> Iterator[Validation]:
        return iter(self._validations)

    def add(self, validation: Validation) -> None:
        """Take in the next one."""
        self._validations.append(validation)

    def at(self, iteration: int) -> Validation:
        """Return the validation at an iteration.

        Raises:
            KeyError: There was none.
        """
        for one in self._validations:
            if one.iteration == iteration:
                return one
        raise KeyError(iteration)

    def to_list(self) -> List[Dict[str, Any]]:
        """Return everything as JSON takes it."""
        return [one.to_dict() for one in self]


class HistoryFile:
    """A history on disk, one line a validation, that grows as the run goes on."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read or written yet."""
        self.path = path

    def append(self, validation: Validation) -> None:
        """Write one more line.

        Raises:
            FormatError: The file cannot be written.
        """
        try:
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(validation.to_dict()) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise FormatError(f"cannot write: {error.strerror}", file=self.path) from None

    def read_up_to(self, iteration: int) -> History:
        """Return the validations up to an iteration, and cut the file off behind them.

        What was written after the state that a run goes on from is done again.

        Raises:
            FormatError: A line up to there is no validation.
        """
        found: List[Validation] = []
        for number, line in enumerate(self._lines(), 1):
            try:
                one = Validation.of(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                if found and found[-1].iteration >= iteration:
                    break  # the end of a line that was being written
                raise FormatError(
                    f"this is no line of a history: {error}", file=self.path, line=number
                ) from None
            if one.iteration > iteration:
                break
            found.append(one)
        text = "".join(json.dumps(one.to_dict()) + "\n" for one in found)
        write_whole(self.path, text.encode())
        return History(found)

    def _lines(self) -> List[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []


def _number(value: Optional[float]) -> Optional[float]:
    return value if value is not None and math.isfinite(value) else None


def _read_number(value: Optional[float]) -> float:
    return math.nan if value is None else float(value)
