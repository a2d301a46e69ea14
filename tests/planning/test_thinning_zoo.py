"""Trained nets thinned to half their multiply-accumulates, judged by real Caffe."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import pytest
from quick_caffe import QuickCaffe

from netsurgery.calibration import random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.costs import Budget
from netsurgery.errors import PlanError
from netsurgery.jobs.compressed import Compression
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.network.model import Model, load
from netsurgery.planning.thinning import ThinSpec, plan_thin

HALF = Budget(macs=0.5)
NETS = {
    "dns_lenet300100": ("deploy_derived.prototxt", "caffe_lenet300100_original.caffemodel"),
    "lenet_everpeace": ("deploy.prototxt", "lenet_iter_10000.caffemodel"),
    "mtcnn_det1": ("deploy.prototxt", "det1.caffemodel"),
    "mtcnn_det2": ("deploy.prototxt", "det2.caffemodel"),
    "opencv_3dobj_triplet": ("deploy.prototxt", "3d_triplet_iter_30000.caffemodel"),
}


def open_pair(zoo: Path, files: Tuple[str, str], folder: str) -> Model:
    return load(*(zoo / folder / file for file in files))


def thin(model: Model, request: ThinSpec, caffe: QuickCaffe, folder: Path) -> Compression:
    # A few inputs do: the question is whether the pair is what the plan says, not how good.
    calibrator = Calibrator(random_inputs(model.network(), 4, 0), caffe)
    plan = plan_thin(model, request, calibrator)
    return write_proved(model, plan, folder, Proof(caffe, count=2), calibrator=calibrator)


@pytest.mark.parametrize("name", NETS)
def test_half_the_macs_go_and_real_caffe_runs_the_pair(
    name: str, zoo: Path, quick_caffe: QuickCaffe, tmp_path: Path
) -> None:
    model = open_pair(zoo, NETS[name], name)
    done = thin(model, ThinSpec(budget=HALF), quick_caffe, tmp_path)
    assert done, done.reasons
    assert done.effect is not None
    assert not done.effect.reasons
    assert done.effect.passed is None, "random inputs say nothing of what is left of a net"
    before, after = done.costs
    assert after.macs <= 0.5 * before.macs
    assert done.sizes[1] < done.sizes[0]
    for edit in (edit for edit in done.plan.edits if edit.method == "thin"):
        assert edit.predicted.channels.after == len(edit.options["keep"])
    assert load(*done.files[:2]).network().inputs == model.network().inputs


@pytest.mark.parametrize("compensate", ["none", "channels", "refit"])
def test_every_way_to_compensate_is_proved(
    compensate: str, zoo: Path, quick_caffe: QuickCaffe, tmp_path: Path
) -> None:
    model = open_pair(zoo, NETS["mtcnn_det1"], "mtcnn_det1")
    done = thin(model, ThinSpec(budget=HALF, compensate=compensate), quick_caffe, tmp_path)
    assert done, done.reasons


def test_a_net_with_nothing_to_cut_says_so(zoo: Path) -> None:
    files = ("layer_convolution.prototxt", "layer_convolution.caffemodel")
    model = open_pair(zoo, files, "opencv_layer_tests")
    with pytest.raises(PlanError, match=r"the budget cannot be met: 1\.000 of the MACs"):
        plan_thin(model, ThinSpec(budget=HALF))
