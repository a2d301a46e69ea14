"""Real Caffe in a child process: what it answers, and what it says when it aborts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Callable, Iterator

import numpy as np
import pytest
from zoo_pairs import Pair

from netsurgery.engine.caffe import Caffe, CaffeSession
from netsurgery.errors import EngineError
from netsurgery.formats import Blob

TANH = """
    {extra}
    layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 5 }} }} }}
    layer {{ name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param {{
      num_output: 4 weight_filler {{ type: "gaussian" std: 1 }}
      bias_filler {{ type: "gaussian" std: 1 }} }} }}
    layer {{ name: "tanh" type: "TanH" bottom: "ip" top: "tanh" }}
    layer {{ name: "sig" type: "Sigmoid" bottom: "ip" top: "sig" }}
"""
PYTHON_LAYER = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
    layer { name: "twice" type: "Python" bottom: "data" top: "twice"
            python_param { module: "noisy_layer" layer: "Twice" } }
"""
NOISY_LAYER = """
import os, sys
import caffe

class Twice(caffe.Layer):
    def setup(self, bottom, top):
        print("noise of setup")

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        if (bottom[0].data == 13).any():
            raise ValueError("an unlucky number")
        print("noise of forward")
        sys.stdout.flush()
        os.write(1, b"more noise")
        top[0].data[...] = 2 * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        pass
"""


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.fixture(scope="module")
def session(caffe: Caffe, lenet: Pair) -> Iterator[CaffeSession]:
    """LeNet, for tests that do not change it."""
    with caffe.open(lenet.prototxt, lenet.weights) as session:
        yield session


def test_probe_names_version_and_interpreter(caffe: Caffe, caffe_python: str) -> None:
    probe = caffe.probe()
    assert probe.usable
    assert probe.version.startswith("1.0")
    assert probe.where == caffe_python


def test_unsupported_lists_what_is_not_compiled_in(caffe: Caffe) -> None:
    assert caffe.unsupported(["ReLU", "ROIAlign", "InnerProduct"]) == ["ROIAlign"]


def test_session_describes_the_net(session: CaffeSession) -> None:
    assert session.inputs == {"data": (64, 1, 28, 28)}
    assert session.outputs == ("prob",)
    assert session.blobs["conv1"] == (64, 20, 24, 24)
    shapes = {name: [a.shape for a in arrays] for name, arrays in session.parameters().items()}
    assert shapes["ip1"] == [(500, 800), (500,)]
    assert list(shapes) == ["conv1", "conv2", "ip1", "ip2"]


def test_the_net_is_reshaped_to_its_inputs(session: CaffeSession) -> None:
    batch = images(5, 1, 28, 28)
    whole = session.forward({"data": batch}, ["prob", "ip1"])
    single = [session.forward({"data": batch[i : i + 1]})["prob"] for i in range(5)]
    again = session.forward({"data": batch})
    assert {name: array.shape for name, array in whole.items()} == {
        "prob": (5, 10),
        "ip1": (5, 500),
    }
    assert list(again) == ["prob"]
    assert np.array_equal(again["prob"], whole["prob"])
    # Probabilities; another batch size sums the same products in another order.
    assert np.allclose(np.concatenate(single), whole["prob"], atol=1e-6)


def test_without_weights_the_fillers_count(caffe: Caffe, write: Callable[[str], Path]) -> None:
    with caffe.open(write(TANH.format(extra=""))) as session:
        (weight, bias) = session.parameters()["ip"]
        given = images(3, 5)
        answer = session.forward({"data": given}, ["ip"])["ip"]
    assert np.any(weight)
    assert np.allclose(answer, given @ weight.T + bias, atol=1e-5)


def test_nan_and_infinity_are_passed_on(caffe: Caffe, write: Callable[[str], Path]) -> None:
    given = np.zeros((2, 5), np.float32)
    given[0, 0], given[1, 1] = np.nan, np.inf
    with caffe.open(write(TANH.format(extra=""))) as session:
        answer = session.forward({"data": given}, ["data", "ip"])
    assert np.array_equal(answer["data"], given, equal_nan=True)
    assert np.isnan(answer["ip"][0]).all()
    assert np.isinf(answer["ip"][1]).all()


def test_blobs_are_set_some_numbers_at_a_time(
    caffe: Caffe, lenet: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"ip2": [images(10, 500), images(10, seed=1)]}
    blobs = {name: [Blob.of(array) for array in arrays] for name, arrays in changed.items()}
    monkeypatch.setattr("netsurgery.formats.blob.BLOCK", 999)
    monkeypatch.setattr("netsurgery.engine.session._AT_ONCE", 4000)
    asked = []
    with caffe.open(lenet.prototxt, lenet.weights) as session:
        really = session._ask
        monkeypatch.setattr(session, "_ask", lambda *a, **of: asked.append(a) or really(*a, **of))
        session.set_parameters(blobs)
        sent = [array for _, arrays in asked for array in arrays]
        assert max(array.size for array in sent) <= 999
        assert sum(array.size for array in sent) == 5010
        assert len(asked) == 4  # of two blocks, the bias alone
        found = session.parameters()["ip2"]
    for one, other in zip(found, changed["ip2"]):
        np.testing.assert_array_equal(one, other)


def test_what_is_saved_is_what_was_set(caffe: Caffe, lenet: Pair, tmp_path: Path) -> None:
    changed = {"ip2": [images(10, 500), images(10, seed=1)]}
    paths = [tmp_path / "saved.caffemodel", tmp_path / "saved.h5"]
    with caffe.open(lenet.prototxt, lenet.weights) as session:
        expected = {**session.parameters(), **changed}
        session.set_parameters(changed)
        for path in paths:
            session.save(path)
    assert sorted(os.listdir(tmp_path)) == [path.name for path in paths]
    assert [path.read_bytes().startswith(b"\x89HDF") for path in paths] == [False, True]
    for path in paths:
        with caffe.open(lenet.prototxt, path) as session:
            found = session.parameters()
        assert list(found) == list(expected)
        for name, arrays in expected.items():
            assert all(np.array_equal(a, b) for a, b in zip(found[name], arrays))


def test_a_save_that_caffe_refuses_leaves_nothing(
    caffe: Caffe, write: Callable[[str], Path], tmp_path: Path
) -> None:
    path = write(TANH.format(extra="").replace('"ip"', '"a/b"'))
    with caffe.open(path) as session, pytest.raises(EngineError, match="no '/' in the name"):
        session.save(tmp_path / "saved.h5")
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nothing": []}, "layer 'nothing': no layer with parameters"),
        ({"ip2": [np.zeros((10, 500))]}, r"layer 'ip2': its blobs have the shapes .*\(10,\)\]"),
        ({"ip2": [np.zeros((10, 1)), np.zeros(10)]}, "layer 'ip2': .* not "),
    ],
)
def test_parameters_of_the_wrong_shape_are_refused(
    session: CaffeSession, change: dict, said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        session.set_parameters(change)


def test_backward_is_the_derivative(caffe: Caffe, write: Callable[[str], Path]) -> None:
    path = write(TANH.format(extra="force_backward: true"))
    given, step = images(2, 5), 1e-2
    direction, weight = images(2, 5, seed=1), images(2, 4, seed=2)
    with caffe.open(path) as session:

        def loss(inputs: np.ndarray) -> float:
            return float(np.sum(np.float64(session.forward({"data": inputs})["tanh"]) * weight))

        numeric = (loss(given + step * direction) - loss(given - step * direction)) / (2 * step)
        session.forward({"data": given})
        gradients = session.backward({"tanh": weight}, ["data", "ip"])
    analytic = np.sum(gradients["data"] * direction)
    assert gradients["ip"].shape == (2, 4)
    # Central differences: the error is step**2 times a third derivative of order one.
    assert numeric == pytest.approx(analytic, abs=10 * step**2)
    assert abs(analytic) > 100 * step**2


def test_backward_without_force_backward_says_so(
    caffe: Caffe, write: Callable[[str], Path]
) -> None:
    path = write(TANH.format(extra=""))
    with caffe.open(path) as session:
        session.forward({"data": images(2, 5)})
        with pytest.raises(EngineError, match="no gradient of blob 'data'; put 'force_backward"):
            session.backward({"tanh": images(2, 4)}, ["data"])


def test_time_gives_one_number_a_repeat(session: CaffeSession) -> None:
    seconds = session.time(3, {"data": images(2, 1, 28, 28)})
    assert len(seconds) == 3
    assert min(seconds) > 0


@pytest.mark.parametrize(
    ("inputs", "blobs", "said"),
    [
        ({}, [], r"the net's inputs are \['data'\], not \[\]"),
        ({"data": 0, "info": 0}, [], r"not \['data', 'info'\]"),
        ({"data": images(1, 1, 28, 28)}, ["fc9"], "no blob 'fc9'"),
    ],
)
def test_wrong_names_are_refused(
    session: CaffeSession, inputs: dict, blobs: list, said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        session.forward(inputs, blobs)


def test_weights_of_another_net_give_caffes_own_words(caffe: Caffe, zoo: Path) -> None:
    folder = zoo / "mtcnn_cholihao_det2"
    with pytest.raises(EngineError) as error:
        caffe.open(folder / "deploy.prototxt", folder / "det2.caffemodel")
    assert error.value.layer == "conv1"
    assert "Source param shape is 28 3 3 3 (756); target param shape is 32 3 3 3" in str(
        error.value
    )
    assert "\n" not in str(error.value)


def test_an_abort_while_running_ends_the_session(caffe: Caffe, lenet: Pair) -> None:
    with caffe.open(lenet.prototxt, lenet.weights) as session:
        with pytest.raises(EngineError, match=r"inner_product_layer\.cpp:.*Check failed"):
            session.forward({"data": images(1, 1, 40, 40)})
        with pytest.raises(EngineError, match="signal 6"):
            session.parameters()


@pytest.mark.parametrize(
    ("text", "line", "layer", "said"),
    [
        ('layer { nam: "a" }', 1, None, "no field named"),
        ('name: "a"\nlayer { name: "l" type: "ROIAlign" top: "t" }', None, "l", "ROIAlign; run it"),
        ('layer { name: "l" type: "ReLU" bottom: "x" top: "t" }', None, "l", "bottom blob 'x'"),
        (
            'layer { name: "d" type: "DummyData" top: "x" dummy_data_param { num: 1 channels: 2'
            ' height: 9 width: 9 } } layer { name: "l" type: "Convolution" bottom: "x" top: "t"'
            " convolution_param { num_output: 1 kernel_h: 3 kernel_w: 3 stride_h: 1 } }",
            None,
            "l",
            "SIGFPE",
        ),
    ],
    ids=["syntax", "unknown type", "unknown bottom", "division by zero"],
)
def test_a_refused_prototxt_names_the_place(
    caffe: Caffe, tmp_path: Path, text: str, line: int, layer: str, said: str
) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    with pytest.raises(EngineError, match=said) as error:
        caffe.open(path)
    assert (error.value.file, error.value.line, error.value.layer) == (str(path), line, layer)


def test_files_that_are_not_there_are_named(caffe: Caffe, lenet: Pair, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nothing\.prototxt: no such file"):
        caffe.open(tmp_path / "nothing.prototxt")
    with pytest.raises(EngineError, match=r"nothing\.caffemodel: no such file"):
        caffe.open(lenet.prototxt, tmp_path / "nothing.caffemodel")


def test_python_layers_are_found_and_may_print(
    caffe_python: str, write: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "noisy_layer.py").write_text(NOISY_LAYER)
    engine = Caffe(caffe_python, [tmp_path / "layers"])
    given = images(3, 4)
    with engine.open(write(PYTHON_LAYER)) as session:
        assert np.array_equal(session.forward({"data": given})["twice"], 2 * given)
        with pytest.raises(EngineError, match="Caffe says: ValueError: an unlucky number"):
            session.forward({"data": np.full((1, 4), 13)})


def test_a_python_layer_that_is_not_found_is_named(
    caffe: Caffe, write: Callable[[str], Path]
) -> None:
    with pytest.raises(EngineError, match="No module named 'noisy_layer'; put the folder") as error:
        caffe.open(write(PYTHON_LAYER))
    assert error.value.layer == "twice"


def test_a_missing_interpreter_is_named_and_never_passed_over(
    monkeypatch: pytest.MonkeyPatch, lenet: Pair, tmp_path: Path
) -> None:
    monkeypatch.setenv("NETSURGERY_CAFFE_PYTHON", str(tmp_path / "python"))
    probe = Caffe().probe()
    assert not probe.usable
    assert f"cannot run {tmp_path / 'python'}: No such file" in probe.reason
    assert "netsurgery engines install caffe" in probe.remedy
    with pytest.raises(EngineError, match="cannot run"):
        Caffe().open(lenet.prototxt)


def test_a_python_without_caffe_says_so(tmp_path: Path) -> None:
    (tmp_path / "caffe.py").write_text("raise ImportError('libcaffe.so.1.0.0: not there')")
    probe = Caffe(sys.executable, [tmp_path]).probe()
    assert not probe.usable
    assert "ImportError: libcaffe.so.1.0.0: not there" in probe.reason


def test_nothing_named_and_nothing_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if Caffe(sys.executable).probe().usable:
        pytest.skip("this Python has caffe")
    monkeypatch.delenv("NETSURGERY_CAFFE_PYTHON", raising=False)
    monkeypatch.setenv("NETSURGERY_HOME", str(tmp_path))
    assert "no caffe module" in Caffe().probe().reason
    with pytest.raises(EngineError, match="no usable Caffe"):
        Caffe().unsupported(["ReLU"])


def test_the_private_environment_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caffe_python: str
) -> None:
    monkeypatch.delenv("NETSURGERY_CAFFE_PYTHON", raising=False)
    monkeypatch.setenv("NETSURGERY_HOME", str(tmp_path))
    private = tmp_path / "caffe" / "bin" / "python"
    private.parent.mkdir(parents=True)
    private.write_text(f'#!/bin/sh\nexec "{caffe_python}" "$@"\n')
    private.chmod(0o755)
    probe = Caffe().probe()
    assert probe.usable
    assert Path(probe.where) in (private, Path(sys.executable))


def test_what_is_left_without_weights(caffe: Caffe, write: Callable[[str], Path]) -> None:
    path = write(TANH.format(extra=""))
    given, first, second = images(3, 5), np.array([0, 7]), np.array([3])
    with caffe.open(path) as session:
        weight, bias = session.parameters()["ip"]
        whole = session.forward({"data": given}, ["tanh", "ip"])
        removed = [{("ip", 0): first}, {("ip", 0): first, ("ip", 1): second}, {}]
        found = session.forward_without("ip", removed, ["ip", "tanh"])
        kept = session.parameters()["ip"]
        with pytest.raises(EngineError, match="no blob 'pi'"):
            session.forward_without("ip", removed, ["pi"])
    assert session.parameter_shapes == {"ip": [(4, 5), (4,)]}
    np.testing.assert_array_equal(kept[0], weight)
    np.testing.assert_array_equal(kept[1], bias)
    weight.reshape(-1)[first] = 0
    np.testing.assert_allclose(found["ip"][0], given @ weight.T + bias, atol=1e-5)
    bias[second] = 0
    np.testing.assert_allclose(found["ip"][1], given @ weight.T + bias, atol=1e-5)
    np.testing.assert_array_equal(found["ip"][2], whole["ip"])
    np.testing.assert_array_equal(found["tanh"][2], whole["tanh"])
