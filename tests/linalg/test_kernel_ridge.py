"""Weights predicted from some of them: against kernel ridge regression, written out."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest

from netsurgery.linalg import (
    fitted_weights,
    grid_dictionary,
    grid_losses,
    ridge_dictionary,
    spread_places,
    squared_distance,
    squared_exponential,
    squared_norm,
    with_ridge,
)
from netsurgery.linalg.kernel_ridge import RIDGE, SCALES

NOISE = 1e-9
"""Solving with kernels whose condition is up to ``size / RIDGE``, in float64."""


def smooth(outputs: int, channels: int, grid: Tuple[int, ...], scale: float) -> np.ndarray:
    """Weights drawn as smooth functions over a grid."""
    root = np.linalg.cholesky(squared_exponential(grid, scale))
    drawn = np.random.default_rng(4).normal(size=(outputs, channels, len(root))) @ root.T
    return drawn.reshape(outputs, channels, *grid)


def test_the_kernel_is_that_of_distances_with_a_ridge() -> None:
    kernel = squared_exponential((2, 3), 1.5)
    assert kernel.shape == (6, 6)
    assert np.array_equal(np.diagonal(kernel), np.full(6, 1 + RIDGE))
    # from (0, 0) to (1, 2)
    assert kernel[0, 5] == pytest.approx(np.exp(-5 / (2 * 1.5**2)))
    assert squared_exponential((), 1.0).tolist() == [[1 + RIDGE]]


def test_a_kernel_of_nothing_predicts_nothing() -> None:
    kernel = with_ridge(np.zeros((3, 3)))
    assert ridge_dictionary(kernel, np.array([1])).tolist() == [[0, 1, 0]]


def test_known_weights_predict_as_kernel_ridge_regression_does() -> None:
    """``k^T (K + l I)^-1 w`` at every other place, with the kernel before its ridge."""
    places = np.array([7, 2, 10])
    points = np.indices((3, 4)).reshape(2, -1).T
    known = np.array([0.3, -1.0, 2.0])

    def alike(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.exp(-0.5 * np.sum((one - other) ** 2) / 2.0**2))

    gram = np.array([[alike(points[i], points[j]) for j in places] for i in places])
    dual = np.linalg.solve(gram + RIDGE * np.eye(3), known)
    wanted = [dual @ [alike(points[i], point) for i in places] for point in points]
    found = known @ ridge_dictionary(squared_exponential((3, 4), 2.0), places)
    others = np.setdiff1d(np.arange(12), places)
    assert np.allclose(found[others], np.array(wanted)[others], rtol=0, atol=NOISE)
    assert np.array_equal(found[places], known)


def test_each_place_is_the_one_that_those_before_say_least_of() -> None:
    kernel = squared_exponential((3, 3), 1.0)
    order, gains = spread_places(kernel, 9)
    assert sorted(order) == list(range(9))
    # A corner, then the one across, then the others; ties go to the first.
    assert order[:4].tolist() == [0, 8, 2, 6]
    for count in (1, 4, 9):
        span = np.linalg.qr(gains[:count].T)[0]
        rows = kernel[order[:count]]
        assert np.allclose(rows @ span @ span.T, rows, rtol=0, atol=NOISE)


def test_what_is_fitted_is_the_nearest_with_that_dictionary() -> None:
    random = np.random.default_rng(0)
    weights, dictionary = random.normal(size=(5, 8)), random.normal(size=(3, 8))
    found = fitted_weights(weights, dictionary)
    wanted = np.linalg.lstsq(dictionary.T, weights.T, rcond=None)[0].T
    assert np.allclose(found, wanted, rtol=0, atol=NOISE)
    inputs = random.normal(size=(8, 50))
    seen = fitted_weights(weights, dictionary, inputs @ inputs.T / 50)
    wanted = np.linalg.lstsq((dictionary @ inputs).T, (weights @ inputs).T, rcond=None)[0].T
    assert np.allclose(seen, wanted, rtol=0, atol=NOISE)


@pytest.mark.parametrize("grid", [(), (5,), (3, 3), (2, 3)])
def test_losses_are_those_of_the_pairs_and_all_weights_lose_nothing(grid: Tuple[int, ...]) -> None:
    weights = np.random.default_rng(1).normal(size=(7, 2, *grid))
    flat, losses = weights.reshape(7, -1), grid_losses(weights)
    assert losses.shape == (flat.shape[1],)
    assert (np.diff(losses) <= NOISE).all()
    for rank, lost in enumerate(losses, start=1):
        dictionary = grid_dictionary(weights, rank).dictionary
        away = flat - fitted_weights(flat, dictionary) @ dictionary
        assert np.sum(away**2) / np.sum(flat**2) == pytest.approx(lost, abs=NOISE)
    whole = grid_dictionary(weights, flat.shape[1])
    assert np.array_equal(whole.dictionary[:, whole.places], np.eye(flat.shape[1]))
    assert losses[-1] == 0


def test_the_distance_needs_no_product() -> None:
    random = np.random.default_rng(6)
    weights = random.normal(size=(600, 9)).astype(np.float32)  # more than are held at once
    left, right = random.normal(size=(600, 2)), random.normal(size=(2, 9))
    away = np.sum((weights.astype(np.float64) - left @ right) ** 2)
    assert squared_distance(weights, left, right) == pytest.approx(away, rel=1e-12)
    assert squared_distance((left @ right), left, right) < 1e-12 * away
    assert squared_norm(weights) == pytest.approx(
        np.sum(weights.astype(np.float64) ** 2), rel=1e-12
    )


def test_smooth_weights_follow_from_few_and_rough_ones_do_not() -> None:
    weights = smooth(20, 1, (7, 7), 2.0)
    rough = np.random.default_rng(0).normal(size=(20, 1, 7, 7))
    assert grid_losses(weights)[15] < 0.05
    assert grid_losses(rough)[15] > 0.5
    assert grid_dictionary(weights, 16).scale in SCALES[2:5]


def test_channels_are_given_places_in_turn_the_heaviest_first() -> None:
    weights = smooth(6, 3, (2, 2), 1.0) * np.array([1.0, 9.0, 3.0])[:, None, None]
    places = grid_dictionary(weights, 5).places
    assert (places // 4).tolist() == [1, 2, 0, 1, 2]
    found = grid_dictionary(weights, 5).dictionary.reshape(5, 3, 4)
    for row, channel in enumerate(places // 4):
        others = [one for one in range(3) if one != channel]
        assert not found[row, others].any()


def test_no_weights_at_all_lose_nothing() -> None:
    assert grid_losses(np.zeros((2, 2, 3))).tolist() == [0] * 6
