"""``netsurgery help``: what commands do, and what the words of their output mean."""

from __future__ import annotations

from typing import Optional, Tuple

import click

from netsurgery.cli._command import Command
from netsurgery.errors import NetsurgeryError

TERMS, PRESETS, RECIPES = "terms", "presets", "recipes"


@click.command("help", cls=Command)
@click.argument("topic", nargs=-1, metavar="[TOPIC]")
@click.pass_context
def command(ctx: click.Context, topic: Tuple[str, ...]) -> None:
    """Explain a command, or a word of the output; without TOPIC, list what there is.

    \b
    netsurgery help compress
    netsurgery help terms
    netsurgery help presets
    netsurgery help recipes
    netsurgery help predicted error
    """
    from netsurgery.report import is_term

    above = ctx.parent
    assert above is not None
    assert isinstance(above.command, click.Group)
    if not topic:
        click.echo(above.get_help())
        return
    found = _subcommand(above, topic)
    if found is not None:
        click.echo(found.get_help())
        if is_term(topic[0]):
            click.echo(f"\nAs a word of the output:\n\n{_term(topic[0], _width(ctx))}")
    elif [one.lower() for one in topic] == [TERMS]:
        click.echo(_terms(_width(ctx)))
    elif [one.lower() for one in topic] == [PRESETS]:
        click.echo(_presets(_width(ctx)))
    elif [one.lower() for one in topic] == [RECIPES]:
        click.echo(_recipes(_width(ctx)))
    else:
        click.echo(_term(" ".join(topic), _width(ctx)))


def _subcommand(above: click.Context, names: Tuple[str, ...]) -> Optional[click.Context]:
    """The context of a command below another one, or None where there is none of that name."""
    for name in names:
        group = above.command
        found = group.get_command(above, name) if isinstance(group, click.Group) else None
        if found is None:
            return None
        above = found.context_class(found, info_name=name, parent=above)
    return above


def _terms(width: int) -> str:
    from netsurgery.report import glossary_terms

    formatter = click.HelpFormatter(width=width)
    for heading, terms in glossary_terms().items():
        with formatter.section(heading):
            formatter.write_dl(list(terms.items()), col_max=20)
    return formatter.getvalue().rstrip()


def _presets(width: int) -> str:
    from netsurgery.calibration import ALIASES, known_presets

    formatter = click.HelpFormatter(width=width)
    with formatter.section("Presets, for --preset NAME"):
        rows = [(name, one.description) for name, one in known_presets().items()]
        formatter.write_dl([*rows, *((name, f"as {other}") for name, other in ALIASES.items())])
    return formatter.getvalue().rstrip()


def _recipes(width: int) -> str:
    from netsurgery.jobs import known_recipes

    formatter = click.HelpFormatter(width=width)
    with formatter.section("Ways known from papers, for --recipe NAME of the commands named"):
        formatter.write_dl(
            [
                (name, f"{', then '.join(one.steps)}: {one.description} ({one.source})")
                for name, one in known_recipes().items()
            ]
        )
    return formatter.getvalue().rstrip()


def _term(word: str, width: int) -> str:
    from netsurgery.report import explain_word

    try:
        text = explain_word(word)
    except NetsurgeryError as error:
        remedy = f"{error.remedy}; commands are listed by `netsurgery help`"
        raise NetsurgeryError(error.problem, remedy=remedy) from None
    formatter = click.HelpFormatter(width=width)
    with formatter.section(word):
        formatter.write_text(text)
    return formatter.getvalue().rstrip()


def _width(ctx: click.Context) -> int:
    return ctx.make_formatter().width
