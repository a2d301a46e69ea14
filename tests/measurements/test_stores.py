"""What was measured is found again as it was, or not at all, whatever became of the store."""

from __future__ import annotations

import gc
import json
import os
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from small_models import two_layers

from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.recall import recall_or_run
from netsurgery.errors import FormatError
from netsurgery.measurements import (
    FileStore,
    FolderStore,
    MeasurementStore,
    MemoryStore,
    default_folder,
    digest_of,
    open_store,
)

Make = Callable[[Path], MeasurementStore]
KINDS: Dict[str, Make] = {
    "memory": lambda folder: MemoryStore(),
    "file": lambda folder: FileStore(folder / "measured.json"),
    "folder": lambda folder: FolderStore(folder / "cache"),
}
FLOATS = hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, min_side=1, max_side=3))
ENTRIES = st.dictionaries(
    st.text(min_size=1, max_size=3), st.dictionaries(st.sampled_from("abc"), FLOATS), max_size=4
)


def kept(arrays: Dict[str, np.ndarray]) -> bool:
    return all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.parametrize("kind", KINDS)
@given(entries=ENTRIES)
def test_what_is_kept_is_found_again_bit_for_bit(
    kind: str, entries: Dict[str, Dict], tmp_path_factory: Any
) -> None:
    """By the store that kept it and, but for memory, by the next one at the same place."""
    folder = tmp_path_factory.mktemp("store")
    store = KINDS[kind](folder)
    keys = {name: digest_of(name) for name in entries}
    for name, arrays in entries.items():
        assert store.find(keys[name]) is None
        store.keep(keys[name], arrays, f"{name} \n told")
    for again in [store] if kind == "memory" else [store, KINDS[kind](folder)]:
        for name, arrays in entries.items():
            found = again.find(keys[name])
            assert (found is not None) == kept(arrays)
            if found is not None:
                assert {n: a.tobytes() for n, a in found.items()} == {
                    n: a.tobytes() for n, a in arrays.items()
                }
                assert {a.shape for a in found.values()} == {a.shape for a in arrays.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_is_measured_once(kind: str, tmp_path: Path) -> None:
    store = KINDS[kind](tmp_path)
    asked: List[float] = []

    def measure() -> float:
        asked.append(1.0)
        return 0.1 + len(asked)

    first = store.number("key", measure)
    assert store.number("key", measure) == first == 1.1
    assert store.number("other", measure) == 2.1
    if kind != "memory":
        assert KINDS[kind](tmp_path).number("key", measure) == first
    assert len(asked) == 2
    nothing = [store.number("nan", lambda: float("nan")) for _ in range(2)]
    assert np.isnan(nothing).all()
    assert store.find("nan") is None


@given(data=st.data())
def test_damage_to_a_file_costs_what_it_touches_and_no_more(
    data: st.DataObject, tmp_path_factory: Any
) -> None:
    """Whatever bytes change, no other number comes out; and what is measured again stays."""
    path = tmp_path_factory.mktemp("store") / "measured.json"
    store, numbers = FileStore(path), {f"key{n}": n / 3 for n in range(4)}
    for key, number in numbers.items():
        store.number(key, lambda number=number: number, told="a number")
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, 8))
    damaged = whole[:place] + data.draw(st.binary(max_size=12)) + whole[place + length :]
    path.write_bytes(damaged)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = FileStore(path)
    known = {key: after.find(key) for key in numbers}
    assert {key: float(found[""]) for key, found in known.items() if found} == {
        key: numbers[key] for key, found in known.items() if found
    }
    # Twelve bytes have no room for more than the ends of two entries.
    assert sum(found is None for found in known.values()) <= 2
    for key, number in numbers.items():
        assert after.number(key, lambda number=number: number) == number
    if any(found is None for found in known.values()):
        assert len(json.loads(path.read_bytes())) == 1 + len(numbers)
        assert len(FileStore(path)) == len(numbers)


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 10, 100])
def test_a_run_that_was_cut_off_goes_on(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    for number in range(3):
        FileStore(path).number(f"key{number}", lambda number=number: float(number))
    path.write_bytes(path.read_bytes()[: -cut or None])
    store = FileStore(path)
    assert len(store) == (3 if cut <= 3 else 2)
    assert store.number("more", lambda: 7.0) == 7.0
    assert json.loads(path.read_bytes())[0] == {"netsurgery measurements": 1}
    assert len(json.loads(path.read_bytes())) == 1 + len(store) == 1 + len(FileStore(path))


def test_a_file_tells_what_its_numbers_are(tmp_path: Path) -> None:
    store = open_store(tmp_path / "new" / "measured.json")
    store.number("key", lambda: 0.5, "accuracy: conv1 svd")
    _, entry = json.loads((tmp_path / "new" / "measured.json").read_bytes())
    assert (entry["what"], entry["values"]) == ("accuracy: conv1 svd", {"": 0.5})
    assert isinstance(open_store(None), MemoryStore)


@pytest.mark.parametrize(
    "old",
    [
        '{\n "seconds 5f": 0.25,\n "12ab | accuracy | fc6 svd": 1\n}\n',
        '{"netsurgery oracle": "0f"}\n'
        '{"batch": 0, "group": "", "channels": [], "numbers": [1.5, 2.0]}\n',
    ],
)
def test_files_of_earlier_versions_are_started_anew_with_a_word(old: str, tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    path.write_text(old)
    with pytest.warns(UserWarning, match=r"measured.json: holds what an earlier .* started anew"):
        store = FileStore(path)
    assert not len(store)
    assert path.read_text() == old
    store.number("key", lambda: 1.0)
    assert len(json.loads(path.read_text())) == 2


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"my diary\n", b'{"my": "data"}', b'["a", "list"]', b"{}", b"[]"]
)
def test_files_of_others_are_refused_and_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "diary"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="holds no measurements of netsurgery; move it away"):
        FileStore(path)
    assert path.read_bytes() == content


def test_a_place_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        FileStore(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="cannot make the folder"):
        FileStore(tmp_path / "file" / "measured.json").number("key", lambda: 1.0)


def test_an_entry_of_a_folder_under_another_key_is_none(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.keep("a", {"x": np.arange(3)})
    os.rename(tmp_path / "a.npz", tmp_path / "b.npz")
    assert store.find("b") is None


class Numbers:
    """An observer of 8,000 bytes."""

    def __init__(self) -> None:
        self.numbers = np.zeros(1000)


def test_the_longest_unused_make_room(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, most_bytes=38_000)
    ran: List[str] = []

    def ask(name: str) -> None:
        recall_or_run(store, "key", {name: Numbers()}, lambda observers: ran.append(name))

    for age, name in enumerate("abcd"):
        ask(name)
        (new,) = [file for file in store.folder.iterdir() if file.stat().st_mtime > 1000]
        os.utime(new, (age, age))
    ask("a")
    ask("e")
    assert ran == list("abcde")
    assert sum(file.stat().st_size for file in store.folder.iterdir()) <= 38_000
    for name in "acdeb":
        ask(name)
    assert ran == list("abcdeb")


def test_huge_ones_are_not_kept(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, most_bytes=30_000)
    store.keep("a", {"a": np.zeros(1000)})
    assert not list(store.folder.iterdir())


def test_where_measurements_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETSURGERY_CACHE", "here")
    assert default_folder() == Path("here")
    monkeypatch.delenv("NETSURGERY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "netsurgery"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "netsurgery"
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert str(default_folder()) == str(tmp_path / "netsurgery")


PARTS = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()),
    lambda parts: st.lists(parts, max_size=3).map(tuple),
    max_leaves=6,
)


@given(PARTS, PARTS)
def test_keys_are_the_same_for_the_same_parts_alone(one: Any, other: Any) -> None:
    """`repr` tells -0.0 from 0.0, and what comes of one may come of the other alone."""
    assert (digest_of(one) == digest_of(other)) == (repr(one) == repr(other))


def test_keys_of_models_and_inputs_are_those_of_what_they_hold() -> None:
    values = np.arange(8.0).reshape(2, 4)
    assert digest_of(two_layers()) == digest_of(two_layers()) != digest_of(two_layers(2))
    assert digest_of(two_layers().digest) != digest_of(two_layers())  # a text is no model
    ways = [Inputs({"a": values}), Inputs({"a": values}, np.array([1, 2])), Inputs({"b": values})]
    assert digest_of(ways[0]) == digest_of(ways[1]) != digest_of(ways[2])
    pieces = Inputs({"a": values[:, None]}, whole_blobs=True)
    assert digest_of(pieces) != digest_of(Inputs({"a": values[:, None]}))
    assert digest_of(values) != digest_of(values.astype(np.float32)) != digest_of(values.T)


def test_a_cut_archive_is_not_left_open(tmp_path: Path) -> None:
    store, key = FolderStore(tmp_path), digest_of("x")
    store.keep(key, {"a": np.ones(30)})
    (place,) = (path for path in tmp_path.rglob("*") if path.is_file())
    place.write_bytes(place.read_bytes()[:-100])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert store.find(key) is None
        gc.collect()
    assert not [one for one in caught if issubclass(one.category, ResourceWarning)]
