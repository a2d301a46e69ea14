"""Which changes of a net fail a check, and the smallest rank that passes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

from netsurgery.bisection import CheckOutcome, Grafting, minimize_failing, smallest_passing
from netsurgery.calibration import SessionPool
from netsurgery.errors import NetsurgeryError, RequestError, VerificationError
from netsurgery.formats import make_folder, read_json
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.outputs import checked_folder
from netsurgery.jobs.pair_judge import BisectRequest, PairJudge
from netsurgery.methods import Edit, LowRankMethod, method
from netsurgery.network import Model
from netsurgery.planning import RECORD, Plan
from netsurgery.progress import Progress, ProgressLike
from netsurgery.surgery import apply
from netsurgery.validation import validated
from netsurgery.verification import DifferingPart

Found = Tuple["Bisection", Optional[Model]]
"""What was found, and the model that shows it."""


@dataclass(frozen=True)
class Culprit:
    """A change of the new net that the failure needs.

    Attributes:
        layers: The layers that it touches, of either net.
        changes: What is otherwise, a line each.
        edits: The edits of the plan that made it, as far as that is known.
    """

    layers: Tuple[str, ...]
    changes: Tuple[str, ...]
    edits: Tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Bisection:
    """What was found. Truthy where the new net passes, or some rank does.

    Attributes:
        passed: Whether the new net passes, or the smallest rank that was found.
        changes: In how many parts both nets differ, or how many ranks there are.
        checks: How many pairs were judged.
        culprits: The fewest changes that fail together; none where the new net passes.
        rank: The smallest rank that passes.
        layer: Its layer.
        reasons: Why the smallest failing pair fails, as far as that is told.
        files: What was written: the smallest failing pair, or the pair of that rank.
    """

    passed: bool
    changes: int
    checks: int
    culprits: Tuple[Culprit, ...] = ()
    rank: Optional[int] = None
    layer: Optional[str] = None
    reasons: Tuple[str, ...] = ()
    files: Tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return self.passed

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return {
            "passed": self.passed,
            "changes": self.changes,
            "checks": self.checks,
            "culprits": [
                {
                    "layers": list(one.layers),
                    "changes": list(one.changes),
                    "edits": [
                        {"layer": edit.layer, "method": edit.method, **edit.options}
                        for edit in one.edits
                    ],
                }
                for one in self.culprits
            ],
            "rank": self.rank,
            "layer": self.layer,
            "reasons": list(self.reasons),
            "files": [str(path) for path in self.files],
        }


@validated
def bisect(
    original: ModelLike,
    new: Optional[ModelLike] = None,
    request: Optional[BisectRequest] = None,
    out: Optional[PathLike] = None,
    progress: ProgressLike = None,
) -> Bisection:
    """Find the fewest changes with which a net fails, by delta debugging; or the smallest rank.

    Both nets are cut into parts at the values that they have in common. A part of the new net that
    is not as in the original, such as the pair in the place of a layer, can be put back; what
    cannot be put back alone, as channels that are gone in several layers, is one part.

    Args:
        original: The original, or its files: it passes.
        new: What was made of it. Not needed to look for a rank.
        request: What to look for, and how to judge.
        out: A folder for the pair that was found.
        progress: Told how many pairs were judged.

    Raises:
        RequestError: What is asked for contradicts itself.
        VerificationError: The original does not pass either, or no pair can be judged.
        NetsurgeryError: A file is not what it should be.
    """
    request = request or BisectRequest()
    refuse_contradictions("bisect", request)
    if out is not None:
        checked_folder(out)
    first = open_model_like(original)
    second = None if new is None else open_model_like(new)
    if second is None and request.rank is None:
        raise RequestError("there is no second net to look for changes in")
    progress = Progress.of(progress)
    with SessionPool() as sessions:
        judge = PairJudge(first, request, sessions, progress)
        if request.rank is not None:
            found, model = _find_rank(first, second, request, judge)
        else:
            assert second is not None
            found, model = _find_changes(first, second, judge)
    if out is None or model is None:
        return found
    for one in (first, second):
        if one is not None:
            one.refuse_overwriting(Path(out) / name for name in model.file_names())
    make_folder(out)
    return replace(found, files=tuple(model.save(out)))


def _find_changes(
    original: Model, new: Model, judge: PairJudge
) -> Tuple[Bisection, Optional[Model]]:
    grafting = Grafting(original, new)
    parts = grafting.parts
    if not judge.passes(original):
        raise VerificationError(
            "the original does not pass either: there is nothing to look for",
            file=original.prototxt.file,
        )
    judge.whole = judge.outcome(new)
    if judge.whole is CheckOutcome.PASSES or not parts:
        return Bisection(judge.whole is CheckOutcome.PASSES, len(parts), judge.checks), None
    everything = tuple(range(len(parts)))
    if judge.outcome(grafting.model(everything)) is CheckOutcome.PASSES:
        raise VerificationError(
            "the new net fails, but not what its parts make of the original: it differs in what "
            "is no layer, such as its inputs",
            file=new.prototxt.file,
        )
    found = minimize_failing(len(parts), lambda taken: judge.grafted(grafting, taken))
    edits = _edits_of(new)
    culprits = tuple(_culprit(parts[number], edits) for number in found.changes)
    smallest = grafting.model(found.changes)
    reasons = judge.reasons_of(smallest)
    return Bisection(False, len(parts), judge.checks, culprits, reasons=reasons), smallest


def _culprit(part: DifferingPart, edits: Sequence[Edit]) -> Culprit:
    names = {layer.name for layer in part.a}
    mine = tuple(edit for edit in edits if edit.layer in names)
    return Culprit(part.layers, tuple(map(str, part.changes)), mine)


def _edits_of(new: Optional[Model]) -> Tuple[Edit, ...]:
    """The edits by which a pair was made, where the record beside it is of these files."""
    weights = None if new is None or new.weights is None else new.weights.file
    if new is None or new.prototxt.file is None or weights is None:
        return ()
    names = {Path(new.prototxt.file).name, Path(weights).name}
    try:
        record = read_json((Path(weights).parent / RECORD).read_text(encoding="utf-8"))
        return Plan.from_dict(record["plan"]).edits if names <= set(record["files"]) else ()
    except (OSError, ValueError, LookupError, TypeError, NetsurgeryError):
        return ()


def _find_rank(
    original: Model, new: Optional[Model], request: BisectRequest, judge: PairJudge
) -> Found:
    name = str(request.rank)
    how = request.method or _method_for(original, name, _edits_of(new))
    known = method(how)
    if not isinstance(known, LowRankMethod):
        raise RequestError(f"{how} has no rank")
    full = known.tradeoff(original, name).full
    if len(full) != 1:
        raise RequestError(f"{how} has {len(full)} ranks for layer {name!r}, not one to look for")

    def of_rank(rank: int) -> Model:
        return apply(original, Plan((Edit(name, how, {"rank": rank}),)))

    rank, _ = smallest_passing(full[0], lambda rank: judge.outcome(of_rank(rank)))
    model = None if rank is None else of_rank(rank)
    return Bisection(rank is not None, full[0], judge.checks, rank=rank, layer=name), model


def _method_for(model: Model, name: str, edits: Sequence[Edit]) -> str:
    known = [edit.method for edit in edits if edit.layer == name]
    if known:
        return known[0]
    layers = model.network().find(name)
    if not layers:
        raise RequestError(f"there is no layer {name!r} in the net")
    takes = (how for how in ("svd", "channel_svd") if method(how).takes(layers[0].layer_type))
    found = next(takes, None)
    if found is None:
        raise RequestError(f"layer {name!r} of type {layers[0].type} has no rank")
    return found
