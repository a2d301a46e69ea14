from __future__ import annotations

import pytest
from calibration_nets import declared, layer, network

from netsurgery.errors import VerificationError
from netsurgery.network.graph import Layer, Value
from netsurgery.verification.pairing import (
    choose_pairs,
    match_outputs,
    pair_known,
    pair_values,
    same_text,
)

DATA = declared("data", 1, 4)


def in_place(kind: str, blob: str, name: str) -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{blob}" top: "{blob}" }}\n'


def paired(a: str, b: str, changed: tuple[str, ...] = ()) -> list[str]:
    """The pairs of two nets that differ in the weights of some layers."""

    def alike(one: Layer, other: Layer) -> bool:
        return same_text(one, other) and one.name not in changed

    pairs = pair_values(network(a), network(b), alike)
    return [f"{pair.a}={pair.b}{'!' if pair.output else ''}" for pair in pairs]


FC = layer("InnerProduct", "data", "fc", "inner_product_param { num_output: 2 }")


def test_inputs_are_no_comparison() -> None:
    assert paired(DATA + FC, DATA + FC) == ["fc=fc!"]


def test_every_version_of_a_blob() -> None:
    net = DATA + FC + in_place("ReLU", "fc", "relu") + layer("Softmax", "fc", "prob")
    assert paired(net, net) == ["fc=fc", "fc@1=fc@1", "prob=prob!"]


def test_a_new_layer_before_the_same_blob() -> None:
    pair = layer("InnerProduct", "data", "fc_L") + layer("InnerProduct", "fc_L", "fc")
    relu = in_place("ReLU", "fc", "relu")
    assert paired(DATA + FC + relu, DATA + pair + relu) == ["fc=fc", "fc@1=fc@1!"]


def test_a_folded_batch_normalisation_shifts_versions() -> None:
    norm = in_place("BatchNorm", "fc", "bn") + in_place("Scale", "fc", "scale")
    relu = in_place("ReLU", "fc", "relu")
    folded = paired(DATA + FC + norm + relu, DATA + FC + relu, ("fc",))
    # What entered the ReLU was the scale's value, and is now that of the layer itself.
    assert folded == ["fc@2=fc", "fc@3=fc@1!"]
    assert paired(DATA + FC + norm, DATA + FC) == ["fc@2=fc!"]


def test_an_output_of_one_net_is_no_common_output() -> None:
    assert paired(DATA + FC + layer("Softmax", "fc", "prob"), DATA + FC) == ["fc=fc"]


def test_choosing() -> None:
    net = network(DATA + FC + in_place("ReLU", "fc", "relu") + layer("Softmax", "fc", "prob"))
    pairs = pair_values(net, net, same_text)

    def chosen(wanted: object) -> list[str]:
        return [pair.name for pair in choose_pairs(pairs, wanted)]

    assert chosen("outputs") == ["prob"]
    assert chosen("common") == ["fc", "fc@1", "prob"]
    assert chosen(["fc"]) == ["fc@1"]
    assert chosen(["fc@0", "prob"]) == ["fc", "prob"]
    with pytest.raises(
        VerificationError, match=r"no blob 'fc9' in common; choose among fc, .*prob"
    ):
        chosen(["fc9"])
    with pytest.raises(VerificationError, match="'output'"):
        chosen("output")


def test_batch_normalisation_folded_forward_leaves_what_it_read() -> None:
    pool = layer("Pooling", "data", "p", "pooling_param { kernel_size: 2 }")
    norm = in_place("BatchNorm", "p", "bn") + in_place("Scale", "p", "scale")
    fc = layer("InnerProduct", "p", "fc", "inner_product_param { num_output: 2 }")
    data = declared("data", 1, 4, 4, 4)
    assert paired(data + pool + norm + fc, data + pool + fc, ("fc",)) == ["p=p", "fc=fc!"]


def test_an_output_is_known_by_its_name_alone() -> None:
    """Whoever reads an output does so by its name: two that are swapped are not the same."""
    heads = [
        layer("InnerProduct", "data", name, f"inner_product_param {{ num_output: {size} }}")
        for name, size in (("one", 3), ("two", 5))
    ]
    swapped = [
        heads[0].replace('top: "one"', 'top: "two"'),
        heads[1].replace('top: "two"', 'top: "one"'),
    ]
    assert swapped != heads
    assert paired(DATA + "".join(heads), DATA + "".join(swapped)) == ["one=one!", "two=two!"]


def lost(a: str, b: str) -> tuple[list[str], tuple[str, ...]]:
    nets = network(a), network(b)
    found = match_outputs(*nets, pair_values(*nets, same_text))
    return [" ".join(one) for one in found.lost], found.extra


def test_outputs_that_are_lost() -> None:
    other = layer("TanH", "data", "more")
    assert lost(DATA + FC, DATA + FC) == ([], ())
    assert lost(DATA + FC + other, DATA + FC) == (["more is gone"], ())
    assert lost(DATA + FC, DATA + FC + other) == ([], ("more",))
    renamed = FC.replace('top: "fc"', 'top: "scores"')
    assert lost(DATA + FC, DATA + renamed) == (["fc is called 'scores'"], ())
    prob = layer("Softmax", "fc", "prob")
    assert lost(DATA + FC, DATA + FC + prob) == (
        ["fc is no output, as 'prob' reads it"],
        ("prob",),
    )


def test_an_input_that_nobody_reads_is_no_output() -> None:
    assert lost(DATA + declared("im_info", 1, 3) + FC, DATA + FC) == ([], ())


def test_values_of_a_known_history() -> None:
    conv = layer("InnerProduct", "data", "c", "inner_product_param { num_output: 4 }")
    norm, relu = in_place("BatchNorm", "c", "bn"), in_place("ReLU", "c", "relu")
    before, after = network(DATA + conv + norm + relu), network(DATA + conv + relu)
    origins = {Value("c"): Value("c", 1), Value("c", 1): Value("c", 2)}
    pairs = pair_known(before, after, origins)
    assert [(str(pair.a), str(pair.b), pair.output) for pair in pairs] == [
        ("c@1", "c", False),
        ("c@2", "c@1", True),
    ]


def product(name: str, bottom: str) -> str:
    return layer("InnerProduct", bottom, name, "inner_product_param { num_output: 4 }")


def test_where_layers_tell_nothing_blobs_of_one_name_belong_together() -> None:
    chain = DATA + product("x", "data") + product("y", "x") + product("z", "y")
    every = ("v", "w", "x", "y", "z")
    assert paired(chain, chain, every) == ["x=x", "y=y", "z=z!"]
    # More blobs of the same kind in the second net, on both sides of those.
    more = DATA + product("v", "data") + product("x", "v") + product("y", "x") + product("w", "y")
    assert paired(chain, more, every) == ["x=x", "y=y"]
    assert paired(chain, DATA + product("v", "data"), every) == []


def test_of_a_name_the_last_versions_belong_together_as_long_as_they_are_made_alike() -> None:
    fc, every = product("c", "data"), ("c", "bn", "relu", "drop")
    norm, relu = in_place("BatchNorm", "c", "bn"), in_place("ReLU", "c", "relu")
    # Both end in a ReLU, and before that are a BatchNorm and an InnerProduct.
    assert paired(DATA + fc + norm + relu, DATA + fc + relu, every) == ["c@2=c@1!"]
    # As many versions: each belongs to its own, whatever makes it.
    sigmoid = in_place("Sigmoid", "c", "bn")
    found = paired(DATA + fc + norm + relu, DATA + fc + sigmoid + relu, every)
    assert found == ["c=c", "c@1=c@1", "c@2=c@2!"]
