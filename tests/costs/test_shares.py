from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from netsurgery.budgets.sweep import parse_sweep
from netsurgery.costs import parse_bytes
from netsurgery.costs.shares import parse_number, parse_share
from netsurgery.errors import PlanError
from netsurgery.planning.rules import LayerRule, parse_rule


@given(st.integers(0, 100_000))
def test_percent_is_the_very_number_that_a_fraction_is(thousandths: int) -> None:
    assert parse_share(f"{thousandths / 1000}%") == float(f"{thousandths}e-5")
    assert parse_number(f" {thousandths / 1000} % ") == float(f"{thousandths}e-5")


@given(st.decimals(0, 1, allow_nan=False, places=6))
def test_a_fraction_is_read_as_python_reads_it(fraction: object) -> None:
    assert parse_share(str(fraction)) == float(str(fraction))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("90", "say 0.9 or 90%"),
        ("1.5", "say 0.015 or 1.5%"),
        ("100", "say 1 or 100%"),
        ("101", "lies between 0 and 1"),
        ("150%", "lies between 0 and 1"),
        ("-1", "lies between 0 and 1"),
        ("-5%", "lies between 0 and 1"),
        ("nan", "write 0.9 or 90%"),
        ("inf", "write 0.9 or 90%"),
        ("%", "write 0.9 or 90%"),
        ("0.5x", "write 0.9 or 90%"),
        ("90%%", "write 0.9 or 90%"),
        ("", "write 0.9 or 90%"),
    ],
)
def test_what_is_no_share_is_refused_with_how_it_is_written(text: str, remedy: str) -> None:
    with pytest.raises(PlanError, match=remedy):
        parse_share(text)


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        ("rank", "fc*=25%", LayerRule("rank", "fc*", 0.25)),
        ("rank", "50%", LayerRule("rank", "*", 0.5)),
        ("rank", "fc6=100%", LayerRule("rank", "fc6", 1.0)),
        ("rank", "fc6=50", LayerRule("rank", "fc6", 50, whole=True)),
        ("keep", "conv1=50%", LayerRule("keep", "conv1", 0.5)),
        ("energy", "90%", LayerRule("energy", "*", 0.9)),
        ("energy", "fc6=97.5%", LayerRule("energy", "fc6", 0.975)),
        ("error", "fc7=5%", LayerRule("error", "fc7", 0.05)),
    ],
)
def test_rules_take_shares_in_percent(kind: str, text: str, rule: LayerRule) -> None:
    assert parse_rule(kind, text) == rule


@pytest.mark.parametrize(("kind", "text"), [("energy", "90"), ("error", "fc6=90")])
def test_a_rule_says_how_the_share_is_written(kind: str, text: str) -> None:
    with pytest.raises(PlanError, match=r"say 0.9 or 90%"):
        parse_rule(kind, text)


def test_sizes_and_sweeps_take_shares_in_percent() -> None:
    assert parse_bytes("50%") == parse_bytes("0.5") == 0.5
    assert parse_bytes("5kB") == 5000
    for wrong in ("150%", "1.5", "0%"):
        with pytest.raises(PlanError):
            parse_bytes(wrong)
    assert parse_sweep("30%:90%:20%") == parse_sweep("macs=0.3:0.9:0.2")
    for wrong in ("30:90:10", "90%:30%:10%", "0.3:0.9", "width=0.3:0.9:0.1", "0.1:0.9:0.0001"):
        with pytest.raises(PlanError):
            parse_sweep(wrong)
