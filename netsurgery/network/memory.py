"""Activation memory: what Caffe allocates, and what would do if blobs were freed in time."""

from __future__ import annotations

from typing import Dict, Mapping, Optional

from netsurgery.layers import Shape, count
from netsurgery.network.graph import Network, Value

FLOAT_BYTES = 4


def blob_bytes(shape: Optional[Shape]) -> Optional[int]:
    """Memory of a blob in float32; None if its shape is not known."""
    return None if shape is None else FLOAT_BYTES * count(shape)


def owners_of(network: Network) -> Dict[Value, Value]:
    """The value whose memory each value is: itself, or what it overwrites or is a view of."""
    owners: Dict[Value, Value] = {}
    for value in network.values:
        producer = network.producer(value)
        below = None
        if producer is not None:
            overwritten = {after: before for before, after in producer.in_place}
            view = producer.bottoms[0] if producer.layer_type.shares_memory(producer) else None
            below = overwritten.get(value, view)
        owners[value] = value if below is None else owners[below]
    return owners


def peak_bytes(network: Network, shapes: Mapping[Value, Optional[Shape]]) -> Optional[int]:
    """The most memory that activations need at once, if each goes after its last reader.

    Caffe frees nothing and needs the sum of all; this is what an engine that does needs.
    Outputs of the network stay.

    Args:
        network: The network.
        shapes: From `infer_shapes`.

    Returns:
        Bytes in float32, or None if a shape is not known.
    """
    if any(shapes[value] is None for value in network.values):
        return None
    owners = owners_of(network)
    last = _last_use(network, owners)
    sizes = {value: blob_bytes(shapes[value]) or 0 for value in network.values}
    live = {value: sizes[value] for value in network.values if network.producer(value) is None}
    now, peak = sum(live.values()), 0
    for layer in network.layers:
        for value in layer.tops:
            if owners[value] not in live:
                now += live.setdefault(owners[value], sizes[value])
        peak = max(peak, now)
        for value in (*layer.bottoms, *layer.tops):
            if last[owners[value]] <= layer.index:
                now -= live.pop(owners[value], 0)
    return peak


def _last_use(network: Network, owners: Mapping[Value, Value]) -> Dict[Value, int]:
    """Index of the last layer that touches each owner; past the end for outputs."""
    last = dict.fromkeys(owners.values(), -1)
    for layer in network.layers:
        for value in (*layer.bottoms, *layer.tops):
            last[owners[value]] = layer.index
    last.update((owners[value], len(network.layers)) for value in network.outputs)
    return last
