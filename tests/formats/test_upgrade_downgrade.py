"""New layers in the words of V1."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given, strategies as st
from random_messages import filled

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.schema import LayerParameter, V1LayerParameter
from netsurgery.formats.upgrade import legacy
from netsurgery.formats.upgrade.downgrade import downgrade_layers

DEFAULTS = {"name": "", "share_mode": 0, "lr_mult": 1.0, "decay_mult": 1.0}


def effect(layer: Any) -> list[dict[str, Any]]:
    """What each blob's `param` says, with what it leaves out; trailing ones that say nothing go."""
    params = [{name: getattr(param, name) for name in DEFAULTS} for param in layer.param]
    while params and params[-1] == DEFAULTS:
        params.pop()
    return params


@given(st.builds(LayerParameter).flatmap(filled), st.sampled_from(sorted(legacy.V1_TYPES.values())))
def test_random_layers_say_the_same_in_v1(message: Any, kind: str) -> None:
    for field in message.DESCRIPTOR.fields:
        if field.name not in V1LayerParameter.DESCRIPTOR.fields_by_name:
            message.ClearField(field.name)
    for holder in legacy.TRANSFORMED.values():
        message.ClearField(holder)  # V1 data layers hand their transformation on.
    message.type = kind
    text = f"layer {{\n{text_format.MessageToString(message)}}}\n".encode()
    (new,) = Prototxt.parse(text).layers
    (old,) = Prototxt.parse(downgrade_layers(text)).layers
    assert (new.version, old.version) == ("V2", "V1")
    wanted, got = LayerParameter(), LayerParameter()
    wanted.CopyFrom(new.parameter)
    got.CopyFrom(old.parameter)
    assert str(effect(got)) == str(effect(wanted))  # as text: NaN is NaN
    for one in (wanted, got):
        one.ClearField("param")
    assert got.SerializeToString() == wanted.SerializeToString()


def test_what_is_between_and_inside_stays() -> None:
    new = b"""# first
layer {
  name: "a"  # name
  type: "InnerProduct"
  param { lr_mult: 0.5 }  # weights
  param { name: "caf\xe9" decay_mult: 0 }
  fork_param { x: 1 }
}
layer { type: "ReLU" param { } }
"""
    old = b"""# first
layers {
  name: "a"  # name
  type: INNER_PRODUCT
  param: ""
  param: "caf\xe9"
  blobs_lr: 0.5
  weight_decay: 1
  weight_decay: 0  # weights
  fork_param { x: 1 }
}
layers { type: RELU }
"""
    assert downgrade_layers(new) == old


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ('type: "BatchNorm"', "V1 has no layer type 'BatchNorm'"),
        ('type: "ReLU" phase: TEST', "V1 has no field phase"),
        ('type: "ReLU" prelu_param { }', "V1 has no field prelu_param"),
    ],
)
def test_what_v1_cannot_say_is_refused(fields: str, words: str) -> None:
    with pytest.raises(FormatError, match=words) as caught:
        downgrade_layers(f'layer {{ name: "n" {fields} }}'.encode())
    assert "netsurgery upgrade" in str(caught.value)


def test_bad_text_is_refused() -> None:
    with pytest.raises(FormatError, match="new layer:1:7"):
        downgrade_layers(b"layer {")
