"""Preprocessing against real ``caffe.io``, run by the Python that has Caffe."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from netsurgery.calibration import Preprocessing
from netsurgery.calibration.images import load_image, resize_image
from netsurgery.errors import FormatError, NetsurgeryError

cv2 = pytest.importorskip("cv2")

# Grey levels of 255: both sides compute in float32, whose rounding in resizing, scaling and
# subtracting a mean stays below 2**-16 of the range.
TOLERANCE = 255 * 2**-16

COLOR = {"shape": (3, 40, 48), "channel_swap": (2, 1, 0)}
GREY = {"shape": (1, 28, 28), "channel_swap": None}
JOBS = {
    "plain": {**COLOR},
    "grey": {**GREY},
    "grey of a grey file": {**GREY, "image": "grey.png", "input_scale": 1 / 256},
    "color of a grey file": {**COLOR, "image": "grey.png"},
    "transparent": {**COLOR, "image": "alpha.png"},
    "16 bits": {**GREY, "image": "deep.png"},
    "constant": {**COLOR, "image": "constant.png"},
    "no swap, scaled": {
        **COLOR,
        "channel_swap": (0, 1, 2),
        "mean": [127.5] * 3,
        "input_scale": 1 / 128,
    },
    "raw scale of one": {**COLOR, "raw_scale": 1.0},
    "cut from the centre": {**COLOR, "images_dim": (65, 51), "mean": [104.0, 117.0, 123.0]},
    "enlarged": {**COLOR, "images_dim": (300, 411)},
    "mean image": {**COLOR, "mean_shape": (3, 40, 48)},
    "mean image of another size": {**COLOR, "mean_shape": (3, 20, 31)},
    "grey mean image": {**GREY, "mean_shape": (1, 28, 28), "input_scale": 0.5},
}
FIELDS = ("images_dim", "mean", "input_scale", "channel_swap")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of every kind of pixel, and the jobs that real Caffe is given."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(3)
    smooth = cv2.resize(random.integers(0, 256, (9, 13, 4), dtype=np.uint8), (117, 83))
    cv2.imwrite(str(folder / "color.png"), smooth[:, :, :3])
    cv2.imwrite(str(folder / "grey.png"), smooth[:, :, 0])
    cv2.imwrite(str(folder / "alpha.png"), smooth)
    cv2.imwrite(str(folder / "deep.png"), smooth[:, :, 0].astype(np.uint16) * 250)
    cv2.imwrite(str(folder / "constant.png"), np.full((30, 50, 3), 77, dtype=np.uint8))
    return folder


@pytest.fixture(scope="module")
def jobs(folder: Path) -> dict[str, dict]:
    complete = {}
    for name, job in JOBS.items():
        job = {**dict.fromkeys(FIELDS), "raw_scale": 255.0, "image": "color.png", **job}
        job["image"] = str(folder / job["image"])
        if "mean_shape" in job:
            mean = np.random.default_rng(5).uniform(90, 130, job["mean_shape"])
            job["mean"] = mean.tolist()
        complete[name] = job
    return complete


@pytest.fixture(scope="module")
def by_caffe(folder: Path, jobs: dict[str, dict], caffe_python: str) -> dict[str, np.ndarray]:
    (folder / "jobs.json").write_text(json.dumps(list(jobs.values())))
    script = Path(__file__).with_name("caffe_transformer.py")
    command = [caffe_python, script, folder / "jobs.json", folder / "caffe.npz"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    with np.load(folder / "caffe.npz") as archive:
        return {name: archive[f"arr_{i}"] for i, name in enumerate(jobs)}


@pytest.mark.parametrize("name", JOBS)
def test_equals_real_caffe(
    name: str, jobs: dict[str, dict], by_caffe: dict[str, np.ndarray], tmp_path: Path
) -> None:
    job = jobs[name]
    fields = {key: job[key] for key in (*FIELDS, "raw_scale")}
    if "mean_shape" in job:
        np.save(tmp_path / "mean.npy", np.array(job["mean"]))
        fields.update(mean=None, mean_file=str(tmp_path / "mean.npy"))
    flags = Preprocessing(**fields)
    image = load_image(job["image"], color=job["shape"][0] == 3)
    sample = flags.transformer(job["shape"])(image)
    assert sample.dtype == np.float32
    assert sample.shape == job["shape"]
    scale = (job["input_scale"] or 1) * job["raw_scale"] / 255
    np.testing.assert_allclose(sample, by_caffe[name], rtol=0, atol=TOLERANCE * scale)


def test_real_photos_equal_real_caffe(shared: Path, caffe_python: str, tmp_path: Path) -> None:
    photos = [shared / "data" / "images" / name for name in ("000067.jpg", "images_demo.png")]
    job = {**dict.fromkeys(FIELDS), "raw_scale": 255.0, "shape": (3, 227, 227)}
    job.update(images_dim=(256, 256), channel_swap=(2, 1, 0), mean=[104.0, 117.0, 123.0])
    (tmp_path / "jobs.json").write_text(json.dumps([{**job, "image": str(p)} for p in photos]))
    script = Path(__file__).with_name("caffe_transformer.py")
    command = [caffe_python, script, tmp_path / "jobs.json", tmp_path / "caffe.npz"]
    subprocess.run(command, check=True, capture_output=True)
    flags = Preprocessing(images_dim=(256, 256), mean=(104.0, 117.0, 123.0))
    with np.load(tmp_path / "caffe.npz") as archive:
        for i, photo in enumerate(photos):
            sample = flags.transformer((3, 227, 227))(load_image(photo))
            # Two JPEG decoders may round a level differently before the image is resized.
            np.testing.assert_allclose(sample, archive[f"arr_{i}"], rtol=0, atol=1.5)
            assert np.abs(sample - archive[f"arr_{i}"]).mean() < 0.05


def test_reads_binaryproto_mean(zoo: Path) -> None:
    file = zoo / "cifar10_quick_h5" / "mean.binaryproto"
    black = np.zeros((32, 32, 3), dtype=np.float32)
    sample = Preprocessing(mean_file=str(file)).transformer((3, 32, 32))(black)
    assert sample.shape == (3, 32, 32)
    assert -140 < sample.mean() < -100  # the mean of natural images, subtracted from black


def test_one_mean_value_is_for_all_channels() -> None:
    image = np.random.default_rng(0).random((8, 8, 3), dtype=np.float32)
    one = Preprocessing(mean=(127.5,)).transformer((3, 8, 8))(image)
    three = Preprocessing(mean=(127.5,) * 3).transformer((3, 8, 8))(image)
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"channel_swap": (2, 1)}, "2,1 is not an order of 3 channels"),
        ({"images_dim": (20, 40)}, "images_dim 20,40 is smaller than the net's input 32,32"),
        ({"images_dim": (300,)}, "images_dim 300 is not a height and a width"),
        ({"mean": (1.0, 2.0)}, "2 mean values for an input of 3 channels"),
        ({"mean": (1.0,), "mean_file": "x.npy"}, "both a mean and a mean file"),
        ({"mean_file": "/nowhere/mean.npy"}, "/nowhere/mean.npy"),
        ({"mean_file": "/nowhere/mean.binaryproto"}, "/nowhere/mean.binaryproto"),
    ],
)
def test_flags_that_do_not_fit(flags: dict, words: str) -> None:
    with pytest.raises(NetsurgeryError, match=words):
        Preprocessing(**flags).transformer((3, 32, 32))


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2, 2), (4, 32, 32), ()])
def test_mean_of_a_wrong_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "mean.npy", np.zeros(shape))
    with pytest.raises(FormatError, match=r"mean\.npy"):
        Preprocessing(mean_file=str(tmp_path / "mean.npy")).transformer((3, 32, 32))


def test_pickled_mean_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "mean.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(FormatError, match=r"mean\.npy"):
        Preprocessing(mean_file=str(tmp_path / "mean.npy")).transformer((3, 32, 32))


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n truncated"])
def test_what_is_no_image(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(data)
    with pytest.raises(FormatError, match=r"image\.png: not an image"):
        load_image(tmp_path / "image.png")


def test_missing_image(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"image\.png: cannot be read: No such file"):
        load_image(tmp_path / "image.png")


def test_without_opencv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(NetsurgeryError, match=r"pip install 'netsurgery\[opencv\]'"):
        load_image(tmp_path / "image.png")


def test_resizing_to_the_same_size_changes_nothing() -> None:
    image = np.random.default_rng(1).random((7, 5, 3), dtype=np.float32)
    np.testing.assert_array_equal(resize_image(image, (7, 5)), image)
