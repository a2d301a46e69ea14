"""Plots are written in the format that a file's name says, and without a date."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsurgery.errors import FormatError
from netsurgery.report.plots import save_plot


def test_the_name_of_a_file_says_its_format(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    figure = Figure()
    for name in ("a.PNG", "a.svg", "a.plot"):
        save_plot(figure, tmp_path / name)
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "a.plot").read_bytes()
    assert "<dc:date>" not in (tmp_path / "a.svg").read_text()
    with pytest.raises(FormatError):
        save_plot(figure, tmp_path / "none" / "a.svg")
