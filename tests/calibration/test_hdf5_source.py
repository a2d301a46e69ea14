from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_layers import RealCaffe, data_layer, images

from netsurgery.calibration import Preprocessing, read_inputs
from netsurgery.errors import FormatError, NetsurgeryError

h5py = pytest.importorskip("h5py")
SHAPES = {"data": (1, 3, 9, 11)}


def write_hdf5(file: Path, **arrays: np.ndarray) -> Path:
    with h5py.File(file, "w") as stream:
        for name, array in arrays.items():
            stream[name] = array
    return file


def write_list(folder: Path, counts: tuple[int, ...] = (3, 1, 4)) -> Path:
    """A list of files with ``data`` as float64 and ``label``."""
    random = np.random.default_rng(0)
    files = [
        write_hdf5(
            folder / f"{number}.h5",
            data=random.normal(size=(count, 3, 9, 11)),
            label=random.integers(0, 9, (count, 1)).astype(np.float32),
            boxes=random.normal(size=(count, 4)),
        )
        for number, count in enumerate(counts)
    ]
    listed = folder / "train.txt"
    listed.write_text("".join(f"{file}\n" for file in files))
    return listed


def by_hdf5(source: Path, tops: str = "data label") -> str:
    return data_layer("HDF5Data", f'hdf5_data_param {{ source: "{source}" batch_size: 4 }}', tops)


def test_equals_what_the_hdf5_layer_of_real_caffe_feeds(caffe_python: str, tmp_path: Path) -> None:
    real = RealCaffe(caffe_python, tmp_path)
    prototxt, folder = real.add(by_hdf5(write_list(tmp_path), "label data boxes"), 2)
    real.run()
    fed, boxes, labels = (np.load(folder / f"{name}.npy") for name in ("data", "boxes", "label"))
    inputs = read_inputs(prototxt, {"data": (4, 3, 9, 11), "boxes": (4, 4)})
    (batch,) = inputs.batches(8)
    np.testing.assert_array_equal(batch.inputs["data"], fed)
    np.testing.assert_array_equal(batch.inputs["boxes"], boxes)
    np.testing.assert_array_equal(inputs.labels, labels.reshape(-1))
    assert len(inputs) == 8


def test_image_files_equal_what_real_caffe_feeds(caffe_python: str, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    for number, image in enumerate(images(4)):
        cv2.imwrite(str(tmp_path / f"image {number}.png"), image.transpose(1, 2, 0))
    listed = tmp_path / "train.txt"
    listed.write_text("".join(f"image {number}.png {number + 5}\n" for number in range(4)))
    real = RealCaffe(caffe_python, tmp_path)
    base = f'source: "{listed}" root_folder: "{tmp_path}/" batch_size: 2'
    nets = {
        more: real.add(
            data_layer("ImageData", f"image_data_param {{ {base} {more} }} transform_param {{ "
                       "mean_value: 17.5 scale: 0.5 crop_size: 5 }"), 2
        )
        for more in ("", "is_color: false", "new_height: 16 new_width: 7")
    }  # fmt: skip
    real.run()
    for more, (prototxt, folder) in nets.items():
        fed = np.load(folder / "data.npy")
        inputs = read_inputs(prototxt, {"data": fed.shape})
        # OpenCVs may round what lies between two pixels the other way: one of 256, times scale.
        tolerance = 0.5 if "new" in more else 0
        np.testing.assert_allclose(inputs.arrays["data"][:], fed, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(inputs.labels, np.load(folder / "label.npy"))


def test_a_file_or_a_list_without_a_prototxt(tmp_path: Path) -> None:
    listed = write_list(tmp_path)
    inputs = read_inputs(listed, SHAPES)
    assert len(inputs) == len(inputs.labels) == 8
    one = read_inputs(tmp_path / "2.h5", SHAPES)
    np.testing.assert_array_equal(one.arrays["data"][1:3], inputs.arrays["data"][5:7])
    np.testing.assert_array_equal(one.labels, inputs.labels[4:])


@pytest.mark.parametrize("part", [(0, 3), (2, 5), (3, 4), (4, 8), (0, 8), (7, 8), (5, 5), (0, 0)])
def test_rows_go_on_from_file_to_file(part: tuple[int, int], tmp_path: Path) -> None:
    samples = read_inputs(write_list(tmp_path), SHAPES).arrays["data"]
    whole = np.concatenate([h5py.File(tmp_path / f"{i}.h5")["data"][:] for i in range(3)])
    np.testing.assert_array_equal(samples[slice(*part)], whole[slice(*part)])


def test_names_beside_the_list(tmp_path: Path) -> None:
    write_list(tmp_path).write_text("0.h5\n2.h5 1.h5\n")
    assert len(read_inputs(tmp_path / "train.txt", SHAPES)) == 8
    prototxt = tmp_path / "train_val.prototxt"
    prototxt.write_text(by_hdf5(Path("train.txt")))
    assert len(read_inputs(prototxt, SHAPES)) == 8


def test_the_only_input_may_bear_another_name(tmp_path: Path) -> None:
    prototxt = tmp_path / "train_val.prototxt"
    prototxt.write_text(by_hdf5(write_list(tmp_path)))
    assert read_inputs(prototxt, {"image": (1, 3, 9, 11)}).arrays["image"].shape[0] == 8


def test_samples_that_are_whole_blobs(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rois = random.normal(size=(3, 6, 5))
    file = write_hdf5(tmp_path / "in.h5", data=random.normal(size=(3, 3, 9, 11)), rois=rois)
    (_, second, _) = read_inputs(file, {**SHAPES, "rois": (1, 5)}).batches(64)
    assert second.inputs["data"].shape == (1, 3, 9, 11)
    np.testing.assert_array_equal(second.inputs["rois"], rois[1].astype(np.float32))


def test_targets_that_are_no_classes_are_no_labels(tmp_path: Path) -> None:
    data, target = np.zeros((2, 3, 9, 11)), np.array([0.5, 1])
    assert read_inputs(write_hdf5(tmp_path / "a.h5", data=data, y=target), SHAPES).labels is None


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    data = np.zeros((2, 3, 9, 11))
    write_hdf5(tmp_path / "a.h5", data=data)
    write_hdf5(tmp_path / "b.h5", data=data[:, :2])
    write_hdf5(tmp_path / "c.h5", data=data, label=np.zeros(3))
    write_hdf5(tmp_path / "text.h5", data=np.array([b"a", b"b"]))
    write_hdf5(tmp_path / "number.h5", data=np.array(1.0))
    (tmp_path / "cut.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:900])
    for names, words in {
        "a.h5 b.h5": r"b\.h5: dataset 'data' is float64 of shape .*does not go on from .*a\.h5",
        "c.h5": r"c\.h5: datasets need rows, all as many",
        "text.h5": r"text\.h5: dataset 'data' is \|S1",
        "number.h5": r"number\.h5: has no dataset 'data' with rows",
        "cut.h5": r"cut\.h5: this HDF5 file is damaged",
        "none.h5": r"none\.h5: ",
        "": "lists nothing",
    }.items():
        (tmp_path / "list.txt").write_text(names + "\n")
        with pytest.raises(FormatError, match=words):
            read_inputs(tmp_path / "list.txt", SHAPES)
    prototxt = tmp_path / "train_val.prototxt"
    (tmp_path / "list.txt").write_text("a.h5")
    prototxt.write_text(by_hdf5(tmp_path / "list.txt"))
    with pytest.raises(FormatError, match=r"a\.h5: has no dataset 'label'.*it holds 'data'"):
        read_inputs(prototxt, SHAPES)
    with pytest.raises(NetsurgeryError, match=r"train_val\.prototxt: preprocessing is for images"):
        read_inputs(prototxt, SHAPES, preprocessing=Preprocessing())
    with pytest.raises(NetsurgeryError, match="cannot be read together"):
        read_inputs([tmp_path / "a.h5", tmp_path / "b.h5"], SHAPES)
