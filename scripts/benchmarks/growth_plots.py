"""Plots of how time and memory grow."""

from __future__ import annotations

from pathlib import Path

from benchmarks.growth import Grown

TIME, MEMORY, MUST = "#0072b2", "#d55e00", "#777777"
"""Of Okabe and Ito: told apart by everybody."""


def draw(grown: Grown, file: Path) -> None:
    """Draw time and memory against what grows, with the exponents, into an SVG file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    # Text stays text, and the same figures make the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "netsurgery", "font.size": 10})
    figure, both = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    sizes = [point.size for point in grown.points]
    panels = (
        ("processor time, s", [point.seconds for point in grown.points], TIME, grown.curve.time),
        ("memory, MB", [one.bytes / 1e6 for one in grown.points], MEMORY, grown.curve.memory),
    )
    for axes, (label, values, colour, must), found in zip(both, panels, grown.exponents):
        axes.plot(sizes, values, "o-", color=colour, markersize=4, label=f"exponent {found:.2f}")
        least = [size**must - sizes[0] ** must for size in sizes]
        above = (values[-1] - values[0]) / (least[-1] or 1)
        shown = [values[0] + above * one for one in least]
        axes.plot(sizes, shown, ":", color=MUST, label=f"exponent {must:g} above the first")
        axes.set(xscale="log", yscale="log", xlabel=grown.curve.axis, ylabel=label)
        axes.set_xticks(sizes[::-2][::-1], [f"{size:,}" for size in sizes[::-2][::-1]])
        axes.xaxis.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.minorticks_off()
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
