"""What a layer and the layers that come in its place take to compute."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Tuple

from netsurgery.errors import NetworkError
from netsurgery.formats import LayerText, Prototxt, quoted
from netsurgery.linalg import Cost
from netsurgery.network import Model, Network, Shape, State, Value, count_cost, infer_shapes


def count_macs(
    model: Model, group: Sequence[LayerText], unit: Callable[[LayerText], bytes], ranks: int
) -> Optional[Cost]:
    """Return the MACs of layers, and of the chains in their places.

    Args:
        model: The net they are in.
        group: Layers that are rewritten together; their MACs are added up.
        unit: Writes the chain, with all ranks 1, that comes in the place of a layer.
        ranks: How many the chain has; where it is one, every layer grows with it.

    Returns:
        The MACs, or None where a shape is not known.
    """
    if group[0].version == "V0":  # surgery upgrades it first
        return None
    indices = {layer.index for layer in group}
    try:
        network = model.network()
        shapes = infer_shapes(network, weights=model.weights)
        layers = [layer for layer in network.layers if layer.text.index in indices]
        bottoms = [(layer.bottoms[0], shapes[layer.bottoms[0]]) for layer in layers]
        texts = [(layer.text.text, unit(layer.text)) for layer in layers]
        counts = [
            (_macs(before, *bottom, network.state), _macs(after, *bottom, network.state))
            for (before, after), bottom in zip(texts, bottoms)
        ]
    except NetworkError:
        return None
    if not counts or not all(before and after for before, after in counts):
        return None
    whole = sum(sum(before) for before, _ in counts)
    units = tuple(map(sum, zip(*(after for _, after in counts))))
    return Cost(whole, units if ranks > 1 else (sum(units), 0))


def _macs(text: bytes, bottom: Value, shape: Optional[Shape], state: State) -> Tuple[int, ...]:
    """MACs of each of some layers, the first of which reads a blob of that shape; () if unknown."""
    if shape is None:
        return ()
    dims = " ".join(f"dim: {size}" for size in shape)
    source = f"input: {quoted(bottom.blob)} input_shape {{ {dims} }}\n"
    prototxt = Prototxt.parse(source.encode("utf-8", "surrogateescape") + text)
    network = Network.of(prototxt, state.phase, state.level, state.stages)
    found = [cost.macs for cost in count_cost(network, infer_shapes(network))]
    return tuple(macs for macs in found if macs is not None)
