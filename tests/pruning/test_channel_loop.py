"""Channels go some at a time, the net is tuned, and a loop that was killed ends the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional

import numpy as np
import pytest
from numpy_trainer import NumpyTrainer
from small_models import make_model
from small_training import classifier, samples

from netsurgery.calibration import Inputs
from netsurgery.costs import MACS, NetCost
from netsurgery.criteria import criterion
from netsurgery.errors import PlanError
from netsurgery.formats import Prototxt
from netsurgery.network import Model
from netsurgery.progress import Event, Progress, silent
from netsurgery.pruning import choose_channels, thin_in_rounds, without_channels
from netsurgery.training import Tuned, TuningSettings, tune

GROUPS = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 2 dim: 5 dim: 5 } } }
layer { name: "one" type: "Convolution" bottom: "data" top: "one"
        convolution_param { num_output: 6 kernel_size: 1 bias_term: false } }
layer { name: "two" type: "Convolution" bottom: "one" top: "two"
        convolution_param { num_output: 6 kernel_size: 1 bias_term: false group: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "two" top: "fc"
        inner_product_param { num_output: 3 bias_term: false } }
"""


def in_groups() -> Model:
    """Two convolutions, of which the second divides what it reads and what it makes."""
    random = np.random.RandomState(4)
    shapes = {"one": (6, 2, 1, 1), "two": (6, 3, 1, 1), "fc": (3, 150)}
    return make_model(GROUPS, {name: [random.normal(size=s)] for name, s in shapes.items()})


def test_the_least_channels_of_all_groups_go_first() -> None:
    model = classifier(hidden="")
    weights = model.blobs("fc1")[0].array()
    order = np.argsort(np.abs(weights).sum(1), kind="stable")
    keep = choose_channels(model, criterion("l1"), 0, 2)
    assert keep == {"fc1": sorted(order[2:].tolist())}


def test_no_more_go_than_the_limit_wants() -> None:
    model = classifier(hidden="")  # 6 * 4 + 3 * 6 MACs, 7 of each channel
    assert NetCost(model).total[MACS] == 42 * 8
    [keep] = choose_channels(model, criterion("l1"), 8 * 30, 5).values()
    assert len(keep) == 4  # 28; 5 would be 35
    thinner = without_channels(model, {"fc1": keep})
    assert NetCost(thinner.model).total[MACS] == 8 * 28
    assert thinner.model.blobs("fc1")[0].shape == (4, 4)


@pytest.mark.parametrize(("net", "least"), [(in_groups, [4, 4]), (classifier, [1])])
def test_blocks_lose_as_many_and_no_group_its_last_channel(net: Any, least: List[int]) -> None:
    model = net()
    keep = choose_channels(model, criterion("l1"), 0, 100)
    assert [len(kept) for kept in keep.values()] == least
    if len(least) > 1:
        assert all(sum(channel < 3 for channel in kept) == 2 for kept in keep.values())
    small = without_channels(model, keep).model
    with pytest.raises(PlanError, match="no channel is left that could go"):
        choose_channels(small, criterion("l1"), 0, 100)


def test_what_computes_little_already_is_refused() -> None:
    model = classifier(hidden="")
    with pytest.raises(PlanError, match="no more than is to be left"):
        choose_channels(model, criterion("l1"), 42 * 8, 5)


def test_a_criterion_that_needs_inputs_says_so() -> None:
    with pytest.raises(PlanError, match="there are no inputs"):
        choose_channels(classifier(hidden=""), criterion("taylor"), 0, 5)


class Tuner:
    """Tunes a thinned classifier on its samples, and may be killed in a round."""

    def __init__(self, killed_in: int = 0) -> None:
        self.killed_in = killed_in
        self.rounds: List[str] = []
        self.rates: List[Optional[float]] = []

    def __call__(
        self, model: Model, train_val: Optional[Prototxt], rate: Optional[float], folder: Path
    ) -> Tuned:
        self.rounds.append(folder.name)
        self.rates.append(rate)
        arrays = samples()
        inputs = Inputs({"data": arrays["data"]}, arrays["label"].astype(int), "samples")
        settings = TuningSettings(
            steps=20,
            batch=8,
            rate=rate or 0.05,
            validate_every=5,
            patience=None,
            engine=NumpyTrainer(),
        )
        tuned = tune(model, None, inputs, settings, folder)
        if len(self.rounds) == self.killed_in:
            raise KeyboardInterrupt
        return tuned


def run(
    folder: Path,
    tuner: Tuner,
    train_val: Optional[Prototxt] = None,
    progress: Progress = silent,
) -> Any:
    return thin_in_rounds(
        classifier(hidden=""),
        criterion("l1"),
        0.4,
        1,
        tuner,
        folder,
        calibrator_of=lambda _: None,
        train_val=train_val,
        progress=progress,
    )


def test_the_net_is_thinner_in_every_round(tmp_path: Path) -> None:
    tuner = Tuner()
    done = run(tmp_path, tuner, classifier(hidden="").prototxt)
    assert [one.facts["channels"] for one in done.rounds] == [5, 4, 3, 2]
    assert [one.facts["macs"] for one in done.rounds] == [8 * 7 * left for left in (5, 4, 3, 2)]
    assert done.tuned.model.blobs("fc1")[0].shape == (2, 4)
    assert b"num_output: 2" in done.tuned.model.prototxt.data
    assert b"num_output: 2" in done.train_val.data
    assert tuner.rates == [None, 0.05, 0.05, 0.05]


@pytest.mark.parametrize("killed_in", [1, 3])
def test_a_loop_that_was_killed_ends_in_the_same_bits(tmp_path: Path, killed_in: int) -> None:
    whole = run(tmp_path / "whole", Tuner())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", Tuner(killed_in))
    tuner = Tuner()
    resumed = run(tmp_path / "killed", tuner)
    assert tuner.rounds == [f"round-{number:02}" for number in range(killed_in, 5)]
    assert resumed.tuned.model.digest == whole.tuned.model.digest
    assert resumed.rounds == whole.rounds


@pytest.mark.parametrize(("killed_in", "told"), [(0, [0, 28, 56, 83, 100]), (3, [0, 83, 100])])
def test_it_is_told_how_much_of_what_is_to_go_is_gone(
    tmp_path: Path, killed_in: int, told: List[int]
) -> None:
    """Of six channels 0.6 are to go, one in each round, and none half."""
    if killed_in:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, Tuner(killed_in))
    found: List[int] = []
    run(tmp_path, Tuner(), None, Progress(lambda event: found.extend(rounds_of(event))))
    assert list(dict.fromkeys(found)) == told


def rounds_of(event: Event) -> List[int]:
    return [task.done for task in event.tasks if task.name == "rounds" and task.total == 100]
