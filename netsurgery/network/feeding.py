"""A network whose inputs have the shapes that are given, for engines to load."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from netsurgery.formats import Edits, Prototxt, quote
from netsurgery.layers import Layer, Value
from netsurgery.network.graph import Network
from netsurgery.network.shapes import trace_shapes

Shape = Tuple[int, ...]
_DECLARATIONS = ("input", "input_shape", "input_dim")


def with_inputs(prototxt: Prototxt, network: Network) -> Prototxt:
    """Return a prototxt with inputs of the shapes that are given with a network.

    Layers that stand for inputs, such as one that reads data in a fork's way, are Input layers
    there, or inputs of the net itself where it is V1, which has no such layers.

    Args:
        prototxt: The text of those layers of ``network`` that its state builds.
        network: The network.
    """
    if not network.given:
        return prototxt
    shapes = {value: shape for value, shape in trace_shapes(network)[0].items() if shape}
    own: List[Tuple[Value, Optional[Shape]]] = list(network.legacy_inputs.items())
    changes: Dict[int, bytes] = {}
    for text, layer in zip(prototxt.layers, network.layers):
        if layer.bottoms or not any(top.blob in network.given for top in layer.tops):
            continue
        fed = [top for top in layer.tops if top in network.inputs and top in shapes]
        changes[text.index] = b"" if prototxt.version == "V1" else _input_layer(layer, fed, shapes)
        own += [(top, shapes[top]) for top in fed] if prototxt.version == "V1" else []
    declared = b"".join(declaration(value.blob, shape) for value, shape in own if shape)
    return _declaring(prototxt.replace_layers(changes), declared)


def declaration(blob: str, shape: Sequence[int]) -> bytes:
    """Return the text that declares an input of a net."""
    return b"input: %s input_shape { %s }\n" % (quote(blob), _dims(shape))


def _declaring(prototxt: Prototxt, declared: bytes) -> Prototxt:
    """Put declarations of inputs in the place of all there are."""
    edits = Edits(prototxt.data)
    edits.remove(*(field for field in prototxt.root.fields if field.name in _DECLARATIONS))
    return Prototxt.parse(declared + edits.result(), prototxt.file)


def _input_layer(layer: Layer, tops: Sequence[Value], shapes: Mapping[Value, Shape]) -> bytes:
    made = b" ".join(b"top: %s" % quote(top.blob) for top in tops)
    each = b" ".join(b"shape { %s }" % _dims(shapes[top]) for top in tops)
    return b'layer { name: %s type: "Input" %s input_param { %s } }' % (
        quote(layer.name),
        made,
        each,
    )


def _dims(shape: Sequence[int]) -> bytes:
    return b" ".join(b"dim: %d" % size for size in shape)
