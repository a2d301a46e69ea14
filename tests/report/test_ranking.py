"""A ranking as a table for each group."""

from __future__ import annotations

import json

import numpy as np
from command_line import tables_in


def test_channels_stand_in_the_order_of_the_first_criterion(netsurgery, pair) -> None:
    asked = ("rank", *pair, "--criteria", "l2,l1")
    found = json.loads(netsurgery(*asked, "--json").out)
    printed = netsurgery(*asked).out
    (rows,) = tables_in(printed)
    (group,) = [one for one in found["groups"] if one["free"]]
    assert f"{group['name']}: {len(group['free'])} channels" in printed
    scores = group["scores"]["l2"]
    assert [int(row["channel"]) for row in rows] == sorted(group["free"], key=scores.__getitem__)
    for row in rows:
        for name in ("l1", "l2"):
            score = group["scores"][name][int(row["channel"])]
            assert row[name] == f"{score:.4g}"
    assert "  l1: " in printed


def test_what_the_oracle_measured_stands_beside_the_scores(
    netsurgery, pair, caffe: str, tmp_path
) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, data=np.random.default_rng(0).normal(size=(4, 3, 4, 4)))
    asked = ("rank", *pair, "--criteria", "l1", "--data", data, "--oracle", "--no-cache")
    found = json.loads(netsurgery(*asked, "--json").out)
    printed = netsurgery(*asked).out
    rows = tables_in(printed)[0]
    changes = found["oracle"]["changes"]["fc6"]
    assert len(rows) == 32
    for row in rows:
        change = changes[int(row["channel"])]
        assert row["loss grows by"] == f"{change:.4g}"
        assert row["magnitude"] == f"{abs(change):.4g}"
    assert printed.count("Spearman's correlation with the change of") == 2
    assert f"on 4 inputs: {found['oracle']['loss']:.6g}" in printed
