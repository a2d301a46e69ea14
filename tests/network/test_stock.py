"""Nets of forks against the same nets in stock Caffe's words, which real Caffe runs."""

from __future__ import annotations

from typing import Dict, Iterable, List

import numpy as np
import pytest
from fork_pairs import CHANNELS, fork_pair
from small_models import make_model

from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import Engine
from netsurgery.layers import layer_type
from netsurgery.methods import Edit
from netsurgery.network.channels import channel_groups, thin_model
from netsurgery.network.cost import total_cost
from netsurgery.network.doctor.fit import require_fit
from netsurgery.network.graph import Network
from netsurgery.network.model import Model
from netsurgery.network.stock import described, in_stock_words, is_otherwise, lacking
from netsurgery.planning import Plan
from netsurgery.planning.fold import plan_folds
from netsurgery.surgery import operate

# Two orders of summing 54 products in each of eight layers.
FLOAT_NOISE = 1e-5
KNOWN = {"BatchNorm", "Convolution", "Deconvolution", "Input", "ReLU", "Scale"}


def lacks(types: Iterable[str]) -> List[str]:
    return [name for name in types if name not in KNOWN]


@pytest.fixture
def caffe(quick_caffe: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Real Caffe, which knows no layers of forks."""
    monkeypatch.setattr(quick_caffe, "unsupported", lacks)
    return quick_caffe


def translated(model: Model) -> Model:
    return Model(*in_stock_words(model.network(), model.weights, lacks))


def outputs(model: Model, caffe: Engine) -> Dict[str, np.ndarray]:
    data = np.random.default_rng(7).normal(size=(2, CHANNELS, 11, 11)).astype(np.float32)
    with open_model(caffe, model) as runner:
        return runner.session.forward({"data": data})


def furthest(one: Dict[str, np.ndarray], other: Dict[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    return max(float(np.abs(one[n] - other[n]).max() / np.abs(one[n]).max()) for n in one)


@pytest.mark.parametrize("seed", range(6))
def test_a_forks_net_is_run_as_stock_caffe_writes_it(seed: int, caffe: Engine) -> None:
    fork, stock = fork_pair(seed)
    require_fit(fork)
    plain = translated(fork)
    require_fit(plain)
    assert not is_otherwise(plain.network())
    # The fork's mean and variance may be stored times 40, which is rounded.
    assert furthest(outputs(stock, caffe), outputs(plain, caffe)) < FLOAT_NOISE
    mine, theirs = total_cost(fork), total_cost(stock)
    assert (mine.macs, mine.unknown) == (theirs.macs, ())


@pytest.mark.parametrize("seed", range(6))
def test_a_forks_net_is_folded_as_stock_caffes(seed: int, caffe: Engine) -> None:
    fork, stock = fork_pair(seed)
    plan = plan_folds(fork)
    assert not plan.skipped
    surgery = operate(fork, plan)
    assert not [layer for layer in surgery.model.network().layers if "norm" in layer.name]
    expected = outputs(stock, caffe)
    assert furthest(expected, outputs(surgery.model, caffe)) < FLOAT_NOISE
    assert furthest(expected, outputs(surgery.twin(), caffe)) < FLOAT_NOISE


@pytest.mark.parametrize("seed", range(6))
def test_a_forks_net_is_thinned_as_stock_caffes(seed: int, caffe: Engine) -> None:
    fork, stock = fork_pair(seed)
    random = np.random.default_rng(seed)
    groups = [channel_groups(model) for model in (fork, stock)]
    assert [one.name for one in groups[0]] == [one.name for one in groups[1]]
    keep = {}
    for one in groups[0]:
        if len(one.free) == one.channels and not one.balanced:
            keep[one.name] = sorted(random.permutation(one.channels)[:4].tolist())
    assert keep
    thin = [thin_model(*pair, keep) for pair in zip((fork, stock), groups)]
    require_fit(thin[0])
    assert furthest(outputs(thin[1], caffe), outputs(thin[0], caffe)) < FLOAT_NOISE


@pytest.mark.parametrize("method", ["channel_svd", "input_svd", "spatial_svd", "tucker"])
def test_chains_speak_the_forks_language(method: str, caffe: Engine) -> None:
    fork, stock = fork_pair(1)
    full = {"channel_svd": 6, "input_svd": 6, "spatial_svd": 18, "tucker": [6, 6]}[method]
    holes = [
        layer.name
        for layer in fork.network().layers
        if "hole: 2" in layer.text.text.decode() and layer.type == "Convolution"
    ]
    edits = tuple(Edit(name, method, {"rank": full}) for name in holes)
    new = operate(fork, Plan(edits)).model
    assert holes
    assert b"hole" in new.prototxt.data
    assert b" dilation:" not in b"".join(
        layer.text for layer in new.prototxt.layers if layer.name.startswith(holes[0])
    )
    assert furthest(outputs(stock, caffe), outputs(new, caffe)) < FLOAT_NOISE


def test_a_layer_that_an_engine_knows_stays_as_it_is() -> None:
    fork, _ = fork_pair(0)
    network = fork.network()
    all_known = in_stock_words(network, fork.weights, lambda types: [])
    types = [layer.type for layer in Network.of(all_known.prototxt).layers]
    assert "DepthwiseConvolution" in types
    assert lacking(network, lacks) == []
    assert lacking(network, lambda types: [t for t in types if t == "Convolution"]) == [
        "Convolution"
    ]


def test_what_has_no_words_is_lacking() -> None:
    text = 'input: "x" input_shape { dim: [1, 2, 3, 3] }\n'
    text += 'layer { name: "b" type: "BN" bottom: "x" top: "y" bn_param { bn_mode: LEARN } }'
    model = make_model(text, {"b": [np.ones((1, 2, 1, 1))] * 2})
    assert lacking(model.network(), lacks) == ["BN"]
    assert in_stock_words(model.network(), model.weights, lacks).prototxt is model.prototxt


def test_a_v1_net_with_holes_is_run(caffe: Engine) -> None:
    text = """input: "data" input_dim: 1 input_dim: 2 input_dim: 9 input_dim: 9
    layers { name: "c" type: CONVOLUTION bottom: "data" top: "c"
             convolution_param { num_output: 2 kernel_size: 3 %s } }"""
    weights = np.random.default_rng(0).normal(size=(2, 2, 3, 3))
    data = np.random.default_rng(1).normal(size=(1, 2, 9, 9)).astype(np.float32)
    found = []
    for fields in ("hole: 2", "dilation: 2"):
        model = make_model(text % fields, {"c": [weights, np.ones(2)]}, version="V1")
        with open_model(caffe, model) as runner:
            found.append(runner.session.forward({"data": data})["c"])
    np.testing.assert_array_equal(*found)


def test_a_batchnorm_that_says_it_does_not_scale_is_stock_caffes(caffe: Engine) -> None:
    text = """input: "data" input_shape { dim: [2, 4, 11, 11] }
    layer { name: "b" type: "BatchNorm" bottom: "data" top: "b" batch_norm_param { %s } }"""
    blobs = {"b": [np.ones(4), np.full(4, 2.0), np.ones(1)]}
    fork, stock = (make_model(text % said, blobs) for said in ("scale_bias: false", ""))
    assert is_otherwise(fork.network())
    assert not described(fork.network())
    text_of = bytes(translated(fork).prototxt)
    assert b"scale_bias" not in text_of
    data = {"data": np.random.default_rng(7).normal(size=(2, 4, 11, 11)).astype(np.float32)}
    with open_model(caffe, fork) as one, open_model(caffe, stock) as other:
        np.testing.assert_array_equal(*(r.session.forward(data)["b"] for r in (one, other)))


def test_what_is_a_forks_is_described() -> None:
    fork, stock = fork_pair(0)
    lines = "\n".join(described(fork.network()))
    for name in ("DepthwiseConvolution, which is Convolution", "hole, which is dilation"):
        assert name in lines
    assert described(stock.network()) == []


@pytest.mark.parametrize("stock", ["Concat", "Eltwise", "LRN", "Pooling", "ReLU", "Split"])
def test_a_twin_is_its_stock_type(stock: str) -> None:
    first = layer_type(stock)
    assert first.aliases
    assert all(layer_type(alias) is first for alias in first.aliases)
    assert isinstance(layer_type("ConvolutionDepthWise"), type(layer_type("Convolution")))
