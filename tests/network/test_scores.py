"""What two nets are compared by: outputs, before they are squashed or chosen from."""

from __future__ import annotations

import pytest

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network
from netsurgery.network.scores import compared_outputs, score_values

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        inner_product_param { num_output: 2 } }
layer { name: "b" type: "InnerProduct" bottom: "data" top: "b"
        inner_product_param { num_output: 2 } }
layer { name: "p" type: "Softmax" bottom: "b" top: "p" }
%s
"""
DETECTING = """layer { name: "prior" type: "PriorBox" bottom: "data" bottom: "data" top: "prior" }
layer { name: "flat" type: "Flatten" bottom: "p" top: "flat" }
layer { name: "out" type: "DetectionOutput" bottom: "a" bottom: "flat" bottom: "prior" top: "out" }
"""


@pytest.mark.parametrize(
    ("more", "compared", "scores"),
    [("", ["a", "p"], ["a", "b"]), (DETECTING, ["a", "flat"], ["a", "flat"])],
)
def test_outputs_are_taken_as_they_were_before(
    more: str, compared: list[str], scores: list[str]
) -> None:
    network = Network.of(Prototxt.parse((NET % more).encode()))
    assert [str(value.blob) for value in compared_outputs(network)] == compared
    assert [str(value.blob) for value in score_values(network)] == scores
