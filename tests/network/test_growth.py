"""What is done to a net grows as the net does: counted in operations of Python, not in time."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Callable

import numpy as np
import pytest
from growing_nets import growing_model, growing_text
from small_models import make_model

from netsurgery.formats import Blob, LayerWeights, Weights
from netsurgery.jobs.inspection import InspectRequest, inspect
from netsurgery.methods.coupled import coupled_layers, loaded_blobs
from netsurgery.network.channels.groups import channel_groups
from netsurgery.network.doctor.checked_model import CheckedModel
from netsurgery.network.doctor.examination import examine
from netsurgery.network.doctor.fit import find_misfits
from netsurgery.network.doctor.weights_checks import missing_weights, repeated_weights
from netsurgery.network.inplace import take_apart
from netsurgery.network.model import Model
from netsurgery.network.section import cut_section
from netsurgery.network.shapes import infer_shapes

# Twice the net, twice the work, but for what every net costs. A loop over all layers within one
# over all layers would come to four times.
MOST = 2.1


def operations(work: Callable[[], object]) -> int:
    """How many operations of Python some work takes."""
    count = 0

    def traced(frame: object, event: str, argument: object) -> object:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def couple(model: Model) -> None:
    for layer in model.network().layers:
        if model.blobs(layer.name):
            loaded_blobs(model, [one.name for one in coupled_layers(model, layer.name)])


def section(model: Model) -> None:
    network = take_apart(model.network()).prototxt and model.network()
    shapes = infer_shapes(network)
    known = {value: shapes[value] or () for value in network.inputs}
    cut_section(network, known, network.outputs)


class CountedName(str):
    """A name that counts how often any of its kind is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedName.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_layers_that_are_saved_twice_are_found_in_one_pass() -> None:
    names = [CountedName(f"layer{number % 100}") for number in range(101)]
    blobs = (Blob.of(np.zeros(1)),)
    weights = Weights.of([LayerWeights(name, "ReLU", blobs) for name in names])
    checked = CheckedModel(make_model(growing_text(1), {}), "TEST")
    checked.weights = weights
    CountedName.compared = 0
    (finding,) = repeated_weights(checked)
    assert (finding.layer, finding.severity) == ("layer0", "warning")
    assert CountedName.compared < 5 * len(names)


def test_layers_of_other_names_are_found_without_a_look_at_all(monkeypatch) -> None:
    model = growing_model(16)
    weights = Weights.of(
        [LayerWeights(f"{one.name}_old", one.type, one.blobs) for one in model.weights.layers]
    )
    compared = []
    own = Blob.fits
    monkeypatch.setattr(Blob, "fits", lambda blob, shape: compared.append(1) or own(blob, shape))
    found = list(missing_weights(CheckedModel(replace(model, weights=weights), "TEST")))
    assert len(found) == len(weights.layers)
    assert all("_old" in finding.remedy for finding in found)
    assert len(compared) <= 3 * len(found)  # a BatchNorm has three blobs


WORK = {
    "graph and shapes": lambda model: infer_shapes(model.network()),
    "doctor": examine,
    "inspect": lambda model: inspect(model, InspectRequest(spectra=False)),
    "channels": channel_groups,
    "misfits": find_misfits,
    "coupled": couple,
    "section": section,
}


@pytest.mark.parametrize("work", WORK)
def test_work_grows_as_the_net_does(work: str) -> None:
    WORK[work](growing_model(2))  # what is imported or built once
    counts = [operations(partial(WORK[work], model)) for model in map(growing_model, (8, 16, 32))]
    few, some, many = counts
    assert many - some <= MOST * (some - few), counts
