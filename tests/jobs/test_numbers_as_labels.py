"""Labels of an LMDB or a list of images that are numbers to come to, not classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from small_models import make_model

import netsurgery as ns

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 8 dim: 4 } } }
layer { name: "age" type: "InnerProduct" bottom: "data" top: "age"
        inner_product_param { num_output: 1 } }
"""
TRAIN_VAL = """
layer { name: "db" type: "Data" top: "data" top: "label" data_param { source: "x" batch_size: 8 } }
layer { name: "age" type: "InnerProduct" bottom: "data" top: "age"
        inner_product_param { num_output: 1 } }
layer { name: "l" type: "EuclideanLoss" bottom: "age" bottom: "label" top: "l" }
"""


def people(count: int, seed: int) -> ns.Inputs:
    data = np.random.RandomState(seed).uniform(0, 9, (count, 4)).astype(np.float32)
    return ns.Inputs({"data": data}, np.rint(data @ [2, 1, 0, 1] + 20).astype(int))


def tuned(tmp_path: Path, **changes: Any) -> Any:
    files = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    make_model(NET, {"age": [np.full((1, 4), 0.5), np.full(1, 15.0)]}).save(*files)
    text = tmp_path / "train_val.prototxt"
    text.write_text(TRAIN_VAL)
    told: Dict[str, Any] = {
        "steps": 60,
        "batch": 8,
        "validate_every": 20,
        "lr": 1e-3,
        "train_val": text,
    }
    request = ns.FinetuneRequest(calibrate=people(80, 1), engine="caffe", **told, **changes)
    return ns.finetune(files, request, tmp_path / "out")


@pytest.mark.usefixtures("caffe")
@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_inputs_that_report_are_held_against_them(tmp_path: Path, elsewhere: bool) -> None:
    """Also those of `validate`: no class is looked for in them."""
    done = tuned(tmp_path, **({"validate": people(30, 2)} if elsewhere else {}))
    assert [one.name for one in done.truths] == ["rms error of age"]
    assert done.truths[0].after < 0.5 * done.truths[0].before
    assert done.after.accuracy is None
    assert done.after.samples == (30 if elsewhere else 12)
