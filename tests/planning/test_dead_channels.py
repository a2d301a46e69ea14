"""Dead channels go, all of them, and the outputs stay what they were in real Caffe."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Sequence, Set

import pytest
from channel_choices import with_random_weights
from channel_nets import channel_nets, line
from hypothesis import HealthCheck, given, settings, strategies as st
from small_models import make_model

import netsurgery as ns
from netsurgery.engine import engine
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.network.channels import channel_groups
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.planning.dead_channels import plan_dead_channels
from netsurgery.progress import Progress

QUIET = {"suppress_health_check": list(HealthCheck)}
INPUT = line("Input", "x", [], ["x"], "input_param { shape { dim: 2 dim: 3 dim: 7 dim: 7 } }")
CONVOLUTION = "convolution_param { kernel_size: 3 %s }"
UNREAD, NEGATIVE, POSITIVE = "unread", "negative", "positive"


def chain(pad: int = 0, bias: str = "") -> str:
    """Two convolutions and two products, with a ReLU behind each but the last."""
    text = INPUT
    second = f"num_output: 8 kernel_size: 3 pad: {pad} {bias}"
    for number, (kind, body) in enumerate(
        [
            ("Convolution", "convolution_param { num_output: 8 kernel_size: 3 }"),
            ("Convolution", f"convolution_param {{ {second} }}"),
            ("InnerProduct", "inner_product_param { num_output: 10 }"),
            ("InnerProduct", "inner_product_param { num_output: 3 }"),
        ]
    ):
        bottom = f"l{number - 1}" if number else "x"
        text += line(kind, f"l{number}", [bottom], [f"l{number}"], body)
        if number < 3:
            text += line("ReLU", f"r{number}", [f"l{number}"], [f"l{number}"])
    return text


def plant(text: str, request: Dict[str, Dict[str, Sequence[int]]]) -> Model:
    """The chain with random weights, of which layers have dead channels of these kinds."""
    model = with_random_weights(text)
    blobs = {
        layer.name: [blob.array().copy() for blob in layer.blobs] for layer in model.weights.layers
    }
    for name, kinds in request.items():
        weights, biases = blobs[name]
        for kind, channels in kinds.items():
            reader = blobs[f"l{int(name[1]) + 1}"][0]
            for channel in channels:
                if kind == UNREAD:
                    by_channel = reader.reshape(len(reader), len(weights), -1)
                    by_channel[:, channel] = 0
                else:
                    weights[channel] = 0
                    biases[channel] = 1.5 if kind == POSITIVE else -1.5
    return make_model(text, blobs)


def gone(plan: Plan) -> Dict[str, List[int]]:
    found = {}
    for edit in plan.edits:
        assert edit.layer not in found, "one edit a group"
        before = edit.predicted.channels.before
        found[edit.layer] = sorted(set(range(before)) - set(edit.options["keep"]))
    return found


def left(plan: Plan) -> Dict[str, str]:
    return {one.layer: one.reason for one in plan.skipped}


def check_equal(model: Model, plan: Plan) -> Model:
    """The model that the plan makes; it must give the same outputs in real Caffe."""
    thin = ns.apply(model, plan)
    done = ns.verify(model, thin, ns.VerifyRequest(expect="exact", engine="caffe", count=4))
    assert done, (done.reasons, model.prototxt.data.decode())
    return thin


@pytest.mark.parametrize("pad", [0, 1])
@settings(max_examples=3, **QUIET)
@given(data=st.data())
def test_all_that_was_planted_goes_and_nothing_else(caffe, pad, data):
    request = {}
    for name, channels in (("l0", 8), ("l1", 8), ("l2", 10)):
        some = data.draw(st.permutations(range(channels)))[: data.draw(st.integers(0, 6))]
        request[name] = {UNREAD: some[::3], NEGATIVE: some[1::3], POSITIVE: some[2::3]}
    model = plant(chain(pad), request)
    plan = plan_dead_channels(model)
    expected: Dict[str, Set[int]] = {}
    for name, kinds in request.items():
        folds = not (pad and name == "l0")
        expected[name] = {*kinds[UNREAD], *kinds[NEGATIVE], *(kinds[POSITIVE] if folds else ())}
    assert {name: set(some) for name, some in gone(plan).items()} == {
        name: some for name, some in expected.items() if some
    }
    assert not plan_dead_channels(check_equal(model, plan)).edits


def test_a_constant_before_a_padded_convolution_stays_and_the_plan_says_so():
    plan = plan_dead_channels(plant(chain(pad=1), {"l0": {POSITIVE: [2, 5]}}))
    assert not plan.edits
    assert "2 constant channels stay: l1 (Convolution) meets zeros" in left(plan)["l0"]


def test_a_constant_stays_where_its_reader_has_no_bias():
    text = chain(bias="bias_term: false")
    model = plant(text, {"l0": {POSITIVE: [2], NEGATIVE: [3]}})
    plan = plan_dead_channels(model)
    assert gone(plan) == {"l0": [3]}
    assert "1 constant channels stay: l1 (Convolution) has no bias" in left(plan)["l0"]


def test_what_only_dead_channels_read_is_dead_too(caffe):
    model = plant(chain(), {"l2": {UNREAD: range(9)}})
    weights = {
        layer.name: [b.array().copy() for b in layer.blobs] for layer in model.weights.layers
    }
    weights["l2"][0].reshape(10, 8, -1)[9, :4] = 0
    plan = plan_dead_channels(model := make_model(chain(), weights))
    assert gone(plan) == {"l1": [0, 1, 2, 3], "l2": list(range(9))}
    check_equal(model, plan)


def test_one_channel_stays_of_a_layer_that_is_dead_altogether(caffe):
    model = plant(chain(), {"l1": {NEGATIVE: range(8)}})
    plan = plan_dead_channels(model)
    assert gone(plan) == {
        "l0": list(range(1, 8)),
        "l1": list(range(1, 8)),
        "l2": list(range(1, 10)),
    }
    assert "1 dead channels stay: a blob keeps one" in left(plan)["l1"]
    check_equal(model, plan)


def test_groups_of_a_convolution_lose_as_many_each(caffe):
    text = INPUT + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8")
    text += line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 4 group: 2")
    model = with_random_weights(text)
    blobs = {layer.name: [b.array().copy() for b in layer.blobs] for layer in model.weights.layers}
    blobs["a"][0][[0, 1, 2, 6]] = 0
    plan = plan_dead_channels(model := make_model(text, blobs))
    assert len(gone(plan)["a"]) == 2
    assert 6 in gone(plan)["a"]
    assert "2 dead channels stay: the groups of a convolution" in left(plan)["a"]
    check_equal(model, plan)


def test_a_factor_of_zero_before_the_readers_is_enough(caffe):
    """Network slimming (Liu et al. 2017) leaves factors of zero behind a BatchNorm."""
    text = INPUT + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 6")
    text += line("BatchNorm", "n", ["a"], ["a"])
    text += line("Scale", "s", ["a"], ["a"], "scale_param { bias_term: true }")
    text += line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 4")
    model = with_random_weights(text)
    blobs = {layer.name: [b.array().copy() for b in layer.blobs] for layer in model.weights.layers}
    blobs["s"][0][[1, 4]] = 0
    plan = plan_dead_channels(model := make_model(text, blobs))
    assert gone(plan) == {"a": [1, 4]}
    check_equal(model, plan)


@settings(max_examples=30, **QUIET)
@given(text=channel_nets())
def test_where_nothing_was_planted_there_is_nothing_to_cut(text):
    model = with_random_weights(text)
    plan = plan_dead_channels(model)
    assert not plan.edits
    assert [one.layer for one in plan.skipped] == [group.name for group in channel_groups(model)]


def test_a_real_net_pruned_by_masks(zoo: Path, caffe: str, tmp_path: Path) -> None:
    folder = zoo / "dns_lenet5"
    model = load(folder / "deploy_derived.prototxt", folder / "caffe_lenet5_sparse.caffemodel")
    plan = plan_dead_channels(model)
    kept = {edit.layer: len(edit.options["keep"]) for edit in plan.edits}
    assert kept == {"ip1": 57, "conv2": 19, "conv1": 8}
    done = write_proved(model, plan, tmp_path / "out", Proof(engine=engine(caffe)))
    assert done, done.reasons
    assert ns.verify(model, load(*done.files[:2]), ns.VerifyRequest(expect="exact", engine="caffe"))
    assert done.sizes[1] < 0.1 * done.sizes[0]


def test_channels_that_died_in_a_net_nobody_thinned(zoo: Path, caffe: str) -> None:
    folder = zoo / "squeezenet_v1.0_deepcompression"
    model = load(folder / "deploy.prototxt", folder / "squeezenet_v1.0_decoded.caffemodel")
    plan = plan_dead_channels(model)
    assert gone(plan) == {"fire7/conv1x1_2": [19]}
    check_equal(model, plan)


def test_channels_that_a_softmax_reads_stay(zoo: Path, caffe: str) -> None:
    folder = zoo / "dns_lenet300100"
    sparse = folder / "caffe_lenet300100_sparse.caffemodel"
    model = load(folder / "deploy_derived.prototxt", sparse)
    plan = plan_dead_channels(model)
    assert {edit.layer: len(edit.options["keep"]) for edit in plan.edits} == {"ip1": 62}
    assert left(plan)["ip2"] == "prob (Softmax) normalises across them"
    check_equal(model, plan)


def test_progress_names_the_groups():
    seen: List[str] = []
    told = Progress(lambda event: seen.append(str(event)))
    plan_dead_channels(with_random_weights(chain()), told)
    names = ["l3", "l2", "l1", "l0", "x"]
    assert seen == [
        f"dead channels, {name}, {place} of 5 groups" for place, name in enumerate(names, 1)
    ]
