"""Help that can be read: options under headings, no line too wide, nothing cut off."""

from __future__ import annotations

import re
from typing import Dict, List

import click
import pytest
from click.testing import CliRunner

from netsurgery.cli import cli
from netsurgery.jobs import known_recipes, recipe_names
from netsurgery.report.glossary import glossary_terms

WIDTHS = (60, 72, 80, 100)
LONG = 10
"""Options above which nobody finds one in a list without headings."""


def all_commands() -> Dict[str, click.Command]:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def help_of(*arguments: str, width: int = 80) -> str:
    done = CliRunner().invoke(cli, [*arguments, "--help"], terminal_width=width)
    assert done.exit_code == 0, done.output
    return done.output


def headings(text: str) -> List[str]:
    return re.findall(r"^(\S.*):$", text, re.MULTILINE)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_commands_tells_each_whole(width: int) -> None:
    text = " ".join(help_of(width=width).split())
    assert "..." not in text.split("Commands:")[1]
    for name, command in all_commands().items():
        assert command.help
        first = " ".join(command.help.split("\n\n")[0].split())
        sentence = first.split(". ")[0].rstrip(".")
        assert f" {name} {sentence}" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", sorted(all_commands()))
def test_no_help_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = help_of(name, width=width).splitlines()
    # Lines of examples are not wrapped, as people copy them.
    wide = [one for one in lines if len(one) > width and not one.strip().startswith("netsurgery ")]
    assert not wide


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_long_help_stands_under_headings(name: str) -> None:
    command, text = all_commands()[name], help_of(name)
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if len(options) > LONG:
        assert "Options" not in headings(text)
        assert len(headings(text)) >= 4
    assert len(headings(text)) == len(set(headings(text)))
    for option in options:
        assert len(re.findall(rf"^  .*{re.escape(option.opts[0])}\b", text, re.MULTILINE)) >= 1
        assert option.help, f"{name} {option.opts[0]} says nothing of itself"


def test_the_options_of_compress_stand_where_they_belong() -> None:
    parts = re.split(r"^(\S.*):$", help_of("compress", width=100), flags=re.MULTILINE)
    where = {
        option: heading
        for heading, body in zip(parts[1::2], parts[2::2])
        for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", body, re.MULTILINE)
    }
    assert where["--rank"] == where["--energy"] == "What to compress, by rules"
    assert where["--macs"] == where["--latency"] == "What to compress, by a budget"
    assert where["--method"] == "How to compress"
    assert where["--inputs"] == where["--max-error"] == "Judging the result"
    assert where["--output"] == where["--json"] == where["--help"] == "Output"


def test_help_lists_explains_commands_and_words(netsurgery) -> None:
    assert netsurgery("help").out == netsurgery("--help").out
    assert "`netsurgery help terms`" in netsurgery("help").out
    assert netsurgery("help", "compress").out == netsurgery("compress", "--help").out
    assert "netsurgery engines install" in netsurgery("help", "engines", "install").out
    assert "float arithmetic" in netsurgery("help", "NOISE").out
    assert "will be from the original's" in netsurgery("help", "predicted", "error").out


def test_a_command_that_is_a_word_too_is_told_as_both(netsurgery) -> None:
    shown = netsurgery("help", "rank").out
    assert "Usage: netsurgery rank" in shown
    assert "How narrow a layer becomes" in " ".join(shown.split())


def test_help_terms_has_all_words_in_any_width(netsurgery) -> None:
    shown = netsurgery("help", "TERMS")
    assert shown.status == 0
    text = " ".join(shown.out.split())
    for terms in glossary_terms().values():
        for name, told in terms.items():
            assert f"{name} {told}" in text
    assert max(map(len, shown.out.splitlines())) <= 80


def test_help_for_what_there_is_not_is_a_line(netsurgery) -> None:
    done = netsurgery("help", "compres")
    assert done.status == 2
    assert "there is no term 'compres'" in done.err
    assert "`netsurgery help`" in done.err


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_recipes_stand_in_the_help_of_the_commands_that_take_them(name: str) -> None:
    helps = [
        getattr(one, "help", "") for one in all_commands()[name].params if one.name == "recipe"
    ]
    job = "compress" if name == "plan" else name  # of which it is the first half
    assert tuple(re.findall(r"[a-z]+\d{4}", "".join(helps))) == recipe_names(job)


def test_all_recipes_are_listed_with_their_commands_and_sources() -> None:
    done = CliRunner().invoke(cli, ["help", "recipes"], terminal_width=100)
    text = " ".join(done.output.split())
    for name, recipe in known_recipes().items():
        listed = f"{name} {', then '.join(recipe.steps)}: {recipe.description} ({recipe.source})"
        assert listed in text
