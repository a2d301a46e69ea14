"""LMDB databases, read a few records at a time."""

from __future__ import annotations

import contextlib
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Iterator, List, TypeVar

from netsurgery.errors import FormatError

DATA = "data.mdb"
_STEP = 256
T = TypeVar("T")


class LmdbDatabase:
    """A folder with a ``data.mdb``. It is open only while records are read.

    Attributes:
        folder: The folder.
        count: Number of records.
    """

    def __init__(self, folder: Path) -> None:
        """Look through the keys.

        Raises:
            FormatError: It is no LMDB, or damaged, or lmdb is not installed.
        """
        self.folder = folder
        with self._cursor() as cursor:
            keys = cursor.iternext(values=False)
            # Caffe counts records by their order; every so many, the way to them is remembered.
            self._marks: List[bytes] = []
            self.count = 0
            for key in keys:
                if self.count % _STEP == 0:
                    self._marks.append(bytes(key))
                self.count += 1
        if not self.count:
            raise FormatError("the database holds no record", file=folder)

    def read(self, start: int, stop: int, read: Callable[[memoryview], T]) -> List[T]:
        """Return what ``read`` makes of the records ``start`` to ``stop``, in the order of keys.

        Args:
            start: Number of the first record.
            stop: Number behind the last.
            read: Called with the bytes of each, which are gone when it returns.

        Raises:
            FormatError: The database or a record is damaged.
        """
        if start >= stop:
            return []
        with self._cursor() as cursor:
            cursor.set_key(self._marks[start // _STEP])
            first = start % _STEP
            records = islice(cursor.iternext(), first, first + stop - start)
            return [self._parse(bytes(key), value, read) for key, value in records]

    def _parse(self, key: bytes, value: memoryview, read: Callable[[memoryview], T]) -> T:
        try:
            return read(value)
        except FormatError as error:
            name = key.decode("utf-8", "backslashreplace")
            raise FormatError(f"record {name!r} {error.problem}", file=self.folder) from None

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        lmdb = _lmdb_library()
        try:
            folder = str(self.folder)
            with lmdb.open(folder, readonly=True, lock=False, create=False) as environment:
                self._require_whole(environment)
                with environment.begin(buffers=True) as transaction, transaction.cursor() as cursor:
                    yield cursor
        except lmdb.Error as error:
            raise FormatError(f"not a readable LMDB: {error}", file=self.folder) from error

    def _require_whole(self, environment: Any) -> None:
        """See that the file ends where it should: to read beyond would kill the process."""
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        size = (self.folder / DATA).stat().st_size
        if size < needed:
            raise FormatError(
                f"the database is cut: {DATA} has {size:,} of {needed:,} bytes",
                file=self.folder,
                remedy="download or copy it again",
            )


def _lmdb_library() -> Any:
    try:
        import lmdb
    except ImportError:
        raise FormatError(
            "reading an LMDB needs lmdb", remedy="pip install 'netsurgery[lmdb]'"
        ) from None
    return lmdb
