"""What the library warns of is a line on standard error, without a place in the code."""

from __future__ import annotations

import warnings

import pytest

from netsurgery.cli._process import warnings_told
from netsurgery.measurements import FileStore


def test_a_warning_is_one_line(capsys, tmp_path) -> None:
    old = tmp_path / "out.measured.json"
    old.write_text('{"seconds 5f": 0.25}')
    with warnings_told():
        FileStore(old)
    assert capsys.readouterr().err == (
        f"netsurgery: warning: {old}: holds what an earlier version measured, and is started anew\n"
    )


def test_warnings_of_others_are_shown_as_python_does() -> None:
    with pytest.warns(RuntimeWarning, match="divide"), warnings_told():
        warnings.warn("divide by zero", RuntimeWarning, stacklevel=1)
