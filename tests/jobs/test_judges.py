"""Engines that run something else than the net says, or never the same twice, prove nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import make_model, two_layers

from netsurgery.engine import engine
from netsurgery.errors import NoJudgeError, PlanError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.methods import Edit
from netsurgery.network.channels import channel_groups
from netsurgery.network.foreign_fields import foreign_to
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import operate
from netsurgery.verification import verify

PLAN = Plan((Edit("fc7", "svd", {"rank": 2}),))
FIELDS = {
    "inner_product_param.normalize": ("num_output: 32", "num_output: 32 normalize: true"),
    "scale_by": ('name: "fc6"', 'name: "fc6" scale_by: 2'),
    "fused_param": ('name: "fc6"', 'name: "fc6" fused_param { slope: 0.1 }'),
}


def with_field(path: str) -> Model:
    model = two_layers()
    text = bytes(model.prototxt).decode().replace(*FIELDS[path], 1)
    return Model(Prototxt.parse(text.encode()), model.weights)


@pytest.mark.parametrize("path", [*FIELDS])
def test_an_engine_that_drops_a_field_is_no_judge(path: str, tmp_path: Path, opencv: str) -> None:
    model = with_field(path)
    done = write_proved(model, PLAN, tmp_path / "out", Proof(engine=engine("opencv")))
    assert done
    assert f"opencv does not know {path} of layer 'fc6'" in done.unproven
    assert done.unknown_fields == (f"{path} of layer 'fc6'",)
    other = operate(model, PLAN).model
    with pytest.raises(NoJudgeError, match=f"does not know {path} of layer 'fc6'"):
        verify(model, other, engine="opencv")


@pytest.mark.parametrize("path", [*FIELDS])
def test_a_layer_with_a_field_that_no_rule_knows_stays_as_it_is(path: str) -> None:
    model = with_field(path)
    for method, options in (("svd", {"rank": 2}), ("tensor_train", {"rank": 1})):
        with pytest.raises(PlanError, match=f"no rule here knows its {path}"):
            operate(model, Plan((Edit("fc6", method, options),)))
    assert not [group for group in channel_groups(model) if not group.blocked]


def test_words_of_enums_and_fields_of_the_net() -> None:
    text = "quantized: true\n" + declared("data", 1, 3, 4, 4)
    text += layer("Pooling", "data", "pool", "pooling_param { kernel_size: 2 pool: MEDIAN }")
    found = foreign_to(make_model(text, {}).network())
    assert list(map(str, found)) == ["quantized of the net", "pooling_param.pool of layer 'pool'"]


def test_what_only_trains_or_shows_a_net_does_not_matter(tmp_path: Path, opencv: str) -> None:
    model = two_layers()
    text = bytes(model.prototxt).decode()
    text = text.replace("lr_mult: 1 decay_mult: 1", "lr_mult: 1 decay_mult: 1 force_mult: 2")
    text = text.replace('name: "relu6"', 'name: "relu6" engine: "MKLDNN" forward_math: FLOAT')
    model = Model(Prototxt.parse(text.encode()), model.weights)
    assert foreign_to(model.network()) == ()
    done = write_proved(model, PLAN, tmp_path / "out", Proof(engine=engine("opencv")))
    assert done, done.reasons
    assert done.unproven is None


def drifting() -> Model:
    """A net of which the Caffe that tests bring makes other outputs each time."""
    text = declared("data", 2, 3, 4, 4)
    text += layer("BatchNorm", "data", "norm", "batch_norm_param { use_global_stats: false }")
    text += layer("InnerProduct", "norm", "fc", "inner_product_param { num_output: 5 }")
    random = np.random.default_rng(0)
    norm = [random.normal(size=3), random.uniform(0.5, 2, 3), np.ones(1)]
    return make_model(text, {"norm": norm, "fc": [random.normal(size=(5, 48)), np.zeros(5)]})


def test_an_original_that_never_repeats_itself(tmp_path: Path, caffe: str) -> None:
    plan = Plan((Edit("fc", "svd", {"rank": 5}),))
    done = write_proved(drifting(), plan, tmp_path / "out", Proof(engine=engine("caffe")))
    assert done, done.reasons
    assert "gives something else each time for the same inputs" in done.unproven
    assert "as layer 'norm' asks for" in done.unproven
    with pytest.raises(NoJudgeError, match="each time"):
        verify(drifting(), done.surgery.model, engine="caffe")
    same = verify(drifting(), drifting(), engine="caffe", expect="exact")
    assert same
    assert same.engine == "no engine"
    assert "bit for bit" in same.inputs
