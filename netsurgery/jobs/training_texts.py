"""What a net is trained by, read for the net that is made of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Optional

from netsurgery.errors import FormatError
from netsurgery.formats import Prototxt, SolverText, refuse_overwriting
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.proving import Beside
from netsurgery.network import Model


def read_twins(
    train_val: Optional[PathLike], solver: Optional[PathLike], original: Model, folder: PathLike
) -> Optional[Beside]:
    """Return what makes the texts that a new net is trained by; None where nothing is given.

    Args:
        train_val: The prototxt that the original was trained by.
        solver: Its solver.
        original: The net.
        folder: Where the new pair goes.

    Raises:
        FormatError: One is not what it should be, is in that folder itself, or is called as the
            net or the other one is.
    """
    if train_val is None and solver is None:
        return None
    # Few pairs are trained on, and this reads much of the library.
    from netsurgery.training import write_twins

    text = None if train_val is None else Prototxt.read(train_val)
    said = None if solver is None else SolverText.read(solver)
    taken = {*original.file_names()}
    for file in (train_val, solver):
        if file is not None:
            name = Path(file).name
            refuse_overwriting([file], [Path(folder) / name])
            if name in taken:
                raise FormatError(
                    f"the new net, or what it is trained by, is called {name} too",
                    file=file,
                    remedy="copy it under another name",
                )
            taken.add(name)
    return partial(write_twins, train_val=text, solver=said)
