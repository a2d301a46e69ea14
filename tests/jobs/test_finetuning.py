"""A net is tuned, written and reported on, by an engine that only these tests have."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import pytest
import teacher_nets
from numpy_trainer import NumpyTrainer
from small_training import classifier, samples
from test_trainer import Killed, mask

import netsurgery as ns
from netsurgery.errors import EngineError, FormatError, NetworkError, RequestError
from netsurgery.formats import read_masks, write_masks
from netsurgery.jobs.run_states import STATES, kept_states
from netsurgery.jobs.training_requests import read_learning
from netsurgery.network import with_masks
from netsurgery.progress import silent
from netsurgery.training import ZoomedViews, deployed_model
from netsurgery.training.checkpoint import Checkpoints


@pytest.fixture
def files(tmp_path: Path) -> Tuple[Path, Path]:
    """The files of a classifier that has learned nothing yet."""
    paths = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    classifier(hidden="").save(*paths)
    return paths


def inputs(count: int = 80) -> ns.Inputs:
    arrays = samples(count)
    return ns.Inputs({"data": arrays["data"]}, arrays["label"].astype(int))


def asked(**changes: Any) -> ns.FinetuneRequest:
    told: Dict[str, Any] = {"steps": 30, "batch": 8, "validate_every": 10, "lr": 0.05}
    told.update(calibrate=inputs(), engine=NumpyTrainer(), **changes)
    return ns.FinetuneRequest(**told)


def test_the_pair_is_written_with_its_record(files: Tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = ns.finetune(files, asked(), out)
    assert done
    assert done.gained
    assert sorted(path.name for path in out.iterdir()) == [
        "deploy.prototxt",
        "net.caffemodel",
        "netsurgery.json",
    ]
    assert (out / "deploy.prototxt").read_bytes() == files[0].read_bytes()
    again = ns.load(out / "deploy.prototxt", out / "net.caffemodel")
    assert again.digest == done.tuned.model.digest
    record = json.loads((out / "netsurgery.json").read_text())
    assert record == json.loads(json.dumps(done.to_dict()))
    assert record["best"]["accuracy"] > record["start"]["accuracy"]
    assert record["report"]["after"]["accuracy"] > record["report"]["before"]["accuracy"]
    assert record["report"]["inputs"]["samples"] == 12
    assert (record["steps"], record["stopped"], record["resumed_from"]) == (30, "steps", None)
    assert [one["iteration"] for one in record["history"]] == [0, 10, 20, 30]


def test_a_net_is_transferred_to_another_task(files: Tuple[Path, Path], tmp_path: Path) -> None:
    """Two of the three classes, by a new last layer, of which the weights hold nothing."""
    text = files[0].read_text().replace('"fc2"', '"two"')
    told = 'num_output: 2 weight_filler { type: "gaussian" std: 0.01 }'
    before, after = text.split("num_output: 3")
    pair = tmp_path / "new" / "deploy.prototxt", files[1]
    pair[0].parent.mkdir()
    pair[0].write_text(before + told + after)
    arrays = samples(120)
    chosen = arrays["label"] < 2
    two = ns.Inputs({"data": arrays["data"][chosen]}, arrays["label"][chosen].astype(int))
    out = tmp_path / "out"
    done = ns.finetune(pair, replace(asked(), calibrate=two), out)
    assert done
    assert "the weights hold nothing for two: fillers begin what is new" in done.tuned.notes
    again = ns.load(out / "deploy.prototxt", out / "net.caffemodel")
    assert [blob.shape for blob in again.blobs("two")] == [(2, 6), (2,)]
    assert again.digest == done.tuned.model.digest
    assert done.to_dict()["report"]["after"]["accuracy"] > 0.9
    assert ns.doctor(again)


def test_what_is_reported_on_was_never_trained_on(files: Tuple[Path, Path], tmp_path: Path) -> None:
    others = inputs(31)
    done = ns.finetune(files, asked(validate=others), tmp_path / "out")
    assert done.after.samples == 31
    assert len(done.tuned.split.report) == 0
    record = done.to_dict()
    assert record["report"]["same_as_stopped"] is False


def test_a_killed_run_keeps_its_states_and_goes_on(
    files: Tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ns.finetune(files, asked(), tmp_path / "whole")
    save, out = Checkpoints.save, tmp_path / "out"

    def die(self: Checkpoints, state: Any, session: Any) -> None:
        if state.iteration == 20:
            raise Killed
        save(self, state, session)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", die)
        with pytest.raises(Killed):
            ns.finetune(files, asked(), out)
    assert (out / STATES / "round-00" / "state-000010").is_dir()
    with pytest.raises(FormatError, match="the states here belong to another run"):
        ns.finetune(files, asked(seed=7), out)
    again = ns.finetune(files, asked(), out)
    assert again.to_dict()["resumed_from"] == 10
    assert again.tuned.model.digest == whole.tuned.model.digest
    assert not (out / STATES).exists()
    anew = ns.finetune(files, asked(seed=7, force=True), out)
    assert anew.to_dict()["resumed_from"] is None


def test_another_nets_pair_is_not_overwritten(files: Tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "net.caffemodel").write_bytes(b"mine")
    with pytest.raises(FormatError, match="nothing says that it is of this net"):
        ns.finetune(files, asked(), out)
    with pytest.raises(FormatError, match="this is the original"):
        ns.finetune(files, asked(force=True), files[0].parent)
    assert ns.finetune(files, asked(force=True), out)


def test_masks_lie_beside_the_pair_and_are_taken_from_there(
    files: Tuple[Path, Path], tmp_path: Path
) -> None:
    with_masks(classifier(hidden=""), mask()).save(*files)
    files[1].with_name("net.masks.npz").write_bytes(write_masks(mask()))
    done = ns.finetune(files, asked(), tmp_path / "out")
    found = read_masks(tmp_path / "out" / "net.masks.npz")
    assert np.array_equal(found[("fc1", 0)], mask()[("fc1", 0)])
    weights = ns.load(*done.files[:2]).blobs("fc1")[0].array()
    assert np.array_equal(weights != 0, found[("fc1", 0)])
    assert done.to_dict()["masks"]["sparsity"] == pytest.approx(1 - found[("fc1", 0)].mean())
    free = ns.finetune(files, asked(masks="none"), tmp_path / "free")
    assert free.to_dict()["masks"] is None
    again = ns.finetune(done.files[:2], asked(masks="zeros"), tmp_path / "again")
    assert np.array_equal(ns.load(*again.files[:2]).blobs("fc1")[0].array() != 0, weights != 0)
    other = tmp_path / "other.npz"
    other.write_bytes(write_masks({("fc1", 0): np.ones((2, 2), bool)}))
    with pytest.raises(NetworkError, match="mask of blob 0 has shape"):
        ns.finetune(files, asked(masks=other), tmp_path / "bad")


def test_layers_stay_as_they_are(files: Tuple[Path, Path], tmp_path: Path) -> None:
    before = ns.load(*files)
    done = ns.finetune(files, asked(freeze="fc*1"), tmp_path / "out")
    assert done.tuned.settings.frozen == ("fc1",)
    assert done.tuned.model.blobs("fc1")[0].digest == before.blobs("fc1")[0].digest
    assert done.tuned.model.blobs("fc2")[0].digest != before.blobs("fc2")[0].digest
    with pytest.raises(NetworkError, match="'conv9' selects no layer"):
        ns.finetune(files, asked(freeze=["conv9"]), tmp_path / "bad")


def test_the_new_layers_alone_are_told_by_the_record(
    files: Tuple[Path, Path], tmp_path: Path
) -> None:
    plan = ns.Plan((ns.Edit("fc1", "svd", {"rank": 2}),))
    request = ns.CompressRequest(plan=plan, verify=False)
    *small, record = ns.compress(files, request, tmp_path / "small").files
    new = json.loads(record.read_text())["rewritten"]
    assert new == [one.name for one in ns.load(*small).weights.layers if one.name != "fc2"]
    original = ns.load(*files).digest
    for file in files:
        file.rename(file.with_name(f"gone {file.name}"))
    done = ns.finetune(tuple(small), asked(only_new=True), tmp_path / "out")
    assert done.tuned.settings.frozen == ("fc2",)
    # A tuned pair is of the same surgery, though no layer of it is as it was.
    tuned = ns.finetune(done.files[:2], asked(), tmp_path / "tuned")
    again = ns.finetune(tuned.files[:2], asked(only_new=True), tmp_path / "again")
    assert again.tuned.settings.frozen == ("fc2",)
    record.unlink()
    with pytest.raises(RequestError, match=r"`only_new` finds no netsurgery\.json beside"):
        ns.finetune(tuple(small), asked(only_new=True), tmp_path / "bad")
    teacher = tuple(file.with_name(f"gone {file.name}") for file in files)
    assert ns.load(*teacher).digest == original
    told = ns.finetune(
        tuple(small), asked(only_new=True, teacher=teacher, lr=0.001), tmp_path / "taught"
    )
    assert told.tuned.settings.frozen == ("fc2",)


def test_a_record_of_other_files_says_nothing(files: Tuple[Path, Path], tmp_path: Path) -> None:
    plan = ns.Plan((ns.Edit("fc1", "svd", {"rank": 2}),))
    done = ns.compress(files, ns.CompressRequest(plan=plan, verify=False), tmp_path / "small")
    other = done.files[0].with_name("other.prototxt")
    other.write_bytes(done.files[0].read_bytes())
    with pytest.raises(RequestError, match=r"other\.prototxt: `only_new` finds no"):
        ns.finetune((other, done.files[1]), asked(only_new=True), tmp_path / "bad")


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"calibrate": None}, RequestError, "say what to train on: `calibrate`"),
        ({"temperature": 3.0}, RequestError, "`temperature` needs `teacher`"),
        ({"steps": 0}, RequestError, "steps 0 is less than 1"),
        ({"batchnorm": "thaw"}, RequestError, "there is no batchnorm 'thaw'"),
        ({"hold_out": 1.5}, RequestError, "leaves one part empty"),
        ({"engine": "opencv"}, EngineError, "cannot do this: run a solver"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    files: Tuple[Path, Path], tmp_path: Path, changes: Any, error: Any, told: str
) -> None:
    with pytest.raises(error) as refused:
        ns.finetune(files, replace(asked(), **changes), tmp_path / "out")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out" / "net.caffemodel").exists()


def test_nothing_to_learn_from_is_told(files: Tuple[Path, Path], tmp_path: Path) -> None:
    bare = ns.Inputs({"data": samples()["data"]})
    with pytest.raises(RequestError, match="nothing to learn from: give `labels` or `teacher`"):
        ns.finetune(files, replace(asked(), calibrate=bare), tmp_path / "out")


def test_a_limit_that_is_not_kept_fails_and_the_pair_is_there(
    files: Tuple[Path, Path], tmp_path: Path
) -> None:
    done = ns.finetune(files, asked(max_error=1e-6), tmp_path / "out")
    assert not done
    assert "max_error" in done.failures[0]
    assert (tmp_path / "out" / "net.caffemodel").exists()
    assert ns.finetune(files, asked(min_agreement=0.5), tmp_path / "fine")


def test_where_nothing_is_gained_the_pair_is_what_came_in(
    files: Tuple[Path, Path], tmp_path: Path
) -> None:
    good = ns.finetune(files, asked(steps=100), tmp_path / "good").files[:2]
    done = ns.finetune(good, asked(lr=30.0, steps=1, validate_every=1), tmp_path / "out")
    assert not done.gained
    assert (tmp_path / "out" / "net.caffemodel").read_bytes() == good[1].read_bytes()


@pytest.mark.parametrize("place", [0, 40, 79])
def test_a_label_of_no_class_is_refused_before_anything_is_written(
    files: Tuple[Path, Path], tmp_path: Path, place: int
) -> None:
    """Whether it is of what trains, stops or reports: each input is in one of the parts."""
    given, good = inputs(), inputs()
    assert given.labels is not None
    given.labels[place] = 12
    for request in (
        replace(asked(), calibrate=given),
        asked(validate=given),
        replace(asked(teacher=files), calibrate=given),
    ):
        with pytest.raises(RequestError) as error:
            ns.finetune(files, request, tmp_path / "out")
        classes = "the net tells 3 classes apart"
        assert f"arrays: the label of input {place + 1} is 12, and {classes}" in str(error.value)
        assert not (tmp_path / "out").exists()
    assert good.labels is not None
    good.labels[:] = -1
    with pytest.raises(RequestError, match="the net is trained by labels, and arrays has none"):
        ns.finetune(files, replace(asked(), calibrate=good), tmp_path / "out")


def test_inputs_without_a_label_have_no_part(files: Tuple[Path, Path], tmp_path: Path) -> None:
    """Neither in what stops nor in what is reported, whose accuracy is that of the others."""
    given = inputs()
    assert given.labels is not None
    given.labels[::2] = -1
    done = ns.finetune(files, replace(asked(), calibrate=given), tmp_path / "out")
    assert done.after.samples == int((given.labels[done.tuned.split.report] >= 0).sum())
    given.labels[done.tuned.split.stop] = -1
    assert ns.finetune(files, replace(asked(force=True), calibrate=given), tmp_path / "out").files


def test_labels_that_a_training_text_ignores_are_not_reported_on(
    caffe: str, files: Tuple[Path, Path], tmp_path: Path
) -> None:
    """Of what the losses of the user's own text ignore, nobody tells whether it is right."""
    text = files[0].read_text().partition('layer { name: "fc1"')
    train_val = tmp_path / "train_val.prototxt"
    train_val.write_text(
        'layer { name: "data" type: "HDF5Data" top: "data" top: "label"\n'
        '  hdf5_data_param { source: "nowhere" batch_size: 8 } }\n'
        + "".join(text[1:])
        .replace("Softmax", "SoftmaxWithLoss")
        # of the last layer
        .replace('bottom: "fc2"', 'bottom: "fc2" bottom: "label" loss_param { ignore_label: 9 }')
    )
    mine = inputs()
    assert mine.labels is not None
    some = replace(mine, labels=np.where(np.arange(80) % 2, mine.labels, 9))
    request = replace(asked(train_val=train_val), calibrate=some, engine=caffe)
    done = ns.finetune(files, request, tmp_path / "out")
    assert 0 < done.after.samples < 12
    assert done.after.accuracy is not None


def test_a_run_that_fails_leaves_what_it_found(files: Tuple[Path, Path], tmp_path: Path) -> None:
    out, few = tmp_path / "out", inputs(3)
    (out / STATES / "targets").mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(RequestError):
        ns.finetune(files, replace(asked(), calibrate=few), out)
    assert (out / STATES / "targets").is_dir()
    with pytest.raises(RequestError):
        ns.finetune(files, replace(asked(force=True), calibrate=few), out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_two_runs_do_not_work_in_one_folder(files: Tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with kept_states(out):
        for force in (False, True):
            with pytest.raises(FormatError, match="out: another run is at work in this folder"):
                ns.finetune(files, asked(force=force), out)
    assert ns.finetune(files, asked(), out)


def interrupted(out: Path, name: str) -> None:
    with kept_states(out) as states:
        (states / name).mkdir()
        raise KeyboardInterrupt


def test_a_run_that_is_interrupted_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        interrupted(out, "round-00")
    assert not out.exists()
    with pytest.raises(KeyboardInterrupt):  # what a teacher answered is of use to who goes on
        interrupted(out, "targets")
    assert (out / STATES / "targets").is_dir()


def test_weights_that_are_no_numbers_are_not_trained(
    files: Tuple[Path, Path], tmp_path: Path
) -> None:
    model = ns.load(*files)
    arrays = [blob.array().copy() for blob in model.blobs("fc2")]
    arrays[0].flat[1] = np.nan
    bad = deployed_model(model, {"fc2": arrays}, {})
    with pytest.raises(NetworkError, match="layer 'fc2': blob 0 holds NaN or infinity"):
        ns.finetune(bad, asked(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_photos_larger_than_the_input_are_seen_through_windows(tmp_path: Path) -> None:
    model = teacher_nets.classifier()
    photos = ns.Inputs({"data": np.zeros((20, 1, 6, 8), np.float32)})
    request = ns.FinetuneRequest(calibrate=photos, teacher=model, zoom=0.5, mirror=True)
    learning = read_learning(model, request, silent)
    assert learning.settings.augmentation == ZoomedViews(mirror=True, crop=(3, 3), zoom=0.5)
    with pytest.raises(RequestError, match="`zoom` is the share of a picture"):
        read_learning(model, replace(request, zoom=0.0), silent)


def test_predicted_weights_are_tuned_with_their_dictionary_as_it_is(
    files: Tuple[Path, Path], tmp_path: Path
) -> None:
    small, tuned = tmp_path / "small", tmp_path / "tuned"
    rules = ns.CompressRequest(recipe="denil2013", rank={"fc1": 2}, verify=False)
    ns.compress(files, rules, small)
    pair = small / "deploy.prototxt", small / "net.caffemodel"
    done = ns.finetune(pair, asked(recipe="denil2013"), tuned)
    assert done.gained
    assert done.to_dict()["frozen"] == ["fc1_L"]
    before, after = ns.load(*pair), ns.load(tuned / "deploy.prototxt", tuned / "net.caffemodel")
    moved = [
        name
        for name in ("fc1_L", "fc1_U", "fc2")
        if before.blobs(name)[0].digest != after.blobs(name)[0].digest
    ]
    assert moved == ["fc1_U", "fc2"]
    with pytest.raises(NetworkError, match="_L"):
        ns.finetune(files, asked(recipe="denil2013"), tmp_path / "no pairs")
