"""How the float noise of a net is measured, with a net whose noise is known."""

from __future__ import annotations

from typing import Dict, List

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.calibration import Batch, Inputs
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network import Network
from netsurgery.verification.noise import NoiseMeter, with_small_ones
from netsurgery.verification.tallies import Tally


class Summing:
    """A net that gives its input, off by so much when a sample runs alone; it remembers all."""

    def __init__(self, off: float = 0.0) -> None:
        self.network = Network.of(two_layers().prototxt)
        self.off = off
        self.fed = self.network
        self.runs: List[np.ndarray] = []

    def run(self, batch: Batch, values: object) -> Dict[str, np.ndarray]:
        self.runs.append(batch.inputs["data"])
        return {"out": batch.inputs["data"] * np.float32(1 + self.off * (batch.size == 1))}


def meter(net: Summing, apart: bool = True, fine: bool = False) -> NoiseMeter:
    return NoiseMeter(net, {}, {"out": Tally}, apart=apart, fine=fine)  # type: ignore[arg-type]


def batch(count: int, size: int = 0, seed: int = 0) -> Batch:
    data = np.random.default_rng(seed).normal(size=(size or count, 3, 4, 4)).astype(np.float32)
    return Batch({"data": data}, count, size or count)


def fed(net: Summing, *batches: Batch, apart: bool = True) -> NoiseMeter:
    made = meter(net, apart)
    for one in batches:
        made.add(one, {"out": one.inputs["data"]})
    return made


def test_every_value_is_moved_by_one_unit_in_the_last_place_up_or_down() -> None:
    net, one = Summing(), batch(4)
    noise = fed(net, one, apart=False).noise()["out"]
    (moved,) = net.runs
    before = one.inputs["data"]
    up, down = (np.nextafter(before, np.float32(end)) for end in (np.inf, -np.inf))
    assert (((moved == up) | (moved == down)) & (moved != before)).all()
    # Of 192 values both happen.
    assert 60 < (moved == up).sum() < 132
    assert noise.error == pytest.approx(
        np.linalg.norm((moved - before).astype(float)) / np.linalg.norm(before.astype(float))
    )
    assert 0 < noise.error < 2.0**-23
    assert (noise.agreement, noise.row_error) == (1.0, 0.0)


def test_the_larger_of_both_ways_counts() -> None:
    noise = fed(Summing(off=1e-3), batch(4)).noise()["out"]
    # Up to the last bit of a factor in float32.
    assert noise.error == pytest.approx(1e-3, rel=1e-3)
    assert fed(Summing(off=1e-3), batch(4), apart=False).noise()["out"].error < 2.0**-23


def test_each_sample_runs_alone_once_and_eight_at_most() -> None:
    net = Summing()
    batches = [batch(5, seed=1), batch(5, seed=2), batch(5, seed=3)]
    fed(net, *batches)
    alone = [array for array in net.runs if len(array) == 1]
    assert len(net.runs) - len(alone) == 2  # the third batch is beyond the eighth sample
    samples = np.concatenate([batches[0].inputs["data"], batches[1].inputs["data"][:3]])
    assert np.array_equal(np.concatenate(alone), samples)


def test_what_fills_a_batch_up_is_not_run_alone() -> None:
    net = Summing()
    fed(net, batch(2, size=4))
    assert [len(array) for array in net.runs] == [4, 1, 1]


def test_of_a_single_sample_there_is_nothing_to_run_apart() -> None:
    net = Summing()
    fed(net, batch(1))
    assert len(net.runs) == 1


def test_noise_of_rows_is_the_largest_of_them() -> None:
    net = Summing(off=1e-3)
    made = meter(net, fine=True)
    one = batch(3)
    made.add(one, {"out": one.inputs["data"]})
    assert made.noise()["out"].row_error == pytest.approx(1e-3, rel=1e-3)
    fine = made.fine()["out"]
    assert fine.rows == 3
    assert fine.parts == pytest.approx(1e-6 * fine.wholes, rel=1e-2)


def two_inputs() -> Network:
    """Values, and regions of them."""
    text = """\
    layer { name: "data" type: "Input" top: "data"
            input_param { shape { dim: 1 dim: 1 dim: 2 dim: 2 } } }
    layer { name: "rois" type: "Input" top: "rois" input_param { shape { dim: 1 dim: 5 } } }
    layer { name: "pool" type: "ROIPooling" bottom: "data" bottom: "rois" top: "pool"
            roi_pooling_param { pooled_h: 1 pooled_w: 1 spatial_scale: 1 } }
    """
    return Network.of(Prototxt.parse(text.encode()))


def test_small_ones_are_the_first_four_near_two_to_the_minus_3_5_7_and_9() -> None:
    data = np.random.default_rng(0).normal(size=(6, 1, 2, 2)).astype(np.float32)
    data[1] = 0
    rois = np.arange(30, dtype=np.float32).reshape(6, 5)
    found = with_small_ones(two_inputs(), Inputs({"data": data, "rois": rois}, None, "6 random"))
    added = np.asarray(found.arrays["data"])[6:]
    assert np.array_equal(np.asarray(found.arrays["data"])[:6], data)
    assert np.abs(added).max(axis=(1, 2, 3)) == pytest.approx([2**-3, 0, 2**-7, 2**-9])
    for small, one in zip(added, data):
        assert small * np.abs(one).max() == pytest.approx(one * np.abs(small).max(), rel=1e-5)
    # What is no value is fed as it was.
    assert np.array_equal(np.asarray(found.arrays["rois"]), np.concatenate([rois, rois[:4]]))
    assert found.description == "6 random, and 4 small ones"
    assert np.asarray(found.arrays["data"]).dtype == np.float32


def test_of_fewer_than_four_all_are_added() -> None:
    inputs = Inputs({"data": np.ones((2, 1, 2, 2)), "rois": np.ones((2, 5))}, None, "2 random")
    found = with_small_ones(two_inputs(), inputs)
    assert len(found) == 4
    assert found.description.endswith("2 small ones")
