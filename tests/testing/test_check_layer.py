"""The contract of layer types: all of ours keep it, and each check sees a type that does not."""

from __future__ import annotations

import re
from typing import Any, List

import numpy as np
import pytest
from layer_examples import example_nets

from netsurgery.formats import Prototxt
from netsurgery.layers import LAYERS, MAKES, READS, LayerType, layer_types
from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.concat import ConcatLayer
from netsurgery.layers.neuron import NeuronLayer
from netsurgery.network import Model, channel_groups
from netsurgery.testing import check_layer, layer_checks


@pytest.mark.parametrize("name", sorted(layer_types()))
def test_our_layer_types_keep_the_contract(name: str) -> None:
    for net in example_nets(layer_types()[name].name, name):
        check_layer(name, net)


class Forgetful(NeuronLayer):
    """Keeps what it saw."""

    def shapes(self, node: Any) -> Any:
        self.seen = node
        return [node.bottom]


class Stingy(NeuronLayer):
    """Has no shape for its top."""

    def shapes(self, node: Any) -> Any:
        return []


class Lavish(NeuronLayer):
    """Has shapes for tops that it cannot have."""

    def shapes(self, node: Any) -> Any:
        return [node.bottom] * 3


class Broken(NeuronLayer):
    """Has half a pixel."""

    def shapes(self, node: Any) -> Any:
        return [(*node.bottom[:2], 1.5, 1)]


class Owing(NeuronLayer):
    """Has a blob of less than nothing."""

    def blobs(self, node: Any) -> Any:
        return [(-node.bottom[1],)]


class Cheap(NeuronLayer):
    """Gives work back."""

    def macs(self, bottoms: Any, tops: Any, blobs: Any) -> int:
        return -1

    def blobs(self, node: Any) -> Any:
        return [(1,)]


class Rough(NeuronLayer):
    """Knows half a multiplication."""

    def macs(self, bottoms: Any, tops: Any, blobs: Any) -> Any:
        return 10.5

    def blobs(self, node: Any) -> Any:
        return [(1,)]


class Doubling(NeuronLayer):
    """Has every channel twice, but says so of none."""

    def shapes(self, node: Any) -> Any:
        return [(node.bottom[0], 2 * node.bottom[1], *node.bottom[2:])]

    def channels(self, node: Any) -> List[np.ndarray]:
        return [node.placed(node.along(1), 1)]


class Stubborn(BaseConvolutionLayer):
    """Keeps saying how many outputs it had."""

    message = "convolution_param"

    def thinned(self, layer: Any, kept: Any) -> Any:
        return {}


class Greedy(BaseConvolutionLayer):
    """Does not say that its bias belongs to channels."""

    def channels(self, node: Any) -> Any:
        found = super().channels(node)
        node.uses[:] = [use for use in node.uses if use.blob == 0 or use.layer is not node.layer]
        return found


class Flat(NeuronLayer):
    """Makes a constant of another shape."""

    def constants(self, node: Any) -> Any:
        return [np.zeros(3, np.float32)]


class Crowded(ConcatLayer):
    """Takes more than the example gives."""

    aliases = ()
    bottoms = (3, None)


ONE = 'input: "d" input_shape { dim: [2, 3, 6, 6] }\n'
CONVOLUTION = """layer { name: "%s" type: "%s" bottom: "%s" top: "%s"
    convolution_param { num_output: 4 kernel_size: 1 } }
"""
LAST = """layer { name: "end" type: "InnerProduct" bottom: "b" top: "end"
    inner_product_param { num_output: 2 } }
"""
PLAIN = (
    ONE
    + CONVOLUTION % ("a", "Convolution", "d", "a")
    + 'layer { name: "b" type: "Tried" bottom: "a" top: "b" }\n'
    + LAST
)
CONVOLVED = ONE + CONVOLUTION % ("b", "Tried", "d", "b") + LAST


@pytest.mark.parametrize(
    ("kind", "net", "label", "words"),
    [
        (Forgetful, PLAIN, "it_holds_no_state", "it keeps ['seen']"),
        (Stingy, PLAIN, "each_top_has_a_shape", "0 shapes for 1 tops"),
        (Lavish, PLAIN, "each_top_has_a_shape", "3 shapes for 1 tops"),
        (Broken, PLAIN, "each_top_has_a_shape", "is no shape"),
        (Owing, PLAIN, "each_blob_has_a_shape", "a shape of -4"),
        (Cheap, PLAIN, "it_costs_a_number", "-1 MACs"),
        (Rough, PLAIN, "it_costs_a_number", "10.5 MACs"),
        (Doubling, PLAIN, "labels_have_the_shape_of_tops", "labels of 1x4x1x1 for a top of 2x8x"),
        (Stubborn, CONVOLVED, "it_fits_when_channels_go", "should keep 3 channels"),
        (Greedy, CONVOLVED, "it_fits_when_channels_go", "its text says"),
        (Flat, PLAIN, "constants_have_the_shape_of_tops", "constants of 3 for a top of 2x4x6x6"),
        (Crowded, PLAIN, "it_takes_what_the_example_gives", "1 bottoms, but takes 3"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_type_that_breaks_the_contract_is_seen(
    kind: Any, net: str, label: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: LayerType = type(kind.__name__, (kind,), {"name": "Tried"})()
    known = {**LAYERS.all(), "Tried": tried}
    monkeypatch.setattr(LAYERS, "_known", known)
    checks = dict(layer_checks("Tried", net))
    if kind is Forgetful:
        checks["each_top_has_a_shape"]()
    with pytest.raises(AssertionError, match=re.escape(words)):
        checks[label]()


class Own(LayerType):
    """A matrix whose rows are counted in a block that no schema has."""

    own_fields = frozenset({"own_param"})

    def rows(self, layer: Any) -> int:
        return int(layer.text.written("own_param.rows")[0])

    def shapes(self, node: Any) -> Any:
        return [(node.bottom[0], self.rows(node.layer), *node.bottom[2:])]

    def blobs(self, node: Any) -> Any:
        return [(self.rows(node.layer), node.bottom[1])]

    def channels(self, node: Any) -> Any:
        made = node.make(self.rows(node.layer))
        node.use(0, made, axis=0, axes=2, role=MAKES)
        node.use(0, node.along(1), axis=1, axes=2, role=READS)
        return [node.placed(made, 1)]

    def thinned(self, layer: Any, kept: Any) -> Any:
        top = kept.get(layer.tops[0])
        return {"own_param.rows": top.size} if top else {}


class Deaf(Own):
    """Does not say what it reads itself, so that nobody dares to cut it."""

    own_fields = frozenset()


def test_a_type_reads_and_writes_a_block_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    net = PLAIN.replace(" }\n" + LAST, " own_param { rows: 6 } }\n" + LAST)
    for kind, blocked in ((Own, False), (Deaf, True)):
        tried: LayerType = type(kind.__name__, (kind,), {"name": "Tried"})()
        monkeypatch.setattr(LAYERS, "_known", {**LAYERS.all(), "Tried": tried})
        check_layer("Tried", net)
        groups = {
            one.name: one for one in channel_groups(Model(Prototxt.parse(net.encode()), None))
        }
        assert bool(groups["a"].blocked) is blocked
        assert ("b" in groups) is not blocked


def test_a_type_that_nobody_registered_is_seen() -> None:
    with pytest.raises(AssertionError, match="is known as UnknownLayer"):
        check_layer("Tried", PLAIN)


def test_an_example_has_a_layer_of_the_type() -> None:
    with pytest.raises(AssertionError, match="no layer of type Pooling"):
        check_layer("Pooling", PLAIN)
