"""A method that answers nonsense is named, and nothing of what it answered is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.errors import ContractError
from netsurgery.formats import Blob, LayerWeights
from netsurgery.methods import Edit, Origin, Rewrite
from netsurgery.methods.svd import TruncatedSVD
from netsurgery.methods.thin import Thin
from netsurgery.network import LayerKey, RemoveLayer, ReplaceLayer, SetBlobs, SetFields, Value
from netsurgery.planning import Plan
from netsurgery.surgery import apply

SVD = Edit("fc6", "svd", {"rank": 4})
THIN = Edit("fc6", "thin", {"keep": list(range(20))})
FC6, FC7, RELU = map(LayerKey, ("fc6", "fc7", "relu6"))

PAIR = b"""\
layer { name: "fc6_L" type: "InnerProduct" bottom: "BOTTOM" top: "fc6_L"
        inner_product_param { num_output: 4 bias_term: false } }
layer { name: "SECOND" type: "InnerProduct" bottom: "fc6_L" top: "TOP"
        inner_product_param { num_output: OUTPUTS } }
"""


def pair(**changed: str) -> ReplaceLayer:
    text = PAIR
    words = {"BOTTOM": "data", "SECOND": "fc6_U", "TOP": "fc6", "OUTPUTS": "32", **changed}
    for word, value in words.items():
        text = text.replace(word.encode(), value.encode())
    return ReplaceLayer(FC6, (text,))


def with_text(edit: Any) -> Callable[[Rewrite], Rewrite]:
    return lambda right: replace(
        right, edits=[edit, *(one for one in right.edits if isinstance(one, SetBlobs))]
    )


def with_blob(blob: Blob) -> Callable[[Rewrite], Rewrite]:
    def change(right: Rewrite) -> Rewrite:
        first, last = right.weights["fc6"]
        return right.with_weights({"fc6": [LayerWeights(first.name, first.type, (blob,)), last]})

    return change


def adding(edit: Any) -> Callable[[Rewrite], Rewrite]:
    return lambda right: replace(right, edits=[*right.edits, edit])


NONSENSE = {
    "nothing": (lambda right: None, "it answers NoneType, not a Rewrite"),
    "of another edit": (
        lambda right: replace(right, edit=Edit("fc7", "svd")),
        "it answers an edit of 'fc7' by its own",
    ),
    "no edits": (lambda right: replace(right, edits=["remove fc6"]), "`edits` is ['remove fc6']"),
    "no such layer": (
        adding(SetFields(LayerKey("fc8"), {"inner_product_param.num_output": 3})),
        "layer 'fc8' is not in the net",
    ),
    "twice": (adding(RemoveLayer(FC6)), "layer 'fc6' is replaced or removed, and edited once more"),
    "blobs twice": (adding(SetBlobs("fc6", ())), "'fc6' has its blobs set or removed twice"),
    "blobs of none": (adding(SetBlobs("relu6", ())), "layer 'relu6' has no blobs that could be"),
    "dangling bottom": (with_text(pair(BOTTOM="dat")), "'fc6_L' reads 'dat', which no earlier"),
    "lost top": (with_text(pair(TOP="six")), "'relu6' reads 'fc6', which no earlier layer"),
    "lost output": (adding(RemoveLayer(FC7)), "output 'fc7' is lost"),
    "new output": (
        adding(SetFields(RELU, bottoms=["fc6_L"], tops=["fc6_L"])),
        "'relu6' computes in place on 'fc6_L', which is also read by fc6_U",
    ),
    "other shape": (with_text(pair(OUTPUTS="31")), "blob 0 (weights) is"),
    "wrong blob": (with_blob(Blob.of(np.zeros((4, 47)))), "'fc6_L'"),
    "NaN": (with_blob(Blob.of(np.full((4, 48), np.nan))), "blob 0 of 'fc6_L' holds NaN or Inf"),
    "no weights": (
        lambda right: replace(right, edits=[one for one in right.edits if one.layer == FC6]),
        "'fc6_L' needs blobs but is not in the weights",
    ),
    "wrong name": (with_text(pair(SECOND="fc6_V")), "'fc6_V' needs blobs but is not in the"),
    "no pieces": (lambda right: replace(right, pieces={}), "it names no layer with blobs"),
    "pieces of none": (
        lambda right: replace(right, pieces={**right.pieces, "fc8": ("fc8",)}),
        "it tells of pieces of a layer 'fc8'",
    ),
    "no such piece": (
        lambda right: replace(right, pieces={"fc6": ("fc6_L", "fc6_X")}),
        "it names a piece 'fc6_X'",
    ),
    "error": (
        lambda right: replace(right, errors={"fc6": float("nan")}),
        "it states an error of nan for layer 'fc6'",
    ),
    "origin": (
        lambda right: replace(right, origins={Value("fc6"): Origin(Value("six"))}),
        "it says that fc6 stood at six, which is not there",
    ),
    "edits of None": (lambda right: replace(right, edits=None), "`edits` is None"),
    "pieces of None": (lambda right: replace(right, pieces=None), "`pieces` is None"),
    "error of words": (lambda right: replace(right, errors={"fc6": "x"}), "`errors` is {'fc6'"),
    "no origins": (lambda right: replace(right, origins=None), "`origins` is None"),
    "name for a layer": (adding(RemoveLayer("relu6")), "`layer` is 'relu6' (str)"),  # type: ignore[arg-type]
    "text for bytes": (with_text(ReplaceLayer(FC6, ("layer {}",))), "`by` is ('layer {}',)"),  # type: ignore[arg-type]
    "no layers": (adding(SetBlobs("fc7", None)), "`by` is None"),  # type: ignore[arg-type]
    "arrays for blobs": (with_blob(np.zeros((4, 20), np.float32)), "`blobs` is (array("),  # type: ignore[arg-type]
    "division by zero": (lambda right: 1 / 0, "it raised ZeroDivisionError: division by zero"),
    "two lines": (lambda right: {}["a\nb"], "it raised KeyError: "),
    "origin of none": (
        lambda right: replace(right, origins={Value("six"): Origin(Value("fc6"))}),
        "it tells where six comes from, which is no value of the new net",
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_a_method_answers_is_checked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, said = NONSENSE[name]
    right = TruncatedSVD.rewrite
    monkeypatch.setattr(TruncatedSVD, "rewrite", lambda *given: spoil(right(*given)))
    with pytest.raises(ContractError) as caught:
        apply(two_layers(), Plan((SVD,)))
    told = str(caught.value)
    assert told.startswith("layer 'fc6': method 'svd' is at fault: "), told
    assert said in told
    assert "\n" not in told


def test_a_value_that_loses_channels_must_be_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Thin.rewrites
    monkeypatch.setattr(
        Thin, "rewrites", lambda *given: (replace(one, origins={}) for one in right(*given))
    )
    with pytest.raises(ContractError, match=r"fc6 is 2x20 now, and .* should be 2x32"):
        apply(two_layers(), Plan((THIN,)))


def test_a_sound_answer_passes() -> None:
    apply(two_layers(), Plan((SVD, Edit("fc7", "svd", {"rank": 2}))))
    apply(two_layers(), Plan((THIN,)))


def test_numbers_that_were_not_finite_before_are_not_the_methods_fault() -> None:
    model = two_layers()
    weights, bias = (blob.array().copy() for blob in model.blobs("fc6"))
    weights[30, 3] = np.nan
    layer = LayerWeights("fc6", None, (Blob.of(weights), Blob.of(bias)))
    model = replace(model, weights=model.weights.replace({"fc6": [layer]}))
    kept = apply(model, Plan((Edit("fc6", "thin", {"keep": [0, 1, 30]}),)))
    assert np.isnan(kept.blobs("fc6")[0].array()[2, 3])


def blobs_alone(*layers: LayerWeights) -> Callable[..., Rewrite]:
    """A method that leaves the text as it is."""

    def rewrite(method: object, model: object, edit: Edit, context: object) -> Rewrite:
        return Rewrite(edit, [SetBlobs("fc6", layers)], {"fc6": ("fc6",)}, errors={"fc6": 0.5})

    return rewrite


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("fc6", (31, 48), "layer 'fc6'"),
        ("fc6", (48, 32), "layer 'fc6'"),
        ("fc8", (32, 48), "'fc6'"),
    ],
)
def test_blobs_that_come_alone_have_to_fit_too(
    name: str, shape: tuple, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the text stays as it is tells nothing of the blobs."""
    other = LayerWeights(name, None, (Blob.of(np.ones(shape)), Blob.of(np.ones(32))))
    monkeypatch.setattr(TruncatedSVD, "rewrite", blobs_alone(other))
    with pytest.raises(ContractError, match="method 'svd' is at fault") as caught:
        apply(two_layers(), Plan((SVD,)))
    assert said in str(caught.value)


def test_other_numbers_in_blobs_of_the_same_shapes_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    ones = LayerWeights("fc6", None, (Blob.of(np.ones((32, 48))), Blob.of(np.ones(32))))
    monkeypatch.setattr(TruncatedSVD, "rewrite", blobs_alone(ones))
    after = apply(two_layers(), Plan((SVD,)))
    assert np.array_equal(after.blobs("fc6")[0].array(), np.ones((32, 48)))
