"""A layer type of a plugin that breaks down is told in a line that names layer and type."""

from __future__ import annotations

from typing import Any, Callable

import pytest

import netsurgery as ns
from netsurgery.errors import NetworkError
from netsurgery.formats import Prototxt
from netsurgery.layers import LAYERS, LayerType, register_layer
from netsurgery.network import Model

NET = """input: "d" input_shape { dim: [2, 3, 6, 6] }
layer { name: "a" type: "Convolution" bottom: "d" top: "a"
    convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "b" type: "Theirs" bottom: "a" top: "b" }
"""


def breaks(*_: Any) -> Any:
    raise KeyError("kernel")


def words(*_: Any) -> Any:
    return "many"


def shapes(kind: LayerType, node: Any) -> Any:
    return [node.bottom]


def blobs(kind: LayerType, node: Any) -> Any:
    return [(4,)]


@pytest.mark.parametrize(
    ("job", "question", "answer"),
    [
        (ns.inspect, "shapes", breaks),
        (ns.inspect, "shapes", words),
        (ns.inspect, "blobs", breaks),
        (ns.inspect, "blobs", words),
        (ns.inspect, "macs", breaks),
        (ns.inspect, "macs", words),
        (ns.channels, "shapes", breaks),
        (ns.channels, "channels", breaks),
    ],
)
def test_what_breaks_down_is_told(
    job: Callable[[Model], Any],
    question: str,
    answer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {"name": "Theirs", "shapes": shapes, "blobs": blobs, question: answer}
    theirs: LayerType = type("Theirs", (LayerType,), answers)()
    monkeypatch.setattr(LAYERS, "_known", {**LAYERS.all(), "Theirs": theirs})
    problem = "layer 'b': its type Theirs, a plugin's, broke down: "
    with pytest.raises(NetworkError, match=problem) as told:
        job(Model(Prototxt.parse(NET.encode()), None))
    assert "repair the package it is in" in str(told.value)


def test_a_type_has_a_name() -> None:
    with pytest.raises(ValueError, match="layer type Nameless has no name"):

        @register_layer
        class Nameless(LayerType):
            pass
