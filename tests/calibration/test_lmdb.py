from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_layers import RealCaffe, data_layer, encoded, images, raw, write_lmdb

from netsurgery.calibration import Preprocessing, read_inputs
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats.databases import lmdb_database

pytest.importorskip("lmdb")

SHAPES = {"data": (1, 3, 9, 11)}


def by_lmdb(source: Path, transform: str = "", batch: int = 2) -> str:
    data = f'data_param {{ source: "{source}" backend: LMDB batch_size: {batch} }}'
    return data_layer("Data", f"{data} transform_param {{ {transform} }}")


def write_mean(file: Path, mean: np.ndarray) -> None:
    from netsurgery.formats.schema import message_class

    shape = dict(zip(("channels", "height", "width"), mean.shape))
    blob = message_class("BlobProto")(num=1, **shape, data=mean.ravel().tolist())
    file.write_bytes(blob.SerializeToString())


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sources")
    pixels = images(6)
    floats = np.random.default_rng(1).normal(size=(6, 3, 9, 11)).astype(np.float32)
    grey = images(6, (1, 9, 11))
    records = {
        "bytes": [raw(image, label) for label, image in enumerate(pixels)],
        "floats": [raw(image, label) for label, image in enumerate(floats)],
        "png": [encoded(image, label) for label, image in enumerate(pixels)],
        "grey": [encoded(image, label) for label, image in enumerate(grey)],
    }
    write_mean(folder / "mean.binaryproto", images(1, seed=2)[0] * 0.99)
    made = {name: write_lmdb(folder / name, found) for name, found in records.items()}
    return {**made, "mean": folder / "mean.binaryproto"}


CASES = {
    "as they are": ("bytes", ""),
    "floats": ("floats", "scale: 0.3"),
    "scale and mean values": ("bytes", "scale: 0.00390625 mean_value: 104 mean_value: 117.3 "
                              "mean_value: 123"),
    "one mean value": ("bytes", "mean_value: 127.5 scale: 0.0078125"),
    "even crop": ("bytes", "crop_size: 6 mean_value: 3"),
    "odd crop": ("bytes", "crop_size: 5"),
    "mean file and crop": ("bytes", 'mean_file: "{mean}" crop_size: 8 scale: 0.017'),
    "png": ("png", "crop_size: 7 mean_value: 9"),
    "png with a mean file": ("png", 'mean_file: "{mean}" crop_size: 4'),
    "grey": ("grey", ""),
    "grey in colour": ("grey", "force_color: true"),
    "colour in grey": ("png", "force_gray: true mean_value: 5"),
}  # fmt: skip


def test_equals_what_the_data_layer_of_real_caffe_feeds(
    sources: dict[str, Path], caffe_python: str, tmp_path: Path
) -> None:
    real = RealCaffe(caffe_python, tmp_path)
    nets = {
        name: real.add(by_lmdb(sources[source], transform.format(**sources)), 3)
        for name, (source, transform) in CASES.items()
    }
    real.run()
    for name, (prototxt, folder) in nets.items():
        fed = np.load(folder / "data.npy")
        inputs = read_inputs(prototxt, {"data": fed.shape})
        samples = inputs.arrays["data"]
        assert samples.shape == fed.shape, name
        np.testing.assert_array_equal(samples[:], fed, err_msg=name)
        np.testing.assert_array_equal(samples[1:4], fed[1:4], err_msg=name)
        np.testing.assert_array_equal(inputs.labels, np.load(folder / "label.npy"))


def test_jpegs_are_what_real_caffe_decodes(caffe_python: str, tmp_path: Path) -> None:
    rows, columns = np.mgrid[:32, :32]
    smooth = np.stack([8 * rows, 8 * columns, 4 * (rows + columns)]).astype(np.uint8)
    records = [encoded(image, 0, ".jpg") for image in (smooth, smooth[::-1].copy())]
    real = RealCaffe(caffe_python, tmp_path)
    prototxt, folder = real.add(by_lmdb(write_lmdb(tmp_path / "jpg", records)), 1)
    real.run()
    fed = np.load(folder / "data.npy")
    found = read_inputs(prototxt, {"data": (1, 3, 32, 32)}).arrays["data"][:]
    # Versions of libjpeg interpolate colours in other ways, which shows where these change.
    assert np.abs(found - fed).max() <= 8
    assert np.abs(found - fed).mean() <= 1


def test_batches_and_digest_pass_through_records_again(sources: dict[str, Path]) -> None:
    inputs = read_inputs(sources["bytes"], SHAPES)
    for _ in range(2):
        fed = np.concatenate([batch.inputs["data"] for batch in inputs.batches(4)])
        np.testing.assert_array_equal(fed[:6], images(6))
    assert inputs.sha256 == read_inputs(sources["png"], SHAPES).sha256


def test_records_beyond_a_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_database, "_STEP", 4)
    pixels = images(11)
    folder = write_lmdb(tmp_path / "db", [raw(image, 10 - i) for i, image in enumerate(pixels)])
    inputs = read_inputs(folder / "data.mdb", SHAPES)
    assert len(inputs) == 11
    np.testing.assert_array_equal(inputs.labels, np.arange(11)[::-1])
    for start, stop in ((0, 3), (3, 4), (4, 8), (2, 11), (10, 11), (7, 7)):
        np.testing.assert_array_equal(inputs.arrays["data"][start:stop], pixels[start:stop])


def test_the_folder_itself_is_cut_to_the_input_and_takes_flags(sources: dict[str, Path]) -> None:
    flags = Preprocessing(mean=(1, 2, 3), input_scale=0.5)
    inputs = read_inputs(sources["bytes"], {"x": (10, 3, 5, 8)}, preprocessing=flags)
    mean = np.array([1, 2, 3]).reshape(3, 1, 1)
    np.testing.assert_array_equal(inputs.arrays["x"][:], (images(6)[:, :, 2:7, 1:9] - mean) * 0.5)
    flags = Preprocessing(mean_file=str(sources["mean"]))
    inputs = read_inputs(sources["bytes"], SHAPES, preprocessing=flags)
    expected = images(6).astype(np.float32) - (images(1, seed=2)[0] * 0.99).astype(np.float32)
    np.testing.assert_array_equal(inputs.arrays["data"][:], expected)


@pytest.mark.parametrize(
    "flags", [{"raw_scale": 1.0}, {"images_dim": (9, 11)}, {"channel_swap": (0, 1, 2)}]
)
def test_flags_of_image_files_do_not_fit_a_database(flags: dict, sources: dict[str, Path]) -> None:
    with pytest.raises(NetsurgeryError, match=f"{next(iter(flags)).replace('_', '-')} is for"):
        read_inputs(sources["bytes"], SHAPES, preprocessing=Preprocessing(**flags))


def phased(train: Path, test: Path) -> str:
    layers = [by_lmdb(train), by_lmdb(test)]
    return "".join(
        text.replace("top:", f"include {{ phase: {phase} }} top:", 1)
        for text, phase in zip(layers, ("TRAIN", "TEST"))
    )


def test_the_phase_chooses_among_data_layers(sources: dict[str, Path], tmp_path: Path) -> None:
    prototxt = tmp_path / "train_val.prototxt"
    prototxt.write_text(phased(sources["floats"], sources["bytes"]))
    fed = read_inputs(prototxt, SHAPES)
    np.testing.assert_array_equal(fed.arrays["data"][:], images(6))
    fitted = read_inputs(prototxt, SHAPES, phase="TRAIN")
    assert np.abs(fitted.arrays["data"][:]).max() < 10
    assert "layer 'data' (TRAIN)" in fitted.description
    prototxt.write_text(
        by_lmdb(sources["bytes"]).replace("top:", "include { phase: TRAIN } top:", 1)
    )
    assert "(TRAIN)" in read_inputs(prototxt, SHAPES).description


def test_v1_layers_hold_their_own_transformation(
    sources: dict[str, Path], caffe_python: str, tmp_path: Path
) -> None:
    text = (
        'layers { name: "d" type: DATA top: "data" top: "label" data_param { '
        f'source: "{sources["bytes"]}" backend: LMDB batch_size: 3 scale: 0.5 crop_size: 4 '
        f'mean_file: "{sources["mean"]}" mirror: true }} }}'
    )
    real = RealCaffe(caffe_python, tmp_path)
    prototxt, folder = real.add(text.replace("mirror: true", ""), 2)
    real.run()
    prototxt.write_text(text)
    found = read_inputs(prototxt, {"data": (1, 3, 4, 4)}, phase="TRAIN")
    np.testing.assert_array_equal(found.arrays["data"][:], np.load(folder / "data.npy"))


def test_relative_sources(
    sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prototxt = tmp_path / "train_val.prototxt"
    prototxt.write_text(by_lmdb(Path("db/train")))
    beside = write_lmdb(
        (tmp_path / "db").mkdir() or tmp_path / "db" / "train", [raw(images(1)[0], 1)]
    )
    assert len(read_inputs(prototxt, SHAPES)) == 1
    (tmp_path / "work" / "db").mkdir(parents=True)
    write_lmdb(tmp_path / "work" / "db" / "train", [raw(image, 0) for image in images(2)])
    monkeypatch.chdir(tmp_path / "work")
    assert len(read_inputs(prototxt, SHAPES)) == 2
    assert beside.exists()


@pytest.mark.parametrize(
    ("transform", "shape", "words"),
    [
        ("crop_size: 10", (3, 10, 10), r"record '00000000_image.png'.*smaller than the 10 x 10"),
        ("", (3, 8, 8), r"samples of \(3, 9, 11\), but input 'data' of the net is \(1, 3, 8, 8\)"),
        ("mean_value: 1 mean_value: 2", (3, 9, 11), "has 3 channels, but the mean 2"),
        ("resize_param { height: 3 }", (3, 9, 11), "knows no transform_param.resize_param"),
        ('mean_file: "none"', (3, 9, 11), "mean_file 'none' is neither in the working directory"),
        ('mean_value: 1 mean_file: "a"', (3, 9, 11), "both mean_file and mean_value"),
    ],
)
def test_transformations_that_do_not_fit(
    transform: str, shape: tuple, words: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    prototxt = tmp_path / "train_val.prototxt"
    prototxt.write_text(by_lmdb(sources["bytes"], transform))
    with pytest.raises(NetsurgeryError, match=words):
        read_inputs(prototxt, {"data": (1, *shape)})


def test_images_of_several_sizes_need_a_crop(tmp_path: Path) -> None:
    records = [raw(images(1, (3, 9, 11))[0], 0), raw(images(1, (3, 7, 11))[0], 0)]
    folder = write_lmdb(tmp_path / "db", records)
    prototxt = tmp_path / "train_val.prototxt"
    prototxt.write_text(by_lmdb(folder))
    with pytest.raises(
        FormatError, match=r"\(3, 9, 11\) and of \(3, 7, 11\); make them of one size"
    ):
        read_inputs(prototxt, SHAPES).sha256
    prototxt.write_text(by_lmdb(folder, "crop_size: 7"))
    assert read_inputs(prototxt, {"data": (1, 3, 7, 7)}).arrays["data"][:].shape == (2, 3, 7, 7)


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    leveldb = tmp_path / "leveldb"
    leveldb.mkdir()
    (leveldb / "CURRENT").write_text("MANIFEST-000002\n")
    prototxt = tmp_path / "train_val.prototxt"
    for source, words in {
        "leveldb": "is a LevelDB, which is not read; make an LMDB",
        "none": r"train_val\.prototxt:1:1: layer 'data': source 'none' is neither in",
        ".": "is no LMDB",
    }.items():
        prototxt.write_text(by_lmdb(Path(source)).replace("backend: LMDB", ""))
        with pytest.raises(FormatError, match=words):
            read_inputs(prototxt, SHAPES)
    with pytest.raises(FormatError, match="is a LevelDB"):
        read_inputs(leveldb, SHAPES)
    prototxt.write_text(data_layer("AnnotatedData", ""))
    with pytest.raises(FormatError, match=r"no layer of type Data, .*only AnnotatedData; give"):
        read_inputs(prototxt, SHAPES)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"\xff\xff", "record '00000000_image.png' (is no Datum|field)"),
        (b"", r"has 0 numbers for \(0, 0, 0\)"),
        (raw(images(1)[0], 0)[:-9], "record"),
        (encoded(images(1)[0], 0).replace(b"PNG", b"GIF"), "not an image that OpenCV can decode"),
    ],
)
def test_damaged_records(record: bytes, words: str, tmp_path: Path) -> None:
    folder = write_lmdb(tmp_path / "db", [record])
    with pytest.raises(FormatError, match=words):
        read_inputs(folder, SHAPES)


@pytest.mark.parametrize("size", [0, 100, 4096, 8192, -4096])
def test_a_database_that_is_cut(size: int, sources: dict[str, Path], tmp_path: Path) -> None:
    data = (sources["bytes"] / "data.mdb").read_bytes()
    (tmp_path / "data.mdb").write_bytes(data[:size])
    with pytest.raises(FormatError, match=r"not a readable LMDB|the database is cut"):
        read_inputs(tmp_path, SHAPES)


def test_an_empty_database(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds no record"):
        read_inputs(write_lmdb(tmp_path / "db", []), SHAPES)


def test_without_lmdb(sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lmdb", None)
    with pytest.raises(FormatError, match=r"needs lmdb; pip install 'netsurgery\[lmdb\]'"):
        read_inputs(sources["bytes"], SHAPES)
