"""Files that commands write: float16 and HDF5 for those who read them, and names refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import make_model

from netsurgery.calibration import random_inputs
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import engine as engine_named
from netsurgery.formats.weights import open_weights
from netsurgery.network.model import Model, load

NET = """\
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 6 dim: 6 } } }
layer { name: "bn" type: "BatchNorm" bottom: "x" top: "bn" }
layer { name: "c" type: "Convolution" bottom: "bn" top: "c"
        convolution_param { num_output: 8 kernel_size: 3 } }
layer { name: "s" type: "Scale" bottom: "c" top: "s" scale_param { bias_term: true } }
layer { name: "big" type: "InnerProduct" bottom: "s" top: "big"
        inner_product_param { num_output: 4 bias_term: false } }
"""


def normalised(factor: float) -> Model:
    """A net whose statistics are stored times a factor, and one layer beyond float16."""
    random = np.random.default_rng(0)
    calibrator = np.array([104, 117, 123]), np.array([4800, 4700, 4900])
    return make_model(
        NET,
        {
            "bn": [*(np.float64(factor or 1) * blob for blob in calibrator), [factor]],
            "c": [random.normal(size=(8, 3, 3, 3)) / 5, random.normal(size=8)],
            "s": [random.uniform(0.5, 2, 8), random.normal(size=8)],
            "big": [1e5 * random.normal(size=(4, 128))],
        },
    )


@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("factor", [999.98, 1.0, 0.0])
@pytest.mark.parametrize("ending", ["caffemodel", "caffemodel.h5"])
def test_float16_gives_the_same_answers(
    netsurgery, tmp_path: Path, ending: str, factor: float, version: str, request
) -> None:
    """OpenCV reads a caffemodel of float16, real Caffe HDF5 of it."""
    engine = engine_named(request.getfixturevalue("opencv" if ending == "caffemodel" else "caffe"))
    model = normalised(factor)
    old = type(model.weights).of(model.weights.layers, version=version)
    Model(model.prototxt, old).save(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    made = tmp_path / f"half.{ending}"
    done = netsurgery("convert", tmp_path / "net.caffemodel", made, "--float16")
    assert done.status == 0
    named = [f"layer 'bn': blob {place} stays" for place in range(3)]
    for line, told in zip(done.err.splitlines(), [*named, "layer 'big': blob 0 stays float32"]):
        assert told in line
    weights = open_weights(made)
    assert {blob.storage for blob in weights.blobs("c") + weights.blobs("s")} == {"float16"}
    inputs = random_inputs(model.network(), 4)
    batch = next(inputs.batches(4))
    values = {value.blob: value for value in model.network().outputs}
    results = []
    for file in (tmp_path / "net.caffemodel", made):
        with open_model(engine, load(tmp_path / "net.prototxt", file)) as runner:
            results.append(runner.run(batch, values)["big"].astype(np.float64))
    # Each weight is off by at most 2**-11 of itself, in two layers.
    assert np.linalg.norm(results[0] - results[1]) <= 2 * 2.0**-11 * np.linalg.norm(results[0])


def test_float16_comes_back_as_float32_for_stock_caffe(netsurgery, tmp_path: Path) -> None:
    normalised(1.0).save(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    sizes = {}
    steps = (
        ("net.caffemodel", "half.caffemodel", ["--float16"]),
        ("half.caffemodel", "half.h5", []),
        ("half.h5", "again.hdf5", []),
        ("half.h5", "single.caffemodel", []),
        ("half.h5", "half2.caffemodel", ["--float16"]),
    )
    for source, target, flags in steps:
        assert netsurgery("convert", tmp_path / source, tmp_path / target, *flags).status == 0
        blobs = {b.storage for b in open_weights(tmp_path / target).blobs("c")}
        assert blobs == {"float32" if target == "single.caffemodel" else "float16"}
        sizes[target] = (tmp_path / target).stat().st_size
    assert sizes["again.hdf5"] == sizes["half.h5"]
    first, last = (open_weights(tmp_path / f"{name}.caffemodel") for name in ("half", "single"))
    for layer in first.layers:
        for half, single in zip(layer.blobs, last.blobs(layer.name)):
            assert np.array_equal(half.array(), single.array())


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_upgrade_keeps_float16(netsurgery, tmp_path: Path, version: str) -> None:
    model = normalised(1.0)
    half = type(model.weights).of(model.weights.halved().layers, version=version)
    Model(model.prototxt, half).save(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    done = netsurgery(
        *("upgrade", tmp_path / "net.prototxt", tmp_path / "net.caffemodel", "-o", tmp_path / "out")
    )
    assert done.status == 0
    made = open_weights(tmp_path / "out" / "net.caffemodel")
    assert [b.storage for b in made.blobs("c")] == ["float16"] * 2
    assert made.size() <= (tmp_path / "net.caffemodel").stat().st_size + 16 * len(made.layers)


@pytest.mark.parametrize(
    "name", ["w.onnx", "w.pb", "w.pt", "w", "w.H5X", "w.prototxt", "w.caffemodel.gz", "w.npz"]
)
def test_weights_are_not_written_under_the_name_of_another_format(
    netsurgery, pair, tmp_path: Path, name: str
) -> None:
    done = netsurgery("convert", pair[1], tmp_path / name)
    assert done.status == 2
    assert "end it in .caffemodel" in done.err
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("command", "flag", "name"),
    [
        ("compress", "-o", "out.caffemodel"),
        ("compress", "-o", "out.onnx"),
        ("compress", "--html", "page.pdf"),
        ("thin", "-o", "out.prototxt"),
        ("thin", "--save-plan", "plan.json"),
        ("plan", "-o", "plan.json"),
        ("plan", "-o", "plan.caffemodel"),
        ("plan", "--plot", "sweep.pdf"),
        ("rank", "-o", "ranking.csv"),
        ("upgrade", "-o", "new.caffemodel"),
        ("verify", "--save-golden", "golden.npy"),
        ("verify", "--save-golden", "golden.json"),
    ],
)
def test_no_command_writes_what_its_name_does_not_say(
    netsurgery, pair, tmp_path: Path, command: str, flag: str, name: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = netsurgery(command, *pair, flag, tmp_path / name)
    assert done.status == 2
    assert name in done.err
    assert "Traceback" not in done.err
    assert sorted(tmp_path.rglob("*")) == before


def test_names_that_say_nothing_are_taken(netsurgery, pair, tmp_path: Path) -> None:
    for name in ("plan", "plan.v2", "plan.0.3", "plan.YML"):
        done = netsurgery("plan", *pair, "--rank", "fc6=4", "-o", tmp_path / name)
        assert done.status == 0, done.err
    (tmp_path / "models.h5").mkdir()
    done = netsurgery(
        *("compress", *pair, "--rank", "fc6=4", "--no-verify", "-o", tmp_path / "models.h5")
    )
    assert done.status == 0, done.err


@pytest.mark.parametrize("flags", [[], ["--float16"]])
def test_a_file_is_not_converted_onto_itself(netsurgery, tmp_path: Path, flags: list) -> None:
    made = tmp_path / "net.caffemodel"
    normalised(1.0).save(tmp_path / "net.prototxt", made)
    (tmp_path / "link.caffemodel").symlink_to(made)
    before = made.read_bytes()
    for target in (made, tmp_path / "link.caffemodel"):
        done = netsurgery("convert", made, target, *flags)
        assert done.status == 2
        assert "original" in done.err
        assert made.read_bytes() == before
