"""Gradients of single weights, against slopes that were measured, and sample by sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

import numpy as np
import pytest
from calibration_nets import declared, layer
from channel_choices import with_random_weights
from judged_nets import samples

from netsurgery.calibration import (
    Calibrator,
    Inputs,
    mean_weight_gradients,
    open_loss,
    row_products,
    weight_gradients,
)
from netsurgery.calibration.weight_gradients import WeightGradientObserver
from netsurgery.errors import PlanError
from netsurgery.measurements import MemoryStore
from netsurgery.network import Model, ParameterKey, Value, prunable

STEP = 2e-3
SHARED = 'param {{ name: "shared" }} convolution_param {{ num_output: 4 kernel_size: {} {} }}'

# Groups and strides, weights that two layers share or that lie turned, several rows a sample.
EVERY = (
    declared("data", 2, 2, 6, 6)
    + layer("Convolution", "data", "stem", "convolution_param { num_output: 4 kernel_size: 1 }")
    + layer(
        "Convolution",
        "stem",
        "grouped",
        "convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 group: 2 }",
    )
    + 'layer { name: "smooth" type: "TanH" bottom: "grouped" top: "grouped" }\n'
    + layer("Convolution", "grouped", "first", SHARED.format(3, "pad: 1"))
    + layer("Convolution", "first", "second", SHARED.format(3, ""))
    + layer("InnerProduct", "first", "side", "inner_product_param { num_output: 4 axis: 3 }")
    + layer("Flatten", "side", "flat")
    + layer("Concat", "flat second_flat", "both")
    + layer(
        "InnerProduct", "both", "turned", "inner_product_param { num_output: 5 transpose: true }"
    )
    + layer("InnerProduct", "turned", "scores", "inner_product_param { num_output: 3 }")
    + layer("Softmax", "scores", "prob")
).replace(
    layer("Flatten", "side", "flat"),
    layer("Flatten", "side", "flat") + layer("Flatten", "second", "second_flat"),
)


def every_net() -> Tuple[Model, Tuple[ParameterKey, ...]]:
    model = with_random_weights(EVERY)
    return model, prunable(model)


def some_places(shape: Tuple[int, ...]) -> List[Tuple[int, ...]]:
    random = np.random.RandomState(1)
    flat = random.permutation(int(np.prod(shape)))[:6]
    return list(zip(*np.unravel_index(flat, shape)))


def slopes(
    model: Model, inputs: Inputs, keys: Tuple[ParameterKey, ...]
) -> Dict[ParameterKey, list]:
    """How the loss of one sample changes with some weights, by central differences."""
    found: Dict[ParameterKey, list] = {}
    with open_loss(model, inputs) as runner:
        (batch,) = runner.batches()
        kept = runner.session.parameters()
        for name, index in keys:
            found[name, index] = []
            for place in some_places(kept[name][index].shape):
                losses = []
                for sign in (1, -1):
                    arrays = [array.copy() for array in kept[name]]
                    arrays[index][place] += sign * STEP
                    runner.session.set_parameters({name: arrays})
                    losses.append(float(runner.losses(runner.forward(batch), batch)[0]))
                found[name, index].append((losses[0] - losses[1]) / (2 * STEP))
            runner.session.set_parameters(kept)
    return found


@pytest.mark.usefixtures("caffe_python")
def test_gradients_are_the_slopes_of_the_loss() -> None:
    (model, keys), inputs = every_net(), samples(EVERY, 1)
    assert len(keys) == 6
    measured = slopes(model, inputs, keys)
    found = mean_weight_gradients(Calibrator(inputs), model, keys, 1)
    for (name, index), own in measured.items():
        assert found[name, index].shape == model.blobs(name)[index].shape
        there = [found[name, index][place] for place in some_places(found[name, index].shape)]
        # Scores are float32 of order 10, so that a loss is known to some 1e-6, which STEP divides;
        # the error of a central difference is of order STEP**2.
        np.testing.assert_allclose(there, np.abs(own), atol=2e-3, rtol=2e-3)
        assert max(there) > 0.02, name


@pytest.mark.usefixtures("caffe_python")
def test_each_sample_counts_alone_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    (model, keys), inputs = every_net(), samples(EVERY, 5)
    calibrator = Calibrator(inputs)
    magnitudes = mean_weight_gradients(calibrator, model, keys, 1)
    squares = mean_weight_gradients(calibrator, model, keys, 2)
    monkeypatch.setattr(weight_gradients, "AT_ONCE", 1)
    in_pieces = mean_weight_gradients(calibrator, model, keys, 2)
    alone = []
    for one in range(5):
        single = Inputs({"data": inputs.arrays["data"][one : one + 1]}, inputs.labels[[one]])
        alone.append(mean_weight_gradients(calibrator.of(single), model, keys, 1))
    for key in keys:
        # Batches of other sizes: the same sums of float32 products in another order.
        noise = {"rtol": 1e-4, "atol": 1e-7}
        found = np.stack([one[key] for one in alone])
        np.testing.assert_allclose(magnitudes[key], found.mean(axis=0), **noise)
        np.testing.assert_allclose(squares[key], np.square(found).mean(axis=0), **noise)
        np.testing.assert_allclose(in_pieces[key], squares[key], **noise)


@pytest.mark.usefixtures("caffe_python")
def test_what_was_learnt_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (model, keys), inputs = every_net(), samples(EVERY, 3)
    store = MemoryStore()
    first = mean_weight_gradients(Calibrator(inputs, cache=store), model, keys, 2, drawn=True)
    monkeypatch.setattr(weight_gradients, "gone_through", None)
    again = mean_weight_gradients(Calibrator(inputs, cache=store), model, keys, 2, drawn=True)
    assert all(np.array_equal(first[key], again[key]) for key in keys)
    for other in (Calibrator(inputs, seed=1, cache=store), Calibrator(inputs, cache=MemoryStore())):
        with pytest.raises(TypeError):
            mean_weight_gradients(other, model, keys, 2, drawn=True)
    with pytest.raises(TypeError):
        mean_weight_gradients(Calibrator(inputs, cache=store), model, keys, 2)


LONE = declared("data", 2, 2, 6, 6) + layer(
    "InnerProduct", "data", "scores", "inner_product_param { num_output: 3 }"
)


@pytest.mark.usefixtures("caffe_python")
def test_classes_are_drawn_as_often_as_the_net_says() -> None:
    model, one = with_random_weights(LONE), samples(LONE, 1, None)
    inputs = Inputs({"data": np.repeat(one.arrays["data"] / 8, 4000, axis=0)})
    with open_loss(model, inputs) as runner:
        drawn = [list(runner.drawn_batches(seed)) for seed in (0, 0, 1)]
        scores = runner.forward(drawn[0][0])[runner.watched[0]][0].astype(np.float64)
    labels = [np.concatenate([batch.labels for batch in batches]) for batches in drawn]
    assert np.array_equal(labels[0], labels[1])
    assert not np.array_equal(labels[0], labels[2])
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    assert chances.min() > 0.02
    often = np.bincount(labels[0], minlength=3) / 4000
    # five standard deviations of a count
    np.testing.assert_allclose(often, chances, atol=5 * np.sqrt(0.25 / 4000))


@pytest.mark.usefixtures("caffe_python")
def test_squares_of_drawn_classes_are_the_curvature() -> None:
    """Of one softmax layer the Gauss-Newton matrix has p (1 - p) x^2 on its diagonal."""
    model, one = with_random_weights(LONE), samples(LONE, 1, None)
    row = one.arrays["data"] / 8
    inputs = Inputs({"data": np.repeat(row, 4000, axis=0)}, np.zeros(4000, int))
    found = mean_weight_gradients(Calibrator(inputs), model, [("scores", 0)], 2, drawn=True)
    weights, bias = (blob.array().astype(np.float64) for blob in model.blobs("scores"))
    scores = weights @ row.ravel() + bias
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    wanted = np.outer(chances * (1 - chances), np.square(row.ravel(), dtype=np.float64))
    # as the test above: relative to shares of 0.02 and more
    np.testing.assert_allclose(found["scores", 0], wanted, rtol=0.2)


def test_rows_that_belong_to_no_sample_are_refused() -> None:
    model = with_random_weights(LONE)
    observer = WeightGradientObserver(row_products(model, ("scores", 0)), (3, 72), 1)
    read, made = Value("data"), Value("scores")
    with pytest.raises(PlanError, match="3 rows for 2 samples"):
        observer.add({read: np.ones((3, 2, 6, 6))}, {made: np.ones((3, 3))}, 2)


@pytest.mark.usefixtures("caffe_python")
def test_weights_that_no_loss_depends_on_are_refused() -> None:
    text = LONE + layer("InnerProduct", "data", "aside", "inner_product_param { num_output: 2 }")
    model = with_random_weights(text)
    inputs = replace(samples(LONE, 2), labels=np.array([0, 1]))
    with pytest.raises(PlanError, match=r"does not depend on its weights.*task_output") as raised:
        mean_weight_gradients(Calibrator(inputs, task_output="scores"), model, prunable(model), 1)
    assert raised.value.layer == "aside"


UP = "convolution_param { num_output: 2 kernel_size: 2 }"
ANOTHER = 'param { name: "shared" } convolution_param { num_output: 4 kernel_size: 1 group: 4 }'
NO_MATRIX = {
    "blob 0 of a layer of type Deconvolution is no matrix": layer("Deconvolution", "data", "a", UP),
    "blob 0 of a layer of type PReLU is no matrix": layer("PReLU", "data", "a"),
    "each takes them for another matrix": layer(
        "Convolution", "data", "a", SHARED.format(1, "group: 2")
    )
    + layer("Convolution", "a", "b", ANOTHER),
}


@pytest.mark.parametrize("problem", NO_MATRIX)
def test_weights_that_are_no_matrix_are_refused(problem: str) -> None:
    model = with_random_weights(declared("data", 2, 2, 6, 6) + NO_MATRIX[problem])
    with pytest.raises(PlanError, match=problem) as raised:
        row_products(model, ("a", 0))
    assert raised.value.layer == "a"


def test_biases_are_no_matrix() -> None:
    with pytest.raises(PlanError, match="blob 1 of a layer of type InnerProduct is no matrix"):
        row_products(with_random_weights(LONE), ("scores", 1))
