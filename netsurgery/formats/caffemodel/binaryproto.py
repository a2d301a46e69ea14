"""Mean images in Caffe's .binaryproto: one BlobProto."""

from __future__ import annotations

import os

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats import sniff
from netsurgery.formats.atomic import AnyPath
from netsurgery.formats.caffemodel.blobproto import read_blob


def read_mean(path: AnyPath) -> np.ndarray:
    """The mean image of a .binaryproto, float32 of shape (channels, height, width).

    Raises:
        FormatError: It is not there, or is not one blob of one image.
    """
    file = os.fspath(path)
    try:
        with open(file, "rb") as stream:
            data = stream.read()
        return _image(data)
    except FormatError as error:
        error.file = file
        raise
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror or error}", file=file) from error


def _image(data: bytes) -> np.ndarray:
    kind = sniff.identify(data[: sniff.HEAD])
    if kind not in (None, sniff.BINARYPROTO):
        raise sniff.refusal(kind, "a mean image (.binaryproto)")
    blob = read_blob(data, 0, len(data))
    shape = (1,) * (4 - len(blob.shape)) + blob.shape
    if len(shape) != 4 or shape[0] != 1 or not blob.count:
        raise FormatError(f"it holds a blob of shape {blob.shape}, which is not one image")
    return blob.array().reshape(shape[1:])
