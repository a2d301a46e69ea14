"""Where values stood in the original, after edits one upon another."""

from __future__ import annotations

from typing import Dict, List, Tuple

import numpy as np
from hypothesis import given, settings, strategies as st
from small_models import make_model, two_layers

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.methods import Edit
from netsurgery.network import Model, Value
from netsurgery.planning import Plan
from netsurgery.planning.fold import plan_folds
from netsurgery.surgery import Surgery, operate

FOLDED = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 8 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv"
        batch_norm_param { use_global_stats: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 5 } }
"""


def with_batchnorm() -> Model:
    """A convolution of 8 channels, BatchNorm and ReLU in place, and what reads them."""
    random = np.random.default_rng(0)
    return make_model(
        FOLDED,
        {
            "conv": [random.normal(size=(8, 3, 3, 3)), random.normal(size=8)],
            "bn": [random.normal(size=8), random.uniform(1, 2, size=8), np.ones(1)],
            "fc": [random.normal(size=(5, 128)), random.normal(size=5)],
        },
    )


def cut(layer: str, keep: List[int]) -> Edit:
    return Edit(layer, "thin", {"keep": keep})


def done(model: Model, *edits: Edit) -> Surgery:
    return operate(model, Plan(edits))


def kept(surgery: Surgery) -> Dict[str, Tuple[int, List[int]]]:
    """The axis and the channels that are left, by the text of the value in the original."""
    return {str(value): (axis, left.tolist()) for value, (axis, left) in surgery.kept().items()}


SUBSETS = st.lists(st.booleans(), min_size=32, max_size=32).filter(any)


@settings(max_examples=25)
@given(SUBSETS, st.data())
def test_two_cuts_of_one_value_are_the_cut_of_what_both_leave(
    mask: List[bool], data: st.DataObject
) -> None:
    model = two_layers()
    first = np.flatnonzero(mask)
    second = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(first))), min_size=1))))
    twice = done(model, cut("fc6", first.tolist()), cut("fc6", second.tolist()))
    once = done(model, cut("fc6", first[second].tolist()))
    assert kept(twice) == kept(once)
    assert kept(twice)["fc6"] == (1, first[second].tolist())
    for layer in ("fc6", "fc7"):
        for blob, other in zip(twice.model.blobs(layer), once.model.blobs(layer)):
            assert np.array_equal(blob.array(), other.array())
    # The twin of both is the original with zeros for all that went in either.
    gone = np.setdiff1d(np.arange(32), first[second])
    twin = twice.twin().blobs("fc7")[0].array()
    assert not twin[:, gone].any()
    left = np.delete(model.blobs("fc7")[0].array(), gone, axis=1)
    assert np.array_equal(np.delete(twin, gone, axis=1), left)


def test_a_value_that_a_fold_moved_is_cut_where_it_stood() -> None:
    model = with_batchnorm()
    folds = plan_folds(model).edits
    moved = done(model, *folds)
    before, after = Value("conv", 0), Value("conv", 1)
    assert moved.places() == {before: after, Value("conv", 1): Value("conv", 2)}
    assert moved.kept() == {}
    assert kept(done(model, *folds, cut("conv", [0, 2, 5]))) == {
        "conv@1": (1, [0, 2, 5]),
        "conv@2": (1, [0, 2, 5]),
    }
    both = done(model, *folds, cut("conv", [0, 2, 5]), cut("conv", [0, 2]))
    assert kept(both)["conv@2"] == (1, [0, 5])


def test_a_fold_of_what_was_cut_keeps_the_cut() -> None:
    model = with_batchnorm()
    surgery = done(model, cut("conv", [1, 4, 7]), *plan_folds(model).edits)
    assert surgery.places()[Value("conv", 0)] == Value("conv", 1)
    assert kept(surgery)["conv@1"] == (1, [1, 4, 7])
    # Another layer's values, and those before the fold, are not touched by it.
    assert "data" not in kept(surgery)


def test_a_fit_behind_two_cuts_is_held_to_the_channels_of_the_original(engine: str) -> None:
    """A composition in the wrong order would hold fc6's rows to those of other channels."""
    model = two_layers()
    inputs = Inputs(
        {"data": np.random.default_rng(3).normal(size=(256, 3, 4, 4)).astype(np.float32)}
    )
    first, second = list(range(1, 32, 2)), [0, 3, 4, 9, 15]
    edits = (cut("fc6", first), cut("fc6", second), Edit("fc6", "refit"))
    fitted = operate(model, Plan(edits), Calibrator(inputs, engine)).model
    rows = np.array(first)[second]
    # All that fc6 reads is there: what it made, it can make, and is best left as it is.
    weights, bias = (blob.array()[rows] for blob in model.blobs("fc6"))
    # The ridge of a fit, 1e-6 of the mean square of what is read, and float32.
    assert np.allclose(fitted.blobs("fc6")[0].array(), weights, atol=1e-3)
    assert np.allclose(fitted.blobs("fc6")[1].array(), bias, atol=1e-3)
