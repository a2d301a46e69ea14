"""The models of a batch, as a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import tables_in

from netsurgery.report.found_models import print_batch
from netsurgery.zoo import Entry, ModelBatch, SkippedFile


def test_models_are_told_as_seen_from_their_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    prototxt, weights = tmp_path / "a" / "deploy.prototxt", tmp_path / "a" / "net.caffemodel"
    weights.write_bytes(bytes(2000))
    entry = Entry(name="a/net", prototxt=prototxt, weights=weights)
    skipped = SkippedFile(tmp_path / "solver.prototxt", "trains a net")
    print_batch(ModelBatch(tmp_path, (entry,), (skipped,)))
    printed = capsys.readouterr().out
    (rows,) = tables_in(printed)
    files = {"prototxt": "deploy.prototxt", "weights": "net.caffemodel"}
    seen = {kind: str(Path("a", name)) for kind, name in files.items()}
    assert rows == [{"model": "a/net", **seen, "size": "2 kB"}]
    assert "left out: solver.prototxt: trains a net" in printed
    assert "1 model in" in printed


def test_weights_that_are_yet_to_be_fetched_have_no_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = Entry(name="a", prototxt=tmp_path / "a.prototxt", weights=tmp_path / "a.caffemodel")
    print_batch(ModelBatch(tmp_path, (entry,), ()))
    (rows,) = tables_in(capsys.readouterr().out)
    assert rows[0]["size"] == ""
