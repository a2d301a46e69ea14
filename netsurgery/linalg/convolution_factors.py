"""A convolution kernel factored into a chain of two or three smaller ones, see `KernelChain`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Sequence, Tuple

import numpy as np

from netsurgery.linalg.kernel_chain import Arrays, KernelChain
from netsurgery.linalg.svd import truncated_svd
from netsurgery.linalg.tradeoff import Ranks
from netsurgery.linalg.tucker import tucker2


@dataclass(frozen=True, eq=False)
class Factors:
    """The kernels of a chain.

    Attributes:
        kernels: The first layer first, float32.
        error: ``||W - W'|| / ||W||`` (Frobenius): for one cut the tail of the spectrum, for two
            what the core lacks of the norm.
    """

    kernels: Tuple[np.ndarray, ...]
    error: float


def factor_kernel(
    kernel: np.ndarray, chain: KernelChain, ranks: Ranks, groups: int = 1, split: str = "first"
) -> Factors:
    """Return the chain that comes closest to a kernel: for one cut the best there is.

    Args:
        kernel: Shape (n, c / groups, *window).
        chain: Which layers.
        ranks: One for each cut, from 1 to the full one.
        groups: How many groups of outputs have inputs of their own.
        split: With one cut, which layer takes the singular values, as in `truncated_svd`.

    Raises:
        ValueError: A rank or the split is not one of those, or an entry is NaN or Inf.
    """

    def factor(part: np.ndarray) -> Tuple[Arrays, float]:
        if chain.layers == 2:
            pair = truncated_svd(chain.unfold(part), ranks[0], split)
            return (pair.right, pair.left), pair.error
        found = tucker2(chain.unfold(part), ranks)
        return (found.inputs.T, found.core, found.outputs), found.error

    parts = np.split(kernel, groups)
    return join_groups(parts, chain, [factor(part) for part in parts])


def join_groups(
    parts: Arrays, chain: KernelChain, found: Sequence[Tuple[Arrays, float]]
) -> Factors:
    """Return the kernels, of as many groups, of a chain that was found for each group.

    Args:
        parts: The kernel of each group.
        chain: Which layers.
        found: For each group the factors that `KernelChain.fold` takes, and their error.
    """
    folded = zip(*(chain.fold(factors, part.shape) for (factors, _), part in zip(found, parts)))
    energies = [float(np.square(part, dtype=np.float64).sum()) for part in parts]
    lost = sum(energy * error**2 for energy, (_, error) in zip(energies, found))
    error = float(np.sqrt(lost / sum(energies))) if sum(energies) else 0.0
    return Factors(tuple(np.concatenate(kernels) for kernels in folded), error)


def multiply_out_chain(kernels: Arrays, groups: int = 1) -> np.ndarray:
    """Return the one kernel that does what a chain of kernels does, in float64.

    Args:
        kernels: The first layer first, all of as many groups; along each axis only one has more
            than one tap.
        groups: How many groups.
    """
    split = zip(*(np.split(kernel.astype(np.float64), groups) for kernel in kernels))
    return np.concatenate([reduce(_behind, parts) for parts in split])


def _behind(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    axes = after.ndim - 2
    found = np.tensordot(after, before, (1, 0))
    pairs = [axis for tap in range(axes) for axis in (1 + tap, 2 + axes + tap)]
    found = found.transpose(0, 1 + axes, *pairs)
    sizes = [one * other for one, other in zip(after.shape[2:], before.shape[2:])]
    return found.reshape(len(after), before.shape[1], *sizes)
