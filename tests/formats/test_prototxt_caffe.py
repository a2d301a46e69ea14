"""The reader takes what real Caffe takes, and refuses what it refuses."""

from __future__ import annotations

from typing import Iterator

import pytest
from caffe_nets import CaffeNets, start_caffe

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import Prototxt

INPUT = b'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 2 } } }\n'
# What stands in the InnerProduct's parameter behind `num_output: `, and behind that block.
NUMBERS = [b"3", b"0x3", b"0X0b", b"010", b"3 axis: - 1", b"3 axis: -1", b"3 axis: - # c\n 1"]
NO_NUMBERS = [
    b"+3",
    b"3.0",
    b"1e1",
    b"08",
    b'"3"',
    b"4294967296",
    b"-1",
    b"inf",
    b"3axis: 1",
    b"0x",
]
VALUES = [
    *(b"loss_weight: " + word for word in b"1.5f 1f 5. .5 1e-3 -inf INF -nan 1e400 0".split()),
    b"loss_weight: 99999999999999999999999",
    b"loss_weight: [0]",
    b"loss_weight: []",
    b"phase: 1",
    b"phase: TEST;",
    b"phase: TEST,",
    b"param: [{lr_mult: 1}, <lr_mult: 2>]",
    b"param [{lr_mult: 1}, {lr_mult: 2}]",
    b"param: <lr_mult: 1>",
    b"param: {lr_mult: 1};",
    b"#\xe9\n",
    b"\f\v",
    b"python_param{module:\"a\"layer:'b'}",
    b'python_param { module: "\xe9" }',
    b'python_param { module: "a" \'b\' #c\n "c" }',
    b'python_param { module: "\\u00e9\\x41\\101\\?\\xabc" }',
]
NO_VALUES = [
    *(b"loss_weight: " + word for word in b"0x1 010 1_0 1.5.3 1e nanf infinit true".split()),
    b"loss_weight: [0,]",
    b"phase: 7",
    b"phase: test",
    b'phase: "TEST"',
    b"phase: TEST.x",
    b"phase: TEST;;",
    b"phase: [TEST]",
    b"phase: TEST phase: TEST",
    b"param {lr_mult: 1>",
    b"param: 1",
    b"param [1]",
    b"loss_weight { }",
    b"relu_param { } relu_param { }",
    b"inner_product_param: 3",
    b"\x01",
    b"\x00",
    b"\xc2\xa0",
    b"// comment\n",
    b"7: 3",
    b"}",
    b"python_param { module: a }",
    b'python_param { module: "a\x00b" }',
    b'python_param { module: "a\nb" }',
    b'python_param { module: "a\\\nb" }',
    b'python_param { module: "D:\\models" }',
    b'python_param { module: "a }',
    b"type: INNER_PRODUCT",
]
BOOLEANS = [b"true", b"True", b"t", b"1", b"01", b"false", b"0x0"]
NO_BOOLEANS = [b"TRUE", b"yes", b"2", b"-0", b"1.0", b'"true"']


def net(number: bytes = b"3", value: bytes = b"") -> bytes:
    layer = b'layer { name: "ip" type: "InnerProduct" bottom: "d" top: "ip" %s'
    return INPUT + layer % value + b" inner_product_param { num_output: %s } }\n" % number


TEXTS = [
    *(net(number) for number in NUMBERS + NO_NUMBERS),
    *(net(b"3 bias_term: " + word) for word in BOOLEANS + NO_BOOLEANS),
    *(net(value=value) for value in VALUES + NO_VALUES),
    net().replace(b"\n", b"\r\n"),
    net().replace(b"\n", b"\r"),
    net() + b"# no line end",
    b"," + net(),
    net() + b";",
    net() + b"layer {",
    net() + b'layers { name: "s" type: SILENCE bottom: "d" }',
    b'layer: [{name: "a" type: "DummyData" top: "a" dummy_data_param {shape {dim: 1}}}]',
]


@pytest.fixture(scope="module")
def caffe(caffe_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaffeNets]:
    yield from start_caffe(caffe_python, tmp_path_factory.mktemp("caffe"))


def reads(text: bytes) -> bool:
    try:
        for layer in Prototxt.parse(text).layers:
            layer.parameter
    except FormatError as error:
        return not error.line
    return True


@pytest.mark.parametrize("text", TEXTS)
def test_caffe_agrees_on_what_is_well_formed(caffe: CaffeNets, text: bytes) -> None:
    assert reads(text) == (caffe.build(text) is not None)


def test_both_answers_occur() -> None:
    good = len(NUMBERS) + len(BOOLEANS) + len(VALUES)
    assert sum(reads(text) for text in TEXTS) >= good


def test_a_byte_order_mark_is_read_although_caffe_refuses_it(caffe: CaffeNets) -> None:
    text = b"\xef\xbb\xbf" + net()
    assert reads(text)
    assert caffe.build(text) is None
