"""`apply` reads back what it wrote, and leaves with 1 where that is not what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.network.model import Model

SAVE = Model.save
LAST_BIAS = np.float32([*two_layers().blobs("fc7")[1].blocks()][-1][-1]).tobytes()


def damaged(part: int, before: bytes, after: bytes) -> Callable[..., tuple[Path, ...]]:
    """A way to save a pair that changes a piece of one of its files behind the writer's back."""

    def save(self: Model, *places: object) -> tuple[Path, ...]:
        paths = SAVE(self, *places)
        data = paths[part].read_bytes()
        assert data.count(before) == 1
        paths[part].write_bytes(data.replace(before, after))
        return paths

    return save


@pytest.fixture
def plan(netsurgery: Callable[..., object], pair: tuple[Path, Path], tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    assert netsurgery("plan", *pair, "--rank", "fc6=4", "-o", path).status == 0
    return path


def test_what_is_written_is_read_back(netsurgery, plan: Path, tmp_path: Path) -> None:
    done = netsurgery("apply", plan, "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert "read back: 3 blobs as surgery made them, 2 others bit for bit" in done.out
    assert "FAILED" not in done.out + done.err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["deploy.prototxt", "net.caffemodel"]


@pytest.mark.parametrize(
    ("part", "before", "after", "reason"),
    [
        (1, LAST_BIAS, LAST_BIAS[::-1], "blob 1 of layer 'fc7' has 1 of 5 numbers other than"),
        (1, b"fc6_L", b"fc6_X", "layer 'fc6_L' is not in the written weights"),
        (0, b"num_output: 5", b"num_output: 6", "is not what surgery made: line"),
    ],
)
def test_other_files_than_were_meant_fail(
    netsurgery,
    plan: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: int,
    before: bytes,
    after: bytes,
    reason: str,
) -> None:
    monkeypatch.setattr(Model, "save", damaged(part, before, after))
    done = netsurgery("apply", plan, "-o", tmp_path / "out")
    assert done.status == 1
    lines = done.err.splitlines()
    assert "the files that were written are not what was meant" in lines
    assert any(line.startswith("FAILED: ") and reason in line for line in lines)


def test_files_that_cannot_be_read_back_are_not_left(
    netsurgery, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Model, "save", damaged(0, b"num_output: 5 }", b"num_output: 5 ("))
    done = netsurgery("apply", plan, "-o", tmp_path / "out")
    assert done.status == 2
    assert not list((tmp_path / "out").glob("*"))
