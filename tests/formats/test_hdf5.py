"""HDF5 weights as real Caffe reads and writes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np
import pytest
from weight_files import BLVC_BLOB, file_with_blob, net_message, seeded, zoo_pairs, zoo_weights

from netsurgery.errors import FormatError
from netsurgery.formats.blob import SHARED
from netsurgery.formats.convert import convert_weights
from netsurgery.formats.weights import Blob, LayerWeights, Weights, open_weights

Arrays = dict[str, list[np.ndarray]]
OPTIONS: list[dict[str, bool]] = [{}, {"gzip": True}, {"float16": True}]
OPTIONS.append({"gzip": True, "float16": True})

SHARING = """
input: "data" input_shape { dim: 2 dim: 3 }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" }
  inner_product_param { num_output: 3 } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" }
  inner_product_param { num_output: 3 } }
"""


def hdf5_file(path: Path, fill: Callable[[Any], Any]) -> Path:
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def as_hdf5(layers: list[LayerWeights]) -> Weights:
    return convert_weights(Weights.of(layers), "hdf5")


def layer(name: str, *arrays: np.ndarray) -> LayerWeights:
    return LayerWeights(name, "InnerProduct", tuple(Blob.of(values) for values in arrays))


def shapes_of(params: Arrays) -> dict[str, list[tuple[int, ...]]]:
    return {name: [values.shape for values in arrays] for name, arrays in params.items()}


def tree_of(path: Path) -> dict[str, Any]:
    """Every object in the file with what is in it."""
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: content(item)}))
    return found


def content(item: Any) -> Any:
    if isinstance(item, h5py.Group):
        return "group"
    return item.dtype.str, item.shape, item.chunks, item[()].tobytes()


def test_the_zoo_converted_to_hdf5_and_back_is_the_same_to_caffe(
    zoo: Path, tmp_path: Path, load_in_caffe: Any
) -> None:
    there, back = tmp_path / "net.caffemodel.h5", tmp_path / "net.caffemodel"
    converted = 0
    for prototxt, path in zoo_pairs(zoo):
        expected = load_in_caffe(prototxt, path)
        weights = open_weights(path)
        hdf5 = convert_weights(weights, "hdf5", shapes=shapes_of(expected))
        if any("/" in entry.name and entry.blobs for entry in weights.layers):
            with pytest.raises(FormatError, match="caffe#4267"):
                hdf5.write(there)
            continue
        hdf5.write(there)
        assert_equal(load_in_caffe(prototxt, there), expected)
        convert_weights(open_weights(there), "caffemodel").write(back)
        assert_equal(load_in_caffe(prototxt, back), expected)
        converted += 1
    assert converted > 25


def assert_equal(params: Arrays, expected: Arrays) -> None:
    assert params.keys() == expected.keys()
    for name, arrays in params.items():
        assert len(arrays) == len(expected[name])
        assert all(np.array_equal(a, b) for a, b in zip(arrays, expected[name])), name


def test_we_write_what_caffe_writes(zoo: Path, tmp_path: Path, load_in_caffe: Any) -> None:
    folder = zoo / "lenet_ethereon"
    prototxt, path = folder / "deploy.prototxt", folder / "lenet_iter_10000.caffemodel"
    load_in_caffe(prototxt, path, save=tmp_path / "caffe.h5")
    load_in_caffe(prototxt, path, save=tmp_path / "caffe.caffemodel")
    weights = open_weights(tmp_path / "caffe.caffemodel")
    convert_weights(weights, "hdf5").write(tmp_path / "ours.h5")
    assert tree_of(tmp_path / "ours.h5") == tree_of(tmp_path / "caffe.h5")
    ours = open_weights(tmp_path / "ours.h5")
    caffes = open_weights(tmp_path / "caffe.h5")
    assert repr(ours.layers) == repr(caffes.layers)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_caffe_reads_every_option(
    zoo: Path, tmp_path: Path, load_in_caffe: Any, options: dict[str, bool]
) -> None:
    folder = zoo / "lenet_ethereon"
    prototxt, path = folder / "deploy.prototxt", folder / "lenet_iter_10000.caffemodel"
    convert_weights(open_weights(path), "hdf5").write(tmp_path / "net.h5", **options)
    kind = np.float16 if options.get("float16") else np.float32
    expected = load_in_caffe(prototxt, path)
    expected = {k: [a.astype(kind).astype(np.float32) for a in v] for k, v in expected.items()}
    assert_equal(load_in_caffe(prototxt, tmp_path / "net.h5"), expected)
    opened = open_weights(tmp_path / "net.h5")
    assert opened.blobs("conv2")[0].storage == np.dtype(kind).name
    assert_equal({name: [b.array() for b in opened.blobs(name)] for name in expected}, expected)


def test_legacy_blobs_need_the_shapes_of_the_net(zoo: Path, tmp_path: Path) -> None:
    weights = open_weights(zoo / "lenet_everpeace" / "lenet_iter_10000.caffemodel")
    with pytest.raises(
        FormatError, match=r"blob 0 has a legacy shape .* convert with the prototxt"
    ):
        convert_weights(weights, "hdf5").write(tmp_path / "net.h5")
    with pytest.raises(FormatError, match=r"'ip1': blob 0 has shape \(1, 1, 500, 800\), but the"):
        convert_weights(weights, "hdf5", shapes={"ip1": [(800, 500), (500,)]})
    assert not (tmp_path / "net.h5").exists()


def test_the_zoos_hdf5_files_are_read_as_h5py_reads_them(zoo: Path, tmp_path: Path) -> None:
    paths = zoo_weights(zoo, "*.h5")
    assert len(paths) == 2
    for path in paths:
        weights = open_weights(path)
        assert weights.format == "hdf5"
        weights.write(tmp_path / "again.caffemodel.h5")
        assert tree_of(tmp_path / "again.caffemodel.h5") == tree_of(path)
        with h5py.File(path, "r") as file:
            assert [entry.name for entry in weights.layers] == list(file["data"])


def test_hdf5_is_known_by_its_contents_and_kept_as_the_format(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    as_hdf5([layer("a", seeded(2, 3)), layer("b", seeded(4))]).write(path)
    before = path.read_bytes()
    weights = open_weights(path)
    weights.write(path)
    assert path.read_bytes() == before
    weights.replace({"a": [layer("a_L", seeded(1, 3)), layer("a_U", seeded(2, 1))]}).write(path)
    assert np.array_equal(weights.blobs("a")[0].array(), seeded(2, 3))
    changed = open_weights(path)
    assert [entry.name for entry in changed.layers] == ["a_L", "a_U", "b"]
    assert np.array_equal(changed.blobs("a_U")[0].array(), seeded(2, 1))


def test_the_size_of_a_file_is_known_before_it_is_written(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for count in (0, 1, 5, 9, 40):
        layers = [
            LayerWeights(
                "layer" + "x" * int(random.integers(40)) + str(number),
                "Convolution",
                tuple(
                    Blob.of(np.ones(random.integers(1, 30, axes), np.float32))
                    for axes in (4, 1, 2)[: number % 4]
                ),
            )
            for number in range(count)
        ]
        weights = Weights(layers, format="hdf5")
        weights.write(tmp_path / "net.h5")
        assert weights.size() == (tmp_path / "net.h5").stat().st_size


def test_shared_parameters_are_stored_once(tmp_path: Path, load_in_caffe: Any) -> None:
    prototxt = tmp_path / "deploy.prototxt"
    prototxt.write_text(SHARING)
    pair = [layer("a", seeded(3, 3), seeded(3)), layer("b", seeded(3, 3), seeded(3, seed=1))]
    Weights.of([layer("input"), *pair]).write(tmp_path / "net.caffemodel")
    expected = load_in_caffe(prototxt, tmp_path / "net.caffemodel", save=tmp_path / "caffe.h5")
    caffes = open_weights(tmp_path / "caffe.h5")
    assert caffes.blobs("b")[0] is SHARED
    shared = {("b", 0): ("a", 0)}
    hdf5 = convert_weights(open_weights(tmp_path / "net.caffemodel"), "hdf5", shared=shared)
    hdf5.write(tmp_path / "ours.h5")
    assert tree_of(tmp_path / "ours.h5") == tree_of(tmp_path / "caffe.h5")
    assert_equal(load_in_caffe(prototxt, tmp_path / "ours.h5"), expected)
    with pytest.raises(FormatError, match="'b': blob 0 is not in the file: the layer shares it"):
        convert_weights(caffes, "caffemodel")
    convert_weights(caffes, "caffemodel", shared=shared).write(tmp_path / "back")
    assert_equal(load_in_caffe(prototxt, tmp_path / "back"), expected)


def test_names_with_a_slash_are_read_and_not_written(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file["data/conv1/0"] = seeded(2)
        file["data/conv1/bn/0"] = seeded(3)
        file["data/conv1/bn/1"] = np.arange(4)
        file.create_group("data/relu/1")

    weights = open_weights(hdf5_file(tmp_path / "net.h5", fill))
    found = {entry.name: [blob.shape for blob in entry.blobs] for entry in weights.layers}
    assert found == {"conv1": [(2,)], "conv1/bn": [(3,), (4,)], "relu/1": []}
    assert weights.blobs("conv1/bn")[1].array().tolist() == [0, 1, 2, 3]
    with pytest.raises(FormatError, match=r"'conv1/bn': .* Caffe cannot load that \(caffe#4267\)"):
        weights.write(tmp_path / "out.h5")
    without = weights.replace({"conv1/bn": []})
    without.write(tmp_path / "out.h5")
    assert list(tree_of(tmp_path / "out.h5")) == ["data", "data/conv1", "data/conv1/0"]


def test_what_hdf5_cannot_hold_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.h5"
    with pytest.raises(FormatError, match="'a': is there twice"):
        as_hdf5([layer("a", seeded(1)), layer("a", seeded(1))]).write(out)
    with pytest.raises(FormatError, match="HDF5 cannot hold this name"):
        as_hdf5([layer(".", seeded(1))]).write(out)
    with pytest.raises(FormatError, match="gzip is for HDF5"):
        Weights.of([layer("a", seeded(1))]).write(out, gzip=True)
    assert list(tmp_path.iterdir()) == []
    twice = [layer("data"), layer("data"), layer("a", seeded(1))]
    as_hdf5(twice).write(out)
    assert [entry.name for entry in open_weights(out).layers] == ["a", "data"]


def test_names_of_any_encoding_survive(tmp_path: Path) -> None:
    names = sorted(["caf\udce9", "café", "a b:c"])
    as_hdf5([layer(name, seeded(1)) for name in names]).write(tmp_path / "net.h5")
    weights = open_weights(tmp_path / "net.h5")
    assert sorted(entry.name for entry in weights.layers) == names


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        as_hdf5([layer("a", seeded(50, 60))]).write(tmp_path / name, gzip=True)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def link_outside(file: Any) -> None:
    file.create_group("data/a")["0"] = h5py.ExternalLink("/etc/passwd", "/x")


def store_outside(file: Any) -> None:
    group = file.create_group("data/a")
    group.create_dataset("0", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def claim_too_much(file: Any) -> None:
    group = file.create_group("data/a")
    group.create_dataset("0", (2**40,), "f4", chunks=(1024,), compression="gzip")


def circle(file: Any) -> None:
    group = file.create_group("data/a")
    group["again"] = group


def words(file: Any) -> None:
    file["data/a/0"] = "words"


@pytest.mark.parametrize(
    ("fill", "problem"),
    [
        (lambda f: f.create_group("model_weights"), "not weights of Caffe, perhaps Keras"),
        (lambda f: f.create_group("history"), r"a solver's memory \(.solverstate.h5\); give the"),
        (lambda f: f.update(data=seeded(9)), "data for training; give the trained .caffemodel.h5"),
        (lambda f: f.create_group("data"), "no layer in it has weights"),
        (lambda f: f.update({"data/0": seeded(1)}), "/data/0 is a dataset where a layer should be"),
        (lambda f: f.update({"data/a/kernel": seeded(1)}), "'a': /data/a/kernel is not numbered"),
        (lambda f: f.update({"data/a/9999999": seeded(1)}), "/data/a/9999999 is not numbered"),
        (link_outside, "/data/a/0 is a link to elsewhere"),
        (store_outside, "'a': /data/a/0 has its numbers in another file"),
        (claim_too_much, "claims 4,398,046,511,104 bytes, but stores 0"),
        (circle, "its groups are nested or repeated without end"),
        (words, "'a': /data/a/0 holds object, not numbers"),
    ],
)
def test_other_hdf5_files_are_refused(tmp_path: Path, fill: Any, problem: str) -> None:
    path = hdf5_file(tmp_path / "net.h5", fill)
    with pytest.raises(FormatError, match=problem) as caught:
        open_weights(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_damaged_hdf5_is_a_format_error(zoo: Path, tmp_path: Path) -> None:
    whole = next(iter(zoo_weights(zoo, "*.h5"))).read_bytes()
    path = tmp_path / "cut.h5"
    for size in (8, 100, 2048, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match=r"this HDF5 file is damaged: .*; download or copy"):
            open_weights(path)


def test_without_h5py_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = as_hdf5([layer("a", seeded(1))])
    weights.write(tmp_path / "net.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    message = r"HDF5 files need h5py; pip install 'netsurgery\[hdf5\]'"
    with pytest.raises(FormatError, match=message):
        open_weights(tmp_path / "net.h5")
    with pytest.raises(FormatError, match=message):
        weights.write(tmp_path / "out.h5")


def test_conversion_keeps_doubles_and_their_notes(tmp_path: Path) -> None:
    message = BLVC_BLOB(double_diff=[1, 2, 3])
    message.shape.dim.append(3)
    (tmp_path / "net").write_bytes(file_with_blob(message.SerializeToString()))
    converted = convert_weights(open_weights(tmp_path / "net"), "caffemodel", shapes={"ip": [(3,)]})
    (blob,) = converted.blobs("ip")
    assert (blob.storage, "diff" in blob.note) == ("float64", True)
    (tmp_path / "v0").write_bytes(net_message({"a": [seeded(2)]}, "V0").SerializeToString())
    assert convert_weights(open_weights(tmp_path / "v0"), "caffemodel").version == "V2"
