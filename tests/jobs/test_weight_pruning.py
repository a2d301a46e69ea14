"""A net is pruned and tuned by an engine that only these tests have, written and proved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from calibration_nets import declared, layer
from numpy_trainer import NumpyTrainer
from small_models import make_model
from small_training import BODY, INPUT, LOSS, classifier, samples
from test_trainer import Killed

import netsurgery as ns
from netsurgery.errors import EngineError, FormatError, PlanError, RequestError
from netsurgery.formats import read_masks, write_masks
from netsurgery.jobs import weight_pruning
from netsurgery.jobs.channel_pruning import ChannelTask
from netsurgery.jobs.run_states import STATES
from netsurgery.progress import Event, silent
from netsurgery.saliency import saliency
from netsurgery.training import tuning
from netsurgery.training.checkpoint import Checkpoints
from netsurgery.training.teacher import Teacher

Files = Tuple[Path, Path]
SCHEDULES = ("once", "rounds", "cubic", "projected")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The files of a classifier."""
    paths = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    classifier(hidden="").save(*paths)
    return paths


def inputs(labelled: bool = True) -> ns.Inputs:
    arrays = samples(80)
    labels = arrays["label"].astype(int) if labelled else None
    return ns.Inputs({"data": arrays["data"]}, labels)


def asked(**changes: Any) -> ns.PruneRequest:
    told: Dict[str, Any] = {"steps": 40, "batch": 8, "validate_every": 5, "lr": 0.05}
    told.update(calibrate=inputs(), engine=NumpyTrainer(), sparsity=0.5, patience=0)
    return ns.PruneRequest(**{**told, **changes})


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_stays_is_tuned_and_what_went_is_zero(
    files: Files, tmp_path: Path, schedule: str
) -> None:
    out = tmp_path / "out"
    done = ns.prune(
        files, asked(schedule=schedule, rounds=2 if schedule == "rounds" else None), out
    )
    assert done
    assert done.reached == 0.5
    again = ns.load(out / "deploy.prototxt", out / "net.caffemodel")
    masks = read_masks(out / "net.masks.npz")
    assert list(masks) == [("fc1", 0), ("fc2", 0)]
    for (name, index), mask in masks.items():
        assert not again.blobs(name)[index].array()[~mask].any()
    record = json.loads((out / "netsurgery.json").read_text())
    assert record == json.loads(json.dumps(done.to_dict()))
    assert record["schedule"] == schedule
    assert record["tuning"]["steps"] == 40
    assert record["effect"]["accuracy"]["after"] > record["effect"]["accuracy"]["before"]
    assert record["effect"]["inputs"]["samples"] == 12  # those that nothing was trained on
    assert len(record["rounds"]) == {"once": 1, "rounds": 2}.get(schedule, 0)
    assert not (out / STATES).exists()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_killed_run_ends_in_the_same_bits(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    request = asked(schedule=schedule)
    whole = ns.prune(files, request, tmp_path / "whole")
    save, out, left = Checkpoints.save, tmp_path / "out", [7]

    def die(self: Checkpoints, state: Any, session: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise Killed
        save(self, state, session)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", die)
        with pytest.raises(Killed):
            ns.prune(files, request, out)
    with pytest.raises(FormatError, match="the states here belong to another run"):
        ns.prune(files, asked(schedule=schedule, sparsity=0.6), out)
    again = ns.prune(files, request, out)
    assert again.tuned is not None
    in_the_first = None  # of three rounds, and it is the last that is told of
    assert again.tuned.trained.resumed_from == (in_the_first if schedule == "rounds" else 25)
    for path in whole.files[:3]:
        assert (out / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("ends", [KeyboardInterrupt, EngineError("it gave up")])
def test_rounds_that_are_over_stay_where_the_next_one_ends_before_its_first_state(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: Any
) -> None:
    """Their own states are gone by then."""
    request, out, times = asked(schedule="rounds", rounds=2, lr=None), tmp_path / "out", [0]
    whole = ns.prune(files, request, tmp_path / "whole")
    find = tuning.find_rate

    def second_ends(*given: Any, **named: Any) -> Any:
        times[0] += 1
        if times[0] == 2:
            raise ends
        return find(*given, **named)

    monkeypatch.setattr(tuning, "find_rate", second_ends)
    with pytest.raises(type(ends) if isinstance(ends, Exception) else ends):
        ns.prune(files, request, out)
    again = ns.prune(files, request, out)
    assert times == [3]  # the first round is not done again
    assert [one.to_dict() for one in again.rounds] == [one.to_dict() for one in whole.rounds]
    for path in whole.files[:3]:
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_untuned_inputs_only_judge(files: Files, tmp_path: Path) -> None:
    request = ns.PruneRequest(
        sparsity=0.5, calibrate=inputs(), tune=False, engine=NumpyTrainer(), saliency="lamp"
    )
    done = ns.prune(files, request, tmp_path / "out")
    assert done.tuned is None
    assert done.schedule == "once"
    assert done.effect is not None
    assert done.effect.samples == 64
    before, after = ns.load(*files), ns.load(*done.files[:2])
    for (name, index), mask in done.masks.items():
        old, new = (model.blobs(name)[index].array() for model in (before, after))
        assert np.array_equal(new, np.where(mask, old, 0))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"calibrate": None}, "{steps} needs {calibrate}"),
        ({"tune": False}, "{tune} and {steps} contradict each other"),
        ({"schedule": "cubic", "rounds": 2}, "{rounds} and {schedule} cubic contradict"),
        ({"schedule": "sometimes"}, "there is no schedule 'sometimes'"),
        ({"sparsity": 1.5}, "{sparsity} 1.5 is no share that can go"),
        ({"sparsity": 1.0}, "{sparsity} 1 is no share that can go"),
        ({"sparsity": 0.0}, "{sparsity} 0 is no share that can go"),
    ],
)
def test_contradictions_are_refused(
    files: Files, tmp_path: Path, changes: Dict[str, Any], told: str
) -> None:
    with pytest.raises(RequestError) as caught:
        ns.prune(files, asked(**changes), tmp_path / "out")
    assert told in caught.value.told("{{{}}}".format)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schedule": "dynamic", "pattern": "rows"}, "one by one, not in rows"),
        ({"schedule": "cubic", "pattern": "2:4", "sparsity": None}, "2:4 closes all of it at once"),
        ({"schedule": "projected", "saliency": "obs"}, "obs moves the weights that stay"),
        ({"schedule": "cubic", "saliency": "obs"}, "obs moves the weights that stay"),
    ],
)
def test_schedules_that_a_pattern_or_a_method_cannot_have_are_refused(
    files: Files, tmp_path: Path, changes: Dict[str, Any], told: str
) -> None:
    with pytest.raises(PlanError, match=told):
        ns.prune(files, asked(**changes), tmp_path / "out")


def test_rounds_without_inputs_are_refused(files: Files, tmp_path: Path) -> None:
    request = ns.PruneRequest(sparsity=0.5, schedule="rounds")
    with pytest.raises(RequestError, match="rounds needs"):
        ns.prune(files, request, tmp_path / "out")


@pytest.mark.parametrize("schedule", ["cubic", "dynamic", "projected"])
def test_one_step_has_nothing_between_steps(files: Files, tmp_path: Path, schedule: str) -> None:
    with pytest.raises(
        RequestError, match=rf"`schedule` {schedule} closes weights between `steps`"
    ):
        ns.prune(files, asked(schedule=schedule, steps=1), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert ns.prune(files, asked(schedule="once", steps=1), tmp_path / "out").reached == 0.5


def test_every_round_is_expected_to_look_for_a_rate(files: Files) -> None:
    def expected(rounds: int, lr: Any) -> float:
        request = asked(schedule="rounds", rounds=rounds, lr=lr)
        task, judged = weight_pruning._read(ns.load(*files), request, silent)
        return weight_pruning._work(task, judged)["rounds",]

    apart = [expected(rounds, None) - expected(rounds, 0.05) for rounds in (1, 3)]
    assert apart[0] > 0
    assert apart[1] == pytest.approx(3 * apart[0])


def test_channels_go_in_rounds(files: Files, tmp_path: Path) -> None:
    text = tmp_path / "train_val.prototxt"
    text.write_text(INPUT + BODY.replace("DROPOUT", "") + LOSS)
    out = tmp_path / "out"
    request = asked(sparsity=None, macs=0.5, remove=2, saliency="l1", train_val=text)
    done = ns.prune(files, request, out)
    assert done
    assert sorted(path.name for path in done.files) == [
        *("deploy.prototxt", "net.caffemodel", "netsurgery.json", "train_val.prototxt")
    ]
    assert ns.load(*done.files[:2]).blobs("fc1")[0].shape == (3, 4)
    assert b"num_output: 3" in (out / "train_val.prototxt").read_bytes()
    record = json.loads((out / "netsurgery.json").read_text())
    assert (record["method"], record["schedule"], record["layers"]) == ("l1", "channels", [])
    assert [one["channels"] for one in record["rounds"]] == [4, 3]
    assert record["left"] == [
        {"layer": "data", "reason": "data is an input of the network"},
        {"layer": "fc2", "reason": "prob (Softmax) normalises across them"},
    ]
    assert record["costs"] == {
        "before": {"macs": 336, "params": 51},
        "after": {"macs": 168, "params": 27},
    }


def test_channels_that_take_many_operations_go_first_where_that_counts(
    files: Files, tmp_path: Path
) -> None:
    request = asked(sparsity=None, macs=0.5, remove=4, saliency="l1", flops_regularization=1e-3)
    digests = set()
    for factor in (0.0, 1e-3):
        told = replace(request, flops_regularization=factor)
        task, _ = weight_pruning._read_channels(ns.load(*files), told, silent)
        assert task.removal.flops_regularization == factor
        digests.add(task.digest())
    assert len(digests) == 2  # states of one are not those of the other
    assert ns.prune(files, request, tmp_path / "out")
    with pytest.raises(RequestError, match="`flops_regularization` needs `macs`"):
        ns.prune(files, asked(flops_regularization=1e-3), tmp_path / "no")


def test_the_time_of_all_rounds_is_expected_as_it_is_told(files: Files) -> None:
    """By a dry run: rounds of nets that get smaller, of which one in three is the last here."""
    model, expected = ns.load(*files), {}
    for remove in (1, 2, 80):
        request = asked(sparsity=None, macs=0.5, remove=remove, saliency="l1")
        task, _ = weight_pruning._read_channels(model, request, silent)
        assert len(task.length.macs) == {1: 3, 2: 2, 80: 1}[remove]
        work = weight_pruning._work(task, None)
        assert list(work)[:2] == [("removing channels",), ("rounds",)]
        expected[remove] = work["rounds",]
    assert expected[1] > expected[2] > expected[80]


def test_channels_do_not_go_from_under_masks(files: Files, tmp_path: Path) -> None:
    first = ns.prune(files, ns.PruneRequest(sparsity=0.5, engine=NumpyTrainer()), tmp_path / "a")
    request = asked(sparsity=None, macs=0.5, saliency="l1")
    with pytest.raises(RequestError, match="channels cannot go from under masks"):
        ns.prune(first.files[:2], request, tmp_path / "b")


def test_a_net_sees_the_centres_of_larger_pictures_where_its_weights_are_scored(
    tmp_path: Path,
) -> None:
    """Views are cut out of them when it is tuned; what looks at the net takes no others."""
    model = pictured(tmp_path / "in", size=3)
    pictures = np.random.RandomState(0).rand(40, 1, 5, 5).astype(np.float32)
    given = ns.Inputs({"data": pictures}, np.arange(40) % 2)
    shapes = []
    for changes in ({"saliency": "obd"}, {"sparsity": None, "macs": 0.5, "images": 7}):
        request = asked(calibrate=given, crop=3, **changes)
        read = weight_pruning._read if request.macs is None else weight_pruning._read_channels
        task, _ = read(model, request, silent)
        calibrator = task.calibrator
        if isinstance(task, ChannelTask):
            calibrator = task.calibrator_of(1, silent)
        assert calibrator is not None
        seen = calibrator.inputs.arrays["data"]
        shapes.append(seen.shape)
        for one in np.asarray(seen[:]):
            assert any(np.array_equal(one, picture[:, 1:4, 1:4]) for picture in pictures)
    assert shapes == [(28, 1, 3, 3), (7, 1, 3, 3)]


def pictured(folder: Path, size: int) -> ns.Model:
    """A classifier of pictures."""
    text = declared("data", 1, 1, size, size)
    text += layer("InnerProduct", "data", "fc1", "inner_product_param { num_output: 4 }")
    text += layer("InnerProduct", "fc1", "fc2", "inner_product_param { num_output: 2 }")
    text += layer("Softmax", "fc2", "prob")
    draw = np.random.RandomState(1).randn
    blobs = {"fc1": [draw(4, size**2), np.zeros(4)], "fc2": [draw(2, 4), np.zeros(2)]}
    paths = folder / "deploy.prototxt", folder / "net.caffemodel"
    make_model(text, blobs).save(*paths)
    return ns.load(*paths)


def test_without_labels_the_net_itself_teaches(files: Files, tmp_path: Path) -> None:
    # At the rate that suits labels this loss goes to pieces, now that it falls later.
    request = asked(calibrate=inputs(labelled=False), lr=0.005)
    done = ns.prune(files, request, tmp_path / "out")
    assert done.tuned is not None
    assert set(done.tuned.trained.history[0].judged.figures) == {"agreement"}


def test_a_teacher_is_asked_once_for_all_rounds(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_in, ask = [], Teacher.ask

    def counted(one: Teacher, bank: Any, engine: Any, folder: Path, progress: Any) -> Any:
        asked_in.append(folder.name)
        return ask(one, bank, engine, folder, progress)

    monkeypatch.setattr(Teacher, "ask", counted)
    request = asked(calibrate=inputs(labelled=False), lr=0.005, schedule="rounds", rounds=2)
    assert len(ns.prune(files, request, tmp_path / "out").rounds) == 2
    assert asked_in == ["targets"]


@pytest.mark.parametrize("schedule", ["cubic", "dynamic"])
def test_steps_that_nobody_gives_go_by_the_batch_of_the_training_text(
    files: Files, tmp_path: Path, schedule: str
) -> None:
    text = tmp_path / "train_val.prototxt"
    reads = "data_param { batch_size: 8 }"
    data = f'layer {{ name: "data" type: "Data" top: "data" top: "label" {reads} }}\n'
    losses = LOSS[LOSS.index("\n") + 1 :]  # without the Input of the labels
    text.write_text(data + BODY.replace("DROPOUT", "") + losses)
    request = asked(train_val=text, batch=None, steps=None, schedule=schedule)
    done = ns.prune(files, request, tmp_path / "out")
    assert done.tuned is not None
    assert done.tuned.batch == 8
    # 20 times through the 56 of 80 inputs that it is trained on
    assert done.tuned.trained.iteration == 20 * 56 // 8


def test_a_run_that_cannot_start_leaves_nothing(files: Files, tmp_path: Path) -> None:
    few = ns.Inputs({"data": samples(3)["data"]}, np.zeros(3, int))
    with pytest.raises(RequestError, match="3 inputs in `calibrate` are too few"):
        ns.prune(files, asked(calibrate=few), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_share_that_is_not_reached_is_known(files: Files, tmp_path: Path) -> None:
    request = ns.PruneRequest(sparsity=0.9999, engine=NumpyTrainer())
    done = ns.prune(files, request, tmp_path / "out")
    assert done.is_off
    assert [one.left for one in done.layers] == [1, 1]
    masks = tmp_path / "masks.npz"
    masks.write_bytes(write_masks({("fc1", 0): np.ones_like(done.masks["fc1", 0])}))
    some = replace(request, sparsity=0.5, layers=["fc2"], masks=masks)
    alone = ns.prune(files, some, tmp_path / "alone")
    assert not alone.is_off  # what may not close has no part in it
    assert alone.reached == 0.5
    assert list(alone.masks) == [("fc1", 0), ("fc2", 0)]


def test_weights_may_shrink_by_magnitude_between_projections(files: Files, tmp_path: Path) -> None:
    solver = tmp_path / "solver.prototxt"
    fields = 'base_lr: 0.05 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.01'
    solver.write_text(f'{fields} regularization_type: "L1"')
    request = asked(recipe="collins2014", solver=solver)
    done = ns.prune(files, request, tmp_path / "out")
    assert done.schedule == "projected"
    assert done.tuned is not None
    assert done.tuned.solver.fields["regularization_type"] == "L1"
    assert done.tuned.solver.fields["weight_decay"] == 0.01
    assert done.reached == 0.5


def test_it_says_beforehand_that_choosing_takes_long(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(saliency("magnitude")), "work", lambda self, net: 1e14)
    told: List[Event] = []
    ns.prune(files, ns.PruneRequest(sparsity=0.5), tmp_path / "out", told.append)
    expected = [event.expected for event in told if event.expected]
    # Hours on the machine that figures are of, and on any that this runs on minutes at least.
    assert expected
    assert expected[0] > 100
