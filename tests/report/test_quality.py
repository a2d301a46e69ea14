"""The verdict on what is left of a net, as lines."""

from __future__ import annotations

from netsurgery.errors import Remedy
from netsurgery.quality import Quality
from netsurgery.quality.verdict import OutputQuality
from netsurgery.report.quality import quality_lines


def output(verdict: str, broken: bool = False) -> OutputQuality:
    return OutputQuality("prob", "classes", "a Softmax", verdict, (), "so it is", broken)


def as_option(name: str) -> str:
    return f"--{name}"


def test_what_is_good_is_said_once_with_the_outputs_it_rests_on() -> None:
    lines = quality_lines(Quality((output("good"),), ("inputs were calibrated with",)))
    assert lines == [
        "still good: good",
        "  'prob' (classes: a Softmax) good: so it is",
        "  caution: inputs were calibrated with",
    ]


def test_what_is_lost_is_loud_and_says_how_it_passes_all_the_same() -> None:
    (headline, *_) = quality_lines(Quality((output("lost"),)), as_option)
    assert headline == "still good: LOST; --accept_loss lets it pass"
    (headline, *_) = quality_lines(Quality((output("lost"),), accepted=True), as_option)
    assert headline == "still good: LOST, and accepted: the net is written all the same"


def test_what_is_broken_passes_with_nothing() -> None:
    for accepted in (False, True):
        quality = Quality((output("lost", broken=True),), accepted=accepted)
        assert quality_lines(quality, as_option)[0] == "still good: LOST"


def test_what_could_not_be_judged_says_why_once_and_what_to_do() -> None:
    quality = Quality(
        (output("unjudged"),), unjudged="so it is", remedy=Remedy("give more with {}", "inputs")
    )
    assert quality_lines(quality, as_option) == [
        "still good: unjudged",
        "  so it is",
        "  give more with --inputs",
    ]
    lost = Quality((output("lost"),), unjudged="no", remedy=Remedy("give {}", "inputs"))
    assert "  give --inputs" not in quality_lines(lost, as_option)
