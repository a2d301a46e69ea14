from __future__ import annotations

import pytest

from netsurgery.errors import PlanError
from netsurgery.planning.rules import Rule, choose, parse_rule, refuse_idle


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        ("rank", "fc6=1024", Rule("rank", "fc6", 1024, whole=True)),
        ("rank", "fc*=0.25", Rule("rank", "fc*", 0.25)),
        ("rank", "fc6=1", Rule("rank", "fc6", 1, whole=True)),
        ("rank", "fc6=1.0", Rule("rank", "fc6", 1.0)),
        ("rank", "0.5", Rule("rank", "*", 0.5)),
        ("rank", "conv*=evbmf", Rule("evbmf", "conv*", 1.0)),
        ("rank", "evbmf", Rule("evbmf", "*", 1.0)),
        ("rank", "a=b=7", Rule("rank", "a=b", 7, whole=True)),
        ("energy", "0.9", Rule("energy", "*", 0.9)),
        ("energy", "InnerProduct=0.9", Rule("energy", "InnerProduct", 0.9)),
        ("error", "fc7=0.05", Rule("error", "fc7", 0.05)),
    ],
)
def test_a_rule_is_read(kind: str, text: str, rule: Rule) -> None:
    assert parse_rule(kind, text) == rule


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("rank", "1024"),
        ("rank", "fc6"),
        ("rank", "fc6="),
        ("rank", "fc6=0"),
        ("rank", "fc6=-3"),
        ("rank", "fc6=1.5"),
        ("rank", "fc6=nan"),
        ("energy", "fc6=2"),
        ("energy", "0"),
        ("energy", "ninety"),
        ("error", "1"),
    ],
)
def test_what_is_no_rule_is_refused(kind: str, text: str) -> None:
    with pytest.raises(PlanError, match=f"^{kind} "):
        parse_rule(kind, text)


def test_a_name_beats_a_pattern_and_a_rank_beats_an_energy() -> None:
    rules = [
        parse_rule("energy", "0.9"),
        parse_rule("rank", "fc*=0.5"),
        parse_rule("energy", "fc6=0.8"),
    ]
    assert choose(rules, "fc6", "InnerProduct") == rules[2]
    assert choose(rules, "fc7", "InnerProduct") == rules[1]
    assert choose(rules, "score", "InnerProduct") == rules[0]


def test_a_rank_beats_one_that_noise_tells() -> None:
    rules = [parse_rule("rank", "fc*=3"), parse_rule("rank", "evbmf"), parse_rule("error", "0.1")]
    assert choose(rules, "fc6", "InnerProduct") == rules[0]
    assert choose(rules, "score", "InnerProduct") == rules[1]
    assert str(rules[1]) == "rank *=evbmf"


def test_of_equal_rules_the_last_counts() -> None:
    rules = [parse_rule("rank", "fc*=3"), parse_rule("rank", "f*=4")]
    assert choose(rules, "fc6", "InnerProduct") == rules[1]


def test_a_name_that_looks_like_a_glob_selects_itself() -> None:
    rule = parse_rule("rank", "conv[1]=3")
    assert rule.selects("conv[1]", "InnerProduct")


def test_a_rule_that_selects_nothing_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(PlanError, match=r"fc9=3 selects no InnerProduct layer; .*fc6, fc7"):
        refuse_idle(
            [parse_rule("rank", "fc9=3")],
            [("fc6", "InnerProduct"), ("fc7", "InnerProduct")],
            "InnerProduct",
        )
