"""Entries of a batch: names that every system takes for folders, and all of them different."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netsurgery.calibration import Preprocessing
from netsurgery.errors import RequestError
from netsurgery.zoo import Entry, ModelBatch, SkippedFile, distinct_names
from netsurgery.zoo.entry import is_name, name_of


def entry(name: str = "lenet") -> Entry:
    return Entry(name, Path("a.prototxt"), Path("a.caffemodel"))


@pytest.mark.parametrize(
    "name", ["", "/", "../up", "a/../b", "/a", "a//b", "a/", ".hidden", "a.", "nul", "a/con.x", "é"]
)
def test_names_that_are_no_folders_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match="cannot be the name of a model"):
        entry(name)


def test_what_is_not_of_its_type_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match="`weights`"):
        Entry("a", Path("a.prototxt"), "a.caffemodel")  # type: ignore[arg-type]


def test_an_entry_says_as_plain_data_what_is_said() -> None:
    assert entry().to_dict() == {
        "name": "lenet",
        "prototxt": "a.prototxt",
        "weights": "a.caffemodel",
    }
    full = Entry(
        "a/b",
        Path("a.prototxt"),
        Path("a.caffemodel"),
        Preprocessing(mean=(1.0,), preset="mnist"),
        (Path("x.npy"),),
        Path("labels.txt"),
        {"data": (1, 1, 28, 28)},
        {"budget": {"macs": 0.5}},
        Path("plan.yaml"),
        "MIT",
        "somewhere",
    )
    told = json.loads(json.dumps(full.to_dict()))
    assert told["preprocessing"] == {"raw_scale": 255.0, "mean": [1.0], "preset": "mnist"}
    assert told["input_shapes"] == {"data": [1, 1, 28, 28]}
    batch = ModelBatch(Path("zoo"), (full,), (SkippedFile(Path("x"), "is no model"),)).to_dict()
    assert [one["name"] for one in batch["models"]] == ["a/b"]
    assert batch["skipped"] == [{"path": "x", "reason": "is no model"}]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("zoo/det1", "zoo/det1"),
        ("Größe 2/modèle (1)", "Groe_2/modele_1_"),
        ("../../etc", "_/_/etc"),
        ("AUX.net", "_AUX.net"),
        ("", "model"),
        ("日本", "model"),
    ],
)
def test_any_text_gives_a_name(text: str, name: str) -> None:
    assert name_of(text) == name
    assert is_name(name)


TEXTS = st.lists(st.text(alphabet="aA/.-2 é\0", max_size=8), max_size=8)


@given(TEXTS)
def test_names_differ_on_every_file_system_and_do_not_lie_in_each_other(texts: list[str]) -> None:
    names = distinct_names(texts)
    assert len(names) == len(texts)
    assert all(map(is_name, names))
    small = [name.casefold() for name in names]
    assert len(set(small)) == len(small)
    assert not [(one, two) for one in small for two in small if two.startswith(f"{one}/")]


def test_names_that_differ_stay_as_they_are() -> None:
    assert distinct_names(["a/x", "a/y", "b"]) == ["a/x", "a/y", "b"]
    assert distinct_names(["a", "A", "a/b"]) == ["a-2", "A-3", "a/b"]
