"""README.md and docs/ show real output: their commands are run, and compared."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

import click
import pytest
from documents.outputs import (
    BLOCK,
    ROOT,
    Terminal,
    difference,
    pages_with_output,
    renewed,
    shown_in,
)

from netsurgery.cli import cli
from netsurgery.cli._zoo_words import command_called

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```(?:console|shell)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", pages_with_output(), ids=lambda page: page.stem)
def test_a_page_shows_real_output(page: Path, tmp_path: Path, caffe_python: str) -> None:
    for name in ("folder", "tools"):
        (tmp_path / name).mkdir()
    terminal = Terminal(tmp_path / "folder", tmp_path / "tools", caffe_python)
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for command, output in shown_in(block):
            printed = terminal.run(command)
            assert not difference(output, printed.text), f"$ {command}; scripts/docs --update"


def test_the_readme_shows_something() -> None:
    assert ROOT / "README.md" in pages_with_output()


def command_lines(text: str) -> Iterator[str]:
    """Each line of a page's blocks that calls netsurgery, as it is typed."""
    for block in FENCED.findall(text):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            line = line[2:] if line.startswith("$ ") else line
            if re.match(r"netsurgery [a-z]", line):
                yield line


def unknown(line: str) -> List[str]:
    """The words of a command line that netsurgery would not take: commands and options."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return [words[0]]
        command = found
        words = words[1:]
    others = [command_called(name) for name in getattr(command, "passes", ())]
    known = {
        name
        for one in (command, *others)
        for param in one.params
        for name in (*param.opts, *param.secondary_opts)
    }
    options = [word.split("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)]
    return [option for option in options if option not in known | {"-h", "--help"}]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_shows_an_option_that_is_not(page: Path) -> None:
    lines = command_lines(page.read_text(encoding="utf-8"))
    wrong: List[Tuple[str, List[str]]] = [(line, unknown(line)) for line in lines if unknown(line)]
    assert not wrong


def test_what_is_unknown_is_seen() -> None:
    assert unknown("netsurgery compress a b --rank fc6=1 --no-such") == ["--no-such"]
    assert unknown("netsurgery shrink a b") == ["shrink"]
    assert unknown("netsurgery engines install caffe") == []
    assert unknown("netsurgery zoo run a -o b --rank fc6=1 --no-such") == ["--no-such"]


SHOWN = "$ netsurgery x \\\n    --y\none 1.00\n...\nlast 10 kB\n"


def test_a_block_is_read() -> None:
    assert list(shown_in(SHOWN + "\n$ ls\n")) == [
        ("netsurgery x \\\n    --y", "one 1.00\n...\nlast 10 kB"),
        ("ls", ""),
    ]


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ("one 1.01\nlast 10 kB", True),
        ("one 1.01\nbetween\nlast 10 kB", True),
        ("one 1.1\nlast 10 kB", False),
        ("one 1.01\nlast 10 kB\nbehind", False),
        ("before\none 1.01\nlast 10 kB", False),
        ("one 1.01", False),
    ],
)
def test_what_is_left_out_is_not_compared(printed: str, same: bool) -> None:
    assert (difference("one 1.00\n...\nlast 10 kB", printed) is None) is same


def test_nothing_may_be_missing_where_nothing_is_left_out() -> None:
    assert difference("one", "one two") is not None
    assert difference("one two", "one") is not None


def test_as_many_lines_are_renewed_as_were_shown() -> None:
    shown = "head 1\n...\nrow 1\n...\nlast 1"
    assert renewed(shown, "head 2\na\nb\nrow 2\nc\nlast 2") == "head 2\n...\nrow 2\n...\nlast 2"
    assert renewed("old", "new\nlines") == "new\nlines"
    assert renewed("...\nrow 1\n...", "head 2\na\nrow 2\nb") == "...\nrow 2\n..."
    assert renewed("...\nsaid no\n...", "head 2\nsaid yes") == "...\nsaid no\n..."


PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WITH_PYTHON = [page for page in PAGES if PYTHON.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_what_a_page_shows_of_the_library_runs(page: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    program = "\n".join(PYTHON.findall(page.read_text(encoding="utf-8")))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True)
    assert not done.returncode, done.stderr.decode()
