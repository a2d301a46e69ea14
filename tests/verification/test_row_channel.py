"""A small difference is seen beside large values: per sample and per channel."""

from __future__ import annotations

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import make_model

from netsurgery.calibration import Inputs
from netsurgery.network.model import Model
from netsurgery.verification import verify
from netsurgery.verification.row_channel import NOISE_FLOOR, RowChannelTally, channel_ratio, louder

TEXT = declared("data", 1, 6) + layer(
    "InnerProduct", "data", "fc", "inner_product_param { num_output: 4 }"
)


def scaling(rows: np.ndarray, bias: np.ndarray) -> Model:
    return make_model(TEXT, {"fc": [rows, bias]})


RANDOM = np.random.default_rng(0)
ROWS, BIAS = RANDOM.normal(size=(4, 6)), RANDOM.normal(size=4)


def test_a_large_sample_does_not_hide_a_small_one(engine: str) -> None:
    """Every bias is off by 1e-4 of itself: beside an input of 1e5 that is 1e-9 of all outputs."""
    data = np.random.default_rng(1).normal(size=(9, 6)) * np.geomspace(1e-2, 1e5, 9)[:, None]
    inputs = Inputs({"data": data})
    original, other = (scaling(ROWS, BIAS * factor) for factor in (1, 1 + 1e-4))
    found = verify(original, other, inputs=inputs, engine=engine, expect="exact")
    assert found.error < 1e-7
    assert "a sample of output 'fc' is" in found.reasons[0]
    assert verify(original, original, inputs=inputs, engine=engine, expect="exact")


def test_a_large_channel_does_not_hide_a_small_one(engine: str) -> None:
    sizes = np.array([1e5, 1, 1, 1])
    original = scaling(ROWS * sizes[:, None], BIAS * sizes)
    other = scaling(ROWS * sizes[:, None], BIAS * sizes + [0, 0, 1e-3, 0])
    found = verify(original, other, engine=engine, expect="exact")
    assert found.error < 1e-7
    assert "a channel of output 'fc' is apart by" in found.reasons[0]
    assert verify(original, original, engine=engine, expect="exact")


@pytest.mark.parametrize("offset", [2.5e-4, 1e-3])
def test_small_offsets_are_seen_on_random_inputs(offset: float, engine: str) -> None:
    found = verify(
        scaling(ROWS, BIAS / 10), scaling(ROWS, BIAS / 10 + offset), engine=engine, expect="exact"
    )
    assert not found
    assert "small ones" in found.inputs


def tallied(a: np.ndarray, b: np.ndarray) -> RowChannelTally:
    tally = RowChannelTally()
    for start in range(0, len(a), 2):
        tally.add(a[start : start + 2], b[start : start + 2])
    return tally


def test_what_is_measured_does_not_depend_on_the_batches() -> None:
    a = RANDOM.normal(size=(6, 3, 4))
    b = a + 1e-3 * RANDOM.normal(size=a.shape)
    in_pieces, whole = tallied(a, b).result(), RowChannelTally()
    whole.add(a, b)
    together = whole.result()
    assert in_pieces.row == together.row
    assert np.allclose(in_pieces.parts, together.parts, rtol=1e-12)
    norms = np.linalg.norm((a - b).reshape(6, -1), axis=1) / np.linalg.norm(
        a.reshape(6, -1), axis=1
    )
    assert together.row == pytest.approx(norms.max(), rel=1e-12)


def test_noise_by_luck_is_no_measure() -> None:
    """One number's noise may be tiny by chance; that of the others then counts."""
    a = np.ones((1, 3))
    noise = tallied(a, a + [[1e-6, 1e-6, 0]]).result()
    found = tallied(a, a + [[0, 0, 1e-5]]).result()
    assert channel_ratio(found, noise, NOISE_FLOOR) == pytest.approx(10, rel=1e-6)
    assert channel_ratio(found, None, NOISE_FLOOR) == pytest.approx(1e-5 / NOISE_FLOOR, rel=1e-6)
    assert louder(noise, None) is noise


def test_blobs_of_other_forms_are_left_to_the_pooled_error() -> None:
    tally = RowChannelTally()
    tally.add(np.ones(3), np.zeros(3))
    tally.add(np.zeros((2, 3)), np.zeros((2, 3)))
    tally.add(np.ones((2, 3)), np.ones((2, 4)))
    assert tally.result() is None
