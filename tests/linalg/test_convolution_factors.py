from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg import tucker
from netsurgery.linalg.convolution_factors import factor_kernel, multiply_out_chain
from netsurgery.linalg.kernel_chain import KernelChain, chain_energies
from netsurgery.linalg.tradeoff import Cost, Energies, Tradeoff
from netsurgery.linalg.tucker import kept_energies, tucker2

CHAINS = {
    "channel": KernelChain(2, 0, 0),
    "input": KernelChain(2, 1, 1),
    "spatial": KernelChain(2, 0, 1),
    "width first": KernelChain(2, 1, 0),
    "tucker": KernelChain(3, 1, 1),
    "spatial, then channel": KernelChain(3, 0, 1),
}
PAIRS = [name for name, chain in CHAINS.items() if chain.layers == 2]
# The factors are stored in float32: a rounding of 6e-8 each, three of them multiplied.
FLOAT_NOISE = 5e-7


@st.composite
def kernels(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """A kernel of decaying random numbers, and its number of groups."""
    groups, outputs, inputs = (draw(st.integers(1, most)) for most in (3, 5, 5))
    shape = (groups * outputs, inputs, *(draw(st.integers(1, 4)) for _ in range(2)))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    scale = 0.8 ** np.arange(np.prod(shape))
    kernel = (random.permutation(scale) * random.normal(size=len(scale))).reshape(shape)
    return kernel.astype(np.float32), groups


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Slide a kernel over an image (c, h, w), without padding, one window after the other."""
    outputs, _, high, wide = kernel.shape
    found = np.zeros((outputs, image.shape[1] - high + 1, image.shape[2] - wide + 1))
    for row, column in itertools.product(*map(range, found.shape[1:])):
        window = image[:, row : row + high, column : column + wide]
        found[:, row, column] = np.tensordot(kernel, window, 3)
    return found


def distance(kernel: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(kernel - other) / np.linalg.norm(kernel))


@settings(max_examples=30)
@given(kernels(), st.sampled_from(sorted(CHAINS)))
def test_full_ranks_meet_the_kernel(drawn: tuple[np.ndarray, int], name: str) -> None:
    kernel, groups = drawn
    chain = CHAINS[name]
    ranks = chain.full_ranks(kernel.shape, groups)
    found = factor_kernel(kernel, chain, ranks, groups)
    assert distance(kernel, multiply_out_chain(found.kernels, groups)) < FLOAT_NOISE
    assert found.error < FLOAT_NOISE
    assert chain_energies(kernel, chain, groups).lost.shape == ranks


@settings(max_examples=30)
@given(kernels(), st.sampled_from(sorted(CHAINS)), st.data())
def test_error_and_size_are_what_is_stated(
    drawn: tuple[np.ndarray, int], name: str, data: st.DataObject
) -> None:
    kernel, groups = drawn
    chain = CHAINS[name]
    full = chain.full_ranks(kernel.shape, groups)
    ranks = tuple(data.draw(st.integers(1, most)) for most in full)
    found = factor_kernel(kernel, chain, ranks, groups)
    error = distance(kernel, multiply_out_chain(found.kernels, groups))
    assert found.error == pytest.approx(error, abs=FLOAT_NOISE)
    lost = chain_energies(kernel, chain, groups).lost[tuple(rank - 1 for rank in ranks)]
    if chain.layers == 2:
        assert np.sqrt(lost) == pytest.approx(error, abs=FLOAT_NOISE)
    else:
        assert error <= np.sqrt(lost) + FLOAT_NOISE
    cost = chain.weights(kernel.shape, groups)
    assert cost.whole == kernel.size
    assert cost.at(ranks) == sum(part.size for part in found.kernels)


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_the_chain_does_what_its_product_does(name: str) -> None:
    random = np.random.default_rng(0)
    kernel, image = random.normal(size=(6, 3, 3, 2)), random.normal(size=(3, 7, 6))
    found = factor_kernel(kernel.astype("f4"), CHAINS[name], (2, 2)[: CHAINS[name].layers - 1])
    rows = image
    for part in found.kernels:
        rows = convolve(rows, part)
    assert np.allclose(rows, convolve(image, multiply_out_chain(found.kernels)), atol=1e-10)


@pytest.mark.parametrize("name", PAIRS)
def test_no_other_chain_of_that_rank_comes_closer(name: str) -> None:
    """Eckart and Young 1936: against alternating least squares from many starts."""
    random = np.random.default_rng(1)
    kernel = random.normal(size=(5, 3, 3, 2)).astype("f4")
    chain = CHAINS[name]
    matrix = chain.unfold(kernel).astype(np.float64)
    best = factor_kernel(kernel, chain, (2,)).error
    for _ in range(5):
        right = random.normal(size=(2, matrix.shape[1]))
        for _ in range(200):
            left = np.linalg.lstsq(right.T, matrix.T, rcond=None)[0].T
            right = np.linalg.lstsq(left, matrix, rcond=None)[0]
        other = distance(matrix, left @ right)
        assert best <= other + FLOAT_NOISE
    assert best == pytest.approx(other, abs=1e-4)


def test_the_spatial_chain_is_separable() -> None:
    """A kernel that is v (c, h) times h (n, w) in every channel has rank 1."""
    random = np.random.default_rng(2)
    kernel = np.einsum("ch,nw->nchw", random.normal(size=(4, 3)), random.normal(size=(5, 3)))
    found = factor_kernel(kernel.astype("f4"), CHAINS["spatial"], (1,))
    assert [part.shape for part in found.kernels] == [(1, 4, 3, 1), (5, 1, 1, 3)]
    assert found.error < FLOAT_NOISE


def brute_force_hooi(tensor: np.ndarray, few: int, many: int) -> float:
    """The error that alternating SVDs of the projected unfoldings reach, from several starts."""
    random, best = np.random.default_rng(3), np.inf
    first, _, last = tensor.shape
    for _ in range(20):
        inputs = np.linalg.qr(random.normal(size=(last, few)))[0]
        for _ in range(200):
            rows = np.einsum("ntm,ms->nts", tensor, inputs).reshape(first, -1)
            outputs = np.linalg.svd(rows)[0][:, :many]
            rows = np.einsum("ntm,nr->mtr", tensor, outputs).reshape(last, -1)
            inputs = np.linalg.svd(rows)[0][:, :few]
        core = np.einsum("ntm,nr,ms->rts", tensor, outputs, inputs)
        best = min(best, np.sqrt(1 - (core**2).sum() / (tensor**2).sum()))
    return float(best)


@pytest.mark.parametrize("ranks", [(1, 1), (2, 3), (3, 2), (5, 3)])
def test_tucker_comes_as_close_as_brute_force(ranks: tuple[int, int]) -> None:
    # Kernels of trained nets decay; on pure noise iterations end in different places.
    random = np.random.default_rng(4)
    scales = 0.6 ** np.add.outer(np.arange(6), np.arange(5))
    tensor = random.normal(size=(6, 4, 5)) * scales[:, None]
    assert tucker2(tensor, ranks).error <= 1.001 * brute_force_hooi(tensor, *ranks)


def test_iteration_never_loses_to_its_start() -> None:
    random = np.random.default_rng(5)
    tensor = random.normal(size=(6, 4, 5))
    kept = kept_energies(tensor) / (tensor**2).sum()
    for few, many in itertools.product(range(1, 6), range(1, 7)):
        assert tucker2(tensor, (few, many)).error ** 2 <= 1 - kept[few - 1, many - 1] + 1e-12
    assert kept[-1, -1] == pytest.approx(1)


@pytest.mark.parametrize("sweeps", [1, 2, tucker.SWEEPS])
def test_the_error_is_that_of_what_is_returned_also_where_sweeps_run_out(
    monkeypatch: pytest.MonkeyPatch, sweeps: int
) -> None:
    # Noise settles slowly: this needs more than 60 sweeps.
    tensor = np.random.default_rng(148).normal(size=(7, 9, 10))
    monkeypatch.setattr(tucker, "SWEEPS", sweeps)
    found = tucker2(tensor, (8, 4))
    product = np.einsum("rts,nr,ms->ntm", found.core, found.outputs, found.inputs)
    assert found.error == pytest.approx(distance(tensor, product), rel=1e-9)


def test_the_columns_that_take_most_of_the_norm_come_first() -> None:
    # Scores of fewer channels are read off the same factors (budgets/output.py).
    tensor = np.random.default_rng(8).normal(size=(6, 4, 5))
    core = tucker2(tensor, (3, 4)).core
    for axis in (0, 2):
        rows = np.moveaxis(core, axis, 0).reshape(core.shape[axis], -1)
        gram = rows @ rows.T
        taken = np.diagonal(gram)
        assert np.allclose(gram, np.diag(taken), atol=1e-12 * taken.sum())
        assert (np.diff(taken) <= 0).all()


def test_a_planted_core_is_found() -> None:
    random = np.random.default_rng(6)
    core = random.normal(size=(2, 3, 2))
    outputs, inputs = random.normal(size=(8, 2)), random.normal(size=(7, 2))
    tensor = np.einsum("rts,nr,ms->ntm", core, outputs, inputs)
    found = tucker2(tensor, (2, 2))
    # Half the digits of float64: the core's norm is taken from that of the whole.
    assert found.error < 1e-7
    product = np.einsum("rts,nr,ms->ntm", found.core, found.outputs, found.inputs)
    assert np.allclose(product, tensor, atol=1e-10)


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_of_nothing_nothing_is_lost(name: str) -> None:
    kernel, chain = np.zeros((4, 3, 2, 2), "f4"), CHAINS[name]
    ranks = chain.full_ranks(kernel.shape)
    assert factor_kernel(kernel, chain, ranks).error == 0
    assert not chain_energies(kernel, chain).lost.any()


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_numbers_that_are_none_are_refused(name: str) -> None:
    kernel = np.ones((4, 3, 2, 2), "f4")
    kernel[1, 2, 0, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        factor_kernel(kernel, CHAINS[name], (1, 1)[: CHAINS[name].layers - 1])


def pair_tradeoff(values: np.ndarray) -> Tradeoff:
    """Of a 32 x 48 matrix."""
    tails = np.append(np.cumsum((values**2)[::-1])[::-1], 0)
    lost = tails[1:] / tails[0]
    cost = Cost(32 * 48, (48, 32))
    return Tradeoff((32, 48), (32,), cost, lambda: None, lambda: Energies((values,), lost))


def test_the_cheapest_rank_is_the_smallest_that_keeps_enough() -> None:
    values = 0.9 ** np.arange(32)
    found = pair_tradeoff(values)
    for lost in (0.5, 0.1, 0.01, 0.0):
        (rank,) = found.cheapest(lost)
        assert found.lost((rank,)) <= lost
        assert rank == 1 or found.lost((rank - 1,)) > lost


def test_the_cheapest_pair_of_ranks_has_the_fewest_weights() -> None:
    kernel = np.random.default_rng(7).normal(size=(5, 4, 3, 3)).astype("f4")
    chain = CHAINS["tucker"]
    cost, full = chain.weights(kernel.shape), chain.full_ranks(kernel.shape)
    found = Tradeoff(kernel.shape, full, cost, lambda: None, lambda: chain_energies(kernel, chain))
    pairs = list(itertools.product(range(1, 5), range(1, 6)))
    for lost in (0.6, 0.3, 0.0):
        fewest = min(cost.at(pair) for pair in pairs if found.lost(pair) <= lost)
        assert cost.at(found.cheapest(lost)) == fewest


def test_break_even_is_the_last_rank_that_saves() -> None:
    found = pair_tradeoff(np.ones(32))
    assert found.breakeven == (19,)
    assert found.saves((19,))
    assert not found.saves((20,))
    tiny = Tradeoff((1, 4), (1,), Cost(4, (4, 1)), lambda: Cost(40, (20, 10)), found.measure)
    assert tiny.breakeven is None
    assert tiny.saves((1,))


def test_macs_are_counted_when_they_are_first_asked_for() -> None:
    counted = []

    def count() -> Cost:
        counted.append(len(counted))
        return Cost(40, (20, 10))

    found = Tradeoff((1, 4), (1,), Cost(4, (4, 1)), count, pair_tradeoff(np.ones(32)).measure)
    assert found.breakeven is None
    assert found.lost((1,)) > 0
    assert not counted
    assert found.macs == found.macs == Cost(40, (20, 10))
    assert counted == [0]
