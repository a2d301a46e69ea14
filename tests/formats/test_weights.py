"""Weights are read as protobuf and real Caffe read them, and written back byte for byte."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from weight_files import net_message, seeded, zoo_pairs, zoo_weights

from netsurgery.errors import FormatError
from netsurgery.formats import schema
from netsurgery.formats.weights import Blob, LayerWeights, Weights, open_weights

VERSIONS = ("V2", "V1", "V0")


def layers_of(net: Any) -> list[Any]:
    """What protobuf finds: the messages that hold name, type and blobs."""
    if net.layer:
        return list(net.layer)
    return [layer.layer if layer.HasField("layer") else layer for layer in net.layers]


def saved(path: Path, version: str = "V2") -> Path:
    arrays = {"conv": [seeded(2, 3, 1, 1), seeded(2)], "relu": [], "ip": [seeded(4, 5)]}
    path.write_bytes(net_message(arrays, version).SerializeToString())
    return path


def test_the_zoo_is_what_protobuf_reads(zoo: Path) -> None:
    for path in zoo_weights(zoo, "*.caffemodel"):
        net = schema.NetParameter.FromString(path.read_bytes())
        weights = open_weights(path)
        messages = layers_of(net)
        assert weights.name == net.name
        assert [layer.name for layer in weights.layers] == [layer.name for layer in messages]
        for layer, message in zip(weights.layers, messages):
            assert len(layer.blobs) == len(message.blobs)
            for blob, expected in zip(layer.blobs, message.blobs):
                if blob.storage == "float32":
                    assert np.array_equal(blob.array().ravel(), np.float32(expected.data))


def test_the_zoo_is_what_real_caffe_holds(zoo: Path, load_in_caffe: Any) -> None:
    pairs = zoo_pairs(zoo)
    assert len(pairs) > 25
    for prototxt, path in pairs:
        weights = open_weights(path)
        params = load_in_caffe(prototxt, path)
        assert params, path
        for name, arrays in params.items():
            blobs = weights.blobs(name)
            if blobs:  # A fork's net may keep layers that this file never had.
                assert all(blob.fits(array.shape) for blob, array in zip(blobs, arrays))
                for blob, array in zip(blobs, arrays):
                    assert np.array_equal(blob.array().ravel(), array.ravel()), (path, name)


def test_the_zoo_is_written_back_byte_for_byte(zoo: Path, tmp_path: Path) -> None:
    for path in zoo_weights(zoo, "*.caffemodel"):
        weights = open_weights(path)
        weights.write(tmp_path / "same")
        assert (tmp_path / "same").read_bytes() == path.read_bytes()
        assert weights.size() == path.stat().st_size


def test_replacing_one_layer_leaves_every_other_byte(zoo: Path, tmp_path: Path) -> None:
    for path in zoo_weights(zoo, "*.caffemodel"):
        source, weights = path.read_bytes(), open_weights(path)
        old = [layer for layer in weights.layers if layer.blobs][-1]
        new = LayerWeights(old.name, old.type, (Blob.of(seeded(3, 2)),))
        changed = weights.replace({old.name: [new]})
        changed.write(tmp_path / "changed")
        result = (tmp_path / "changed").read_bytes()
        assert old.extent
        assert result.startswith(source[: old.extent.start])
        assert result.endswith(source[old.extent.stop :])
        assert len(result) == changed.size()
        schema.NetParameter.FromString(result)
        (blob,) = open_weights(tmp_path / "changed").blobs(old.name)
        assert np.array_equal(blob.array(), seeded(3, 2))


@pytest.mark.parametrize("version", VERSIONS)
def test_changed_layers_keep_the_version_of_the_file(tmp_path: Path, version: str) -> None:
    weights = open_weights(saved(tmp_path / "net", version))
    assert weights.version == version
    pair = [
        LayerWeights("ip_L", "InnerProduct", (Blob.of(seeded(2, 5)),)),
        LayerWeights("ip_U", "InnerProduct", (Blob.of(seeded(4, 2)), Blob.of(seeded(4)))),
    ]
    weights.replace({"ip": pair}).write(tmp_path / "changed")
    net = schema.NetParameter.FromString((tmp_path / "changed").read_bytes())
    assert bool(net.layer) == (version == "V2")
    messages = layers_of(net)
    assert [message.name for message in messages] == ["conv", "relu", "ip_L", "ip_U"]
    assert {message.type for message in messages} == {messages[0].type}
    assert list(messages[3].blobs[0].shape.dim) == [4, 2]
    assert np.array_equal(np.float32(messages[3].blobs[0].data), seeded(4, 2).ravel())
    reopened = open_weights(tmp_path / "changed")
    assert {layer.type for layer in reopened.layers} == {"InnerProduct"}
    assert np.array_equal(reopened.blobs("ip_U")[1].array(), seeded(4))


def test_a_v1_file_leaves_out_a_type_it_has_no_number_for(tmp_path: Path) -> None:
    weights = open_weights(saved(tmp_path / "net", "V1"))
    layer = LayerWeights("ip", "BatchNorm", (Blob.of(seeded(3)),))
    weights.replace({"ip": [layer]}).write(tmp_path / "changed")
    assert open_weights(tmp_path / "changed").find("ip")[0].type is None


def test_a_v0_file_refuses_a_type_it_has_no_word_for(tmp_path: Path) -> None:
    weights = open_weights(saved(tmp_path / "net", "V0"))
    layer = LayerWeights("ip", "BatchNorm", (Blob.of(seeded(3)),))
    with pytest.raises(FormatError, match="V0 file cannot hold a layer of type BatchNorm"):
        weights.replace({"ip": [layer]}).write(tmp_path / "changed")
    assert not (tmp_path / "changed").exists()


def test_replace_puts_new_layers_in_the_place_of_the_first(tmp_path: Path) -> None:
    weights = Weights.of([LayerWeights(name, None, (Blob.of(1.0),)) for name in "abcb"])
    new = LayerWeights("new", None, ())
    assert names(weights.replace({"b": [new]})) == ["a", "new", "c"]
    assert names(weights.replace({"b": [], "c": [new]})) == ["a", "new"]
    assert names(weights.replace({"a": weights.find("c"), "c": weights.find("a")})) == list("cbab")
    assert names(weights) == list("abcb")


def names(weights: Weights) -> list[str]:
    return [layer.name for layer in weights.layers]


def test_replace_skips_nothing_in_silence() -> None:
    weights = Weights.of([LayerWeights("a", None, ()), LayerWeights("b", None, ())])
    with pytest.raises(FormatError, match="layer 'c': is not in the weights"):
        weights.replace({"c": []})
    with pytest.raises(FormatError, match="layer 'b': is in the weights already"):
        weights.replace({"a": [LayerWeights("b", None, ())]})


def test_the_last_of_several_layers_of_a_name_counts(tmp_path: Path, load_in_caffe: Any) -> None:
    prototxt = tmp_path / "deploy.prototxt"
    prototxt.write_text(
        'input: "data" input_shape { dim: 1 dim: 3 }\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"\n'
        "  inner_product_param { num_output: 2 bias_term: false } }\n"
    )
    copies = [LayerWeights("ip", "InnerProduct", (Blob.of(seeded(2, 3, seed=s)),)) for s in (1, 2)]
    other = LayerWeights("other", "InnerProduct", (Blob.of(seeded(1)),))
    weights = Weights.of([other, *copies])
    weights.write(tmp_path / "net.caffemodel")
    params = load_in_caffe(prototxt, tmp_path / "net.caffemodel")
    assert np.array_equal(params["ip"][0], seeded(2, 3, seed=2))
    opened = open_weights(tmp_path / "net.caffemodel")
    assert np.array_equal(opened.blobs("ip")[0].array(), params["ip"][0])
    assert len(opened.find("ip")) == 2
    assert opened.blobs("absent") == ()
    assert "ip" in opened
    assert "absent" not in opened


def test_unknown_fields_and_their_order_survive(tmp_path: Path) -> None:
    net = net_message({"a": [seeded(2)], "b": [seeded(3)]})
    first, second = (type(net)(layer=[layer]).SerializeToString() for layer in net.layer)
    strange = b"\xaa\x06\x03abc\x48\x01\xfa\xff\xff\xff\x0f\x02hi"
    data = b"\x0a\x03net" + strange + first + strange + second + strange
    (tmp_path / "net").write_bytes(data)
    weights = open_weights(tmp_path / "net")
    weights.replace({"b": []}).write(tmp_path / "without")
    assert (tmp_path / "without").read_bytes() == data.replace(second, b"")


@given(st.binary(min_size=1, max_size=12))
@settings(max_examples=30)
def test_names_of_any_encoding_survive(name: bytes) -> None:
    text = name.decode("utf-8", "surrogateescape")
    weights = Weights.of([LayerWeights(text, text, (Blob.of(1.0),))], text)
    stream = Recorder()
    weights.write_to(stream)
    assert stream.data.count(name) >= 3


class Recorder(io.BytesIO):
    @property
    def data(self) -> bytes:
        return self.getvalue()


def test_an_upgrade_is_only_a_change_of_version(tmp_path: Path) -> None:
    old = open_weights(saved(tmp_path / "net", "V0"))
    Weights.of(old.layers, old.name).write(tmp_path / "new")
    net = schema.NetParameter.FromString((tmp_path / "new").read_bytes())
    assert [layer.type for layer in net.layer] == ["InnerProduct"] * 3
    assert net.name == "net"
    assert np.array_equal(np.float32(net.layer[2].blobs[0].data), seeded(4, 5).ravel())


def test_layers_that_give_way_to_others_of_their_names_keep_their_places() -> None:
    arrays = [np.full((2, 3), number, np.float32) for number in range(4)]
    first, second, third, other = (
        LayerWeights(name, "InnerProduct", (Blob.of(array),))
        for name, array in zip(("a", "b", "c", "b"), arrays)
    )
    before = Weights.of([first, second, third])
    known = before.digest, before.layers
    after = before.replace({"b": [other]})
    meant = Weights.of([first, other, third])
    assert after.layers == meant.layers
    assert after.digest == meant.digest != before.digest
    assert after.find("b") == (other,)
    assert (before.digest, before.layers, before.find("b")) == (*known, (second,))
    again = after.replace({"a": [LayerWeights("d", None, ())], "c": [third]})
    assert [layer.name for layer in again.layers] == ["d", "b", "c"]
    assert "a" not in again
    assert "d" in again
