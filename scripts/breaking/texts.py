"""Kinds of breakages of the text: what a careless hand or converter writes into a prototxt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Iterator, List, Optional

import numpy as np

from breaking.kinds import Broken, Candidates, Kind, Pair, Way, shuffled
from netsurgery.formats.prototxt.layer_text import LayerText
from netsurgery.network import infer_shapes

Fields = Callable[[Any], Optional[dict]]
CONV, POOL, INNER = "convolution_param.", "pooling_param.", "inner_product_param."


def with_fields(kind: str, fields: Fields) -> Way:
    """What changes fields of one layer of a type; None: they are so already, or cannot be."""

    def way(pair: Pair, random: np.random.Generator) -> Candidates:
        for layer in shuffled(pair.of_type(kind), random):
            new = fields(layer.parameter)
            if new:
                yield Broken(
                    layer.name, pair.with_text(layer, layer.edited(fields=new)), (layer.name,)
                )

    return way


def where_shapes_change(way: Way) -> Way:
    """Leave out what makes nets of the same shapes: a window that comes out even, floor or ceil."""

    def changing(pair: Pair, random: np.random.Generator) -> Candidates:
        before = infer_shapes(pair.model().network())
        for one in way(pair, random):
            if infer_shapes(one.pair.model().network()) != before:
                yield one

    return changing


def one_side(block: str) -> Fields:
    """A pad on one side alone, the height's."""

    def fields(parameter: Any) -> dict:
        own = getattr(parameter, block[:-1])
        pad = own.pad if isinstance(own.pad, int) else (list(own.pad) or [0])[0]
        return {f"{block}pad": None, f"{block}pad_h": pad + 1, f"{block}pad_w": pad}

    return fields


def retyped(kind: str, new: str) -> Way:
    def way(pair: Pair, random: np.random.Generator) -> Candidates:
        for layer in shuffled(pair.of_type(kind), random):
            text = layer.edited(fields={"type": new})
            yield Broken(layer.name, pair.with_text(layer, text), (layer.name,))

    return way


def missing(*kinds: str) -> Way:
    """A layer left out, and what read it reads what it read."""

    def way(pair: Pair, random: np.random.Generator) -> Candidates:
        for layer in shuffled(pair.of_type(*kinds), random):
            if layer.tops == layer.bottoms:
                yield Broken(layer.name, pair.with_text(layer, b""), (layer.name,))
                continue
            changes = {layer.index: b""}
            for other in pair.prototxt.layers:
                if other.index != layer.index and set(layer.tops) & set(other.bottoms):
                    read = [layer.bottoms[0] if b == layer.tops[0] else b for b in other.bottoms]
                    changes[other.index] = other.edited(bottoms=read)
            if len(changes) > 1:
                new = replace(pair, prototxt=pair.prototxt.replace_layers(changes))
                yield Broken(layer.name, new, (layer.name,))

    return way


def once_more(kind: str) -> Way:
    def way(pair: Pair, random: np.random.Generator) -> Candidates:
        for layer in shuffled(pair.of_type(kind), random):
            copy = layer.edited(name="again", bottoms=layer.tops, tops=layer.tops)
            text = pair.prototxt.replace_layers({}, {layer.index: copy})
            yield Broken(layer.name, replace(pair, prototxt=text), ("again",))

    return way


def last_layers(pair: Pair) -> List[LayerText]:
    read = {blob for layer in pair.prototxt.layers for blob in layer.bottoms}
    return [one for one in pair.prototxt.layers if one.tops and not read & set(one.tops)]


def renamed_top(pair: Pair, random: np.random.Generator) -> Candidates:
    for layer in shuffled(last_layers(pair), random):
        text = layer.edited(tops=["other"])
        yield Broken(layer.name, pair.with_text(layer, text), (layer.name,))


def swapped_outputs(pair: Pair, random: np.random.Generator) -> Candidates:
    ends = last_layers(pair)
    if len(ends) > 1:
        one, other = ends[:2]
        changes = {one.index: one.edited(tops=other.tops), other.index: other.edited(tops=one.tops)}
        new = replace(pair, prototxt=pair.prototxt.replace_layers(changes))
        yield Broken(f"{one.name} and {other.name}", new, (one.name, other.name))


def permuted_outputs(pair: Pair, random: np.random.Generator) -> Candidates:
    """Classes in another order, in weights and bias of the last layer alike."""
    inner = [layer for layer in pair.of_type("InnerProduct") if len(pair.blobs(layer.name)) > 1]
    for layer in inner[-1:]:
        weights, bias = pair.array(layer.name, 0), pair.array(layer.name, 1)
        order = np.roll(np.arange(len(weights)), 1)
        new = pair.with_blob(layer.name, 0, weights[order])
        new = new.with_blob(layer.name, 1, bias.ravel()[order].reshape(bias.shape))
        yield Broken(layer.name, new, (layer.name,))


def reads_elsewhere(kind: str) -> Way:
    """A layer that reads another value that it could read, made before."""

    def way(pair: Pair, random: np.random.Generator) -> Candidates:
        for layer in shuffled(pair.of_type(kind), random):
            for bottom in _made_before(pair, layer):
                if bottom not in layer.bottoms and bottom not in layer.tops:
                    text = layer.edited(bottoms=[bottom, *layer.bottoms[1:]])
                    yield Broken(layer.name, pair.with_text(layer, text), (layer.name,))

    return way


def _made_before(pair: Pair, layer: LayerText) -> Iterator[str]:
    """Blobs made before by a layer of as many channels as that which is read."""
    before = pair.prototxt.layers[: layer.index]
    makers = {top: one for one in before for top in one.tops if one.type == "Convolution"}
    wanted = makers.get(layer.bottoms[0]) if layer.bottoms else None
    for top, maker in reversed(makers.items()):
        if (
            wanted is not None
            and pair.blobs(maker.name)[0].shape == pair.blobs(wanted.name)[0].shape
        ):
            yield top


def not_shared_order(pair: Pair, random: np.random.Generator) -> Candidates:
    """A layer that computes in place in front of one that it stood behind."""
    layers = pair.prototxt.layers
    for place in random.permutation(len(layers) - 1):
        one, other = layers[place], layers[place + 1]
        if one.tops == one.bottoms == other.tops == other.bottoms and one.type != other.type:
            new = pair.prototxt.replace_layers({one.index: other.text, other.index: one.text})
            yield Broken(
                f"{other.name} before {one.name}",
                replace(pair, prototxt=new),
                (one.name, other.name),
            )


def _floor(parameter: Any) -> Optional[dict]:
    return {"pooling_param.round_mode": "FLOOR"}


def _pool(parameter: Any) -> Optional[dict]:
    return {"pooling_param.pool": "AVE" if parameter.pooling_param.pool == 0 else "MAX"}


def _more(path: str, by: int = 1) -> Fields:
    def fields(parameter: Any) -> dict:
        value = parameter
        for name in path.split("."):
            value = getattr(value, name)
        return {path: (value if isinstance(value, int) else (list(value) or [0])[0]) + by}

    return fields


TEXTS: List[Kind] = [
    Kind("a pad of one more", with_fields("Convolution", _more("convolution_param.pad"))),
    Kind("a pad on one side", with_fields("Convolution", one_side(CONV))),
    Kind("a pad of a pooling on one side", with_fields("Pooling", one_side(POOL))),
    Kind(
        "a longer stride",
        with_fields(
            "Convolution",
            lambda p: {CONV + "stride": 2} if list(p.convolution_param.stride) != [2] else None,
        ),
    ),
    Kind("a larger window", with_fields("Convolution", _more("convolution_param.kernel_size"))),
    Kind("a dilated window", with_fields("Convolution", lambda p: {CONV + "dilation": 2})),
    Kind(
        "a wrong group",
        with_fields(
            "Convolution",
            lambda p: {CONV + "group": 2} if p.convolution_param.num_output % 2 == 0 else None,
        ),
    ),
    Kind("no bias", with_fields("InnerProduct", lambda p: {INNER + "bias_term": "false"})),
    Kind(
        "a matrix called transposed",
        with_fields("InnerProduct", lambda p: {INNER + "transpose": "true"}),
    ),
    Kind("one output more", with_fields("InnerProduct", _more("inner_product_param.num_output"))),
    Kind("mean for maximum", with_fields("Pooling", _pool)),
    Kind(
        "floor for ceil",
        where_shapes_change(with_fields("Pooling", _floor)),
    ),
    Kind("a longer stride of a pooling", with_fields("Pooling", _more("pooling_param.stride"))),
    Kind("a ReLU missing", missing("ReLU")),
    Kind("a PReLU missing", missing("PReLU")),
    Kind("a BatchNorm missing", missing("BatchNorm")),
    Kind("a Scale missing", missing("Scale")),
    Kind("a Softmax missing", missing("Softmax")),
    Kind("a layer twice", once_more("Scale")),
    Kind("TanH for ReLU", retyped("ReLU", "TanH")),
    Kind("ReLU for PReLU", retyped("PReLU", "ReLU")),
    Kind("Sigmoid for Softmax", retyped("Softmax", "Sigmoid")),
    Kind("a leak in a ReLU", with_fields("ReLU", lambda p: {"relu_param.negative_slope": 0.01})),
    Kind("a wrong eps", with_fields("BatchNorm", lambda p: {"batch_norm_param.eps": 0.001})),
    Kind(
        "statistics of the batch",
        with_fields("BatchNorm", lambda p: {"batch_norm_param.use_global_stats": "false"}),
    ),
    Kind(
        "Scale without its shift",
        with_fields(
            "Scale",
            lambda p: {"scale_param.bias_term": "false"} if p.scale_param.bias_term else None,
        ),
    ),
    Kind("maximum for sum", with_fields("Eltwise", lambda p: {"eltwise_param.operation": "MAX"})),
    Kind("a factor in a sum", with_fields("Eltwise", lambda p: {"eltwise_param.coeff": [1, 0.5]})),
    Kind("a shortcut from elsewhere", reads_elsewhere("Eltwise")),
    Kind("a layer that reads elsewhere", reads_elsewhere("Convolution")),
    Kind("two layers in another order", not_shared_order),
    Kind("a renamed top", renamed_top),
    Kind("outputs called as each other", swapped_outputs),
    Kind("permuted outputs", permuted_outputs),
]
