"""`hole`, as dilation was called once, written as stock Caffe has it."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.schema import LayerParameter
from netsurgery.formats.upgrade.upgrade import upgrade_net


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hole: 2", "dilation: 2"),
        ("hole_h: 2 hole_w: 3", "dilation: 2 dilation: 3"),
        ("hole_h: 2", "dilation: 2 dilation: 1"),
        ("dilation_w: 4", "dilation: 1 dilation: 4"),
        ("hole: 1", ""),
    ],
)
@pytest.mark.parametrize("layers", ["layers { type: CONVOLUTION", 'layer { type: "Convolution"'])
def test_holes_become_dilation(layers: str, old: str, new: str) -> None:
    text = f"{layers} convolution_param {{ pad: 1 %s }} }}"
    result = upgrade_net(Prototxt.parse((text % old).encode()))
    wanted = f'type: "Convolution" convolution_param {{ pad: 1 {new} }}'
    assert result.prototxt.layers[0].parameter == text_format.Parse(wanted, LayerParameter())
    (note,) = result.notes
    assert f"{old.split(':')[0]} " in note
    kept = upgrade_net(Prototxt.parse((text % old).encode()), keep_unknown=True)
    assert old.encode() in bytes(kept.prototxt)
    assert "is kept" in kept.notes[0]
    assert upgrade_net(result.prototxt).prototxt is result.prototxt
