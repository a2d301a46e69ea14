"""Names of layers are data: whatever they hold, every command shows them and obeys none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_models import decaying, make_model

NAMES = [
    r"a$\foo$b",
    "[bold red]x[/]",
    ":smile:",
    "<script>&amp;</script>",
    "{}{0}{braces} %s %",
    "${name}",
    "\x1b[31mred\x1b]0;title\x07",
    "two\nlines\r\t",
    "-o",
    "a=b=c",
    "a*[!b]?",
    "\u202egnp",
    "字" * 40,
    "'\"\\",
    "../up",
    "null",
    "_",
]


def escaped(name: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in name.encode())


@pytest.fixture
def named(tmp_path: Path):
    """Makes a pair whose first layer has a name."""

    def make(name: str) -> tuple[Path, Path]:
        text = f"""
        layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 48 }} }} }}
        layer {{ name: "{escaped(name)}" type: "InnerProduct" bottom: "data" top: "{escaped(name)}"
                inner_product_param {{ num_output: 32 bias_term: false }} }}
        layer {{ name: "last" type: "InnerProduct" bottom: "{escaped(name)}" top: "last"
                inner_product_param {{ num_output: 5 bias_term: false }} }}
        """  # noqa: E501
        blobs = {name: [decaying(32, 48)], "last": [decaying(5, 32)]}
        paths = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
        make_model(text, blobs).save(*paths)
        return paths

    return make


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_every_command_shows_every_name(netsurgery, named, tmp_path, name: str) -> None:
    pair, out, plan = named(name), tmp_path / "out", tmp_path / "plan.yaml"
    quiet = ["--no-verify", "-o", out]
    for line in (
        ["inspect", *pair],
        ["doctor", *pair],
        ["channels", pair[0]],
        ["plan", *pair, "--rank", "InnerProduct=3", "-o", plan],
        ["plan", *pair, "--rank", "InnerProduct=3"],
        ["explain", plan],
        ["apply", plan, *pair, "-o", tmp_path / "applied"],
        ["compress", *pair, "--rank", "InnerProduct=3", "--html", tmp_path / "p.html", *quiet],
        ["compress", *pair, "--plan", plan, *quiet],
        ["thin", *pair, "--keep", "InnerProduct=0.5", *quiet],
        ["rank", *pair],
        ["compress", *pair, "--rank", "InnerProduct=3", "--dry-run"],
    ):
        done = netsurgery(*line)
        assert done.status == 0, (line, done.err)
        for text in (done.out, done.err):
            assert "\x1b" not in text
            assert "\u202e" not in text
            assert "\r" not in text
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "\x1b" not in page
    edits = json.loads(netsurgery("explain", plan, "--json").out)["edits"]
    assert name in [one["layer"] for one in edits]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs terminals")
@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("name", ["inspect", "plan", "compress", "thin", "rank", "explain"])
def test_tables_are_legible_in_narrow_terminals(pair, tmp_path, name: str, width: int) -> None:
    out, plan = str(tmp_path / "out"), tmp_path / "plan.yaml"
    plan.write_text("edits: [{layer: fc6, method: svd, rank: 4, predicted: {macs: [9, 3]}}]")
    files = list(map(str, pair))
    line = {
        "inspect": ["inspect", *files],
        "plan": ["plan", *files, "--rank", "fc6=4", "-o", str(tmp_path / "p.yaml")],
        "compress": ["compress", *files, "--rank", "fc6=4", "--no-verify", "-o", out],
        "thin": ["thin", *files, "--keep", "0.5", "--no-verify", "-o", out],
        "rank": ["rank", *files],
        "explain": ["explain", str(plan)],
    }[name]
    text = in_terminal(line, width)
    shown = [row.rstrip() for row in text.split("\n")]
    assert "fc6" in text
    for row in shown:
        words = row.split()
        squeezed = len(words) > 1 and all(len(word) == 1 and word.isalpha() for word in words)
        assert not squeezed, text
        assert "───" not in row or len(row) <= width, row


def in_terminal(line: list[str], width: int) -> str:
    """What a command prints on a terminal of that width, without its colours."""
    import re

    master, slave = os.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "netsurgery", *line],
        stdout=slave,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    os.close(slave)
    found = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        found += piece
    os.close(master)
    assert process.wait(30) == 0, found
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", found.decode("utf-8")).replace("\r\n", "\n")
