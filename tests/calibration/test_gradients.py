"""First-order changes of the loss, held against changes that were measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calibration_nets import declared, layer
from channel_choices import with_random_weights
from judged_nets import (
    BRANCHING,
    LINEAR,
    OVERWRITING,
    RESIDUAL,
    losses_by_hand,
    samples,
    with_blobs,
)

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.losses import open_loss
from netsurgery.engine.caffe import CaffeSession
from netsurgery.errors import EngineError, PlanError
from netsurgery.network.channels import ChannelGroup, channel_groups
from netsurgery.network.channels.readers import weights_reading
from netsurgery.network.model import Model

STEP = 2e-3


def free_groups(model: Model) -> list[ChannelGroup]:
    return [group for group in channel_groups(model) if len(group.free)]


def slopes(model: Model, group: ChannelGroup, inputs: Inputs) -> np.ndarray:
    """How the loss changes with a factor on what reads each channel, by central differences.

    For that factor at 1 the derivative is the sum over places of activation times gradient.
    """
    found = np.zeros(group.channels)
    with open_loss(model, inputs) as runner:
        (batch,) = runner.batches()
        kept = runner.session.parameters()
        for channel in range(group.channels):
            entries = weights_reading(group, channel, runner.session.parameter_shapes)
            for sign in (1, -1):
                set_scaled(runner.session, kept, entries, 1 + sign * STEP)
                loss = runner.losses(runner.forward(batch), batch).sum()
                found[channel] += sign * loss / (2 * STEP)
            runner.session.set_parameters(kept)
    return found


def set_scaled(session: CaffeSession, kept: dict, entries: dict, factor: float) -> None:
    changed = {name: [array.copy() for array in arrays] for name, arrays in kept.items()}
    for (name, index), flat in entries.items():
        changed[name][index].reshape(-1)[flat] *= factor
    session.set_parameters(changed)


@pytest.mark.usefixtures("caffe_python")
@pytest.mark.parametrize(
    "text", [OVERWRITING, BRANCHING, RESIDUAL], ids=["in place", "branching", "residual"]
)
def test_gradients_are_the_slopes_of_the_loss(text: str) -> None:
    model, inputs = with_random_weights(text), samples(text, 1)
    groups = free_groups(model)
    observers = Calibrator(inputs).gradients(model, groups)
    assert len(groups) > 1
    for group in groups:
        measured = np.abs(slopes(model, group, inputs))
        first_order = np.sqrt(observers[group.name].squared)
        # Scores are float32 of order 10, so that a loss is known to some 1e-6, which STEP divides;
        # the error of a central difference is of order STEP**2.
        np.testing.assert_allclose(first_order, measured, atol=2e-3, rtol=2e-3)
        assert measured.max() > 0.02


@pytest.mark.usefixtures("caffe_python")
def test_each_sample_counts_alone_whatever_the_batch() -> None:
    model, inputs = with_random_weights(OVERWRITING), samples(OVERWRITING, 70)
    groups = free_groups(model)
    together = Calibrator(inputs).gradients(model, groups)
    apart = [
        Calibrator(Inputs({"data": inputs.arrays["data"][part]}, inputs.labels[part])).gradients(
            model, groups
        )
        for part in (slice(0, 1), slice(1, 4), slice(4, 70))
    ]
    for group in groups:
        found, parts = together[group.name], [one[group.name] for one in apart]
        assert found.count == sum(part.count for part in parts) == 70
        for name in ("magnitude", "total", "squared"):
            # Batches of other sizes: the same sums of float32 products in another order.
            expected = np.sum([getattr(part, name) for part in parts], axis=0)
            np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-4, atol=1e-9)


@pytest.mark.usefixtures("caffe_python")
def test_the_mean_is_over_the_places_of_a_channel() -> None:
    model, inputs = with_random_weights(OVERWRITING), samples(OVERWRITING, 1)
    observers = Calibrator(inputs).gradients(model, free_groups(model))
    for name, places in {"conv1": 36, "conv2": 9, "fc3": 1}.items():
        observer = observers[name]
        np.testing.assert_allclose(observer.magnitude * places, observer.total, rtol=1e-6)
        np.testing.assert_allclose(observer.total, np.sqrt(observer.squared), rtol=1e-6)


@pytest.mark.usefixtures("caffe_python")
def test_a_dead_channel_scores_nothing() -> None:
    model = with_random_weights(LINEAR)
    weight, bias = (blob.array().copy() for blob in model.blobs("fc1"))
    bias[2] = -1000
    model = with_blobs(model, "fc1", [weight, bias])
    (observer,) = Calibrator(samples(LINEAR, 9, None)).gradients(model, free_groups(model)).values()
    assert observer.magnitude[2] == observer.squared[2] == 0
    assert observer.magnitude.max() > 0


@pytest.mark.usefixtures("caffe_python")
def test_the_loss_is_the_softmax_loss_of_what_the_softmax_reads() -> None:
    model, inputs = with_random_weights(OVERWRITING), samples(OVERWRITING, 5)
    with open_loss(model, inputs) as runner:
        (batch,) = runner.batches()
        found = runner.forward(batch, runner.net.losses)
        by_hand = losses_by_hand(found[runner.watched[0]], inputs.labels)
        np.testing.assert_allclose(runner.losses(found, batch), by_hand, rtol=1e-12)
        (loss,) = (found[name] for name in runner.net.losses)
    # Caffe adds up in float32.
    assert float(loss) == pytest.approx(by_hand.sum(), rel=1e-5)


@pytest.mark.usefixtures("caffe_python")
def test_without_labels_the_net_judges_itself() -> None:
    model, inputs = with_random_weights(BRANCHING), samples(BRANCHING, 6, None)
    with open_loss(model, inputs) as runner:
        (batch,) = runner.batches()
        scores = runner.forward(batch)[runner.watched[0]]
    np.testing.assert_array_equal(batch.labels, scores.argmax(axis=1))


@pytest.mark.usefixtures("caffe_python")
def test_labels_that_are_no_classes_are_refused() -> None:
    model = with_random_weights(BRANCHING)
    inputs = replace(samples(BRANCHING, 4), labels=np.array([0, 1, 2, 3]))
    with pytest.raises(PlanError, match="3 classes apart, but labels are from 0 to 3"):
        Calibrator(inputs).gradients(model, free_groups(model))


def test_other_engines_have_no_gradients() -> None:
    model = with_random_weights(BRANCHING)
    with pytest.raises(EngineError, match=r"opencv cannot do this: gradients; .* name caffe"):
        Calibrator(samples(BRANCHING, 2), "opencv").gradients(model, free_groups(model))


@pytest.mark.usefixtures("caffe_python")
def test_a_loss_of_the_nets_own_gives_the_same() -> None:
    text, inputs = OVERWRITING, samples(OVERWRITING, 6)
    own = text[: text.index('layer { name: "prob"')]
    own += declared("truth", 2) + layer("SoftmaxWithLoss", "fc4 truth", "cost")
    arrays = {**inputs.arrays, "truth": inputs.labels.astype(np.float32)}
    added, kept = with_random_weights(text), with_random_weights(own)
    expected = Calibrator(inputs).gradients(added, free_groups(added))
    found = Calibrator(Inputs(arrays)).gradients(kept, free_groups(kept))
    assert list(found) == list(expected)
    for name, observer in expected.items():
        assert found[name].count == observer.count
        # Batches of another size, and a mean: the same products, rounded otherwise.
        np.testing.assert_allclose(found[name].magnitude, observer.magnitude, rtol=1e-4, atol=1e-9)
    five = Inputs({name: array[:5] for name, array in arrays.items()})
    with pytest.raises(PlanError, match="a mean over 2 samples, and there are 5; give a multiple"):
        Calibrator(five).gradients(kept, free_groups(kept))
