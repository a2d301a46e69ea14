"""Truncated SVD against its oracle, LAPACK in float64, on every path through the code."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg import blocks, gram, svd
from netsurgery.linalg.svd import SPLITS, relative_residual, truncated_svd

# Two float32 roundings of each factor's entries, and the products' own in float64.
ROUNDING = 4 * float(np.finfo(np.float32).eps)


@pytest.fixture(params=["lapack", "gram", "gram in blocks"])
def path(request, monkeypatch):
    """Send every matrix, whatever its size, down one way."""
    if request.param != "lapack":
        monkeypatch.setattr(blocks, "SMALL", 0)
    if request.param == "gram in blocks":
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 4096)
    return request.param


@st.composite
def matrices(draw, least=2, most=40):
    """Matrices of any shape with a decaying, flat or cut-off spectrum, float32 or float64."""
    m, n = draw(st.integers(least, most)), draw(st.integers(least, most))
    decay = draw(st.sampled_from([0.0, 0.5, 2.0]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = (1.0 + np.arange(min(m, n))) ** -decay
    values[draw(st.integers(1, min(m, n))) :] *= draw(st.sampled_from([0.0, 1e-3, 1.0]))
    left = np.linalg.qr(generator.standard_normal((m, min(m, n))))[0]
    right = np.linalg.qr(generator.standard_normal((n, min(m, n))))[0]
    scale = 10.0 ** draw(st.integers(-6, 6))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return (scale * (left * values) @ right.T).astype(dtype)


def some_matrix(m=60, n=90, seed=0, decay=0.7):
    generator = np.random.default_rng(seed)
    values = (1.0 + np.arange(min(m, n))) ** -decay
    left = np.linalg.qr(generator.standard_normal((m, min(m, n))))[0]
    right = np.linalg.qr(generator.standard_normal((n, min(m, n))))[0]
    return ((left * values) @ right.T).astype(np.float32)


def tail(matrix, rank):
    """Eckart-Young: the smallest relative error of that rank."""
    values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    return np.sqrt((values[rank:] ** 2).sum() / (values**2).sum())


def every_path(matrix, rank, split="first"):
    with pytest.MonkeyPatch.context() as patch:
        pairs = [truncated_svd(matrix, rank, split)]
        patch.setattr(blocks, "SMALL", 0)
        pairs.append(truncated_svd(matrix, rank, split))
        patch.setattr(blocks, "BLOCK_BYTES", 1024)
        pairs.append(truncated_svd(matrix, rank, split))
    return pairs


@settings(max_examples=60)
@given(matrices(), st.data())
def test_the_error_is_the_optimum_of_eckart_and_young(matrix, data):
    rank = data.draw(st.integers(1, min(matrix.shape)))
    best = tail(matrix, rank)
    for pair in every_path(matrix, rank):
        found = relative_residual(matrix, pair.left, pair.right)
        assert best - 1e-7 <= found <= 1.0005 * best + ROUNDING
        assert pair.error == pytest.approx(found, rel=1e-3, abs=ROUNDING)
        assert pair.optimum == pytest.approx(best, rel=1e-3, abs=ROUNDING)


@settings(max_examples=40)
@given(matrices(), st.data(), st.sampled_from(SPLITS))
def test_factors_have_the_form_that_is_promised(matrix, data, split):
    rank = data.draw(st.integers(1, min(matrix.shape)))
    for pair in every_path(matrix, rank, split):
        assert pair.left.shape == (matrix.shape[0], rank)
        assert pair.right.shape == (rank, matrix.shape[1])
        for factor in (pair.left, pair.right):
            assert factor.dtype == np.float32
            assert factor.flags.c_contiguous
            assert np.isfinite(factor).all()
        largest = np.abs(pair.left).argmax(axis=0)
        assert (pair.left[largest, np.arange(rank)] >= 0).all()


@settings(max_examples=40)
@given(matrices(), st.data())
def test_singular_values_are_those_of_lapack(matrix, data):
    rank = data.draw(st.integers(1, min(matrix.shape)))
    values = np.append(np.linalg.svd(matrix.astype(np.float64), compute_uv=False), 0.0)
    for pair in every_path(matrix, rank):
        # Eigenvectors in float32 have a length of 1 to a small multiple of its rounding unit. The
        # value that is left out is the root of an eigenvalue, known to the unit times the largest.
        np.testing.assert_allclose(pair.singular_values, values[:rank], atol=5e-6 * values[0])
        assert pair.next_singular_value**2 == pytest.approx(
            values[rank] ** 2, abs=2e-6 * values[0] ** 2
        )
        assert pair.squared_norm == pytest.approx((values**2).sum(), rel=1e-6)


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (70, 70), (1, 50), (50, 1), (1, 1)])
def test_full_rank_gives_the_matrix_back(shape):
    matrix = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    pair = truncated_svd(matrix, min(shape))
    assert np.abs(pair.left @ pair.right - matrix).max() <= 1e-5 * np.abs(matrix).max()
    assert pair.error <= ROUNDING
    assert pair.next_singular_value == 0.0


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (70, 70)])
def test_full_rank_gives_the_matrix_back_on_every_path(path, shape):
    matrix = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    pair = truncated_svd(matrix, min(shape))
    assert relative_residual(matrix, pair.left, pair.right) <= ROUNDING


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_left_is_orthonormal_and_right_carries_the_values(path, shape):
    pair = truncated_svd(some_matrix(*shape), 20)
    left, right = pair.left.astype(np.float64), pair.right.astype(np.float64)
    # Eigenvectors in float32 are orthonormal to a small multiple of its rounding unit.
    np.testing.assert_allclose(left.T @ left, np.eye(20), atol=5e-6)
    np.testing.assert_allclose(np.linalg.norm(right, axis=1), pair.singular_values, rtol=1e-6)


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_left_stays_orthonormal_past_the_numerical_rank(path, shape):
    matrix = some_matrix(*shape, decay=0.0)
    matrix[:, 5:] = 0
    pair = truncated_svd(matrix, 20)
    left = pair.left.astype(np.float64)
    np.testing.assert_allclose(left.T @ left, np.eye(20), atol=5e-6)
    assert pair.error <= ROUNDING


def test_splits_give_the_same_product(path):
    matrix = some_matrix()
    first, root = (truncated_svd(matrix, 20, split) for split in SPLITS)
    product = first.left @ first.right
    np.testing.assert_allclose(root.left @ root.right, product, atol=1e-6 * np.abs(product).max())
    np.testing.assert_allclose(
        np.linalg.norm(root.left, axis=0), np.linalg.norm(root.right, axis=1), rtol=1e-5
    )


@settings(max_examples=25)
@given(matrices())
def test_the_error_falls_with_the_rank(matrix):
    for errors in zip(*(every_path(matrix, rank) for rank in range(1, min(matrix.shape) + 1))):
        found = np.array([pair.error for pair in errors])
        assert (np.diff(found) <= ROUNDING).all()


def test_all_paths_agree_on_vectors_and_signs():
    matrix = some_matrix()
    lapack, *others = every_path(matrix, 8)
    for pair in others:
        # The gaps of this spectrum are a few per cent of its values: rounding is magnified so.
        np.testing.assert_allclose(pair.left, lapack.left, atol=2e-4)
        np.testing.assert_allclose(pair.right, lapack.right, atol=2e-4)


def test_the_same_matrix_gives_the_same_bytes(path):
    matrix = some_matrix()
    first, second = truncated_svd(matrix, 20), truncated_svd(matrix.copy(), 20)
    assert first.left.tobytes() == second.left.tobytes()
    assert first.right.tobytes() == second.right.tobytes()


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_transposing_swaps_the_factors(path, shape):
    matrix = some_matrix(*shape)
    pair, turned = truncated_svd(matrix, 20), truncated_svd(matrix.T, 20)
    product = pair.left @ pair.right
    np.testing.assert_allclose((turned.left @ turned.right).T, product, atol=2e-6)


def test_a_mapped_matrix_at_an_odd_address_is_read_only_and_enough(path, tmp_path):
    matrix = some_matrix()
    file = tmp_path / "weights"
    file.write_bytes(b"odd" + matrix.tobytes())
    with open(file, "rb") as stream:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    view = np.frombuffer(data, np.float32, offset=3).reshape(matrix.shape)
    assert not view.flags.aligned
    found, expected = truncated_svd(view, 20), truncated_svd(matrix, 20)
    # Summing in another order turns the vectors by a rounding unit over the gap at rank 20, 1/40.
    np.testing.assert_allclose(
        found.left @ found.right, expected.left @ expected.right, atol=1e-5 * np.abs(matrix).max()
    )


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_a_zero_matrix_has_zero_factors_and_no_error(path, shape):
    for split in SPLITS:
        pair = truncated_svd(np.zeros(shape, np.float32), 1, split)
        assert not (pair.left @ pair.right).any()
        assert np.isfinite(pair.left).all()
        assert (pair.error, pair.optimum, pair.squared_norm) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("scale", [1e-30, 1e-19, 1e22])
def test_scale_does_not_matter_even_where_squares_leave_float32(path, scale):
    matrix = some_matrix()
    # sqrt: diag(s) V^T of the largest scale would not be what is tested here
    pair = truncated_svd(matrix * np.float32(scale), 20, "sqrt")
    assert pair.error == pytest.approx(tail(matrix, 20), rel=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_place(path, value):
    matrix = some_matrix()
    matrix[7, 11] = matrix[8, 3] = value
    with pytest.raises(
        ValueError, match=r"2 values that are NaN or Inf, the first at \(\d+, \d+\)"
    ):
        truncated_svd(matrix, 20)


@pytest.mark.parametrize("rank", [0, -1, 61])
def test_a_rank_out_of_bounds_is_refused_with_the_bounds(rank):
    with pytest.raises(ValueError, match=f"rank {rank} is not between 1 and 60"):
        truncated_svd(some_matrix(), rank)


@pytest.mark.parametrize(
    ("matrix", "problem"),
    [
        (np.zeros(5, np.float32), "not an array of shape"),
        (np.zeros((0, 5), np.float32), "not an array of shape"),
        (np.zeros((2, 2, 2), np.float32), "not an array of shape"),
        (np.zeros((5, 5), np.int32), "not int32"),
        (np.zeros((5, 5), np.complex64), "not complex64"),
    ],
)
def test_what_is_no_matrix_is_refused(matrix, problem):
    with pytest.raises(ValueError, match=problem):
        truncated_svd(matrix, 1)


def test_an_unknown_split_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="split 'middle' is not one of first, sqrt"):
        truncated_svd(some_matrix(), 3, "middle")


@pytest.fixture
def counted(monkeypatch):
    """How often each precision of the Gram matrix was computed."""
    counts = []

    def count(wide, dtype):
        counts.append(np.dtype(dtype).name)
        return gram.gram(wide, dtype)

    monkeypatch.setattr(blocks, "SMALL", 0)
    monkeypatch.setattr(svd, "gram", count)
    return counts


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("shape", [(400, 700), (700, 400)])
def test_float32_is_enough_for_common_spectra_and_nearly_optimal(counted, shape, decay):
    matrix = some_matrix(*shape, decay=decay)
    pair = truncated_svd(matrix, 100)
    assert counted == ["float32"]
    assert relative_residual(matrix, pair.left, pair.right) <= 1.0005 * tail(matrix, 100)


def test_noise_alone_is_cut_nearly_optimally(counted):
    matrix = np.random.default_rng(5).standard_normal((400, 1600)).astype(np.float32)
    pair = truncated_svd(matrix, 100)
    assert counted == ["float32"]
    assert relative_residual(matrix, pair.left, pair.right) <= 1.0005 * tail(matrix, 100)


def test_float64_takes_over_where_float32_hides_the_optimum(counted):
    # The first value is 10^4 times the others: its rounding is as large as their squares.
    matrix = some_matrix(400, 700, decay=0.0).astype(np.float64)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values[0] *= 1e4
    values[200:] *= 0.5
    matrix = (left * values) @ right
    pair = truncated_svd(matrix, 200)
    assert counted == ["float32", "float64"]
    product = pair.left.astype(np.float64) @ pair.right
    # What the factors, in float32, can hold of the large value.
    rounding = ROUNDING * values[0]
    lost = np.sqrt((values[200:] ** 2).sum())
    assert np.linalg.norm(matrix - product) <= 1.0005 * np.hypot(lost, rounding)


def test_nearly_full_ranks_go_straight_to_float64(counted):
    matrix = some_matrix(200, 300)
    truncated_svd(matrix, 170)
    assert counted == ["float64"]


def test_a_large_matrix_is_not_copied(monkeypatch):
    import tracemalloc

    monkeypatch.setattr(blocks, "SMALL", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 18)
    matrix = np.random.default_rng(1).standard_normal((300, 20_000), np.float32)
    view = np.frombuffer(b"odd" + matrix.tobytes(), np.float32, offset=3).reshape(matrix.shape)
    tracemalloc.start()
    try:
        truncated_svd(view, 2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Blocks, a few Gram matrices of 0.4 MB, 32 rows in float32 and in float64, and the factors.
    assert peak < matrix.nbytes / 2


def test_a_view_of_a_mapped_file_is_let_go_as_it_is_read(tmp_path, monkeypatch):
    """And comes out as the array in memory does, at an odd address too."""
    monkeypatch.setattr(blocks, "SMALL", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 14)
    monkeypatch.setattr(blocks, "LARGE", 1 << 14)
    matrix = some_matrix(90, 120)
    for offset in (0, 1):
        path = tmp_path / str(offset)
        path.write_bytes(b"\1" * offset + matrix.tobytes())
        let_go = []
        with path.open("rb") as stream:
            mapped = type(
                "Mapped", (mmap.mmap,), {"madvise": lambda *told, to=let_go: to.append(told)}
            )(stream.fileno(), 0, access=mmap.ACCESS_READ)
        view = np.ndarray(matrix.shape, np.float32, mapped, offset)
        found, wanted = truncated_svd(view, 9), truncated_svd(matrix, 9)
        np.testing.assert_allclose(found.left @ found.right, wanted.left @ wanted.right, atol=1e-5)
        assert bool(let_go) == bool(offset)  # an aligned one is read in one go
        for _, advice, start, length in let_go:
            assert advice == mmap.MADV_DONTNEED
            assert start % mmap.PAGESIZE == 0
            assert start + length <= offset + matrix.nbytes
