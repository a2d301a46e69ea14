"""The process around a command: its streams, the signals that stop it, the status it leaves with.

Whatever happens, exit status 1 means "checked and failed" and nothing else.
"""

from __future__ import annotations

import atexit
import codecs
import contextlib
import gc
import io
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Optional, TextIO, Type, Union

import click

from netsurgery import cleanup
from netsurgery.errors import visible
from netsurgery.version import __version__

if TYPE_CHECKING:
    from typing_extensions import Buffer

COULD_NOT_RUN = 2
STOPPED = 128
"""Plus the number of the signal."""
SELDOM = 100_000
"""Objects made and not freed until garbage is looked for: more than a start makes."""
TRACEBACK = "NETSURGERY_TRACEBACK"

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_SHOW_CURSOR = b"\r\x1b[2K\x1b[?25h"
_PACKAGE = Path(__file__).resolve().parents[1]
_NARROW = "netsurgery.narrow"
# What tables and messages of this tool are made of, for terminals that cannot show it.
_IN_ASCII = {
    "─": "-",
    "━": "-",
    "│": "|",
    "╸": "-",
    "╺": "-",
    "…": "...",
    "–": "-",
    "—": "-",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "→": "->",
    "✓": "+",
    "✗": "x",
    "’": "'",
}


class _Sink(io.FileIO):
    """A standard stream; when its reader has gone, what is written goes nowhere."""

    def write(self, data: Buffer, /) -> int:
        """Write, or throw away."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes


@contextlib.contextmanager
def sturdy_streams() -> Iterator[None]:
    """Make the standard streams ones that take every text and outlive their readers.

    A reader that goes away, as ``head`` does, says nothing about the work: it goes on. What an
    encoding lacks is spelt in ASCII. Closed streams are opened to nowhere, or else the next file
    that is opened would get their number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error(_NARROW, _spell_out)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _prepared(sys.stdout, 1), _prepared(sys.stderr, 2)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _prepared(stream: Optional[TextIO], number: int) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_NARROW)
    try:
        piped = stream.fileno() == number and not stream.isatty()
    except (OSError, ValueError, AttributeError):
        return stream  # a test's, or a host program's
    if not piped or not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    sink = io.BufferedWriter(_Sink(number, "w", closefd=False))
    buffering = stream.line_buffering
    return io.TextIOWrapper(sink, stream.encoding, _NARROW, line_buffering=buffering)


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    spelt = "".join(
        _IN_ASCII.get(letter) or letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    )
    return spelt, error.end


@contextlib.contextmanager
def garbage_left() -> Iterator[None]:
    """Look for cycles of garbage seldom for the time of a ``with``, and not as the process ends.

    Nearly all that a start makes are modules, which stay: looking through them, once a few thousand
    objects and once more at exit, was a fifth of the processor time of a short command.
    """
    before = gc.get_threshold()
    gc.set_threshold(SELDOM, *before[1:])
    atexit.unregister(gc.freeze)  # as tests call `main` many times in a process
    atexit.register(gc.freeze)  # what is frozen is looked at no more
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Have a signal that asks to stop clear everything away and end the process at once.

    A thread waits for it: Python's own handlers would wait for the end of a long factorisation.
    A signal that is ignored, as under ``nohup``, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, says = os.pipe()
    if hasattr(os, "set_blocking"):  # on Windows from Python 3.12 on, which asks for it nowhere
        os.set_blocking(says, False)
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, _nothing)
    old = signal.set_wakeup_fd(says, warn_on_full_buffer=False)
    watchman = threading.Thread(target=_watch, args=(heard, set(before)), daemon=True)
    watchman.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(says)
        watchman.join()
        os.close(heard)


def _nothing(number: int, frame: object) -> None:
    """The watchman has it: a handler must be there for him to be woken."""


def _watch(heard: int, asked_to_stop: set[int]) -> None:
    while True:
        numbers = os.read(heard, 1)
        if not numbers:
            return
        if numbers[0] in asked_to_stop:
            cleanup.clear()
            name = signal.Signals(numbers[0]).name
            _last_words(f"netsurgery: stopped by {name}; nothing half written is left\n")
            os._exit(STOPPED + numbers[0])


def _last_words(text: str) -> None:
    with contextlib.suppress(OSError):
        if os.isatty(2):
            os.write(2, _SHOW_CURSOR)
        os.write(2, text.encode())


def flush() -> None:
    """Write out what was printed, so that a full disk is told now and not at exit.

    Raises:
        OSError: It cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def complain(text: str) -> int:
    """Say on standard error, in one line, why nothing could be done; returns the status."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(f"netsurgery: {visible(text)}", err=True)
    return COULD_NOT_RUN


@contextlib.contextmanager
def warnings_told() -> Iterator[None]:
    """Say warnings of the library on standard error, in a line each, for the time of a ``with``."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def tell(
            message: Union[Warning, str],
            category: Type[Warning],
            filename: str,
            lineno: int,
            file: Optional[TextIO] = None,
            line: Optional[str] = None,
        ) -> None:
            if category is UserWarning:
                complain(f"warning: {message}")
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = tell
        yield


def own_up(error: BaseException) -> int:
    """Say that this program is at fault, and where; returns the status."""
    if os.environ.get(TRACEBACK):
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return complain(
        f"internal error: {what} (at {_place(error)}, netsurgery {__version__}); this is a fault "
        f"of netsurgery: report it where you got it from, with the command and the files if you "
        f"can, and what it prints with {TRACEBACK}=1"
    )


def _place(error: BaseException) -> str:
    """The innermost line of this package that an error passed through."""
    place, at = "an unknown place", error.__traceback__
    while at is not None:
        file = Path(at.tb_frame.f_code.co_filename)
        if _PACKAGE in file.parents:
            place = f"{file.relative_to(_PACKAGE.parent).as_posix()}:{at.tb_lineno}"
        at = at.tb_next
    return place


def abandon_output() -> None:
    """Give up what could not be printed, so that the interpreter does not try again at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
