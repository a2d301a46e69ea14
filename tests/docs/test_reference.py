"""docs/reference says all that there is: every command, every option, every word of the output."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Dict, Tuple

import click
import pytest
from documents.reference import pages, walk

import netsurgery
from netsurgery.cli import cli
from netsurgery.report.glossary import glossary_terms

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def sections(page: str) -> Dict[str, str]:
    """The text below each heading that is a command."""
    _, *parts = re.split(r"^## `(.*)`$", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2]))


def root() -> click.Context:
    return click.Context(cli, info_name="netsurgery", **cli.context_settings)


def spellings(context: click.Context) -> Tuple[str, ...]:
    """Every way to spell an option of a command."""
    found = [
        name
        for param in context.command.get_params(context)
        if isinstance(param, click.Option) and not param.hidden and "--help" not in param.opts
        for name in (*param.opts, *param.secondary_opts)
    ]
    return tuple(found)


def test_every_command_and_every_option_is_there() -> None:
    found = sections(read("commands.md"))
    there = {context.command_path: context for context in walk(root())}
    assert set(found) == set(there)
    missing = [
        f"{path} {name}"
        for path, context in there.items()
        for name in spellings(context)
        if not re.search(rf"^`[^`]*(?<![\w-]){re.escape(name)}(?![\w-])", found[path], re.MULTILINE)
    ]
    assert not missing, "run scripts/docs --reference"


def test_no_option_is_there_that_is_not() -> None:
    there = {context.command_path: spellings(context) for context in walk(root())}
    for path, text in sections(read("commands.md")).items():
        listed = {
            name
            for line in re.findall(r"^`(-[^`]*)`\n: ", text, re.MULTILINE)
            for name in re.findall(r"(?<![\w-])--?[a-z][\w-]*", line)
        }
        assert listed == set(there[path]), path


def test_every_name_of_the_library_is_there_once() -> None:
    listed = re.findall(r"^\.\. [\w:]+:: netsurgery\.(\w+)$", read("library.md"), re.MULTILINE)
    assert sorted(listed) == sorted(netsurgery.__all__), "run scripts/docs --reference"


def test_every_word_of_the_output_is_there() -> None:
    page = read("glossary.md")
    for heading, terms in glossary_terms().items():
        section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        assert re.findall(r"^(.*)\n: ", section, re.MULTILINE) == list(terms)


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_pages_are_as_they_are_made(name: str) -> None:
    if name == "commands.md" and version("click").startswith("8.1."):
        pytest.skip("the click of Python 3.9 spells usage and defaults otherwise")
    assert read(name) == pages()[name], "run scripts/docs --reference"
