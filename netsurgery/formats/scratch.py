"""Scratch files and folders: made under names of our own, gone at the end, whatever the end is.

One that a killed run left is told from one in use by a lock: the system lifts it with the process
that held it, however that ended, and on whichever machine. The next run clears it away.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from pathlib import Path
from typing import Iterator, Optional, Set, Tuple, Union

from netsurgery.cleanup import on_leaving, undisturbed
from netsurgery.errors import FormatError

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, old scratch stays
    fcntl = None  # type: ignore[assignment]

AnyPath = Union[str, os.PathLike[str]]

PREFIX = ".netsurgery-"
_NAME = re.compile(r"\.netsurgery-[0-9a-f]{12}")
_OWNER = f"{PREFIX}owner"
"""The file in a folder whose lock says that the folder is in use."""
_YOUNG = 60.0
"""Seconds in which a folder without that file may still be about to get it."""
_TRIES = 3

_swept: Set[str] = set()


@contextlib.contextmanager
def scratch_folder(parent: Optional[AnyPath] = None) -> Iterator[Path]:
    """Make a folder that is gone at the end of the ``with``, or when the process is stopped.

    Args:
        parent: Where; none: where the system keeps such things (TMPDIR). What killed runs left
            there is cleared away.

    Raises:
        OSError: It cannot be made.
    """
    if parent is None:
        import tempfile

        parent = tempfile.gettempdir()
    where = Path(parent)
    sweep(where)
    with undisturbed():
        path, owner = _make_folder(where)
        duty = on_leaving(lambda: remove(path))
    try:
        yield path
    finally:
        with undisturbed():
            remove(path)
            os.close(owner)
            duty.done()


def _make_folder(parent: Path) -> Tuple[Path, int]:
    """Make a folder, and hold the lock that says so; returns the descriptor too."""
    while True:
        path = parent / f"{PREFIX}{os.urandom(6).hex()}"
        path.mkdir(mode=0o700)
        owner = os.open(path / _OWNER, os.O_CREAT | os.O_RDWR, 0o600)
        if hold(owner, path / _OWNER):
            return path, owner
        os.close(owner)


def scratch_name(target: AnyPath) -> Path:
    """Return a free name beside ``target`` that `sweep` knows as ours."""
    return Path(target).parent / f"{PREFIX}{os.urandom(6).hex()}"


def hold(descriptor: int, path: AnyPath) -> bool:
    """Lock an open file for as long as it stays open, so that no other run takes it for left.

    Returns:
        Whether it is still there: another run may have come between and cleared it away.
    """
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


@contextlib.contextmanager
def alone(path: AnyPath) -> Iterator[bool]:
    """Hold a file, which is made, for as long as the ``with`` lasts.

    Yields:
        Whether no other run holds it. Where there are no locks, that is not known, and it is so.

    Raises:
        FormatError: It cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise FormatError(f"cannot write: {error.strerror}", file=path) from None
    free = True
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # others: a file system without locks
            free = error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    try:
        yield free
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a scratch file or folder, even one in which another thread still writes."""
    for _ in range(_TRIES):
        if path.is_dir() and not path.is_symlink():
            import shutil

            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
        if not os.path.lexists(path):
            return


def sweep(folder: AnyPath) -> None:
    """Clear away what killed runs left in a folder; once for each folder and process."""
    where = os.path.realpath(folder)
    if where in _swept or fcntl is None:
        return
    _swept.add(where)
    with contextlib.suppress(OSError):
        for entry in os.scandir(where):
            if _NAME.fullmatch(entry.name) and not entry.is_symlink():
                _clear_if_left(Path(entry.path))


def _clear_if_left(path: Path) -> None:
    """Remove it if nobody has it in use: whoever has, holds its lock."""
    lock = path / _OWNER if path.is_dir() else path
    if not lock.exists():
        with contextlib.suppress(OSError):  # it is not empty, or not ours
            if time.time() - path.stat().st_mtime > _YOUNG:
                path.rmdir()
        return
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return  # another user's
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(path)
    os.close(descriptor)
