"""A drawn net: no box upon another, every line from the box that makes to the one that reads."""

from __future__ import annotations

import re
from itertools import combinations
from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from small_models import make_model

from netsurgery.report.html.graph_drawing import Box, Drawing, draw_net

pytest.importorskip("igraph")

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }\n'


def layer(name: str, kind: str, bottoms: List[str], top: str) -> str:
    read = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}" {read} top: "{top}" }}\n'


def drawn(text: str, *changed: str) -> Drawing:
    return draw_net(make_model(INPUT + text, {}), set(changed), "before")


def box(drawing: Drawing, name: str) -> Box:
    (found,) = [one for one in drawing.boxes if one.name == name]
    return found


def apart(one: Box, other: Box) -> bool:
    return (
        one.left + one.width <= other.left
        or other.left + other.width <= one.left
        or one.top + one.height <= other.top
        or other.top + other.height <= one.top
    )


def ends(path: str) -> Tuple[Tuple[float, float], Tuple[float, float]]:
    """Where a path of absolute M, V and C begins and ends."""
    x = y = 0.0
    first = None
    for command, numbers in re.findall(r"([MVC])([^MVC]*)", path):
        values = [float(number) for number in numbers.split()]
        x, y = (x, values[0]) if command == "V" else (values[-2], values[-1])
        first = first or (x, y)
    assert first
    return first, (x, y)


def test_what_computes_in_place_stands_in_the_box_of_what_it_computes_on() -> None:
    made = drawn(layer("p", "Power", ["data"], "p") + layer("r", "ReLU", ["p"], "p"), "r")
    assert [one.name for one in made.boxes] == ["data", "p"]
    both = box(made, "p")
    assert both.lines == ["Power 1x4", "+ ReLU"]
    assert both.full == "p: Power\nr: ReLU"
    assert [one.changed for one in made.boxes] == [False, True]


def test_a_chain_is_one_straight_column() -> None:
    names = [f"p{number}" for number in range(60)]
    text = "".join(
        layer(name, "Power", [before], name) for before, name in zip(["data", *names], names)
    )
    made = drawn(text)
    assert len({one.left for one in made.boxes}) == 1
    assert made.width < 360
    assert all("C" not in line for line in made.lines)


def test_a_line_past_a_row_goes_beside_its_boxes() -> None:
    text = layer("a", "Power", ["data"], "a") + layer("b", "Power", ["a"], "b")
    made = drawn(text + layer("sum", "Eltwise", ["data", "b"], "sum"))
    (long,) = [line for line in made.lines if "C" in line]
    across = [float(x) for x in re.findall(r"C[\d.]+ [\d.]+ ([\d.]+)", long)]
    right = max(one.left + one.width for one in (box(made, "a"), box(made, "b")))
    assert max(across) > right
    assert max(across) <= made.width


def test_long_names_are_cut_and_told_whole_to_who_points() -> None:
    name = "inception_4d/5x5_reduce/with/a/name/of/no/end"
    made = drawn(layer(name, "Power", ["data"], "p"))
    shown = made.boxes[1]
    assert len(shown.name) == 21
    assert shown.name.startswith("inception_")
    assert shown.name.endswith("of/no/end")
    assert shown.full == f"{name}: Power"


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=3), min_size=1, max_size=12))
def test_boxes_are_apart_and_lines_join_them(sources: List[List[int]]) -> None:
    values, text = ["data"], ""
    for number, chosen in enumerate(sources):
        bottoms = list(dict.fromkeys(values[one % len(values)] for one in chosen))
        text += layer(f"n{number}", "Eltwise", [*bottoms, *bottoms][:2] + bottoms[2:], f"n{number}")
        values.append(f"n{number}")
    made = drawn(text)
    assert len(made.boxes) == len(values)
    assert all(apart(one, other) for one, other in combinations(made.boxes, 2))
    assert all(one.left >= 0 and one.left + one.width <= made.width for one in made.boxes)
    assert all(one.top >= 0 and one.top + one.height <= made.height for one in made.boxes)
    tops = {(round(one.left + one.width / 2, 1), one.top) for one in made.boxes}
    feet = {(round(one.left + one.width / 2, 1), one.top + one.height) for one in made.boxes}
    for line in made.lines:
        start, end = ends(line)
        assert min(np.hypot(start[0] - x, start[1] - y) for x, y in feet) < 0.2
        assert min(np.hypot(end[0] - x, end[1] - y) for x, y in tops) < 0.2
        assert start[1] < end[1]
