"""The jobs that answer a question or write a file without running a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_models import two_layers

import netsurgery as ns
from netsurgery.errors import RequestError
from netsurgery.methods import ChainMethod


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    two_layers().save(*paths)
    return paths


def test_a_model_may_be_given_as_its_files(pair: tuple[Path, Path]) -> None:
    opened = ns.inspect(ns.load(*pair))
    assert ns.inspect(pair).to_dict() == opened.to_dict()
    assert opened.low_rank
    assert not ns.inspect(pair[0]).low_rank
    assert not ns.inspect(pair, ns.InspectRequest(spectra=False)).low_rank


def test_to_inspect_a_model_no_chain_is_written(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a form computes is told by its text; what a rank keeps is not."""

    def refuse(*arguments: object) -> bytes:
        raise AssertionError("writes the text of a chain")

    monkeypatch.setattr(ChainMethod, "sketch", refuse)
    assert ns.inspect(pair).low_rank


def test_shapes_of_inputs_are_refused_by_every_job(pair: tuple[Path, Path]) -> None:
    wrong = ns.load(*pair, {"nothing": (1, 2)})
    for job in (ns.inspect, ns.doctor, ns.channels):
        with pytest.raises(ns.NetsurgeryError, match="'nothing' is not an input"):
            job(wrong)


def test_doctor_is_true_where_caffe_takes_the_net(pair: tuple[Path, Path]) -> None:
    assert ns.doctor(pair)
    text = pair[0].read_text().replace("num_output: 5", "num_output: 6")
    pair[0].write_text(text)
    sick = ns.doctor(pair)
    assert not sick
    assert [one["severity"] for one in sick.to_dict()].count("error") == len(sick.errors) > 0


def test_channels_of_one_layer(pair: tuple[Path, Path]) -> None:
    everything = ns.channels(pair).groups
    found = ns.channels(pair, ns.ChannelsRequest("fc7")).groups
    assert {group.name for group in found} < {group.name for group in everything}
    with pytest.raises(ns.NetsurgeryError, match="layers that make some are"):
        ns.channels(pair, ns.ChannelsRequest("fc9"))


def test_a_name_that_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"is no name for weights: end it in \.caffemodel"):
        ns.convert(tmp_path / "missing.caffemodel", tmp_path / "new.onnx")
    with pytest.raises(RequestError, match="is to be a folder"):
        ns.upgrade(tmp_path / "missing.prototxt", tmp_path / "new.prototxt")
    assert not list(tmp_path.iterdir())


def test_converted_weights_come_back(pair: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    done = ns.convert(pair[1], tmp_path / "new" / "net.h5", ns.ConvertRequest(pair[0]))
    assert done.size == done.file.stat().st_size
    back = ns.convert(done.file, tmp_path / "back.caffemodel", ns.ConvertRequest(pair[0]))
    assert back.file.read_bytes() == pair[1].read_bytes()
    with pytest.raises(ns.NetsurgeryError, match="this is the original"):
        ns.convert(pair[1], pair[1])


def test_an_upgrade_overwrites_no_other_net(pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = ns.upgrade(pair, tmp_path / "out")
    assert [path.parent for path in done.files] == [tmp_path / "out"] * 2
    (tmp_path / "out" / pair[0].name).write_text("name: 'another'")
    with pytest.raises(ns.NetsurgeryError, match=r"nothing says that it is of this net; .*`force`"):
        ns.upgrade(pair, tmp_path / "out")
    assert ns.upgrade(pair, tmp_path / "out", ns.UpgradeRequest(force=True)).files


def test_a_plan_is_explained_from_its_file(tmp_path: Path) -> None:
    plan = ns.Plan((ns.Edit("fc6", "svd", {"rank": 4}),))
    plan.save(tmp_path / "plan.yaml")
    explained = ns.explain(tmp_path / "plan.yaml")
    assert explained.chosen == plan.edits
    assert explained.to_dict() == ns.explain(plan).to_dict() == plan.to_dict()


def test_results_are_plain_data(pair: tuple[Path, Path]) -> None:
    for done in (ns.inspect(pair), ns.doctor(pair), ns.channels(pair), ns.engines()):
        json.dumps(done.to_dict())
