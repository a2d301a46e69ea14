"""What is learned of a teacher: outputs as what they are, and blobs on the way."""

from __future__ import annotations

import re
from typing import Tuple

import pytest
from calibration_nets import declared, layer
from small_models import make_model
from teacher_nets import classifier, dense, detector, ssd

from netsurgery.errors import RequestError, VerificationError
from netsurgery.network.graph import Value
from netsurgery.training.objectives import (
    DetectorObjective,
    HintObjective,
    TeacherClassObjective,
    TeacherObjective,
    TeacherProbabilityObjective,
    TeacherValueObjective,
)
from netsurgery.training.teaching import teacher_objectives

SOFTMAX = layer("Softmax", "fc", "prob")
CHOSEN = layer("ArgMax", "prob", "best", "argmax_param { axis: 1 }")


@pytest.mark.parametrize(
    "text",
    [
        SOFTMAX,
        SOFTMAX + layer("Reshape", "prob", "told", "reshape_param { shape { dim: -1 dim: 4 } }"),
        SOFTMAX + CHOSEN,
    ],
    ids=["Softmax", "Reshape behind it", "ArgMax behind it"],
)
def test_classes_are_compared_before_their_softmax(text: str) -> None:
    (found,) = teacher_objectives(classifier(text), classifier(text, seed=9), temperature=3.0)
    wanted = TeacherClassObjective("fc", Value("fc"), taught=Value("fc"), temperature=3.0)
    assert found == wanted


def test_a_softmax_in_place_is_another_value_of_the_blob() -> None:
    """The teacher's scores bear the name of its probabilities."""
    in_place = 'layer { name: "soft" type: "Softmax" bottom: "fc" top: "fc" }\n'
    (found,) = teacher_objectives(classifier(in_place), classifier(in_place))
    assert found == TeacherClassObjective("fc", Value("fc"), taught=Value("fc"))


def test_segmentations_keep_the_axis_of_their_classes() -> None:
    text = declared("data", 1, 1, 4, 4) + layer(
        "Convolution", "data", "map", "convolution_param { num_output: 3 kernel_size: 1 }"
    )
    text += layer("Permute", "map", "rows", "permute_param { order: 0 order: 2 order: 3 order: 1 }")
    text += layer("Softmax", "rows", "prob", "softmax_param { axis: 3 }")
    (found,) = teacher_objectives(make_model(text, {}), make_model(text, {}))
    assert found == TeacherClassObjective("rows", Value("rows"), taught=Value("rows"), axis=3)


def test_probabilities_numbers_and_hints() -> None:
    text = layer("Sigmoid", "fc", "faces") + dense("hidden", "age", 1)
    model = classifier(text)
    found = teacher_objectives(model, model, hints=["hidden"], weight=0.5)
    assert found == (
        TeacherValueObjective("age", Value("age"), 0.5, taught=Value("age")),
        TeacherProbabilityObjective("fc", Value("fc"), 0.5, taught=Value("fc")),
        HintObjective("hidden", Value("hidden", 1), 0.05, taught=Value("hidden", 1)),
    )


def test_what_the_user_says_of_an_output_counts() -> None:
    model = classifier()
    (as_numbers,) = teacher_objectives(model, model)
    (as_classes,) = teacher_objectives(model, model, output_kinds={"fc": "classes"})
    assert type(as_numbers) is TeacherValueObjective
    assert type(as_classes) is TeacherClassObjective


def test_an_output_that_alone_counts_is_scores_of_classes() -> None:
    model = classifier(dense("hidden", "age", 1))
    (found,) = teacher_objectives(model, model, task_output="fc")
    assert found == TeacherClassObjective("fc", Value("fc"), taught=Value("fc"))
    with pytest.raises(VerificationError, match="the net has no output 'nowhere'"):
        teacher_objectives(model, model, task_output="nowhere")
    with pytest.raises(VerificationError, match="'colours' is no kind of output"):
        teacher_objectives(model, model, output_kinds={"fc": "colours"})


def told(objectives: Tuple[TeacherObjective, ...]) -> list:
    return [
        (one.value.blob, one.detector and one.detector.scores.blob, one.counts_everywhere)
        for one in objectives
        if isinstance(one, DetectorObjective)
    ]


def test_detectors_are_compared_where_they_see_something() -> None:
    found = teacher_objectives(detector(), detector())
    assert sorted(told(found)) == [
        ("boxes", "scores", False),
        ("logits", "scores", True),
        ("marks", "scores", False),
    ]
    assert {one.detector.axis for one in found if isinstance(one, DetectorObjective)} == {2}


def test_of_lists_of_detections_that_from_which_they_are_chosen() -> None:
    found = teacher_objectives(ssd(), ssd())
    assert told(found) == [("conf_rows", "conf_soft", True), ("mbox_loc", "conf_flat", False)]
    scores, boxes = (one.detector for one in found if isinstance(one, DetectorObjective))
    assert scores is not None
    assert boxes is not None
    assert (scores.axis, boxes.axis, boxes.least) == (2, None, pytest.approx(0.2))


def test_a_blob_that_was_thinned_is_no_hint() -> None:
    """And one that was not is named: of those that are, the nearest to the outputs."""
    teacher, small = (
        make_model(
            declared("data", 2, 7)
            + dense("data", "a", 6)
            + dense("a", "b", width)
            + dense("b", "out", 2),
            {},
        )
        for width in (5, 3)
    )
    with pytest.raises(RequestError) as error:
        teacher_objectives(teacher, small, hints=["b"])
    assert "'b' of the `hints` was thinned to 3 of its teacher's 5 channels" in str(error.value)
    assert str(error.value).endswith("; name one that lost none, such as 'a'")
    ends = layer("Softmax", "out", "prob")  # the scores are learned without a hint
    pair = (make_model(one.prototxt.data.decode() + ends, {}) for one in (teacher, small))
    with pytest.raises(RequestError, match="such as 'a'"):
        teacher_objectives(*pair, hints=["b"])
    only = make_model(declared("data", 2, 7) + dense("data", "a", 4) + dense("a", "out", 2), {})
    with pytest.raises(RequestError, match="leave it out: none has kept all of its channels"):
        teacher_objectives(teacher, only, hints=["a"])
    assert teacher_objectives(teacher, small, hints=["a"])


def test_names_are_words_and_unique() -> None:
    text = layer("ReLU", "fc", "a/b") + layer("TanH", "fc", "a.b")
    found = teacher_objectives(classifier(text), classifier(text))
    assert [one.name for one in found] == ["a_b", "a_b_"]
    assert all(re.fullmatch(r"\w+", one.name) for one in found)


def test_what_cannot_be_compared_is_refused() -> None:
    model = classifier()
    with pytest.raises(RequestError, match="has an output 'prob', and its teacher has none of"):
        teacher_objectives(model, classifier(SOFTMAX))
    with pytest.raises(RequestError, match=r"one shape in the net, 'fc' 1x4, and another .* 1x3"):
        teacher_objectives(classifier(classes=3), model)
    small = classifier(layer("ReLU", "fc", "more") + layer("Softmax", "more", "prob"))
    with pytest.raises(RequestError, match="its teacher has no blob 'more' to be one of the `hint"):
        teacher_objectives(classifier(SOFTMAX), small, hints=["more"])
    with pytest.raises(RequestError, match="the net has no blob 'nowhere'"):
        teacher_objectives(model, model, hints=["nowhere"])
    with pytest.raises(RequestError, match="`temperature` is a positive number"):
        teacher_objectives(model, model, temperature=0.0)
