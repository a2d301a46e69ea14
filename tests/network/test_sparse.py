"""Which single weights are free, and which are held at zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_models import make_model, two_layers

from netsurgery.errors import NetworkError
from netsurgery.network import (
    as_stored,
    masks_of,
    outputs_first,
    prunable,
    require_masks_fit,
    require_zero_under,
    sparsity_of,
    with_masks,
    zeros_of,
)

FC6, FC7 = ("fc6", 0), ("fc7", 0)
HALF = np.arange(32 * 48).reshape(32, 48) % 2 == 0


def test_weights_of_products_may_be_pruned_and_biases_may_not() -> None:
    assert prunable(two_layers()) == (FC6, FC7)


@pytest.mark.parametrize(
    ("layers", "kept", "found"),
    [
        (["fc6"], [], (FC6,)),
        (["fc*"], ["fc6"], (FC7,)),
        (["InnerProduct"], [], (FC6, FC7)),
        (["*"], ["InnerProduct"], ()),
    ],
)
def test_layers_are_chosen_by_name_glob_or_type(layers, kept, found) -> None:
    assert prunable(two_layers(), layers, kept) == found


@pytest.mark.parametrize("words", [{"layers": ["fc9"]}, {"kept": ["conv*"]}, {"layers": ["ReLU"]}])
def test_a_word_that_selects_nothing_is_refused(words) -> None:
    with pytest.raises(NetworkError, match="selects no layer with weights to prune"):
        prunable(two_layers(), **words)


SHARING = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "one" type: "InnerProduct" bottom: "data" top: "one" param { name: "w" }
        inner_product_param { num_output: 4 bias_term: false } }
layer { name: "two" type: "InnerProduct" bottom: "one" top: "two" param { name: "w" }
        inner_product_param { num_output: 4 bias_term: false } }
"""


def test_of_a_shared_blob_the_owner_is_named_and_all_are_masked() -> None:
    weights = np.ones((4, 4), np.float32)
    model = make_model(SHARING, {"one": [weights], "two": [weights]})
    assert prunable(model) == (("one", 0),)
    masked = with_masks(model, {("one", 0): np.eye(4, dtype=bool)})
    for name in ("one", "two"):
        assert np.array_equal(masked.blobs(name)[0].array(), np.eye(4))
    assert with_masks(make_model(SHARING, {"one": [weights]}), {("one", 0): np.eye(4) > 0})


def test_masks_close_weights_and_are_found_again() -> None:
    model = with_masks(two_layers(), {FC6: HALF})
    weights = two_layers().blobs("fc6")[0].array()
    assert np.array_equal(model.blobs("fc6")[0].array(), np.where(HALF, weights, 0))
    assert np.array_equal(masks_of(model)[FC6], HALF)
    assert list(masks_of(model)) == [FC6]
    for blob, other in zip(model.blobs("fc6")[1:], two_layers().blobs("fc6")[1:]):
        assert blob.digest == other.digest
    assert masks_of(two_layers()) == {}


def test_zeros_ask_for_masks_where_there_are_any() -> None:
    model = with_masks(two_layers(), {FC6: HALF})
    found = zeros_of(model, prunable(model))
    assert list(found) == [FC6]
    assert np.array_equal(found[FC6], HALF)


def test_sparsity_is_the_share_of_closed_weights() -> None:
    assert sparsity_of({FC6: HALF, FC7: np.zeros((2, 3), bool)}) == (HALF.size / 2 + 6) / (
        HALF.size + 6
    )
    assert sparsity_of({}) == 0.0


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (
            {FC6: HALF[:, :4]},
            r"'fc6': the mask of blob 0 has shape \(32, 4\), the blob \(32, 48\)",
        ),
        ({("fc6", 5): HALF}, "there is a mask of blob 5, but the weights hold 2"),
        ({("fc9", 0): HALF}, "there is a mask of blob 0, but the weights hold 0"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masks, message) -> None:
    with pytest.raises(NetworkError, match=message):
        require_masks_fit(two_layers(), masks)
    with pytest.raises(NetworkError, match=message):
        with_masks(two_layers(), masks)


def test_masks_that_close_what_is_not_zero_are_refused() -> None:
    model = two_layers()
    told = r"'fc6': its mask closes 768 weights of blob 0, and 768 of them are not zero"
    with pytest.raises(NetworkError, match=told):
        require_zero_under(model, {FC6: HALF})
    require_zero_under(with_masks(model, {FC6: HALF}), {FC6: HALF})
    with pytest.raises(NetworkError, match="has shape"):
        require_zero_under(model, {FC6: HALF[:, :4]})


def test_a_model_without_weights_has_none_to_prune() -> None:
    with pytest.raises(NetworkError, match="selects no layer"):
        prunable(replace(two_layers(), weights=None))


KERNELS = "convolution_param { num_output: 3 kernel_size: 1 }"
DENSE = "inner_product_param { num_output: 3 }"
TURNED = "inner_product_param { num_output: 3 transpose: true }"
LYING = {
    "as they are": ("InnerProduct", DENSE, (3, 4), (3, 4)),
    "turned": ("InnerProduct", TURNED, (4, 3), (3, 4)),
    "of an old file": ("InnerProduct", DENSE, (1, 1, 3, 4), (3, 4)),
    "kernels": ("Convolution", KERNELS, (3, 4, 1, 1), (3, 4, 1, 1)),
    "inputs first": ("Deconvolution", KERNELS, (4, 3, 1, 1), (3, 4, 1, 1)),
}


@pytest.mark.parametrize("how", LYING)
def test_weights_are_looked_at_with_outputs_first(how) -> None:
    kind, parameters, stored, seen = LYING[how]
    text = f"""
    layer {{ name: "data" type: "Input" top: "data"
             input_param {{ shape {{ dim: 1 dim: 4 dim: 1 dim: 1 }} }} }}
    layer {{ name: "one" type: "{kind}" bottom: "data" top: "one" {parameters} }}
    """
    numbers = np.arange(12).reshape(stored)
    model = make_model(text, {"one": [numbers]})
    found = outputs_first(model, ("one", 0), numbers)
    assert found.shape == seen
    output_of = numbers // 4 if stored[-2:] == (3, 4) or kind == "Convolution" else numbers % 3
    rows = outputs_first(model, ("one", 0), output_of)
    assert all((row == number).all() for number, row in enumerate(rows))
    assert np.array_equal(as_stored(model, ("one", 0), found), numbers)
