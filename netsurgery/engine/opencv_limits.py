"""What OpenCV's Caffe importer cannot run, and what it runs but not as Caffe does.

Found by running every layer of Caffe and its variants through both, with OpenCV 4.14; its
errors would come late, and its differences never.
"""

from __future__ import annotations

from typing import List, Optional, Sequence

from netsurgery.formats import Field
from netsurgery.layers import layer_type, layer_types
from netsurgery.network import Layer, Shape


def knows(path: str) -> bool:
    """Whether a field of forks is in OpenCV's own schema, by its dotted path."""
    block, _, name = path.partition(".")
    kinds = (kind for kind in layer_types().values() if kind.message == block)
    return any(name in kind.opencv_fields for kind in kinds)


def runs(name: str) -> bool:
    """Whether OpenCV has a layer of a type, by the name that a prototxt calls it."""
    return name in layer_type(name).opencv_names


def why_not(layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
    """Say why OpenCV cannot run a layer as Caffe does; None where it can.

    Args:
        layer: The layer.
        bottoms: Shapes of what it reads, None where not known.
    """
    kind = layer.layer_type
    if layer.type not in kind.opencv_names:
        return f"OpenCV cannot run a layer of type {layer.type}"
    fault = kind.opencv_fault(layer, bottoms)
    return f"OpenCV {fault}" if fault else None


def misread_fields(layer: Layer) -> List[Field]:
    """Return the fields that OpenCV does not know.

    Where there is one in a block, it takes all fields that are not written there for zeros:
    `pad: 1` is lost. Some of the layer's own make it give up.
    """
    unknown = layer.text.unknown_fields
    found = [one.field for one in unknown if not knows(one.path)]
    kind = layer.layer_type
    for block in layer.text.block.messages(kind.message) if kind.opencv_stumbles else ():
        found += [field for field in block.fields if field.name in kind.opencv_stumbles]
    return found
