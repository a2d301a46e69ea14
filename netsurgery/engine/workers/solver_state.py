# mypy: allow-untyped-defs
# ruff: noqa: UP032
"""Where things stand in a ``.solverstate`` that Caffe wrote. Runs on Python 2.7 and later.

A state holds as many numbers as the net, or twice that. They are changed where they stand in the
file: as a message of protobuf's in Python, a net of 500 MB would take gigabytes, and seconds.
"""

import shutil

import numpy as np

# Field numbers of SolverState and of BlobProto in caffe.proto.
ITERATION, LEARNED_NET, HISTORY, CURRENT_STEP = 1, 2, 3, 4
DATA = 5

_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


def read_varint(data, place):
    """Return a number of variable length, and the place behind it."""
    value = shift = 0
    while True:
        byte = int(data[place])
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def fields(data, start, end):
    """Yield ``(number, start of the field, start of its content, end)`` of a message's fields."""
    place = start
    while place < end:
        first = place
        tag, place = read_varint(data, place)
        kind = tag & 7
        if kind == _DELIMITED:
            size, place = read_varint(data, place)
        elif kind == _VARINT:
            size = read_varint(data, place)[1] - place
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError("this is no solver state that Caffe wrote")
        yield tag >> 3, first, place, place + size
        place += size


def histories(data):
    """Return what a solver remembers, slot by slot, as float32 views into the bytes of a state.

    SGD, Nesterov, AdaGrad and RMSProp have a slot for each parameter, in the order of the net;
    AdaDelta and Adam have another of each behind those.
    """
    slots = []
    for number, _, start, end in fields(data, 0, len(data)):
        if number == HISTORY:
            inner = [(first, last) for of, _, first, last in fields(data, start, end) if of == DATA]
            if len(inner) != 1:
                raise ValueError("this Caffe writes solver states that cannot be read here")
            slots.append(data[inner[0][0] : inner[0][1]].view(np.float32))
    return slots


def zero(path, parameters, places):
    """Set numbers of a state to zero, in all slots of a parameter.

    Arguments:
        path: The file.
        parameters: How many parameters the solver has.
        places: By the number of a parameter: flat, True at the numbers that become zero.
    """
    data = np.memmap(path, np.uint8, "r+")
    slots = histories(data)
    if len(slots) % parameters:
        raise ValueError(
            "{} histories do not belong to {} parameters".format(len(slots), parameters)
        )
    for number, slot in enumerate(slots):
        closed = places.get(number % parameters)
        if closed is not None:
            slot[closed] = 0
    data.flush()


def without_weights_file(source, target):
    """Copy a state, but for the path of the weights that were written with it.

    Caffe would look for them there, wherever the state has been moved to.
    """
    data = np.memmap(source, np.uint8, "r")
    cut = [(start, end) for of, start, _, end in fields(data, 0, len(data)) if of == LEARNED_NET]
    first, last = cut[0] if cut else (0, 0)
    with open(source, "rb") as old, open(target, "wb") as new:
        new.write(old.read(first))
        old.seek(last)
        shutil.copyfileobj(old, new, 1 << 20)
