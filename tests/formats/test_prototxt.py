"""Reading a prototxt: what it says, and what is said of a file that is none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import Prototxt

V2 = b"""name: "net"  # a comment
input: "data" input_shape { dim: 1 dim: 3 }
force_backward: true
state { phase: TRAIN stage: "a" }
layer {
  name: "ip"
  type: 'Inner' "Product"
  bottom: "data" top: "ip"
}
layer < name: "relu" type: "ReLU" bottom: "ip", top: "ip"; >
"""
V1 = b"""input: 'a' input: 'b'
input_dim: [1, 2, 3, 4, 5, 6, 7, 8]
layers { name: "c" type: CONVOLUTION blobs_lr: [1, 2] weight_decay: 1 param: "" param: "shared" }
layers: [{ name: "x" type: 18 }, { name: "y" type: BATCH_NORM }, { name: "z" }]
"""
V0 = b"""layers {
  layer { name: "c" type: "conv" num_output: 3 kernelsize: 5 stride: 2 pool: MAX scale: 2 }
  bottom: "a"
  top: "b"
}
layers { layer { name: "p" type: "padding" pad: 1 } bottom: "b" top: "c" }
"""


def test_reads_a_net() -> None:
    net = Prototxt.parse(V2, "net.prototxt")
    assert bytes(net) == net.data == V2
    assert (net.file, net.version, net.name) == ("net.prototxt", "V2", "net")
    assert net.inputs == (("data", (1, 3)),)
    assert net.force_backward
    assert net.state.phase == 0
    assert list(net.state.stage) == ["a"]
    assert net.unknown == ()
    ip, relu = net.layers
    assert (ip.index, ip.name, ip.type, ip.version) == (0, "ip", "InnerProduct", "V2")
    assert (ip.bottoms, ip.tops) == (("data",), ("ip",))
    assert (ip.line, ip.column) == (5, 1)
    assert ip.text == V2[slice(*ip.span)]
    assert ip.text.startswith(b"layer {")
    assert ip.text.endswith(b"}")
    assert relu.text == b'layer < name: "relu" type: "ReLU" bottom: "ip", top: "ip"; >'


def test_reads_v1_in_the_words_of_v2() -> None:
    net = Prototxt.parse(V1)
    assert net.version == "V1"
    assert net.inputs == (("a", (1, 2, 3, 4)), ("b", (5, 6, 7, 8)))
    assert [layer.type for layer in net.layers] == ["Convolution", "ReLU", "BATCH_NORM", ""]
    assert [layer.unknown for layer in net.layers] == [(), (), ("type",), ()]
    first, second = net.layers[0].parameter.param
    assert (first.name, first.lr_mult, first.decay_mult) == ("", 1, 1)
    assert (second.name, second.lr_mult, second.HasField("decay_mult")) == ("shared", 2, False)
    assert net.layers[1].text == b'layers { name: "x" type: 18 }'
    assert V1[slice(*net.layers[1].span)] == b'{ name: "x" type: 18 }'


def test_reads_v0_in_the_words_of_v2() -> None:
    net = Prototxt.parse(V0)
    conv, padding = net.layers
    assert net.version == conv.version == "V0"
    assert (conv.name, conv.type, conv.bottoms, conv.tops) == ("c", "Convolution", ("a",), ("b",))
    wanted = conv.parameter.convolution_param
    assert (wanted.num_output, wanted.kernel_size, wanted.stride) == (3, [5], [2])
    assert not conv.parameter.HasField("pooling_param")
    assert conv.parameter.transform_param.scale == 2
    assert padding.type == "padding"


def test_inputs_without_a_shape_have_none() -> None:
    net = Prototxt.parse(b'input: "a" input: "b" layer { }')
    assert net.inputs == (("a", None), ("b", None))


def test_fewer_shapes_than_inputs_are_refused() -> None:
    net = Prototxt.parse(b'input: "a" input: "b"\ninput_dim: [1, 2, 3, 4] layer { }')
    with pytest.raises(FormatError, match="2 inputs, but 4 input_dim"):
        net.inputs


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_count_whatever_ends_them(end: bytes) -> None:
    text = end.join([b'\xef\xbb\xbfname: "x"', b"force_backward: true", b"  layer { }"])
    net = Prototxt.parse(text)
    assert (net.layers[0].line, net.layers[0].column) == (3, 3)
    assert net.source.place(text.index(b'"x"')) == (1, 7)


SYNTAX = [
    (b"layer { a: }", (1, 12), "expected a value for `a`, found `}`"),
    (b'layer { a "x" }', (1, 11), "a `:` is missing after `a`"),
    (b"layer {\n  a: 1", (1, 7), "not closed before the file ends"),
    (b"layer { a: [1 2] }", (1, 15), "expected `,` or `]` in a list, found `2`"),
    (b"layer { a: [1, }", (1, 16), "expected a value, found `}`"),
    (b"layer { a: [{}", (1, 15), "found `the end of the file`"),
    (b"layer { a: [{} {}] }", (1, 16), "expected `,` or `]`"),
    (b"layer [1]", (1, 7), "a `:` is missing"),
    (b"layer }", (1, 7), "`layer` is followed by `}`"),
    (b"layer { }\n}", (2, 1), "`}` closes nothing"),
    (b"layer { a: 1 >", (1, 14), "`{` is closed by `>`"),
    (b'layer { a: "x\n" }', (1, 12), "does not end on its line"),
    (b'layer { a: "D:\\models" }', (1, 15), "`\\m` is no escape"),
    (b"layer { a: \xe2\x80\x9cx\xe2\x80\x9d }", (1, 12), "typographic quote"),
    (b"layer { a\xef\xbc\x9a 1 }", (1, 10), "full-width colon"),
    (b"layer {\xc2\xa0}", (1, 8), "non-ASCII space"),
    (b"layer {\n a: 1;; }", (2, 7), "misplaced separator"),
    (b"layer { a: +1 }", (1, 12), "start with `+`"),
    (b"layer { a: 100layer }", (1, 12), "malformed or misplaced number (`100layer`)"),
    (b"layer { a: ${N} }", (1, 12), "placeholder of a template"),
    (b"layer { } // c", (1, 11), "start no comment"),
    (b"layer { }\n=======\n", (2, 1), "merge conflict"),
    (b"layer { }\n\xef\xbb\xbflayer { }", (2, 1), "byte order mark"),
    (b"layer { }\n# c\0\nlayer { }", (2, 4), "NUL byte"),
    (b"layer { a: b.c }", (1, 12), "found `b.c`"),
    (b"a { " * 101, (1, 403), "deeper than 100"),
    (b"layer: 1", (1, 8), "takes a block"),
    (b"layer { }\nlayers { }", (2, 1), "Caffe reads no mixture"),
    (b"layers { layer { } }\nlayers { name: 'x' }", (2, 1), "Caffe reads no mixture"),
    (b"layer { } #a\rlayer { }", (1, 11), "hides the lines behind"),
]


@pytest.mark.parametrize(("text", "place", "words"), SYNTAX)
def test_bad_text_is_refused_with_its_place(
    text: bytes, place: tuple[int, int], words: str
) -> None:
    with pytest.raises(FormatError) as caught:
        Prototxt.parse(text, "f.prototxt")
    assert (caught.value.line, caught.value.column) == place
    assert words in str(caught.value)
    assert str(caught.value).startswith("f.prototxt:")
    assert caught.value.remedy


OTHER_FILES = [
    (b"", "the file is empty"),
    (b" \n", "the file is empty"),
    (b"# only words\n", "nothing but comments"),
    (b'net: "train.prototxt"\nbase_lr: 0.1', 'its net is `net: "train.prototxt"`'),
    (b"base_lr: 0.1 max_iter: 3", "this is a solver prototxt, not a network"),
    (b"base_lr: 0.1 net_param { layer { } }", "with its net inside"),
    (b"layer: []", "no layer: the file holds only layer"),
    (b"Layer { }", "`Layer` is not how Caffe spells it"),
    (b"item { name: 'cat' }", "this is a label map"),
    (b"model { kernel { } }", "no layer: the file holds only model"),
    (b"<!DOCTYPE html><html></html>", "an HTML page"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "Git LFS pointer"),
    (gzip.compress(V2, mtime=0), "a gzip file"),
    (b"PK\x03\x04" + bytes(40), "a zip archive"),
    (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    (b"\x80\x02}q\x01(U\x05", "pickle"),
    (b"\x08\x01\x10\x03\x18\x20\x20\x20\x2a\x04\0\0\0\0", "a single blob, such as a mean image"),
    (b"\x0a\x03net\x12\x07\x22\x03ip1\x28\x0e", "swapped"),
]


@pytest.mark.parametrize(("data", "words"), OTHER_FILES)
def test_other_files_are_named(data: bytes, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        Prototxt.parse(data, "f")
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.prototxt", tmp_path):
        with pytest.raises(FormatError, match="cannot be read") as caught:
            Prototxt.read(path)
        assert caught.value.file == str(path)


def test_weights_of_the_zoo_given_as_prototxt_are_named(zoo: Path) -> None:
    files = [*zoo.glob("*/*.caffemodel"), *zoo.glob("*/*.h5"), *zoo.glob("*/*.binaryproto")]
    assert len(files) > 20
    for path in files:
        with pytest.raises(FormatError, match=r"this is an? .*, not a prototxt"):
            Prototxt.read(path)


def test_a_misspelt_layer_beside_others_is_listed() -> None:
    net = Prototxt.parse(b"layer { } Layer { } debug: 1")
    assert net.unknown == ("Layer", "debug")


def test_layers_that_stay_know_what_they_knew() -> None:
    text = (
        b'layer { name: "a" type: "ReLU" bottom: "x" top: "a" }\n'
        b'layer { name: "b" type: "ReLU" bottom: "a" top: "b" odd: 1 }\n'
        b'layer { name: "c" type: "TanH" bottom: "b" top: "c" }\n'
    )
    before = Prototxt.parse(text)
    known = [layer.parameter for layer in before.layers]
    after = before.replace_layers({0: b'layer {\n name: "d"\n type: "ELU"\n}\n'})
    assert [layer.name for layer in after.layers] == ["d", "b", "c"]
    assert after.layers[0].parameter.type == "ELU"
    assert after.layers[2].parameter is known[2]
    # What is unknown tells its place, which is another now.
    (place,) = (one.field.start for one in after.layers[1].unknown_fields)
    assert after.data[place:].startswith(b"odd")
    fresh = Prototxt.parse(after.data)
    for one, other in zip(after.layers, fresh.layers):
        assert (one.name, one.type, one.bottoms, one.tops) == (
            other.name, other.type, other.bottoms, other.tops,
        )  # fmt: skip
        assert one.parameter == other.parameter
    # The same text is not read twice.
    assert before.replace_layers({0: b'layer {\n name: "d"\n type: "ELU"\n}\n'}) is after
    assert before.replace_layers({1: b""}).layers[1].parameter is known[2]


def test_what_no_schema_has_is_read_as_written() -> None:
    fork = b"""own_param {
        size: [2, 0x3] size: -4 name: 'a' "b" inner { on: true } inner { on: OFF }
    }"""
    v2 = Prototxt.parse(b"layer { name: 'n' type: 'T' %s }" % fork).layers[0]
    v0 = Prototxt.parse(b"layers { layer { name: 'n' type: 'T' %s } }" % fork).layers[0]
    for layer in (v2, v0):
        assert layer.written("own_param.size") == ("2", "0x3", "-4")
        assert layer.written("own_param.name") == ("ab",)
        assert layer.written("own_param.inner.on") == ("true", "OFF")
        assert layer.written("own_param.inner") == layer.written("other") == ()
        assert layer.written("name") == ("n",)
