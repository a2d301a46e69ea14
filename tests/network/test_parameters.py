"""Which layers hold a blob."""

from __future__ import annotations

from small_models import make_model

from netsurgery.network import layers_with

TEXT = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "one" type: "InnerProduct" bottom: "data" top: "one" param { name: "w" }
        inner_product_param { num_output: 4 } }
layer { name: "two" type: "InnerProduct" bottom: "one" top: "two" param { name: "w" }
        inner_product_param { num_output: 4 } }
"""


def test_a_blob_is_held_by_its_owner_and_all_that_share_it() -> None:
    network = make_model(TEXT, {}).network()
    assert [layer.name for layer in layers_with(network, ("one", 0))] == ["one", "two"]
    assert [layer.name for layer in layers_with(network, ("one", 1))] == ["one"]
    assert [layer.name for layer in layers_with(network, ("two", 1))] == ["two"]
    assert layers_with(network, ("three", 0)) == ()
