from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsurgery.linalg.moments import Moments
from netsurgery.linalg.responses import fit_responses
from netsurgery.linalg.svd import truncated_svd


def moments_of(rows: np.ndarray) -> Moments:
    seen = Moments()
    for part in np.array_split(rows, 3):
        seen.add(part)
    return seen


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 8), st.booleans(), st.integers(0, 99), st.data())
def test_no_pair_loses_less_of_the_responses(
    outputs: int, inputs: int, biased: bool, seed: int, data: st.DataObject
) -> None:
    """The loss is the tail of the singular values of the responses themselves (Eckart, Young)."""
    rank = data.draw(st.integers(1, outputs))
    random = np.random.default_rng(seed)
    rows = random.normal(size=(40, inputs)) * 0.6 ** np.arange(inputs) + random.normal(size=inputs)
    matrix = random.normal(size=(outputs, inputs)).astype("f4")
    bias = random.normal(size=outputs) if biased else None
    made = rows @ matrix.T + (0 if bias is None else bias)
    fit = fit_responses(matrix, bias, moments_of(made), rank)
    after = rows @ (fit.left @ fit.right).T + (0 if fit.bias is None else fit.bias)
    centre = made.mean(axis=0) if biased else 0
    tail = np.linalg.svd(made - centre, compute_uv=False)[rank:]
    # float32 factors
    assert np.linalg.norm(after - made) == pytest.approx(np.linalg.norm(tail), abs=1e-4)
    error = np.linalg.norm(matrix - fit.left @ fit.right) / np.linalg.norm(matrix)
    assert fit.error == pytest.approx(error, abs=1e-6)


def test_white_inputs_give_the_truncated_svd() -> None:
    random = np.random.default_rng(0)
    rows = np.linalg.qr(random.normal(size=(50, 8)) - 0.5)[0]
    rows -= rows.mean(axis=0)
    rows = np.linalg.qr(rows)[0] * np.sqrt(50)
    matrix, bias = random.normal(size=(6, 8)).astype("f4"), random.normal(size=6)
    fit = fit_responses(matrix, bias, moments_of(rows @ matrix.T + bias), 3)
    plain = truncated_svd(matrix, 3)
    assert np.allclose(fit.left @ fit.right, plain.left @ plain.right, atol=1e-5)
    assert np.allclose(fit.bias, bias, atol=1e-5)
    assert fit.error == pytest.approx(plain.error, rel=1e-5)


def test_outputs_that_are_dead_or_the_same_do_no_harm() -> None:
    random = np.random.default_rng(0)
    matrix = np.repeat(random.normal(size=(2, 5)), 2, axis=0).astype("f4")
    matrix[3] = 0
    rows = np.maximum(random.normal(size=(30, 5)), 0)
    fit = fit_responses(matrix, np.zeros(4), moments_of(rows @ matrix.T), 3)
    assert np.allclose(fit.left @ fit.right, matrix, atol=1e-6)
