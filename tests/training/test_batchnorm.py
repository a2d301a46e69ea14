"""What becomes of statistics is what the policy says, whatever a fork calls them."""

from __future__ import annotations

from typing import Iterable, List

import numpy as np
import pytest
from small_models import make_model

from netsurgery.engine import choose
from netsurgery.errors import EngineError, RequestError
from netsurgery.formats import Prototxt
from netsurgery.network.graph import Network
from netsurgery.network.stock import in_stock_words
from netsurgery.training.batchnorm import FROZEN, UPDATE, normalised
from netsurgery.training.freezing import frozen_text

DATA = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }\n'


def text_of(layer: str) -> Prototxt:
    return Prototxt.parse(f'{DATA}layer {{ name: "bn" {layer} bottom: "x" top: "y" }}\n'.encode())


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        ('type: "BatchNorm"', b"batch_norm_param { use_global_stats: true }"),
        (
            'type: "BatchNorm" batch_norm_param { use_global_stats: false eps: 1 }',
            b"{ use_global_stats: true eps: 1 }",
        ),
        ('type: "BN" bn_param { slope_filler { value: 1 } }', b"frozen: true"),
        ('type: "BN" bn_param { bn_mode: LEARN }', b"bn_mode: INFERENCE"),
    ],
)
def test_a_layer_that_gathers_is_frozen(layer: str, says: bytes) -> None:
    found = normalised(text_of(layer), FROZEN)
    assert says in found.prototxt.data
    assert len(found.notes) == 1
    assert not [
        one
        for one in Network.of(found.prototxt, "TRAIN").layers
        if one.layer_type.gathers_statistics(one)
    ]


def test_one_that_keeps_what_it_has_learnt_stays_to_the_byte() -> None:
    text = text_of('type: "BatchNorm" batch_norm_param { use_global_stats: true }')
    found = normalised(text, FROZEN)
    assert found.prototxt.data == text.data
    assert found.still == (("bn", 0), ("bn", 1), ("bn", 2))


def test_a_net_without_statistics_needs_nothing() -> None:
    text = text_of('type: "ReLU"')
    assert normalised(text, FROZEN) == (text, (), ())


def test_what_nobody_can_freeze_is_refused() -> None:
    with pytest.raises(RequestError, match="layer 'bn' of type BN gathers statistics"):
        normalised(text_of('type: "BN"'), FROZEN)


def test_an_engine_that_takes_no_statistics_is_not_let(caffe: str) -> None:
    with pytest.raises(EngineError, match=r"takes no statistics of a .*as they are"):
        normalised(text_of('type: "BatchNorm"'), UPDATE, choose("caffe", []))


def test_statistics_are_gathered_where_nothing_is_against_it() -> None:
    text = text_of('type: "BatchNorm"')
    found = normalised(text, UPDATE)
    assert found.prototxt.data == text.data
    assert found.still == ()
    assert "are gathered anew" in found.notes[0]


def test_a_frozen_layer_gathers_none() -> None:
    """What it gathered would be judged by, and is in no pair that is written."""
    text = text_of('type: "BatchNorm"')
    more = b'layer { name: "bn2" type: "BatchNorm" bottom: "y" top: "z" }\n'
    both = Prototxt.parse(text.data + more)
    found = normalised(both, UPDATE, frozen=["bn"])
    first, second = found.prototxt.layers[1:]
    assert first.parameter.batch_norm_param.use_global_stats
    assert not second.parameter.HasField("batch_norm_param")
    assert found.still == (("bn", 0), ("bn", 1), ("bn", 2))
    assert [note.partition(" BatchNorm")[0] for note in found.notes] == ["the statistics of 1"] * 2
    assert normalised(text, UPDATE, frozen=["bn"]) == normalised(text, FROZEN)


def test_statistics_that_a_text_holds_fast_are_not_gathered(caffe: str) -> None:
    text = text_of('type: "BatchNorm" batch_norm_param { use_global_stats: true }')
    assert normalised(text, UPDATE, choose("caffe", [])) == normalised(text, FROZEN)


def test_only_its_own_caffe_gathers_what_a_fork_has() -> None:
    with pytest.raises(RequestError, match="of type BN, whose statistics only its own Caffe"):
        normalised(text_of('type: "BN" bn_param { slope_filler { value: 1 } }'), UPDATE)


def lacks(types: Iterable[str]) -> List[str]:
    return [name for name in types if name not in ("BatchNorm", "Input", "Scale")]


def test_a_forks_layer_is_frozen_in_stock_caffes_words_too() -> None:
    """An engine without it gets two layers: neither may learn what cannot come back."""
    layer = 'name: "bn" type: "BN" bottom: "x" top: "y" bn_param { slope_filler { value: 1 } }'
    ones = [np.ones((1, 2, 1, 1))] * 4
    model = make_model(f"{DATA}layer {{ {layer} }}\n", {"bn": ones})
    found = normalised(model.prototxt, FROZEN)
    assert found.still == tuple(("bn", index) for index in range(4))
    still = frozen_text(found.prototxt, found.still)
    text = in_stock_words(Network.of(still, "TRAIN"), model.weights, lacks).prototxt
    batch_norm, scale = text.layers[1:]
    assert batch_norm.parameter.batch_norm_param.use_global_stats
    assert [one.lr_mult for one in scale.parameter.param] == [0, 0]
