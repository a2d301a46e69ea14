"""Shapes are worked out once a network, and are those that were found anew each time."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings, strategies as st
from net_strategies import nets
from small_models import make_model, two_layers

from netsurgery.calibration.batching import largest_batch
from netsurgery.calibration.inputs import Inputs
from netsurgery.errors import NetworkError
from netsurgery.formats import Blob, LayerWeights, Weights
from netsurgery.layers import Value, layer_types
from netsurgery.network.shapes import infer_shapes, trace_shapes

REFUSED = """
input: "data" input_shape { dim: 1 dim: 4 }
layer { name: "cut" type: "Reshape" bottom: "data" top: "cut"
  reshape_param { shape { dim: 3 dim: 2 } } }
"""
READS_FILES = """
layer { name: "images" type: "Data" top: "images"
  data_param { batch_size: 8 source: "db" } transform_param { crop_size: 12 } }
layer { name: "conv" type: "Convolution" bottom: "images" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
"""


@pytest.fixture
def asked(monkeypatch):
    """The names of the layers whose shapes were asked for, one entry for each time."""
    names = []
    for kind in set(layer_types().values()):
        monkeypatch.setattr(kind, "shapes", partial(counted, names, kind.shapes))
    return names


def counted(names, shapes, node):
    names.append(node.layer.name)
    return shapes(node)


def told(network, **arguments):
    """Shapes and refusals as plain data."""
    try:
        shapes, problems = trace_shapes(network, **arguments)
    except NetworkError as error:
        return str(error)
    return dict(shapes), list(map(str, problems))


@seed(3)
@settings(
    max_examples=100, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=nets(), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_remembered_shapes_are_those_inferred_anew(parse, text, sizes):
    network = parse(text)
    own = infer_shapes_or_none(network)
    questions = [{"inputs": {"in0": (size, *(own or {}).get(Value("in0"), ()))}} for size in sizes]
    questions += [{"rois": size} for size in sizes] + [{}]
    for arguments in questions * 2:
        assert told(network, **arguments) == told(parse(text), **arguments)


def infer_shapes_or_none(network):
    try:
        return infer_shapes(network)
    except NetworkError:
        return None


def test_each_layer_is_asked_once_for_each_question(asked):
    model = two_layers()
    network = model.network()
    for _ in range(3):
        infer_shapes(network, weights=model.weights)
        trace_shapes(network)
        infer_shapes(network, {})
    once = sorted(layer.name for layer in network.layers)
    assert sorted(asked) == once
    infer_shapes(network, {"data": (5, 3, 4, 4)})
    assert asked[len(once) :] == ["fc6", "relu6", "fc7"]


def test_models_that_differ_in_weights_alone_share_their_network(asked):
    model = two_layers()
    other = replace(model, weights=two_layers(seed=2).weights)
    assert other.network() is model.network()
    infer_shapes(model.network(), weights=model.weights)
    asked.clear()
    infer_shapes(other.network(), weights=other.weights)
    assert asked == []
    assert replace(model, input_shapes={"data": (3, 4)}).network() is not model.network()
    assert model.network("TRAIN") is not model.network()


def test_a_batch_is_chosen_without_asking_layers_again(asked):
    network = two_layers().network()
    (name,) = (value.blob for value in network.inputs)
    shape = infer_shapes(network)[network.inputs[0]]
    inputs = Inputs({name: np.zeros((5, *shape[1:]), np.float32)})
    assert largest_batch(network, inputs) == 5
    asked.clear()
    assert largest_batch(network, inputs) == 5
    assert asked == []


def test_nobody_changes_what_is_remembered(parse):
    network = parse(REFUSED)
    shapes, (problem,) = trace_shapes(network)
    with pytest.raises(TypeError):
        shapes[Value("data")] = (2, 4)
    words = str(problem)
    problem.problem += ", so that all is lost"
    with pytest.raises(NetworkError) as first:
        infer_shapes(network)
    with pytest.raises(NetworkError) as second:
        infer_shapes(network)
    assert str(first.value) == str(second.value) == words
    assert first.value is not second.value


def test_what_only_weights_tell_is_known_for_each_form_of_them(asked):
    def weights(channels):
        blobs = (Blob.of(np.zeros((4, channels, 3, 3), np.float32)),)
        return Weights.of([LayerWeights("conv", "Convolution", blobs)])

    network = make_model(READS_FILES, {}).network()
    images = Value("images")
    assert infer_shapes(network)[images] is None
    for channels in (1, 3, 1, 3):
        assert infer_shapes(network, weights=weights(channels))[images] == (8, channels, 12, 12)
    # Once without weights, where nobody asks what reads an unknown shape, and once for each form.
    assert asked == ["images", "images", "conv", "images", "conv"]


def test_few_questions_are_remembered(parse):
    network = parse(
        'input: "data" input_shape { dim: 1 } layer { name: "a" type: "ReLU"'
        ' bottom: "data" top: "a" }'
    )
    found = [infer_shapes(network, {"data": (size,)}) for size in range(1, 101)]
    assert [shapes[Value("a")] for shapes in found] == [(size,) for size in range(1, 101)]
    assert len(network._derived) < 50


def test_an_edited_net_asks_only_layers_that_read_or_say_something_else(asked):
    model = two_layers()
    infer_shapes(model.network())
    (layer,) = model.prototxt.named("fc7")
    wider = layer.edited(name="wide", fields={"inner_product_param.num_output": 7})
    edited = replace(model, prototxt=model.prototxt.replace_layers({layer.index: wider}))
    asked.clear()
    assert infer_shapes(edited.network())[Value("fc7")] == (2, 7)
    assert asked == ["wide"]


@seed(4)
@settings(
    max_examples=60, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=nets(), place=st.integers(0, 3), channels=st.integers(1, 4))
def test_an_edited_net_has_the_shapes_of_its_text(parse, text, place, channels):
    before = parse(text)
    told(before)
    prototxt = before.prototxt
    layer = prototxt.layers[place % len(prototxt.layers)]
    changed = layer.edited(name="another")
    if layer.type == "Input":
        changed = re.sub(rb"shape \{.*?\}", b"shape { dim: 2 dim: %d dim: 5 }" % channels, changed)
    edited = prototxt.replace_layers({layer.index: changed})
    assert told(before.rewritten(edited)) == told(parse(edited.data.decode()))
