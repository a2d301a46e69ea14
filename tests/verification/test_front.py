"""Large nets that begin alike: what they have in common runs once, and no more is missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, List, Optional

import numpy as np
import pytest
from small_models import make_model

from netsurgery.calibration import Inputs, running
from netsurgery.engine import Engine
from netsurgery.formats.blob import Blob, LayerWeights
from netsurgery.methods import Edit
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate
from netsurgery.verification import FrontRuns, Verification, front, verify

NET = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 6 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
        pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
        inner_product_param { num_output: 20 } }
layer { name: "relu2" type: "ReLU" bottom: "fc" top: "fc" }
layer { name: "fc2" type: "InnerProduct" bottom: "fc" top: "fc2"
        inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }
"""
SHAPES = {"conv": (6, 3, 3, 3), "fc": (20, 54), "fc2": (5, 20), "fc3": (5, 20)}
PLAN = Plan((Edit("fc", "svd", {"rank": 7}),))


def net(text: str = NET) -> Model:
    random = np.random.default_rng(0)
    return make_model(
        text,
        {
            name: [random.normal(size=shape) / np.sqrt(shape[1]), random.normal(size=shape[0])]
            for name, shape in SHAPES.items()
        },
    )


@pytest.fixture
def surgery() -> Surgery:
    return operate(net(), PLAN)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """All nets are large; tells the blobs that are fed in each run."""
    monkeypatch.setattr(running, "LARGE", 0)
    found: List[str] = []
    really = running.Runner.run

    def run(self: Any, batch: Any, values: Any) -> Any:
        found.append(" ".join(batch.inputs))
        return really(self, batch, values)

    monkeypatch.setattr(running.Runner, "run", run)
    return found


def compare(
    surgery: Surgery, engine: Engine, new: Optional[Model] = None, **how: Any
) -> Verification:
    return verify(
        surgery.twin(),
        new or surgery.model,
        expect="exact",
        blobs="common",
        origins=surgery.places(),
        engine=engine,
        **{"fronts": FrontRuns(), **how},
    )


def with_blob(model: Model, layer: str, change: Callable[[np.ndarray], np.ndarray]) -> Model:
    weights = model.weights
    (old,) = weights.find(layer)
    blobs = (Blob.of(change(old.blobs[0].array())), *old.blobs[1:])
    return replace(model, weights=weights.replace({layer: [LayerWeights(layer, None, blobs)]}))


def test_what_is_alike_runs_once_and_the_verdict_is_the_same(
    surgery: Surgery, quick_caffe: Engine, ran: List[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare(surgery, quick_caffe)
    assert ran.count("data") == 1  # twelve samples, together
    assert set(ran) == {"data", "pool"}
    monkeypatch.setattr(running, "LARGE", 1e9)
    whole = compare(surgery, quick_caffe)
    assert found.passed is whole.passed is True
    assert found.inputs_sha256 == whole.inputs_sha256
    rows = {row.blob: row for row in whole.blobs}
    behind = [row.blob for row in whole.blobs if not row.blob.startswith("conv")]
    assert [row.blob for row in found.blobs] == behind
    for row in found.blobs:
        assert row.output == rows[row.blob].output
        assert row.kind == rows[row.blob].kind
        # the values are those of the whole run to float noise, of which one has some more
        assert row.largest == pytest.approx(rows[row.blob].largest, rel=1e-4)


@pytest.mark.parametrize(("layer", "behind"), [("fc_L", "pool"), ("fc2", "pool"), ("conv", "")])
def test_what_is_broken_is_seen(
    layer: str, behind: str, surgery: Surgery, quick_caffe: Engine, ran: List[str]
) -> None:
    found = compare(surgery, quick_caffe, with_blob(surgery.model, layer, lambda old: 1.001 * old))
    assert found.passed is False
    # A net whose first layer is another has nothing in common.
    assert ("pool" in ran) is bool(behind)


def test_the_front_is_not_run_again_for_inputs_that_begin_alike(
    surgery: Surgery, quick_caffe: Engine, ran: List[str]
) -> None:
    fronts = FrontRuns()
    assert compare(surgery, quick_caffe, fronts=fronts)
    effect = verify(
        surgery.original, surgery.model, origins=surgery.places(), engine=quick_caffe, fronts=fronts
    )
    assert effect.samples == 8
    assert ran.count("data") == 1
    verify(
        surgery.original,
        surgery.model,
        origins=surgery.places(),
        engine=quick_caffe,
        fronts=fronts,
        inputs=Inputs({"data": np.ones((3, 3, 8, 8))}),
    )
    assert ran.count("data") == 2


def test_where_too_much_would_be_kept_both_are_run_whole(
    surgery: Surgery, quick_caffe: Engine, ran: List[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "_MOST_BYTES", 12 * 4 * 111)  # twelve samples of all behind "pool"
    assert compare(surgery, quick_caffe)
    assert "pool" in ran
    ran.clear()
    monkeypatch.setattr(front, "_MOST_BYTES", 12 * 4 * 111 - 1)
    assert compare(surgery, quick_caffe)
    assert "pool" not in ran


SHARED = NET.replace(
    'name: "fc2"',
    'name: "fc3" type: "InnerProduct" bottom: "fc" top: "fc3" param { name: "w" } '
    'inner_product_param { num_output: 5 } }\nlayer { name: "fc2" param { name: "w" }',
)
ENDS = NET + 'layer { name: "other" type: "Softmax" bottom: "pool" top: "other" }\n'


@pytest.mark.parametrize("text", [SHARED, ENDS], ids=["shared numbers", "an output before"])
def test_where_nets_cannot_be_parted_they_are_run_whole(
    text: str, quick_caffe: Engine, ran: List[str]
) -> None:
    assert compare(operate(net(text), PLAN), quick_caffe)
    assert set(ran) == {"data"}
