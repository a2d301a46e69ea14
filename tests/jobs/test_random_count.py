"""How many random inputs a net is run on where nobody says: few where a run takes long."""

from __future__ import annotations

import pytest

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.jobs.samples import FEW, RANDOM, random_count
from netsurgery.network.model import Model

NET = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: %d dim: 64 dim: 128 dim: 128 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: %d kernel_size: 3 pad: 1 } }
"""
# 64 * 9 * 128 * 128 = 9,437,184 multiply-accumulates for each output and sample


@pytest.mark.parametrize(
    ("batch", "outputs", "count"),
    [(1, 423, RANDOM), (1, 424, FEW), (10, 423, RANDOM), (10, 424, FEW)],
)
def test_it_goes_by_what_a_sample_takes(batch: int, outputs: int, count: int) -> None:
    model = Model(Prototxt.parse((NET % (batch, outputs)).encode()))
    assert random_count(model, None) == count
    assert random_count(model, 5) == 5
