"""Templates of new layers: filled in, and sound."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.prototxt.template import quoted, render, template_names

TEMPLATE = """# $comment costs $$5
layer {
  name: $name
$fields
  inner_product_param { num_output: ${rank} }
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.prototxt").write_text(TEMPLATE)
    return tmp_path


def test_placeholders_are_filled_in(folder: Path) -> None:
    values = {"comment": "x", "name": quoted('a "b" $name'), "rank": 3, "fields": ""}
    assert render("mine", values, folder) == (
        b'# x costs $5\nlayer {\n  name: "a \\"b\\" $name"\n'
        b"  inner_product_param { num_output: 3 }\n}\n"
    )


def test_whole_lines_stand_in_for_a_placeholder(folder: Path) -> None:
    lines = '  bottom: "$a"  # one\n  top: "b"\n'
    text = render("mine", {"comment": "", "name": '"n"', "rank": 3, "fields": lines}, folder)
    assert text.count(b"\n\n") == 0
    (layer,) = Prototxt.parse(text).layers
    assert (layer.bottoms, layer.tops) == (("$a",), ("b",))


@given(st.text(st.characters(codec="utf-8")))
def test_any_name_survives_quoting(name: str) -> None:
    (layer,) = Prototxt.parse(f"layer {{ name: {quoted(name)} }}".encode()).layers
    assert layer.name == name


def test_every_shipped_template_is_there() -> None:
    shipped = Path(__file__).parents[2] / "prototxt_templates"
    assert set(template_names()) == {path.stem for path in shipped.glob("*.prototxt")}
    assert "inner_product_pair" in template_names()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": '"n"', "fields": "", "comment": ""}, "no value is given for $rank"),
        ({"name": "n", "fields": "", "comment": "", "rank": 3}, ":3:9: .*name takes a string"),
        ({"name": '"n"', "fields": "", "comment": "", "rank": -3}, "num_output takes an integer"),
        ({"name": '"n"', "fields": "}", "comment": "", "rank": 3}, ":6:1: `}` closes nothing"),
    ],
)
def test_wrong_values_are_refused(folder: Path, values: dict, words: str) -> None:
    with pytest.raises(FormatError, match=words.replace("$", r"\$")) as caught:
        render("mine", values, folder)
    assert str(folder) in str(caught.value)


def test_fields_of_forks_may_come_in_by_a_value_only(folder: Path) -> None:
    (folder / "fork.prototxt").write_text("layer { $fields }")
    assert render("fork", {"fields": "fork: 1"}, folder) == b"layer { fork: 1 }"


def test_wrong_templates_are_refused(folder: Path) -> None:
    with pytest.raises(FormatError, match=r"no template other\.prototxt in .* nor "):
        render("other", {}, folder)
    (folder / "odd.prototxt").write_text("layer { nam: 1 $fields }")
    with pytest.raises(FormatError, match="a layer has no field nam"):
        render("odd", {"fields": ""}, folder)
    (folder / "odd.prototxt").write_text("layer { name: $ }")
    with pytest.raises(FormatError, match=r"write \$\$ for \$"):
        render("odd", {}, folder)
