"""Comparing the blobs of two runs, batch after batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Container, Iterable, Mapping, Optional

import numpy as np

from netsurgery.errors import VerificationError
from netsurgery.quality import CLASSES, DETECTIONS, OutputKind, holds_scores
from netsurgery.verification.accuracy import Accuracy, AccuracyTally
from netsurgery.verification.row_channel import (
    NOISE_FLOOR,
    RowChannelDifference,
    RowChannelTally,
    channel_ratio,
)
from netsurgery.verification.tallies import (
    Blobs,
    ClassTally,
    DetectionTally,
    Difference,
    Shape,
    Tally,
)
from netsurgery.verification.unmoved import UnmovedTally


@dataclass(frozen=True)
class Noise:
    """How far a net is from itself when only its rounding changes.

    Attributes:
        error: Relative error, as in `Difference`.
        agreement: Of classes or detections, as in `Difference`.
        row_error: The largest relative error of a row.
    """

    error: float = 0.0
    agreement: float = 1.0
    row_error: float = 0.0


@dataclass(frozen=True)
class BlobComparison(Difference):
    """How far one blob of two nets is apart, and how far the first net is from itself.

    Attributes:
        blob: Its name in the first net; ``blob@version`` where layers compute in place.
        kind: ``"values"``, ``"classes"`` or ``"detections"``.
        output: It is an output of both nets.
        noise: The float noise of the first net.
        row_error: The largest relative error of a row, which is what one sample makes; None where
            it was not asked for.
        channel_ratio: How many times its own float noise that channel is apart which is most.
        channels: Number of its channels, where they were looked at.
        unmoved: Number of those that are the same for all inputs, in either net: of what they do,
            nothing is known. None where one input alone cannot tell.
    """

    blob: str = ""
    kind: str = Tally.kind
    output: bool = False
    noise: Noise = Noise()
    row_error: Optional[float] = None
    channel_ratio: Optional[float] = None
    channels: Optional[int] = None
    unmoved: Optional[int] = None


class Comparison:
    """Running sums for every compared blob, and for the labels."""

    def __init__(
        self,
        kinds: Mapping[str, type[Tally]],
        scored: Optional[str] = None,
        fine: bool = False,
        fed: Collection[str] = (),
    ) -> None:
        """Start with nothing.

        Args:
            kinds: What compares each blob, by its name.
            scored: The output that labels are for; None: there are none.
            fine: Whether to look at every sample and channel, too.
            fed: The blobs of which to count the channels that no input moves.
        """
        self._kinds = kinds
        looked_at = [name for name, kind in kinds.items() if kind is not DetectionTally]
        self._fine = {name: RowChannelTally() for name in looked_at} if fine else {}
        self._moves = {name: UnmovedTally() for name in looked_at if name in fed}
        self._tallies = {name: kind() for name, kind in kinds.items()}
        self._accuracy = None if scored is None else AccuracyTally(scored)

    def add(self, a: Blobs, b: Blobs, labels: Optional[np.ndarray] = None) -> None:
        """Take in the blobs of a batch, and its labels.

        Raises:
            VerificationError: The labels do not fit.
        """
        for name, tally in self._tallies.items():
            tally.add(a[name], b[name])
        for name, fine in self._fine.items():
            fine.add(a[name], b[name])
        for name, moves in self._moves.items():
            moves.add(a[name], b[name])
        if self._accuracy is not None and labels is not None:
            self._accuracy.add(labels, a, b)

    def differences(self) -> dict[str, Difference]:
        """Return how far each blob is apart."""
        return {name: tally.result() for name, tally in self._tallies.items()}

    def fine(self) -> dict[str, RowChannelDifference]:
        """Return how far rows and channels are apart, where that was asked for."""
        found = {name: tally.result() for name, tally in self._fine.items()}
        return {name: one for name, one in found.items() if one is not None}

    def rows(
        self,
        noise: Mapping[str, Noise],
        outputs: Container[str],
        fine_noise: Optional[Mapping[str, RowChannelDifference]] = None,
    ) -> tuple[BlobComparison, ...]:
        """Return what is known of each blob, with its float noise."""
        fine = self.fine()
        ratios = {
            name: channel_ratio(one, (fine_noise or {}).get(name), NOISE_FLOOR)
            for name, one in fine.items()
        }
        moves = {name: tally.result() for name, tally in self._moves.items()}
        still = {name: one._asdict() for name, one in moves.items() if one is not None}
        return tuple(
            BlobComparison(
                **vars(difference),
                **still.get(name, {}),
                blob=name,
                kind=self._kinds[name].kind,
                output=name in outputs,
                noise=noise[name],
                row_error=fine[name].row if name in fine else None,
                channel_ratio=ratios.get(name),
            )
            for name, difference in self.differences().items()
        )

    def accuracy(self) -> Optional[Accuracy]:
        """Return the share of right labels, where there were labels."""
        return None if self._accuracy is None else self._accuracy.result()


def choose_kinds(
    names: Iterable[str], kinds: Mapping[str, OutputKind], shapes: Mapping[str, Shape]
) -> dict[str, type[Tally]]:
    """Return how to compare each value.

    Lists of detections are compared as such. An output that holds a score per class is compared by
    its best class too. Everything else is values.

    Args:
        names: The values.
        kinds: What each output is.
        shapes: The shapes of the outputs.
    """
    found: dict[str, type[Tally]] = dict.fromkeys(names, Tally)
    for name, kind in kinds.items():
        if kind.name == DETECTIONS and kind.shape is None:
            found[name] = DetectionTally
        elif kind.name in (CLASSES, DETECTIONS) and holds_scores(shapes[name]):
            found[name] = Tally if kind.indices else ClassTally
    return found


def choose_scored(
    outputs: Mapping[str, Shape], labelled: bool, output: Optional[str]
) -> Optional[str]:
    """Return the output that labels are for; None where there are no labels.

    Args:
        outputs: The shape of each output.
        labelled: Whether there are labels.
        output: The user's choice.

    Raises:
        VerificationError: It cannot hold class scores, or not exactly one output can.
    """
    if not labelled and output is None:
        return None
    classes = [name for name, shape in outputs.items() if holds_scores(shape)]
    chosen = [name for name in classes if output in (None, name, name.split("@")[0])]
    if labelled and len(chosen) == 1:
        return chosen[0]
    wanted = "one output of class scores" if output is None else f"class scores in {output!r}"
    raise VerificationError(
        f"accuracy needs labels and {wanted}",
        remedy=f"name the one they are for: {', '.join(classes) or 'none can hold scores'}",
    )
