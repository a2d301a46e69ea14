"""Curves of training and of rounds of pruning, as files."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import List

import pytest

from netsurgery.errors import FormatError
from netsurgery.pruning import LoopRound
from netsurgery.report import plot_rounds, plot_training
from netsurgery.training import History, Judged, Validation

WHEN = ("before", "after")


def validations() -> List[Validation]:
    """Five, of which the third is the best, and one whose loss is no number."""
    found = []
    for number in range(5):
        judged = Judged(2.0 / (number + 1), {"accuracy": 0.5 + number / 1000})
        loss, rate = (1.0, 0.1) if number else (None, None)
        found.append(Validation(10 * number, judged, loss, rate, number == 2))
    return [*found, Validation(50, Judged(math.nan), 0.7, 0.1)]


def test_curves_are_the_same_file_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = validations()
    for name in ("a.svg", "b.svg"):
        plot_training(History(run), tmp_path / name)
    drawn = (tmp_path / "a.svg").read_text()
    assert drawn == (tmp_path / "b.svg").read_text()
    told = set(re.findall(r">([^<>\n]+)</text>", drawn))
    assert {"loss, aside", "loss, training", "accuracy, aside", "best", "steps"} <= told
    plot_training(History(run), tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FormatError):
        plot_training(History(run), tmp_path / "none" / "d.svg")


def test_rounds_show_the_net_before_and_after_each_tuning(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = validations()[:5]
    rounds = [LoopRound(number, {"macs": 1e7}, run[0], run[2], 40) for number in (1, 2)]
    plot_rounds(rounds, tmp_path / "rounds.svg")
    drawn = (tmp_path / "rounds.svg").read_text()
    told = set(re.findall(r">([^<>\n]+)</text>", drawn))
    names = {
        f"{what}, {when} tuning" for what in ("loss", "accuracy") for when in ("before", "after")
    }
    assert {*names, "rounds", "%"} <= told
    assert {"1", "2", "10", "million MACs"} <= told
    assert "1.5" not in told  # there is no half round
    zeros = [LoopRound(number, {"sparsity": 0.3 * number}, run[0], run[2], 40) for number in (1, 2)]
    plot_rounds(zeros, tmp_path / "zeros.svg")
    assert {"30", "60", "% zero"} <= set(
        re.findall(r">([^<>\n]+)</text>", (tmp_path / "zeros.svg").read_text())
    )


def test_the_legend_covers_no_curve(tmp_path: Path) -> None:
    """It stands below the axes: what is drawn on the second ones would lie over it."""
    pytest.importorskip("matplotlib")
    run = validations()[:5]
    rounds = [LoopRound(number, {"macs": 10.0}, run[0], run[2], 40) for number in (1, 2)]
    plot_rounds(rounds, tmp_path / "rounds.svg")
    drawn = (tmp_path / "rounds.svg").read_text()
    # SVG counts downwards: the legend begins where the lowest label of the axes is behind.
    assert drawn.index('id="legend_1"') > drawn.index('id="axes_2"')
    frame = re.search(r'id="patch_2">\s*<path d="M [\d.]+ ([\d.]+)', drawn)
    legend = re.search(r'id="legend_1">.*?<path d="M [\d.]+ ([\d.]+)', drawn, re.DOTALL)
    assert frame
    assert legend
    assert float(legend.group(1)) > float(frame.group(1))
