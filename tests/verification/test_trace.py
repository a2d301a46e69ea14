"""Where two nets begin to differ, and which layers that comes from."""

from __future__ import annotations

import json
from typing import Dict, List, Tuple

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import make_model

from netsurgery.errors import NetworkError
from netsurgery.network.model import Model
from netsurgery.verification import BlobTrace, Verification, verify
from netsurgery.verification.pairing import pair_values
from netsurgery.verification.parts import Joint, differing_parts

Blobs = Dict[str, List[np.ndarray]]
RELU = 'layer { name: "relu" type: "ReLU" bottom: "one" top: "one" }\n'
SCALED = (
    'layer { name: "scaled" type: "Power" bottom: "one" top: "one" power_param { scale: 2 } }\n'
)


def inner(name: str, bottom: str, width: int = 4) -> str:
    return layer("InnerProduct", bottom, name, f"inner_product_param {{ num_output: {width} }}")


def text_of(*middle: str) -> str:
    """Layer one, what is given, and two layers that read what that makes, side by side."""
    read = "".join(inner(name, "one") for name in ("left", "right"))
    joined = 'layer { name: "sum" type: "Eltwise" bottom: "left" bottom: "right" top: "sum" }\n'
    return declared("data", 1, 6) + inner("one", "data") + "".join(middle) + read + joined


def blobs_of() -> Blobs:
    random = np.random.default_rng(0)
    widths = {"one": 6, "left": 4, "right": 4}
    return {
        name: [random.normal(size=(4, width)), random.normal(size=4)]
        for name, width in widths.items()
    }


def original() -> Model:
    return make_model(text_of(RELU, SCALED), blobs_of())


def traced(other: Model, engine: str) -> Tuple[Verification, BlobTrace]:
    found = verify(original(), other, engine=engine, expect="exact")
    assert not found
    assert found.trace is not None
    json.dumps(found.to_dict(), allow_nan=False)
    return found, found.trace


def test_the_first_blob_is_named_with_the_layer_and_what_is_other(engine: str) -> None:
    blobs = blobs_of()
    blobs["one"][0][2, 3] *= 1.01
    _, trace = traced(make_model(text_of(RELU, SCALED), blobs), engine)
    assert [(one.blob, one.maker) for one in trace.divergences] == [("one", "one")]
    assert trace.first is not None
    assert trace.first.changes == ("layer 'one' holds 1 of 24 other numbers in blob 0",)
    assert [row.blob for row in trace.blobs] == ["one", "one@1", "one@2", "left", "right", "sum"]


def test_blobs_stand_along_the_net_also_what_an_output_is_told_from(opencv: str) -> None:
    """What a Softmax reads is compared with the outputs, and so before the others."""
    softmax = 'layer { name: "classes" type: "Softmax" bottom: "sum" top: "classes" }\n'
    first = make_model(text_of(RELU) + softmax, blobs_of())
    blobs = blobs_of()
    blobs["one"][0][2, 3] *= 1.5
    second = make_model(text_of(RELU) + softmax, blobs)
    for expect in ("exact", "approx"):
        trace = verify(first, second, engine=opencv, expect=expect, trace=True).trace
        assert trace is not None
        names = ["one", "one@1", "left", "right", "sum", "classes"]
        assert [row.blob for row in trace.blobs] == names


@pytest.mark.parametrize(
    ("middle", "changes"),
    [
        ((SCALED,), ["layer 'relu' is not in the second net"]),
        ((RELU,), ["layer 'scaled' is not in the second net"]),
        ((SCALED, RELU.replace("ReLU", "TanH")), None),
        (
            (RELU, SCALED.replace("2 }", "3 }")),
            ["layer 'scaled' has power_param.scale 3.0, not 2.0"],
        ),
        (
            (RELU.replace("ReLU", "TanH"), SCALED),
            ["layer 'relu' is of type TanH in the second net, not ReLU"],
        ),
        (
            (RELU, SCALED, SCALED.replace("scaled", "again")),
            ["layer 'again' is in the second net only"],
        ),
    ],
)
def test_layers_that_compute_in_place_hide_nothing(
    middle: Tuple[str, ...], changes: List[str], engine: str
) -> None:
    _, trace = traced(make_model(text_of(*middle), blobs_of()), engine)
    assert trace.first is not None
    if changes is None:
        assert "relu" in trace.first.layers
    else:
        assert list(trace.first.changes) == changes
    assert not any(one.startswith("layer 'left'") for one in trace.changes)


def test_differences_that_begin_in_two_places_are_told_apart(opencv: str) -> None:
    blobs = blobs_of()
    for name in ("left", "right"):
        blobs[name][1] = blobs[name][1] + 1
    _, trace = traced(make_model(text_of(RELU, SCALED), blobs), opencv)
    assert [one.layers for one in trace.divergences] == [("left",), ("right",)]


def test_layers_that_only_changed_their_names_do_not_differ(opencv: str) -> None:
    blobs = blobs_of()
    blobs["left"], blobs["right"] = blobs["right"], blobs["left"]
    other = make_model(text_of(RELU, SCALED), blobs)
    assert verify(original(), other, engine=opencv, expect="exact").trace is None
    found = verify(original(), other, engine=opencv, trace=True)
    assert found.trace is not None
    assert found.trace.divergences == ()


def test_a_renamed_output_is_told_by_its_layer(opencv: str) -> None:
    text = text_of(RELU, SCALED).replace('top: "sum"', 'top: "total"')
    _, trace = traced(make_model(text, blobs_of()), opencv)
    assert trace.first is None
    assert trace.changes == ("layer 'sum' makes output 'sum' under the name 'total'",)


def test_what_is_compared_already_is_not_run_again(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netsurgery.verification import models

    runs = []
    compare = models._compare
    monkeypatch.setattr(models, "_compare", lambda *given: runs.append(given) or compare(*given))
    blobs = blobs_of()
    blobs["one"][1] = blobs["one"][1] + 1
    other = make_model(text_of(RELU, SCALED), blobs)
    for wanted, times in (("common", 1), ("outputs", 2)):
        runs.clear()
        found = verify(original(), other, engine=opencv, expect="exact", blobs=wanted)
        assert found.trace is not None
        assert found.trace.first is not None
        assert len(runs) == times
    runs.clear()
    verify(original(), original(), engine=opencv, expect="exact")
    assert len(runs) == 1


def test_parts_are_cut_at_the_values_that_are_given() -> None:
    pair = inner("one_u", "data", 2) + inner("one_v", "one_u").replace('top: "one_v"', 'top: "one"')
    text = text_of(RELU, SCALED).replace(inner("one", "data"), pair)
    blobs = blobs_of()
    blobs.update(one_u=[np.ones((2, 6)), np.zeros(2)], one_v=[np.ones((4, 2)), np.zeros(4)])
    a, b = original(), make_model(text, blobs)
    pairs = pair_values(a.network(), b.network(), lambda one, other: False)
    joint = Joint.of(a.network(), b.network(), pairs)
    (part,) = differing_parts(a, b, joint)
    assert [[one.name for one in side] for side in part[:2]] == [["one"], ["one_u", "one_v"]]
    assert part.layers == ("one", "one_u", "one_v")
    assert [str(one) for one in part.changes] == [
        "layer 'one' is 'one_u', 'one_v' in the second net"
    ]
    # Where the value between cannot be cut, what is on both sides of it is one part.
    (part,) = differing_parts(a, b, joint, [a.network().values[1]])
    assert [one.name for one in part.a] == ["one", "relu"]


def test_a_net_that_cannot_run_is_told_by_what_is_other(opencv: str) -> None:
    text = text_of(RELU, SCALED).replace("num_output: 4", "num_output: 5", 1)
    with pytest.raises(NetworkError) as caught:
        verify(original(), make_model(text, blobs_of()), engine=opencv, expect="exact")
    told = "layer 'one' has inner_product_param.num_output 5, not 4"
    assert str(caught.value).endswith(f"; of the second net, {told}")
