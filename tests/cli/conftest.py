"""Run the command line inside the test's process."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, NamedTuple

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
    monkeypatch.setattr(_progress, "FIRST", 3600.0)

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
