from __future__ import annotations

import json
import math
from typing import Any

import pytest

from netsurgery.errors import VerificationError
from netsurgery.verification import Accuracy, BlobComparison, Demand, Noise, Verification
from netsurgery.verification.pairing import NONE_LOST, Lost, Outputs
from netsurgery.verification.verdict import is_noise, keeps_to


def row(**facts: Any) -> BlobComparison:
    known = {"error": 0.0, "cosine": 1.0, "max_difference": 0.0, "largest": 1.0, "output": True}
    return BlobComparison(**{**known, "blob": "prob", **facts})


def verdict(
    *rows: BlobComparison, accuracy: Any = None, outputs: Outputs = NONE_LOST, **demand: Any
) -> Verification:
    return Verification(
        Demand(**demand), "caffe", "1.0.0", "noise", "0" * 64, 8, rows, accuracy, outputs
    )


def only_reason(found: Verification) -> str:
    assert not found
    (reason,) = found.reasons
    return reason


def test_no_difference_passes() -> None:
    assert verdict(row(), expect="exact")
    assert not verdict(row(), expect="approx").reasons


def test_nothing_in_common_fails() -> None:
    found = verdict(outputs=Outputs((), ("prob", "probability")))
    assert only_reason(found).endswith("only one of them has 'prob', 'probability'")


@pytest.mark.parametrize("expect", ["exact", "approx"])
def test_a_lost_output_fails_and_another_one_more_does_not(expect: str) -> None:
    lost = Outputs((Lost("boxes"), Lost("prob", "is called 'p'")), ())
    assert verdict(row(), outputs=lost, expect=expect).reasons == (
        "output 'boxes' is gone in the second net",
        "output 'prob' is called 'p' in the second net",
    )
    found = verdict(row(), outputs=Outputs((), ("more",)), expect=expect)
    assert not found.reasons
    assert found.to_dict()["extra_outputs"] == ["more"]


@pytest.mark.parametrize(
    ("noise", "error", "passes"),
    [
        (1e-7, 3.8e-6, True),  # 32 x 2^-23 = 3.81e-6: the floor
        (1e-7, 3.9e-6, False),
        (1e-5, 3.1e-4, True),
        (1e-5, 3.3e-4, False),
        (0.0, 1e-3, False),
        (0.1, 0.02, False),  # noise that could excuse everything excuses one percent at most
        (math.inf, 0.02, False),
    ],
)
def test_exact_allows_float_noise_only(noise: float, error: float, passes: bool) -> None:
    found = verdict(row(error=error, noise=Noise(noise)), expect="exact")
    assert bool(found) is passes
    assert not verdict(row(error=error, noise=Noise(noise)), expect="approx").reasons
    if not passes:
        assert f"output 'prob' is {error:.2e} apart, float noise explains" in only_reason(found)


def test_exact_detections_agree_as_the_original_with_itself() -> None:
    facts = {"kind": "detections", "agreement": 0.98}
    assert verdict(row(**facts, noise=Noise(0, 0.97)), expect="exact")
    reason = only_reason(verdict(row(**facts), expect="exact"))
    assert "agrees in 0.9800 of its detections" in reason


def test_max_error_holds_for_every_blob() -> None:
    rows = row(error=0.01), row(blob="fc7", output=False, error=0.2)
    assert verdict(*rows, max_error=0.2)
    assert (
        only_reason(verdict(*rows, max_error=0.1))
        == "blob 'fc7' is 2.00e-01 apart, max_error is 0.1"
    )
    assert verdict(*rows).error == 0.2


def test_min_agreement() -> None:
    rows = row(agreement=0.9), row(blob="boxes", agreement=0.8), row(blob="mask")
    assert verdict(*rows, min_agreement=0.8)
    reason = only_reason(verdict(*rows, min_agreement=0.85))
    assert reason == "outputs agree for 0.8000 of the samples, min_agreement is 0.85"
    assert verdict(*rows).agreement == 0.8


def test_min_agreement_with_labels_is_about_accuracy() -> None:
    worse, better = (Accuracy("prob", 100, 0.9, after) for after in (0.88, 0.95))
    assert verdict(row(agreement=0.5), accuracy=worse, min_agreement=0.97)
    assert verdict(row(agreement=0.5), accuracy=better, min_agreement=1)
    found = verdict(row(agreement=0.5), accuracy=worse, min_agreement=0.99)
    assert only_reason(found) == "accuracy falls from 0.9000 to 0.8800, min_agreement is 0.99"
    assert found.agreement == pytest.approx(0.98)


def test_min_agreement_without_classes_fails() -> None:
    reason = only_reason(verdict(row(), min_agreement=0.5))
    assert "no output holds classes or detections" in reason


@pytest.mark.parametrize("expect", ["exact", "approx"])
def test_values_that_are_not_finite_fail(expect: str) -> None:
    reason = only_reason(verdict(row(non_finite=(0, 3)), expect=expect))
    assert reason.endswith("NaN or infinite: 0 in the first net, 3 in the second")


def test_shapes_that_differ_fail() -> None:
    found = verdict(row(error=math.inf, shapes=((1, 10), (1, 12))))
    assert (
        only_reason(found)
        == "output 'prob' has shape (1, 10) in the first net, (1, 12) in the second"
    )
    assert found.to_dict()["would_pass"]["max_error"] is None


def test_unknown_expectation() -> None:
    with pytest.raises(VerificationError, match="expect is 'exact' or 'approx', not 'exakt'"):
        Demand("exakt")


def test_as_json() -> None:
    found = verdict(
        row(error=math.inf, agreement=0.5, noise=Noise(1e-7)),
        accuracy=Accuracy("prob", 10, 0.9, 0.8),
        max_error=0.1,
    )
    facts = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert facts["passed"] is False
    assert facts["max_error"] == 0.1
    assert facts["would_pass"] == {"max_error": None, "min_agreement": pytest.approx(0.9)}
    assert facts["engine"] == {"name": "caffe", "version": "1.0.0"}
    assert facts["accuracy"]["after"] == 0.8
    assert facts["blobs"][0]["error"] is None
    assert facts["blobs"][0]["noise"]["error"] == 1e-7


def test_a_sample_is_held_to_the_noise_of_samples() -> None:
    noise = Noise(error=1e-3, row_error=1e-5)
    assert verdict(row(row_error=3.1e-4, noise=noise), expect="exact")
    reason = only_reason(verdict(row(row_error=3.3e-4, noise=noise), expect="exact"))
    assert "a sample of output 'prob' is 3.30e-04 apart" in reason
    # One percent at most, and no less than the distance of 1 from the next float32.
    large, none = Noise(row_error=1.0), Noise()
    assert not verdict(row(row_error=0.011, noise=large), expect="exact")
    assert verdict(row(row_error=31 * 2.0**-23, noise=none), expect="exact")
    assert not verdict(row(row_error=33 * 2.0**-23, noise=none), expect="exact")


def test_a_channel_may_be_apart_by_256_times_its_noise() -> None:
    assert verdict(row(channel_ratio=256.0), expect="exact")
    reason = only_reason(verdict(row(channel_ratio=257.0), expect="exact"))
    assert reason == "a channel of output 'prob' is apart by 257 times its float noise"
    assert not verdict(row(channel_ratio=257.0), expect="approx").reasons


def test_only_the_coarsest_difference_of_a_blob_is_told() -> None:
    far = row(error=0.5, row_error=0.7, channel_ratio=1e6)
    assert "output 'prob' is 5.00e-01 apart" in only_reason(verdict(far, expect="exact"))
    assert is_noise(row())
    for facts in (
        {"error": 0.5},
        {"row_error": 0.5},
        {"channel_ratio": 1e6},
        {"non_finite": (0, 1)},
        {"shapes": ((1,), (2,))},
        {"kind": "detections", "agreement": 0.5},
    ):
        assert not is_noise(row(**facts)), facts


LABELS = Accuracy("prob", 100, 0.9, 0.85)


@pytest.mark.parametrize(
    ("facts", "demand", "accuracy", "keeps"),
    [
        ({"error": 0.05}, {"max_error": 0.05}, None, True),
        ({"error": 0.051}, {"max_error": 0.05}, None, False),
        ({"error": math.nan}, {"max_error": 0.05}, None, False),
        ({"agreement": 0.9}, {"min_agreement": 0.9}, None, True),
        ({"agreement": 0.89}, {"min_agreement": 0.9}, None, False),
        ({}, {"min_agreement": 0.9}, None, True),
        ({"agreement": 0.5}, {"min_agreement": 0.95}, LABELS, True),
        ({"agreement": 1.0}, {"min_agreement": 0.96}, LABELS, False),
        ({"agreement": 0.5, "blob": "other"}, {"min_agreement": 0.96}, LABELS, True),
        ({"agreement": 0.5}, {}, None, True),
    ],
)
def test_an_output_keeps_to_the_limits_that_speak_of_it(
    facts: dict, demand: dict, accuracy: Any, keeps: bool
) -> None:
    assert keeps_to(row(**facts), Demand(**demand), accuracy) is keeps


def test_a_net_that_got_better_agrees_in_full() -> None:
    better = verdict(row(agreement=0.3), accuracy=Accuracy("prob", 10, 0.5, 0.9))
    assert better.agreement == 1.0
