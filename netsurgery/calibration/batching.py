"""How many samples a network can be fed at once without one sample touching another."""

from __future__ import annotations

import math
from typing import Collection, Mapping, Optional

from netsurgery.calibration.inputs import Inputs
from netsurgery.errors import NetsurgeryError, NetworkError, Remedy
from netsurgery.layers import Layer
from netsurgery.network import Network, Shapes, Value, infer_shapes, layers_to, with_open_batch

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


def samples_are_apart(
    network: Network, samples: Mapping[str, Shape], wanted: Optional[Collection[Value]] = None
) -> bool:
    """Whether a larger batch gives each sample what it gets alone, in a net with an open batch.

    True where no layer on the way to what is wanted mixes samples, and the axis 0 of all that is
    made of the inputs grows with the batch, as far as shape inference can tell: what does not grow
    holds several samples where one was.

    Args:
        network: The net; it is judged as `with_open_batch` has it.
        samples: The shape of one sample of each input blob, axis 0 left out.
        wanted: The values that are looked at; the outputs if None.
    """
    network = with_open_batch(network)
    wanted = tuple(network.outputs if wanted is None else wanted)
    layers = layers_to(network, wanted)
    if any(layer.layer_type.mixes_samples(layer) for layer in layers):
        return False
    two, three = (_shapes_at(network, samples, size) for size in (2, 3))
    if two is None or three is None:
        return False
    growing = {
        value for value in network.values if _rows(two[value]) * 3 == _rows(three[value]) * 2 > 0
    }
    fed = {value for value in growing if _is_fed(network, value)}
    for layer in layers:
        if layer.layer_type.fixed_by_shapes or fed.isdisjoint(layer.bottoms):
            continue
        if not growing.issuperset(layer.tops) or _moves_samples(layer, two):
            return False
        fed.update(layer.tops)
    return growing.issuperset(wanted)


def largest_batch(
    network: Network,
    inputs: Inputs,
    most_bytes: float = MOST_BYTES,
    wanted: Optional[Collection[Value]] = None,
) -> Optional[int]:
    """Return how many samples to feed at once, or None where the batch cannot be chosen.

    At most 64, and not more than keeps all blobs under ``most_bytes``.

    Args:
        network: The net.
        inputs: What it is fed.
        most_bytes: What all its blobs may take.
        wanted: The values that are looked at; the outputs if None.
    """
    if inputs.whole_blobs:
        return 1
    size = bytes_each(network, inputs, wanted)
    if size is None:
        return None
    return max(1, min(MOST_SAMPLES, int(most_bytes) // max(size, 1), len(inputs)))


def bytes_each(
    network: Network, inputs: Inputs, wanted: Optional[Collection[Value]] = None
) -> Optional[int]:
    """Return the bytes of all blobs for one sample; None where samples are not fed together.

    Args:
        network: The net.
        inputs: What it is fed.
        wanted: The values that are looked at; the outputs if None.
    """
    if inputs.whole_blobs:
        return None
    samples = {name: tuple(array.shape[1:]) for name, array in inputs.arrays.items()}
    looked_at = None if wanted is None else frozenset(wanted)
    asked = bytes_each, tuple(sorted(samples.items())), looked_at
    # Trials ask it of one net again and again.
    return network.derived(asked, lambda: _bytes_each(network, samples, looked_at))


def _bytes_each(
    network: Network, samples: Mapping[str, Shape], wanted: Optional[Collection[Value]]
) -> Optional[int]:
    if not samples_are_apart(network, samples, wanted):
        return None
    shapes = _shapes_at(with_open_batch(network), samples, 1) or {}
    return 4 * sum(math.prod(shape) for shape in shapes.values() if shape is not None)


def batch_size(network: Network, inputs: Inputs) -> int:
    """Return how many samples to feed at once: `largest_batch`, or the batch the net declares.

    Raises:
        NetsurgeryError: The net has no inputs, or does not declare their shapes.
    """
    declared = next(iter(input_shapes(network).values()))[0]
    return largest_batch(network, inputs) or declared


def _is_fed(network: Network, value: Value) -> bool:
    producer = network.producer(value)
    return producer is None or not producer.bottoms


def _moves_samples(layer: Layer, shapes: Shapes) -> bool:
    """Whether a layer that changes the order of axes puts that of the samples elsewhere."""
    shape = shapes[layer.bottoms[0]]
    if not layer.layer_type.permutes or shape is None:
        return False
    return layer.layer_type.permutation(layer, len(shape))[0] != 0


def _shapes_at(network: Network, samples: Mapping[str, Shape], size: int) -> Optional[Shapes]:
    """Infer all shapes with ``size`` samples; None where the net does not allow that many."""
    try:
        return infer_shapes(network, {name: (size, *rest) for name, rest in samples.items()})
    except NetworkError:
        return None


def _rows(shape: Optional[Shape]) -> int:
    return shape[0] if shape else 0
