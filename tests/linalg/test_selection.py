"""Selection against the textbook's algorithms, which refit by least squares at every step."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import scipy.linalg
from hypothesis import HealthCheck, given, settings, strategies as st

from netsurgery.linalg import selection
from netsurgery.linalg.gram import gram_of
from netsurgery.linalg.selection import SCORES, select

# To divide by what is left of a row, a share of 1e-6 at least, magnifies the rounding of float64.
ROUNDING = 1e-10

seeds = st.integers(0, 2**32 - 1)
scores = st.sampled_from(sorted(SCORES))


def random(d=14, n=20, seed=0, decay=0.3):
    """Rows of which some are longer than others, and which have much in common."""
    generator = np.random.default_rng(seed)
    mixed = generator.standard_normal((d, n)) * (1.0 + np.arange(n)) ** -decay
    return generator.uniform(0.3, 3, (d, 1)) * (mixed @ generator.standard_normal((n, n)))


def unexplained(matrix, rows):
    """What least squares on the given rows leave of the matrix."""
    rows = matrix[list(rows)]
    return matrix - (rows.T @ np.linalg.lstsq(rows.T, matrix.T, rcond=None)[0]).T


def error(matrix, rows, consumer=None):
    """Its squared norm, or that of what a consumer makes of it."""
    rest = unexplained(matrix, rows)
    return np.sum((rest if consumer is None else consumer.T @ rest) ** 2)


def textbook_somp(matrix, keep, power):
    """Algorithm 3.1 of Tropp, Gilbert and Strauss 2006, the rows being signals and atoms both."""
    atoms = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    rest, chosen = matrix, []
    for _ in range(keep):
        likeness = (np.abs(rest @ atoms.T) ** power).sum(axis=0)
        likeness[chosen] = -1
        chosen.append(int(likeness.argmax()))
        rest = unexplained(matrix, chosen)
    return chosen


def textbook_greedy(matrix, keep, consumer=None):
    """Try every row, keep the one that leaves least."""
    chosen = []
    for _ in range(keep):
        rest = [row for row in range(len(matrix)) if row not in chosen]
        chosen.append(min(rest, key=lambda row: error(matrix, [*chosen, row], consumer)))
    return chosen


def textbook_pivots(matrix, keep):
    return list(scipy.linalg.qr(matrix.T, mode="r", pivoting=True)[1][:keep])


TEXTBOOK = {
    "l1": lambda matrix, keep: textbook_somp(matrix, keep, 1),
    "l2": lambda matrix, keep: textbook_somp(matrix, keep, 2),
    "greedy": textbook_greedy,
    "pivot": textbook_pivots,
}


@pytest.mark.parametrize("shape", [(14, 20), (25, 120), (40, 41)])
@pytest.mark.parametrize("score", sorted(SCORES))
def test_the_rows_are_the_textbooks_in_the_same_order(score, shape):
    for seed in range(5):
        matrix = random(*shape, seed=seed)
        keep = shape[0] * 2 // 3
        assert select(gram_of(matrix), keep, score).order.tolist() == TEXTBOOK[score](matrix, keep)


@pytest.mark.parametrize("outputs", [3, 30])
def test_with_a_consumer_the_error_of_its_outputs_falls_fastest(outputs):
    for seed in range(5):
        matrix = random(seed=seed)
        consumer = np.random.default_rng(seed).standard_normal((len(matrix), outputs))
        found = select(gram_of(matrix), 8, consumer=consumer @ consumer.T)
        assert found.order.tolist() == textbook_greedy(matrix, 8, consumer)
        errors = [error(matrix, found.order[:count], consumer) for count in range(9)]
        np.testing.assert_allclose(found.residual, errors, atol=ROUNDING * errors[0])


def test_a_consumer_that_sees_all_channels_alike_changes_nothing():
    matrix = random()
    plain = select(gram_of(matrix), 9)
    seen = select(gram_of(matrix), 9, consumer=np.eye(len(matrix)))
    np.testing.assert_array_equal(seen.order, plain.order)
    np.testing.assert_allclose(seen.residual, plain.residual, rtol=1e-9)


def test_a_channel_that_the_consumer_ignores_is_not_kept_for_its_own_sake():
    matrix = np.diag([100.0, 1.0, 2.0])
    consumer = np.diag([0.0, 1.0, 1.0])
    assert select(matrix, 2, consumer=consumer).indices.tolist() == [1, 2]
    assert select(matrix, 3, consumer=consumer).indices.tolist() == [0, 1, 2]


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 20), seeds, scores, st.data())
def test_the_residual_is_what_projection_leaves(d, n, seed, score, data):
    matrix = random(d, n, seed)
    keep = data.draw(st.integers(1, d))
    found = select(gram_of(matrix), keep, score)
    assert found.residual.shape == (keep + 1,)
    errors = [error(matrix, found.order[:count]) for count in range(keep + 1)]
    # Rows below the floor count as explaining themselves only: a share of 1e-6 each at most.
    loose = 1e-6 * errors[0] if len(found.filled) else ROUNDING * errors[0]
    np.testing.assert_allclose(found.residual, errors, atol=loose)
    assert (np.diff(found.residual) <= ROUNDING * errors[0]).all()


@settings(max_examples=20)
@given(seeds)
def test_greedy_is_between_the_best_choice_and_its_known_factor(seed):
    matrix, keep = random(10, 12, seed), 4
    tail = np.sum(np.linalg.svd(matrix, compute_uv=False)[keep:] ** 2)
    best = min(error(matrix, rows) for rows in itertools.combinations(range(10), keep))
    slack = 1 + 1e-9
    assert tail <= best * slack
    # Some rows leave no more than this (Deshpande et al. 2006), so the best ones do.
    assert best <= (keep + 1) * tail * slack
    for score in SCORES:
        assert best <= select(gram_of(matrix), keep, score).residual[-1] * slack
    # One step of the greedy way is the best choice of one.
    single = min(error(matrix, [row]) for row in range(10))
    assert select(gram_of(matrix), 1).residual[-1] == pytest.approx(single, rel=1e-9)


@settings(max_examples=40)
@given(seeds, scores)
def test_turning_the_columns_changes_nothing(seed, score):
    matrix = random(seed=seed)
    turn = np.linalg.qr(random(20, 20, seed))[0]
    before, after = (select(gram_of(each), 7, score) for each in (matrix, matrix @ turn))
    np.testing.assert_array_equal(before.order, after.order)


@settings(max_examples=40)
@given(seeds, scores)
def test_rows_in_another_order_are_chosen_all_the_same(seed, score):
    matrix = random(seed=seed)
    shuffled = np.random.default_rng(seed).permutation(len(matrix))
    before = select(gram_of(matrix), 7, score)
    after = select(gram_of(matrix[shuffled]), 7, score)
    np.testing.assert_array_equal(shuffled[after.order], before.order)


@settings(max_examples=40)
@given(seeds, scores, st.integers(-20, 20))
def test_the_scale_of_it_all_does_not_matter(seed, score, exponent):
    matrix = random(seed=seed)
    scaled = select(gram_of(matrix * 2.0**exponent), 7, score)
    np.testing.assert_array_equal(scaled.order, select(gram_of(matrix), 7, score).order)


@pytest.mark.parametrize("score", sorted(SCORES))
def test_a_repeated_row_is_chosen_once_and_the_first_of_them(score):
    matrix = random(6, 20)
    found = select(gram_of(np.repeat(matrix, 3, axis=0)), 6, score)
    assert found.indices.tolist() == [0, 3, 6, 9, 12, 15]
    assert not len(found.filled)
    assert found.residual[-1] <= ROUNDING * found.residual[0]


@pytest.mark.parametrize("score", sorted(SCORES))
def test_dependent_rows_wait_and_then_the_longest_fill_up(score):
    independent = random(4, 20)
    mixture = np.array([[1.0, 1, 0, 0], [0, 9, 9, 9], [1, 0, -1, 0]])
    matrix = np.vstack([independent, mixture @ independent])
    found = select(gram_of(matrix), 6, score)
    assert np.linalg.matrix_rank(matrix[found.order[:4]]) == 4
    assert found.filled.tolist() == found.order[4:].tolist()
    rest = [row for row in range(7) if row not in found.order[:4]]
    longest = sorted(rest, key=lambda row: -np.linalg.norm(matrix[row]))
    assert found.filled.tolist() == longest[:2]


@settings(max_examples=40)
@given(seeds, scores, st.sets(st.integers(0, 11), min_size=1, max_size=8), st.data())
def test_dead_rows_are_never_chosen_before_live_ones(seed, score, dead, data):
    matrix = random(12, 20, seed)
    # Far below what float32 can add to the others, but not zero.
    matrix[sorted(dead)] *= data.draw(st.sampled_from([0.0, 1e-9]))
    keep = data.draw(st.integers(1, 12))
    found = select(gram_of(matrix), keep, score)
    alive = 12 - len(dead)
    assert dead.isdisjoint(found.order[:alive].tolist())
    assert set(found.filled.tolist()) == set(found.order[alive:].tolist()) <= dead


@pytest.mark.parametrize("score", sorted(SCORES))
@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_noise_in_dependent_rows_is_not_taken_for_something_new(score, noise):
    # The failure of a plain greedy selection on activations of dependent units.
    generator = np.random.default_rng(3)
    matrix = np.vstack([generator.standard_normal((30, 5)), np.eye(5)]) @ random(5, 400)
    matrix *= 1 + noise * generator.standard_normal(matrix.shape)
    found = select(gram_of(matrix.astype(np.float32)), 8, score)
    assert len(found.filled) == 3
    assert found.residual[5] < 1e-8 * found.residual[0]


def test_rows_below_the_floor_explain_themselves_and_no_others():
    matrix = random()
    consumer = np.random.default_rng(0).standard_normal((14, 5))
    found = select(gram_of(matrix), 10, consumer=consumer @ consumer.T, floor=0.3)
    used = len(found.order) - len(found.filled)
    assert 0 < used < 10
    for count in range(used, 11):
        rest = unexplained(matrix, found.order[:used])
        rest[found.order[:count]] = 0
        expected = np.sum((consumer.T @ rest) ** 2)
        assert found.residual[count] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("score", sorted(SCORES))
def test_to_keep_all_is_the_identity(score):
    found = select(gram_of(random(9, 20)), 9, score)
    assert found.indices.tolist() == list(range(9))
    assert sorted(found.order.tolist()) == list(range(9))
    assert found.residual[-1] == 0.0


def test_nothing_at_all_still_gives_the_number_asked_for():
    found = select(np.zeros((5, 5)), 3)
    assert found.order.tolist() == found.filled.tolist() == [0, 1, 2]
    assert found.residual.tolist() == [0.0] * 4


@settings(max_examples=40)
@given(seeds, scores)
def test_blocks_keep_equal_numbers_and_locked_rows_stay(seed, score):
    matrix = random(24, 40, seed)
    shuffled = np.random.default_rng(seed).permutation(24)
    blocks, locked = shuffled.reshape(3, 8), shuffled[[0, 1, 9]]
    found = select(gram_of(matrix), 12, score, blocks=blocks, locked=locked)
    assert [np.isin(block, found.indices).sum() for block in blocks] == [4, 4, 4]
    assert found.order[:3].tolist() == sorted(locked)
    errors = [error(matrix, found.order[:count]) for count in range(13)]
    np.testing.assert_allclose(found.residual, errors, atol=ROUNDING * errors[0])


@pytest.mark.parametrize("score", sorted(SCORES))
def test_one_block_is_no_constraint_and_blocks_that_share_nothing_are_chosen_alone(score):
    first, second = random(8, 15, 1), random(8, 15, 2)
    both = scipy.linalg.block_diag(first, second)
    whole = select(gram_of(first), 4, score)
    same = select(gram_of(first), 4, score, blocks=[range(8)])
    np.testing.assert_array_equal(whole.order, same.order)
    found = select(gram_of(both), 8, score, blocks=[range(8), range(8, 16)])
    alone = select(gram_of(second), 4, score)
    assert found.indices.tolist() == [*whole.indices, *(alone.indices + 8)]


def test_several_matrices_are_chosen_from_together_by_the_sum_of_their_grams():
    first, second = random(10, 15, 1), random(10, 9, 2)
    together = select(gram_of(first) + gram_of(second), 5)
    assert together.order.tolist() == textbook_greedy(np.hstack([first, second]), 5)


def test_locked_rows_that_are_dead_or_repeated_stay_too():
    matrix = random(8, 20)
    matrix[2], matrix[5] = 0, matrix[4]
    consumer = np.random.default_rng(0).standard_normal((8, 5))
    found = select(gram_of(matrix), 5, consumer=consumer @ consumer.T, locked=[5, 4, 2])
    assert found.order[:3].tolist() == [2, 4, 5]
    assert found.filled.tolist() == [2, 5]
    errors = [error(matrix, found.order[:count], consumer) for count in range(6)]
    np.testing.assert_allclose(found.residual, errors, atol=ROUNDING * errors[0])


def test_a_multiple_rounds_the_number():
    assert len(select(gram_of(random(30, 40)), 13, multiple=8).order) == 16


def test_the_matrices_given_are_left_alone():
    matrix, consumer = gram_of(random()), gram_of(random(seed=1))
    copies = matrix.copy(), consumer.copy()
    select(matrix, 9, consumer=consumer)
    np.testing.assert_array_equal(matrix, copies[0])
    np.testing.assert_array_equal(consumer, copies[1])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((np.zeros((3, 4)), 2), "square, not of shape"),
        ((np.full((3, 3), np.nan), 2), "NaN or Inf"),
        ((np.tril(np.ones((5, 5))), 2), "not symmetric"),
        ((np.eye(3), 2, "best"), "score 'best' is not one of l1, l2, greedy, pivot"),
        ((np.eye(3), 4), "cannot keep 4 of 3 rows"),
        ((np.eye(3), 0), "cannot keep 0 of 3 rows"),
    ],
)
def test_what_is_no_gram_matrix_or_no_number_is_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        select(*arguments)


def test_a_consumer_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(4, 4\) does not fit \(3, 3\)"):
        select(np.eye(3), 2, consumer=np.eye(4))


def test_only_the_greedy_score_takes_a_consumer():
    with pytest.raises(ValueError, match="only 'greedy' does"):
        select(np.eye(3), 2, "l1", consumer=np.eye(3))


@given(seed=seeds, score=scores, d=st.integers(6, 40), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_chosen_may_be_left_out_of_the_matrices(monkeypatch, seed, score, d, data):
    matrix = random(d, 2 * d, seed)
    matrix[data.draw(st.lists(st.integers(0, d - 1), max_size=3))] = 0.0
    consumer = gram_of(random(d, 3, seed + 1)) if score == "greedy" and seed % 2 else None
    locked = data.draw(st.lists(st.integers(0, d - 1), max_size=4, unique=True))
    given = {"consumer": consumer, "locked": locked}
    whole = select(gram_of(matrix), d, score, **given)
    with monkeypatch.context() as patch:
        patch.setattr(selection, "SMALL", 2)
        found = select(gram_of(matrix), d, score, **given)
    assert np.array_equal(found.order, whole.order)
    assert np.array_equal(found.filled, whole.filled)
    # The sums are the same but for zeros that are not added.
    assert np.allclose(
        found.residual, whole.residual, rtol=ROUNDING, atol=ROUNDING * whole.residual[0]
    )


def test_a_step_costs_the_square_of_the_rows_that_are_left(monkeypatch):
    held = []
    falls = selection._falls
    monkeypatch.setattr(selection, "SMALL", 8)
    monkeypatch.setattr(
        selection, "_falls", lambda rest: held.append(len(rest.gram)) or falls(rest)
    )
    select(gram_of(random(64, 128)), 64)
    assert held[0] == 64
    assert all(rows <= max(8, 1 + (64 - step) / selection.KEPT) for step, rows in enumerate(held))


@pytest.mark.parametrize("with_consumer", [False, True])
def test_small_matrices_need_no_scipy_and_choose_as_large_ones(monkeypatch, with_consumer):
    gram = gram_of(random(40, 80))  # of full rank: else rounding chooses of the last rows
    consumer = gram_of(random(40, 5, 1)) if with_consumer else None
    with monkeypatch.context() as patch:
        patch.setattr(selection, "SMALL", 0)
        patch.setattr(selection, "KEPT", 0.0)
        large = select(gram, 40, consumer=consumer)
    monkeypatch.setitem(sys.modules, "scipy.linalg.blas", None)
    small = select(gram, 40, consumer=consumer)
    assert np.array_equal(small.order, large.order)
    assert np.array_equal(small.filled, large.filled)
    # BLAS may multiply and subtract in one rounding.
    assert np.allclose(
        small.residual, large.residual, rtol=ROUNDING, atol=ROUNDING * large.residual[0]
    )
