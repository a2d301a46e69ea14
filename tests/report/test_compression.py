"""A compression as text and as JSON: they say the same."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_pair_that_nothing_proves_says_so_in_all_forms(netsurgery, pair, tmp_path: Path) -> None:
    done = netsurgery("compress", *pair, "--rank", "fc6=8", "--no-verify", "-o", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "netsurgery.json").read_text())
    assert done.status == 0
    assert report["proof"]["unproven"] in done.out
    assert "written as planned: UNPROVEN" in done.out
    written = report["proof"]["written"]
    assert (
        f"read back: {written['made_blobs']:,} blobs as surgery made them, "
        f"{written['untouched_blobs']:,} others bit for bit those of the original"
    ) in done.out
