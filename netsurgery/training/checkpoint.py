"""The states of a run on disk: written whole or not at all, the newest two kept.

A folder of a run holds ``state-000400/`` (what the engine's solver depends on, the masks, and
``trainer.json``), ``best-000300.npz`` (the arrays of the best net) and ``history.jsonl``. A state
is written beside its place and renamed; what it names is there before it. So a run that is killed
at any moment goes on from the newest state as if nothing had happened.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.engine import MaskMode, TrainingSession
from netsurgery.errors import FormatError, Remedy
from netsurgery.formats import make_folder, write_together, write_whole
from netsurgery.network import Masks, ParameterKey

KEPT = 2
"""How many states stay: should the newest one be damaged, there is the one before."""
NO_BEST = Remedy("the best net of the run cannot be had again: begin anew with {}", "force")
"""What to do where the arrays of the best net are damaged, and all states name these."""
_STATE = re.compile(r"state-(\d{6,})")
_BEST = re.compile(r"best-(\d{6,})\.npz")
_NUMBERS = ("iteration", "best", "bad", "threads")
_TRAINER, _MASKS, _KEYS = "trainer.json", "masks.npz", "keys"


@dataclass(frozen=True)
class TrainerState:
    """Where a run is, beside what its engine's solver holds.

    Attributes:
        iteration: Steps done.
        best: The iteration of the best net so far; None where none counted yet.
        bad: Validations since then.
        threads: On how many threads the engine's BLAS works: another number gives other bits.
        masks: Which weights are free; those not named are.
        mask_mode: What closed weights are.
    """

    iteration: int
    best: Optional[int]
    bad: int
    threads: int
    masks: Masks
    mask_mode: MaskMode


class Checkpoints:
    """The states of a run in its folder."""

    def __init__(self, folder: Path) -> None:
        """Look into the folder, which is made; what a killed run left half written goes.

        Args:
            folder: Of this run alone.

        Raises:
            FormatError: It cannot be made.
        """
        self.folder = folder
        make_folder(folder)
        for left in folder.glob("*.part"):
            _remove(left)

    def newest(self) -> Optional[int]:
        """Return the iteration of the newest state; None where there is none."""
        return max(self._states(), default=None)

    def path(self, iteration: int) -> Path:
        """Return the folder of a state."""
        return self.folder / f"state-{iteration:06}"

    def read(self, iteration: int) -> TrainerState:
        """Return where a run was.

        Raises:
            FormatError: The state is damaged.
        """
        file = self.path(iteration) / _TRAINER
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            done, best, bad, threads = (data[name] for name in _NUMBERS)
            mode = MaskMode(data["mask_mode"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise _damaged(file, error) from None
        found = {key: array.astype(bool) for key, array in read_arrays(file.with_name(_MASKS))}
        return TrainerState(done, best, bad, threads, found, mode)

    def save(self, state: TrainerState, session: TrainingSession) -> None:
        """Write a state; older ones but for one go, and nets that were the best then.

        Args:
            state: Where the run is.
            session: What steps it.

        Raises:
            FormatError: It cannot be written.
            EngineError: The engine gave up.
        """
        place = self.path(state.iteration)
        part = place.with_name(place.name + ".part")
        _remove(part)
        make_folder(part)
        session.save_state(part)
        write_arrays(part / _MASKS, state.masks)
        numbers = {name: getattr(state, name) for name in _NUMBERS}
        text = json.dumps({**numbers, "mask_mode": state.mask_mode.value}) + "\n"
        write_whole(part / _TRAINER, text.encode())
        _remove(place)
        part.rename(place)
        self._clear()

    def save_best(self, iteration: int, arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Write the arrays of the best net so far.

        Raises:
            FormatError: They cannot be written.
        """
        flat = {
            (layer, index): array
            for layer, blobs in arrays.items()
            for index, array in enumerate(blobs)
        }
        write_arrays(self._best(iteration), flat)

    def best(self, iteration: int) -> Dict[str, List[np.ndarray]]:
        """Return the arrays of the best net, per layer.

        Raises:
            FormatError: They are damaged.
        """
        found: Dict[str, List[np.ndarray]] = {}
        for (layer, _), array in read_arrays(self._best(iteration), self._without(iteration)):
            found.setdefault(layer, []).append(array)
        return found

    def _without(self, iteration: int) -> Union[str, Remedy]:
        """What to do where the best net of an iteration is damaged: a state may know another."""
        states = self._states()
        naming = [one for one in states if self.read(one).best == iteration]
        if naming and len(naming) < len(states):
            names = " and ".join(self.path(one).name for one in naming)
            return f"remove {names}: the run then goes on from the state before"
        return NO_BEST

    def _best(self, iteration: int) -> Path:
        return self.folder / f"best-{iteration:06}.npz"

    def _states(self) -> List[int]:
        found = (_STATE.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match.group(1)) for match in found if match)

    def _clear(self) -> None:
        states = self._states()
        for iteration in states[:-KEPT]:
            _remove(self.path(iteration))
        named = {self.read(iteration).best for iteration in states[-KEPT:]}
        for path in list(self.folder.iterdir()):
            match = _BEST.fullmatch(path.name)
            if match and int(match.group(1)) not in named:
                path.unlink()


def write_arrays(path: Path, arrays: Mapping[ParameterKey, np.ndarray]) -> None:
    """Write arrays of blobs, complete or not at all.

    Args:
        path: An ``.npz``.
        arrays: By layer and number of the blob.

    Raises:
        FormatError: It cannot be written.
    """
    keys = np.frombuffer(json.dumps(list(arrays)).encode(), np.uint8)
    held: Dict[str, Any] = {str(number): array for number, array in enumerate(arrays.values())}
    held[_KEYS] = keys
    write_together({path: lambda stream: np.savez(stream, **held)})


def read_arrays(
    path: Path, remedy: Union[str, Remedy] = ""
) -> List[Tuple[ParameterKey, np.ndarray]]:
    """Return what `write_arrays` wrote, in its order.

    Args:
        path: The file.
        remedy: What to do where it is damaged; if "" what helps where it is of a state.

    Raises:
        FormatError: It is something else, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            keys = json.loads(file[_KEYS].tobytes().decode())
            return [((str(k), int(i)), file[str(n)]) for n, (k, i) in enumerate(keys)]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error, remedy) from None


def _damaged(file: Path, error: Exception, remedy: Union[str, Remedy] = "") -> FormatError:
    return FormatError(
        f"this state of a run is damaged: {type(error).__name__} {error}",
        file=file,
        remedy=remedy or "remove its folder: the run then goes on from the state before",
    )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def claim_folder(folder: Path, digest: str, version: str, job: str) -> None:
    """Take a folder for a run, or see that it is this run's already.

    Args:
        folder: It is made if need be.
        digest: Of all that the run's numbers depend on.
        version: Of this package.
        job: What runs there.

    Raises:
        FormatError: Another run's states are in it.
    """
    make_folder(folder)
    file = folder / "request.json"
    mine = {"digest": digest, "version": version, "job": job}
    if not file.exists():
        write_whole(file, (json.dumps(mine) + "\n").encode())
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found != mine:
        raise FormatError(
            "the states here belong to another run",
            file=folder,
            remedy=Remedy(
                "give what that run was given, choose another folder, or begin anew with {}",
                "force",
            ),
        )
