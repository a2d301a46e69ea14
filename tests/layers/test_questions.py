"""The other rooms ask a layer type, and never what it is called: one of another package will do."""

from __future__ import annotations

from typing import Any, Iterator, Sequence, Type

import numpy as np
import pytest
from small_models import make_model

from netsurgery.calibration.batching import samples_are_apart
from netsurgery.calibration.roles import input_roles
from netsurgery.engine.opencv_limits import runs, why_not
from netsurgery.formats import Prototxt
from netsurgery.layers import (
    LAYERS,
    LayerType,
    PerChannel,
    Product,
    Role,
    Trouble,
    layer_types,
)
from netsurgery.methods import METHODS, TruncatedSVD
from netsurgery.network import Model, Network, count_cost, examine, infer_shapes
from netsurgery.network.constants import follow_constants
from netsurgery.planning import plan_folds
from netsurgery.planning.low_rank import candidates
from netsurgery.quality.kinds import kinds_of

CONVOLUTION = """input: "data" input_shape { dim: [2, 3, 4, 4] }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
    convolution_param { num_output: 5 kernel_size: 1 } }
"""
LAST = CONVOLUTION + 'layer { name: "o" type: "Odd" bottom: "c" top: "o" }\n'
FIRST = """input: "data" input_shape { dim: [2, 3] }
layer { name: "o" type: "Odd" bottom: "data" top: "o" }
"""


class OddLayer(LayerType):
    """Keeps shapes; whatever else a test wants of it."""

    name = "Odd"

    def shapes(self, node: Any) -> Sequence[Any]:
        """The shape of the bottom."""
        return [node.bottom]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a layer type known for the time of a test."""
    LAYERS.all()

    def add(kind: Type[LayerType]) -> LayerType:
        monkeypatch.setitem(LAYERS._known, "Odd", kind())
        return LAYERS._known["Odd"]

    return add


def parse(text: str) -> Network:
    return Network.of(Prototxt.parse(text.encode()))


def test_cost_asks_for_multiply_accumulates(known: Any) -> None:
    class Costly(OddLayer):
        def macs(self, bottoms: Any, tops: Any, blobs: Any) -> int:
            return 7 * int(np.prod(tops[0]))

        def blobs(self, node: Any) -> Any:
            return [(3,)]

    known(Costly)
    network = parse(LAST)
    found = count_cost(network, infer_shapes(network))[-1]
    assert (found.macs, found.params) == (7 * 2 * 5 * 4 * 4, 3)


def test_the_doctor_asks_for_troubles(known: Any) -> None:
    class Sick(OddLayer):
        fork = "Oddville"

        def troubles(self, node: Any, phase: str) -> Iterator[Trouble]:
            yield Trouble("warning", f"dislikes {node.bottom} in {phase}")

        def needs(self, layer: Any) -> Iterator[Trouble]:
            yield Trouble("note", "needs a friend", "find one")

        def spoils_its_bottom(self, layer: Any) -> bool:
            return True

    known(Sick)
    in_place = LAST.replace('"c" top: "o"', '"c" top: "c"')
    said = [str(one) for one in examine(Model(Prototxt.parse(in_place.encode()), None))]
    assert any("use a fork that has it, such as that of Oddville" in one for one in said)
    assert any("dislikes (2, 5, 4, 4) in TEST" in one for one in said)
    assert any("needs a friend; find one" in one for one in said)
    assert any("computes in place, which Odd gets wrong" in one for one in said)


def test_quality_asks_what_makes_scores(known: Any) -> None:
    class Scores(OddLayer):
        is_softmax = squashes = True

        def class_axis(self, layer: Any, axes: int) -> int:
            return 1

    network = parse(LAST)
    value = network.outputs[0]
    shapes = {value: (2, 5, 1, 1)}
    assert kinds_of(network, shapes, {})[value].name == "numbers"
    known(Scores)
    assert kinds_of(network, shapes, {})[value].name == "classes"


def test_batches_ask_what_mixes_samples(known: Any) -> None:
    class Mixer(OddLayer):
        def mixes_samples(self, layer: Any) -> bool:
            return True

    network = parse(LAST)
    known(OddLayer)
    assert samples_are_apart(network, {"data": (3, 4, 4)})
    known(Mixer)
    assert not samples_are_apart(network, {"data": (3, 4, 4)})


def test_random_inputs_ask_what_a_layer_reads(known: Any) -> None:
    class Reader(OddLayer):
        def input_role(self, layer: Any, bottom: int, shape: Any) -> Role:
            return Role.IDS if (bottom, shape) == (0, (2, 3)) else Role.VALUES

    known(Reader)
    assert input_roles(parse(FIRST), {"data": (2, 3)}) == {"data": Role.IDS}


def test_opencv_asks_what_it_does_otherwise(known: Any) -> None:
    class Quirky(OddLayer):
        opencv_names = ("Odd",)

        def opencv_fault(self, layer: Any, bottoms: Any) -> str:
            return f"stumbles over {bottoms[0]}"

    layer = parse(FIRST).layers[0]
    assert why_not(layer, [(2, 3)]) == "OpenCV cannot run a layer of type Odd"
    known(Quirky)
    assert runs("Odd")
    assert why_not(layer, [(2, 3)]) == "OpenCV stumbles over (2, 3)"


def test_constants_are_followed_through_it(known: Any) -> None:
    class Seven(OddLayer):
        def constants(self, node: Any) -> Any:
            return [np.full((1, 1), 7.0)]

    known(Seven)
    model = Model(Prototxt.parse(FIRST.encode()), None)
    network = model.network()
    held = follow_constants(model, network, infer_shapes(network), {})
    assert held[network.outputs[0]] == [[7.0]]


def test_methods_ask_how_it_multiplies(known: Any) -> None:
    class Matrix(OddLayer):
        product = Product.DENSE

    found = known(Matrix)
    takers = sorted(name for name, method in METHODS.all().items() if method.takes(found))
    assert takers == [
        *("fold_batchnorm", "kernel_ridge", "refit"),
        *("shared_factor", "svd", "tensor_train", "trifactor_pair"),
    ]
    assert not any(method.takes(known(OddLayer)) for method in METHODS.all().values())


def test_what_scales_channels_is_folded(known: Any) -> None:
    class Doubling(OddLayer):
        def blobs(self, node: Any) -> Any:
            return [(1,)]

        def per_channel(self, layer: Any, blobs: Any, axis: Any) -> PerChannel:
            two = np.full(axis.channels, 2.0)
            return PerChannel(layer, two, np.zeros(axis.channels), None)

    known(Doubling)
    blobs = {"c": [np.ones((5, 3, 1, 1)), np.ones(5)], "o": [np.ones(1)]}
    plan = plan_folds(make_model(LAST, blobs))
    assert [(edit.layer, list(edit.predicted.folds or ())) for edit in plan.edits] == [("c", ["o"])]


@pytest.mark.parametrize(
    "kind", {one.name: one for one in layer_types().values()}.values(), ids=lambda one: one.name
)
def test_facts_name_fields_that_there_are(kind: LayerType) -> None:
    parameter = Prototxt.parse(b'layer { name: "a" type: "b" }').layers[0].parameter
    wanted = [*kind.late_fields, *kind.opencv_stumbles]
    wanted += ["engine"] * kind.chooses_engine + ["source"] * (kind.data is not None)
    assert kind.message or not (wanted or kind.opencv_fields)
    if kind.message:
        known = getattr(parameter, kind.message).DESCRIPTOR.fields_by_name
        assert set(wanted) <= set(known)


def test_a_method_may_take_what_is_no_product() -> None:
    class OfActivations(TruncatedSVD):
        def takes(self, kind: LayerType) -> bool:
            return kind.makes_probabilities

    text = CONVOLUTION + 'layer { name: "s" type: "Sigmoid" bottom: "c" top: "s" }\n'
    model = Model(Prototxt.parse(text.encode()), None)
    assert candidates(model, [OfActivations()]) == [("s", "Sigmoid")]
    assert candidates(model, [TruncatedSVD()]) == []
