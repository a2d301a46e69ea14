"""What stands behind ``>>>`` in the docstrings happens as it stands there."""

from __future__ import annotations

import doctest
import importlib
import shutil
from pathlib import Path
from typing import List

import pytest

import netsurgery

PACKAGE = Path(netsurgery.__file__).parent
DIGITS = PACKAGE.parent / "examples" / "digits"


def modules_with_examples() -> List[str]:
    """The modules with a prompt in them, by their names."""
    paths = [path for path in PACKAGE.rglob("*.py") if "workers" not in path.parts]
    return sorted(
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).replace(".__init__", "")
        for path in paths
        if ">>> " in path.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_do_what_they_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "netsurgery" and not netsurgery.engines().usable:
        pytest.skip("needs an engine, as the example verifies")
    for file in ("deploy.prototxt", "digits.caffemodel"):
        shutil.copy(DIGITS / file, tmp_path)
    monkeypatch.chdir(tmp_path)
    run = doctest.testmod(importlib.import_module(name), report=True)
    assert run.attempted > 0
    assert run.failed == 0


def test_the_first_thing_that_a_reader_tries_is_among_them() -> None:
    assert "netsurgery" in modules_with_examples()
