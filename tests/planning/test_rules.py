from __future__ import annotations

import pytest

from netsurgery.errors import PlanError
from netsurgery.planning.rules import LayerRule, choose, parse_rule, refuse_idle, refuse_kept


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        ("rank", "fc6=1024", LayerRule("rank", "fc6", 1024, whole=True)),
        ("rank", "fc*=0.25", LayerRule("rank", "fc*", 0.25)),
        ("rank", "fc6=1", LayerRule("rank", "fc6", 1, whole=True)),
        ("rank", "fc6=1.0", LayerRule("rank", "fc6", 1.0)),
        ("rank", "0.5", LayerRule("rank", "*", 0.5)),
        ("rank", "conv*=evbmf", LayerRule("evbmf", "conv*", 1.0)),
        ("rank", "evbmf", LayerRule("evbmf", "*", 1.0)),
        ("rank", "a=b=7", LayerRule("rank", "a=b", 7, whole=True)),
        ("energy", "0.9", LayerRule("energy", "*", 0.9)),
        ("energy", "InnerProduct=0.9", LayerRule("energy", "InnerProduct", 0.9)),
        ("error", "fc7=0.05", LayerRule("error", "fc7", 0.05)),
    ],
)
def test_a_rule_is_read(kind: str, text: str, rule: LayerRule) -> None:
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


LAYERS = [(name, "InnerProduct") for name in ("fc6", "fc7", "score")] + [("conv1", "Convolution")]


def rules_of(*told: str) -> list[LayerRule]:
    return [parse_rule(*one.split(" ")) for one in told]


def test_what_speaks_more_closely_of_a_layer_holds() -> None:
    rules = rules_of("energy 0.9", "rank fc*=0.5", "energy fc6=0.8", "rank InnerProduct=7")
    chosen = [choose(rules, *layer, LAYERS) for layer in LAYERS]
    # A name; of two patterns the narrower one; a type; all.
    assert chosen == [rules[2], rules[1], rules[3], rules[0]]
    assert choose(rules[1:2], "score", "InnerProduct", LAYERS) is None
    # A name, though a pattern selects that layer alone.
    named, pattern = rules_of("rank fc6=3", "rank *6=5")
    assert choose([pattern, named], "fc6", "InnerProduct", LAYERS) is named


def test_rules_of_one_mind_do_not_contradict_each_other() -> None:
    rules = rules_of("rank fc6=4", "rank fc6=4", "energy 90%", "energy 0.9")
    assert choose(rules, "fc6", "InnerProduct", LAYERS) == rules[0]
    assert choose(rules, "fc7", "InnerProduct", LAYERS) == rules[2]


@pytest.mark.parametrize(
    "told",
    [
        ("rank fc6=4", "energy fc6=0.9"),
        ("rank fc6=4", "rank fc6=5"),
        ("rank fc6=1", "rank fc6=1.0"),
        ("energy 0.9", "error 0.1"),
        ("rank evbmf", "error 0.1"),
        ("rank fc*=3", "rank f*=4"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(told: tuple[str, ...]) -> None:
    for rules in (rules_of(*told), rules_of(*reversed(told))):
        with pytest.raises(PlanError, match=r"layer 'fc6': .* contradict each other; give one"):
            choose(rules, "fc6", "InnerProduct", LAYERS)


def test_rules_of_which_nothing_is_left_beside_what_is_kept_are_refused() -> None:
    refuse_kept(rules_of("rank fc*=0.5"), ["fc6"], LAYERS)
    for rule, keep in (
        ("rank fc6=4", "fc6"),
        ("rank fc6=4", "fc*"),
        ("rank fc*=4", "InnerProduct"),
    ):
        with pytest.raises(PlanError, match=r"speaks only of what is to be kept.*fc6"):
            refuse_kept(rules_of(rule), [keep], LAYERS)


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
