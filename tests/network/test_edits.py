"""Edits name layers, change what they name and nothing else, in every spelling of a net."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from small_models import TWO_LAYERS, two_layers

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob, LayerTemplate, LayerWeights
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.methods.pieces import CarriedBlob, CarriedRules
from netsurgery.network.edits import (
    InsertAfter,
    LayerKey,
    RemoveBlobs,
    RemoveLayer,
    ReplaceLayer,
    SetBlobs,
    SetFields,
    apply_edits,
    describe_edits,
    edit_text,
    new_layers,
    replay_edits,
    require_edits,
)

POWER = b'layer { name: "power" type: "Power" bottom: "fc6" top: "fc6" }\n'
PHASES = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "norm" type: "BatchNorm" bottom: "data" top: "n" include { phase: TRAIN } }
layer { name: "norm" type: "BatchNorm" bottom: "data" top: "n" include { phase: TEST }
        batch_norm_param { use_global_stats: true } }
layer { name: "twice" type: "ReLU" bottom: "n" top: "a" }
layer { name: "twice" type: "ReLU" bottom: "n" top: "b" exclude { phase: TRAIN } }
layer { name: "twice" type: "ReLU" bottom: "n" top: "c" }
"""


def net(text: str) -> Prototxt:
    return Prototxt.parse(text.encode())


def test_every_layer_is_known_again_by_its_key() -> None:
    prototxt = net(PHASES)
    keys = [LayerKey.of(layer, prototxt) for layer in prototxt.layers]
    assert len(set(keys)) == len(keys)
    assert [key.find(prototxt).index for key in keys] == list(range(len(keys)))
    assert [key.phases for key in keys[1:5]] == [
        *({"TRAIN"}, {"TEST"}, {"TRAIN", "TEST"}, {"TEST"}),
    ]
    assert [(key.ordinal, key.alike) for key in keys[3:]] == [(0, 2), (0, 1), (1, 2)]
    assert str(keys[1]) == "'norm' (TRAIN)"
    assert str(keys[5]) == "'twice' number 2"


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (LayerKey("norm"), [1, 2]),
        (LayerKey("norm", frozenset({"TEST"})), [2]),
        (LayerKey("twice", ordinal=1, alike=3), [4]),
        (LayerKey("other"), []),
    ],
)
def test_what_stands_for_a_layer_in_another_text(key: LayerKey, found: list[int]) -> None:
    assert [layer.index for layer in key.counterparts(net(PHASES))] == found


def test_layers_come_behind_one_that_stays() -> None:
    prototxt = two_layers().prototxt
    made = edit_text(prototxt, [InsertAfter(LayerKey("relu6"), (POWER, POWER))])
    names = [layer.name for layer in made.layers]
    assert names == ["data", "fc6", "relu6", "power", "power", "fc7"]
    gone = made.data.replace(b"\n" + POWER.rstrip(), b"")
    assert gone == prototxt.data


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_is_inserted_looks_like_its_surroundings(newline: str) -> None:
    text = (
        'layer {\n    name: "a"\n    type: "Input"\n    top: "a"\n'
        "    input_param { shape { dim: 1 } }\n}  # the input\n\n"
        'layer {\n    name: "b"\n    type: "ReLU"\n    bottom: "a"\n    top: "b"\n}\n'
    ).replace("\n", newline)
    new = b'layer {\n  name: "new"\n  type: "TanH"\n  bottom: "a"\n  top: "a"\n}\n'
    made = edit_text(net(text), [InsertAfter(LayerKey("a"), (new,))]).data.decode()
    block = newline.join(
        ["layer {", '    name: "new"', '    type: "TanH"', '    bottom: "a"', '    top: "a"', "}"]
    )
    assert made == text.replace("# the input", f"# the input{newline}{block}")


def test_layers_in_a_list_take_their_comma_along() -> None:
    text = 'layer: [{ name: "a" type: "Input" top: "a" }, { name: "b" type: "ReLU" bottom: "a" }]'
    made = edit_text(net(text), [InsertAfter(LayerKey("a"), (POWER,))])
    assert [layer.name for layer in made.layers] == ["a", "power", "b"]


def test_a_v1_net_gets_v1_layers() -> None:
    text = """
    layers { name: "fc" type: INNER_PRODUCT bottom: "data" top: "fc"
             inner_product_param { num_output: 3 } }
    """
    edits = [
        InsertAfter(LayerKey("fc"), (b'layer { name: "t" type: "TanH" bottom: "fc" top: "fc" }',)),
        SetFields(LayerKey("fc"), {"inner_product_param.num_output": 2}),
    ]
    made = edit_text(net(text), edits)
    assert [(layer.version, layer.type) for layer in made.layers] == [
        *(("V1", "InnerProduct"), ("V1", "TanH")),
    ]
    assert made.layers[0].parameter.inner_product_param.num_output == 2


def test_fields_of_one_layer_are_set_together() -> None:
    edits = [
        SetFields(LayerKey("fc7"), {"inner_product_param.num_output": 4}, bottoms=["a"]),
        SetFields(LayerKey("fc7"), {"inner_product_param.bias_term": False}, tops=["b"]),
    ]
    layer = edit_text(two_layers().prototxt, edits).layers[-1]
    parameter = layer.parameter.inner_product_param
    assert (parameter.num_output, parameter.bias_term) == (4, False)
    assert (layer.bottoms, layer.tops) == (("a",), ("b",))


def test_nothing_to_do_leaves_the_very_text() -> None:
    model = two_layers()
    assert edit_text(model.prototxt, []) is model.prototxt


def test_blobs_are_set_and_removed_by_name() -> None:
    model = two_layers()
    new = LayerWeights("fc6", None, (Blob.of(np.zeros((32, 48))), model.blobs("fc6")[1]))
    made = apply_edits(model, [SetBlobs("fc6", (new,)), RemoveBlobs("fc7")])
    assert [layer.name for layer in made.weights.layers] == ["fc6"]
    assert not made.blobs("fc6")[0].array().any()
    assert made.prototxt is model.prototxt


FC6 = LayerKey("fc6")


@pytest.mark.parametrize(
    ("edits", "problem"),
    [
        ([RemoveLayer(LayerKey("fc8"))], "layer 'fc8': is not in the net"),
        (
            [RemoveLayer(FC6), SetFields(FC6)],
            "layer 'fc6': is replaced or removed, and edited once",
        ),
        ([RemoveLayer(FC6), ReplaceLayer(FC6, ())], "layer 'fc6': is replaced or removed, and"),
        ([RemoveBlobs("relu6")], "layer 'relu6': has no blobs that could be set or removed"),
        ([RemoveBlobs("fc6"), SetBlobs("fc6", ())], "layer 'fc6': has its blobs set or removed tw"),
    ],
)
def test_edits_that_contradict_each_other_are_refused(edits: Any, problem: str) -> None:
    with pytest.raises(NetworkError) as caught:
        require_edits(two_layers(), edits)
    assert str(caught.value).startswith(problem)


def test_what_new_layers_take_over_is_read_in_the_text_at_hand() -> None:
    pair = LayerTemplate(
        "inner_product_pair",
        {
            "first": '"L"',
            "second": '"U"',
            "middle": '"L"',
            "bottom": CarriedBlob(True),
            "top": CarriedBlob(False),
            "first_fields": CarriedRules("inner_product_param", False),
            "second_fields": (CarriedRules("inner_product_param", True), "  # the second\n"),
            "first_parameters": "",
            "second_parameters": "",
            "rank": 3,
            "num_output": 32,
        },
    )
    edits = pickle.loads(pickle.dumps([ReplaceLayer(FC6, (pair,))]))
    other = net(TWO_LAYERS.replace('top: "fc6"\n', 'top: "fc6"\n  include { phase: TEST }\n', 1))
    made, absent = replay_edits(other, edits)
    assert absent == ()
    assert [one.phases for one in (LayerKey.of(layer, made) for layer in made.layers[1:3])] == [
        {"TEST"},
        {"TEST"},
    ]
    first, second = new_layers(edits[0].by, two_layers().prototxt.layers[1])
    assert (first.bottoms, second.tops) == (("data",), ("fc6",))
    assert not first.parameter.include


def test_every_edit_tells_what_it_does() -> None:
    told = describe_edits(
        two_layers().prototxt,
        [
            RemoveLayer(LayerKey("relu6")),
            InsertAfter(FC6, (POWER,)),
            SetFields(LayerKey("fc7"), {"inner_product_param.bias_term": None}, tops=["x"]),
            SetBlobs("fc7", (LayerWeights("fc7", None, (Blob.of(np.zeros((4, 32))),)),)),
            RemoveBlobs("fc6"),
        ],
    )
    assert told == [
        {"edit": "remove", "layer": "'relu6'"},
        {
            "edit": "insert",
            "after": "'fc6'",
            "by": [{"name": "power", "type": "Power", "bottom": ["fc6"], "top": ["fc6"]}],
        },
        {
            "edit": "set",
            "layer": "'fc7'",
            "fields": {"top": ["x"], "inner_product_param.bias_term": None},
        },
        {"edit": "set blobs", "layer": "fc7", "blobs": {"fc7": [[4, 32]]}},
        {"edit": "remove blobs", "layer": "fc6"},
    ]
