"""The text of a net as OpenCV should read it, so that every blob can be asked for."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

from netsurgery.engine.opencv_limits import misread_fields
from netsurgery.formats import Prototxt, quote
from netsurgery.network import Network, fresh_name, names_taken

_TAPS = {
    "V2": b"layer { name: %s type: 'Split' bottom: %s top: %s }\n",
    "V1": b"layers { name: %s type: SPLIT bottom: %s top: %s }\n",
    "V0": b"layers { layer { name: %s type: 'split' } bottom: %s top: %s }\n",
}


class TappedNet(NamedTuple):
    """A net for OpenCV.

    Attributes:
        text: The prototxt, without the layers that Caffe would not build and the fields
            of forks that OpenCV stumbles over, with taps at its end;
            every other layer is on the line where it was.
        layers: For each blob that is no input, the layer whose first output it is.
    """

    text: bytes
    layers: Dict[str, str]


def tap(network: Network) -> TappedNet:
    """Give each top of a layer with several a copy in a layer of its own.

    OpenCV keeps only the first output of a layer that is asked for: the memory of the others
    is used again. It also cuts a Slice into as many parts as are read by somebody.
    """
    layers, taps = {}, []
    taken = names_taken(network)
    for blob, value in {value.blob: value for value in network.values}.items():
        producer = network.producer(value)
        if producer is None or producer.layer_type.is_input:
            continue
        if producer.layer_type.opencv_names_tops:
            layers[blob] = blob
            continue
        layers[blob] = producer.name
        if len(producer.tops) > 1:
            layers[blob] = fresh_name(f"{blob}_tap", taken)
            name = quote(layers[blob])
            taps.append(_TAPS[network.prototxt.version] % (name, quote(blob), name))
    return TappedNet(b"\n".join([bytes(_built(network)), *taps]), layers)


def _built(network: Network) -> Prototxt:
    """The layers that are built, without the fields that would have OpenCV misread others."""
    built = {layer.text.index for layer in network.layers}
    gone: List[Tuple[int, int, bytes]] = [
        (*text.span, b"\n" * text.text.count(b"\n"))
        for text in network.prototxt.layers
        if text.index not in built
    ]
    data = network.prototxt.data
    for layer in network.layers:
        for field in misread_fields(layer):
            gone.append((field.start, field.end, b"\n" * data.count(b"\n", field.start, field.end)))
    return network.prototxt.splice(sorted(gone)) if gone else network.prototxt
