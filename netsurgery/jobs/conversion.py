"""Weights from one format to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from netsurgery.errors import FormatError
from netsurgery.formats import (
    convert_weights,
    in_float32,
    make_folder,
    not_halved,
    open_weights,
    write_whole,
)
from netsurgery.jobs.job_request import JobRequest
from netsurgery.jobs.mask_files import carried_masks, masks_file
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.outputs import WEIGHTS, is_hdf5
from netsurgery.network import blob_shapes, owners_of_shared
from netsurgery.validation import validated


@dataclass(frozen=True)
class ConvertRequest(JobRequest):
    """How to convert weights.

    Attributes:
        net: The net they belong to, or its prototxt: tells the shapes of old blobs, and what is
            shared.
        float16: Half the bytes; statistics of BatchNorm, and blobs that float16 cannot hold, stay
            float32.
        gzip: Compress; HDF5 only.
    """

    net: Optional[ModelLike] = None
    float16: bool = False
    gzip: bool = False


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        file: The new weights.
        size: Its bytes.
        notes: What stayed float32 where float16 was asked for, and masks that went along, a line
            each.
    """

    file: Path
    size: int
    notes: Tuple[str, ...] = ()

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return {"file": str(self.file), "bytes": self.size, "notes": list(self.notes)}


@validated
def convert(
    weights: PathLike, out: PathLike, request: Optional[ConvertRequest] = None
) -> Conversion:
    """Convert a file of weights to the format that the name of another says.

    A name that ends in ``.h5`` or ``.hdf5`` is HDF5 (``.caffemodel.h5``, as Caffe spells it), one
    that ends in ``.caffemodel`` a caffemodel. Without ``float16``, HDF5 keeps the type of the
    numbers, and a caffemodel has what stock Caffe reads: float32 for float16.

    Args:
        weights: The file to read.
        out: The file to write.
        request: How to convert.

    Raises:
        FormatError: A file cannot be read or written, is not what it should be, or would be
            overwritten though it is the original.
        NetworkError: The net is none.
    """
    request = request or ConvertRequest()
    target = WEIGHTS.checked(out)
    given = open_weights(weights)
    if target.exists() and target.samefile(weights):
        problem = "this is the original, which would be overwritten"
        raise FormatError(problem, file=out, remedy="choose another name")
    if request.net is None:
        made = convert_weights(given, _format(target))
    else:
        network = open_model_like(request.net).network()
        shapes, shared = blob_shapes(network), owners_of_shared(network)
        made = convert_weights(given, _format(target), shapes=shapes, shared=shared)
    if not request.float16 and not is_hdf5(target):
        made = in_float32(made)
    make_folder(target.parent)
    carried = carried_masks(given, made, target)
    made.write(target, float16=request.float16, gzip=request.gzip)
    kept = not_halved(given.layers) if request.float16 else ()
    notes = [f"{weights}: {one}" for one in kept]
    if carried is not None:
        write_whole(masks_file(target), carried)
        notes.append(f"masks carried along: {masks_file(target)}")
    return Conversion(target, target.stat().st_size, tuple(notes))


def _format(path: Path) -> str:
    return "hdf5" if is_hdf5(path) else "caffemodel"
