"""Masks of pruned weights go along with a rewrite, or it is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.errors import PlanError
from netsurgery.formats import LayerWeights
from netsurgery.methods import Edit, Rewrite
from netsurgery.methods.refit import Refit
from netsurgery.network import Model, SetBlobs
from netsurgery.planning import Plan
from netsurgery.surgery import apply

MASK = np.random.default_rng(0).random((32, 48)) < 0.3


def pruned() -> Model:
    model = two_layers()
    weights, bias = model.blobs("fc6")
    layer = LayerWeights("fc6", "InnerProduct", (weights.with_mask(MASK).masked(), bias))
    return replace(model, weights=model.weights.replace({"fc6": [layer]}))


def test_thinning_cuts_the_mask_as_it_cuts_the_weights() -> None:
    thin = apply(pruned(), Plan((Edit("fc6", "thin", {"keep": [1, 5, 30]}),)))
    weights = thin.blobs("fc6")[0]
    assert np.array_equal(weights.mask, MASK[[1, 5, 30]])
    assert weights.count_unmasked() == 0
    assert thin.blobs("fc7")[0].mask is None


def test_other_layers_may_be_rewritten() -> None:
    small = apply(pruned(), Plan((Edit("fc7", "svd", {"rank": 2}),)))
    assert np.array_equal(small.blobs("fc6")[0].mask, MASK)


def test_a_method_that_would_lose_a_mask_is_refused() -> None:
    with pytest.raises(PlanError, match="'fc6': blob 0 is masked, and svd would lose the mask"):
        apply(pruned(), Plan((Edit("fc6", "svd", {"rank": 4}),)))


def test_a_fit_that_would_fill_what_the_mask_closes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights, bias = pruned().blobs("fc6")
    dense = LayerWeights("fc6", None, (weights.filled(np.ones((32, 48))), bias))
    monkeypatch.setattr(
        Refit,
        "rewrite",
        lambda self, model, edit, context: Rewrite(
            edit, [SetBlobs("fc6", (dense,))], {"fc6": ("fc6",)}
        ),
    )
    with pytest.raises(PlanError, match="refit would fill numbers of blob 0 that its mask holds"):
        apply(pruned(), Plan((Edit("fc6", "refit"),)))
