"""Where results and inputs lie: in a folder, or behind a URL that fsspec knows."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Iterator, Optional, Tuple

from netsurgery.cleanup import undisturbed
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import make_folder, write_whole
from netsurgery.zoo.outcome import OUTCOME, Outcome

_STAGED = ".inputs"
"""The folder behind a URL with what workers elsewhere read, each under its digest."""


def is_url(place: str) -> bool:
    """Return whether a place is a URL, as ``s3://bucket/zoo``, and no path."""
    return "://" in place


def known_outcome(folder: str, name: str) -> Optional[Outcome]:
    """Return what came of a model in an earlier run; None where there is no result.

    Args:
        folder: The folder of all results, or its URL.
        name: The model's name.

    Raises:
        FormatError: What is there is no record of an outcome, or cannot be read.
    """
    place = joined(folder, name, OUTCOME)
    text = read_bytes(place)
    return None if text is None else Outcome.read(text, place)


def joined(folder: str, *names: str) -> str:
    """Return the place of a file below a folder or a URL."""
    return "/".join((folder.rstrip("/"), *names)) if is_url(folder) else str(Path(folder, *names))


def read_bytes(place: str) -> Optional[bytes]:
    """Return what a file holds; None where it is not.

    Raises:
        FormatError: It cannot be read.
    """
    try:
        if not is_url(place):
            return Path(place).read_bytes()
        with _system(place) as (system, path):
            return system.cat_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_bytes(place: str, data: bytes) -> None:
    """Write a file, whole.

    Raises:
        FormatError: It cannot be written.
    """
    if not is_url(place):
        write_whole(place, data)
        return
    with _system(place) as (system, path):
        system.pipe_file(path, data)


def fetched(place: str, into: Path) -> str:
    """Return the path under which a place can be read on this machine.

    Args:
        place: A path, or the URL of a file or a folder.
        into: A folder that may be made for it.

    Raises:
        FormatError: It cannot be read.
    """
    if not is_url(place):
        return place
    target = into / place.rstrip("/").rpartition("/")[2]
    into.mkdir(parents=True)
    with _system(place) as (system, path):
        for file in system.find(path):
            local = target / os.path.relpath(file, path)
            local.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(file, str(local))
    return str(target)


def staged(place: str, digest: str, folder: str) -> str:
    """Return the URL of a file or a folder of this machine, put where workers can read it.

    Args:
        place: The path.
        digest: Of what it holds: what is there already is not sent again.
        folder: The URL of all results.

    Raises:
        FormatError: It cannot be written.
    """
    local = Path(place)
    if is_url(place) or not local.exists():
        return place
    whole = joined(folder, _STAGED, digest, "whole")
    url = joined(folder, _STAGED, digest, local.name)
    if read_bytes(whole) is None:
        with _system(url) as (system, path):
            _put(system, local, path)
        write_bytes(whole, b"")
    return url


def publish(result: Path, folder: str, name: str, old: Path) -> None:
    """Put a finished result in its place, in the stead of an earlier one.

    Behind a URL, where nothing can be renamed, the record comes last: what has none is no result.

    Args:
        result: The folder with it.
        folder: The folder of all results, on the same file system, or a URL.
        name: The model's name.
        old: A free name beside ``result``, which is cleared away later.

    Raises:
        FormatError: It cannot be put there.
        OSError: It cannot be put there.
    """
    if not is_url(folder):
        target = Path(folder) / name
        make_folder(target.parent)
        with undisturbed():
            if target.exists():
                os.rename(target, old)
            os.rename(result, target)
        return
    record = result / OUTCOME
    text = record.read_bytes()
    record.unlink()
    with _system(joined(folder, name)) as (system, path):
        if system.exists(f"{path}/{OUTCOME}"):
            system.rm_file(f"{path}/{OUTCOME}")
        if system.exists(path):
            system.rm(path, recursive=True)
        _put(system, result, path)
    write_bytes(joined(folder, name, OUTCOME), text)


def _put(system: Any, local: Path, path: str) -> None:
    """Send a file, or the files below a folder."""
    files = [local] if local.is_file() else [one for one in local.rglob("*") if one.is_file()]
    for file in files:
        below = "" if file == local else f"/{file.relative_to(local).as_posix()}"
        system.makedirs(os.path.dirname(f"{path}{below}"), exist_ok=True)
        system.put_file(str(file), f"{path}{below}")


@contextlib.contextmanager
def _system(url: str) -> Iterator[Tuple[Any, str]]:
    """The file system that a URL is of, and the path there; what it refuses is told in a line."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise NetsurgeryError(
            f"{url} needs fsspec", remedy="pip install 'netsurgery[cluster]'"
        ) from None
    try:
        yield url_to_fs(url)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except ImportError as error:
        raise NetsurgeryError(f"{url} needs more: {error}") from None
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be reached: {error}", file=url) from None
