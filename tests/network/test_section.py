"""Parts of networks: what is cut out makes what it made within the whole."""

from __future__ import annotations

import numpy as np
import pytest
from calibration_nets import BRANCHING, declared
from channel_choices import with_random_weights
from channel_nets import line

from netsurgery.calibration import random_inputs
from netsurgery.calibration.inputs import Batch
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import engine as engine_named
from netsurgery.network.graph import Network, Value
from netsurgery.network.inplace import take_apart
from netsurgery.network.model import Model
from netsurgery.network.section import cut_section, without_what_follows

NET = BRANCHING + line("InnerProduct", "e", ["a"], ["e"], "inner_product_param { num_output: 3 }")


@pytest.fixture
def model() -> Model:
    return with_random_weights(NET, 1)


@pytest.mark.parametrize(
    ("known", "wanted", "layers", "inputs"),
    [
        (["x"], ["d"], ["a", "r", "b", "c", "sum", "d"], ["x"]),
        (["x", "a"], ["d"], ["b", "c", "sum", "d"], ["a"]),
        (["x", "a", "b"], ["sum"], ["c", "sum"], ["b", "a"]),
        (["x", "a", "b"], ["sum", "e"], ["c", "sum", "e"], ["a", "b"]),
        (["x", "b"], ["c"], ["a", "r", "c"], ["x"]),
    ],
)
def test_only_what_lies_between_is_cut_out_and_makes_the_same(
    model: Model,
    engine: str,
    known: list[str],
    wanted: list[str],
    layers: list[str],
    inputs: list[str],
) -> None:
    runs, feed = engine_named(engine), np.asarray(random_inputs(model.network(), 3).arrays["x"][:])
    network = Network.of(take_apart(model.network()).prototxt)
    with open_model(runs, Model(network.prototxt, model.weights)) as runner:
        whole = runner.run(Batch({"x": feed}, 3, 3), {v.blob: v for v in network.values})
    section = cut_section(
        network, {Value(n): whole[n].shape for n in known}, [Value(n) for n in wanted]
    )
    assert [layer.name for layer in section.layers] == layers
    assert sorted(value.blob for value in section.inputs) == sorted(inputs)
    fed = Batch({value.blob: whole[value.blob] for value in section.inputs}, 3, 3)
    with open_model(runs, Model(section.prototxt, model.weights)) as runner:
        again = runner.run(fed, {name: Value(name) for name in wanted})
    for name in wanted:
        # The same layers of the same engine on the same numbers.
        np.testing.assert_array_equal(again[name], whole[name])


def test_what_a_layer_makes_beside_what_is_missing_is_not_fed() -> None:
    halves = (
        declared("x", 1, 4, 4, 4)
        + line("Slice", "s", ["x"], ["u", "v"])
        + line("Eltwise", "e", ["u", "v"], ["e"])
    )
    network = with_random_weights(halves).network()
    # Of what s makes, u is known, and still s must run for v.
    half = (1, 2, 4, 4)
    section = cut_section(
        network, {Value("x"): (1, 4, 4, 4), Value("u"): half}, [Value("v"), Value("e")]
    )
    assert [layer.name for layer in section.layers] == ["s", "e"]
    assert section.inputs == (Value("x"),)
    assert [value.blob for value in Network.of(section.prototxt).inputs] == ["x"]
    # With both known nothing of s is run.
    section = cut_section(
        network, {Value("x"): (1, 4, 4, 4), Value("u"): half, Value("v"): half}, [Value("e")]
    )
    assert [layer.name for layer in section.layers] == ["e"]
    assert section.inputs == (Value("u"), Value("v"))


def test_what_follows_is_left_out(model: Model, engine: str) -> None:
    wanted = [Value("a"), Value("a", 1)]
    smaller, values = without_what_follows(model, wanted)
    assert [layer.name for layer in smaller.prototxt.layers if layer.type != "Input"] == ["a", "r"]
    feed = Batch(dict(random_inputs(model.network(), 3).arrays), 3, 3)
    feed = Batch({name: np.asarray(array[:]) for name, array in feed.inputs.items()}, 3, 3)
    with open_model(engine_named(engine), smaller) as runner:
        found = runner.run(feed, {str(value): value for value in values})
    with open_model(engine_named(engine), model) as runner:
        whole = runner.run(feed, {str(value): value for value in wanted})
    for before, after in zip(wanted, values):
        np.testing.assert_array_equal(found[str(after)], whole[str(before)])
