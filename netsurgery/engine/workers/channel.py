# mypy: allow-untyped-defs
# ruff: noqa: UP020, SIM115
"""Both ends of the pipe between netsurgery and a worker. Runs on Python 2.7 and later.

A frame is the length of a JSON header (8 bytes, little endian), the header, then the raw
bytes of the arrays whose shapes and types the header lists. Nothing is pickled: neither side
can make the other run code.
"""

import io
import json
import os
import signal
import struct
import sys
from timeit import default_timer

import numpy as np

GREETING = b"netsurgery worker ready\n"

_LENGTH = struct.Struct("<Q")


def write_frame(stream, header, arrays=()):
    """Write ``header`` (a dict that JSON can hold) and a list of arrays."""
    arrays = [np.asarray(array, order="C") for array in arrays]
    layout = [{"shape": array.shape, "dtype": array.dtype.str} for array in arrays]
    text = json.dumps(dict(header, arrays=layout)).encode("ascii")
    stream.write(_LENGTH.pack(len(text)) + text)
    for array in arrays:
        stream.write(_bytes_of(array))
    stream.flush()


def seconds_of(run, repeats):
    """Return the seconds that each of ``repeats`` calls takes, after one that does not count."""
    run()
    seconds = []
    for _ in range(repeats):
        start = default_timer()
        run()
        seconds.append(default_timer() - start)
    return seconds


def read_frame(stream):
    """Return ``(header, arrays)``.

    Raises:
        EOFError: The other side is gone.
    """
    length = _LENGTH.unpack(bytes(_read_exactly(stream, bytearray(_LENGTH.size))))[0]
    header = json.loads(bytes(_read_exactly(stream, bytearray(length))).decode("ascii"))
    arrays = []
    for entry in header.pop("arrays"):
        array = np.empty([int(size) for size in entry["shape"]], np.dtype(str(entry["dtype"])))
        _read_exactly(stream, _bytes_of(array))
        arrays.append(array)
    return header, arrays


def gathered(blob, positions):
    """Return what a blob holds at some positions only.

    Args:
        blob: Shape (N, C, ...).
        positions: Numbers in the axes behind the second, counted along rows.

    Returns:
        Shape (N, C, positions).
    """
    return np.take(blob.reshape(blob.shape[0], blob.shape[1], -1), positions, axis=2)


def answer_with(blobs, is_cut, positions):
    """Return blobs, each whole or where ``is_cut`` says so at the next of ``positions``."""
    positions = iter(positions)
    return [gathered(blob, next(positions)) if cut else blob for blob, cut in zip(blobs, is_cut)]


def _bytes_of(array):
    return memoryview(array.reshape(-1).view(np.uint8))


def _read_exactly(stream, target):
    view = memoryview(target)
    filled = 0
    while filled < len(view):
        count = stream.readinto(view[filled:])
        if not count:
            raise EOFError("the pipe was closed")
        filled += count
    return target


def serve(worker):
    """Answer requests with the methods of ``worker`` until the other side closes the pipe.

    A method gets the arrays and the arguments of a request and returns a dict and a list of
    arrays. An exception becomes an answer with the key ``error``.
    """
    _die_quietly()
    source, sink = _take_streams()
    while True:
        try:
            header, arrays = read_frame(source)
        except EOFError:
            return
        try:
            answer, results = getattr(worker, header["command"])(arrays, **header["arguments"])
        except Exception as error:  # the child must answer whatever an engine throws
            answer = {"error": str(error) or "no message", "kind": type(error).__name__}
            results = []
        write_frame(sink, answer, results)


def _die_quietly():
    """Leave Ctrl-C to the parent, and no core file after an engine's abort."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _take_streams():
    """Keep the pipe to ourselves: what others print goes to stderr, what they read is empty."""
    source = io.open(os.dup(0), "rb")
    sink = io.open(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    sink.write(GREETING)
    sink.flush()
    return source, sink
