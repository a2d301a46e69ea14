"""Of each of some sets of rows one stays, whoever chooses the rows."""

from __future__ import annotations

import itertools
import math
from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.linalg.elimination import Reader, eliminate
from netsurgery.linalg.gram import gram_of
from netsurgery.linalg.parts import Parts, smallest_sets
from netsurgery.linalg.selection import SCORES, select
from netsurgery.linalg.selection_constraints import keep_best, kept_number


@st.composite
def divided(draw, most: int = 9) -> Tuple[int, List[List[int]]]:
    """Some rows, of which most are divided into sets that do not overlap."""
    size = draw(st.integers(1, most))
    of_row = draw(st.lists(st.integers(-1, 3), min_size=size, max_size=size))
    sets = [[row for row in range(size) if of_row[row] == one] for one in range(4)]
    return size, [one for one in sets if one]


@st.composite
def overlapping(draw, most: int = 9) -> Tuple[int, List[List[int]]]:
    size = draw(st.integers(1, most))
    one = st.lists(st.integers(0, size - 1), min_size=1, unique=True)
    return size, draw(st.lists(one, max_size=4))


def holds(rows, sets) -> bool:
    return all(set(rows) & set(one) for one in sets)


@given(overlapping(), st.data())
def test_the_last_of_a_set_is_the_one_that_may_not_go(rows, data) -> None:
    size, sets = rows
    staying = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    last = Parts(size, sets).last(staying)
    left = set(np.flatnonzero(staying).tolist())
    whole = [one for one in sets if left & set(one)]
    for row in range(size):
        assert last[row] == (row in left and not holds(left - {row}, whole))


@given(overlapping())
def test_the_smallest_sets_say_all(rows) -> None:
    size, sets = rows
    found = smallest_sets(sets)
    for count in range(size + 1):
        for chosen in itertools.combinations(range(size), count):
            assert holds(chosen, found) == holds(chosen, sets)
    assert not any(set(a) < set(b) for a in found for b in found)


@given(divided(), st.integers(0, 2**32 - 1), st.integers(1, 3), st.data())
def test_the_best_are_kept_that_hold_every_set(rows, seed, multiple, data) -> None:
    size, sets = rows
    keep = data.draw(st.integers(1, size))
    scores = np.random.default_rng(seed).integers(0, 5, size)
    found = keep_best(scores, keep, multiple=multiple, parts=sets)
    number = kept_number(size, keep, multiple=multiple)
    numbers = [n for n in range(number, size) if n % multiple == 0 and n >= len(sets)]
    assert len(found) == (numbers[0] if numbers else size)
    allowed = [
        rows for rows in itertools.combinations(range(size), len(found)) if holds(rows, sets)
    ]
    assert scores[found].sum() == max(scores[list(rows)].sum() for rows in allowed)
    assert holds(found.tolist(), sets)


@given(overlapping(12), st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1, 2, 3]))
def test_sets_that_overlap_and_cross_blocks_are_held(rows, seed, multiple, blocks) -> None:
    size, sets = rows
    size = math.ceil(size / blocks) * blocks
    random = np.random.default_rng(seed)
    partition = random.permutation(size).reshape(blocks, -1).tolist()
    locked = random.choice(size, random.integers(0, 2), replace=False).tolist()
    for keep in range(1, size + 1):
        found = keep_best(
            random.random(size),
            keep,
            blocks=partition,
            multiple=multiple,
            locked=locked,
            parts=sets,
        ).tolist()
        assert holds(found, sets)
        assert set(locked) <= set(found)
        assert len({len(set(found) & set(block)) for block in partition}) == 1
        assert len(found) == size or len(found) % multiple == 0


@pytest.mark.parametrize("score", SCORES)
@given(rows=overlapping(), seed=st.integers(0, 2**32 - 1))
def test_pursuits_take_one_of_each_set(score, rows, seed) -> None:
    size, sets = rows
    # Few directions: most rows depend on others, and are taken last if at all.
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(size, 2)) @ random.normal(size=(2, 5))
    for keep in range(1, size + 1):
        assert holds(select(gram_of(matrix), keep, score, parts=sets).indices.tolist(), sets)


@given(overlapping(12), st.integers(0, 2**32 - 1), st.sampled_from([1, 2]))
def test_the_surgeon_leaves_one_of_each_set(rows, seed, blocks) -> None:
    size, sets = rows
    size = math.ceil(size / blocks) * blocks
    random = np.random.default_rng(seed)
    partition = random.permutation(size).reshape(blocks, -1).tolist() if blocks > 1 else None
    gram = np.diag(random.random(size) + 0.1)
    reader = Reader(random.normal(size=(4, size)), gram, np.arange(size)[:, None], 1.0)
    found = eliminate([reader], size, blocks=partition, parts=sets)
    left = set(range(size))
    for row in found.order.tolist():
        left.remove(row)
        assert holds(left, sets)
    if not partition:  # nothing more could have gone
        assert len(left) == 1 or all(not holds(left - {row}, sets) for row in left)


def test_of_a_large_pool_no_two_go_that_are_the_last_of_a_set() -> None:
    size, sets = 400, [[2 * row, 2 * row + 1] for row in range(200)]
    random = np.random.default_rng(0)
    # So cheap together that all of them would go in the first pools.
    weights = np.repeat(random.random(200) + 1, 2)[None] * np.ones((3, 1))
    reader = Reader(weights, np.eye(size), np.arange(size)[:, None], 1.0)
    found = eliminate([reader], size, parts=sets)
    assert len(found.order) == 200
    assert sorted(row // 2 for row in found.order.tolist()) == list(range(200))


def test_more_sets_than_rows_keep_all_that_it_takes() -> None:
    pairs = [list(pair) for pair in itertools.combinations(range(4), 2)]
    for keep in range(1, 5):
        found = keep_best(np.arange(4), keep, parts=pairs).tolist()
        assert len(found) >= keep
        assert holds(found, pairs)


@pytest.mark.parametrize("sets", [[[]], [[0, 3]], [[-1]]])
def test_a_part_holds_rows(sets) -> None:
    with pytest.raises(ValueError, match="rows from 0 to 2"):
        Parts(3, sets)
