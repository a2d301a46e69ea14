"""What plots are drawn with, and how they are written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from netsurgery.errors import NetsurgeryError
from netsurgery.formats import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def require_plots() -> None:
    """See that plots can be drawn, before any work is done for one.

    Raises:
        NetsurgeryError: matplotlib, which draws the plots, is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise NetsurgeryError(
            "the plot needs matplotlib", remedy="pip install 'netsurgery[report]'"
        ) from None


def save_plot(figure: Figure, path: Path) -> None:
    """Write a plot, as SVG or PNG, whatever the name of the file says.

    Args:
        figure: The plot.
        path: Where to.

    Raises:
        FormatError: The file cannot be written.
    """
    from matplotlib import rc_context

    drawn = io.BytesIO()
    kind = "png" if path.suffix.lower() == ".png" else "svg"
    # The same plot is the same file: no dates, no random names.
    with rc_context({"svg.hashsalt": "netsurgery", "svg.fonttype": "none"}):
        figure.savefig(drawn, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_whole(path, drawn.getvalue())
