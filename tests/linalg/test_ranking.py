"""Rankings of single rows against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from netsurgery.linalg import blocks
from netsurgery.linalg.ranking import geometric_median_distance, random_ranking, row_norms
from netsurgery.linalg.selection_constraints import keep_best


@pytest.fixture(params=[64 << 20, 512], ids=["one block", "many blocks"], autouse=True)
def block_size(request, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", request.param)


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("order", [1, 2])
def test_row_norms_are_numpys(order):
    matrix = random((9, 70))
    expected = np.linalg.norm(matrix.astype(np.float64), order, axis=1)
    np.testing.assert_allclose(row_norms(matrix, order), expected, rtol=1e-14)


def test_row_norms_have_an_order():
    with pytest.raises(ValueError, match="order 1 or 2, not 3"):
        row_norms(random((2, 3)), 3)


@pytest.mark.parametrize("rank", [row_norms, geometric_median_distance])
def test_values_that_are_not_finite_are_refused(rank):
    matrix = random((3, 4))
    matrix[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"NaN or Inf, the first at \(1, 2\)"):
        rank(matrix)


def test_distances_are_summed_over_all_rows():
    matrix = random((9, 70))
    exact = matrix.astype(np.float64)
    expected = np.linalg.norm(exact[:, None] - exact, axis=2).sum(axis=1)
    np.testing.assert_allclose(geometric_median_distance(matrix), expected, rtol=1e-12)


def test_the_row_in_the_middle_of_the_others_goes_first():
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    # Longer than none of them: a ranking by norms would not see it.
    matrix = np.vstack([corners + 10, [[10.0, 10.0]]])
    assert keep_best(geometric_median_distance(matrix), 4).tolist() == [0, 1, 2, 3]


def test_a_random_ranking_depends_on_its_seed_alone():
    first = random_ranking(50, 1)
    np.testing.assert_array_equal(first, random_ranking(50, 1))
    assert sorted(first) == list(range(50))
    assert (first != random_ranking(50, 2)).any()
