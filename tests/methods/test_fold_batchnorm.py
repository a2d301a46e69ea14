from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from caffe_runs import assert_equal, run
from fold_nets import random_chains
from small_models import make_model

from netsurgery.engine import engine
from netsurgery.errors import PlanError
from netsurgery.methods import Edit
from netsurgery.network.graph import Value
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.planning.fold import plan_folds
from netsurgery.planning.low_rank import LowRankRequest, plan_low_rank
from netsurgery.planning.rules import parse_rule
from netsurgery.surgery import operate, plan_after_folds
from netsurgery.verification import verify

# Two orders of summing up to 200 float32 products and a shift, and twice a rounding of each weight.
FLOAT_NOISE = 1e-5


@pytest.mark.parametrize("seed", range(6))
def test_a_folded_net_computes_the_same_in_real_caffe(
    seed: int, tmp_path: Path, caffe_python: str
) -> None:
    model = random_chains(seed)
    surgery = operate(model, plan_folds(model))
    before = run(model, tmp_path, caffe_python)
    assert_equal(before, run(surgery.model, tmp_path, caffe_python), FLOAT_NOISE)
    assert_equal(before, run(surgery.twin(), tmp_path, caffe_python), FLOAT_NOISE)
    assert max(surgery.errors(surgery.twin()).values()) < 2e-7
    gone = len(model.network().layers) - len(surgery.model.network().layers)
    assert gone > 30


@pytest.mark.parametrize("seed", range(3))
def test_weights_changed_since_are_put_back(seed: int, tmp_path: Path, caffe_python: str) -> None:
    """The twin of a net that was folded and then truncated computes what that net does."""
    model = random_chains(seed, 33)
    folds = plan_folds(model)
    # A layer without bias, and nothing behind it that adds one, cannot be given another.
    names = [
        layer.name
        for layer in model.network().layers
        if layer.type == "InnerProduct" and layer.parameter.inner_product_param.bias_term
    ]
    svd = tuple(Edit(name, "svd", {"rank": 2}) for name in names)
    surgery = operate(model, Plan((*folds.edits, *svd)))
    after = run(surgery.model, tmp_path, caffe_python)
    twin = run(surgery.twin(), tmp_path, caffe_python)
    assert_equal(after, twin, FLOAT_NOISE)


BATCH_NORM = [np.array([0.5, -1, 2, 0]), np.array([1, 0.5, 2, 3]), np.array([1])]


def small(layers: str, **blobs: list) -> Model:
    """An input of 4 channels of 5 x 5, and some layers behind."""
    text = 'input: "data" input_shape { dim: 2 dim: 4 dim: 5 dim: 5 }\n'
    for line in layers.strip().splitlines():
        name, type_, bottom, top, *parameter = line.split(maxsplit=4)
        bottoms = " ".join(f'bottom: "{one}"' for one in bottom.split("+"))
        text += (
            f'layer {{ name: "{name}" type: "{type_}" {bottoms} top: "{top}" '
            f"{' '.join(parameter)} }}\n"
        )
    return make_model(text, blobs)


CONV = "conv Convolution data conv convolution_param { num_output: 4 kernel_size: 1 }"
WEIGHTS = [np.eye(4).reshape(4, 4, 1, 1), np.arange(4.0)]


def test_the_arithmetic_is_that_of_batch_norm_by_hand() -> None:
    model = small(
        f"""{CONV}
        bn BatchNorm conv bn batch_norm_param {{ eps: 0.25 }}
        scale Scale bn scale scale_param {{ bias_term: true }}""",
        conv=WEIGHTS,
        bn=[np.full(4, 6.0), np.full(4, 4.0), np.array([2.0])],
        scale=[np.full(4, 3.0), np.full(4, 10.0)],
    )
    folded = operate(model, plan_folds(model)).model
    weights, bias = (blob.array() for blob in folded.blobs("conv"))
    # mean 6 / 2, variance 4 / 2, eps 1 / 4: divided by 1.5, times 3.
    np.testing.assert_allclose(weights.reshape(4, 4), 2 * np.eye(4), rtol=1e-6)
    np.testing.assert_allclose(bias, 2 * (np.arange(4) - 3) + 10, rtol=1e-6)
    (conv,) = folded.network().layers
    assert (conv.name, conv.text.tops) == ("conv", ("scale",))
    assert [layer.name for layer in folded.weights.layers] == ["conv"]


def test_values_are_traced_to_where_they_stood() -> None:
    model = small(
        f"""{CONV}
        bn BatchNorm conv conv
        relu ReLU conv conv
        pool Pooling conv pool pooling_param {{ kernel_size: 2 }}""",
        conv=WEIGHTS,
        bn=BATCH_NORM,
    )
    surgery = operate(model, plan_folds(model))
    assert {now: origin.value for now, origin in surgery.origins.items()} == {
        Value("conv", 0): Value("conv", 1),
        Value("conv", 1): Value("conv", 2),
    }


LEFT = {
    "is read by bn and relu": f"{CONV}\nbn BatchNorm conv bn\nrelu ReLU conv relu",
    "normalises by the batch": f"{CONV}\n"
    "bn BatchNorm conv bn batch_norm_param {{ use_global_stats: false }}",
    "which pads with zeros": "bn BatchNorm data bn\n"
    "conv Convolution bn conv convolution_param {{ num_output: 4 kernel_size: 1 pad: 1 }}",
    "stock Caffe does not know its batch_norm_param.fused_relu": f"{CONV}\n"
    "bn BatchNorm conv bn batch_norm_param {{ fused_relu: true }}",
    "no Convolution, Deconvolution or InnerProduct": "bn BatchNorm data bn\nrelu ReLU bn relu",
    "shares the parameter 'mean' with": f"{CONV}\n"
    "bn BatchNorm conv bn param {{ name: 'mean' }}\n"
    "other BatchNorm data other param {{ name: 'mean' }}",
    "rules of inclusion": f"{CONV}\nbn BatchNorm conv bn include {{{{ phase: TEST }}}}",
    "'conv' takes nothing up: it shares the parameter 'w'": "conv Convolution data conv "
    "param {{ name: 'w' }} convolution_param {{ num_output: 4 kernel_size: 1 }}\n"
    "twin Convolution data twin "
    "param {{ name: 'w' }} convolution_param {{ num_output: 4 kernel_size: 1 }}\n"
    "bn BatchNorm conv bn",
    "more than once": f"{CONV}\nbn BatchNorm conv bn\n"
    "bn BatchNorm data other include {{ phase: TRAIN }}",
    "'loss', of another phase, reads": f"{CONV}\nbn BatchNorm conv bn\n"
    "loss Reduction conv loss include {{ phase: TRAIN }}",
}


@pytest.mark.parametrize("reason", LEFT)
def test_what_cannot_be_folded_is_left_with_the_reason(reason: str) -> None:
    text = LEFT[reason].replace("{{", "{").replace("}}", "}")
    model = small(text, conv=WEIGHTS, bn=BATCH_NORM, twin=WEIGHTS, other=BATCH_NORM)
    plan = plan_folds(model)
    assert not plan.edits
    assert reason in next(left.reason for left in plan.skipped if left.layer == "bn")
    with pytest.raises(PlanError):
        operate(model, Plan((Edit("conv", "fold_batchnorm"),)))


FORKS = {
    "BatchNorm batch_norm_param { use_weight_bias: true }": "it is a fork's, with 4 blobs",
    "BatchNorm batch_norm_param { relu: true }": "does not know its batch_norm_param.relu",
    "BN": "forks have other layers of type BN",
    "BN bn_param { eps: 0.1 icnet: true }": "does not know its bn_param.icnet",
    "BN bn_param { var_eps: 0.1 }": "moving_average: true is not written",
    "BN bn_param { moving_average: true }": "its var_eps is not written",
}


@pytest.mark.parametrize("layer", sorted(FORKS))
def test_a_layer_of_a_fork_of_which_too_little_is_known_is_left(layer: str) -> None:
    kind, _, parameter = layer.partition(" ")
    blobs = [np.ones((1, 4, 1, 1))] * (3 if "relu" in layer else 4)
    model = small(f"{CONV}\nbn {kind} conv bn {parameter}", conv=WEIGHTS, bn=blobs)
    if "relu" in layer:
        model = small(f"{CONV}\nbn {kind} conv bn {parameter}", conv=WEIGHTS, bn=BATCH_NORM)
    (left,) = plan_folds(model).skipped
    assert FORKS[layer] in left.reason


def test_segnets_layer_that_learns_is_left() -> None:
    for mode in ("", "bn_mode: LEARN"):
        parameter = f"bn_param {{ shift_filler {{ value: 0.001 }} {mode} }}"
        model = small(
            f"{CONV}\nbn BN conv bn {parameter}", conv=WEIGHTS, bn=[np.ones((1, 4, 1, 1))] * 2
        )
        (left,) = plan_folds(model).skipped
        assert "BN" in left.reason or "bn_mode is not INFERENCE" in left.reason


def test_a_shift_passes_a_padded_layer_only_backward() -> None:
    """What only multiplies folds forward through padding; what shifts does not."""
    model = small(
        """scale Scale data scale
        conv Convolution scale conv convolution_param { num_output: 4 kernel_size: 1 pad: 1 }""",
        conv=WEIGHTS,
        scale=[np.array([2.0, 3, 0, -1])],
    )
    folded = operate(model, plan_folds(model)).model
    (conv,) = folded.network().layers
    assert conv.text.bottoms == ("data",)
    weights = folded.blobs("conv")[0].array().reshape(4, 4)
    np.testing.assert_array_equal(weights, np.diag([2.0, 3, 0, -1]))


def test_a_bias_without_a_home_is_refused_once_the_weights_change() -> None:
    random = np.random.default_rng(0)
    model = small(
        "bn BatchNorm data bn\n"
        "fc InnerProduct bn fc inner_product_param { num_output: 6 bias_term: false }",
        bn=BATCH_NORM,
        fc=[random.normal(size=(6, 100))],
    )
    folds = plan_folds(model)
    assert operate(model, folds).twin().blobs("fc")[0].shape == (6, 100)
    surgery = operate(model, Plan((*folds.edits, Edit("fc", "svd", {"rank": 2}))))
    with pytest.raises(PlanError, match="leave either its fold or the other edits"):
        surgery.twin()


# Layers before and after.
ZOO = {
    "resnet20_cifar10/deploy_derived.prototxt ResNet_20.caffemodel": (95, 53),
    "cifar10_bn_graphopt/deploy_derived.prototxt model.caffemodel": (25, 18),
}


@pytest.mark.parametrize("pair", ZOO)
def test_real_nets_lose_layers_and_compute_the_same(
    pair: str, zoo: Path, caffe_python: str
) -> None:
    folder, files = pair.split("/")
    model = load(*(zoo / folder / name for name in files.split()))
    surgery = operate(model, plan_folds(model))
    assert tuple(len(one.network().layers) for one in (model, surgery.model)) == ZOO[pair]
    caffe = engine("caffe", python=caffe_python)
    done = verify(model, surgery.model, count=3, engine=caffe, expect="exact", blobs="common")
    assert done, done.reasons
    assert len(done.blobs) > 15


def test_other_edits_are_planned_for_what_folding_leaves() -> None:
    model = small(
        """fc InnerProduct data fc inner_product_param { num_output: 4 }
        bn BatchNorm fc fc""",
        fc=[np.diag([3.0, 2, 1, 0.1]) @ np.eye(4, 100), np.zeros(4)],
        bn=[np.zeros(4), np.array([9.0, 4, 1, 0.01]), np.ones(1)],
    )
    request = LowRankRequest([parse_rule("energy", "0.7")])
    (alone,) = plan_low_rank(model, request).edits
    folds, behind = plan_after_folds(model, lambda folded: plan_low_rank(folded, request)).edits
    assert folds.method == "fold_batchnorm"
    # All four singular values are the same once each row is divided by its deviation.
    assert (alone.options["rank"], behind.options["rank"]) == (2, 3)


def test_a_folded_net_can_be_thinned_and_proved(caffe_python: str) -> None:
    random = np.random.default_rng(0)
    model = small(
        f"""{CONV}
        bn BatchNorm conv conv
        relu ReLU conv conv
        fc InnerProduct conv fc inner_product_param {{ num_output: 3 }}""",
        conv=[random.normal(size=(4, 4, 1, 1)), np.ones(4)],
        bn=BATCH_NORM,
        fc=[random.normal(size=(3, 100)), np.ones(3)],
    )
    thin = Edit("conv", "thin", {"keep": [1, 3]})
    surgery = operate(model, Plan((*plan_folds(model).edits, thin)))
    kept = surgery.kept()
    # What was conv@1 and conv@2 lost channels, under the numbers that they had.
    assert {str(value): list(left) for value, (_, left) in kept.items()} == {
        "conv@1": [1, 3],
        "conv@2": [1, 3],
    }
    caffe = engine("caffe", python=caffe_python)
    done = verify(
        surgery.twin(), surgery.model, engine=caffe, expect="exact", blobs="common", kept=kept
    )
    assert done, done.reasons
    assert [row.blob for row in done.blobs] == ["conv@1", "conv@2", "fc"]
