"""A file that numbers lie in, known again in another process by its path and its digest."""

from __future__ import annotations

import mmap
import os
from typing import Any, Optional, Tuple, Union

from netsurgery.errors import FormatError
from netsurgery.formats.digest import sha256, sha256_of


class FileReference:
    """A file by its path and what it held; it is looked at when it is first needed.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Union[str, os.PathLike[str]], sha256: Optional[str] = None) -> None:
        """Remember a file.

        Args:
            path: Where it is.
            sha256: What it must hold; whatever it holds now, if not given.
        """
        self.path = os.path.abspath(path)
        self._sha256 = sha256
        self._is_checked = sha256 is None
        self._mapped: Optional[MappedFile] = None

    @property
    def sha256(self) -> str:
        """The digest of what it holds."""
        if self._sha256 is None:
            self._sha256 = sha256_of(self.path)
        return self._sha256

    def require_unchanged(self) -> None:
        """See that the file is there and holds what it held.

        Raises:
            FormatError: It does not.
        """
        if self._is_checked:
            return
        try:
            found = sha256_of(self.path)
        except OSError as error:
            raise FormatError(
                f"cannot be read, and weights lie in it: {error.strerror or error}",
                file=self.path,
                remedy="bring it to this place, or load the model anew",
            ) from None
        if found != self._sha256:
            raise FormatError(
                "is not the file it was when the model was read: its sha256 is another",
                file=self.path,
                remedy="bring that file to this place, or load the model anew",
            )
        self._is_checked = True

    def mapped(self) -> MappedFile:
        """Return its bytes.

        Raises:
            FormatError: As `require_unchanged`.
        """
        if self._mapped is None:
            self.require_unchanged()
            self._mapped = map_file(self.path)
        return self._mapped

    def __getstate__(self) -> Tuple[str, str]:
        return self.path, self.sha256

    def __setstate__(self, state: Tuple[str, str]) -> None:
        self.__init__(*state)  # type: ignore[misc]


class MappedFile(mmap.mmap):
    """The bytes of a file, not read before they are asked for; pickled as a `FileReference`."""

    path: str
    _reference: Optional[FileReference] = None

    def __reduce__(self) -> Any:
        if self._reference is None:
            # What is mapped, which is what the path held then: another file may be there by now.
            self._reference = FileReference(self.path, sha256(self).hexdigest())
        return FileReference, (self._reference.path, self._reference.sha256)


def map_file(path: Union[str, os.PathLike[str]]) -> MappedFile:
    """Map a file that is not empty.

    Raises:
        OSError: It cannot be read.
        ValueError: It is empty.
    """
    with open(path, "rb") as stream:
        mapped = MappedFile(stream.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.path = os.path.abspath(path)
    return mapped
