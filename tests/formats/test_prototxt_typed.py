"""Layers as protobuf messages: judged by protobuf's own text reader."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given, strategies as st
from random_messages import filled

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import LayerText, Prototxt
from netsurgery.formats.prototxt.typed import is_repeated
from netsurgery.formats.schema import LayerParameter, V1LayerParameter


def only_layer(text: bytes) -> LayerText:
    (layer,) = Prototxt.parse(text).layers
    return layer


@given(st.builds(LayerParameter).flatmap(filled), st.booleans(), st.booleans())
def test_agrees_with_protobuf(message: Any, one_line: bool, short: bool) -> None:
    text = text_format.MessageToString(
        message, as_one_line=one_line, use_short_repeated_primitives=short, as_utf8=short
    )
    wanted = text_format.Parse(text, LayerParameter())
    layer = only_layer(b"layer {\n" + text.encode() + b"\n}")
    assert layer.parameter.SerializeToString() == wanted.SerializeToString()
    assert layer.unknown == ()
    assert (layer.name, layer.type) == (wanted.name, wanted.type)
    assert (layer.bottoms, layer.tops) == (tuple(wanted.bottom), tuple(wanted.top))


@given(st.builds(V1LayerParameter).flatmap(filled))
def test_v1_layers_agree_with_protobuf_where_v2_has_the_same(message: Any) -> None:
    message.ClearField("layer")
    for moved in ("data_param", "image_data_param", "window_data_param"):
        message.ClearField(moved)
    text = text_format.MessageToString(message)
    wanted = text_format.Parse(text, V1LayerParameter())
    parameter = only_layer(b"layers {\n" + text.encode() + b"\n}").parameter
    for field, value in wanted.ListFields():
        if field.name not in ("type", "param", "blobs_lr", "weight_decay", "blob_share_mode"):
            mine = getattr(parameter, field.name)
            assert str(list(mine) if is_repeated(field) else mine) == str(
                list(value) if is_repeated(field) else value
            )


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("inner_product_param {\n num_output: 3.0 }", (3, 14), "num_output takes an integer"),
        ("convolution_param { pad: [1, -1] }", (2, 30), "not -1"),
        ("convolution_param { pad: 4294967296 }", (2, 26), "uint32, which cannot hold"),
        ('include { phase: "TEST" }', (2, 18), 'one of TRAIN, TEST, not "TEST"'),
        ("phase: test", (2, 8), "one of TRAIN, TEST"),
        ("pooling_param { pool: max }", (2, 23), "one of MAX, AVE, STOCHASTIC"),
        ("top: ip", (2, 6), "top takes a string"),
        ("top { }", (2, 5), "top takes a single value"),
        ('loss_weight: "1"', (2, 14), "remove the quotes"),
        ("relu_param: 1", (2, 13), "relu_param takes a block"),
        ("relu_param { }\n relu_param { }", (3, 2), "given twice (first on line 2)"),
        ("clip_param { min: 1 }", (2, 12), "clip_param.max is missing"),
        ("dropout_param { dropout_ratio: [0.5] }", (2, 17), "one value, not a list"),
    ],
)
def test_wrong_types_are_refused_with_their_place(
    text: str, place: tuple[int, int], words: str
) -> None:
    layer = only_layer(f'layer {{ name: "a"\n{text}\n}}'.encode())
    with pytest.raises(FormatError) as caught:
        layer.parameter
    assert (caught.value.line, caught.value.column) == place
    assert caught.value.layer == "a"
    assert words in str(caught.value)


def test_unknown_fields_and_words_are_listed_and_left_out() -> None:
    layer = only_layer(
        b'layer { name: "c" my_param { a { b: 1 } } convolution_param { num_output: 2 gap: 2 '
        b"engine: MKL2017 gap: 3 } loss_param { normalization: 17 } [ext.field]: 1 }"
    )
    assert layer.unknown == (
        "my_param",
        "convolution_param.gap",
        "convolution_param.engine",
        "loss_param.normalization",
        "[ext.field]",
    )
    assert (
        str(layer.parameter) == 'name: "c"\nloss_param {\n}\nconvolution_param {\n'
        "  num_output: 2\n}\n"
    )


def test_bytes_that_are_not_utf8_survive_in_names() -> None:
    layer = only_layer(b'layer { name: "caf\xe9" bottom: "\xff" }')
    assert layer.name.encode("utf-8", "surrogateescape") == b"caf\xe9"
    assert layer.bottoms == ("\udcff",)
    assert layer.parameter.name == "caf\ufffd"
