"""No report goes untested."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsurgery import report

MODULES = sorted(path.stem for path in Path(report.__file__).parent.glob("[!_]*.py"))
# What a command prints of one thing in two tables is looked at in one place.
BESIDE = {"page": "compression", "explain": "plan"}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_the_room_has_its_tests(module: str) -> None:
    name = BESIDE.get(module, module)
    assert (Path(__file__).parent / f"test_{name}.py").is_file()
