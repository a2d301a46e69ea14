"""What leads to values of a net, and what they lead to."""

from __future__ import annotations

from typing import Iterable

from netsurgery.formats import Prototxt
from netsurgery.network import Layer, Network, layers_behind, layers_to, reached_by

FORKED = """
input: "data" input_shape { dim: 1 dim: 3 }
layer { name: "first" type: "AbsVal" bottom: "data" top: "first" }
layer { name: "again" type: "ReLU" bottom: "first" top: "first" }
layer { name: "left" type: "TanH" bottom: "first" top: "left" }
layer { name: "right" type: "Sigmoid" bottom: "data" top: "right" }
layer { name: "both" type: "Eltwise" bottom: "left" bottom: "right" top: "both" }
"""


def names(layers: Iterable[Layer]) -> list[str]:
    return [layer.name for layer in layers]


def test_layers_lead_to_a_value_and_read_it_in_the_order_of_the_net() -> None:
    network = Network.of(Prototxt.parse(FORKED.encode()))
    left, right = network.last("left"), network.last("right")
    made = network.find("first")[0].tops[0]
    assert names(layers_to(network, [left])) == ["first", "again", "left"]
    assert names(layers_to(network, [right])) == ["right"]
    assert names(layers_to(network, [left, right])) == ["first", "again", "left", "right"]
    assert names(layers_to(network, [made])) == ["first"]
    assert names(layers_behind(network, [made])) == ["again", "left", "both"]
    assert names(layers_behind(network, [right])) == ["both"]
    assert layers_to(network, []) == layers_behind(network, []) == []


def test_values_depend_on_what_leads_to_them_and_on_themselves() -> None:
    network = Network.of(Prototxt.parse(FORKED.encode()))
    data, right, both = (network.last(blob) for blob in ("data", "right", "both"))
    assert reached_by(network, [right]) == {data, right}
    assert reached_by(network, [both]) == set(network.values)
