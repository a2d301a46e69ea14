"""A plan is carried out once: what was made to measure it is what is written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest
from budget_nets import small_net, some_inputs

import netsurgery as ns
from netsurgery.surgery import together


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often methods were asked to rewrite which layer."""
    found: Counter[str] = Counter()
    really = together.rewrites_of

    def counted(model: Any, edits: Any, context: Any) -> Iterator[Any]:
        for edit, rewrite in zip(edits, really(model, edits, context)):
            found[f"{edit.layer} {edit.method}"] += 1
            yield rewrite

    monkeypatch.setattr(together, "rewrites_of", counted)
    return found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    path = tmp_path / "photos.npy"
    np.save(path, some_inputs(12).arrays["data"])
    return path


REQUESTS = {
    "budget": ns.CompressRequest(budget=ns.Budget(macs=0.5)),
    "loss": ns.CompressRequest(max_loss=0.3, budget=ns.Budget(macs=0.6)),
    "thin": ns.ThinRequest(max_loss=0.3, budget=ns.Budget(macs=0.6)),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_each_edit_is_carried_out_once_for_measuring_and_writing(
    what: str, asked: Counter[str], photos: Path, tmp_path: Path, opencv: str
) -> None:
    request: Any = REQUESTS[what]
    given = {**vars(request), "calibrate": photos, "engine": opencv, "cache": None}
    job = ns.thin if what == "thin" else ns.compress
    told = job(small_net(), type(request)(**given), tmp_path / "out")
    edits = [f"{edit.layer} {edit.method}" for edit in told.plan.edits]
    assert edits
    if what == "budget":
        assert [asked[edit] for edit in edits] == [1] * len(edits)
    else:  # a net for every budget that was tried, and none after that
        nets = len([one for one in told.plan.expected.max_loss.tried if one.loss is not None])
        assert max(asked[edit] for edit in edits) <= nets
    again = ns.apply(small_net(), told.plan, ns.ApplyRequest(calibrate=photos, engine=opencv))
    assert again.digest == told.surgery.model.digest
