"""One net with parts of another: what every mixture computes is told by the parts alone."""

from __future__ import annotations

from itertools import combinations
from typing import Dict, Iterator, List, Tuple

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import make_model

from netsurgery.bisection import Grafting
from netsurgery.calibration import Inputs
from netsurgery.methods import Edit
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import apply
from netsurgery.verification import verify

RELU = 'layer {{ name: "{0}_relu" type: "ReLU" bottom: "{0}" top: "{0}" }}\n'


def inner(name: str, bottom: str, width: int = 6) -> str:
    return layer("InnerProduct", bottom, name, f"inner_product_param {{ num_output: {width} }}")


def chain() -> Model:
    """Four layers in a row, with a ReLU in place behind each but the last."""
    text, below, random = declared("data", 1, 6), "data", np.random.default_rng(0)
    blobs: Dict[str, List[np.ndarray]] = {}
    for name in ("one", "two", "three", "four"):
        text += inner(name, below) + (RELU.format(name) if name != "four" else "")
        blobs[name] = [random.normal(size=(6, 6)), random.normal(size=6)]
        below = name
    return make_model(text, blobs)


def subsets(count: int) -> Iterator[Tuple[int, ...]]:
    for size in range(count + 1):
        yield from combinations(range(count), size)


def same(a: Model, b: Model, engine: str) -> bool:
    inputs = Inputs({"data": np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)})
    return bool(verify(a, b, inputs=inputs, engine=engine, expect="exact"))


def test_every_mixture_of_rewritten_layers_is_what_the_plan_of_these_makes(opencv: str) -> None:
    edits = tuple(Edit(name, "svd", {"rank": 2}) for name in ("one", "two", "four"))
    original = chain()
    grafting = Grafting(original, apply(original, Plan(edits)))
    assert [part.a[0].name for part in grafting.parts] == ["one", "two", "four"]
    for taken in subsets(3):
        meant = apply(original, Plan(tuple(edits[number] for number in taken)))
        made = grafting.model(taken)
        assert made.digest == meant.digest
        assert bytes(made.prototxt) == bytes(meant.prototxt)
    assert same(grafting.model((1,)), apply(original, Plan(edits[1:2])), opencv)


def test_what_is_left_as_it_was_keeps_its_bytes() -> None:
    original = chain()
    grafting = Grafting(original, apply(original, Plan((Edit("two", "svd", {"rank": 2}),))))
    assert grafting.model(()) is original
    text = bytes(grafting.model((0,)).prototxt)
    for kept in ("one", "three", "four"):
        (there,) = original.prototxt.named(kept)
        assert there.text in text


def swapped_names() -> Model:
    """The chain with one and three called as each other, and the numbers as they were."""
    model = chain()
    text = bytes(model.prototxt).decode()
    for old, new in (("one", "x"), ("three", "one"), ("x", "three")):
        text = text.replace(f'name: "{old}"', f'name: "{new}"')
    blobs = {one.name: [blob.array() for blob in one.blobs] for one in model.weights.layers}
    blobs["one"], blobs["three"] = blobs["three"], blobs["one"]
    return make_model(text, blobs)


def test_layers_of_other_names_do_not_clash(opencv: str) -> None:
    original, other = chain(), swapped_names()
    bias = [blob.array() for blob in other.blobs("three")]
    changed = {one.name: [blob.array() for blob in one.blobs] for one in other.weights.layers}
    changed["three"] = [bias[0], bias[1] + 1]  # what is called one in the original
    other = make_model(bytes(other.prototxt).decode(), changed)
    grafting = Grafting(original, other)
    (part,) = grafting.parts
    assert part.layers == ("one",)
    made = grafting.model((0,))
    assert same(made, other, opencv)
    assert not same(made, original, opencv)
    names = [one.name for one in made.prototxt.layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("gone", ["one_relu", "three_relu"])
def test_a_layer_that_is_missing_can_be_put_back(gone: str, opencv: str) -> None:
    original = chain()
    index = next(one.index for one in original.prototxt.layers if one.name == gone)
    other = Model(original.prototxt.replace_layers({index: b""}), original.weights)
    grafting = Grafting(original, other)
    (part,) = grafting.parts
    assert part.layers == (gone,)
    assert same(grafting.model((0,)), other, opencv)


def test_channels_that_are_gone_are_one_part_in_all_layers_that_have_them(opencv: str) -> None:
    original = chain()
    thinned = apply(
        original,
        Plan((Edit("one", "thin", {"keep": [0, 2, 3]}), Edit("three", "thin", {"keep": [1, 4]}))),
    )
    grafting = Grafting(original, thinned)
    assert [part.a[0].name for part in grafting.parts] == ["one", "three"]
    for taken in subsets(2):
        edits = [Edit("one", "thin", {"keep": [0, 2, 3]}), Edit("three", "thin", {"keep": [1, 4]})]
        meant = apply(original, Plan(tuple(edits[number] for number in taken)))
        assert same(grafting.model(taken), meant, opencv)


def test_what_is_read_before_a_layer_in_place_gets_a_blob_of_its_own(opencv: str) -> None:
    """In the second net a layer reads what the first one overwrites."""
    original = chain()
    text = bytes(original.prototxt).decode()
    relu = RELU.format("one")
    beside = relu.replace('top: "one"', 'top: "above"')
    text = text.replace(relu, beside + inner("side", "one"))
    text = text.replace(inner("two", "one"), inner("two", "above"))
    blobs = {one.name: [blob.array() for blob in one.blobs] for one in original.weights.layers}
    other = make_model(text, {**blobs, "side": [np.eye(6), np.zeros(6)]})
    grafting = Grafting(original, other)
    assert [part.layers for part in grafting.parts] == [("side",)]
    made = grafting.model((0,))
    assert {value.blob for value in made.network().outputs} == {"four", "side"}
    assert same(other, made, opencv)
