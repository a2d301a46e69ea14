"""OpenCV in a child process: what it is given, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from zoo_pairs import Pair

from netsurgery.engine import engine, opencv as opencv_module
from netsurgery.engine.opencv import OpenCv
from netsurgery.errors import EngineError, NetsurgeryError
from netsurgery.layers import layer_types

RUNS = {name for kind in layer_types().values() for name in kind.opencv_names}
"""What OpenCV is said to run."""

# Caffe's own types of master 9b89154, and the forks' that style.md found refused.
_REFUSED = """
    Accuracy ArgMax BN BatchReindex Bias CReLU ContrastiveLoss ConvolutionDepthWise Data
    DepthwiseConvolution DummyData Embed EuclideanLoss Filter HDF5Data HDF5Output HingeLoss Im2col
    ImageData InfogainLoss LSTMUnit MemoryData MultinomialLogisticLoss Parameter Python RNN ROIAlign
    Reduction SPP SigmoidCrossEntropyLoss SoftmaxWithLoss Threshold Upsample WindowData
"""
REFUSED = _REFUSED.split()
PHASES = """\
    name: "phases"
    layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
      data_param { source: "/no/where" batch_size: 1 } }
    layer { name: "data" type: "Input" top: "data" include { phase: TEST }
            input_param { shape { dim: 1 dim: 4 } } }
    layer { name: "noise" type: "Dropout" bottom: "data" top: "noisy" }
    layer { name: "twice" type: "Power" bottom: "noisy" top: "twice" power_param { scale: 2 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "twice" bottom: "label" top: "loss"
            exclude { phase: TEST } }
"""


def test_probe_finds_the_cv2_of_this_python(opencv: OpenCv) -> None:
    probe = opencv.probe()
    assert probe.version.startswith("4.")
    assert os.path.isdir(probe.where)


def test_train_layers_are_left_out(opencv: OpenCv, write: Callable[[str], Path]) -> None:
    with opencv.open(write(PHASES)) as session:
        assert session.inputs == {"data": (1, 4)}
        assert session.outputs == ("twice",)
        given = np.arange(8, dtype=np.float64).reshape(2, 4)
        assert np.array_equal(session.forward({"data": given})["twice"], 2 * given)


def test_an_input_can_be_asked_for(opencv: OpenCv, write: Callable[[str], Path]) -> None:
    given = np.array([[1, np.nan, np.inf, -1]], np.float32)
    with opencv.open(write(PHASES)) as session:
        answer = session.forward({"data": given}, ["data", "twice"])
        assert np.array_equal(answer["data"], given, equal_nan=True)
        assert np.array_equal(answer["twice"], 2 * given, equal_nan=True)
        assert list(session.forward({"data": given}, ["data"])) == ["data"]


def test_inputs_without_a_shape_get_one_when_run(
    opencv: OpenCv, write: Callable[[str], Path]
) -> None:
    text = """
        name: "legacy" input: "a" input: "b"
        layers { name: "sum" type: ELTWISE bottom: "a" bottom: "b" top: "sum" }
        layers { name: "cut" type: SLICE bottom: "sum" top: "left" top: "right" top: "rest" }
    """
    a, b = np.arange(12.0).reshape(2, 6), np.ones((2, 6))
    with opencv.open(write(text)) as session:
        assert session.inputs == {"a": (), "b": ()}
        answer = session.forward({"b": b, "a": a}, ["right", "rest"])
        assert np.array_equal(answer["right"], (a + b)[:, 2:4])
        assert np.array_equal(answer["rest"], (a + b)[:, 4:])


def test_parameters_and_time(opencv: OpenCv, lenet: Pair) -> None:
    with opencv.open(lenet.prototxt, lenet.weights) as session:
        parameters = session.parameters()
        seconds = session.time(2, {"data": np.zeros((1, 1, 28, 28))})
    assert {name: len(arrays) for name, arrays in parameters.items()} == {
        "conv1": 2,
        "conv2": 2,
        "ip1": 2,
        "ip2": 2,
    }
    assert len(seconds) == 2
    assert min(seconds) > 0


def test_opencv_can_make_what_it_is_said_to_run(opencv: OpenCv) -> None:
    program = f"""
        import cv2, numpy
        for name in {sorted(RUNS) + REFUSED}:
            net = 'input: "x" layer {{ name: "l" type: "%s" bottom: "x" top: "y" }}' % name
            try:
                net = cv2.dnn.readNetFromCaffe(numpy.frombuffer(net.encode(), numpy.uint8))
                net.getLayersShapes((1, 4, 8, 8))
            except cv2.error as error:
                if "Can't create layer" in str(error):
                    print(name)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert run.stdout.split() == REFUSED, run.stderr
    assert opencv.unsupported([*REFUSED, "ReLU"]) == REFUSED


@pytest.mark.parametrize("name", REFUSED)
def test_a_type_it_cannot_run_is_named(
    opencv: OpenCv, write: Callable[[str], Path], name: str
) -> None:
    path = write(f'input: "x"\nlayer {{ name: "odd" type: "{name}" bottom: "x" top: "y" }}')
    with pytest.raises(EngineError, match=f"2: layer 'odd': OpenCV cannot run .* {name}; use the"):
        opencv.open(path)


def test_hdf5_weights_are_refused_with_a_remedy(opencv: OpenCv, zoo: Path) -> None:
    folder = zoo / "cifar10_quick_h5"
    with pytest.raises(EngineError, match=r"cannot read HDF5 weights; .*netsurgery convert"):
        opencv.open(folder / "deploy.prototxt", folder / "cifar10_quick_iter_5000.caffemodel.h5")


def test_opencvs_own_words_come_in_one_line(opencv: OpenCv, lenet: Pair) -> None:
    with pytest.raises(EngineError, match=r"OpenCV says: caffe_io\.cpp:\d+: .*parse") as error:
        opencv.open(lenet.prototxt, lenet.prototxt)
    assert "\n" not in str(error.value)
    assert error.value.file == str(lenet.prototxt)


def test_a_batch_that_does_not_fit_ends_the_session(opencv: OpenCv, lenet: Pair) -> None:
    with opencv.open(lenet.prototxt, lenet.weights) as session:
        with pytest.raises(EngineError, match="OpenCV says: "):
            session.forward({"data": np.zeros((1, 1, 40, 40))})
        with pytest.raises(EngineError, match="OpenCV says: "):
            session.parameters()


def test_a_crash_is_an_error(opencv: OpenCv, write: Callable[[str], Path]) -> None:
    text = """
        layer { name: "data" type: "Input" top: "data"
                input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 } } }
        layer { name: "up" type: "Deconvolution" bottom: "data" top: "up"
                convolution_param { num_output: 2 kernel_size: 2 stride: 2 } }
    """
    with pytest.raises(EngineError, match="OpenCV says: ") as error:
        opencv.open(write(text)).forward({"data": np.zeros((1, 2, 4, 4))})
    assert "SIGSEGV" in str(error.value) or "Assertion" in str(error.value)


@pytest.mark.parametrize(
    ("text", "phase", "said"),
    [
        (PHASES, "TRAIN", "no phase but TEST; use caffe"),
        ('layer { name: "a" type: "ReLU" bottom: "x" top: "y" }', "TEST", "reads 'x'"),
        ("<html>", "TEST", "net.prototxt"),
        (
            'input: "x" layer { name: "a" type: "ReLU" bottom: "x" top: "y" }'
            ' layer { name: "a" type: "ReLU" bottom: "y" top: "z" }',
            "TEST",
            "'a': OpenCV cannot tell layers of one name apart",
        ),
    ],
    ids=["train", "dangling", "html", "duplicate"],
)
def test_what_is_no_net_for_opencv_is_refused(
    opencv: OpenCv, write: Callable[[str], Path], text: str, phase: str, said: str
) -> None:
    with pytest.raises(NetsurgeryError, match=said):
        opencv.open(write(text), phase=phase)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("raise ImportError('no cv2 here')", "no OpenCV: ImportError: no cv2 here"),
        (
            "__version__ = '5.0.0'\nclass dnn:\n    class Net: pass",
            "OpenCV 5.0.0 cannot read Caffe models",
        ),
    ],
    ids=["missing", "too new"],
)
def test_a_cv2_that_is_missing_or_too_new_is_not_usable(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    module: str,
    reason: str,
) -> None:
    (tmp_path / "cv2.py").write_text(module)
    (tmp_path / "net.prototxt").write_text(PHASES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    opencv_module._examine.cache_clear()
    request.addfinalizer(opencv_module._examine.cache_clear)
    probe = OpenCv().probe()
    assert not probe.usable
    assert probe.reason.startswith(reason)
    assert probe.remedy == "pip install 'netsurgery[opencv]'"
    with pytest.raises(EngineError, match="pip install"):
        OpenCv().open(tmp_path / "net.prototxt")


def test_nothing_is_left_behind(
    opencv: OpenCv, lenet: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with opencv.open(lenet.prototxt, lenet.weights):
        pass
    with pytest.raises(EngineError):
        opencv.open(lenet.prototxt, lenet.prototxt)
    assert os.listdir(tmp_path) == []


def test_a_convolution_is_found_whatever_its_top_is_called(
    tmp_path: Path, caffe_python: str
) -> None:
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text(
        """
        input: "x" input_shape { dim: 1 dim: 2 dim: 4 dim: 4 }
        input: "y" input_shape { dim: 1 dim: 2 dim: 4 dim: 4 }
        layer { name: "c" type: "Convolution" bottom: "x" bottom: "y" top: "c_x" top: "c_y"
                convolution_param { num_output: 3 kernel_size: 3 bias_term: false
                                    weight_filler { type: "constant" value: 0.5 } } }
        layer { name: "relu" type: "ReLU" bottom: "c_x" top: "c" }
        """
    )
    random = np.random.default_rng(0)
    given = {name: random.normal(size=(1, 2, 4, 4)).astype(np.float32) for name in "xy"}
    weights = tmp_path / "net.caffemodel"
    blobs = ["c_x", "c_y", "c"]
    with engine("caffe", python=caffe_python).open(prototxt) as session:
        expected = session.forward(given, blobs)
        session.save(weights)
    with engine("opencv").open(prototxt, weights) as session:
        found = session.forward(given, blobs)
    for name in blobs:
        # sums of 18 terms in float32
        assert np.allclose(found[name], expected[name], atol=1e-5), name
