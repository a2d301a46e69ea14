"""Manifests: what they may say, what is refused on which line, and that they come back the same."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, Dict

import pytest
import yaml
from hypothesis import given, settings, strategies as st
from zoo_files import net, weights, write

from netsurgery.calibration import Preprocessing
from netsurgery.errors import FormatError
from netsurgery.zoo import Entry, ModelBatch, SkippedFile, discover, read_manifest, write_manifest
from netsurgery.zoo.manifest_text import written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models, and what can be said of them."""
    files: Dict[str, object] = {"photos/x.txt": "", "labels.txt": "0\n", "plan.yaml": "edits: []\n"}
    for name in "ab":
        files[f"{name}/deploy.prototxt"] = net()
        files[f"{name}/net.caffemodel"] = weights()
    return write(tmp_path, files)


def manifest(folder: Path, text: str) -> Path:
    (folder / "zoo.yaml").write_text(text, encoding="utf-8")
    return folder / "zoo.yaml"


A = "models:\n- model: a/deploy.prototxt\n  weights: a/net.caffemodel\n"
B = "- model: b/deploy.prototxt\n  weights: b/net.caffemodel\n"


def test_models_in_their_order_with_all_that_is_said(folder: Path) -> None:
    text = """\
# my zoo
defaults:
  budget: {macs: 50%, bytes: 20MB}
  preset: mnist
  labels: labels.txt
models:
- model: b/deploy.prototxt
  weights: b/net.caffemodel   # the better one
  name: second
  preset: ~
  inputs: photos
  calibrate: [photos]
  plan: plan.yaml
  input_shapes: {data: [2, 4]}
  license: MIT
  source: a disk
  budget: ~
  rank: {fc1: 4}
- model: a/deploy.prototxt
  weights: a/net.caffemodel
  preprocessing: {preset: mnist, raw_scale: 1, mean: [1, 2]}
"""
    second, first = read_manifest(manifest(folder, text)).entries
    assert second == Entry(
        "second",
        folder / "b/deploy.prototxt",
        folder / "b/net.caffemodel",
        inputs=(folder / "photos",),
        labels=folder / "labels.txt",
        input_shapes={"data": (2, 4)},
        options={"calibrate": [str(folder / "photos")], "rank": {"fc1": 4}},
        plan=folder / "plan.yaml",
        license="MIT",
        source="a disk",
    )
    assert first.name == "a/net"
    assert first.options == {"budget": {"macs": 0.5, "bytes": 20e6}}
    assert isinstance(first.preprocessing, Preprocessing)
    assert first.preprocessing.mean == (1, 2)
    assert first.preprocessing.preset == "mnist"


def test_globs_and_folders_stand_for_many(folder: Path) -> None:
    text = 'models:\n- model: "*/deploy.prototxt"\n  weights: "*/*.caffemodel"\n  name: all\n'
    names = [entry.name for entry in read_manifest(manifest(folder, text)).entries]
    assert names == ["all/net", "all/net-2"]
    found = read_manifest(manifest(folder, "models:\n- folder: .\n  rank: 5\n"))
    assert [entry.name for entry in found.entries] == ["a/net", "b/net"]
    assert {entry.options["rank"] for entry in found.entries} == {5}


def test_a_byte_order_mark_is_no_part_of_it(folder: Path) -> None:
    path = folder / "zoo.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + A.encode())
    assert len(read_manifest(path).entries) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("models: 3\n", 1, "is no manifest: it has no list of models; write `models:`"),
        ("- a\n", 1, "is no manifest"),
        ("", None, "is no manifest"),
        ("models:\n- {model: [\n", 3, "this is not YAML"),
        ("models: []\nmodel: x\n", 2, "a manifest has no 'model'; it may say defaults and models"),
        (f"defaults: {{weights: x}}\n{A}", 1, "'weights' is of one model; say it below models"),
        ("models:\n- a.prototxt\n", 2, "'a.prototxt' is no mapping"),
        (f"{A}  weight: x\n", 4, "a model has no 'weight'; did you mean 'weights'?"),
        (f"{A}  qqqq: x\n", 4, "a model has no 'qqqq'; it may say name, model,"),
        ("models:\n- model: a/deploy.prototxt\n", 2, "names no weights; say model and weights"),
        (f"{A}  folder: a\n", 2, "names a folder and files"),
        ("models:\n- folder: c\n", 2, "there is no folder"),
        ("models:\n- folder: photos\n", 2, "no model was found"),
        ("models:\n- model: x\n  weights: a/net.caffemodel\n", 2, "model: there is no file"),
        ('models:\n- model: "x*"\n  weights: a/net.caffemodel\n', 2, "no file is called 'x*'"),
        (f"{A}  labels: no.txt\n", 4, "labels: there is no file"),
        (f"{A}  inputs: nope\n", 4, "inputs: there is no"),
        (f"{A}  inputs: 3\n", 4, "inputs: 3 is no path, and no list of paths"),
        (f"{A}  calibrate: nope\n", 4, "calibrate: there is no"),
        (f"{A}  name: ../up\n", 4, "'../up' cannot be the name of a model"),
        (f"{A}  name: 3\n", 4, "name: 3 is no text; put it in quotes"),
        (f"{A}  preset: nothing\n", 4, "there is no preset 'nothing'; choose among"),
        (f"{A}  preprocessing: 3\n", 4, "preprocessing: 3 is no mapping"),
        (f"{A}  preprocessing:\n    scale: 3\n", 5, "preprocessing has no 'scale'"),
        (f"{A}  preprocessing: {{mean: x}}\n", 4, "`mean` is 'x'"),
        (f"{A}  input_shapes: [3]\n", 4, "gives no shapes by blob; write `{data: [1, 3, 224"),
        (f"{A}  budget: 3\n", 4, "budget: 3 is no budget; write `{macs: 0.5}`"),
        (f"{A}  budget: {{time: 3}}\n", 4, "budget: there is no cost 'time'; choose among macs"),
        (f"{A}  budget: {{macs: 3}}\n", 4, "budget: macs 3 is no share"),
        (f"{A}  budget: {{bytes: 3 apples}}\n", 4, "budget: '3 apples' is no size of a file"),
        (f"{A}  samples: many\n", 4, "samples: `samples` is 'many' (str), and should be a whole"),
        (f"{A}  name: x\n{B}  name: x\n", 7, "the name 'x' is taken"),
        (f"{A}  name: x\n{B}  name: x/y\n", 4, "the name 'x' is taken, or is the folder of"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(folder: Path, text: str, line: int, words: str) -> None:
    path = manifest(folder, text)
    with pytest.raises(FormatError) as caught:
        read_manifest(path)
    assert words in str(caught.value)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}:" if line else f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot read the manifest: No such file"):
        read_manifest(tmp_path / "no.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(FormatError, match="cannot read the manifest"):
        read_manifest(tmp_path / "bad.yaml")


def test_what_is_found_comes_back_from_what_is_written(folder: Path) -> None:
    write(folder, {"c/train.prototxt": "layer {", "c/odd: 'name' #1, {x}.caffemodel": weights()})
    found = discover(folder)
    assert found.entries
    path = write_manifest(found, folder / "manifest.yaml")
    assert read_manifest(path).entries == found.entries
    text = path.read_text()
    assert "# Left out:\n# - c/train.prototxt: line 1" in text
    elsewhere = write_manifest(found, folder / "deep" / "er" / "m.yml")
    again = read_manifest(elsewhere).entries
    assert [one.weights.resolve() for one in again] == [one.weights for one in found.entries]
    assert [one.name for one in again] == [one.name for one in found.entries]


def test_a_manifest_is_not_overwritten_unasked(folder: Path) -> None:
    path = manifest(folder, "# mine\n")
    with pytest.raises(FormatError, match="is there already, and may hold what somebody wrote"):
        write_manifest(discover(folder), path)
    assert path.read_text() == "# mine\n"
    write_manifest(discover(folder), path, force=True)
    assert len(read_manifest(path).entries) == 2
    with pytest.raises(FormatError, match="is no name of a manifest; call it"):
        write_manifest(discover(folder), folder / "manifest.txt")


def test_a_folder_without_models_gives_a_manifest_all_the_same(tmp_path: Path) -> None:
    text = written(
        ModelBatch(tmp_path, (), (SkippedFile(tmp_path / "x\n\x1b", "is\x1b no"),)), tmp_path
    )
    assert yaml.safe_load(text) == {"defaults": None, "models": []}
    assert "\x1b" not in text


def test_comments_can_become_values(folder: Path) -> None:
    """What is shown as an example in comments is taken as it stands."""
    text = written(discover(folder), folder)
    lines = [
        line.replace("  # ", "  ", 1) if line.startswith(("  # budget", "  # preset")) else line
        for line in text.splitlines()
    ]
    assert lines != text.splitlines()
    entries = read_manifest(manifest(folder, "\n".join(lines))).entries
    assert {entry.preprocessing for entry in entries} == {"caffenet"}
    assert entries[0].options == {"budget": {"macs": 0.5}}


WORDS = st.text(string.ascii_letters + " :#'\"-{}[],&*!|>%@`\té日\n~", max_size=12)
AMOUNTS = st.one_of(st.integers(1, 999), st.floats(0.01, 1), WORDS)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "rank": st.dictionaries(WORDS, AMOUNTS, min_size=1, max_size=2),
        "keep": st.lists(WORDS, min_size=1, max_size=3),
        "seed": st.integers(0, 9),
        "refit": st.booleans(),
        "budget": st.just({"macs": 0.5}),
        "method": WORDS,
    },
)


@settings(max_examples=40)
@given(
    options=OPTIONS,
    permit=WORDS.filter(bool),
    shape=st.lists(st.integers(1, 300), min_size=1, max_size=4),
)
def test_whatever_an_entry_says_comes_back(
    tmp_path_factory: Any, options: Dict[str, Any], permit: str, shape: Any
) -> None:
    folder = tmp_path_factory.getbasetemp() / "round-trip"
    if not folder.exists():
        write(folder, {"a.prototxt": net(), "a.caffemodel": weights(), "in/x": "", "m.npy": ""})
    entry = Entry(
        "x/y",
        folder / "a.prototxt",
        folder / "a.caffemodel",
        Preprocessing(mean_file=str(folder / "m.npy"), raw_scale=2.0, preset="mnist"),
        (folder / "in",),
        input_shapes={"data": tuple(shape)},
        options={**options, "calibrate": str(folder / "in")},
        license=permit,
    )
    path = write_manifest(ModelBatch(folder, (entry,)), folder / "m.yaml", force=True)
    (again,) = read_manifest(path).entries
    assert again.to_dict()["options"] == entry.to_dict()["options"]
    assert (again.license, again.input_shapes) == (permit, entry.input_shapes)
    assert isinstance(again.preprocessing, Preprocessing)
    assert again.preprocessing.mean_file == str(folder / "m.npy")
