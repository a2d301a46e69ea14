"""A net is not tuned under masks of other weights: not one step is done."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from numpy_trainer import NumpyTrainer
from small_training import classifier, samples

import netsurgery as ns
from netsurgery.errors import NetworkError
from netsurgery.formats import write_masks

MASK = np.arange(24).reshape(6, 4) % 2 == 0


def asked(masks: Optional[object]) -> ns.FinetuneRequest:
    arrays = samples(80)
    inputs = ns.Inputs({"data": arrays["data"]}, arrays["label"].astype(int))
    how = {"steps": 10, "batch": 8, "lr": 0.05, "engine": NumpyTrainer()}
    return ns.FinetuneRequest(calibrate=inputs, masks=masks, **how)


@pytest.mark.parametrize("where", ["beside", "given", "carried"])
def test_masks_that_close_weights_which_are_not_zero_are_refused(
    tmp_path: Path, where: str
) -> None:
    files = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    classifier(hidden="").save(*files)
    path = files[1].with_name("net.masks.npz") if where == "beside" else tmp_path / "other.npz"
    path.write_bytes(write_masks({("fc1", 0): MASK}))
    model, file = ns.load(*files), files[0] if where == "carried" else path
    if where == "carried":
        assert model.weights is not None
        (saved,) = model.weights.find("fc1")
        weights, bias = saved.blobs
        changes = {"fc1": [replace(saved, blobs=(weights.with_mask(MASK), bias))]}
        model = replace(model, weights=model.weights.replace(changes))
    told = f"{file}: layer 'fc1': its mask closes 12 weights of blob 0, and 12 of them are not zero"
    with pytest.raises(NetworkError, match=re.escape(told)):
        ns.finetune(model, asked(path if where == "given" else None), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert ns.finetune(model, asked("none"), tmp_path / "out")
