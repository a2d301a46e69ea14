"""Write the pages of docs/reference that are made from the code.

python scripts/documents/reference.py

`tests/docs` holds the pages to what this makes.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Optional

import click

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made by scripts/docs --reference; what stands here is written in {}. -->"

LIBRARY_BEGINS = [
    "`import netsurgery as ns` offers what the commands do, under the same names, and what they",
    "are asked and answer with. It imports nothing heavy until it is used. What is not on this",
    "page may change at any time.",
]
LIBRARY = {
    "Functions": "Each does what the command of its name does, or a part of it.",
    "Requests": "What a function is asked: the options of its command, as data.",
    "Models, plans and results": "What functions take and give back.",
    "Errors": "Whatever goes wrong by the input's fault is one of these.",
    "Other names": "ResidualBranch those:",
}


def pages() -> Dict[str, str]:
    """Return each page that is made here, by the name of its file."""
    return {
        "commands.md": commands_page(),
        "library.md": library_page(),
        "glossary.md": glossary_page(),
    }


def commands_page() -> str:
    """Return the page of all commands, each with all of its options, as Markdown."""
    from netsurgery.cli import cli

    lines = [
        MADE.format("netsurgery/cli"),
        "",
        "# Commands",
        "",
        "Every command and every option. `netsurgery COMMAND --help` says the same on the",
        "terminal, and from where on an output is no longer good ([limits](../quality.md)).",
    ]
    for command in walk(click.Context(cli, info_name="netsurgery", **cli.context_settings)):
        lines += ["", *_command(command)]
    return "\n".join(lines) + "\n"


def walk(context: click.Context) -> Iterator[click.Context]:
    """Yield a command, and all that stand below it, each with the context it is called in."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            found = context.command.get_command(context, name)
            assert found
            yield from walk(type(context)(found, info_name=name, parent=context))


def _command(context: click.Context) -> List[str]:
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    lines = [f"## `{context.command_path}`", "", "```text", usage, "```", ""]
    lines += _paragraphs(inspect.cleandoc(context.command.help or ""))
    section: Optional[str] = None
    for option in options(context):
        found = getattr(option, "section", section) or "Options"
        if found != section:
            section = found
            lines += [f"**{section}**", ""]
        record = option.get_help_record(context)
        assert record
        lines += [f"`{record[0]}`", f": {_escaped(record[1])}", ""]
    return lines[:-1]


def options(context: click.Context) -> List[click.Option]:
    """Return the options of a command in the order of its headings, without ``--help``."""
    found: Dict[str, List[click.Option]] = {}
    title = "Options"
    for param in context.command.get_params(context):
        if "--help" in param.opts:
            continue
        if isinstance(param, click.Option) and param.get_help_record(context):
            title = getattr(param, "section", title)
            found.setdefault(title, []).append(param)
    return [option for section in found.values() for option in section]


def _paragraphs(text: str) -> List[str]:
    """The help of a command; what click is told not to wrap is code."""
    lines: List[str] = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b"):
            lines += ["```text", *paragraph.split("\n")[1:], "```", ""]
        else:
            lines += [_escaped(" ".join(paragraph.split())), ""]
    return lines


def library_page() -> str:
    """Return the page of all that `netsurgery` offers, which Sphinx fills from the docstrings."""
    import netsurgery

    sections: Dict[str, List[str]] = {title: [] for title in LIBRARY}
    for name in sorted(netsurgery.__all__, key=str.lower):
        thing = getattr(netsurgery, name)
        if not isinstance(thing, type):
            title = "Functions" if callable(thing) else "Other names"
        elif issubclass(thing, Exception):
            title = "Errors"
        else:
            title = "Requests" if name.endswith("Request") else "Models, plans and results"
        sections[title].append(name)
    lines = [MADE.format("the docstrings"), "", "# Library", "", *LIBRARY_BEGINS]
    for title, about in LIBRARY.items():
        if sections[title]:
            lines += ["", f"## {title}", "", about]
        for name in sections[title]:
            lines += ["", "```{eval-rst}", *_directive(name, getattr(netsurgery, name)), "```"]
    return "\n".join(lines) + "\n"


def _directive(name: str, thing: object) -> List[str]:
    if isinstance(thing, type):
        return [f".. autoclass:: netsurgery.{name}", "   :members:"]
    if callable(thing):
        return [f".. autofunction:: netsurgery.{name}"]
    return [f".. py:data:: netsurgery.{name}"]


def glossary_page() -> str:
    """Return the page of all words of the output, as Markdown."""
    from netsurgery.report.glossary import glossary_terms

    lines = [
        MADE.format("netsurgery/report/glossary.py, and of methods and criteria in themselves"),
        "",
        "# Glossary",
        "",
        "What the words of the output mean. `netsurgery help WORD` says it on the terminal, and",
        "`netsurgery help terms` says all.",
    ]
    for heading, terms in glossary_terms().items():
        lines += ["", f"## {heading}"]
        for term, text in terms.items():
            lines += ["", term, f": {_escaped(text)}"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Plain text as Markdown: flags are code, and what would be markup outside of code is not."""
    text = " ".join(text.replace("``", "`").split())
    text = re.sub(r"(?<![\w`-])--[a-z][\w-]+(?![^`]*`(?:[^`]*`[^`]*`)*[^`]*$)", r"`\g<0>`", text)
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<\[\]\\])", r"\\\1", part) for part in parts
    )


def main() -> int:
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
