"""Write files so that they are complete or absent: several of them together, if they belong so."""

from __future__ import annotations

import contextlib
import os
import stat
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Iterable, Iterator, Mapping, Optional, TypeVar, Union

from netsurgery.cleanup import on_leaving, undisturbed
from netsurgery.errors import FormatError
from netsurgery.formats.scratch import hold, remove, scratch_name, sweep

AnyPath = Union[str, os.PathLike[str]]
Target = TypeVar("Target", bound=AnyPath)
Writer = Callable[[BinaryIO], object]


def write_together(writers: Mapping[AnyPath, Writer]) -> None:
    """Write all files or none.

    Each writer fills a new file beside its place, and only when all are complete do they take
    their places. A file that was there keeps its permissions, and whoever has it open or mapped
    keeps its old contents; a symbolic link keeps pointing where it does.

    Args:
        writers: For each path the function that writes to the binary file it is given.

    Raises:
        FormatError: A file cannot be written. Everything is as it was before.
    """
    targets = [_target(path) for path in writers]
    if len(set(targets)) < len(targets):
        raise FormatError("two outputs would be the same file", file=targets[0])
    for target in targets:
        sweep(target.parent)
    with contextlib.ExitStack() as undo:
        staged = [
            (_stage(target, writer, undo), target)
            for target, writer in zip(targets, writers.values())
        ]
        backups = _back_up(targets, undo) if len(targets) > 1 else {}
        _move(staged, backups)


def write_whole(path: AnyPath, data: bytes) -> None:
    """Write a file or leave what is there, see `write_together`.

    Args:
        path: The file.
        data: What is to be in it.

    Raises:
        FormatError: It cannot be written. Everything is as it was before.
    """
    write_together({path: lambda stream: stream.write(data)})


def move_together(staged: Mapping[Target, AnyPath]) -> None:
    """Give finished files their places, all or none.

    Args:
        staged: For each path the file that is to take it, on the same file system.

    Raises:
        FormatError: A file cannot be moved. Everything is as it was before.
    """
    targets = [_target(path) for path in staged]
    with contextlib.ExitStack() as undo:
        _move(list(zip(map(Path, staged.values()), targets)), _back_up(targets, undo))


def make_folder(folder: AnyPath) -> None:
    """Make a folder and those above it, where they are not there.

    Raises:
        FormatError: It cannot be made.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise FormatError(f"cannot make the folder: {error.strerror}", file=folder) from None


def refuse_overwriting(originals: Iterable[AnyPath], paths: Iterable[AnyPath]) -> None:
    """See that none of some paths is a file that something was read from.

    Args:
        originals: The files that were read.
        paths: What is to be written.

    Raises:
        FormatError: One is.
    """
    read = [Path(file) for file in originals if Path(file).exists()]
    for path in map(Path, paths):
        if path.exists() and any(path.samefile(original) for original in read):
            raise FormatError(
                "this is the original, which would be overwritten",
                file=path,
                remedy="choose another folder",
            )


def refuse_unwritable(path: AnyPath) -> None:
    """See that a file could be written, or its folder made, before the work that fills it.

    Raises:
        FormatError: It could not, as far as one can tell beforehand.
    """
    target = Path(os.path.realpath(path))
    refuse_unmakable(target.parent)
    if target.exists() and not target.is_file():
        raise FormatError("cannot write: it is there and is no regular file", file=path)


def refuse_unmakable(folder: AnyPath) -> None:
    """See that a folder is there to be written to, or could be made.

    Raises:
        FormatError: It is not, and could not, as far as one can tell beforehand.
    """
    nearest = Path(os.path.realpath(folder))
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise FormatError("cannot make the folder: a file is in its place", file=nearest)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise FormatError("cannot write: the folder is not yours to write to", file=nearest)


def _target(path: AnyPath) -> Path:
    """The real place of a file to be written."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FormatError(
            "cannot write: its folder does not exist", file=path, remedy=f"make {target.parent}"
        )
    if target.exists() and not target.is_file():
        raise FormatError("cannot write: it is there and is no regular file", file=path)
    return target


def _stage(target: Path, writer: Writer, undo: contextlib.ExitStack) -> Path:
    """Write the new contents beside their place."""
    with _reported(target):
        staged, stream = _new_beside(target, undo)
        replaces = target.exists()
        if replaces:
            os.chmod(staged, stat.S_IMODE(target.stat().st_mode))
        writer(stream)
        stream.flush()
        if replaces:
            # Else a power cut could take the old file and the new one. Where there was none,
            # waiting for the disk would only make the writing of a large net twice as slow.
            os.fsync(stream.fileno())
        if os.name == "nt":
            stream.close()  # there, a file that is open cannot be moved
    return staged


def _new_beside(target: Path, undo: contextlib.ExitStack) -> tuple[Path, BinaryIO]:
    """Make a scratch file, open and locked until everything is in its place."""
    while True:
        staged = scratch_name(target)
        with undisturbed():
            stream = open(staged, "x+b")  # noqa: SIM115
            undo.callback(on_leaving(partial(remove, staged)).done)
        undo.callback(staged.unlink, missing_ok=True)
        undo.enter_context(stream)
        if hold(stream.fileno(), staged):
            return staged, stream


def _back_up(targets: list[Path], undo: contextlib.ExitStack) -> dict[Path, Optional[Path]]:
    """A second name for each file that is there, None for one that is not.

    Where the file system has no second names, the file is left out.
    """
    backups: dict[Path, Optional[Path]] = {}
    for target in targets:
        if not target.exists():
            backups[target] = None
            continue
        with contextlib.suppress(OSError):
            backup = scratch_name(target)
            with undisturbed():
                os.link(target, backup)
                undo.callback(on_leaving(partial(remove, backup)).done)
            undo.callback(backup.unlink, missing_ok=True)
            backups[target] = backup
    return backups


def _move(staged: list[tuple[Path, Path]], backups: Mapping[Path, Optional[Path]]) -> None:
    """Put every staged file in its place, or put back what was there."""
    moved: list[Path] = []
    with undisturbed():
        try:
            for source, target in staged:
                with _reported(target):
                    os.replace(source, target)
                moved.append(target)
        except BaseException:
            for target in set(moved) & set(backups):
                backup = backups[target]
                if backup is None:
                    target.unlink()
                else:
                    os.replace(backup, target)
            raise


@contextlib.contextmanager
def _reported(target: Path) -> Iterator[None]:
    """Turn the system's refusal into ours, and name the file."""
    try:
        yield
    except FormatError as error:
        error.file = error.file or str(target)
        raise
    except OSError as error:
        raise FormatError(
            f"cannot write: {error.strerror or error}", file=target, remedy="nothing was changed"
        ) from error
