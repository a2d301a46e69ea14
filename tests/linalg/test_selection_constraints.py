"""How many rows are kept, and which, when only some choices will do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.linalg.selection_constraints import keep_best, kept_number


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 16), st.data())
def test_the_number_is_the_nearest_that_divides(rows_a_block, blocks, multiple, data):
    size = rows_a_block * blocks
    keep = data.draw(st.integers(1, size))
    found = kept_number(size, keep, blocks, multiple)
    fit = [n for n in range(1, size + 1) if n % blocks == 0 and n % multiple == 0]
    if keep == size or not fit:
        assert found == size
    else:
        assert found == min(fit, key=lambda number: (abs(number - keep), -number))


@pytest.mark.parametrize(
    ("size", "keep", "multiple", "expected"),
    [
        (64, 45, 1, 45),
        (64, 45, 8, 48),
        (64, 44, 8, 48),
        (64, 43, 8, 40),
        (64, 1, 8, 8),
        (63, 62, 8, 56),
        (63, 63, 8, 63),
        (7, 3, 8, 7),
    ],
)
def test_a_number_is_rounded_as_is_written(size, keep, multiple, expected):
    assert kept_number(size, keep, multiple=multiple) == expected


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1), st.data())
def test_the_best_are_kept_that_the_blocks_allow(blocks, rows_a_block, seed, data):
    size = blocks * rows_a_block
    generator = np.random.default_rng(seed)
    partition = generator.permutation(size).reshape(blocks, rows_a_block)
    scores = generator.integers(0, 5, size)
    share = data.draw(st.integers(1, rows_a_block))
    locked = [int(block[0]) for block in partition[: data.draw(st.integers(0, blocks))]]
    found = keep_best(scores, share * blocks, blocks=partition, locked=locked)
    allowed = [
        rows
        for rows in itertools.combinations(range(size), share * blocks)
        if set(locked) <= set(rows)
        and all(len(set(rows) & set(block.tolist())) == share for block in partition)
    ]
    # Of choices that are equally good, the one with the lowest rows.
    assert tuple(found) == max(allowed, key=lambda rows: scores[list(rows)].sum())
    assert (np.diff(found) > 0).all()


def test_of_equal_scores_the_lowest_rows_are_kept():
    assert keep_best(np.array([1.0, 2, 2, 2, 1]), 2).tolist() == [1, 2]
    assert keep_best(np.array([-np.inf, 1, -np.inf]), 2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("keep", "constraints", "problem"),
    [
        (0, {}, "cannot keep 0 of 6"),
        (7, {}, "cannot keep 7 of 6"),
        (3, {"multiple": 0}, "multiple of 0"),
        (3, {"blocks": [[0, 1], [2, 3, 4, 5]]}, r"equal length, not of \[2, 4\]"),
        (3, {"blocks": []}, "equal length"),
        (3, {"blocks": [[0, 1, 2], [2, 3, 4]]}, "each of the 6 rows once"),
        (3, {"locked": [6]}, "row 6 is locked"),
        (3, {"locked": [-1]}, "row -1 is locked"),
        (2, {"locked": [0, 1, 2]}, "2 rows are too few for the 3 locked"),
        (2, {"locked": [0, 1], "blocks": [[0, 1, 2], [3, 4, 5]]}, "too few for the 2 locked"),
    ],
)
def test_what_cannot_be_had_is_refused(keep, constraints, problem):
    with pytest.raises(ValueError, match=problem):
        keep_best(np.arange(6), keep, **constraints)


@pytest.mark.parametrize("scores", [np.array([1.0, np.nan]), np.ones((2, 2))])
def test_scores_that_rank_nothing_are_refused(scores):
    with pytest.raises(ValueError, match="one number a row"):
        keep_best(scores, 1)
