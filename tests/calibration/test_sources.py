from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netsurgery.calibration import Preprocessing, read_inputs
from netsurgery.calibration.images import load_image
from netsurgery.errors import FormatError, NetsurgeryError

IMAGE_NET = {"data": (1, 3, 8, 8)}
TWO_INPUTS = {"data": (1, 3, 8, 8), "rois": (1, 5)}


def samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def write_images(folder: Path, names: list[str]) -> None:
    cv2 = pytest.importorskip("cv2")
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((8, 8, 3), 10 * i, dtype=np.uint8))


@pytest.mark.parametrize("name", ["labels", "label"])
def test_npz_by_names_of_inputs(tmp_path: Path, name: str) -> None:
    data, labels = samples(4, 3, 8, 8), np.arange(4)
    np.savez(tmp_path / "in.npz", data=data, extra=np.zeros(3), **{name: labels})
    inputs = read_inputs(tmp_path / "in.npz", IMAGE_NET)
    np.testing.assert_array_equal(inputs.arrays["data"], data)
    np.testing.assert_array_equal(inputs.labels, labels)
    assert inputs.description.endswith("in.npz (not used: extra)")


def test_npz_of_another_name_goes_to_the_only_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", samples(4, 3, 8, 8), labels=np.arange(4))
    assert read_inputs(tmp_path / "in.npz", IMAGE_NET).arrays["data"].shape == (4, 3, 8, 8)


def test_npy_goes_to_the_only_input(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", (255 * samples(4, 3, 8, 8)).astype(np.uint8))
    (batch,) = read_inputs([tmp_path / "in.npy"], IMAGE_NET).batches(4)
    assert batch.inputs["data"].dtype == np.float32
    assert batch.inputs["data"].max() > 200


def test_samples_that_are_whole_blobs(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", data=samples(2, 3, 8, 8), rois=samples(2, 6, 5))
    (first, _) = read_inputs(tmp_path / "in.npz", TWO_INPUTS).batches(64)
    assert first.inputs["data"].shape == (1, 3, 8, 8)
    assert first.inputs["rois"].shape == (6, 5)


@pytest.mark.parametrize(
    ("arrays", "shapes", "words"),
    [
        ({"image": (2, 3, 8, 8)}, TWO_INPUTS, "inputs are 'data', 'rois'.*given for 'image'"),
        ({"a": (2, 3), "b": (2, 3)}, IMAGE_NET, "inputs are 'data'.*given for 'a', 'b'"),
        ({"data": (2, 3)}, IMAGE_NET, r"'data' of the net is \(1, 3, 8, 8\).*\(2, 3\)"),
        ({"data": ()}, IMAGE_NET, r"samples of shape \(\)"),
        ({}, IMAGE_NET, "given for nothing"),
        ({"data": (2, 3, 8, 8), "labels": (3,)}, IMAGE_NET, "data 2, labels 3"),
    ],
)
def test_arrays_that_do_not_fit(arrays: dict, shapes: dict, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", **{name: np.zeros(shape) for name, shape in arrays.items()})
    with pytest.raises(FormatError, match=rf"in\.npz: .*{words}"):
        read_inputs(tmp_path / "in.npz", shapes)


def test_inputs_of_different_batches_need_whole_blobs(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", data=samples(2, 3, 8, 8), rois=samples(2, 5))
    with pytest.raises(FormatError, match="whole input blobs"):
        read_inputs(tmp_path / "in.npz", {"data": (1, 3, 8, 8), "rois": (300, 5)})


@pytest.mark.parametrize("name", ["in.npz", "in.npy"])
@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"<html>", b"\x00" * 99]
)
def test_hostile_arrays(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=name):
        read_inputs(tmp_path / name, IMAGE_NET)


def test_arrays_that_claim_to_be_huge(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 3, 8, 8)}"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    (tmp_path / "in.npy").write_bytes(data)
    with pytest.raises(FormatError, match=r"in\.npy"):
        read_inputs(tmp_path / "in.npy", IMAGE_NET)


@pytest.mark.parametrize("value", [{"a": 1}, "text", 1j])
def test_arrays_of_no_numbers(value: object, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", data=np.full((2, 3, 8, 8), value))
    with pytest.raises(FormatError, match=r"in\.npz"):
        read_inputs(tmp_path / "in.npz", IMAGE_NET)


def test_wrong_suffixes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", samples(2, 3))
    np.savez(tmp_path / "b.npz", samples(2, 3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    with pytest.raises(FormatError, match=r"a\.npz: an \.npy under the name"):
        read_inputs(tmp_path / "a.npz", IMAGE_NET)
    with pytest.raises(FormatError, match=r"b\.npy: an \.npz under the name"):
        read_inputs(tmp_path / "b.npy", IMAGE_NET)


def test_arrays_are_not_preprocessed(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", samples(2, 3, 8, 8))
    with pytest.raises(NetsurgeryError, match="preprocessing is for images"):
        read_inputs(tmp_path / "in.npy", IMAGE_NET, preprocessing=Preprocessing())


def test_folder_of_images_in_the_order_of_names(tmp_path: Path) -> None:
    write_images(tmp_path, ["c.png", "a.png", "b.PNG"])
    (tmp_path / "synset.txt").write_text("cat")
    inputs = read_inputs(tmp_path, IMAGE_NET)
    assert inputs.description == "3 images (1 files that are no images passed over)"
    assert inputs.arrays["data"].shape == (3, 3, 8, 8)
    np.testing.assert_allclose(inputs.arrays["data"][:][:, 0, 0, 0], [10, 20, 0], atol=1e-4)


def test_image_files_for_a_grey_net(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png"])
    files = [tmp_path / "b.png", tmp_path / "a.png"]
    inputs = read_inputs(files, {"data": (64, 1, 8, 8)})
    grey = 255 * load_image(files[0], color=False)
    np.testing.assert_allclose(inputs.arrays["data"][:1], grey.transpose(2, 0, 1)[None])


def test_images_need_one_input_of_channels(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png"])
    for shapes in (TWO_INPUTS, {"data": (1, 784)}, {"data": (1, 5, 8, 8)}, {}):
        with pytest.raises(NetsurgeryError, match="one input of 1 or 3 channels"):
            read_inputs(tmp_path, shapes)


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds no image"):
        read_inputs(tmp_path, IMAGE_NET)


@pytest.mark.parametrize(
    "text", ["2\n0\n1\n", "b.png 0\nc.png 1\na.png 2\n", "x/a.png 2\nb.png 0\nc.png 1\nd.png 5"]
)
def test_labels_in_order_or_by_name(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    write_images(folder, ["a.png", "b.png", "c.png"])
    (tmp_path / "labels.txt").write_text(text)
    inputs = read_inputs(folder, IMAGE_NET, labels=tmp_path / "labels.txt")
    np.testing.assert_array_equal(inputs.labels, [2, 0, 1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n", "1 classes for 2 samples"),
        ("cat\ndog\n", "neither classes nor names"),
        ("a.png 1\n", "no class for image 'b.png'"),
        ("a.png 1\nb.png\n", "neither classes nor names"),
        ("a.png 1\nb.png 1\na.png 2", "names an image twice"),
        ("", "0 classes for 2 samples"),
    ],
)
def test_labels_that_do_not_fit(text: str, words: str, tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png"])
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(FormatError, match=rf"labels\.txt: {words}"):
        read_inputs(tmp_path, IMAGE_NET, labels=tmp_path / "labels.txt")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.npz"):
        read_inputs(tmp_path / "none.npz", IMAGE_NET)
    np.save(tmp_path / "in.npy", samples(2, 3, 8, 8))
    with pytest.raises(FormatError, match=r"labels\.txt: cannot be read"):
        read_inputs(tmp_path / "in.npy", IMAGE_NET, labels=tmp_path / "labels.txt")


@pytest.mark.parametrize(("limit", "times"), [(1e9, 1), (1, 3)])
def test_images_are_decoded_once_if_their_samples_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float, times: int
) -> None:
    write_images(tmp_path, ["a.png", "b.png", "c.png"])
    decoded = []
    monkeypatch.setattr("netsurgery.calibration.held_samples.KEPT_BYTES", limit)
    monkeypatch.setattr(
        "netsurgery.calibration.sources.load_image",
        lambda file, color: decoded.append(file) or load_image(file, color),
    )
    inputs = read_inputs(tmp_path, IMAGE_NET)
    inputs.check()
    whole = [batch.inputs["data"] for batch in inputs.spread(2).batches(2)]
    again = [batch.inputs["data"] for batch in inputs.batches(3)]
    assert len(decoded) == 3 * times - (times > 1)
    np.testing.assert_array_equal(whole[0], again[0][[0, 1]])


def test_targets_come_beside_the_inputs_where_they_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    data, age = np.ones((5, 2), np.float32), np.arange(10.0).reshape(5, 2) / 4
    np.savez(file, data=data, age=age, label=np.arange(5) / 2, other=data)
    shapes = {"data": (1, 2)}
    inputs = read_inputs(file, shapes, targets=["age", "label", "missing"])
    assert sorted(inputs.targets) == ["age", "label"]
    assert np.array_equal(inputs.targets["age"][:], age)
    assert inputs.labels is None  # halves are no classes
    assert "not used: other" in inputs.description
    few = inputs.chosen(np.array([4, 1])).first(1)
    assert few.targets["age"][:].tolist() == age[[4]].tolist()
    assert few.targets_digest != inputs.targets_digest
    np.savez(file, data=data, label=np.arange(5))
    both = read_inputs(file, shapes, targets=["label"])
    assert both.labels is not None
    assert both.targets["label"].shape == (5,)
    np.savez(file, data=data, age=np.full((5, 1), np.nan))
    with pytest.raises(NetsurgeryError, match="'age' holds NaN or infinity"):
        read_inputs(file, shapes, targets=["age"]).check()
    np.savez(file, data=data, age=age[:4])
    with pytest.raises(NetsurgeryError, match="age 4, data 5"):
        read_inputs(file, shapes, targets=["age"])
