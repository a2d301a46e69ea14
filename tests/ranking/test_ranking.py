"""Rankings, and how well they predict the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from channel_choices import with_random_weights
from judged_nets import BRANCHING, OVERWRITING, samples
from small_models import two_layers

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.errors import NetsurgeryError, PlanError
from netsurgery.network.channels import channel_groups
from netsurgery.network.model import Model, load
from netsurgery.progress import Progress
from netsurgery.ranking import rank
from netsurgery.ranking.correlation import correlate, spearman
from netsurgery.ranking.rankings import EXAMPLES, OTHER_HALF

WITHOUT_CHOICE = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "prob" type: "Softmax" bottom: "data" top: "prob" }
"""


def test_spearman_by_hand() -> None:
    # Ranks 1 2 3 4 5 and 2 1 4 3 5: d = 1 1 1 1 0, S = 1 - 6 * 4 / (5 * 24).
    assert spearman(np.array([1, 2, 3, 4, 5]), np.array([20, 10, 40, 30, 50])) == pytest.approx(0.8)
    # Ranks 1.5 1.5 3 and 1 2 3: the correlation of these is 1.5 / sqrt(1.5 * 2).
    tied = spearman(np.array([7, 7, 9]), np.array([1, 2, 3]))
    assert tied == pytest.approx(1.5 / math.sqrt(1.5 * 2))
    assert math.isnan(spearman(np.array([1.0]), np.array([1.0])))
    assert math.isnan(spearman(np.array([1.0, 1.0]), np.array([1.0, 2.0])))


def test_layers_are_compared_after_their_norms() -> None:
    oracle = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([1.5, 2.5, 3.5]), "c": np.ones(1)}
    scores = {"a": oracle["a"] * 1000, "b": oracle["b"], "c": np.ones(1)}
    free = {name: np.arange(len(array)) for name, array in oracle.items()}
    found = correlate(scores, oracle, free)
    assert (found.layers["a"], found.layers["b"], found.mean) == pytest.approx((1, 1, 1))
    assert math.isnan(found.layers["c"])
    without = {name: free[name] for name in "ab"}
    # The layers lie one after the other: ranks 4 5 6 1 2 3 against 1 3 5 2 4 6.
    assert correlate(scores, oracle, without).raw == pytest.approx(1 - 6 * 28 / (6 * 35))
    assert correlate(scores, oracle, without).normalised > 0.9


def test_only_channels_that_can_go_count() -> None:
    scores, oracle = {"a": np.array([1.0, 2.0, 9.0])}, {"a": np.array([1.0, 2.0, np.nan])}
    assert correlate(scores, oracle, {"a": np.array([0, 1])}).raw == pytest.approx(1)


def test_weights_alone_need_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSURGERY_CAFFE_PYTHON", "/nowhere")
    ranking = rank(two_layers(), ["l1", "random"])
    norms = np.abs(two_layers().blobs("fc6")[0].array()).sum(axis=1)
    np.testing.assert_allclose(ranking.scores["l1"]["fc6"], norms, rtol=1e-6)
    assert [channel for _, channel in ranking.order("l1")] == np.argsort(norms).tolist()
    assert (ranking.judged_by, ranking.oracle) == (None, None)
    with pytest.raises(ValueError, match="no oracle"):
        ranking.correlations()


def test_cost_moves_a_channel_forward() -> None:
    model = with_random_weights(OVERWRITING)
    plain, dear = rank(model, ["l2"]), rank(model, ["l2"], flops=100.0)
    assert dear.order("l2") != plain.order("l2")
    # What a channel costs is all that counts now, and those of conv1 cost most.
    assert {group for group, _ in dear.order("l2")[:5]} == {"conv1"}


@pytest.mark.parametrize(
    ("model", "criteria", "options", "said"),
    [
        (two_layers(), ["tailor"], {}, "no criterion 'tailor'; choose among .*taylor"),
        (two_layers(), ["l1", "taylor", "zeros"], {}, "taylor and zeros cannot do without inputs"),
        (two_layers(), ["l1"], {"oracle": True}, "the oracle cannot do without inputs; give"),
        (with_random_weights(WITHOUT_CHOICE), ["l1"], {}, "no channel of this net can be removed"),
    ],
)
def test_what_cannot_be_ranked(model: Model, criteria: list, options: dict, said: str) -> None:
    with pytest.raises(PlanError, match=said) as caught:
        rank(model, criteria, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("caffe_python")
def test_one_run_serves_all_groups_and_criteria() -> None:
    texts: list[str] = []
    model = with_random_weights(BRANCHING)
    told = Progress(lambda event: texts.append(str(event)))
    calibrator = Calibrator(samples(BRANCHING, 8), progress=told)
    ranking = rank(model, ["taylor", "taylor2019", "activation", "zeros"], calibrator, oracle=True)
    counted = [
        f"{what}, {done} of 8 inputs" for what in ("running", "gradients") for done in (0, 8)
    ]
    assert texts == counted
    assert ranking.judged_by == "the labels given"
    assert set(ranking.correlations()) == {*ranking.scores, EXAMPLES}  # one batch has no halves
    observers = calibrator.gradients(model, channel_groups(model)[1:])
    for group in ranking.groups:
        expected = observers[group.name].magnitude / 8
        np.testing.assert_array_equal(ranking.scores["taylor"][group.name], expected)


@pytest.mark.usefixtures("caffe_python")
def test_lenet_of_the_zoo(zoo) -> None:
    folder = zoo / "lenet_everpeace"
    model = load(folder / "deploy.prototxt", folder / "lenet_iter_10000.caffemodel")
    file = np.load(zoo.parent / "data" / "mnist_t10k.npz")
    images = file["images"][file["train_index"][:128]][:, None].astype(np.float32) / 256
    inputs = Inputs({"data": images}, file["labels"][file["train_index"][:128]])
    ranking = rank(model, ["taylor", "l1", "random"], Calibrator(inputs), oracle=True)
    found = ranking.correlations()
    assert ranking.correlations_of_examples()["taylor"].mean > 0.8
    assert list(found["taylor"].layers) == ["conv1", "conv2", "ip1"]
    assert found["taylor"].normalised > 0.4 > abs(found["random"].normalised)
    assert OTHER_HALF in found


def test_a_net_of_no_classes_says_so() -> None:
    text = OVERWRITING.split('layer { name: "flat"')[0]
    inputs = samples(OVERWRITING, 2)
    with pytest.raises(NetsurgeryError, match="a loss needs one output of class scores"):
        rank(with_random_weights(text), ["taylor"], Calibrator(inputs))
