"""The oracle's losses are those of nets that were really thinned; what it measured is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List

import numpy as np
import pytest
from channel_choices import with_random_weights
from judged_nets import BRANCHING, LINEAR, OVERWRITING, RESIDUAL, losses_by_hand, samples

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import choose
from netsurgery.engine.caffe import CaffeSession
from netsurgery.errors import FormatError
from netsurgery.measurements import open_store
from netsurgery.network.channels import channel_groups, thin_model
from netsurgery.network.model import Model
from netsurgery.ranking import Oracle, measure_oracle

pytestmark = pytest.mark.usefixtures("caffe_python")


def losses_of(model: Model, inputs: Inputs) -> np.ndarray:
    """The loss of each sample by hand, from the scores that a net computes."""
    scores: List[np.ndarray] = []
    with open_model(choose("caffe"), model) as runner:
        (output,) = runner.network.outputs
        producer = runner.network.producer(output)
        before = producer.bottoms[0] if producer and producer.type == "Softmax" else output
        for batch in inputs.batches(4):
            scores.append(runner.run(batch, {"scores": before})["scores"])
    assert inputs.labels is not None
    return losses_by_hand(np.concatenate(scores), inputs.labels)


@pytest.mark.parametrize(
    "text", [OVERWRITING, BRANCHING, RESIDUAL], ids=["in place", "branching", "residual"]
)
def test_the_oracle_is_the_loss_of_thinned_nets(text: str) -> None:
    model, inputs = with_random_weights(text), samples(text, 6)
    groups = channel_groups(model)
    oracle = measure_oracle(model, groups, Calibrator(inputs))
    whole = losses_of(model, inputs)
    assert oracle.loss == pytest.approx(whole.mean(), rel=1e-6)
    assert len(oracle.changes) > 1
    for group in groups:
        for channel in group.free.tolist():
            keep = np.setdiff1d(np.arange(group.channels), channel)
            thinned = thin_model(model, groups, {group.name: keep.tolist()})
            change = losses_of(thinned, inputs) - whole
            found = oracle.changes[group.name][channel], oracle.examples[group.name][channel]
            # Scores of order 10 in float32, summed in another order.
            assert found == pytest.approx((change.mean(), np.abs(change).mean()), abs=2e-5)


def test_channels_that_must_stay_have_no_number() -> None:
    model, inputs = with_random_weights(LINEAR), samples(LINEAR, 70, None)
    oracle = measure_oracle(model, channel_groups(model), Calibrator(inputs))
    assert list(oracle.changes) == ["fc1"]
    whole = (oracle.halves["fc1"] * [[64], [6]]).sum(axis=0) / 70
    np.testing.assert_allclose(whole, oracle.changes["fc1"], atol=1e-12)
    np.testing.assert_array_equal(oracle.magnitudes["fc1"], np.abs(oracle.changes["fc1"]))


class KilledError(Exception):
    """Stands for what ends a run."""


def interrupted(monkeypatch: pytest.MonkeyPatch, after: int) -> List[int]:
    """End the next run after some requests; the numbers of channels that were tried go here."""
    tried: List[int] = []
    real = CaffeSession.forward_without

    def limited(self: CaffeSession, start, removed, blobs):  # type: ignore[no-untyped-def]
        if len(tried) == after:
            raise KilledError
        tried.append(len(removed))
        return real(self, start, removed, blobs)

    monkeypatch.setattr(CaffeSession, "forward_without", limited)
    return tried


def measured(notes: Path) -> Oracle:
    model, inputs = with_random_weights(OVERWRITING), samples(OVERWRITING, 130)
    return measure_oracle(model, channel_groups(model), Calibrator(inputs), open_store(notes))


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_an_interrupted_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = measured(tmp_path / "whole")
    with monkeypatch.context() as patched:
        first = interrupted(patched, after)
        with pytest.raises(KilledError):
            measured(tmp_path / "part")
    with open(tmp_path / "part", "a", encoding="utf-8") as stream:
        stream.write(',{"key": "1", "wha')  # the power went while this was written
    second = interrupted(monkeypatch, -1)
    resumed = measured(tmp_path / "part")
    assert (len(first), len(first) + len(second)) == (after, 9)  # 3 batches, 3 groups
    assert resumed.loss == whole.loss
    for name, changes in whole.changes.items():
        np.testing.assert_array_equal(resumed.changes[name], changes)
        np.testing.assert_array_equal(resumed.halves[name], whole.halves[name])


def test_a_finished_run_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measured(tmp_path / "notes")
    interrupted(monkeypatch, 0)
    np.testing.assert_array_equal(measured(tmp_path / "notes").changes["fc3"], whole.changes["fc3"])


def test_notes_of_other_inputs_do_not_count(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    model = with_random_weights(OVERWRITING)
    groups = channel_groups(model)
    found = []
    for seed in (1, 2):
        calibrator = Calibrator(samples(OVERWRITING, 6, seed=seed))
        found.append(measure_oracle(model, groups, calibrator, open_store(notes)))
    again = measure_oracle(model, groups, calibrator)
    assert found[0].loss != found[1].loss == again.loss
    assert len(json.loads(notes.read_text())) == 1 + 2 * (1 + 3)


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    for content in (b"\xff\xfe", b"my diary\n", json.dumps({"my": "data"}).encode()):
        notes.write_bytes(content)
        with pytest.raises(FormatError, match="holds no measurements of netsurgery; move it away"):
            measured(notes)
        assert notes.read_bytes() == content
