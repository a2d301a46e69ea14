"""What all methods have in common that put a chain of convolutions in the place of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from convolution_nets import (
    METHODS,
    PAIRS,
    convolution,
    convolution_nets,
    every_layer,
    furthest,
    run,
    small_net,
)
from hypothesis import HealthCheck, given, settings, strategies as st
from small_models import make_model

from netsurgery.engine import Engine
from netsurgery.errors import PlanError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.layers import layer_type
from netsurgery.methods import Edit, low_rank_method
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.planning.low_rank import LowRankRequest, plan_low_rank
from netsurgery.planning.rules import parse_rule
from netsurgery.surgery import apply, operate

# float32 rounds by 6e-8; sums of up to 64 products three times over, of which parts cancel.
FLOAT_NOISE = 5e-6

judged_by_caffe = settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@judged_by_caffe
@given(convolution_nets())
def test_full_ranks_give_equal_outputs_in_real_caffe(
    tmp_path: Path, quick_caffe: Engine, model: Model
) -> None:
    whole = apply(model, every_layer(model, 1.0))
    before, after = (run(one, tmp_path, quick_caffe) for one in (model, whole))
    assert furthest(before, after) < FLOAT_NOISE


@judged_by_caffe
@given(convolution_nets(), st.integers(0, 99))
def test_a_chain_gives_what_its_product_gives_in_real_caffe(
    tmp_path: Path, quick_caffe: Engine, model: Model, seed: int
) -> None:
    surgery = operate(model, every_layer(model, 0, np.random.default_rng(seed)))
    twin = surgery.twin()
    before, after = (run(one, tmp_path, quick_caffe) for one in (twin, surgery.model))
    assert furthest(before, after) < FLOAT_NOISE
    measured = surgery.errors(twin)
    assert surgery.predicted_errors() == pytest.approx(measured, rel=1e-5, abs=1e-6)


@settings(max_examples=15)
@given(convolution_nets(), st.integers(0, 99))
def test_weights_and_macs_are_what_is_stated(model: Model, seed: int) -> None:
    plan = every_layer(model, 0, np.random.default_rng(seed))
    surgery = operate(model, plan)
    types = {layer.type for layer in surgery.model.prototxt.layers}
    assert all(layer_type(name).has_stock_name(name) for name in types)
    weights = macs = 0
    for edit in plan.edits:
        costs = low_rank_method(edit.method).tradeoff(model, edit.layer)
        ranks = edit.options["rank"]
        ranks = ranks if isinstance(ranks, list) else [ranks]
        assert costs.macs is not None
        weights, macs = weights + costs.weights.at(ranks), macs + costs.macs.at(ranks)
    biases = sum(blob.count for edit in plan.edits for blob in model.blobs(edit.layer)[1:])
    cost = total_cost(surgery.model)
    assert (cost.params, cost.macs) == (weights + biases, macs)


@settings(max_examples=10)
@given(convolution_nets())
def test_a_net_keeps_its_version_and_its_tops(model: Model) -> None:
    thin = apply(model, every_layer(model, 0.5))
    assert thin.prototxt.version == model.prototxt.version
    assert thin.network().outputs == model.network().outputs
    for layer in thin.prototxt.layers:
        assert layer.unknown == ()
        own = [name for name in METHODS if layer.name.startswith(f"{name}0_")]
        assert not own or layer.name[len(own[0]) + 1 :] in ("_L", "_M", "_U")


def test_what_training_needs_and_fields_of_forks_are_carried() -> None:
    text = """
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 dim: 8 dim: 8 } } }
    layer { name: "conv" type: "Convolution" bottom: "x" top: "conv" loss_weight: 2 engine: "MKL"
            param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 } include { phase: TEST }
            convolution_param { num_output: 6 kernel_size: 3 pad: 1 engine: CAFFE  # fast
              weight_filler { type: "msra" } bias_filler { type: "constant" } workspace_limit: 5 } }
    """
    blobs = {"conv": [np.random.default_rng(0).normal(size=(6, 4, 3, 3)), np.zeros(6)]}
    thin = apply(make_model(text, blobs), Plan((Edit("conv", "tucker", {"rank": [2, 3]}),)))
    layers = [layer.parameter for layer in thin.prototxt.layers[1:]]
    assert [layer.name for layer in layers] == ["conv_L", "conv_M", "conv_U"]
    multipliers = [[item.lr_mult for item in layer.param] for layer in layers]
    assert multipliers == [[1], [1], [1, 2]]
    assert [list(layer.loss_weight) for layer in layers] == [[], [], [2]]
    for layer, text_of in zip(layers, thin.prototxt.layers[1:]):
        assert layer.include[0].phase == 1
        assert layer.convolution_param.engine == 1
        assert layer.convolution_param.weight_filler.type == "msra"
        assert set(text_of.unknown) == {"engine", "convolution_param.workspace_limit"}
    fillers = [layer.convolution_param.HasField("bias_filler") for layer in layers]
    assert fillers == [False, False, True]


SHARED = "".join(
    f'input: "{x}" input_shape {{ dim: 1 dim: 3 dim: 7 dim: {size} }}\n'
    for x, size in (("x", 7), ("y", 9))
) + "".join(
    f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
    f'param {{ name: "w" }} param {{ name: "b" }} '
    f"convolution_param {{ num_output: 6 kernel_size: 3 {more} }} }}\n"
    for name, bottom, more in (("a", "x", "pad: 1"), ("a2", "y", "stride: 2"))
)


@pytest.mark.parametrize("method", ["spatial_svd", "tucker"])
def test_layers_that_share_weights_are_rewritten_once(
    method: str, tmp_path: Path, quick_caffe: Engine
) -> None:
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(6, 3, 3, 3)), random.normal(size=6)]
    model = make_model(SHARED, {"a": arrays, "a2": arrays})
    costs = low_rank_method(method).tradeoff(model, "a")
    options = low_rank_method(method).options_for(costs.share(0.5))
    surgery = operate(model, Plan((Edit("a2", method, options),)))
    shared = [layer.parameter.param[0].name for layer in surgery.model.prototxt.layers]
    assert shared == ["w_L", "w_M", "w_U"] * 2 if len(costs.full) == 2 else ["w_L", "w_U"] * 2
    assert costs.macs is not None
    assert costs.macs.at(costs.share(0.5)) == total_cost(surgery.model).macs
    before, after = (run(one, tmp_path, quick_caffe) for one in (surgery.twin(), surgery.model))
    assert furthest(before, after) < FLOAT_NOISE


@pytest.mark.parametrize("biased", ["a", "a2"])
def test_layers_that_share_weights_may_differ_in_bias(
    biased: str, tmp_path: Path, quick_caffe: Engine
) -> None:
    random = np.random.default_rng(0)
    lines = SHARED.replace(' param { name: "b" }', "").splitlines(keepends=True)
    text = "".join(
        line
        if f'name: "{biased}"' in line
        else line.replace("kernel_size", "bias_term: false kernel_size")
        for line in lines
    )
    kernel, bias = random.normal(size=(6, 3, 3, 3)), random.normal(size=6)
    model = make_model(text, {name: [kernel, bias][: 1 + (name == biased)] for name in ("a", "a2")})
    surgery = operate(model, Plan((Edit("a", "tucker", {"rank": [2, 3]}),)))
    before, after = (run(one, tmp_path, quick_caffe) for one in (surgery.twin(), surgery.model))
    assert furthest(before, after) < FLOAT_NOISE


def test_a_parameter_that_has_the_name_of_a_shared_one_to_come_is_refused() -> None:
    other = convolution("c", "a", "num_output: 2 kernel_size: 1 bias_term: false").replace(
        "convolution_param", 'param { name: "w_L" } convolution_param'
    )
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(6, 3, 3, 3)), random.normal(size=6)]
    blobs = {"a": arrays, "a2": arrays, "c": [random.normal(size=(2, 6, 1, 1))]}
    model = make_model(SHARED + other, blobs)
    with pytest.raises(PlanError, match=r"'a'.*already has a parameter called 'w_L'.*suffixes"):
        apply(model, Plan((Edit("a", "channel_svd", {"rank": 2}),)))
    apply(model, Plan((Edit("a", "channel_svd", {"rank": 2, "suffixes": ["_x", "_y"]}),)))


@pytest.mark.parametrize("rule", ['include { stage: "deploy" }', 'exclude { not_stage: "deploy" }'])
def test_macs_of_a_layer_of_a_stage_are_known(rule: str) -> None:
    plain = small_net("num_output: 6 kernel_size: 3", np.ones((6, 4, 3, 3)), np.ones(6))
    text = plain.prototxt.data.decode().replace("convolution_param", f"{rule} convolution_param")
    staged = Model(Prototxt.parse(f'state {{ stage: "deploy" }} {text}'.encode()), plain.weights)
    for method in METHODS:
        found, wanted = (low_rank_method(method).tradeoff(one, "conv") for one in (staged, plain))
        assert found.macs is not None
        assert found.macs == wanted.macs


def test_outputs_that_do_not_divide_into_the_groups_are_refused() -> None:
    model = small_net("num_output: 5 kernel_size: 3 group: 2", np.ones((5, 2, 3, 3)), np.ones(5))
    with pytest.raises(PlanError, match=r"'conv'.*5 outputs do not divide into 2 groups"):
        low_rank_method("channel_svd").tradeoff(model, "conv")


@pytest.mark.parametrize("method", METHODS)
def test_the_planner_follows_rules_for_every_method(method: str) -> None:
    random = np.random.default_rng(0)
    kernel = random.normal(size=(12, 8, 3, 3)) * 0.7 ** np.arange(8)[:, None, None]
    model = small_net("num_output: 12 kernel_size: 3", kernel, np.zeros(12), size=(1, 8, 9, 9))
    for kind, text, limit in (("error", "conv=0.3", 0.3), ("energy", "conv=0.95", 0.05**0.5)):
        request = LowRankRequest([parse_rule(kind, text)], method=method, allow_growth=True)
        (edit,) = plan_low_rank(model, request).edits
        surgery = operate(model, Plan((edit,)))
        assert surgery.errors(surgery.twin())["conv"] <= limit + 1e-6
        assert edit.predicted.error <= limit
        cost = total_cost(surgery.model)
        assert edit.predicted.weights == (12 * 8 * 9, cost.params - 12)
        assert edit.predicted.macs == (12 * 8 * 9 * 49, cost.macs)
    full = low_rank_method(method).tradeoff(model, "conv").full
    (edit,) = plan_low_rank(
        model, LowRankRequest([parse_rule("rank", "conv=0.25")], method=method)
    ).edits
    ranks = [round(0.25 * most) for most in full]
    assert edit.options["rank"] == (ranks if len(full) == 2 else ranks[0])
    with pytest.raises(PlanError, match="more than the full rank"):
        plan_low_rank(model, LowRankRequest([parse_rule("rank", "conv=99")], method=method))
    with pytest.raises(PlanError, match="does not make its 12x8x3x3 weights smaller"):
        plan_low_rank(model, LowRankRequest([parse_rule("rank", "conv=1.0")], method=method))


def test_ranks_that_are_none_are_refused() -> None:
    model = small_net("num_output: 6 kernel_size: 3", np.ones((6, 4, 3, 3)), np.ones(6))
    for method in METHODS:
        pair = method in PAIRS
        for rank in (0, 99, "2", True, None, [1], [1, 2, 3], [1, 99]) + ([1, 2] if pair else 2,):
            with pytest.raises(PlanError, match=r"is not a .*whole number"):
                apply(model, Plan((Edit("conv", method, {"rank": rank}),)))


def test_a_convolution_of_several_blobs_is_refused() -> None:
    text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 5 dim: 5 }\n' + convolution(
        "conv", "x", "num_output: 4 kernel_size: 3"
    ).replace('bottom: "x"', 'bottom: "x" bottom: "x"').replace(
        'top: "conv"', 'top: "conv" top: "also"'
    )
    model = make_model(text, {"conv": [np.ones((4, 3, 3, 3)), np.ones(4)]})
    with pytest.raises(PlanError, match="it convolves 2 blobs with one kernel"):
        apply(model, Plan((Edit("conv", "tucker", {"rank": [1, 1]}),)))


def test_other_layers_and_wrong_names_are_refused() -> None:
    model = small_net("num_output: 6 kernel_size: 3", np.ones((6, 4, 3, 3)), np.ones(6))
    taken = model.prototxt.data.replace(b'top: "conv"', b'top: "conv_U"')
    for edit, complaint, one in (
        (Edit("conv", "svd", {"rank": 1}), "svd takes InnerProduct", model),
        (Edit("conv", "tucker", {"rank": [1, 1], "suffixes": ["a", "b"]}), "three diff", model),
        (Edit("conv", "tucker", {"rank": [1, 1], "split": "sqrt"}), "no option 'split'", model),
        (Edit("conv", "channel_svd", {"rank": 1, "split": "x"}), "is not one of first", model),
        (
            Edit("conv", "channel_svd", {"rank": 1}),
            "called 'conv_U'",
            Model(Prototxt.parse(taken), model.weights),
        ),
    ):
        with pytest.raises(PlanError, match=complaint):
            apply(one, Plan((edit,)))


def test_a_trained_net_in_v1_is_cut_and_runs(
    zoo: Path, tmp_path: Path, quick_caffe: Engine
) -> None:
    folder = zoo / "cifar10_full_everpeace"
    model = load(folder / "deploy.prototxt", folder / "cifar10_full_iter_70000.caffemodel")
    plan = Plan(
        (
            Edit("conv1", "spatial_svd", {"rank": 5}),
            Edit("conv2", "tucker", {"rank": [20, 16]}),
            Edit("conv3", "spatial_channel_svd", {"rank": [40, 24]}),
        )
    )
    surgery = operate(model, plan)
    measured = surgery.errors(surgery.twin())
    assert surgery.predicted_errors() == pytest.approx(measured, rel=1e-5)
    before, after = (run(one, tmp_path, quick_caffe) for one in (surgery.twin(), surgery.model))
    assert furthest(before, after) < 1e-5  # softmax of what a dozen layers make
