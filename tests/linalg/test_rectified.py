from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg.moments import Moments
from netsurgery.linalg.rectified import fit_rectified, mixed, nearest, rectify
from netsurgery.linalg.responses import Mixing, fitted_to_rows, principal

Sample = Tuple[np.ndarray, np.ndarray]


def sample(seed: int, outputs: int, lift: float = 0.0) -> Sample:
    """Rows, and what they should be: they lack something."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(outputs, outputs))
    rows = random.normal(size=(60, outputs)) @ mixing + lift
    return rows + 0.3 * random.normal(size=rows.shape), rows


def linear(
    rows: np.ndarray, targets: np.ndarray, rank: int, biased: bool = True
) -> Tuple[np.ndarray, Mixing]:
    """The rows as they are fitted to the targets, and the best mixing without regard to a ReLU."""
    seen = Moments()
    seen.add(rows, targets)
    outputs = rows.shape[1]
    whole = fitted_to_rows(np.eye(outputs), np.zeros(outputs) if biased else None, seen, 0.0)
    fitted = rows @ whole.matrix.T + (whole.bias if whole.bias is not None else 0)
    return fitted, principal(whole, rank)


def lost(mixing: Mixing, rows: np.ndarray, targets: np.ndarray, slope: float) -> float:
    made = rectify(mixed(mixing, rows), slope)
    return float(np.square(made - rectify(targets, slope)).sum())


@settings(max_examples=25)
@given(
    st.integers(2, 6),
    st.booleans(),
    st.sampled_from([0.0, 0.1, -0.2]),
    st.integers(0, 99),
    st.data(),
)
def test_what_a_relu_leaves_is_never_further_off(
    outputs: int, biased: bool, slope: float, seed: int, data: st.DataObject
) -> None:
    rank = data.draw(st.integers(1, outputs))
    rows, targets = sample(seed, outputs)
    fitted, start = linear(rows, targets, rank, biased)
    found = fit_rectified(fitted, targets, start, slope)
    assert lost(found, fitted, targets, slope) <= lost(start, fitted, targets, slope)
    assert np.linalg.matrix_rank(found.left @ found.right) <= rank
    assert (found.bias is None) is not biased


def test_a_relu_that_cuts_much_off_is_made_use_of() -> None:
    rows, targets = sample(0, 6, -1.0)
    fitted, start = linear(rows, targets, 2)
    found = fit_rectified(fitted, targets, start)
    assert lost(found, fitted, targets, 0.0) < 0.9 * lost(start, fitted, targets, 0.0)


@pytest.mark.parametrize("ridge", [0.0, None])
def test_where_all_is_positive_the_linear_solution_stays(ridge) -> None:
    rows, targets = sample(1, 5, 100.0)
    fitted, start = linear(rows, targets, 2)
    found = fit_rectified(fitted, targets, start, ridge=ridge)
    assert np.allclose(found.left @ found.right, start.left @ start.right, atol=1e-6)
    assert np.allclose(mixed(found, fitted), mixed(start, fitted), atol=1e-6)


@pytest.mark.parametrize("slope", [0.0, 0.1, -0.3, 1.0])
@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_values_are_the_best_there_are(slope: float, penalty: float) -> None:
    made, wanted = (one.ravel() for one in np.meshgrid(*[np.linspace(-2, 2, 9)] * 2))
    wanted = rectify(wanted, slope)

    def cost(z: np.ndarray) -> np.ndarray:
        return (rectify(z, slope) - wanted) ** 2 + penalty * (z - made) ** 2

    found = cost(nearest(made, wanted, slope, penalty))
    tried = np.min([cost(np.full_like(made, z)) for z in np.linspace(-50, 50, 20001)], axis=0)
    assert (found <= tried + 1e-12).all()
