"""Draw the pictures of README.md and the tutorial from the example net, into docs/images.

python scripts/documents/pictures.py [NAME ...]

Without names all are drawn: `digits`, `spectra`, `budgets` (a few minutes) and, where there is a
Chromium, `report`. Needs an engine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
# From the root, as the report shows these names.
NET = ("examples/digits/deploy.prototxt", "examples/digits/digits.caffemodel")
TRAIN, HELD_OUT = "examples/digits/train.npz", "examples/digits/held_out.npz"
BUDGETS = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05)
# Those of Okabe and Ito: told apart by everybody.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#777777"


def netsurgery(*words: str) -> Any:
    """Run a command and return what it prints as JSON, or None where it refuses."""
    command = [sys.executable, "-m", "netsurgery", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 2:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
        return None
    return json.loads(done.stdout)


def figure(width: float, height: float, **grid: Any) -> Any:
    """Return a figure and its axes; equal figures make equal files, and text stays text."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "netsurgery", "font.size": 10})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    return pyplot.subplots(figsize=(width, height), layout="constrained", **grid)


def save(drawn: Any, name: str) -> None:
    """Write a figure as SVG, on white, as pages may be dark."""
    drawn.savefig(IMAGES / f"{name}.svg", facecolor="white", metadata={"Date": None})


def draw_digits() -> None:
    """What the net reads: ten digits that training never saw."""
    held_out = np.load(ROOT / HELD_OUT)
    drawn, axes = figure(6.4, 1.0, ncols=10)
    for digit, place in enumerate(axes):
        image = held_out["data"][np.flatnonzero(held_out["labels"] == digit)[0], 0]
        place.imshow(image, cmap="gray_r", interpolation="none")
        place.set_axis_off()
    save(drawn, "digits")


def draw_spectra() -> None:
    """The energy that a rank keeps, by layer, and where the layer breaks even."""
    import netsurgery as ns

    model = ns.load(*(ROOT / name for name in NET))
    drawn, axes = figure(6.4, 2.6, ncols=3, sharey=True)
    for place, layer in zip(axes, ("fc3", "fc4", "fc5")):
        weights = model.blobs(layer)[0].array().astype(np.float64)
        values = np.linalg.svd(weights, compute_uv=False) ** 2
        kept = np.cumsum(values) / values.sum()
        even = weights.size / sum(weights.shape)
        rank = int(np.searchsorted(kept, 0.9)) + 1
        place.plot(np.arange(1, len(kept) + 1), kept, color=BLUE)
        place.axvline(even, color=GREY, linestyle=":", linewidth=1)
        place.text(even, 0.02, " breaks even", color=GREY, fontsize=8, rotation=90, ha="right")
        place.plot([rank], [kept[rank - 1]], "o", color=ORANGE)
        place.annotate(
            f"rank {rank}",
            (rank, kept[rank - 1]),
            (-7, 3),
            textcoords="offset points",
            color=ORANGE,
            fontsize=9,
            ha="right",
        )
        shape = "x".join(map(str, weights.shape))
        place.set(title=f"{layer}, {shape}", xlabel="rank", ylim=(0, 1.03))
        place.set_xscale("log")
    axes[0].set_ylabel("energy kept")
    save(drawn, "spectra")


def draw_budgets() -> None:
    """Accuracy against MACs: thinned with and without data, and low rank."""
    calibrated = ("--calibrate", TRAIN)
    ways: Dict[str, Sequence[str]] = {
        "thin, with data": ("thin", *NET, *calibrated),
        "low rank, with data": ("compress", *NET, *calibrated),
        "thin, weights alone": ("thin", *NET),
        "low rank, weights alone": ("compress", *NET),
    }
    styles = {"thin": (BLUE, "o"), "low": (ORANGE, "s")}
    drawn, axes = figure(6.4, 3.4)
    for label, words in ways.items():
        points = _accuracies(words)
        colour, marker = styles[label.split()[0].strip(",")]
        line = "-" if "with data" in label else "--"
        axes.plot(*zip(*points), line, color=colour, marker=marker, markersize=4, label=label)
    axes.set(xlabel="share of the MACs left", ylabel="accuracy on digits never seen")
    axes.set(xscale="log", xlim=(1.0, 0.043), ylim=(0, 1.03))
    ticks = [1, 0.5, 0.2, 0.1, 0.05]
    axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.legend(loc="lower left", fontsize=9, frameon=False)
    save(drawn, "budgets")


def _accuracies(words: Sequence[str]) -> List[Any]:
    points = []
    for budget in BUDGETS:
        with tempfile.TemporaryDirectory() as folder:
            more = ("--macs", str(budget), "--inputs", HELD_OUT, "--accept-loss", "-o", folder)
            done = netsurgery(*words, *more)
        if done is not None:
            share = done["after"]["macs"] / done["before"]["macs"]
            # Where all that went was dead, the proof has already compared both with the labels.
            judged = done.get("effect") or done["proof"]["equality"]
            points.append((share, judged["accuracy"]["after"]))
            print(words[0], budget, *points[-1], file=sys.stderr)
    return points


def draw_report() -> None:
    """The page that `--html` writes, as a browser shows it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("report: left out, as there is no Chromium", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        inputs = ("--energy", "0.9", "--inputs", HELD_OUT, "--html", str(page))
        netsurgery("compress", *NET, *inputs, "-o", f"{folder}/smaller")
        size = "--window-size=1000,1600"
        look = [chromium, "--headless", "--no-sandbox", "--hide-scrollbars", size]
        subprocess.run([*look, f"--screenshot={IMAGES}/report.png", page.as_uri()], check=True)


PICTURES: Dict[str, Callable[[], None]] = {
    "digits": draw_digits,
    "spectra": draw_spectra,
    "budgets": draw_budgets,
    "report": draw_report,
}


def main() -> int:
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
