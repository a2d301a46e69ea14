"""A net without channels computes what it computes with zeros in their place: the proof."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Set

import numpy as np
from channel_choices import random_keep, with_random_weights
from channel_nets import channel_nets, with_readers
from hypothesis import HealthCheck, given, reject, settings
from net_strategies import nets
from zoo_index import pairs

from netsurgery.errors import NetworkError
from netsurgery.network.channels import channel_groups, masked, thin_model
from netsurgery.network.model import Model, load
from netsurgery.network.parameters import blob_shapes

# Sums of a few thousand float32 products, in another order, through some twenty layers.
NOISE = 1e-4


def run(ask_caffe, model: Model, folder: Path) -> Dict[str, np.ndarray]:
    """The outputs of a model in real Caffe, for inputs that depend on their shapes alone."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "net.prototxt", folder / "net.caffemodel")
    answer = ask_caffe(
        folder / "net.prototxt", weights=folder / "net.caffemodel", forward=7, keep=folder
    )
    assert "error" not in answer, (answer, model.prototxt.data.decode())
    names = [name for name, _ in answer["blobs"]]
    return {name: np.load(folder / f"{names.index(name)}.npy") for name in answer["outputs"]}


def check(ask_caffe, model: Model, folder: Path, seed: int = 0) -> int:
    """Compare the thinned and the masked model; the number of channels that went."""
    groups = channel_groups(model)
    keep = random_keep(groups, seed)
    counts = {group.name: group.channels for group in groups}
    gone = sum(counts[name] - len(kept) for name, kept in keep.items())
    thin = thin_model(model, groups, keep)
    blob_shapes(thin.network())
    if model.weights is None or not gone:
        return gone
    expected = run(ask_caffe, masked(model, groups, keep), folder / "masked")
    found = run(ask_caffe, thin, folder / "thin")
    assert expected.keys() == found.keys()
    foreign = behind_embed(model)
    for name, array in expected.items():
        if name not in foreign and np.isfinite(array).all():
            limit = NOISE * max(np.abs(array).max(initial=0), 1e-3)
            np.testing.assert_allclose(found[name], array, rtol=0, atol=limit)
    return gone


def behind_embed(model: Model) -> Set[str]:
    """The blobs that an Embed leads to.

    Caffe looks up whatever row it is asked for, in memory that is not its own too.
    """
    found: Set[str] = set()
    for layer in model.network().layers:
        read = {value.blob for value in layer.bottoms}
        if layer.type == "Embed" or not found.isdisjoint(read):
            found.update(value.blob for value in layer.tops)
    return found


def test_real_nets_without_channels(ask_caffe, zoo, tmp_path):
    checked = 0
    first = {pair.prototxt.parent: pair for pair in reversed([*pairs(zoo)]) if pair.caffe}
    for number, pair in enumerate(first.values()):
        model = load(pair.prototxt, pair.weights)
        if not model.network().inputs:
            continue
        gone = check(ask_caffe, model, tmp_path, number)
        unit = pair.prototxt.parent.name == "opencv_layer_tests"
        assert gone or unit, pair
        checked += 1
    assert checked > 20


QUIET = {"suppress_health_check": list(HealthCheck)}


@settings(max_examples=200, **QUIET)
@given(text=channel_nets())
def test_random_nets_without_channels(ask_caffe, tmp_path_factory, text):
    check(ask_caffe, with_random_weights(text), tmp_path_factory.getbasetemp() / "random")


@settings(max_examples=100, **QUIET)
@given(text=nets(most_layers=4))
def test_nets_of_any_layers_without_channels(ask_caffe, tmp_path_factory, text):
    try:
        text = with_readers(text)
        model = with_random_weights(text)
    except NetworkError:
        reject()
    check(ask_caffe, model, tmp_path_factory.getbasetemp() / "any")
