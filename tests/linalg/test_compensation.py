"""Compensation against direct least squares on the samples, and against the layers it is for."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import assume, given, settings, strategies as st

from netsurgery.linalg.compensation import (
    WORST_CONDITION,
    centred,
    fold,
    reconstruction,
    refit,
    refit_rows,
    ridge_for,
)
from netsurgery.linalg.moments import Moments
from netsurgery.linalg.selection import select

# Solutions lose the digits that the condition number takes, on random matrices about four.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def activations(d=10, samples=200, seed=0):
    """Values after a ReLU of channels that have much in common."""
    generator = np.random.default_rng(seed)
    mixed = generator.standard_normal((d, d)) @ generator.standard_normal((d, samples))
    return np.maximum(mixed + generator.standard_normal((d, 1)), 0)


def second_moment(values):
    return values @ values.T / values.shape[1]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sets(st.integers(0, 9), min_size=1))
def test_it_is_least_squares_on_the_samples(seed, kept):
    values, kept = activations(seed=seed), sorted(kept)
    assume(np.linalg.cond(values[kept]) < 1e4)  # chance may leave one dead, or two alike
    found = reconstruction(second_moment(values), kept, ridge=0)
    expected = np.linalg.lstsq(values[kept].T, values.T, rcond=None)[0].T
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found.matrix[kept], np.eye(len(kept)))
    assert found.constant is None


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sets(st.integers(0, 9), min_size=1))
def test_with_a_mean_it_is_least_squares_with_a_constant(seed, kept):
    values, kept = activations(seed=seed), sorted(kept)
    inputs = np.vstack([values[kept], np.ones(values.shape[1])])
    assume(np.linalg.cond(inputs) < 1e4)  # chance may leave one dead, or two alike
    found = reconstruction(second_moment(values), kept, ridge=0, mean=values.mean(axis=1))
    expected = np.linalg.lstsq(inputs.T, values.T, rcond=None)[0].T
    np.testing.assert_allclose(found.matrix, expected[:, :-1], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.constant, expected[:, -1], rtol=1e-6, atol=1e-6)
    assert (found.constant[kept] == 0).all()


def test_the_order_of_the_kept_channels_is_that_of_the_columns():
    gram = second_moment(activations())
    rising, turned = (reconstruction(gram, kept).matrix for kept in ([1, 4, 7], [7, 1, 4]))
    np.testing.assert_allclose(turned, rising[:, [2, 0, 1]], **CLOSE)


@pytest.mark.parametrize("score", ["greedy", "l1", "l2", "pivot"])
def test_a_planted_dependence_is_reconstructed_exactly(score):
    generator = np.random.default_rng(0)
    independent = activations(6)
    mixture = generator.uniform(0, 1, (8, 6))
    values = np.vstack([mixture @ independent, independent])[generator.permutation(14)]
    gram = second_moment(values)
    kept = select(gram, 6, score).indices
    matrix = reconstruction(gram, kept).matrix
    np.testing.assert_allclose(matrix @ values[kept], values, **CLOSE)


def test_a_shifted_channel_needs_the_constant():
    values = activations(3)
    values = np.vstack([values, 2 * values[:1] + 5])
    found = reconstruction(second_moment(values), [0, 1, 2], mean=values.mean(axis=1))
    np.testing.assert_allclose(found.matrix[3], [2, 0, 0], **CLOSE)
    np.testing.assert_allclose(found.constant, [0, 0, 0, 5], **CLOSE)
    bare = reconstruction(second_moment(values), [0, 1, 2]).matrix
    assert np.abs(bare @ values[:3] - values).max() > 0.1


@pytest.mark.parametrize("kept", [[0, 1], [0, 2], [0, 1, 2]])
def test_kept_channels_that_are_dead_or_repeated_do_no_harm(kept):
    values = activations(4)
    values[1], values[2] = 0, values[0]
    found = reconstruction(second_moment(values), kept)
    apart = np.abs(found.matrix @ values[kept] - values)[:3]
    # The ridge is this share of the largest eigenvalue.
    assert apart.max() <= 10 / WORST_CONDITION * np.abs(values).max()
    assert np.abs(found.matrix).max() < 10


def test_nothing_but_dead_channels_gives_nothing():
    found = reconstruction(np.zeros((4, 4)), [1, 3])
    np.testing.assert_array_equal(found.matrix, np.eye(4)[:, [1, 3]])


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(-14, 0))
def test_the_automatic_ridge_bounds_the_condition_and_is_none_where_it_may_be(seed, exponent):
    generator = np.random.default_rng(seed)
    turn = np.linalg.qr(generator.standard_normal((6, 6)))[0]
    gram = (turn * np.logspace(exponent, 0, 6)) @ turn.T
    inverse = refit(np.eye(6), gram)
    values = np.sort(1 / np.linalg.eigvalsh((inverse + inverse.T) / 2))
    ridge = values[0] - 10**exponent
    assert values[-1] / values[0] <= WORST_CONDITION * 1.001
    if exponent > -7.9:
        np.testing.assert_allclose(inverse @ gram, np.eye(6), atol=1e-6)
    if exponent < -8.1:
        # No more than is needed.
        assert values[-1] / values[0] >= WORST_CONDITION * 0.999
        assert 0 < ridge <= 1.001 / WORST_CONDITION


def test_a_ridge_is_a_share_of_the_mean_of_the_diagonal():
    values, targets = activations(5), activations(3, seed=1)
    found = refit(targets @ values.T, values @ values.T, ridge=0.01)
    penalty = np.sqrt(0.01 * np.sum(values**2) / 5) * np.eye(5)
    system = np.vstack([values.T, penalty])
    expected = np.linalg.lstsq(system, np.vstack([targets.T, np.zeros((5, 3))]), rcond=None)[0]
    np.testing.assert_allclose(found, expected.T, **CLOSE)


def patches(image, kernel):
    """What a convolution without padding reads at each place: shape (C * kh * kw, places)."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (kernel, kernel), axis=(1, 2))
    return windows.transpose(0, 3, 4, 1, 2).reshape(len(image) * kernel**2, -1)


def convolve(weights, image):
    return np.array([scipy.signal.correlate(image, kernel, "valid")[0] for kernel in weights])


@pytest.mark.parametrize("kernel", [1, 3])
def test_folding_gives_the_next_convolution_the_reconstructed_channels(kernel):
    image = activations(6, 81).reshape(6, 9, 9)
    weights = np.random.default_rng(1).standard_normal((4, 6, kernel, kernel))
    flat, kept = image.reshape(6, -1), [0, 2, 5]
    found = reconstruction(second_moment(flat), kept, mean=flat.mean(axis=1))
    folded = fold(weights, found.matrix)
    assert folded.shape == (4, 3, kernel, kernel)
    whole = (found.matrix @ flat[kept] + found.constant[:, None]).reshape(image.shape)
    added = (weights.sum(axis=(2, 3)) @ found.constant)[:, None, None]
    thin = convolve(folded, image[kept]) + added
    np.testing.assert_allclose(thin, convolve(weights, whole), **CLOSE)


def test_folding_gives_the_next_inner_product_the_reconstructed_channels():
    values = activations(6, 4 * 50).reshape(6, 50, 4).transpose(1, 0, 2)
    flat, kept = values.transpose(1, 0, 2).reshape(6, -1), [1, 3]
    weights = np.random.default_rng(1).standard_normal((5, 24))
    found = reconstruction(second_moment(flat), kept, mean=flat.mean(axis=1))
    folded = fold(weights, found.matrix)
    assert folded.shape == (5, 8)
    whole = (found.matrix @ flat[kept] + found.constant[:, None]).reshape(6, 50, 4)
    expected = whole.transpose(1, 0, 2).reshape(50, 24) @ weights.T
    thin = (
        values[:, kept].reshape(50, 8) @ folded.T
        + weights.reshape(5, 6, 4).sum(axis=2) @ found.constant
    )
    np.testing.assert_allclose(thin, expected, **CLOSE)


@pytest.mark.parametrize("shape", [(5, 6, 3, 2), (5, 24)])
def test_folding_columns_of_the_identity_cuts(shape):
    weights = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    folded = fold(weights, np.eye(6)[:, [1, 4]])
    expected = weights.reshape(5, 6, -1)[:, [1, 4]].reshape(folded.shape)
    assert folded.dtype == np.float32
    assert folded.flags.c_contiguous
    np.testing.assert_array_equal(folded, expected)


def test_a_refit_of_single_values_is_the_folded_reconstruction():
    values, kept = activations(8), [0, 3, 4, 6]
    weights = np.random.default_rng(1).standard_normal((3, 8))
    gram = second_moment(values)
    folded = fold(weights, reconstruction(gram, kept).matrix)
    fitted = refit(weights @ gram[:, kept], gram[np.ix_(kept, kept)])
    np.testing.assert_allclose(fitted, folded, **CLOSE)


def test_a_refit_of_whole_patches_is_at_least_as_good():
    generator = np.random.default_rng(2)
    image = scipy.signal.convolve(activations(6, 144).reshape(6, 12, 12), np.ones((1, 3, 3)))
    weights, kept = generator.standard_normal((4, 6, 3, 3)), [0, 2, 5]
    outputs = weights.reshape(4, -1) @ patches(image, 3)
    left = patches(image[kept], 3)
    matrix = reconstruction(second_moment(image.reshape(6, -1)), kept).matrix
    folded = fold(weights, matrix).reshape(4, -1)
    fitted = refit(outputs @ left.T, left @ left.T)
    expected = np.linalg.lstsq(left.T, outputs.T, rcond=None)[0].T
    np.testing.assert_allclose(fitted, expected, rtol=1e-6, atol=1e-6)
    assert np.sum((fitted @ left - outputs) ** 2) < np.sum((folded @ left - outputs) ** 2)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: refit(np.ones((2, 3)), np.eye(4)), "does not fit"),
        (lambda: refit(np.ones((2, 0)), np.ones((0, 0))), "does not fit"),
        (lambda: refit(np.ones((2, 2)), np.full((2, 2), np.inf)), "NaN or Inf"),
        (lambda: refit(np.ones((2, 2)), np.diag([1.0, 0]), ridge=0), "depend on each other"),
        (lambda: refit(np.ones((2, 2)), np.eye(2), ridge=-1), "neither 'auto' nor a number"),
        (lambda: refit(np.ones((2, 2)), np.eye(2), ridge="some"), "neither 'auto' nor a number"),
        (lambda: centred(np.eye(3), np.ones(2)), "mean of shape"),
        (lambda: fold(np.ones((2, 6, 1, 1)), np.ones((3, 2))), "do not read 3 channels"),
        (lambda: fold(np.ones((2, 7)), np.ones((3, 2))), "do not read 3 channels"),
        (lambda: fold(np.ones(6), np.ones((3, 2))), "do not read 3 channels"),
    ],
)
def test_what_does_not_fit_is_refused(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(1, 3),
    width=st.sampled_from([1, 3, 9, 70]),
    centred=st.booleans(),
)
def test_refit_rows_is_least_squares_with_a_ridge_in_every_group(seed, groups, width, centred):
    generator = np.random.default_rng(seed)
    x = generator.normal(1, 1, (groups, 200, width))
    y = generator.normal(1, 1, (groups, 200, 2))
    weights = generator.normal(size=(groups, 2, width))
    seen = Moments()
    seen.add(x, y)
    found, constants = refit_rows(weights, seen, centred)
    for group in range(groups):
        rows, wanted = (one[group] - centred * one[group].mean(axis=0) for one in (x, y))
        ridge = ridge_for(width, 200) * np.square(rows).sum() / width
        # The ridge holds to the old weights: so many rows more, which want what those give.
        held = np.sqrt(ridge) * np.eye(width)
        expected = np.linalg.lstsq(
            np.vstack([rows, held]), np.vstack([wanted, held @ weights[group].T]), rcond=None
        )[0].T
        # Normal equations square the condition, which is below 1e3 here: float64 has 16 digits.
        np.testing.assert_allclose(found[group], expected, rtol=0, atol=1e-9)
        means = y[group].mean(axis=0) - expected @ x[group].mean(axis=0)
        np.testing.assert_allclose(constants[group], means, rtol=0, atol=1e-9)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(1, 2),
    width=st.sampled_from([1, 6, 70]),
    centred=st.booleans(),
)
def test_refit_rows_fits_the_free_weights_of_each_row_alone(seed, groups, width, centred):
    generator = np.random.default_rng(seed)
    x = generator.normal(1, 1, (groups, 200, width))
    y = generator.normal(1, 1, (groups, 200, 3))
    free = generator.random((groups, 3, width)) < 0.4
    free[0, 1] = free[0, 0]  # two rows with one system
    free[-1, 2] = False
    weights = generator.normal(size=(groups, 3, width)) * free
    seen = Moments()
    seen.add(x, y)
    found, _ = refit_rows(weights, seen, centred, free=free)
    assert not found[~free].any()
    for group in range(groups):
        rows, wanted = (one[group] - centred * one[group].mean(axis=0) for one in (x, y))
        held = np.sqrt(ridge_for(width, 200) * np.square(rows).sum() / width) * np.eye(width)
        for number, mask in enumerate(free[group]):
            system = np.vstack([rows, held])[:, mask]
            right = np.concatenate([wanted[:, number], held @ weights[group, number]])
            expected = np.linalg.lstsq(system, right, rcond=None)[0]
            np.testing.assert_allclose(found[group, number, mask], expected, rtol=0, atol=1e-9)
    whole, _ = refit_rows(weights, seen, centred, free=np.ones_like(free))
    plain, _ = refit_rows(weights, seen, centred)
    np.testing.assert_allclose(whole, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [4, 80])
def test_one_dead_group_among_others_is_refused_without_a_ridge(width):
    grams = np.stack([np.eye(width), np.ones((width, width))])
    with pytest.raises(ValueError, match="depend on each other"):
        refit(np.ones((2, 3, width)), grams, 0)
    kept = refit(np.ones((2, 3, width)), grams, "auto")
    np.testing.assert_allclose(kept[0], np.ones((3, width)), rtol=1e-6)
