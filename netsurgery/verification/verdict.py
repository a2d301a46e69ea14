"""What comparing two models showed, and whether that is good enough."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Iterator, Mapping, Optional

from netsurgery.errors import VerificationError
from netsurgery.progress import Timing
from netsurgery.quality import LOST, PIXELS, SEGMENTATION, UNJUDGED, Quality, unjudged
from netsurgery.verification.accuracy import Accuracy
from netsurgery.verification.comparison import BlobComparison
from netsurgery.verification.divergence import BlobTrace
from netsurgery.verification.pairing import NONE_LOST, Outputs
from netsurgery.verification.row_channel import NOISE_FLOOR

# An exact rewrite rounds anew in every layer, where noise was measured by one push at the input.
# With a full-rank pair in place of every InnerProduct of the real models in this project's zoo,
# run by Caffe and by OpenCV, no blob was further from the original than 5.6 times the larger
# of noise and floor; 32 leaves room for deeper nets and still sees a change of 1e-5.
NOISE_FACTOR = 32
# Of the channel that is apart most, which is one of thousands: 83 at most in pairs of full rank, of
# half of it and folded of ten of those models.
CHANNEL_FACTOR = 256
# A net that noise moves further than this is too unstable for anything to be called exact.
NOISE_CEILING = 1e-2


@dataclass(frozen=True)
class Demand:
    """What two models have to fulfil.

    Attributes:
        expect: ``"exact"``: every compared blob agrees to float noise. ``"approx"``: all values
            are finite, and the tolerances below hold.
        max_error: Largest relative error of any compared blob.
        min_agreement: Smallest agreement of the outputs, of classes or detections. Where there
            are labels, the accuracy may drop by one minus this instead.
        accept_loss: An output that is lost by the table of limits passes all the same.
        output_kinds: What the user says of outputs, by blob; see `KINDS`.

    Raises:
        VerificationError: There is no such ``expect``.
    """

    expect: str = "approx"
    max_error: Optional[float] = None
    min_agreement: Optional[float] = None
    accept_loss: bool = False
    output_kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def limited(self) -> frozenset[str]:
        """The limits that the user gave in place of the table's."""
        given = {"max_error": self.max_error, "min_agreement": self.min_agreement}
        return frozenset(name for name, limit in given.items() if limit is not None)

    def __post_init__(self) -> None:
        if self.expect not in ("approx", "exact"):
            raise VerificationError(f"expect is 'exact' or 'approx', not {self.expect!r}")


@dataclass(frozen=True)
class Verification:
    """What comparing two models showed. Truthy when they passed.

    Attributes:
        demand: What was asked of them.
        engine: What ran them.
        engine_version: Its version.
        inputs: Where the samples came from.
        inputs_sha256: Digest of what the nets were fed.
        samples: Number of samples.
        blobs: What is known of each compared blob, in the order of the first net.
        accuracy: Of both nets, where there were labels.
        outputs: Outputs that only one of the nets has.
        quality: What is left of the second net.
        trace: All that both have in common, and where differences begin; where it was asked for,
            or where they were to be exact and failed.
        timings: Where the time went, where a job made it.
    """

    demand: Demand
    engine: str
    engine_version: str
    inputs: str
    inputs_sha256: str
    samples: int
    blobs: tuple[BlobComparison, ...]
    accuracy: Optional[Accuracy] = None
    outputs: Outputs = NONE_LOST
    quality: Quality = field(default_factory=lambda: unjudged("there is no output to judge"))
    trace: Optional[BlobTrace] = None
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    def __bool__(self) -> bool:
        return self.passed is True

    @property
    def passed(self) -> Optional[bool]:
        """Whether they passed; None where nothing could be judged of what was demanded, if any."""
        if self.reasons:
            return False
        silent = any(one.silent for one in self.quality.outputs)
        asked = self.demand.expect == "exact" or (self.demand.limited and not silent)
        return True if asked or self.quality.verdict != UNJUDGED else None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why they failed: what was demanded, and what is lost; empty when they passed."""
        if self.demand.expect == "exact" or not self.quality.fails:
            return self.missed
        # What is broken, the demand told already.
        lost = (one for one in self.quality.outputs if one.verdict == LOST and not one.broken)
        return (*self.missed, *map(str, () if self.demand.accept_loss else lost))

    @property
    def lost_outputs(self) -> tuple[str, ...]:
        """What became of the outputs that the second net does not have, a line each."""
        return tuple(
            f"output {blob!r} {where} in the second net" for blob, where in self.outputs.lost
        )

    @property
    def missed(self) -> tuple[str, ...]:
        """What of the demand they do not fulfil."""
        found = [*self.lost_outputs]
        if not self.blobs:
            names = ", ".join(map(repr, self.unmatched)) or "none"
            missing = f"the two nets have no output in common; only one of them has {names}"
            return (*found, missing)
        found += [reason for row in self.blobs for reason in _faults(row, self.demand)]
        least = self.demand.min_agreement
        if least is not None and self.agreement is None:
            found.append("no output holds classes or detections, which min_agreement needs")
        elif least is not None and self.agreement is not None and self.agreement < least:
            found.append(self._explain_disagreement(least))
        return tuple(found)

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Names of outputs that only one of the nets has."""
        lost, extra = self.outputs
        return tuple(sorted((*(one.blob for one in lost), *extra)))

    @property
    def error(self) -> float:
        """The largest relative error of any compared blob: the ``max_error`` that passes."""
        return max((row.error for row in self.blobs), default=math.inf)

    @property
    def agreement(self) -> Optional[float]:
        """The ``min_agreement`` that would have passed; None where nothing tells."""
        if self.accuracy is not None:
            return 1 - max(0.0, self.accuracy.before - self.accuracy.after)
        known = [row.agreement for row in self.blobs if row.agreement is not None]
        known += [
            figure.value
            for one in self.quality.outputs
            if one.kind == SEGMENTATION
            for figure in one.figures
            if figure.limits is PIXELS
        ]
        return min(known, default=None)

    def to_dict(self, name: Callable[[str], str] = "`{}`".format) -> dict[str, Any]:
        """Return everything as JSON takes it; what is infinite is None.

        Args:
            name: Names an argument of the library, in what there is to do.
        """
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            **asdict(self.demand),
            "quality": self.quality.to_dict(name),
            "would_pass": {"max_error": _json(self.error), "min_agreement": self.agreement},
            "engine": {"name": self.engine, "version": self.engine_version},
            "inputs": {
                "description": self.inputs,
                "sha256": self.inputs_sha256,
                "samples": self.samples,
            },
            "accuracy": self.accuracy and asdict(self.accuracy),
            "unmatched_outputs": list(self.unmatched),
            "lost_outputs": [one._asdict() for one in self.outputs.lost],
            "extra_outputs": list(self.outputs.extra),
            "blobs": [_finite(asdict(row)) for row in self.blobs],
            "trace": None if self.trace is None else _finite(self.trace.to_dict()),
        }

    def _explain_disagreement(self, least: float) -> str:
        if self.accuracy is not None:
            before, after = self.accuracy.before, self.accuracy.after
            return f"accuracy falls from {before:.4f} to {after:.4f}, min_agreement is {least:g}"
        return f"outputs agree for {self.agreement:.4f} of the samples, min_agreement is {least:g}"


def largest_noise(row: BlobComparison) -> float:
    """Return the relative error up to which a blob's difference counts as float noise."""
    return min(NOISE_CEILING, NOISE_FACTOR * max(row.noise.error, NOISE_FLOOR))


def largest_row_noise(row: BlobComparison) -> float:
    """Return the relative error of a sample up to which its difference counts as float noise."""
    return min(NOISE_CEILING, NOISE_FACTOR * max(row.noise.row_error, NOISE_FLOOR))


def is_noise(row: BlobComparison) -> bool:
    """Whether a blob of two nets agrees to float noise."""
    broken = row.shapes or any(row.non_finite)
    return not broken and not any(_judge_exact(row, ""))


def keeps_to(row: BlobComparison, demand: Demand, accuracy: Optional[Accuracy]) -> bool:
    """Whether an output keeps to the limits of the user, as far as they speak of it."""
    most, least, agreement = demand.max_error, demand.min_agreement, row.agreement
    if accuracy is not None:
        fallen = max(0.0, accuracy.before - accuracy.after)
        agreement = 1 - fallen if accuracy.output == row.blob else None
    far = most is not None and not row.error <= most
    return not far and (least is None or agreement is None or agreement >= least)


def broken(row: BlobComparison) -> Optional[str]:
    """Return why an output is lost without any figure; None if it is not."""
    return next(_faults(row, Demand()), None)


def _faults(row: BlobComparison, demand: Demand) -> Iterator[str]:
    """Yield what is wrong with a blob."""
    what = f"output {row.blob!r}" if row.output else f"blob {row.blob!r}"
    if row.shapes:
        yield f"{what} has shape {row.shapes[0]} in the first net, {row.shapes[1]} in the second"
    if any(row.non_finite):
        count = "{} in the first net, {} in the second".format(*row.non_finite)
        yield f"{what} holds values that are NaN or infinite: {count}"
    if demand.expect == "exact":
        yield from _judge_exact(row, what)
    if demand.max_error is not None and row.error > demand.max_error:
        yield f"{what} is {row.error:.2e} apart, max_error is {demand.max_error:g}"


def _judge_exact(row: BlobComparison, what: str) -> Iterator[str]:
    if row.error > largest_noise(row):
        yield (
            f"{what} is {row.error:.2e} apart, float noise explains {largest_noise(row):.2e} "
            f"at most"
        )
    elif row.row_error is not None and row.row_error > largest_row_noise(row):
        yield (
            f"a sample of {what} is {row.row_error:.2e} apart, float noise explains "
            f"{largest_row_noise(row):.2e} at most"
        )
    elif row.channel_ratio is not None and row.channel_ratio > CHANNEL_FACTOR:
        yield f"a channel of {what} is apart by {row.channel_ratio:.0f} times its float noise"
    agreement = 1.0 if row.agreement is None else row.agreement
    if row.kind == "detections" and agreement < row.noise.agreement:
        yield f"{what} agrees in {agreement:.4f} of its detections only"


def _finite(value: Any) -> Any:
    """Return plain data in which what JSON has no number for is None."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return _json(value)


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
