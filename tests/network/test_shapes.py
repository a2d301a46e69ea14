from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest
from hypothesis import HealthCheck, given, seed, settings
from net_strategies import nets
from special_nets import ACCEPTED, REFUSED

from netsurgery.errors import NetworkError
from netsurgery.network.graph import Network
from netsurgery.network.shapes import infer_shapes, parameter_shapes


def blob_shapes(network: Network, **arguments: Any) -> Dict[str, Optional[List[int]]]:
    """What every blob's last value is shaped like, as pycaffe would list it."""
    shapes = infer_shapes(network, **arguments)
    last = {value.blob: shapes[value] for value in network.values}
    return {blob: None if shape is None else list(shape) for blob, shape in last.items()}


def blobs_of_layers(network: Network, **arguments: Any) -> Dict[str, List[List[int]]]:
    """What Caffe's ``net.params`` would hold."""
    shapes = infer_shapes(network, **arguments)
    found = {}
    for layer in network.layers:
        blobs = parameter_shapes(layer, [shapes[value] for value in layer.bottoms])
        assert blobs is not None
        if blobs:
            found[layer.name] = [list(blob) for blob in blobs]
    return found


@seed(2)
@settings(
    max_examples=400,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=nets())
def test_random_nets_are_shaped_or_refused_as_by_caffe(ask_caffe, parse, text):
    caffe = ask_caffe(text, forward=1)
    if "error" in caffe:
        try:
            found = infer_shapes(parse(text))
        except NetworkError:
            return
        # Toolchains that spread an Eltwise are followed; the doctor tells that Caffe is not one.
        layers = parse(text).layers
        assert any(
            one.layer_type.spreads(one, [found[value] for value in one.bottoms]) for one in layers
        )
        return
    network = parse(text)
    shapes = blob_shapes(network)
    assert {name: shapes[name] for name, _ in caffe["blobs"] if name in shapes} == {
        name: shape for name, shape in caffe["blobs"] if name in shapes
    }
    assert blobs_of_layers(network) == caffe["params"]


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_special_nets_are_shaped_as_by_caffe(ask_caffe, parse, name):
    caffe = ask_caffe(ACCEPTED[name])
    assert "error" not in caffe, caffe
    network = parse(ACCEPTED[name])
    shapes = blob_shapes(network)
    real = {blob: shape for blob, shape in caffe["blobs"] if blob in shapes}
    assert real == shapes
    assert blobs_of_layers(network) == caffe["params"]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_caffe_refuses_is_refused_with_numbers(ask_caffe, parse, name):
    assert "error" in ask_caffe(REFUSED[name], forward=1)
    with pytest.raises(NetworkError) as refusal:
        infer_shapes(parse(REFUSED[name]))
    assert refusal.value.layer == "it"
    assert refusal.value.line is not None
