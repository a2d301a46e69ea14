"""What is told of a pruned net."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import tables_in
from small_models import two_layers

import netsurgery as ns
from netsurgery.report import print_pruned


def pruned(folder: Path, sparsity: float, **asked: object) -> ns.Pruned:
    two_layers().save(folder / "in")
    model = ns.load(folder / "in" / "deploy.prototxt", folder / "in" / "weights.caffemodel")
    request = ns.PruneRequest(sparsity=sparsity, **asked)  # type: ignore[arg-type]
    return ns.prune(model, request, folder / "out")


def test_rows_add_up_to_what_was_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = pruned(tmp_path, 0.9)
    print_pruned(done)
    printed = capsys.readouterr().out
    layers = tables_in(printed)[0]
    assert [row["layer"] for row in layers] == ["fc6", "fc7"]
    assert [row["weights"] for row in layers] == ["1,536", "160"]
    assert sum(int(row["left"]) for row in layers) == 170
    assert ["all", "1,696", "170", "89.98%"] in [line.split() for line in printed.splitlines()]
    assert "proved: read back, every weight that a mask closes is zero" in printed
    assert all(f"written {path}" in printed for path in done.files)


def test_a_share_that_cannot_be_reached_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_pruned(pruned(tmp_path, 0.9999))
    # of 1,696 weights the best one of each layer stays
    assert "asked for 99.99% zero, reached 99.8821%: no layer is emptied" in capsys.readouterr().out
