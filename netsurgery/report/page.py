"""A compression as one HTML page that needs nothing beside it."""

from __future__ import annotations

import html
import io
from pathlib import Path
from string import Template
from typing import Any, Callable, Iterable, Iterator, Sequence, Union

import numpy as np

from netsurgery.errors import visible
from netsurgery.formats import write_whole
from netsurgery.jobs import Compression
from netsurgery.methods import ChainMethod, low_rank_method, method
from netsurgery.quality import DEGRADED, GOOD, LOST, UNJUDGED
from netsurgery.report.compression import layer_rows, saving_rows, verdict
from netsurgery.report.glossary import TERMS
from netsurgery.report.plots import require_plots
from netsurgery.report.verification import BLOB_COLUMNS, accuracy_line, blob_row, describe
from netsurgery.surgery import Step
from netsurgery.version import __version__

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b1f24; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .75rem; text-align: right; }
td:first-child, th:first-child { text-align: left; }
thead th { border-bottom: 2px solid #59636e; } tbody td { border-bottom: 1px solid #d1d9e0; }
.passed { color: #116329; } .failed { color: #a40e26; } .doubtful { color: #7d4e00; }
svg { max-width: 100%; height: auto; } footer { margin-top: 3rem; color: #59636e; }
</style>
</head>
<body>
<h1>$title</h1>
<p class="$mood">$verdict</p>
<h2>Layers</h2>
$layers
<h2>Savings</h2>
$savings
$effect
$plots
$words
<footer>netsurgery $version</footer>
</body>
</html>
""")


_MOODS = {GOOD: "passed", DEGRADED: "doubtful", UNJUDGED: "doubtful", LOST: "doubtful"}


def write_page(
    done: Compression, path: Union[str, Path], flag: Callable[[str], str] = "`{}`".format
) -> None:
    """Write the report as a page, with the spectrum of each factored layer.

    Args:
        done: The compression.
        path: The page.
        flag: Names an argument of the library, in what there is to do.

    Raises:
        NetsurgeryError: matplotlib, which draws the plots, is not installed.
        FormatError: The file cannot be written.
    """
    columns, rows = layer_rows(done)
    values = {
        "title": _text(f"{done.files[0].name}, compressed"),
        "mood": _MOODS[done.quality.verdict] if done else "failed",
        "verdict": "<br>".join(map(_text, verdict(done, flag))),
        "layers": _table(columns, rows) + _left(done),
        "savings": _table(*saving_rows(done)),
        "effect": _effect(done),
        "plots": _plots(done.surgery.steps),
        "words": _words(),
        "version": __version__,
    }
    data = _PAGE.substitute(values).encode("utf-8", "backslashreplace")
    write_whole(path, data)


def _text(text: str) -> str:
    """Return a text as HTML shows it, whatever it holds."""
    return html.escape(visible(text))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(column.lstrip('>'))}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"


def _left(done: Compression) -> str:
    items = "".join(
        f"<li>{_text(one.layer)}: {_text(one.reason)}</li>" for one in done.plan.skipped
    )
    return f"<p>Left alone:</p><ul>{items}</ul>" if items else ""


def _effect(done: Compression) -> str:
    if done.effect is None:
        return ""
    rows = (blob_row(row) for row in done.effect.blobs if row.output)
    accuracy = done.effect.accuracy
    line = f"<p>{_text(accuracy_line(accuracy))}</p>" if accuracy else ""
    return (
        f"<h2>What it costs</h2><p>{_text(describe(done.effect))}</p>"
        f"{_table(BLOB_COLUMNS, rows)}{line}"
    )


def _words() -> str:
    """What the words of the page mean, those of the tables and of the verdicts."""
    shown = ("What a net costs", "How far two nets are apart", "Verdicts")
    entries = "".join(
        f"<dt>{_text(word)}</dt><dd>{_text(text)}</dd>\n"
        for heading in shown
        for word, text in TERMS[heading].items()
    )
    return f"<details><summary>What the words mean</summary><dl>\n{entries}</dl></details>"


def _plots(steps: Sequence[Step]) -> str:
    steps = [step for step in steps if isinstance(method(step.rewrite.edit.method), ChainMethod)]
    spectra = [spectrum for step in steps for spectrum in _spectra(step)]
    if not spectra:
        return ""
    require_plots()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6 * len(spectra)), layout="constrained")
    axes = figure.subplots(len(spectra), 1, squeeze=False)[:, 0]
    for axis, spectrum in zip(axes, spectra):
        _draw(axis, *spectrum)
    out = io.StringIO()
    # Without a date and random names, the same compression gives the same page.
    with rc_context({"svg.hashsalt": "netsurgery"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return f"<h2>Spectra</h2>{out.getvalue()[out.getvalue().index('<svg') :]}"


def _spectra(step: Step) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield the layer, the rank and the singular values, for each rank that was chosen."""
    edit = step.rewrite.edit
    costs = low_rank_method(edit.method).tradeoff(step.before, edit.layer)
    found = costs.energies.spectra if costs.fit is None else ()
    ranks = edit.options["rank"]
    for rank, values in zip(ranks if len(found) > 1 else [ranks], found):
        yield edit.layer, rank, values


def _draw(axis: Any, layer: str, rank: int, values: np.ndarray) -> None:
    axis.plot(range(1, len(values) + 1), values, color="#0969da")
    axis.axvline(rank, color="#a40e26", linestyle="dashed")
    axis.annotate(f" rank {rank}", (rank, values[0]), color="#a40e26", va="top")
    # A dollar would begin a formula.
    name = visible(layer).replace("$", r"\$")
    axis.set_title(f"{name}: singular values", loc="left", fontsize=10)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
