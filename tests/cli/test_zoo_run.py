"""Many models by one command: run, verified, compared, interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from command_line import tables_in
from small_models import two_layers

from netsurgery.cli._zoo_words import command_called, prepared_words, read_of, words_for
from netsurgery.errors import RequestError
from netsurgery.zoo import Entry, Reads, read_index

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """A folder with two models."""
    folder = tmp_path / "zoo"
    for number in range(2):
        where = folder / f"net{number}"
        two_layers(seed=number).save(where / "deploy.prototxt", where / "net.caffemodel")
    return folder


def statuses(out: Path) -> dict[str, str]:
    return {one.name: one.status for one in read_index(out).models}


def test_all_models_of_a_folder_are_compressed_once(netsurgery, zoo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = ("zoo", "run", zoo, "-o", out, "--rank", "fc6=8", "--no-verify", "--csv", out / "a.csv")
    done = netsurgery(*run, "--jobs", 2)
    assert done.status == 0, done.err
    names = sorted(statuses(out))
    assert set(statuses(out).values()) == {"compressed"}
    assert len(names) == 2
    assert [line.split()[0] for line in sorted(done.err.splitlines())] == ["[1/2]", "[2/2]"]
    (rows,) = tables_in(done.out)
    assert [row["outcome"] for row in rows] == ["compressed", "compressed"]
    assert (out / "a.csv").read_text().count("compressed") == 2
    again = netsurgery(*run, "--json")
    assert again.err == "2 of 2 models are as an earlier run left them\n"
    assert json.loads(again.out) == read_index(out).to_dict()
    assert all(one.options == ("--rank=fc6=8", "--no-verify") for one in read_index(out).models)


def test_the_page_of_a_batch_leads_to_those_of_its_models(
    netsurgery, zoo: Path, tmp_path: Path
) -> None:
    pytest.importorskip("igraph")
    out, page = tmp_path / "out", tmp_path / "pages" / "zoo.html"
    asked = ("zoo", "run", zoo, "-o", out, "--rank", "fc6=8", "--no-verify", "--html", page)
    done = netsurgery(*asked)
    assert done.status == 0, done.err
    links = re.findall('<a href="([^"#]+)"', page.read_text(encoding="utf-8"))
    assert len(links) == 2
    for link in links:
        text = (page.parent / link).read_text(encoding="utf-8")
        assert "made smaller" in text


def test_results_can_go_to_a_url(netsurgery, zoo: Path, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    pytest.importorskip("igraph")
    url, page = f"file://{tmp_path}/there", tmp_path / "page.html"
    rules = ("--rank", "fc6=8", "--no-verify")
    done = netsurgery("zoo", "run", zoo, "-o", url, *rules, "--html", page)
    assert done.status == 0, done.err
    assert page.is_file()
    assert set(statuses(tmp_path / "there").values()) == {"compressed"}
    assert netsurgery("zoo", "compare", url, tmp_path / "there").out == "2 same\n"


def test_a_batch_is_verified_and_held_against_golden_values(
    netsurgery, zoo: Path, tmp_path: Path, opencv: None
) -> None:
    out, golden = tmp_path / "out", tmp_path / "golden"
    assert netsurgery("zoo", "run", zoo, "-o", out, "--rank", "fc6=4", "--random", 3).status == 0
    assert netsurgery("zoo", "golden", zoo, "-o", golden, "--random", 5).status == 0
    by_original = netsurgery("zoo", "verify", out, "-o", tmp_path / "v")
    assert by_original.status == 0
    assert set(statuses(tmp_path / "v").values()) == {"unjudged"}
    # What the pair was made with holds for the comparison too.
    assert all("--random=3" in one.options for one in read_index(tmp_path / "v").models)
    by_golden = netsurgery(
        "zoo", "verify", out, "--golden", golden, "--max-error", "1e-9", "--json"
    )
    assert by_golden.status == 1
    assert json.loads(by_golden.out)["counts"] == {"failed": 2}
    loose = netsurgery("zoo", "verify", out, "--golden", golden, "--max-error", 9, "--json")
    assert json.loads(loose.out)["counts"] == {"passed": 2}


def test_two_runs_are_compared(netsurgery, zoo: Path, tmp_path: Path) -> None:
    runs = []
    for rank in (8, 4):
        runs.append(tmp_path / f"out{rank}")
        rules = ("--rank", f"fc6={rank}", "--no-verify")
        assert netsurgery("zoo", "run", zoo, "-o", runs[-1], *rules).status == 0
    done = netsurgery("zoo", "compare", *runs)
    assert done.status == 0
    assert [row["change"] for row in tables_in(done.out)[0]] == ["better", "better"]
    back = netsurgery("zoo", "compare", *reversed(runs), "--json")
    assert back.status == 1
    assert json.loads(back.out)["counts"] == {"worse": 2}


def test_what_no_model_can_be_is_told_once(netsurgery, zoo: Path, tmp_path: Path) -> None:
    done = netsurgery("zoo", "run", zoo, "-o", tmp_path / "out", "--no-verify")
    assert done.status == 2
    assert done.out.count("say what to compress") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--energi", "0.9"), "No such option '--energi'"),
        (("--macs", "much"), "--macs"),
        (("--engine", "opencv", "--caffe-python", "python"), "are for real Caffe"),
        (("--memory", "0.5", "--macs", "0.5"), "is no size"),
        (("--scheduler", "tcp://x:1", "--jobs", "2"), "contradict each other"),
        (("--plan", "plan.yaml"), "No such option '--plan'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    netsurgery, zoo: Path, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = netsurgery("zoo", "run", zoo, "-o", tmp_path / "out", *words)
    assert done.status == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_flags_of_thin_are_taken_too(netsurgery, zoo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    thin = ("--command", "thin", "--keep", "fc6=0.5", "--criterion", "l1", "--no-verify")
    assert netsurgery("zoo", "run", zoo, "-o", out, *thin).status == 0
    assert {one.command for one in read_index(out).models} == {"thin"}
    refused = netsurgery("zoo", "run", zoo, "-o", tmp_path / "x", "--criterion", "l1")
    assert "No such option '--criterion'" in refused.err


def entry(**said: Any) -> Entry:
    return Entry("net", Path("net.prototxt"), Path("net.caffemodel"), **said)


def options_for(one: Entry, *given: str) -> list[str]:
    words = words_for(one, command_called("compress"), given)
    found = (f"{w.option}={w.place}" if isinstance(w, Reads) else w for w in words[3:-1])
    return [word for word in found if isinstance(word, str)]


def test_an_entry_says_what_the_command_line_takes() -> None:
    options = {
        "rank": {"fc6": 8, "fc7": "25%"},
        "budget": {"macs": 0.5, "bytes": "1MB"},
        "methods": ["svd", "tucker"],
        "fold_batchnorm": True,
        "allow_growth": False,
        "multiple": 4,
    }
    assert options_for(entry(options={"verify": False})) == ["--no-verify"]
    one = entry(options=options, inputs=(Path("a.npy"),), input_shapes={"data": (1, 3, 8, 8)})
    assert options_for(entry(options=dict(list(options.items())[:1]))) == [
        "--rank=fc6=8",
        "--rank=fc7=25%",
    ]
    del options["rank"]
    assert options_for(one) == [
        "--macs=0.5",
        "--bytes=1MB",
        "--methods=svd,tucker",
        "--fold-batchnorm",
        "--round=4",
        f"--inputs={Path('a.npy').absolute()}",
        "--input=data=1,3,8,8",
    ]


def test_what_is_given_goes_before_what_an_entry_says() -> None:
    one = entry(options={"energy": 0.9, "keep": ["fc7"]})
    assert options_for(one, "--energy=0.5") == ["--keep=fc7", "--energy=0.5"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"no_such": 1}, "has no option 'no_such'"),
        ({"output": "x"}, "has no option 'output'"),
        ({"verify": False, "labels": "a.txt"}, "model 'net': "),
        ({"budget": {"macs": "much"}}, "model 'net': Invalid value for '--macs'"),
    ],
)
def test_what_an_entry_cannot_say_is_refused(said: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        options_for(entry(options=said))


def test_preprocessing_is_told_in_options() -> None:
    from netsurgery.calibration import Preprocessing

    how = Preprocessing(mean=(1.0, 2.0, 3.0), input_scale=0.5, channel_swap=(2, 1, 0))
    words = list(prepared_words(how))
    ctx = click.Context(command_called("compress"))
    found = command_called("compress").make_context("compress", ["a", "b", *words], parent=ctx)
    for name in ("mean", "input_scale", "channel_swap"):
        assert found.params[name] == getattr(how, name)
    assert list(prepared_words("mtcnn")) == ["--preset=mtcnn"]


def test_files_that_options_name_are_known_by_their_contents(tmp_path: Path) -> None:
    preset = tmp_path / "own.yaml"
    preset.touch()
    command = command_called("compress")
    words = ["--labels=a.txt", "--preset=mtcnn", f"--preset={preset}", "--rank=fc6=8"]
    assert [isinstance(word, Reads) for word in read_of(command, words)] == [
        True,
        False,
        True,
        False,
    ]


def test_an_interrupted_batch_leaves_nothing_half_done(zoo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "netsurgery", "zoo", "run", str(zoo), "-o", str(out)]
    command += ["--rank", "fc6=8", "--no-verify", "--jobs", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        while not list(out.glob(".netsurgery-*/result")):
            time.sleep(0.01)
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, told = running.communicate()
    assert running.returncode == 130
    assert told.endswith("netsurgery: stopped by SIGINT; nothing half written is left\n")
    left = {path.name for path in out.iterdir()} - {"zoo.json", ".netsurgery-batch"}
    assert all((out / name / "outcome.json").is_file() for name in left)
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert set(statuses(out).values()) == {"compressed"}
