"""Run the command line inside the test's process, and read the tables that it prints."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

import pytest
from small_models import two_layers

from netsurgery.cli import _progress, main


class Run(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def netsurgery(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Run]:
    """A function that runs a netsurgery command; however slow this machine, it is not too long."""
    for limit in ("BETWEEN", "LEAST"):
        monkeypatch.setattr(_progress, limit, 3600.0)

    def run(*arguments: object) -> Run:
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        status = leaving.value.code
        assert isinstance(status, int)
        return Run(status, captured.out, captured.err)

    return run


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The files of a small net: fc6 (32 x 48), ReLU, fc7 (5 x 32)."""
    paths = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    two_layers().save(*paths)
    return paths


def tables_in(text: str) -> List[List[Dict[str, str]]]:
    """The tables of an output, each row by the titles of its columns; a title again gets a mark."""
    lines = text.splitlines()
    tables = []
    for number, line in enumerate(lines):
        if re.fullmatch(r"\s*─+\s*", line):
            block = [lines[number - 1], *takewhile(str.strip, lines[number + 1 :])]
            titles, *rows = cells_of(block)
            named = [title + "'" * titles[:at].count(title) for at, title in enumerate(titles)]
            tables.append([dict(zip(named, row)) for row in rows])
    return tables


def cells_of(block: List[str]) -> List[List[str]]:
    """Lines cut where two columns of characters are blank in all of them."""
    width = max(map(len, block))
    block = [line.ljust(width) for line in block]
    used = "".join(" " if all(line[at] == " " for line in block) else "x" for at in range(width))
    spans = [found.span() for found in re.finditer(r"x( ?x)*", used)]
    return [[line[first:last].strip() for first, last in spans] for line in block]
