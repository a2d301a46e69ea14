from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from netsurgery.network.model import load
from netsurgery.planning import Plan


def test_a_pair_is_written_and_proved(netsurgery, pair, tmp_path, caffe_python) -> None:
    out = tmp_path / "out"
    done = netsurgery("compress", *pair, "--rank", "fc6=4", "-o", out)
    assert done.status == 0, done.err
    assert sorted(path.name for path in out.iterdir()) == [
        "deploy.prototxt",
        "net.caffemodel",
        "netsurgery.json",
    ]
    assert "proved: every difference is explained by truncation" in done.out
    assert "left alone: fc7 (no rule selects it)" in done.out
    names = [layer.name for layer in load(out / "deploy.prototxt").prototxt.layers]
    assert names == ["data", "fc6_L", "fc6_U", "relu6", "fc7"]


def test_the_report_holds_what_was_done(netsurgery, pair, tmp_path, caffe_python) -> None:
    done = netsurgery("compress", *pair, "--energy", "0.8", "-o", tmp_path / "out", "--json")
    printed = json.loads(done.out)
    assert printed == json.loads((tmp_path / "out" / "netsurgery.json").read_text())
    assert set(printed["inputs"]) == {"prototxt", "weights"}
    assert all(len(entry["sha256"]) == 64 for entry in printed["inputs"].values())
    assert printed["plan"]["edits"][0]["layer"] == "fc6"
    layer = printed["layers"][0]
    assert layer["measured"] == pytest.approx(layer["predicted"], rel=1e-3)
    # fc6: 32 x 48 weights at rank 4 are 4 * (32 + 48); 32 + 5 biases and fc7's 5 x 32 stay.
    rank = printed["plan"]["edits"][0]["rank"]
    assert printed["before"]["params"] == 32 * 48 + 32 + 5 * 32 + 5
    assert printed["after"]["params"] < printed["before"]["params"]
    assert printed["after"]["params"] >= rank * (32 + 48) + 32
    assert printed["after"]["bytes"] == (tmp_path / "out" / "net.caffemodel").stat().st_size
    assert printed["proof"]["passed"] is True


def test_limits_turn_the_cost_into_a_failure(netsurgery, pair, tmp_path, caffe_python) -> None:
    arguments = ("compress", *pair, "--rank", "fc6=4", "-o", tmp_path / "out")
    done = netsurgery(*arguments, "--max-error", "1e-4")
    assert done.status == 1
    assert "max_error is 0.0001" in done.out
    needed = done.out.split("max error ")[1].split()[0] if "max error " in done.out else None
    assert needed is None
    done = netsurgery(*arguments, "--max-error", "10")
    assert done.status == 0
    enough = done.out.split("max error ")[1].split()[0]
    assert netsurgery(*arguments, "--max-error", enough).status == 0


def test_where_no_layer_gains_the_pair_is_written_unchanged(
    netsurgery, pair, tmp_path, caffe_python
) -> None:
    done = netsurgery("compress", *pair, "--energy", "0.9999", "-o", tmp_path / "out")
    assert done.status == 0
    assert "no layer gains: the pair is written unchanged" in done.out
    for path in pair:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_without_an_engine_the_pair_is_written_and_said_to_be_unproven(
    netsurgery, pair, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("netsurgery.jobs.proving.usable_engines", list)
    done = netsurgery("compress", *pair, "--rank", "fc6=4", "-o", tmp_path / "out")
    assert done.status == 0
    assert "UNPROVEN: there is no engine to run it; install one with" in done.out
    assert (
        json.loads((tmp_path / "out" / "netsurgery.json").read_text())["proof"]["passed"] is False
    )
    assert load(tmp_path / "out" / "deploy.prototxt", tmp_path / "out" / "net.caffemodel").weights


def test_a_dry_run_prints_the_change_and_writes_nothing(netsurgery, pair, tmp_path) -> None:
    done = netsurgery("compress", *pair, "--rank", "fc6=4", "--dry-run")
    assert done.status == 0
    assert '+  name: "fc6_L"' in done.out
    assert '-  name: "fc6"' in done.out
    assert sorted(tmp_path.iterdir()) == [tmp_path / "in"]


def test_labels_give_the_accuracy_before_and_after(
    netsurgery, pair, tmp_path, caffe_python
) -> None:
    random = np.random.default_rng(0)
    inputs = tmp_path / "inputs.npz"
    np.savez(inputs, data=random.normal(size=(30, 3, 4, 4)), labels=random.integers(0, 5, 30))
    done = netsurgery(
        *("compress", *pair, "--rank", "fc6=20", "--allow-growth"),
        *("-o", tmp_path / "out", "--inputs", inputs),
    )
    assert done.status == 0, done.err
    assert "accuracy of 'fc7' on 30 labels:" in done.out


def test_pycaffe_can_copy_the_blobs(netsurgery, pair, tmp_path, caffe_python) -> None:
    for way in ("direct", "caffe"):
        done = netsurgery(
            "compress", *pair, "--rank", "fc6=4", "--blobs", way, "-o", tmp_path / way
        )
        assert done.status == 0, done.err
    direct, caffe = (
        load(tmp_path / way / "deploy.prototxt", tmp_path / way / "net.caffemodel")
        for way in ("direct", "caffe")
    )
    for name in ("fc6_L", "fc6_U", "fc7"):
        pairs = list(zip(direct.blobs(name), caffe.blobs(name)))
        assert len(pairs) == len(direct.blobs(name)) > 0
        for ours, theirs in pairs:
            assert np.array_equal(ours.array(), theirs.array())


def test_the_page_stands_alone(netsurgery, pair, tmp_path, caffe_python) -> None:
    page = tmp_path / "report.html"
    arguments = ("compress", *pair, "--rank", "fc6=4", "-o", tmp_path / "out", "--html", page)
    assert netsurgery(*arguments).status == 0
    text = page.read_text()
    assert "<svg" in text
    assert not re.search(r"<(link|script|img|iframe)|(src|href)=.http", text)
    for title in re.findall(r"<th>([^<]+)</th>", text):
        assert title in ("layer", "method", "keeps", "blob") or f"<dt>{title}</dt>" in text
    first = page.read_bytes()
    netsurgery(*arguments)
    assert page.read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say where the new pair goes"),
        (["-o", "out"], "say what to compress"),
        (["-o", "out", "--rank", "fc6"], "names no layer"),
        (["-o", "out", "--rank", "fc9=3"], "selects no InnerProduct or Convolution layer"),
        (["-o", "out", "--rank", "fc6=20"], "up to rank 19"),
        (["-o", "out", "--rank", "fc6=4", "--naming", "_x"], "not two different suffixes"),
        (["-o", "out", "--rank", "fc6=4", "--mean", "1,x"], "not numbers"),
        (["-o", "out", "--rank", "fc6=4", "--mean", "1,2"], "--mean needs --inputs or"),
        (["-o", "out", "--rank", "fc6=4", "--engine", "torch"], "there is no engine 'torch'"),
        (["-o", "in", "--rank", "fc6=4"], "would be overwritten; choose another folder"),
        (["-o", "out", "--plan", "none.yaml"], "none.yaml: cannot read the plan"),
        (["-o", "out", "--rank", "fc6=4", "--inputs", "none.npz"], "none.npz"),
    ],
)
def test_mistakes_get_one_line_and_nothing_is_written(
    netsurgery, pair, tmp_path, monkeypatch, arguments: list, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in pair}
    done = netsurgery("compress", *pair, *arguments)
    assert done.status == 2
    assert complaint in done.err
    assert (
        len([line for line in done.err.splitlines() if line.startswith(("netsurgery:", "Error"))])
        == 1
    )
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    assert {path: path.read_bytes() for path in pair} == before


def test_a_plan_can_be_given_in_place_of_rules(netsurgery, pair, tmp_path, caffe_python) -> None:
    plan = tmp_path / "plan.yaml"
    assert netsurgery("plan", *pair, "--rank", "fc6=4", "-o", plan).status == 0
    assert Plan.load(plan).edits[0].options == {"rank": 4}
    done = netsurgery("compress", *pair, "--plan", plan, "-o", tmp_path / "out")
    assert done.status == 0
    done = netsurgery("apply", plan, "-o", tmp_path / "applied")
    assert done.status == 0, done.err
    for name in ("deploy.prototxt", "net.caffemodel"):
        written = [(tmp_path / folder / name).read_bytes() for folder in ("out", "applied")]
        assert written[0] == written[1]


def test_a_plan_for_other_files_is_applied_with_a_note(netsurgery, pair, tmp_path) -> None:
    plan = tmp_path / "plan.yaml"
    netsurgery("plan", *pair, "--rank", "fc6=4", "-o", plan)
    text = pair[0].read_text() + "# another net\n"
    (tmp_path / "other.prototxt").write_text(text)
    done = netsurgery("apply", plan, tmp_path / "other.prototxt", pair[1], "-o", tmp_path / "out")
    assert done.status == 0
    assert "made for other files" in done.err


def test_a_file_that_cannot_be_written_leaves_nothing(netsurgery, pair, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = netsurgery("compress", *pair, "--rank", "fc6=4", "--no-verify", "-o", tmp_path / "file")
    assert done.status == 2
    assert "Traceback" not in done.err
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("library", ["igraph", "jinja2", "matplotlib"])
def test_a_page_that_cannot_be_drawn_is_refused_before_anything_is_written(
    netsurgery, pair, tmp_path, monkeypatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    done = netsurgery(
        *("compress", *pair, "--rank", "fc6=4"),
        *("-o", tmp_path / "out", "--html", tmp_path / "page.html"),
    )
    assert done.status == 2
    (line,) = done.err.splitlines()
    assert f"the page needs {library}" in line
    assert "pip install 'netsurgery[html]'" in line
    assert not (tmp_path / "out").exists()
