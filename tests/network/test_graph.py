from __future__ import annotations

import pytest
from special_nets import layer

from netsurgery.errors import NetworkError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Value, build_network

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 6 } } }\n'
LEGACY = 'input: "x" input_dim: 2 input_dim: 6 input_dim: 1 input_dim: 1\n'
NET = (
    INPUT
    + 'layer { name: "a" type: "InnerProduct" bottom: "x" top: "y" '
    + 'inner_product_param { num_output: 3 } param { name: "w" } param { name: "b" } }\n'
    + 'layer { name: "r" type: "ReLU" bottom: "y" top: "y" }\n'
    + 'layer { name: "s" type: "Sigmoid" bottom: "y" top: "z" }\n'
    + 'layer { name: "c" type: "InnerProduct" bottom: "x" top: "u" '
    + 'inner_product_param { num_output: 3 } param { name: "w" } param { name: "b" } }\n'
)

ABORTS = {
    "unknown bottom": INPUT + layer("ReLU", "nowhere", "y"),
    "top made twice": INPUT + layer("ReLU", "x", "y") + layer("TanH", "x", "y"),
    "in place across positions": INPUT + layer("ReLU", "x", "y") + layer("Eltwise", "x y", "y"),
    "input made twice": LEGACY + layer("ReLU", "x", "y") + layer("DummyData", "", "x"),
    "others read what is overwritten": INPUT + layer("TanH", "x", "y") + layer("ReLU", "x", "x"),
    "itself reads it twice": INPUT + layer("Eltwise", "x x", "x"),
    "include and exclude": INPUT
    + layer("ReLU", "x", "y", "include { phase: TEST } exclude { phase: TRAIN }"),
}


def test_layers_values_and_who_reads_them(parse):
    network = parse(NET)
    a, r, s, c = network.layers[1:]
    assert network.values == tuple(
        Value(*value) for value in [("x", 0), ("y", 0), ("y", 1), ("z", 0), ("u", 0)]
    )
    assert network.consumers(Value("x")) == (a, c)
    assert network.consumers(Value("y")) == (r,)
    assert network.consumers(Value("y", 1)) == (s,)
    assert network.producer(Value("y", 1)) is r
    assert r.in_place == ((Value("y"), Value("y", 1)),)
    assert network.last("y") == Value("y", 1)
    assert network.find("c") == (c,)
    assert [str(value) for value in network.outputs] == ["u", "z"]


def test_inputs_and_outputs_are_those_of_caffe(ask_caffe, parse):
    caffe = ask_caffe(NET)
    network = parse(NET)
    assert [value.blob for value in network.inputs] == caffe["inputs"]
    assert [value.blob for value in network.outputs] == caffe["outputs"]


def test_the_first_user_of_a_parameter_owns_it(parse):
    network = parse(NET)
    (weights, bias) = network.shared_parameters
    assert weights.name == "w"
    assert [(layer.name, index) for layer, index in weights.members] == [("a", 0), ("c", 0)]
    assert bias.owner == (network.layers[1], 1)


def test_legacy_inputs_have_no_layer(parse):
    network = parse(LEGACY + layer("ReLU", "x", "x"))
    assert network.inputs == (Value("x"),)
    assert network.legacy_inputs == {Value("x"): (2, 6, 1, 1)}
    assert network.producer(Value("x")) is None


def test_an_input_without_shape_gives_way_to_a_layer(ask_caffe, parse):
    text = 'input: "x"\n' + INPUT + layer("ReLU", "x", "y")
    assert [name for name, _ in ask_caffe(text)["blobs"]] == ["x", "y"]
    assert parse(text).inputs == (Value("x"),)
    assert parse(text).legacy_inputs == {}


def test_names_may_repeat(parse):
    network = parse(INPUT + layer("ReLU", "x", "y") + layer("TanH", "y", "z"))
    assert network.duplicate_names == ("it",)
    assert len(network.find("it")) == 2


def test_padding_layers_of_v0_are_folded(ask_caffe, parse):
    text = (
        'input: "x" input_dim: 1 input_dim: 2 input_dim: 5 input_dim: 5\n'
        'layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "padded" }\n'
        'layers { layer { name: "c" type: "conv" num_output: 3 kernelsize: 3 } '
        'bottom: "padded" top: "y" }\n'
    )
    network = parse(text)
    (convolution,) = network.layers
    assert convolution.bottoms == (Value("x"),)
    assert list(convolution.parameter.convolution_param.pad) == [2]
    assert dict(ask_caffe(text)["blobs"])["y"] == [1, 3, 7, 7]
    assert list(network.prototxt.layers[1].parameter.convolution_param.pad) == []


@pytest.mark.parametrize("name", sorted(ABORTS))
def test_what_caffe_aborts_on_is_refused(ask_caffe, parse, name):
    assert "error" in ask_caffe(ABORTS[name])
    with pytest.raises(NetworkError) as refusal:
        parse(ABORTS[name])
    assert refusal.value.layer == "it"
    assert refusal.value.line is not None


def test_all_problems_are_found_at_once():
    text = INPUT + layer("ReLU", "nowhere", "y") + layer("TanH", "x", "y")
    network, problems = build_network(Prototxt.parse(text.encode()))
    assert len(network.layers) == 3
    assert [problem.problem.split()[0] for problem in problems] == ["reads", "makes"]


def test_unknown_blobs_and_phases_are_errors(parse):
    with pytest.raises(NetworkError, match="no blob 'q'"):
        parse(NET).last("q")
    with pytest.raises(NetworkError, match="phase 'DEPLOY'"):
        parse(NET, phase="DEPLOY")
