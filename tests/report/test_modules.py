"""No report goes untested."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsurgery import report

ROOM = Path(report.__file__).parent
MODULES = sorted(
    str(path.relative_to(ROOM).with_suffix(""))
    for path in ROOM.rglob("*.py")
    if not path.name.startswith("_")
)
# What a command prints of one thing in two tables is looked at in one place.
BESIDE = {
    "explain": "plan",
    "html/sentences": "html/compression_page",
    "html/spectra": "html/compression_page",
}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_the_room_has_its_tests(module: str) -> None:
    *folder, name = BESIDE.get(module, module).split("/")
    assert Path(__file__).parent.joinpath(*folder, f"test_{name}.py").is_file()
