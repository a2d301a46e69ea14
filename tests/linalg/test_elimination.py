"""Each step held against least squares that are solved anew."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg import elimination
from netsurgery.linalg.elimination import Elimination, Reader, eliminate

RIDGE = 1e-3


def problem(
    seed: int, blocks: int, size: int, outputs: int = 4, missing: Sequence[int] = ()
) -> Reader:
    """A reader of correlated inputs; blocks in ``missing`` are not read."""
    random = np.random.default_rng(seed)
    read = [block for block in range(blocks) if block not in missing]
    width = len(read) * size
    rows = random.normal(size=(3 * width, width)) @ random.normal(size=(width, width))
    gram = rows.T @ rows / len(rows)
    gram += RIDGE * np.trace(gram) / width * np.eye(width)
    entries = np.full((blocks, size), -1)
    # Inputs of a block need not stand together.
    entries[read] = random.permutation(width).reshape(len(read), size)
    weights = random.normal(size=(outputs, width))
    return Reader(weights, gram, entries, float(np.einsum("nd,de,ne->", weights, gram, weights)))


def least_error(readers: Sequence[Reader], gone: Sequence[int]) -> float:
    """The error when the weights of all that is left are fitted anew."""
    total = 0.0
    for weights, gram, entries, scale in readers:
        lost = entries[list(gone)].ravel() if len(gone) else np.zeros(0, int)
        kept = np.setdiff1d(np.arange(len(gram)), lost[lost >= 0])
        wanted = weights @ gram @ weights.T
        cross = weights @ gram[:, kept]
        explained = cross @ np.linalg.solve(gram[np.ix_(kept, kept)], cross.T)
        total += float(np.trace(wanted - explained)) / scale
    return total


def by_trying_all(
    readers: Sequence[Reader], blocks: int, locked: Sequence[int] = ()
) -> Tuple[List[int], List[float]]:
    """Greedy, one after the other, each candidate refitted."""
    gone: List[int] = []
    losses: List[float] = []
    while len(gone) < blocks - 1:
        left = [block for block in range(blocks) if block not in gone and block not in locked]
        if not left:
            break
        before = least_error(readers, gone)
        costs = [least_error(readers, [*gone, block]) - before for block in left]
        gone.append(left[int(np.argmin(costs))])
        losses.append(min(costs))
    return gone, losses


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    blocks=st.integers(1, 7),
    size=st.integers(1, 3),
    missing=st.sets(st.integers(0, 6), max_size=2),
    locked=st.sets(st.integers(0, 6), max_size=3),
)
def test_the_order_and_each_loss_are_those_of_trying_all(
    seed, blocks, size, missing, locked
) -> None:
    second = {block for block in missing if block < blocks - 1}
    readers = [problem(seed, blocks, size), problem(seed + 1, blocks, size, 3, sorted(second))]
    locked = sorted(block for block in locked if block < blocks)
    found = eliminate(readers, blocks, locked=locked)
    order, losses = by_trying_all(readers, blocks, locked)
    assert found.order.tolist() == order
    # The Gram matrices' condition is 1e5 at most: of 16 digits ten are left.
    np.testing.assert_allclose(found.losses, losses, rtol=1e-7, atol=1e-10)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 2))
def test_losses_add_up_to_what_the_fit_of_the_rest_lacks(seed, size) -> None:
    readers = [problem(seed, 40, size)]
    found = eliminate(readers, 40)
    assert sorted(found.order.tolist()) != list(range(40))
    assert len(set(found.order.tolist())) == 39
    for cut in (1, 10, 39):
        expected = least_error(readers, found.order[:cut].tolist())
        assert found.losses[:cut].sum() == pytest.approx(expected, rel=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_a_pool_goes_in_the_order_of_one_by_one(seed) -> None:
    # Weakly dependent inputs of very different weight: no cost overtakes another.
    random = np.random.default_rng(seed)
    width = 48
    mixing = np.eye(width) + 0.02 * random.normal(size=(width, width))
    gram = mixing.T @ mixing
    lengths = random.permutation(1.3 ** np.arange(width))
    weights = random.normal(size=(5, width))
    weights *= lengths / np.linalg.norm(weights, axis=0)
    reader = Reader(weights, gram, np.arange(width)[:, None], 1.0)
    found = eliminate([reader], width)
    one_by_one = without_a_pool([reader], width)
    assert found.order.tolist() == one_by_one.order.tolist()
    np.testing.assert_allclose(found.losses, one_by_one.losses, rtol=1e-8)


def without_a_pool(readers: Sequence[Reader], blocks: int) -> Elimination:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elimination, "POOL", 1)
        return eliminate(readers, blocks)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    blocks=st.integers(2, 24),
    size=st.integers(1, 3),
    missing=st.sets(st.integers(0, 23), max_size=4),
    locked=st.sets(st.integers(0, 23), max_size=3),
)
def test_entries_that_are_gone_may_be_left_out(seed, blocks, size, missing, locked) -> None:
    missing = sorted(block for block in missing if block < blocks - 1)
    readers = [problem(seed, blocks, size), problem(seed + 1, blocks, size, 3, missing)]
    # Inputs of other groups: no block holds them, and they are not asked for.
    readers[0] = readers[0]._replace(entries=readers[0].entries[:-1])
    readers[1] = readers[1]._replace(entries=readers[1].entries[:-1])
    kept = sorted(block for block in locked if block < blocks - 1)
    whole = eliminate(readers, blocks - 1, locked=kept)
    held = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elimination, "SMALL", 2)
        remove = elimination._State.remove
        patch.setattr(
            elimination._State,
            "remove",
            lambda own, gone: held.append(len(own._inverse)) or remove(own, gone),
        )
        found = eliminate(readers, blocks - 1, locked=kept)
    assert found.order.tolist() == whole.order.tolist()
    # The same products of fewer rows: BLAS may round their last digits otherwise.
    np.testing.assert_allclose(found.losses, whole.losses, rtol=1e-9, atol=1e-12)
    if len(found.order) > 15:
        assert min(held) < blocks * size / 2


def test_dead_and_duplicated_inputs_cost_nothing_and_go_first() -> None:
    random = np.random.default_rng(5)
    rows = random.normal(size=(200, 12))
    rows[:, 3] = 0.0
    rows[:, 7] = 2 * rows[:, 1]
    rows[:, 9] = rows[:, 4] - rows[:, 5]
    gram = rows.T @ rows / len(rows) + 1e-9 * np.eye(12)
    weights = random.normal(size=(6, 12))
    scale = float(np.einsum("nd,de,ne->", weights, gram, weights))
    found = eliminate([Reader(weights, gram, np.arange(12)[:, None], scale)], 12)
    first = set(found.order[:3].tolist())
    assert 3 in first
    assert len(first & {1, 7}) == 1
    assert len(first & {4, 5, 9}) == 1
    # A ridge of 1e-9 of the inputs' mean square is all that is lost.
    assert found.losses[:3].sum() < 1e-8
    assert found.losses[3] > 1e-3


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    sets=st.integers(2, 4),
    length=st.integers(1, 4),
    locked=st.sets(st.integers(0, 15), max_size=3),
)
def test_sets_lose_one_in_turn_and_what_is_locked_stays(seed, sets, length, locked) -> None:
    blocks = np.random.default_rng(seed).permutation(sets * length).reshape(sets, length)
    locked = sorted(block for block in locked if block < sets * length)
    readers = [problem(seed, sets * length, 1)]
    found = eliminate(readers, sets * length, locked=locked, blocks=blocks.tolist())
    assert not set(found.order.tolist()) & set(locked)
    of_set = {block: number for number, row in enumerate(blocks) for block in row.tolist()}
    for cut in range(len(found.order) + 1):
        gone = np.bincount([of_set[b] for b in found.order[:cut].tolist()], minlength=sets)
        assert gone.max() - gone.min() <= 1
        assert gone.max() < length or length == 0
    turns = (len(row) - len(set(row.tolist()) & set(locked)) for row in blocks)
    assert len(found.order) >= sets * min(*turns, length - 1)


def test_a_singular_matrix_is_refused() -> None:
    reader = Reader(np.ones((1, 2)), np.ones((2, 2)), np.arange(2)[:, None], 1.0)
    with pytest.raises(ValueError, match="add a ridge"):
        eliminate([reader], 2)


def test_what_nobody_reads_goes_first() -> None:
    reader = problem(3, 5, 2, missing=[2])
    found = eliminate([reader], 5)
    assert found.order[0] == 2
    assert found.losses[0] == 0
