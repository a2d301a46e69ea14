"""A thinned net is its twin to float noise; what stands in for a channel is as good as can be."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Set

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import random_keep, with_random_weights
from channel_nets import CONVOLUTION, channel_nets, line
from hypothesis import HealthCheck, given, settings, strategies as st
from thin_nets import FIRST, NETS, ErrorObserver, group_of, net_with_twins

from netsurgery.calibration import Inputs, random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.errors import NetsurgeryError, PlanError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import Blob, LayerWeights
from netsurgery.layers import Layer, Value
from netsurgery.methods import Edit, reconstruction, thin as thin_module
from netsurgery.network.channels import ChannelGroup, channel_groups
from netsurgery.network.graph import Network
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate
from netsurgery.verification import verify

QUIET: Dict[str, Any] = {"suppress_health_check": list(HealthCheck)}
KINDS = ("none", "channels", "patches")


def thin(model: Model, keep: dict, kind: str, calibrator: Any = None) -> Surgery:
    edits = [
        Edit(name, "thin", {"keep": list(channels), "compensate": kind})
        for name, channels in keep.items()
    ]
    return operate(model, Plan(tuple(edits)), calibrator)


def prove(surgery: Surgery, inputs: Inputs, engine: Any) -> None:
    proof = verify(
        surgery.twin(),
        surgery.model,
        expect="exact",
        blobs="common",
        kept=surgery.kept(),
        inputs=inputs,
        engine=engine,
    )
    assert proof, (proof.reasons, surgery.original.prototxt.data.decode())
    measured = surgery.errors(surgery.twin())
    for name, expected in surgery.predicted_errors().items():
        assert measured[name] == pytest.approx(expected, rel=1e-3, abs=1e-5)


@settings(max_examples=15, **QUIET)
@given(text=channel_nets(), kind=st.sampled_from(KINDS), seed=st.integers(0, 99))
def test_a_random_net_is_its_twin(quick_caffe, text, kind, seed) -> None:
    model = with_random_weights(text, seed)
    inputs = random_inputs(model.network(), 6, seed)
    keep = random_keep(channel_groups(model), seed)
    prove(thin(model, keep, kind, Calibrator(inputs, quick_caffe)), inputs, quick_caffe)


@settings(max_examples=10, **QUIET)
@given(text=channel_nets(), seed=st.integers(0, 99))
def test_who_keeps_all_changes_nothing(quick_caffe, text, seed) -> None:
    model = with_random_weights(text, seed)
    keep = {group.name: range(group.channels) for group in channel_groups(model)}
    surgery = thin(model, keep, "none")
    assert surgery.model.prototxt.data == model.prototxt.data
    for layer in model.weights.layers if model.weights else ():
        for old, new in zip(layer.blobs, surgery.model.blobs(layer.name)):
            np.testing.assert_array_equal(old.array(), new.array())


def reader_errors(
    model: Model, group: ChannelGroup, keep: List[int], calibrator: Calibrator
) -> Dict[str, float]:
    """For each kind of compensation, the squared error of what the group's readers make."""
    found = {}
    for kind in KINDS:
        surgery = thin(model, {group.name: keep}, kind, calibrator)
        readers = [layer.name for layer in group.consumers]
        observer = ErrorObserver(model, readers, surgery.kept())
        calibrator.run([model, surgery.model], [observer])
        found[kind] = observer.error
    return found


def stand_apart(network: Network, readers: Sequence[Layer]) -> bool:
    """Whether no reader stands behind another, as in squeeze and excitation.

    All are fitted to the net as it was: what is behind a fitted one gets other inputs than that.
    """
    behind: Set[Value] = set()
    for layer in network.layers:
        follows = not behind.isdisjoint(layer.bottoms)
        if follows and layer in readers:
            return False
        if follows or layer in readers:
            behind.update(layer.tops)
    return True


@settings(max_examples=12, **QUIET)
@given(text=channel_nets(most_layers=4), seed=st.integers(0, 99))
def test_nothing_is_better_than_windows(quick_caffe, text, seed) -> None:
    model = with_random_weights(text, seed)
    inputs = random_inputs(model.network(), 20, seed)
    groups = {group.name: group for group in channel_groups(model)}
    shared = {l.name for g in model.network().shared_parameters for l, _ in g.members}
    keep = random_keep([*groups.values()], seed)
    with pytest.MonkeyPatch.context() as patch:
        # The ridge holds weights to where they were, which on these inputs costs something.
        patch.setattr(reconstruction, "ridge_for", lambda width, rows: 1e-8)
        calibrator = Calibrator(inputs, quick_caffe, places=10**6)
        for name, channels in keep.items():
            readers = groups[name].consumers
            fitted = all(
                layer.type in ("Convolution", "InnerProduct") and layer.name not in shared
                for layer in readers
            )
            fitted = fitted and stand_apart(model.network(), readers)
            if fitted and len(channels) < groups[name].channels:
                errors = reader_errors(model, groups[name], channels, calibrator)
                # Float32 sums of squares, and the ridge.
                slack = 1e-4 * errors["none"] + 1e-8
                assert errors["patches"] <= errors["channels"] + slack, (name, errors)
                assert errors["patches"] <= errors["none"] + slack, (name, errors)


@pytest.mark.parametrize("name", NETS)
def test_what_others_say_already_is_not_missed(quick_caffe, monkeypatch, name) -> None:
    model, keep = net_with_twins(name)
    inputs = random_inputs(model.network(), 10, 0)
    # Of what depends on each other exactly, nothing needs holding.
    monkeypatch.setattr(reconstruction, "ridge_for", lambda width, rows: 1e-9)
    calibrator = Calibrator(inputs, quick_caffe)
    outputs = [value.blob for value in model.network().outputs]
    for kind in KINDS:
        surgery = thin(model, {"c": keep}, kind, calibrator)
        observer = ErrorObserver(model, outputs, {})
        calibrator.run([model, surgery.model], [observer])
        # 1e-9 of the mean square moves weights by a share of 1e-9 times the condition, 1e4 here.
        assert observer.relative > 1e-2 if kind == "none" else observer.relative < 1e-4, kind
        prove(surgery, inputs, quick_caffe)


def constant_channel(reader: str) -> Model:
    """Channel 5 is 0.7 wherever it is looked at."""
    text = FIRST + line("Convolution", "d", ["c"], ["d"], CONVOLUTION % reader)
    model = with_random_weights(text, 2)
    weights, bias = (blob.array().copy() for blob in model.blobs("c"))
    weights[5], bias[5] = 0.0, 0.7
    old = model.blobs("c")
    blobs = (old[0].filled(weights), old[1].filled(bias))
    assert model.weights is not None
    changed = {"c": [LayerWeights("c", "Convolution", blobs)]}
    return Model(model.prototxt, model.weights.replace(changed))


@pytest.mark.parametrize("kind", ["channels", "patches"])
def test_a_constant_goes_into_the_bias_where_nothing_is_padded(quick_caffe, kind) -> None:
    model = constant_channel("num_output: 4")
    calibrator = Calibrator(random_inputs(model.network(), 10, 0), quick_caffe)
    surgery = thin(model, {"c": [0, 1, 2, 3, 4, 6, 7]}, kind, calibrator)
    weights, bias = (blob.array() for blob in model.blobs("d"))
    fitted, shifted = (blob.array() for blob in surgery.model.blobs("d"))
    expected = bias + 0.7 * weights[:, 5].sum(axis=(1, 2))
    np.testing.assert_allclose(shifted, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(fitted, np.delete(weights, 5, axis=1), rtol=1e-4, atol=1e-4)


def test_padding_gets_no_constant(quick_caffe) -> None:
    model = constant_channel("num_output: 4 pad: 1")
    calibrator = Calibrator(random_inputs(model.network(), 10, 0), quick_caffe)
    surgery = thin(model, {"c": [0, 1, 2, 3, 4, 6, 7]}, "channels", calibrator)
    np.testing.assert_array_equal(model.blobs("d")[1].array(), surgery.model.blobs("d")[1].array())


@pytest.mark.parametrize(
    ("folder", "prototxt", "weights"),
    [
        ("cifar10_quick_h5", "deploy.prototxt", "*.h5"),
        ("lenet_everpeace", "deploy.prototxt", "*.caffemodel"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_old_and_hdf5_weights(zoo, quick_caffe, folder, prototxt, weights, kind) -> None:
    (file,) = (zoo / folder).glob(weights)
    model = load(zoo / folder / prototxt, file)
    inputs = random_inputs(model.network(), 20, 0)
    keep = random_keep(channel_groups(model), 0)
    assert len(keep) >= 3
    surgery = thin(model, keep, kind, Calibrator(inputs, quick_caffe))
    prove(surgery, inputs, quick_caffe)
    assert surgery.model.weights
    assert model.weights
    assert surgery.model.weights.format == model.weights.format
    for name in keep:
        for old, new in zip(model.blobs(name), surgery.model.blobs(name)):
            assert (len(old.shape), old.legacy) == (len(new.shape), new.legacy)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "keep None is not a list of channels"),
        ({"keep": "0, 1"}, "keep '0, 1' is not a list"),
        ({"keep": [0.5]}, r"keep \[0.5\] is not a list"),
        ({"keep": [0, 99]}, "not numbers from 0 to 7"),
        ({"keep": []}, "no channel would be left"),
        ({"keep": [0], "compensate": "magic"}, "'magic' is not one of none, channels, patches"),
        ({"keep": [0], "compensate": "patches"}, "needs inputs.*`calibrate`"),
        ({"keep": [0], "rank": 3}, "has no option 'rank'"),
    ],
)
def test_wrong_options_are_told_in_a_line(options, problem) -> None:
    model = with_random_weights(NETS["padded"][0])
    with pytest.raises(PlanError, match=problem) as caught:
        operate(model, Plan((Edit("c", "thin", options),)))
    assert "'c'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layer_that_is_not_there_is_told() -> None:
    model = with_random_weights(NETS["padded"][0])
    with pytest.raises(PlanError, match=r"no group of channels of that name.*the groups"):
        thin(model, {"nothing": [0]}, "none")
    with pytest.raises(PlanError, match="must stay: o is an output"):
        thin(model, {"o": [0]}, "none")


def test_inputs_that_say_nothing_leave_the_weights_alone(quick_caffe) -> None:
    model = with_random_weights(NETS["inner product"][0])
    inputs = Inputs({"x": np.zeros((1, 3, 7, 7), np.float32)})
    group = group_of(model, "c")
    keep = list(range(group.channels - 1))
    for kind in KINDS:
        surgery = thin(model, {"c": keep}, kind, Calibrator(inputs, quick_caffe))
        assert all(np.isfinite(b.array()).all() for b in surgery.model.blobs("o"))


def test_numbers_that_are_none_are_told(quick_caffe) -> None:
    model = with_random_weights(NETS["inner product"][0])
    inputs = {"x": np.full((2, 3, 7, 7), np.nan, np.float32)}
    with pytest.raises(NetsurgeryError, match="NaN"):
        thin(model, {"c": [0, 1]}, "patches", Calibrator(Inputs(inputs), quick_caffe))
    # Inputs may be fine where what the net makes of them is not.
    assert model.weights is not None
    weights = [np.full_like(blob.array(), np.nan) for blob in model.blobs("c")]
    spoilt = LayerWeights("c", "Convolution", tuple(Blob.of(array) for array in weights))
    model = Model(model.prototxt, model.weights.replace({"c": [spoilt]}))
    inputs = {"x": np.ones((2, 3, 7, 7), np.float32)}
    with pytest.raises(PlanError, match="NaN"):
        thin(model, {"c": [0, 1]}, "patches", Calibrator(Inputs(inputs), quick_caffe))


def test_many_edits_take_one_look_at_the_whole_net(monkeypatch) -> None:
    """Many layers and an edit for each: twice the net must not be four times the work."""
    names = ["x", *(f"c{number}" for number in range(12))]
    text = declared("x", 1, 3, 6, 6) + "".join(
        line("Convolution", after, [before], [after], CONVOLUTION % "num_output: 4 pad: 1")
        for before, after in zip(names, names[1:])
    )
    model = with_random_weights(text)
    keep = {group.name: [0, 2] for group in channel_groups(model) if not group.blocked}
    assert len(keep) == 11
    looks: Dict[str, int] = {"groups": 0, "parsed": 0, "built": 0}
    plain = thin_module.channel_groups, Prototxt.parse, Network.of

    def counted(name: str, function: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            found = function(*args, **more)
            looks[name] += not isinstance(found, Prototxt) or len(found.layers) > 1
            return found

        return call

    monkeypatch.setattr(thin_module, "channel_groups", counted("groups", plain[0]))
    monkeypatch.setattr(Prototxt, "parse", counted("parsed", plain[1]))
    monkeypatch.setattr(Network, "of", counted("built", plain[2]))
    surgery = thin(model, keep, "none")
    surgery.twin()
    assert looks["groups"] == 1
    assert looks["parsed"] == 1
    assert looks["built"] <= 3
