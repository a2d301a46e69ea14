"""Any bytes are read or refused; what is read is kept to the byte."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.prototxt.tokens import decode, encode, quote, unquote

NAMES = st.sampled_from([b"a", b"name", b"type", b"bottom", b"_x1", b"relu_param", b"[e.x/y]"])
BLANKS = st.sampled_from([b" ", b"\n", b"\r\n", b"\t", b" # c {\n", b"#\xff\n", b"\f", b"\n\n"])
GAPS = st.lists(BLANKS, max_size=2).map(b"".join)
IN_STRING = st.binary(max_size=6).map(lambda raw: quote(raw.decode("utf-8", "surrogateescape")))
NUMBERS = st.sampled_from(
    [b"0", b"-1", b"0x1F", b"017", b"1.5", b".5", b"5.", b"1e-3", b"2f", b"- 3"]
)
WORDS = st.sampled_from([b"TEST", b"true", b"inf", b"-nan", b"MAX"])
STRINGS = st.lists(IN_STRING | st.just(b"'\\n{'"), min_size=1, max_size=2).map(b" ".join)
SCALARS = NUMBERS | WORDS | STRINGS


@st.composite
def fields(draw: st.DrawFn, values: st.SearchStrategy[bytes]) -> bytes:
    """A run of fields, with any white space between their words."""
    text = b""
    for name, value in draw(st.lists(st.tuples(NAMES, values), max_size=4)):
        behind = draw(st.sampled_from([b"", b",", b" ;"]))
        text += draw(GAPS) + name + draw(GAPS) + b":" + draw(GAPS) + value + behind + b" "
    return text + draw(GAPS)


@st.composite
def blocks(draw: st.DrawFn, values: st.SearchStrategy[bytes]) -> bytes:
    opener, closer = draw(st.sampled_from([(b"{", b"}"), (b"<", b">")]))
    return opener + draw(fields(values)) + closer


def lists(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(values, max_size=3).map(lambda items: b"[" + b" , ".join(items) + b" ]")


BLOCKS = st.recursive(blocks(SCALARS | lists(SCALARS)), lambda inner: blocks(inner | lists(inner)))
LAYERS = st.lists(
    st.tuples(st.sampled_from([b"layer", b"layer:"]), BLOCKS | lists(BLOCKS)),
    min_size=1,
    max_size=3,
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    text = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    for name, value in draw(LAYERS):
        colon = b": " if value.startswith(b"[") and not name.endswith(b":") else b""
        text += draw(GAPS) + name + colon + draw(GAPS) + value
        text += draw(st.sampled_from([b"", b";"])) + draw(GAPS)
    return text


@given(documents())
def test_documents_are_kept_to_the_byte(text: bytes) -> None:
    try:
        net = Prototxt.parse(text)
    except FormatError as error:
        assert "the file holds only layer" in str(error)  # noqa: PT017 - `layer: []` alone
        return
    assert bytes(net) == text
    assert net.version == "V2"
    assert all(text[slice(*layer.span)].endswith((b"}", b">")) for layer in net.layers)
    same = net.replace_layers({layer.index: layer.text for layer in net.layers})
    assert [layer.text for layer in same.layers] == [layer.text for layer in net.layers]
    for layer in net.layers:
        (again,) = Prototxt.parse(layer.text).layers
        assert [field.name for field in again.block.fields] == [
            field.name for field in layer.block.fields
        ]


def read_all(data: bytes) -> None:
    """Read everything there is to read; the only error may be a FormatError."""
    try:
        net = Prototxt.parse(data)
        assert bytes(net) == data
        assert net.inputs is not net.name
        for layer in net.layers:
            assert layer.parameter is not None
            assert layer.type is not None
            assert layer.carried() is not None
            layer.edited(name="n", bottoms=["b"], fields={"relu_param.negative_slope": 1})
    except FormatError as error:
        assert str(error)  # noqa: PT017


SYNTAX = st.sampled_from(
    [b"layer", b"layers", b"{", b"}", b"<", b">", b"[", b"]", b":", b",", b";", b'"', b"'", b"\\"]
    + [b"#", b"\n", b"\r", b" ", b"name", b"type", b"-", b"1", b"0x", b".", b"e", b"\0", b"\xff"]
    + [b"input", b"bottom", b"top", b"param", b"relu_param", b"convolution_param", b"$", b"/"]
)


@given(st.lists(SYNTAX, max_size=40).map(b"".join))
@example(b'layer { name: "a" bottom: [] }')
def test_any_words_are_read_or_refused(data: bytes) -> None:
    read_all(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_all(data)


@given(documents(), st.data())
def test_damaged_documents_are_read_or_refused(text: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    read_all(text[:start] + data.draw(st.binary(max_size=2)) + text[end:])


LONG = 100_000


@pytest.mark.parametrize(
    "data",
    [
        b"a {" * LONG,
        b"a: [{" * LONG,
        b"layer { a {" * LONG + b"}" * 2 * LONG,
        b"a: [" * LONG,
        b"}" * LONG,
        b"#" * LONG,
        b"# #" * LONG + b"\n{",
        b" #\n" * LONG + b"{",
        b'layer { a: "' + b"\\1" * LONG,
        b'layer { a: "x" ' + b"'y' " * LONG + b'"',
        b"layer { a: -" + b"#\n" * LONG,
        b"layer { a: " + b"1" * LONG,
        b"layer { a: " + b"x" * LONG + b".",
        b"layer { a " + b"\t" * LONG,
        b"\\" * LONG,
        b"layer { }" * (LONG // 10) + b"layers { }",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_hostile_texts_end_soon(data: bytes) -> None:
    with pytest.raises(FormatError):
        Prototxt.parse(data)


def test_a_long_net_is_read() -> None:
    net = Prototxt.parse(b"layer { a: 1 }\n" * LONG)
    assert len(net.layers) == LONG
    assert net.layers[-1].line == LONG


@given(st.binary())
def test_quoting_and_decoding_undo_themselves(data: bytes) -> None:
    assert encode(decode(data)) == data
    assert unquote(quote(decode(data))) == data
    assert unquote(b"'" + quote(decode(data))[1:-1].replace(b"'", b"\\'") + b"'") == data
