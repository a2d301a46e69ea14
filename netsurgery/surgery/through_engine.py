"""Weights written by an engine instead of this package, for those who trust it alone."""

from __future__ import annotations

from pathlib import Path

from netsurgery.engine import Engine
from netsurgery.errors import FormatError, Remedy
from netsurgery.formats import HALF
from netsurgery.network import Model
from netsurgery.surgery.record import Surgery


def refuse_half(model: Model) -> None:
    """Refuse to have pycaffe write what it would have to read first, and cannot.

    Raises:
        FormatError: Some weights are in float16.
    """
    for layer in model.weights.layers if model.weights else ():
        if any(blob.storage == HALF for blob in layer.blobs):
            raise FormatError(
                "is in float16, and pycaffe writes float32 alone",
                file=model.weights and model.weights.file,
                layer=layer.name,
                remedy=Remedy("leave out {}, or convert the weights first", "writer"),
            )


def write_through_engine(surgery: Surgery, pair: tuple[Path, ...], writer: Engine) -> None:
    """Have an engine load the original's blobs into the new net, add the new ones, and save.

    Args:
        surgery: What was done.
        pair: The prototxt that was written, and where the weights go.
        writer: An engine that sets parameters and writes weights.

    Raises:
        EngineError: It cannot, or it gave up.
    """
    assert surgery.original.weights is not None
    new = {
        piece: [blob.array() for blob in surgery.model.blobs(piece)]
        for step in surgery.steps
        for pieces in step.rewrite.pieces.values()
        for piece in pieces
        if surgery.model.blobs(piece)
    }
    prototxt, weights = pair
    # A layer that keeps its name may have other blobs now, as one has that was folded into.
    gone = dict.fromkeys((name for step in surgery.steps for name in step.rewrite.weights), ())
    kept = weights.with_name(f"kept-{weights.name}")
    surgery.original.weights.replace(gone).write(kept)
    with writer.open(prototxt, kept) as session:
        session.set_parameters(new)
        session.save(weights)
