"""A model is known again by what it says and holds, not by how or where that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given, strategies as st
from random_messages import filled
from small_models import two_layers

from netsurgery.formats.blob import Blob, LayerWeights
from netsurgery.formats.convert import convert_weights
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.schema import LayerParameter, NetParameter
from netsurgery.formats.weights import Weights
from netsurgery.network.model import Model, load

LAYOUTS = (
    {},
    {"as_one_line": True},
    {"pointy_brackets": True},
    {"use_short_repeated_primitives": True},
    {"use_index_order": True},
)


@st.composite
def networks(draw: st.DrawFn) -> Any:
    layers = draw(st.lists(filled(LayerParameter(), 4), min_size=1, max_size=3))
    return NetParameter(name=draw(st.text(max_size=3)), layer=layers)


def written(net: Any, **layout: bool) -> Prototxt:
    return Prototxt.parse(text_format.MessageToString(net, **layout).encode())


@given(networks())
def test_the_layout_of_a_text_makes_no_difference(net: Any) -> None:
    assert len({written(net, **layout).digest for layout in LAYOUTS}) == 1


@given(networks(), networks())
def test_texts_that_say_something_else_differ(one: Any, other: Any) -> None:
    """Messages of protobuf are equal where all their fields are."""
    assert (written(one).digest == written(other).digest) == (one == other)


PLAIN = 'name: "n" layer { name: "a" type: "ReLU" relu_param { negative_slope: 0.5 } top: "x" }'


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + PLAIN,
        PLAIN.replace('"', "'"),
        PLAIN.replace("{", ": <").replace("}", ">"),
        PLAIN.replace('"a"', r'"\141"'),
        PLAIN.replace("0.5", "5e-1f"),
        PLAIN.replace('type: "ReLU"', 'type: "Re" "LU";'),
        'layer { type: "ReLU" top: ["x"] relu_param { negative_slope: .5 } name: "a" } name: "n"',
    ],
)
def test_spellings_of_the_same(same: str) -> None:
    assert Prototxt.parse(same.encode()).digest == Prototxt.parse(PLAIN.encode()).digest


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("0.5", "0.25"),
        PLAIN.replace('"a"', '"b"'),
        PLAIN.replace("negative_slope", "a_forks_slope"),
        PLAIN.replace('"ReLU"', "ReLU"),
        PLAIN + ' layer { name: "b" type: "ReLU" }',
        PLAIN.replace('top: "x"', 'top: "x" top: "y"'),
    ],
)
def test_what_says_something_else(other: str) -> None:
    assert Prototxt.parse(other.encode()).digest != Prototxt.parse(PLAIN.encode()).digest


def test_the_order_of_layers_and_of_their_tops_counts() -> None:
    layers = [f'layer {{ name: "{name}" type: "Silence" }}\n' for name in "ab"]
    forth, back = (Prototxt.parse("".join(some).encode()) for some in (layers, layers[::-1]))
    assert forth.digest != back.digest
    xy, yx = (PLAIN.replace('top: "x"', tops) for tops in ("top: ['x', 'y']", "top: ['y', 'x']"))
    assert Prototxt.parse(xy.encode()).digest != Prototxt.parse(yx.encode()).digest


def changed(model: Model, layer: str, blob: int, flat: int) -> Model:
    """The model with one bit of one number turned over."""
    assert model.weights
    blobs = list(model.blobs(layer))
    numbers = blobs[blob].array().copy()
    numbers.reshape(-1).view(np.uint32)[flat] ^= 1
    blobs[blob] = blobs[blob].filled(numbers)
    new = LayerWeights(layer, None, tuple(blobs))
    return Model(model.prototxt, model.weights.replace({layer: [new]}), model.input_shapes)


@given(st.data())
def test_one_bit_of_one_number_makes_another_model(data: st.DataObject) -> None:
    model = two_layers()
    layer = data.draw(st.sampled_from(["fc6", "fc7"]))
    blob = data.draw(st.integers(0, len(model.blobs(layer)) - 1))
    flat = data.draw(st.integers(0, model.blobs(layer)[blob].count - 1))
    other = changed(model, layer, blob, flat)
    assert other.digest != model.digest
    assert changed(other, layer, blob, flat).digest == model.digest


SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
BLOBS = st.tuples(SHAPES, st.sampled_from(["<f2", "<f4", "<f8"]), st.integers(0, 9))


@given(st.lists(st.lists(BLOBS, min_size=1, max_size=2), min_size=1, max_size=3))
def test_in_memory_as_written_and_read_back(tmp_path_factory: Any, layers: List[List]) -> None:
    """In every type that a caffemodel holds, blobs without numbers among them."""
    weights = Weights.of(
        LayerWeights(f"layer{number}", None, tuple(map(blob_of, blobs)))
        for number, blobs in enumerate(layers)
    )
    model = Model(Prototxt.parse(PLAIN.encode()), weights)
    folder = tmp_path_factory.mktemp("model")
    assert load(*model.save(folder)).digest == model.digest


def blob_of(facts: Any) -> Blob:
    shape, dtype, seed = facts
    return Blob.of(np.random.default_rng(seed).normal(size=shape), storage="float64").rounded(dtype)


def test_loaded_twice_and_from_either_format(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model = two_layers()
    assert model.weights
    files = model.save(tmp_path)
    assert load(*files).digest == load(*files).digest == model.digest
    hdf5 = Model(model.prototxt, convert_weights(model.weights, "hdf5"))
    assert load(*hdf5.save(tmp_path / "hdf5")).digest == model.digest


def test_weights_are_known_whatever_their_order() -> None:
    model = two_layers()
    assert model.weights
    there = model.weights.layers
    assert Weights.of(there[::-1]).digest == Weights.of(there).digest
    assert Weights.of(there[:-1]).digest != Weights.of(there).digest


def test_shapes_that_the_text_does_not_tell_are_part_of_a_model() -> None:
    model = two_layers()
    given = [Model(model.prototxt, model.weights, {"data": (n, 4)}) for n in (1, 2, 2)]
    assert len({model.digest, *(one.digest for one in given)}) == 3
    assert Model(model.prototxt).digest != model.digest


def test_blobs_that_models_share_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = two_layers()
    other = changed(model, "fc7", 0, 0)
    read: List[Blob] = []
    blocks = Blob.blocks
    monkeypatch.setattr(Blob, "blocks", lambda blob: read.append(blob) or blocks(blob))
    assert model.digest != other.digest
    assert model.digest != other.digest
    together = [
        blob for one in (model, other) for name in ("fc6", "fc7") for blob in one.blobs(name)
    ]
    assert sorted(map(id, read)) == sorted({id(blob) for blob in together})
