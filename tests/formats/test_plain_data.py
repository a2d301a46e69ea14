"""Text that means far more than stands there, or what is no plain data, is refused early."""

from __future__ import annotations

import time

import pytest

from netsurgery.errors import FormatError
from netsurgery.formats.plain_data import MismatchError, Schema, read_json, read_yaml

NINE = ", ".join(["*{0}"] * 9)
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{NINE.format(f'a{n - 1}')}]\n" for n in range(1, 30)
)
LADDER = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (BOMB, "its aliases make"),
        (LADDER, "nest it deeper than 50"),
        ("a: &a [*a]", "within what it means"),
        ("[" * 100_000, "1:51: nested deeper than 50"),
        ("a: " + "{b: " * 100 + "1" + "}" * 100, "nested deeper than 50"),
        ("a: 1\nb: 2\na: 3", "3:1: 'a' stands twice"),
        ("1: a", "the name 1 is not text"),
        ("? [a]\n: b", "is not text"),
        ("a: 1" + "0" * 5000, "no number of use here"),
        ("a: " + ":".join(["59"] * 5000), "no number of use here"),
        ("a: 2001-99-99", "this is not YAML"),
        ("a: !!bool x", "this is not YAML"),
        ("a: !!int [1]", "this is not YAML"),
        ("a: !!map [1]", "this is not YAML"),
        ("a: !!timestamp x", "this is not YAML"),
        ("a: !!python/name:os.system", "this is not YAML"),
        ("a: \x00", "this is not YAML"),
        ("a: [1", "this is not YAML"),
        ("<<: 3", "this is not YAML"),
    ],
)
def test_yaml_that_is_none_or_too_much(text: str, complaint: str) -> None:
    start = time.process_time()
    with pytest.raises(FormatError) as caught:
        read_yaml(text, "plan.yaml")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("plan.yaml")
    assert len(str(caught.value)) < 300
    assert time.process_time() - start < 5


def test_aliases_that_only_save_typing_are_taken() -> None:
    text = "a: &a {x: [1, 2]}\nb: [*a, *a]\nc: {<<: *a, y: 1}"
    own = {"x": [1, 2]}
    assert read_yaml(text) == {"a": own, "b": [own, own], "c": {"x": [1, 2], "y": 1}}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 5000, "nul", '{"a": }'])
def test_json_that_is_none(text: str) -> None:
    with pytest.raises(FormatError, match="this is not JSON"):
        read_json(text, "notes.json")


def test_a_schema_names_the_place_and_what_belongs_there() -> None:
    schema = Schema({"properties": {"a": {"items": {"type": "integer", "minimum": 1}}}})
    with pytest.raises(MismatchError) as caught:
        schema.check({"a": [1, 2, "x"]})
    assert caught.value.place == ["a", 2]
    assert caught.value.problem == "'x' is not a whole number"
    schema.check({"a": [1], "b": object()})
