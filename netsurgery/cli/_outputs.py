"""The options that name what is written: which names can be, the library says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Optional, Union

import click

from netsurgery import jobs
from netsurgery.errors import RequestError


class OutputType(click.Path):
    """What is written: a name that cannot be is refused like any wrong value of an option."""

    def __init__(self, checked: Callable[[Path], Path], **kinds: bool) -> None:
        super().__init__(path_type=Path, **kinds)
        self._checked = checked

    def convert(
        self,
        value: Union[str, os.PathLike[str]],
        param: Optional[click.Parameter],
        ctx: Optional[click.Context],
    ) -> Path:
        """Return the path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            return self._checked(path)
        except RequestError as error:
            self.fail(error.problem, param, ctx)


WEIGHTS = OutputType(jobs.WEIGHTS.checked)
PLAN = OutputType(jobs.PLAN.checked)
PAGE = OutputType(jobs.PAGE.checked)
GOLDEN = OutputType(jobs.GOLDEN.checked)
PLOT = OutputType(jobs.PLOT.checked)
JUNIT = OutputType(jobs.JUNIT.checked)
RANKING = OutputType(jobs.RANKING.checked)
FOLDER = OutputType(jobs.checked_folder, file_okay=False)


def ready(path: Path) -> Path:
    """Return a file's path when its folder is there, which it makes if need be.

    Raises:
        FormatError: It cannot be made.
    """
    from netsurgery.formats import make_folder

    make_folder(path.parent)
    return path
