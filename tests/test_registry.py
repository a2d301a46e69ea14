from __future__ import annotations

import sys
import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from netsurgery.errors import PlanError
from netsurgery.registry import Registry


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A room of two files: one registers a thing, one is a worker that must not be imported."""
    folder = tmp_path / "room"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from netsurgery.registry import Registry\nTHINGS = Registry('room', 'room.things')\n"
    )
    (folder / "one.py").write_text(
        textwrap.dedent(
            """
            from room import THINGS
            @THINGS.register("one")
            class One: pass
            """
        )
    )
    (folder / "some_worker.py").write_text("raise SystemExit\n")
    (tmp_path / "plugin.py").write_text(
        "from room import THINGS\n@THINGS.register('two')\nclass Two: pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("room", "room.one", "plugin"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import room

    return room.THINGS


def plug(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint, old: bool = False) -> None:
    class Entries(tuple):
        def select(self, group: str) -> list[EntryPoint]:
            return [entry for entry in self if entry.group == group]

    by_group: dict = {}
    for entry in entries:
        by_group.setdefault(entry.group, []).append(entry)
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda: by_group if old else Entries(entries)
    )


def test_a_file_in_the_room_is_enough(room: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch)
    assert list(room.all()) == ["one"]


@pytest.mark.parametrize("old", [False, True], ids=["python 3.10", "python 3.9"])
def test_another_package_adds_to_it(
    room: Registry, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    plug(
        monkeypatch,
        EntryPoint("two", "plugin", "room.things"),
        EntryPoint("other", "plugin", "another.group"),
        old=old,
    )
    assert sorted(room.all()) == ["one", "two"]
    assert room.failed == {}


def test_a_plugin_that_does_not_load_is_told_with_its_error(
    room: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch, EntryPoint("three", "no_such_module", "room.things"))
    assert list(room.all()) == ["one"]
    assert "no_such_module" in room.failed["three"]


def test_nothing_is_loaded_before_it_is_asked_for(room: Registry) -> None:
    assert "room.one" not in sys.modules


def test_what_is_asked_for_by_name_is_found_or_the_others_are_told(
    room: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch, EntryPoint("three", "no_such_module", "room.things"))
    assert room.find("thing", "one") is room.all()["one"]
    with pytest.raises(PlanError, match=r"there is no thing 'two'; choose among one$"):
        room.find("thing", "two")
    with pytest.raises(PlanError, match=r"'three' \(its plugin failed: .*no_such_module"):
        room.find("thing", "three")


def test_a_name_belongs_to_one_thing(room: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch)
    assert room.get("one") is room.all()["one"]
    assert room.get("three") is None
    with pytest.raises(ValueError, match=r"'one' is the name of room\.one\.One already"):
        room.register("three", "one")(type("Other", (), {}))
    assert room.get("three") is None
