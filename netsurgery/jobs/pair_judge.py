"""Whether a pair passes: by comparing it with the original, or by a command of the user's."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from netsurgery import verification
from netsurgery.bisection import CheckOutcome, Grafting
from netsurgery.calibration import SessionPool
from netsurgery.errors import FormatError, NetsurgeryError, Remedy, RequestError
from netsurgery.formats import read_json, scratch_folder, sha256, write_whole
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.requests import JudgedRequest
from netsurgery.jobs.samples import judging_inputs, random_count
from netsurgery.network import Model
from netsurgery.progress import Progress
from netsurgery.verification import Verification

CANNOT_SAY = 125
"""The exit status of a command that cannot judge a pair, as in ``git bisect run``."""


@dataclass(frozen=True)
class BisectRequest(JudgedRequest):
    """What to look for, and how to judge a pair.

    Attributes:
        expect: As in `VerifyRequest`.
        check: A command that judges a pair in the place of that: ``{prototxt}`` and ``{weights}``
            stand for its files. It passes with exit status 0; 125 says that it cannot tell.
        rank: A layer of the original: the smallest rank of it that passes is looked for, all else
            being as in the original.
        method: How that layer is rewritten; if None, as in the plan of the new pair, or by ``svd``,
            or ``channel_svd`` for a convolution.
        answers: A file that keeps what was answered, so that a run that was stopped goes on.
    """

    expect: str = "approx"
    check: Optional[str] = None
    rank: Optional[str] = None
    method: Optional[str] = None
    answers: Optional[PathLike] = None


class PairJudge:
    """Says what comes of a pair, once of each.

    Attributes:
        checks: How many pairs were judged.
        whole: What came of the whole new net, once that is known.
    """

    def __init__(
        self, original: Model, request: BisectRequest, sessions: SessionPool, progress: Progress
    ) -> None:
        self._original, self._request, self._sessions = original, request, sessions
        self._command = None if request.check is None else _split(request.check)
        self._inputs = None
        if self._command is None:
            self._inputs = judging_inputs(original, request, progress)
        self._answers = _Answers(request, original)
        self._progress = progress
        self.checks = 0
        self.whole: Optional[CheckOutcome] = None
        self._cannot_run = False

    def passes(self, model: Model) -> bool:
        """Whether a pair passes."""
        return self.outcome(model) is CheckOutcome.PASSES

    def grafted(self, grafting: Grafting, taken: Tuple[int, ...]) -> CheckOutcome:
        """Return what comes of the original with some parts of the new net."""
        try:
            model = grafting.model(taken)
        except NetsurgeryError:
            return CheckOutcome.UNRESOLVED
        return self.outcome(model)

    def outcome(self, model: Model) -> CheckOutcome:
        """Return what comes of a pair."""
        known = self._answers.get(model)
        if known is None:
            self.checks += 1
            with self._progress.task(f"check {self.checks}"):
                known = self._by_command(model) if self._command else self._by_verifying(model)
            self._answers.keep(model, known)
        return known

    def reasons_of(self, model: Model) -> Tuple[str, ...]:
        """Return why a pair fails, where that is told."""
        if self._command:
            return ()
        try:
            return self._verified(model).reasons
        except NetsurgeryError as error:
            return (str(error),)

    def _verified(self, model: Model) -> Verification:
        request = self._request
        return verification.verify(
            self._original,
            model,
            inputs=self._inputs,
            count=random_count(self._original, request.count),
            seed=request.seed,
            engine=request.engine,
            expect=request.expect,
            max_error=request.max_error,
            min_agreement=request.min_agreement,
            output=request.task_output,
            output_kinds=request.output_kinds,
            accept_loss=request.accept_loss,
            sessions=self._sessions,
        )

    def _by_verifying(self, model: Model) -> CheckOutcome:
        try:
            passed = self._verified(model).passed
        except NetsurgeryError:
            # Where the whole net does not run, what does not run either fails as it does.
            if model is self._original:
                raise
            self._cannot_run |= self.whole is None
            return CheckOutcome.FAILS if self._cannot_run else CheckOutcome.UNRESOLVED
        if passed is None:
            raise RequestError(
                "random inputs say nothing of what is left of a net",
                remedy=Remedy("give {}, or {}, or {}", "inputs", "max_error", "check"),
            )
        return CheckOutcome.PASSES if passed else CheckOutcome.FAILS

    def _by_command(self, model: Model) -> CheckOutcome:
        assert self._command is not None
        with scratch_folder() as folder:
            prototxt, weights = (str(path) for path in model.save(folder)[:2])
            words = [
                word.replace("{prototxt}", prototxt).replace("{weights}", weights)
                for word in self._command
            ]
            try:
                status = subprocess.run(words, stdout=subprocess.DEVNULL).returncode
            except OSError as error:
                raise RequestError(f"cannot run {words[0]!r}: {error.strerror}") from None
        if status == CANNOT_SAY:
            return CheckOutcome.UNRESOLVED
        if status in _NO_COMMAND:
            raise RequestError(f"{words[0]!r} left with exit status {status}: it did not run")
        return CheckOutcome.FAILS if status else CheckOutcome.PASSES


_NO_COMMAND = (126, 127)


def _split(command: str) -> List[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise RequestError(f"the check is no command: {error}") from None
    if not any("{prototxt}" in word or "{weights}" in word for word in words):
        raise RequestError("the check names neither {prototxt} nor {weights}")
    return words


class _Answers:
    """What was answered of each pair, also in earlier runs where a file keeps it."""

    def __init__(self, request: BisectRequest, original: Model) -> None:
        asked = replace(request, answers=None, rank=None, method=None)
        self._key = sha256(f"{original.digest} {asked!r}".encode()).hexdigest()
        self._path = None if request.answers is None else Path(request.answers)
        self._known: Dict[str, str] = {}
        if self._path is not None and self._path.exists():
            self._known = self._read(self._path)

    def get(self, model: Model) -> Optional[CheckOutcome]:
        answer = self._known.get(model.digest)
        return None if answer is None else CheckOutcome(answer)

    def keep(self, model: Model, outcome: CheckOutcome) -> None:
        self._known[model.digest] = outcome.value
        if self._path is not None:
            data = {"bisect": self._key, "answers": self._known}
            write_whole(self._path, json.dumps(data, indent=1).encode())

    def _read(self, path: Path) -> Dict[str, str]:
        try:
            data = read_json(path.read_text(encoding="utf-8"))
            key, answers = data["bisect"], dict(data["answers"])
            outcomes = {str(digest): CheckOutcome(one).value for digest, one in answers.items()}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise FormatError(f"no file of answers: {error}", file=path) from None
        if key != self._key:
            raise RequestError(
                f"{str(path)!r} holds answers to another check, or of another original",
                remedy="give another file",
            )
        return outcomes
