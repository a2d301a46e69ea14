"""`compress` and `verify` say how many channels no input ever moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import make_model

TEXT = (
    declared("data", 1, 6)
    + layer("InnerProduct", "data", "fc", "inner_product_param { num_output: 9 }")
    + layer("InnerProduct", "fc", "last", "inner_product_param { num_output: 4 }")
)


def written(folder: Path, still: int) -> tuple[Path, Path]:
    """A pair of which so many outputs of fc are no more than their bias."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(9, 6))
    rows[:still] = 0
    blobs = {"fc": [rows, np.ones(9)], "last": [random.normal(size=(4, 9)), np.zeros(4)]}
    paths = folder / "deploy.prototxt", folder / "net.caffemodel"
    make_model(TEXT, blobs).save(*paths)
    return paths


@pytest.mark.parametrize(("still", "said"), [(0, None), (1, "what it does"), (5, "what they do")])
def test_what_never_moved_is_told(
    netsurgery: Callable[..., object], tmp_path: Path, engine: str, still: int, said: str
) -> None:
    pair, out = written(tmp_path, still), tmp_path / "out"
    done = netsurgery("compress", *pair, "--rank", "last=2", "-o", out, "--engine", engine)
    compared = netsurgery("verify", *pair, *pair, "--blobs", "common", "--engine", engine)
    for one in (done, compared):
        assert one.status == 0, one.err
        lines = [line.strip() for line in one.out.splitlines() if "never moved" in line]
        assert lines == said_of(still, said)
    report = json.loads((out / "netsurgery.json").read_text())
    counts = {row["blob"]: row["unmoved"] for row in report["proof"]["equality"]["blobs"]}
    assert counts == {"fc": still, "last": 0}


def said_of(still: int, said: str) -> list[str]:
    """The line that is to be told."""
    line = f"{still} of 9 channels of blob 'fc' never moved on these inputs: nothing is known of "
    return [line + said] if still else []
