"""A convolution kernel as a chain of two or three smaller ones.

A `KernelChain` says how many, and over which axis each runs. Every cut of the chain between two
layers splits the kernel's axes into those of the later layers and those of the earlier ones. With
one cut the best chain is the truncated SVD of that matrix: of Zhang et al. 2015 with the whole
window in the first layer, of Jaderberg et al. 2014 (scheme 2) in the closed form of Tai et al. 2016
with the height in the first and the width in the second. With two cuts it is a Tucker-2
decomposition (Kim et al. 2016).

Kernels are as Caffe stores them, (outputs, inputs / groups, height, width), or with any number of
axes of the window where one layer has it whole. Every group is a kernel of its own, and all are
given the same ranks.
"""

from __future__ import annotations

from math import prod
from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.linalg.spectrum import NOISE, lost_energy, singular_values
from netsurgery.linalg.tradeoff import Cost, Energies, Ranks

Arrays = Sequence[np.ndarray]


class KernelChain(NamedTuple):
    """Which layers stand in for a convolution.

    Attributes:
        layers: How many, 2 or 3.
        vertical: Number, from 0, of the one whose kernel is as high as the original's.
        horizontal: Number of the one whose kernel is as wide.
    """

    layers: int
    vertical: int
    horizontal: int

    @property
    def splits(self) -> bool:
        """Whether it divides the window, which must have two axes then."""
        return self.vertical != self.horizontal

    def axes(self, dimensions: int) -> List[List[int]]:
        """For each layer, the last one first, the axes of the kernel that are its own.

        Args:
            dimensions: How many axes the kernel has.
        """
        taps = {2: self.vertical, 3: self.horizontal}
        if not self.splits:
            taps = dict.fromkeys(range(2, dimensions), self.vertical)
        own = [
            [axis for axis, at in taps.items() if at == number]
            for number in reversed(range(self.layers))
        ]
        own[0].insert(0, 0)
        own[-1].append(1)
        return own

    def sizes(self, shape: Sequence[int]) -> Tuple[int, ...]:
        """Return the shape that `unfold` gives a kernel."""
        return tuple(prod(shape[axis] for axis in own) for own in self.axes(len(shape)))

    def unfold(self, kernel: np.ndarray) -> np.ndarray:
        """Return a kernel as an array with an axis for each layer, the last one first."""
        order = [axis for own in self.axes(kernel.ndim) for axis in own]
        return kernel.transpose(order).reshape(self.sizes(kernel.shape))

    def fold(self, factors: Arrays, shape: Sequence[int]) -> List[np.ndarray]:
        """Return the factors of an unfolded kernel as kernels in float32.

        Args:
            factors: One for each layer, the first one first. Their last axis is that of the rank
                before, their first axis that of the rank behind.
            shape: Of the kernel.
        """
        kernels, inputs = [], shape[1]
        for number, factor in enumerate(factors):
            window = self.window(number, shape[2:])
            folded = np.moveaxis(factor.reshape(-1, *window, inputs), -1, 1)
            kernels.append(np.ascontiguousarray(folded, np.float32))
            inputs = len(folded)
        return kernels

    def window(self, number: int, kernel: Sequence[int]) -> Tuple[int, ...]:
        """Return the sizes of a layer's window, height and width, from those of the original's."""
        if not self.splits:
            return tuple(kernel) if number == self.vertical else (1,) * len(kernel)
        high, wide = kernel
        return high if number == self.vertical else 1, wide if number == self.horizontal else 1

    def full_ranks(self, shape: Sequence[int], groups: int = 1) -> Ranks:
        """Return the ranks, one for each cut, that meet any kernel of that shape exactly."""
        sizes = self.sizes((shape[0] // groups, *shape[1:]))
        sides = (sizes[-1], sizes[0])[: self.layers - 1]
        return tuple(min(side, prod(sizes) // side) for side in sides)

    def weights(self, shape: Sequence[int], groups: int = 1) -> Cost:
        """Return the number of weights of a kernel and of the layers of the chain."""
        sizes = self.sizes((shape[0] // groups, *shape[1:]))
        return Cost(prod(shape), tuple(groups * size for size in reversed(sizes)))


def chain_energies(kernel: np.ndarray, chain: KernelChain, groups: int = 1) -> Energies:
    """Return the spectra of a kernel at the cuts of a chain, and what ranks lose.

    Singular values of groups are added up as squares: what rank k loses is the tail from k on.

    Args:
        kernel: Shape (n, c / groups, high, wide).
        chain: Which layers.
        groups: How many groups.

    Raises:
        ValueError: An entry is NaN or Inf.
    """
    parts = [chain.unfold(part) for part in np.split(kernel, groups)]
    if chain.layers == 2:
        values = _added(singular_values(part) for part in parts)
        return Energies((values,), lost_energy(values)[1:])
    from netsurgery.linalg.tucker import kept_energies, mode_values

    spectra = [_added(values) for values in zip(*map(mode_values, parts))]
    full = chain.full_ranks(kernel.shape, groups)
    kept = np.sum([kept_energies(part) for part in parts], axis=0)
    kept = kept[tuple(slice(size) for size in full)]
    lost = 1.0 - kept / kept[-1, -1] if kept[-1, -1] > 0 else np.zeros_like(kept)
    return Energies(tuple(spectra), np.where(lost > NOISE**2, lost, 0.0))


def _added(spectra: Iterable[np.ndarray]) -> np.ndarray:
    found: np.ndarray = np.sqrt(sum(np.square(values) for values in spectra))
    return found
