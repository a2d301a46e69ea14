"""The verdict on quality, while two models run side by side or one beside a golden file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Mapping, Optional, Sequence

from netsurgery.calibration import Inputs, input_shapes
from netsurgery.network import Network, Value
from netsurgery.quality import (
    DETECTIONS,
    EvaluationContext,
    Evaluators,
    OutputKind,
    Quality,
    kinds_of,
    sources_of,
)
from netsurgery.verification.accuracy import Accuracy
from netsurgery.verification.comparison import BlobComparison
from netsurgery.verification.tallies import Blobs, Shape
from netsurgery.verification.verdict import Demand, broken, is_noise, keeps_to


@dataclass(frozen=True)
class QualityComparison:
    """What is judged of two nets.

    Attributes:
        kinds: What each judged value is, by its name.
        sources: By name, the values that it is told from; those alone of which both nets' are
            known.
        evaluators: What compares each.
    """

    kinds: Mapping[str, OutputKind]
    sources: Mapping[str, Sequence[Value]]
    evaluators: Evaluators

    @property
    def behind(self) -> Iterator[str]:
        """Names of what is to be exact beside outputs that tell little of it: lists and numbers."""
        for name, kind in self.kinds.items():
            if kind.indices or kind.name == DETECTIONS:
                yield from map(str, self.sources[name])

    def add(self, a: Blobs, b: Blobs, samples: int) -> None:
        """Take in a batch of both nets."""
        self.evaluators.add(a, b, samples)

    def verdict(
        self,
        rows: Iterable[BlobComparison],
        accuracy: Optional[Accuracy],
        inputs: Inputs,
        demand: Demand,
        missing: Sequence[str],
    ) -> Quality:
        """Return the verdict.

        Args:
            rows: How far all that was compared is apart, sources among it.
            accuracy: Of both nets.
            inputs: What they were run on.
            demand: What was asked of them.
            missing: Outputs that only the original has.
        """
        if accuracy is not None:
            count, found = accuracy.count, (accuracy.before, accuracy.after)
            self.evaluators.set_accuracy(accuracy.output, *found, count)
        known = {row.blob: row for row in rows}
        alike = {name for name, row in known.items() if is_noise(row)}
        judged = {name: known[name] for name in self.kinds if name in known}
        return self.evaluators.verdict(
            EvaluationContext(
                random=inputs.drawn,
                equal={
                    name
                    for name in judged
                    if alike.issuperset((name, *map(str, self.sources[name])))
                    and (self.sources[name] or known[name].largest)
                },
                spoilt={name: why for name, row in judged.items() for why in [broken(row)] if why},
                missing=missing,
                limited=demand.limited,
                failing={n for n, row in judged.items() if not keeps_to(row, demand, accuracy)},
                accepted=demand.accept_loss,
            )
        )


def compare_quality(
    network: Network,
    values: Mapping[str, Value],
    shapes: Mapping[str, Shape],
    known: Iterable[Value],
    demand: Demand,
    labelled: Optional[str],
) -> QualityComparison:
    """Return what judges some values of a network.

    Args:
        network: The original.
        values: The values, by name.
        shapes: Their shapes.
        known: Values that may be compared, too.
        demand: What was asked.
        labelled: The one that labels are for.

    Raises:
        VerificationError: The demand says of outputs what cannot be.
    """
    names = {value: name for name, value in values.items()}
    found = kinds_of(
        network,
        {value: shapes[name] for name, value in values.items()},
        {value: input_shapes(network)[value.blob] for value in network.inputs},
        labelled=values[labelled] if labelled is not None else None,
        chosen=demand.output_kinds,
        classes_asked=demand.min_agreement is not None,
    )
    kinds = {names[value]: kind for value, kind in found.items()}
    there = set(known)
    sources = {
        name: tuple(one for one in sources_of(network, value) if one in there)
        for name, value in values.items()
    }
    return QualityComparison(kinds, sources, Evaluators(kinds, values))
