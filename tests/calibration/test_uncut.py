"""Images that are read uncut: their centre is what is read otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_layers import data_layer, images, raw, write_lmdb
from small_models import make_model

from netsurgery.calibration import Preprocessing, declared_views, held, read_inputs, sources
from netsurgery.calibration.images import load_image
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.jobs.samples import read_samples

SHAPES = {"data": (4, 3, 4, 5)}


def write_images(folder: Path, count: int = 3) -> Path:
    cv2 = pytest.importorskip("cv2")
    folder.mkdir()
    for number, image in enumerate(images(count, (3, 9, 11))):
        cv2.imwrite(str(folder / f"{number}.png"), image.transpose(1, 2, 0))
    return folder


def require_centre(given: Path, shapes: dict = SHAPES, **options: object) -> np.ndarray:
    """The uncut samples, whose centre is what is fed otherwise."""
    cut, whole = (read_inputs(given, shapes, uncut=uncut, **options) for uncut in (False, True))
    samples = np.asarray(whole.arrays["data"][:])
    height, width = shapes["data"][2:]
    top, left = (samples.shape[2] - height) // 2, (samples.shape[3] - width) // 2
    found = samples[:, :, top : top + height, left : left + width]
    np.testing.assert_array_equal(found, cut.arrays["data"][:])
    assert whole.arrays["data"].shape == samples.shape
    np.testing.assert_array_equal(cut.labels, whole.labels)
    return samples


def test_image_files(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images")
    flags = Preprocessing(images_dim=(8, 7), mean=(1.0, 2.0, 3.0), input_scale=0.5)
    assert require_centre(folder, preprocessing=flags).shape == (3, 3, 8, 7)
    resized = require_centre(folder, preprocessing=Preprocessing(mean=(3.0,)))
    assert resized.shape == (3, 3, 4, 5)


def test_image_files_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = read_inputs(write_images(tmp_path / "images"), SHAPES, uncut=True)
    decoded = []

    def load(file: Path, color: bool) -> np.ndarray:
        decoded.append(file.name)
        return load_image(file, color)

    monkeypatch.setattr(sources, "load_image", load)
    samples = inputs.arrays["data"]
    np.testing.assert_array_equal(samples[1:], held(samples).take(np.array([1, 2])))
    assert decoded == ["1.png", "2.png"]
    assert samples[:].shape == (3, 3, 4, 5)
    assert decoded[2:] == ["0.png"]


def test_databases_and_data_layers(tmp_path: Path) -> None:
    records = [raw(image, label) for label, image in enumerate(images(4, (3, 9, 11)))]
    database = write_lmdb(tmp_path / "lmdb", records)
    flags = Preprocessing(mean=(7.0,), input_scale=0.25)
    assert require_centre(database, preprocessing=flags).shape == (4, 3, 9, 11)
    square = {"data": (4, 3, 5, 5)}
    transform = "transform_param { crop_size: 5 mirror: true mean_value: 3 }"
    for kind, source in (
        ("Data", f'data_param {{ source: "{database}" backend: LMDB batch_size: 2 }}'),
        ("ImageData", f'image_data_param {{ source: "{listed(tmp_path)}" batch_size: 2 }}'),
    ):
        prototxt = tmp_path / f"{kind}.prototxt"
        prototxt.write_text(data_layer(kind, f"{source} {transform}"))
        assert require_centre(prototxt, square).shape[1:] == (3, 9, 11)
        assert declared_views(prototxt) == (True, (5, 5))


def listed(folder: Path) -> Path:
    written = write_images(folder / "images")
    lines = [f"{file} {number}\n" for number, file in enumerate(sorted(written.iterdir()))]
    (folder / "list.txt").write_text("".join(lines))
    return folder / "list.txt"


def test_each_phase_declares_its_own_views(tmp_path: Path) -> None:
    prototxt = tmp_path / "train_val.prototxt"
    source = 'data_param { source: "x" batch_size: 2 }'
    prototxt.write_text(
        data_layer(
            "Data", f"{source} include {{ phase: TRAIN }} transform_param {{ mirror: true }}"
        )
        + data_layer("Data", f"{source} include {{ phase: TEST }}")
    )
    assert declared_views(prototxt) == (True, None)
    assert declared_views(prototxt, "TEST") == (False, None)
    prototxt.write_text(data_layer("HDF5Data", 'hdf5_data_param { source: "x" batch_size: 2 }'))
    assert declared_views(prototxt) == (False, None)
    prototxt.write_text('layer { name: "d" type: "Input" top: "data" }')
    with pytest.raises(FormatError, match="has no layer of type"):
        declared_views(prototxt)


def test_a_mean_image_belongs_to_the_centre(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images")
    file = tmp_path / "mean.npy"
    np.save(file, np.zeros((3, 4, 5)))
    flags = Preprocessing(images_dim=(8, 7), mean_file=str(file))
    read_inputs(folder, SHAPES, preprocessing=flags)
    with pytest.raises(NetsurgeryError, match=r"mean.npy: a mean image .* channel as `mean`"):
        read_inputs(folder, SHAPES, preprocessing=flags, uncut=True)


def test_a_job_takes_pictures_that_are_larger_than_the_net_reads(tmp_path: Path) -> None:
    text = 'layer { name: "d" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 4'
    text += " dim: 5 } } }\n"
    text += 'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"'
    text += " inner_product_param { num_output: 2 } }"
    model = make_model(text, {"fc": [np.zeros((2, 60)), np.zeros(2)]})
    folder, flags = write_images(tmp_path / "images"), Preprocessing(images_dim=(8, 7))
    assert read_samples(model, folder, flags, uncut=True).arrays["data"].shape == (3, 3, 8, 7)
