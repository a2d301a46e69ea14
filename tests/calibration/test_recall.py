from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from calibration_nets import declared, layer
from channel_choices import with_random_weights
from judged_nets import BRANCHING

from netsurgery.calibration import Inputs, calibrator
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.engine import engine as engine_named
from netsurgery.linalg.moments import Moments
from netsurgery.network.channels import channel_groups
from netsurgery.network.graph import Layer
from netsurgery.network.model import Model, load

GROUPED = declared("data", 1, 4, 6, 6) + layer(
    "Convolution", "data", "conv", "convolution_param { num_output: 6 group: 2 kernel_size: 3 }"
)
INPUTS = np.random.default_rng(3).normal(size=(5, 2, 6, 6)).astype(np.float32)


@pytest.fixture
def model() -> Model:
    return with_random_weights(BRANCHING)


def products(model: Model) -> list[Layer]:
    found = model.network().layers
    return [layer for layer in found if layer.type in ("Convolution", "InnerProduct")]


def learn(model: Model, cache: Path, inputs: Any = None, **given: Any) -> Calibrator:
    """A calibrator that has learnt what layers read."""
    inputs = Inputs({"data": INPUTS}) if inputs is None else inputs
    known = Calibrator(inputs, **{"engine": "opencv", "cache": cache, **given})
    known.products(model, products(model))
    return known


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and no model runs any more."""

    def fail(*args: Any, **named: Any) -> None:
        raise AssertionError("a model runs")

    def forbid() -> None:
        monkeypatch.setattr(calibrator, "measure", fail)
        monkeypatch.setattr(calibrator, "measure_gradients", fail)

    return forbid


def everything(found: dict) -> list[np.ndarray]:
    """All numbers that observers or moments hold."""
    observers = [
        part for value in found.values() for part in (value if isinstance(value, list) else [value])
    ]
    arrays = []
    for observer in observers:
        if isinstance(observer, Moments):
            arrays += observer.to_arrays().values()
            continue
        for name, value in sorted(vars(observer).items()):
            if hasattr(value, "to_arrays"):
                arrays += value.to_arrays().values()
            elif isinstance(value, (np.ndarray, int)) and name not in ("_channels",):
                arrays.append(np.asarray(value))
    return arrays


@pytest.mark.parametrize("what", ["products", "outputs", "channels"])
def test_the_second_run_runs_nothing_and_answers_the_same(
    what: str, model: Model, opencv: str, tmp_path: Path, no_engine: Callable[[], None]
) -> None:
    asked = channel_groups(model) if what == "channels" else products(model)
    first = getattr(Calibrator(Inputs({"data": INPUTS}), opencv, cache=tmp_path), what)(
        model, asked
    )
    no_engine()
    again = Calibrator(Inputs({"data": INPUTS.copy()}), opencv, cache=tmp_path)
    second = getattr(again, what)(with_random_weights(BRANCHING), asked)
    # A count, and of few rows these.
    assert len(everything(first)) >= 2 * len(first)
    for a, b in zip(everything(first), everything(second)):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_gradients_are_kept_with_the_labels_they_are_of(
    model: Model, caffe: str, tmp_path: Path, no_engine: Callable[[], None]
) -> None:
    groups = channel_groups(model)[:1]
    labels = np.array([0, 1, 2, 0, 1])
    inputs = Inputs({"data": INPUTS}, labels)
    first = Calibrator(inputs, caffe, cache=tmp_path).gradients(model, groups)
    no_engine()
    second = Calibrator(inputs, caffe, cache=tmp_path).gradients(model, groups)
    for a, b in zip(everything(first), everything(second)):
        np.testing.assert_array_equal(a, b)
    assert type(next(iter(second.values())).count) is int
    for others in (Inputs({"data": INPUTS}, labels[::-1]), Inputs({"data": INPUTS})):
        with pytest.raises(AssertionError, match="a model runs"):
            Calibrator(others, caffe, cache=tmp_path).gradients(model, groups)


def test_groups_of_a_convolution_have_moments_each(
    opencv: str, tmp_path: Path, no_engine: Callable[[], None]
) -> None:
    model, inputs = with_random_weights(GROUPED), Inputs({"data": np.ones((2, 4, 6, 6))})
    first = learn(model, tmp_path, inputs).products(model, products(model))["conv"]
    no_engine()
    second = learn(model, tmp_path, inputs).products(model, products(model))["conv"]
    assert len(second.groups()) == 2
    for a, b in zip(first.groups(), second.groups()):
        np.testing.assert_array_equal(a.second, b.second)


def other_weights(model: Model) -> Model:
    weights = model.weights
    assert weights
    (changed,) = weights.find("scores")
    blobs = [type(blob).of(blob.array() + np.float32(1e-6)) for blob in changed.blobs]
    return Model(
        model.prototxt, weights.replace({"scores": [type(changed)("scores", None, tuple(blobs))]})
    )


def other_text(model: Model) -> Model:
    return with_random_weights(BRANCHING.replace("pad: 1", "pad: 1 stride: 1", 1))


@pytest.mark.parametrize("change", [other_weights, other_text])
def test_another_model_is_not_known(
    change: Callable[[Model], Model],
    model: Model,
    opencv: str,
    tmp_path: Path,
    no_engine: Callable[[], None],
) -> None:
    learn(model, tmp_path)
    no_engine()
    learn(model, tmp_path)
    with pytest.raises(AssertionError, match="a model runs"):
        learn(change(model), tmp_path)


@pytest.mark.parametrize(
    "given",
    [
        {"inputs": Inputs({"data": INPUTS + np.float32(1e-6)})},
        {"inputs": Inputs({"data": INPUTS[:4]})},
        {"inputs": Inputs({"data": INPUTS[:, None]}, whole_blobs=True)},
        {"seed": 1},
        {"engine": "caffe"},
        {"engine": None},
        {"engine": engine_named("caffe", pythonpath=["a fork"])},
    ],
)
def test_other_inputs_seeds_and_engines_are_not_known(
    given: dict, model: Model, opencv: str, tmp_path: Path, no_engine: Callable[[], None]
) -> None:
    learn(model, tmp_path)
    no_engine()
    with pytest.raises(AssertionError, match="a model runs"):
        learn(model, tmp_path, **given)


def test_what_is_missing_alone_is_run(
    model: Model, opencv: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(model, tmp_path)
    files = sorted((tmp_path / "calibrator").iterdir())
    assert len(files) == len(products(model))
    files[0].unlink()
    run, counts = calibrator.measure, []
    monkeypatch.setattr(
        calibrator, "measure", lambda *given: (counts.append(len(given[2])), run(*given))
    )
    learn(model, tmp_path)
    assert counts == [1]
    assert sorted((tmp_path / "calibrator").iterdir()) == files


def test_another_version_is_not_known(
    model: Model,
    opencv: str,
    tmp_path: Path,
    no_engine: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn(model, tmp_path)
    no_engine()
    monkeypatch.setattr(calibrator, "code_version", lambda: "another")
    with pytest.raises(AssertionError, match="a model runs"):
        learn(model, tmp_path)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "no archive": lambda data: b"\x00" * len(data),
    "a changed number": lambda data: data.replace(data[200:204], b"\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_as_if_it_were_not_there(
    damage: str, model: Model, opencv: str, tmp_path: Path
) -> None:
    first = learn(model, tmp_path)
    files = sorted((tmp_path / "calibrator").iterdir())
    whole = [file.read_bytes() for file in files]
    for file, data in zip(files, whole):
        file.write_bytes(DAMAGES[damage](data))
    second = learn(model, tmp_path)
    for name, moments in first._products.items():
        np.testing.assert_array_equal(moments.second, second._products[name].second)
    assert [len(file.read_bytes()) for file in files] == [len(data) for data in whole]


def test_a_file_of_something_else_is_as_if_it_were_not_there(
    model: Model, opencv: str, tmp_path: Path
) -> None:
    learn(model, tmp_path)
    for file in (tmp_path / "calibrator").iterdir():
        np.savez(file, other=np.zeros(3))
    assert learn(model, tmp_path)._products["scores"].count == 5


def test_a_folder_that_cannot_be_written_costs_a_warning(
    model: Model, opencv: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="what calibration learnt is not kept: .*cannot make"):
        known = learn(model, tmp_path / "file")
    assert known._products["scores"].count == 5


def test_weights_are_known_by_their_numbers(
    model: Model, opencv: str, tmp_path: Path, no_engine: Callable[[], None]
) -> None:
    learn(model, tmp_path / "cache")
    no_engine()
    learn(load(*model.save(tmp_path / "a")), tmp_path / "cache")
