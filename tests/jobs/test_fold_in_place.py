"""Folds among layers that compute in place are proved, whatever the blobs are called afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from calibration_nets import declared
from hypothesis import given, settings, strategies as st
from small_models import make_model

from netsurgery.engine import engine
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.network.model import Model
from netsurgery.planning.fold import plan_folds
from netsurgery.verification import verify

CHANNELS = 4
KINDS = {
    "conv": "convolution_param { num_output: 4 kernel_size: 1 }",
    "wide": "convolution_param { num_output: 4 kernel_size: 3 pad: 1 }",
    "norm": "",
    "scale": "scale_param { bias_term: true }",
    "bias": "",
    "relu": "",
    "pool": "pooling_param { kernel_size: 2 stride: 1 }",
}
TYPES = {
    "conv": "Convolution",
    "wide": "Convolution",
    "norm": "BatchNorm",
    "scale": "Scale",
    "bias": "Bias",
    "relu": "ReLU",
    "pool": "Pooling",
}
IN_PLACE = ("norm", "scale", "bias", "relu")
Links = list[tuple[str, bool]]


def drawn_blobs(kind: str, random: np.random.Generator) -> list[np.ndarray]:
    size = 3 if kind == "wide" else 1
    return {
        "conv": lambda: [random.normal(size=(4, 4, size, size)), random.normal(size=4)],
        "wide": lambda: [random.normal(size=(4, 4, size, size)) / 3, random.normal(size=4)],
        "norm": lambda: [random.normal(size=4), random.uniform(0.5, 2, 4), np.ones(1)],
        "scale": lambda: [random.uniform(0.5, 2, 4), random.normal(size=4)],
        "bias": lambda: [random.normal(size=4)],
    }.get(kind, list)()


def chain_of(links: Links, seed: int) -> Model:
    """A net of these layers in a row; the flag says which work in place where they can."""
    random = np.random.default_rng(seed)
    text, blob = declared("data", 1, CHANNELS, 8, 8), "data"
    blobs = {}
    for number, (kind, in_place) in enumerate([*links, ("conv", False)]):
        name = f"l{number}"
        top = blob if in_place and kind in IN_PLACE and blob != "data" else f"b{number}"
        text += f'layer {{ name: "{name}" type: "{TYPES[kind]}" bottom: "{blob}" top: "{top}" '
        text += f"{KINDS[kind]} }}\n"
        drawn = drawn_blobs(kind, random)
        if drawn:
            blobs[name] = drawn
        blob = top
    return make_model(text, blobs)


RUN_BY_OPENCV = [kind for kind in KINDS if kind != "bias"]
links = st.lists(st.tuples(st.sampled_from(RUN_BY_OPENCV), st.booleans()), min_size=1, max_size=9)


@given(links, st.integers(0, 1000))
@settings(max_examples=5)
def test_folds_of_any_chain_are_proved(links: Links, seed: int) -> None:
    model = chain_of(links, seed)
    plan = plan_folds(model)
    with tempfile.TemporaryDirectory() as folder:
        done = write_proved(
            model, plan, Path(folder) / "out", Proof(engine=engine("opencv"), count=3)
        )
    assert done, done.reasons
    found = verify(model, done.surgery.model, engine="opencv", expect="exact", blobs="common")
    assert found, found.reasons


@pytest.mark.parametrize(
    ("kinds", "folded"),
    [
        ("pool norm scale", 2),  # forward, behind a pooling
        ("conv relu norm scale", 2),  # forward, behind a ReLU in place on the same blob
        ("conv norm scale relu", 2),  # backward: what was the third version is now the first
        ("conv norm relu scale", 2),  # one backward, one forward, on one blob
        ("relu norm relu bias", 1),
    ],
)
def test_each_way_of_folding_in_place(kinds: str, folded: int, caffe: str, tmp_path: Path) -> None:
    model = chain_of([(kind, True) for kind in kinds.split()], 1)
    plan = plan_folds(model)
    done = write_proved(model, plan, tmp_path / "out", Proof(engine=engine("caffe"), count=3))
    assert done, done.reasons
    before, after = (len(each.network().layers) for each in (model, done.surgery.model))
    assert before - after == folded
    # Every value of the new net but its input is compared with where it stood.
    assert len(done.equality.blobs) == len(done.surgery.model.network().values) - 1
