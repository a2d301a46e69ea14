"""A folder that holds another net is left alone, unless the user insists."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_models import two_layers


@pytest.fixture
def other(pair, tmp_path: Path) -> tuple[Path, Path]:
    """Another net in files of the same names."""
    paths = tmp_path / "other" / pair[0].name, tmp_path / "other" / pair[1].name
    two_layers(seed=5).save(*paths)
    return paths


def line(kind: str, files, out: Path, plan: Path) -> list:
    return {
        "compress": ["compress", *files, "--rank", "fc6=4", "--no-verify", "-o", out],
        "thin": ["thin", *files, "--keep", "0.5", "--no-verify", "-o", out],
        "apply": ["apply", plan, *files, "-o", out],
        "upgrade": ["upgrade", *files, "-o", out],
    }[kind]


@pytest.mark.parametrize("kind", ["compress", "thin", "apply", "upgrade"])
def test_another_net_is_not_overwritten(netsurgery, pair, other, tmp_path, kind: str) -> None:
    out, plan = tmp_path / "out", tmp_path / "plan.yaml"
    plan.write_text("edits: [{layer: fc6, method: svd, rank: 4}]")
    assert netsurgery(*line(kind, pair, out, plan)).status == 0
    assert netsurgery(*line(kind, pair, out, plan)).status == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    refused = netsurgery(*line(kind, other, out, plan))
    assert refused.status == 2
    assert len(refused.err.splitlines()) == 1
    assert "--force" in refused.err
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert netsurgery(*line(kind, other, out, plan), "--force").status == 0
    assert (out / pair[1].name).read_bytes() != before[out / pair[1].name]


def test_another_job_on_the_same_net_makes_way(netsurgery, pair, tmp_path) -> None:
    out, plan = tmp_path / "out", tmp_path / "plan.yaml"
    assert netsurgery(*line("compress", pair, out, plan)).status == 0
    assert netsurgery(*line("thin", pair, out, plan)).status == 0


def test_files_of_others_stay(netsurgery, pair, other, tmp_path) -> None:
    plan = tmp_path / "plan.yaml"
    assert netsurgery(*line("compress", pair, other[0].parent, plan)).status == 2
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("mine")
    assert netsurgery(*line("compress", pair, tmp_path / "notes", plan)).status == 0
