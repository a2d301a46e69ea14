"""Edits change what they name and not a byte more."""

from __future__ import annotations

import pytest

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import Prototxt

TEXT = b"""name: "n" # c

layer {
  name: "ip"  # the name
  type: "InnerProduct"
  bottom: "d"
  top: "ip"
  my_param { a: 1 }  # fork
  inner_product_param {
    num_output: 3 # three
    weight_filler { type: "xavier" }
  }
}

layer { name: "r" type: "ReLU" bottom: "ip" top: "ip" }

# the last
layer {
  name: "s"
  type: "Softmax" bottom: "ip" top: "s"
}
"""
NEW = b'layer {\n  name: "a"\n  x {\n    y: 1\n  }\n}\nlayer {\n  name: "b"\n}\n'


def edited(text: bytes, **values: object) -> bytes:
    return Prototxt.parse(text).layers[0].edited(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "old", "new"),
    [
        ({"name": 'x"y'}, b'"ip"  # the', b'"x\\"y"  # the'),
        ({"name": "ip"}, b"", b""),
        ({"name": "caf\udce9"}, b'"ip"  # the', b'"caf\xe9"  # the'),
        ({"bottoms": ["e"]}, b'"d"', b'"e"'),
        ({"bottoms": ["d", "e"]}, b'"d"\n', b'"d"\n  bottom: "e"\n'),
        ({"bottoms": []}, b'  bottom: "d"\n', b""),
        ({"fields": {"inner_product_param.num_output": 10}}, b": 3 #", b": 10 #"),
        ({"fields": {"inner_product_param.axis": 2}}, b"}\n  }", b"}\n    axis: 2\n  }"),
        ({"fields": {"inner_product_param.num_output": None}}, b"num_output: 3 #", b"#"),
        (
            {"fields": {"inner_product_param.weight_filler.type": None}},
            b'{ type: "xavier" }',
            b"{ }",
        ),
        (
            {"fields": {"inner_product_param.bias_filler.std": 0.5}},
            b"}\n  }",
            b"}\n    bias_filler { std: 0.5 }\n  }",
        ),
        (
            {"fields": {"relu_param.engine": "CAFFE"}},
            b"  }\n}",
            b"  }\n  relu_param { engine: CAFFE }\n}",
        ),
        ({"fields": {"convolution_param.bias_term": None}}, b"", b""),
        (
            {"fields": {"loss_weight": (1, 0.5)}},
            b"  }\n}",
            b"  }\n  loss_weight: 1\n  loss_weight: 0.5\n}",
        ),
        ({"fields": {"phase": b"TEST"}}, b"  }\n}", b"  }\n  phase: TEST\n}"),
    ],
)
def test_an_edit_changes_only_its_value(values: dict, old: bytes, new: bytes) -> None:
    text = Prototxt.parse(TEXT).layers[0].text
    assert edited(TEXT, **values) == text.replace(old, new, 1)


def test_a_block_that_no_schema_has_is_edited_where_it_stands() -> None:
    text = b"layer { name: 'n' type: 'T' own_param { rows: 8 mode: FAST } }"
    layer = Prototxt.parse(text).layers[0]
    fields = {"own_param.rows": 4, "own_param.mode": b"SLOW", "own_param.note": "x"}
    assert layer.edited(fields=fields) == (
        b"layer { name: 'n' type: 'T' own_param { rows: 4 mode: SLOW note: \"x\" } }"
    )
    with pytest.raises(FormatError, match="a layer has no single block other_param"):
        layer.edited(fields={"other_param.rows": 4})


def test_several_edits_at_once_share_a_new_block() -> None:
    text = edited(
        b'layer { name: "x" }',
        tops=["t"],
        bottoms=["b"],
        fields={"relu_param.negative_slope": 0.5, "relu_param.engine": "CAFFE"},
    )
    assert text == (
        b'layer { name: "x" bottom: "b" top: "t" relu_param { negative_slope: 0.5 engine: CAFFE } }'
    )


def test_values_in_a_list_stay_in_a_list() -> None:
    text = b"layer { convolution_param { pad: [1, 2] kernel_size: 3 } }"
    assert b"pad: [4, 5, 6] kernel" in edited(text, fields={"convolution_param.pad": (4, 5, 6)})
    assert b"{ kernel_size: 3 }" in edited(text, fields={"convolution_param.pad": None})


def test_an_old_net_is_edited_in_its_own_words() -> None:
    v1 = b'layers { name: "c" type: CONVOLUTION }'
    assert edited(v1, fields={"type": "ReLU"}) == b'layers { name: "c" type: RELU }'
    v0 = b'layers { layer { name: "c" type: "conv" num_output: 3 } bottom: "a" }'
    values = {"convolution_param.num_output": 7, "convolution_param.kernel_size": 5}
    assert edited(v0, name="d", bottoms=["b"], fields=values) == (
        b'layers { layer { name: "d" type: "conv" num_output: 7 kernelsize: 5 } bottom: "b" }'
    )
    with pytest.raises(FormatError, match="V1 has no layer type BatchNorm"):
        edited(v1, fields={"type": "BatchNorm"})
    with pytest.raises(FormatError, match="V0 has no field"):
        edited(v0, fields={"convolution_param.dilation": 2})


@pytest.mark.parametrize("path", ["nonsense", "relu_param.no", "no.no", "relu_param", "param.name"])
def test_a_field_that_is_no_single_value_is_refused(path: str) -> None:
    with pytest.raises(FormatError, match="a layer has no single"):
        edited(TEXT, fields={path: 1})


def test_carried_fields_keep_comments_and_lose_indentation() -> None:
    layer = Prototxt.parse(TEXT.replace(b"\n  ", b"\n\t  ")).layers[0]
    assert layer.carried(("name", "type", "bottom", "top")) == (
        b"  my_param { a: 1 }  # fork\n"
        b"  inner_product_param {\n    num_output: 3 # three\n"
        b'    weight_filler { type: "xavier" }\n  }\n'
    )
    assert layer.carried(inside="inner_product_param", exclude=("num_output",)) == (
        b'  weight_filler { type: "xavier" }\n'
    )
    assert layer.field_texts("bottom", "top") == (b'bottom: "d"', b'top: "ip"')


def test_splice_refuses_ranges_that_overlap() -> None:
    net = Prototxt.parse(TEXT)
    assert bytes(net.splice([(0, 0, b"# x\n")])) == b"# x\n" + TEXT
    with pytest.raises(ValueError, match="overlaps"):
        net.splice([(0, 5, b""), (4, 6, b"")])


def test_a_layer_is_replaced_in_the_spacing_of_the_file() -> None:
    net = Prototxt.parse(TEXT)
    first = net.layers[0].text
    spaced = NEW.strip().replace(b"\n}\nlayer", b"\n}\n\nlayer")
    assert bytes(net.replace_layers({0: NEW})) == TEXT.replace(first, spaced)
    assert bytes(net.replace_layers({i: layer.text for i, layer in enumerate(net.layers)})) == TEXT


def test_removing_a_layer_takes_its_lines_and_one_gap() -> None:
    net = Prototxt.parse(TEXT)
    first, second, third = (layer.text for layer in net.layers)
    assert bytes(net.replace_layers({0: b""})) == TEXT.replace(first + b"\n\n", b"")
    assert bytes(net.replace_layers({1: b"\n"})) == TEXT.replace(second + b"\n\n", b"")
    assert bytes(net.replace_layers({2: b""})) == TEXT.replace(third + b"\n", b"")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("indent", [b"", b"  ", b"\t"])
@pytest.mark.parametrize("step", [b"  ", b"\t", b"    "])
def test_new_layers_get_line_ends_and_indentation(end: bytes, indent: bytes, step: bytes) -> None:
    def styled(text: bytes) -> bytes:
        lines = text.strip().replace(b"  ", step).split(b"\n")
        return end.join(indent + line if line else line for line in lines)

    old = b'layer {\n  name: "old"\n}'
    text = styled(old) + end + b"# c" + end
    wanted = styled(NEW) + end + b"# c" + end
    assert bytes(Prototxt.parse(text).replace_layers({0: NEW})) == wanted


def test_a_comment_behind_new_text_swallows_nothing() -> None:
    net = Prototxt.parse(b"layer { a: 1 } layer { a: 2 }")
    new = net.replace_layers({0: b"layer { a: 3 } # why"})
    assert bytes(new) == b"layer { a: 3 } # why\n layer { a: 2 }"


LISTED = b'layer: [ {name: "a"}, {name: "b"} , {name: "c"} ]\n'


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({1: b""}, b'layer: [ {name: "a"}, {name: "c"} ]\n'),
        ({0: b"", 1: b""}, b'layer: [ {name: "c"} ]\n'),
        ({1: b"", 2: b""}, b'layer: [ {name: "a"} ]\n'),
        (
            {1: b'layer {name: "x"} layer <name: "y">'},
            b'layer: [ {name: "a"}, {name: "x"}, <name: "y"> , {name: "c"} ]\n',
        ),
    ],
)
def test_layers_in_a_list_are_replaced_in_it(changes: dict[int, bytes], wanted: bytes) -> None:
    assert bytes(Prototxt.parse(LISTED).replace_layers(changes)) == wanted


def test_a_layer_of_a_list_is_edited_as_a_field_of_its_own() -> None:
    net = Prototxt.parse(LISTED)
    new = net.layers[1].edited(name="x")
    assert new == b'layer {name: "x"}'
    assert bytes(net.replace_layers({1: new})) == LISTED.replace(b'"b"', b'"x"')


def test_bad_new_text_and_bad_indices_are_refused() -> None:
    net = Prototxt.parse(TEXT)
    with pytest.raises(FormatError, match="new layer:1:7"):
        net.replace_layers({0: b"layer { "})
    with pytest.raises(IndexError, match="no layer 3"):
        net.replace_layers({3: b""})
    with pytest.raises(FormatError, match="no layer"):
        net.replace_layers({0: b"", 1: b"", 2: b""})
