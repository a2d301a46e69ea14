"""How many samples a network can be fed at once without one sample touching another."""

from __future__ import annotations

import math
from typing import Mapping, Optional

from netsurgery.calibration.inputs import Inputs
from netsurgery.errors import NetsurgeryError, NetworkError, Remedy
from netsurgery.network import Network, Shapes, infer_shapes

MOST_SAMPLES = 64
MOST_BYTES = 256 * 1024 * 1024
Shape = tuple[int, ...]


def input_shapes(network: Network) -> dict[str, Shape]:
    """Return the declared shape of each input blob.

    Raises:
        NetsurgeryError: The net has no inputs.
        NetworkError: The net declares none for one of them.
    """
    shapes = infer_shapes(network)
    if not network.inputs:
        raise NetsurgeryError(
            "the net has no input to feed", file=network.prototxt.file, remedy="use its deploy net"
        )
    declared = {value.blob: shapes[value] for value in network.inputs}
    for name, shape in declared.items():
        if shape is None:
            raise NetworkError(
                f"input {name!r} declares no shape",
                file=network.prototxt.file,
                remedy=Remedy("give it in {}, or in the prototxt", "input_shapes"),
            )
    return {name: tuple(shape) for name, shape in declared.items() if shape is not None}


def samples_are_apart(network: Network, samples: Mapping[str, Shape]) -> bool:
    """Whether a larger batch gives each sample what it gets alone.

    True where no layer mixes samples and the axis 0 of every output grows with the batch,
    as far as shape inference can tell.

    Args:
        network: The net.
        samples: The shape of one sample of each input blob, axis 0 left out.
    """
    if any(layer.layer_type.mixes_samples(layer) for layer in network.layers):
        return False
    two, three = (_shapes_at(network, samples, size) for size in (2, 3))
    if two is None or three is None:
        return False
    rows = [(_rows(two[value]), _rows(three[value])) for value in network.outputs]
    return all(a > 0 and a * 3 == b * 2 for a, b in rows)


def largest_batch(
    network: Network, inputs: Inputs, most_bytes: float = MOST_BYTES
) -> Optional[int]:
    """Return how many samples to feed at once, or None where the batch cannot be chosen.

    At most 64, and not more than keeps all blobs under ``most_bytes``.
    """
    if inputs.whole_blobs:
        return 1
    samples = {name: array.shape[1:] for name, array in inputs.arrays.items()}
    if not samples_are_apart(network, samples):
        return None
    shapes = _shapes_at(network, samples, 1) or {}
    bytes_each = 4 * sum(math.prod(shape) for shape in shapes.values() if shape is not None)
    return max(1, min(MOST_SAMPLES, int(most_bytes) // max(bytes_each, 1), len(inputs)))


def batch_size(network: Network, inputs: Inputs) -> int:
    """Return how many samples to feed at once: `largest_batch`, or the batch the net declares.

    Raises:
        NetsurgeryError: The net has no inputs, or does not declare their shapes.
    """
    declared = next(iter(input_shapes(network).values()))[0]
    return largest_batch(network, inputs) or declared


def _shapes_at(network: Network, samples: Mapping[str, Shape], size: int) -> Optional[Shapes]:
    """Infer all shapes with ``size`` samples; None where the net does not allow that many."""
    try:
        return infer_shapes(network, {name: (size, *rest) for name, rest in samples.items()})
    except NetworkError:
        return None


def _rows(shape: Optional[Shape]) -> int:
    return shape[0] if shape else 0
