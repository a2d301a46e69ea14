"""What a page shows beside the record of a compression."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import netsurgery as ns
from netsurgery.jobs import show, showing

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def test_the_error_along_the_net_is_that_on_what_the_pair_was_judged_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = (DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
    inputs = DIGITS / "held_out.npz"
    request = ns.CompressRequest(
        energy=0.9, fit="data", calibrate=inputs, samples=20, engine="opencv", accept_loss=True
    )
    done = ns.compress(net, request, tmp_path / "out")
    asked = []

    def verify(*models: object, **given: object) -> SimpleNamespace:
        asked.append(given["inputs"])
        return SimpleNamespace(trace=None)

    monkeypatch.setattr(showing, "verify", verify)
    show(done, request)
    assert done.effect is not None
    (shown,) = asked
    assert shown is not None
    assert "held_out.npz" in shown.description
    assert "which it was fitted to" in shown.description
