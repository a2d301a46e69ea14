from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, seed, settings
from net_strategies import nets

from netsurgery.errors import NetsurgeryError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network, Value
from netsurgery.network.inplace import as_built, take_apart
from netsurgery.network.shapes import infer_shapes

DATA = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }\n'
CHAIN = (
    DATA
    + """# the one that counts
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "y" top: "y" include { phase: TEST stage: "s" } }
layer { name: "drop" type: "Dropout" bottom: "y" top: "y" include { phase: TRAIN } }
layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
layer { name: "y_v0" type: "TanH" bottom: "y" top: "z" }
"""
)


# Their top is the memory of their bottom, so that an in-place layer behind them overwrites both.
SHARING = ("Concat", "Flatten", "Reshape", "Slice")


def values_by_name(folder: Path, caffe) -> dict:
    return {
        name: np.load(folder / f"{number}.npy") for number, (name, _) in enumerate(caffe["blobs"])
    }


def test_the_last_value_keeps_the_name(parse):
    network = parse(CHAIN, stages=["s"])
    apart = take_apart(network)
    assert apart.names[Value("y", 2)] == "y"
    fresh = {apart.names[Value("y", version)] for version in (0, 1)}
    assert len(fresh) == 2
    assert fresh.isdisjoint({"x", "y", "z", "y_v0"})
    alone = Network.of(apart.prototxt)
    assert [layer.name for layer in alone.layers] == ["in", "fc", "bn", "relu", "y_v0"]
    assert not any(layer.in_place for layer in alone.layers)
    assert b"# the one that counts" in apart.prototxt.data
    assert bytes(network.prototxt) == CHAIN.encode()


def test_layers_in_place_may_stay_so_without_the_rules_that_let_them_in(parse):
    text = as_built(parse(CHAIN, stages=["s"]))
    alone = Network.of(text, "TRAIN")
    assert [layer.name for layer in alone.layers] == ["in", "fc", "bn", "relu", "y_v0"]
    assert [layer.name for layer in alone.layers if layer.in_place] == ["bn", "relu"]
    assert b"# the one that counts" in text.data


def test_an_input_keeps_its_name(parse):
    network = parse(DATA + 'layer { name: "r" type: "ReLU" bottom: "x" top: "x" }\n')
    apart = take_apart(network)
    assert apart.names[Value("x")] == "x"
    assert [value.blob for value in Network.of(apart.prototxt).inputs] == ["x"]


def test_nothing_to_do_changes_nothing(parse):
    text = DATA + 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }\n'
    assert take_apart(parse(text)).prototxt.data == text.encode()


@seed(4)
@settings(
    max_examples=25,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(text=nets())
def test_caffe_computes_the_same_values(ask_caffe, tmp_path_factory, parse, text):
    # Embed reads foreign memory where a number is no row of it.
    assume("Embed" not in text)
    caffe = ask_caffe(text, forward=1)
    assume("error" not in caffe)
    network = parse(text)
    overwritten = [before for layer in network.layers for before, _ in layer.in_place]
    assume(overwritten)
    assume(all(network.producer(value).type not in SHARING for value in overwritten))
    folder = tmp_path_factory.mktemp("values")
    original = values_by_name(folder, ask_caffe(text, forward=1, keep=folder))
    apart = take_apart(network)
    caffe = ask_caffe(apart.prototxt.data.decode(), forward=1, keep=folder)
    values = values_by_name(folder, caffe)
    shapes = infer_shapes(network)
    for value, name in apart.names.items():
        assert tuple(dict(caffe["blobs"])[name]) == shapes[value]
        if value == network.last(value.blob):
            np.testing.assert_array_equal(values[name], original[value.blob])


@pytest.mark.parametrize("version", ["V0", "V1"])
def test_old_nets_are_taken_apart_too(ask_caffe, parse, version):
    head = 'input: "x" input_dim: 1 input_dim: 2 input_dim: 5 input_dim: 5\n'
    v0 = (
        'layers { layer { name: "p" type: "padding" pad: 1 } bottom: "x" top: "padded" }\n'
        'layers { layer { name: "c" type: "conv" num_output: 3 kernelsize: 3 } '
        'bottom: "padded" top: "y" }\n'
        'layers { layer { name: "r" type: "relu" } bottom: "y" top: "y" }\n'
    )
    v1 = (
        'layers { name: "c" type: CONVOLUTION convolution_param { num_output: 3 kernel_size: 3 '
        'pad: 1 } bottom: "x" top: "y" }\n'
        'layers { name: "r" type: RELU bottom: "y" top: "y" }\n'
    )
    network = parse(head + (v0 if version == "V0" else v1))
    apart = take_apart(network)
    caffe = ask_caffe(apart.prototxt.data.decode(), forward=1)
    assert set(apart.names.values()) <= {name for name, _ in caffe["blobs"]}
    assert dict(caffe["blobs"])[apart.names[Value("y")]] == [1, 3, 5, 5]


def test_every_third_net_of_the_corpus_comes_apart(shared):
    seen = 0
    with tarfile.open(shared / "prototxts.tar.xz") as archive:
        for member in archive.getmembers()[::3]:
            stream = archive.extractfile(member)
            if stream is None:
                continue
            try:
                network = Network.of(Prototxt.parse(stream.read(), member.name))
            except NetsurgeryError:
                continue
            prototxt, names = take_apart(network)
            alone = Network.of(prototxt)
            assert not any(layer.in_place for layer in alone.layers), member.name
            assert sorted(names.values()) == sorted(value.blob for value in alone.values)
            assert [(one.name, one.type) for one in alone.layers] == [
                (one.name, one.type) for one in network.layers
            ]
            seen += 1
    assert seen > 150


def test_a_net_is_taken_apart_once(parse):
    network = parse(
        'input: "data" input_shape { dim: 1 dim: 2 }'
        'layer { name: "relu" type: "ReLU" bottom: "data" top: "data" }'
    )
    first = take_apart(network)
    first.names.clear()
    second = take_apart(network)
    assert second.prototxt is first.prototxt
    assert set(second.names) == set(network.values)
