from __future__ import annotations

import pytest
from calibration_nets import declared, layer, network

from netsurgery.errors import VerificationError
from netsurgery.verification.pairing import choose_pairs, pair_values

DATA = declared("data", 1, 4)


def in_place(kind: str, blob: str, name: str) -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{blob}" top: "{blob}" }}\n'


def paired(a: str, b: str) -> list[str]:
    pairs = pair_values(network(a), network(b))
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
    folded = paired(DATA + FC + norm + relu, DATA + FC + relu)
    # What entered the ReLU was the scale's value, and is now that of the layer itself.
    assert folded == ["fc@2=fc", "fc@3=fc@1!"]
    assert paired(DATA + FC + norm, DATA + FC) == ["fc@2=fc!"]


def test_an_output_of_one_net_is_no_common_output() -> None:
    assert paired(DATA + FC + layer("Softmax", "fc", "prob"), DATA + FC) == ["fc=fc"]


def test_choosing() -> None:
    net = network(DATA + FC + in_place("ReLU", "fc", "relu") + layer("Softmax", "fc", "prob"))
    pairs = pair_values(net, net)

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
