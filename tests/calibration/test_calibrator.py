"""What is learnt while a net runs, against its blobs taken all at once."""

from __future__ import annotations

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line

from netsurgery.calibration import observers, random_inputs, session_pool
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.inputs import Batch
from netsurgery.calibration.measuring import ObservedValue
from netsurgery.calibration.observers import Part, Target, channel_rows, entries_by_turn
from netsurgery.calibration.session_pool import open_model
from netsurgery.network.channels import channel_groups
from netsurgery.network.channels.groups import ValueCut
from netsurgery.network.graph import Value

NET = (
    declared("x", 2, 3, 7, 7)
    + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8")
    + line("ReLU", "r", ["a"], ["a"])
    + line("Slice", "s", ["a"], ["low", "high"], "slice_param { slice_point: 3 }")
    + line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 4 group: 2 pad: 1")
    + line("InnerProduct", "c", ["b"], ["c"], "inner_product_param { num_output: 3 }")
    + line("InnerProduct", "d", ["low"], ["d"], "inner_product_param { num_output: 3 }")
    + line("Silence", "z", ["high"], [])
)


@pytest.fixture
def learnt(quick_caffe):
    model = with_random_weights(NET, 1)
    # Seven is no multiple of the batch: the sample that fills the last one must not count.
    inputs = random_inputs(model.network(), 7, 0)
    values = {str(value.blob): value for value in model.network().values}
    arrays = {}
    with open_model(quick_caffe, model) as runner:
        x = np.asarray(inputs.arrays["x"][:])
        arrays = runner.run(Batch({"x": x}, 7, 7), values)
    return model, Calibrator(inputs, quick_caffe), arrays


def group_named(model, name):
    return next(group for group in channel_groups(model) if group.name == name)


def test_moments_of_what_layers_read(learnt) -> None:
    model, calibrator, arrays = learnt
    layers = [layer for layer in model.network().layers if layer.name in ("b", "c")]
    moments = {name: one.groups() for name, one in calibrator.products(model, layers).items()}
    flat = arrays["b"].reshape(7, -1).astype(np.float64)
    near = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(moments["c"][0].second, flat.T @ flat / 7, **near)
    assert moments["c"][0].count == 7
    assert len(moments["b"]) == 2
    assert moments["b"][1].count == 7 * 25
    padded = np.pad(arrays["a"], ((0, 0), (0, 0), (1, 1), (1, 1)))[:, 4:]
    centre = moments["b"][1].mean.reshape(4, 3, 3)
    np.testing.assert_allclose(
        centre[:, 1, 1], padded[:, :, 1:-1, 1:-1].mean(axis=(0, 2, 3)), **near
    )
    np.testing.assert_allclose(centre[:, 0, 2], padded[:, :, :-2, 2:].mean(axis=(0, 2, 3)), **near)


def test_channels_where_they_are_read(learnt) -> None:
    model, calibrator, arrays = learnt
    group = group_named(model, "a")
    observer = calibrator.channels(model, [group])["a"]
    rows = arrays["a"].transpose(0, 2, 3, 1).reshape(-1, 8).astype(np.float64)
    at = {str(cut.value.blob): observer.at(cut.value) for cut in group.values}
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(at["a"].covariance, np.cov(rows, rowvar=False, bias=True), **near)
    # Of what a slice leaves out nothing is known, and it dilutes nothing.
    np.testing.assert_allclose(at["low"].mean[:3], rows.mean(axis=0)[:3], **near)
    assert not at["low"].mean[3:].any()
    assert observer.at(Value("nowhere", 0)) is None
    both = np.concatenate([rows, rows * (np.arange(8) < 3)])
    np.testing.assert_allclose(observer.moments.second, both.T @ both / len(both), **near)
    np.testing.assert_allclose(observer.magnitude, both.sum(axis=0), rtol=1e-4)


def test_what_is_known_is_not_asked_again(learnt, monkeypatch) -> None:
    model, calibrator, _ = learnt
    layers = [layer for layer in model.network().layers if layer.name == "c"]
    first = calibrator.products(model, layers)["c"]
    monkeypatch.setattr(Calibrator, "run", lambda *_: pytest.fail("it ran again"))
    assert calibrator.products(model, layers)["c"] is first


def test_some_windows_of_many_tell_as_much(learnt) -> None:
    model, calibrator, _ = learnt
    layers = [layer for layer in model.network().layers if layer.name == "b"]
    every = calibrator.products(model, layers)["b"]
    few, again = (
        Calibrator(calibrator.inputs, calibrator.engine, seed=3, places=20).products(model, layers)[
            "b"
        ]
        for _ in range(2)
    )
    # Batches are of two samples; for each as many windows are drawn.
    assert few.count == 7 * 20
    np.testing.assert_array_equal(few.second, again.second)
    assert np.linalg.norm(few.second - every.second) < 0.5 * np.linalg.norm(every.second)


def test_a_sample_of_rows_is_of_fixed_size_and_from_everywhere(learnt, monkeypatch) -> None:
    model, calibrator, arrays = learnt
    layer = next(layer for layer in model.network().layers if layer.name == "b")
    below = Value("a", 0)  # before the ReLU; its first four channels stand for what is wanted
    target = Target(Part(ObservedValue(below, 1), np.arange(4)))
    every = arrays["b"].transpose(0, 2, 3, 1).reshape(-1, 4)
    rows, targets = calibrator.rows(model, layer, model, target)
    assert targets.shape == rows.shape == every.shape == (7 * 25, 4)
    np.testing.assert_allclose(rows, every, rtol=1e-5)
    wanted = dict(zip(map(tuple, rows.tolist()), targets.tolist()))
    monkeypatch.setattr(observers, "ROWS", 60)
    few, its = calibrator.rows(model, layer, model, target)
    assert few.shape == its.shape == (60, 4)
    assert [wanted[row] for row in map(tuple, few.tolist())] == its.tolist()
    places = [np.flatnonzero((rows == row).all(axis=1))[0] for row in few]
    assert len(set(places)) == 60
    # 20 of each third are expected; with this seed
    assert min(np.histogram(places, 3, (0, 175))[0]) >= 14
    again, _ = calibrator.rows(model, layer, model, target)
    np.testing.assert_array_equal(again, few)


def test_entries_go_by_turns() -> None:
    turns = entries_by_turn(np.array([1, -1, 0, 1, 2, 1]), 4)
    assert [turn.tolist() for turn in turns] == [[2, 0, 4, -1], [-1, 3, -1, -1], [-1, 5, -1, -1]]


def test_rows_of_a_flattened_value() -> None:
    array = np.arange(12.0).reshape(2, 6)
    cut = ValueCut(Value("f", 0), 1, 2, np.array([0, 0, 0, 1, 1, 1]))
    rows = channel_rows(array, cut, 2)
    assert sorted(map(tuple, rows.tolist())) == [(0, 3), (1, 4), (2, 5), (6, 9), (7, 10), (8, 11)]


@pytest.mark.parametrize("fits", [True, False])
def test_fits_in_turn_run_what_changed_where_all_that_models_make_fits(
    learnt, monkeypatch, fits
) -> None:
    model, calibrator, _ = learnt
    monkeypatch.setattr("netsurgery.calibration.calibrator.WHOLE_BYTES", 1e9 if fits else 1.0)
    alone = Calibrator(calibrator.inputs, calibrator.engine, most_bytes=1.0)
    ran: list[list[str]] = []
    load = session_pool.load_model

    def watched(engine, model, *given, **named):
        ran.append([layer.name for layer in model.network().layers])
        return load(engine, model, *given, **named)

    monkeypatch.setattr(session_pool, "load_model", watched)
    whole = [layer.name for layer in model.network().layers]
    layers = {layer.name: layer for layer in model.network().layers}
    for name in ("a", "b"):
        target = Target(Part(ObservedValue(layers[name].tops[0], 1)))
        assert alone.targets(model, layers[name], model, target).count
    alone.sessions.close()
    assert all((names == whole) != fits for names in ran)
    if fits:  # the second fit begins behind what the first one looked at
        assert "a" in ran[0]
        assert "a" not in ran[-1]
