"""What a method does wrong is found, although the files hold just what it made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.engine import engine
from netsurgery.formats.weights import Blob, LayerWeights
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.methods import Edit, Rewrite
from netsurgery.methods.svd import TruncatedSVD
from netsurgery.planning import Plan


def spoil(monkeypatch: pytest.MonkeyPatch, bias: Any) -> None:
    """Have svd give its last layer another bias."""
    rewrite = TruncatedSVD.rewrite

    def wrong(self: TruncatedSVD, *arguments: Any) -> Rewrite:
        right = rewrite(self, *arguments)
        ((name, (first, last)),) = right.weights.items()
        new = LayerWeights(
            last.name, last.type, (last.blobs[0], Blob.of(bias(last.blobs[1].array())))
        )
        return right.with_weights({name: [first, new]})

    monkeypatch.setattr(TruncatedSVD, "rewrite", wrong)


@pytest.mark.parametrize("rank", [4, 32])
def test_a_bias_that_no_method_moves_is_the_originals(
    rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan((Edit("fc6", "svd", {"rank": rank}),))
    assert write_proved(two_layers(), plan, tmp_path / "right", Proof(wanted=False))
    spoil(monkeypatch, np.zeros_like)
    done = write_proved(two_layers(), plan, tmp_path / "wrong", Proof(wanted=False))
    assert done.written
    assert "and its other blobs 1.00e+00" in done.reasons[0]


def test_a_plan_that_changes_nothing_is_held_to_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opencv: str
) -> None:
    plan = Plan((Edit("fc6", "svd", {"rank": 32}),))
    proof = Proof(engine=engine("opencv"))
    done = write_proved(two_layers(), plan, tmp_path / "right", proof)
    assert done, done.reasons
    assert done.surgery.exact
    spoil(monkeypatch, lambda bias: bias + 1e-3)
    done = write_proved(two_layers(), plan, tmp_path / "wrong", proof)
    assert any("float noise" in reason for reason in done.reasons)
    cut = write_proved(
        two_layers(), Plan((Edit("fc6", "svd", {"rank": 4}),)), tmp_path / "cut", proof
    )
    assert not cut.surgery.exact
