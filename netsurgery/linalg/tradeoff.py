"""What the ranks of a low-rank form cost, and what they lose: the ground on which to choose one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

Ranks = Tuple[int, ...]


class Cost(NamedTuple):
    """What a layer costs, and a chain of layers in its place, in weights or in MACs.

    Attributes:
        whole: Cost of the layer.
        units: Cost of each layer of the chain if all ranks were 1.
        fixed: Cost of what comes with the chain, whatever its ranks.
    """

    whole: int
    units: Tuple[int, ...]
    fixed: int = 0

    def at(self, ranks: Sequence[Any]) -> Any:
        """Return the cost of the chain at some ranks, one for each place between two layers.

        Arrays of ranks that broadcast give an array of costs.
        """
        links = (1, *ranks, 1)
        grown = (unit * links[i] * links[i + 1] for i, unit in enumerate(self.units))
        return self.fixed + sum(grown)


class Energies(NamedTuple):
    """What ranks lose.

    Attributes:
        spectra: For each place between two layers, the singular values of the weights there,
            falling; none for a form whose loss is no tail of a spectrum.
        lost: Share of ``||W||^2`` that the form loses at most at ranks (r, s), at
            ``lost[r - 1, s - 1]``; the very share where there is one rank and a spectrum.
    """

    spectra: Tuple[np.ndarray, ...]
    lost: np.ndarray


@dataclass(frozen=True)
class Tradeoff:
    """Cost and loss of a layer's low-rank form at all its ranks.

    Attributes:
        shape: Shape of the layer's weights.
        full: The ranks from which on nothing is lost.
        weights: Numbers that are stored.
        count: Counts the multiply-accumulates.
        measure: Computes the energies.
        fit: Where those only estimate what is lost, carries the form out and tells.
    """

    shape: Tuple[int, ...]
    full: Ranks
    weights: Cost
    count: Callable[[], Optional[Cost]]
    measure: Callable[[], Energies]
    fit: Optional[Callable[[Ranks], float]] = None

    @cached_property
    def macs(self) -> Optional[Cost]:
        """Multiply-accumulates of a forward pass, where the shapes are known.

        Counted when they are first asked for, as energies are computed: for that the form's text is
        written.

        Raises:
            PlanError: The text cannot be written.
        """
        return self.count()

    @cached_property
    def energies(self) -> Energies:
        """What ranks lose; computed when it is first asked for."""
        return self.measure()

    def saves(self, ranks: Ranks) -> bool:
        """Whether the form is smaller than the layer, or takes fewer MACs."""
        costs = [self.weights] if self.macs is None else [self.weights, self.macs]
        return any(cost.at(ranks) < cost.whole for cost in costs)

    @property
    def breakeven(self) -> Optional[Ranks]:
        """The largest ranks, all the same share of the full ones, whose form is smaller."""
        steps = max(self.full)
        shares = (self.share(step / steps) for step in range(steps, 0, -1))
        return next(
            (ranks for ranks in shares if self.weights.at(ranks) < self.weights.whole), None
        )

    def share(self, fraction: float) -> Ranks:
        """Return the ranks that are this share of the full ones, each at least 1."""
        return tuple(max(1, round(fraction * full)) for full in self.full)

    def cheapest(self, lost: float) -> Ranks:
        """Return the ranks of fewest weights that lose at most this share of ``||W||^2``."""
        table = self.energies.lost
        costs = self.weights.at(np.ogrid[tuple(slice(1, size + 1) for size in table.shape)])
        allowed = np.where(table <= lost, costs, np.inf)
        place = np.unravel_index(np.argmin(allowed), table.shape)
        return tuple(int(index) + 1 for index in place)

    def lost(self, ranks: Ranks) -> float:
        """Return the share of ``||W||^2`` that is lost at most at some ranks."""
        return float(self.energies.lost[tuple(rank - 1 for rank in ranks)])

    def fitted(self, ranks: Ranks) -> float:
        """Return the same, if need be by factoring the weights at these ranks."""
        return self.fit(ranks) if self.fit else self.lost(ranks)


def plain_ranks(ranks: Ranks) -> Union[int, List[int]]:
    """Return ranks as plans hold them: a number where there is one, or a list."""
    return ranks[0] if len(ranks) == 1 else list(ranks)


def rank_text(ranks: Sequence[int]) -> str:
    """Return ranks in words: ``"rank 9"``, ``"ranks 12 and 16"``."""
    return ("rank " if len(ranks) == 1 else "ranks ") + " and ".join(map(str, ranks))
