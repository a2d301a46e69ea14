"""What chains let pass of rows, against chains that are multiplied out one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netsurgery.linalg.convolution_factors import factor_kernel, multiply_out_chain
from netsurgery.linalg.kernel_chain import KernelChain
from netsurgery.linalg.nested import explained
from netsurgery.linalg.passing import kept_by_chains

CHAINS = {
    "input": KernelChain(2, 1, 1),
    "spatial": KernelChain(2, 0, 1),
    "channel": KernelChain(2, 0, 0),
    "tucker": KernelChain(3, 1, 1),
    "both": KernelChain(3, 0, 1),
}
# float32 rows and factors: seven digits, of which normal equations take some.
NEAR = 1e-4


def decaying(shape: tuple, seed: int) -> np.ndarray:
    """Numbers in which some directions matter more than others."""
    random = np.random.default_rng(seed)
    found = random.normal(size=shape)
    for axis, size in enumerate(shape):
        mix = random.normal(size=(size, size)) * 0.6 ** np.arange(size)
        found = np.moveaxis(np.tensordot(mix, found, (1, axis)), 0, axis)
    return found.astype(np.float32)


def by_multiplying_out(
    kernel: np.ndarray, chain: KernelChain, rows: np.ndarray, ranks: tuple
) -> float:
    """The share explained by all that the layers but the last of a chain make of every window."""
    kernels = factor_kernel(kernel, chain, ranks).kernels
    before = multiply_out_chain(kernels[:-1])
    rank, inputs, *sizes = before.shape
    last = kernels[-1].shape[2:]
    whole = [one + size - 1 for one, size in zip(last, sizes)]
    passed = np.zeros((rank, *last, inputs, *whole))
    for tap in np.ndindex(*last):
        covered = (slice(at, at + size) for at, size in zip(tap, sizes))
        passed[(slice(None), *tap, slice(None), *covered)] = before
    narrow = passed.reshape(rank * math.prod(last), -1) @ rows.T
    made = kernel.reshape(len(kernel), -1) @ rows.T
    weights = np.linalg.lstsq(narrow.T, made.T, rcond=1e-6)[0]
    return 1.0 - np.square(made.T - narrow.T @ weights).sum() / np.square(made).sum()


@pytest.mark.parametrize("count", [400, 12])
@pytest.mark.parametrize("name", CHAINS)
def test_it_is_what_least_squares_get_back_of_each_chain(name: str, count: int) -> None:
    chain, kernel = CHAINS[name], decaying((6, 5, 3, 3), 1)
    rows = decaying((count, 45), 2)
    one_cut = [(1,), (2,), (4,), (3,)]
    ranks = one_cut if chain.layers == 2 else [(2, 3), (2, 1), (4, 3), (4, 6), (5, 6)]
    found = kept_by_chains(kernel, chain, rows, ranks)
    for kept, one in zip(found, ranks):
        wanted = by_multiplying_out(kernel, chain, rows, one)
        # With two cuts it is the start of an iteration that does a little better by the weights.
        near = NEAR if chain.layers == 2 else 0.1
        assert kept == pytest.approx(wanted, abs=near)
    if chain.layers == 3:
        # Of full ranks nothing is lost.
        full = kept_by_chains(kernel, chain, rows, [chain.full_ranks(kernel.shape)])
        assert full == pytest.approx([1.0], abs=NEAR)
        # What more channels let pass never explains less.
        more = kept_by_chains(kernel, chain, rows, [(3, rank) for rank in range(1, 7)])
        assert (np.diff(more) >= -1e-9).all()


def test_rows_of_the_same_second_moment_say_the_same() -> None:
    kernel, rows = decaying((6, 5, 3, 3), 1), decaying((400, 45), 2).astype(np.float64)
    few = np.linalg.qr(rows)[1]
    for chain, ranks in ((CHAINS["input"], [(2,)]), (CHAINS["tucker"], [(2, 3)])):
        first, second = (kept_by_chains(kernel, chain, one, ranks) for one in (rows, few))
        assert first == pytest.approx(second, abs=1e-6)


def test_of_more_numbers_than_rows_everything_is_explained_and_they_are_not_multiplied() -> None:
    random = np.random.default_rng(0)
    made, passed = random.normal(size=(4, 6)), random.normal(size=(5000, 6))
    found = explained(made, passed)
    assert found.shape == (5000,)
    assert found[5:] == pytest.approx(np.ones(4995), abs=1e-6)
    # Where the first depend on each other, later ones are needed.
    passed[:6] = passed[0]
    late = explained(made, passed[:12])
    assert late[5] < 0.9
    assert late[-1] == pytest.approx(1.0, abs=1e-6)
