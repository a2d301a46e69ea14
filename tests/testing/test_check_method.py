"""The contract of methods: all of ours keep it, and each check sees a method that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List

import numpy as np
import pytest

from netsurgery.calibration import Calibrator, random_inputs
from netsurgery.errors import ContractError
from netsurgery.methods import METHODS, Edit, LowRankMethod
from netsurgery.methods.svd import TruncatedSVD
from netsurgery.network import Model
from netsurgery.testing import MethodExample, check_method, method_checks, sample_model

CONVOLUTION = """\
layer { name: "one" type: "Convolution" bottom: "data" top: "one"
        convolution_param { num_output: 10 kernel_size: 3 bias_term: false } }"""
NORMALISED = (
    CONVOLUTION.replace('top: "one"', 'top: "c"')
    + """
layer { name: "norm" type: "BatchNorm" bottom: "c" top: "n" }
layer { name: "scale" type: "Scale" bottom: "n" top: "one" scale_param { bias_term: true } }"""
)


def positive(model: Model) -> Model:
    """With variances that a BatchNorm can have."""
    layers = {
        "norm": [
            replace_blobs(layer, [np.abs(blob.array()) + 0.5 for blob in layer.blobs])
            for layer in model.weights.find("norm")
        ]
    }
    return replace(model, weights=model.weights.replace(layers))


def replace_blobs(layer: Any, arrays: List[np.ndarray]) -> Any:
    blobs = tuple(blob.filled(array) for blob, array in zip(layer.blobs, arrays))
    return replace(layer, blobs=blobs)


def examples(name: str) -> List[MethodExample]:
    if name == "thin":
        edit = Edit("one", "thin", {"keep": [0, 2, 3, 7]})
        return [MethodExample(sample_model(CONVOLUTION), edit)]
    if name == "fold_batchnorm":
        return [MethodExample(positive(sample_model(NORMALISED)), Edit("one", name))]
    return []


OURS = sorted(name for name in METHODS.all() if name != "refit")


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{label}")
        for name in OURS
        for label, check in method_checks(name, examples(name))
    ],
)
def test_our_methods_keep_the_contract(check: Callable[[], None]) -> None:
    check()


def test_refit_keeps_the_contract(quick_caffe: Any) -> None:
    model = sample_model(CONVOLUTION)
    calibrator = Calibrator(random_inputs(model.network(), 8, 0), quick_caffe)
    check_method("refit", [MethodExample(model, Edit("two", "refit", {"ridge": 1e-3}), calibrator)])


def test_low_rank_methods_need_no_examples() -> None:
    for name, method in METHODS.all().items():
        if isinstance(method, LowRankMethod):
            assert len(method_checks(name)) > 10, name
    with pytest.raises(AssertionError, match="give examples of edits of thin"):
        method_checks("thin")


def forgetting(right: Any) -> Any:
    return lambda self, *given: replace(right(self, *given), errors={"one": 0.0})


def drifting(right: Any) -> Iterator[Any]:
    random = np.random.default_rng(0)

    def wrong(self: TruncatedSVD, *given: Any) -> Any:
        answer = right(self, *given)
        first, last = answer.weights["one"]
        blob = first.blobs[0]
        moved = replace(first, blobs=(blob.filled(blob.array() + random.normal()),))
        return answer.with_weights({"one": [moved, last]})

    return wrong


def shapeless(right: Any) -> Any:
    def wrong(self: TruncatedSVD, *given: Any) -> Dict[str, Any]:
        return {name: [array.T for array in arrays] for name, arrays in right(self, *given).items()}

    return wrong


@pytest.mark.parametrize(
    ("part", "spoil", "said"),
    [
        ("rewrite", forgetting, r"it predicts 0\.0 for 'one', and it is 0\."),
        ("rewrite", drifting, "it makes other numbers the second time"),
        (
            "compose",
            shapeless,
            r"multiplied out, 'one' has blobs \[\(486, 12\)",
        ),
    ],
)
def test_a_method_that_breaks_it_is_seen(
    part: str, spoil: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TruncatedSVD, part, spoil(getattr(TruncatedSVD, part)))
    with pytest.raises(AssertionError, match=said):
        check_method("svd")


def test_nonsense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TruncatedSVD, "rewrite", lambda *given: None)
    with pytest.raises(ContractError, match="method 'svd' is at fault: it answers NoneType"):
        check_method("svd")
