"""The spectra of factored layers, with the ranks that were chosen."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence, Tuple

import numpy as np

from netsurgery.methods import ChainMethod, low_rank_method, method
from netsurgery.report.html.document import PageSection, Plot, Plots
from netsurgery.surgery import Step

_MOST = 24
"""How many spectra a page shows."""


def spectra_section(steps: Sequence[Step], layers: Sequence[str]) -> Optional[PageSection]:
    """Return a section with the spectrum of each factored layer; None where there is none.

    Args:
        steps: What was done.
        layers: Names of layers, those first whose spectra are wanted most.
    """
    order = {layer: number for number, layer in enumerate(layers)}
    steps = [step for step in steps if isinstance(method(step.rewrite.edit.method), ChainMethod)]
    steps.sort(key=lambda step: order.get(step.rewrite.edit.layer, len(order)))
    found = [spectrum for step in steps for spectrum in _spectra_of(step)]
    if not found:
        return None
    from netsurgery.report.html.plots import plot_spectrum

    plots = []
    for number, (layer, rank, values) in enumerate(found[:_MOST]):
        squares = np.square(values.astype(np.float64))
        kept = float(squares[:rank].sum()) / (float(squares.sum()) or 1.0)
        caption = f"{layer}: {rank} of {len(values)} stay, with {kept:.2%} of the energy"
        plots.append(Plot(plot_spectrum(f"s{number}", layer, rank, values), caption))
    intro = "How much each direction of a layer's weights matters. What is left of the dashed line "
    intro += "stays, what is dotted goes: the steeper the fall, the less is lost."
    if len(found) > len(plots):
        intro += f" Shown are {len(plots)} of {len(found)}, of the layers that save most."
    return PageSection("Spectra", [Plots(plots)], intro)


def _spectra_of(step: Step) -> Iterator[Tuple[str, int, np.ndarray]]:
    """Yield the layer, the rank and the singular values, for each rank that was chosen."""
    edit = step.rewrite.edit
    costs = low_rank_method(edit.method).tradeoff(step.before, edit.layer)
    found = costs.energies.spectra if costs.fit is None else ()
    ranks = edit.options["rank"]
    for rank, values in zip(ranks if len(found) > 1 else [ranks], found):
        yield edit.layer, rank, values
