"""Small random nets of stock Caffe's layers, most of them valid, for real Caffe to judge."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence, Tuple

from hypothesis import strategies as st

from netsurgery.errors import NetworkError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network
from netsurgery.network.shapes import infer_shapes

Draw = Callable[[Any], Any]
Blobs = Dict[str, Tuple[int, ...]]
# type, bottoms, number of tops, whether a top may be its bottom, body
Made = Tuple[str, Sequence[str], int, bool, str]

NEURONS = ("AbsVal", "BNLL", "Dropout", "ELU", "Exp", "PReLU", "Power", "ReLU", "Sigmoid", "TanH")


@st.composite
def nets(draw: Draw, most_layers: int = 4) -> str:
    """The text of a net: one or two inputs, then a few random layers on what is there."""
    blobs = {"in0": draw(shapes())}
    if draw(st.booleans()):
        first = blobs["in0"]
        blobs["in1"] = draw(st.one_of(shapes(), st.sampled_from([first, first[:1], first[:2]])))
    text = "".join(_input(name, shape) for name, shape in blobs.items())
    unread = list(blobs)
    for number in range(draw(st.integers(1, most_layers))):
        text += _layer(draw, number, blobs, unread)
        try:
            network = Network.of(Prototxt.parse(text.encode()))
            found = infer_shapes(network)
        except NetworkError:
            break
        blobs = {value.blob: found[value] or () for value in network.values}
    return text


def shapes() -> Any:
    """Shapes of one to five axes, most of them images."""
    image = st.tuples(*[st.integers(1, high) for high in (3, 6, 12, 12)])
    anything = st.lists(st.integers(1, 6), min_size=1, max_size=5).map(tuple)
    return st.integers(0, 5).flatmap(lambda choice: anything if choice == 5 else image)


def _input(name: str, shape: Sequence[int]) -> str:
    dims = " ".join(f"dim: {dim}" for dim in shape)
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" {_block("input", dims)} }}\n'


def _block(name: str, dims: str) -> str:
    return f"{name}_param {{ shape {{ {dims} }} }}"


def _layer(draw: Draw, number: int, blobs: Blobs, unread: List[str]) -> str:
    kind = draw(st.sampled_from(KINDS))
    made_type, bottoms, tops, may_be_in_place, body = MAKERS[kind](draw, blobs)
    names = [f"b{number}_{i}" for i in range(tops)]
    if may_be_in_place and bottoms[0] in unread and draw(st.booleans()):
        names[0] = bottoms[0]
    unread[:] = [name for name in unread if name not in bottoms] + names
    wires = " ".join([f'bottom: "{b}"' for b in bottoms] + [f'top: "{t}"' for t in names])
    return f'layer {{ name: "{kind}{number}" type: "{made_type}" {wires} {body} }}\n'


def _pick(draw: Draw, blobs: Blobs) -> str:
    return draw(st.sampled_from(sorted(blobs)))


def _maybe(draw: Draw, name: str, values: Any) -> str:
    return f"{name}: {draw(values)} " if draw(st.booleans()) else ""


def _axis(draw: Draw) -> str:
    return _maybe(draw, "axis", st.integers(-3, 3))


def _repeated(draw: Draw, name: str, low: int, high: int, axes: int) -> str:
    times = draw(st.sampled_from([1, 1, max(axes, 1)]))
    return "".join(f"{name}: {draw(st.integers(low, high))} " for _ in range(times))


def _windows(draw: Draw, axes: int) -> str:
    if axes == 2 and draw(st.booleans()):
        sizes = st.integers(1, 5)
        text = f"kernel_h: {draw(sizes)} kernel_w: {draw(sizes)} "
    else:
        text = _repeated(draw, "kernel_size", 1, 5, axes)
    text += _repeated(draw, "stride", 1, 4, axes) if draw(st.booleans()) else ""
    text += _repeated(draw, "pad", 0, 3, axes) if draw(st.booleans()) else ""
    return text + (_repeated(draw, "dilation", 1, 3, axes) if draw(st.booleans()) else "")


def _convolution(layer_type: str) -> Callable[[Draw, Blobs], Made]:
    def make(draw: Draw, blobs: Blobs) -> Made:
        bottom = _pick(draw, blobs)
        axis = draw(st.sampled_from([1, 1, 1, 0, 2, -2]))
        body = f"axis: {axis} " if axis != 1 else ""
        body += _windows(draw, max(len(blobs[bottom]) - axis % 5 - 1, 0))
        if layer_type != "Im2col":
            body += f"num_output: {draw(st.sampled_from([1, 2, 3, 4, 6]))} "
            body += _maybe(draw, "group", st.integers(1, 3))
            body += _maybe(draw, "bias_term", st.just("false"))
        return layer_type, [bottom], 1, False, f"convolution_param {{ {body} }}"

    return make


def _pooling(draw: Draw, blobs: Blobs) -> Made:
    method = draw(st.sampled_from(["MAX", "AVE"]))
    body = f"pool: {method} "
    if draw(st.integers(0, 5)) == 0:
        body += "global_pooling: true "
    else:
        sizes, steps, pads = st.integers(1, 5), st.integers(1, 4), st.integers(0, 3)
        both = draw(st.booleans())
        body += f"kernel_h: {draw(sizes)} kernel_w: {draw(sizes)} " if both else ""
        body += "" if both else f"kernel_size: {draw(sizes)} "
        body += _maybe(draw, "stride", steps)
        split = draw(st.booleans())
        body += f"pad_h: {draw(pads)} pad_w: {draw(pads)} " if split else _maybe(draw, "pad", pads)
    body += _maybe(draw, "round_mode", st.sampled_from(["FLOOR", "CEIL"]))
    tops = draw(st.sampled_from([1, 1, 2]))
    return "Pooling", [_pick(draw, blobs)], tops, False, f"pooling_param {{ {body} }}"


def _simple(
    layer_type: str, block: str, fields: Callable[[Draw], str], in_place: bool = False
) -> Callable[[Draw, Blobs], Made]:
    def make(draw: Draw, blobs: Blobs) -> Made:
        body = f"{block} {{ {fields(draw)} }}" if block else ""
        return layer_type, [_pick(draw, blobs)], 1, in_place, body

    return make


def _nothing(draw: Draw) -> str:
    return ""


def _many(layer_type: str, fewest: int, block: str, fields: Callable[[Draw], str]) -> Any:
    def make(draw: Draw, blobs: Blobs) -> Made:
        first = _pick(draw, blobs)
        alike = [name for name in sorted(blobs) if blobs[name] == blobs[first]]
        others = st.sampled_from(draw(st.sampled_from([alike, alike, sorted(blobs)])))
        bottoms = [first] + [draw(others) for _ in range(draw(st.integers(fewest - 1, 2)))]
        return layer_type, bottoms, 1, False, f"{block} {{ {fields(draw)} }}"

    return make


def _two(layer_type: str, block: str, fields: Callable[[Draw], str]) -> Any:
    def make(draw: Draw, blobs: Blobs) -> Made:
        body = f"{block} {{ {fields(draw)} }}" if block else ""
        return layer_type, [_pick(draw, blobs), _pick(draw, blobs)], 1, False, body

    return make


def _inner_product(draw: Draw) -> str:
    body = f"num_output: {draw(st.integers(1, 4))} " + _axis(draw)
    body += _maybe(draw, "bias_term", st.just("false"))
    return body + _maybe(draw, "transpose", st.just("true"))


def _reshape(draw: Draw) -> str:
    anything = st.lists(st.sampled_from([-1, 0, 0, 1, 2, 3, 4, 6]), max_size=4)
    usual = st.sampled_from([[-1], [0, -1], [1, -1], [0, 0, -1], [0, -1, 1, 1], [-1, 2]])
    dims = draw(st.one_of(usual, anything))
    body = "shape { " + " ".join(f"dim: {dim}" for dim in dims) + " } "
    return body + _axis(draw) + _maybe(draw, "num_axes", st.integers(-1, 3))


def _span(draw: Draw) -> str:
    return _axis(draw) + _maybe(draw, "end_axis", st.integers(-3, 3))


def _affine(draw: Draw) -> str:
    return _axis(draw) + _maybe(draw, "num_axes", st.integers(-1, 3))


def _scale(draw: Draw) -> str:
    return _affine(draw) + _maybe(draw, "bias_term", st.just("true"))


def _joint(legacy: str) -> Callable[[Draw], str]:
    def fields(draw: Draw) -> str:
        name = draw(st.sampled_from(["axis", "axis", legacy]))
        low = 0 if name == legacy else -3
        return _maybe(draw, name, st.integers(low, 3))

    return fields


def _slice(draw: Draw, blobs: Blobs) -> Made:
    tops = draw(st.integers(1, 3))
    body = _joint("slice_dim")(draw)
    if draw(st.booleans()):
        points = sorted(draw(st.lists(st.integers(1, 6), min_size=tops - 1, max_size=tops - 1)))
        body += " ".join(f"slice_point: {point}" for point in points)
    return "Slice", [_pick(draw, blobs)], tops, False, f"slice_param {{ {body} }}"


def _eltwise(draw: Draw) -> str:
    return _maybe(draw, "operation", st.sampled_from(["PROD", "SUM", "MAX"]))


def _crop(draw: Draw) -> str:
    offsets = draw(st.lists(st.integers(0, 2), max_size=2))
    return _axis(draw) + " ".join(f"offset: {offset}" for offset in offsets)


def _tile(draw: Draw) -> str:
    return f"tiles: {draw(st.integers(1, 3))} " + _axis(draw)


def _argmax(draw: Draw) -> str:
    body = _maybe(draw, "top_k", st.integers(1, 3)) + _axis(draw)
    return body + _maybe(draw, "out_max_val", st.just("true"))


def _embed(draw: Draw) -> str:
    body = f"num_output: {draw(st.integers(1, 4))} input_dim: {draw(st.integers(1, 5))} "
    return body + _maybe(draw, "bias_term", st.just("false"))


def _lrn(draw: Draw) -> str:
    region = _maybe(draw, "norm_region", st.sampled_from(["ACROSS_CHANNELS", "WITHIN_CHANNEL"]))
    return region + _maybe(draw, "local_size", st.integers(1, 5))


def _pyramid(draw: Draw) -> str:
    return f"pyramid_height: {draw(st.integers(1, 3))} "


def _order(draw: Draw) -> str:
    order = draw(st.lists(st.integers(0, 3), max_size=4, unique=True))
    return " ".join(f"order: {axis}" for axis in order)


def _neuron(draw: Draw, blobs: Blobs) -> Made:
    return draw(st.sampled_from(NEURONS)), [_pick(draw, blobs)], 1, True, ""


def _prelu(draw: Draw) -> str:
    return _maybe(draw, "channel_shared", st.just("true"))


def _recurrent(draw: Draw, blobs: Blobs) -> Made:
    kind = draw(st.sampled_from(["LSTM", "RNN"]))
    bottoms = [_pick(draw, blobs)]
    marks = [name for name in sorted(blobs) if blobs[name] == blobs[bottoms[0]][:2]]
    bottoms.append(draw(st.sampled_from(marks or sorted(blobs))))
    if draw(st.booleans()):
        bottoms.append(_pick(draw, blobs))
    body = f"recurrent_param {{ num_output: {draw(st.integers(1, 3))} }}"
    return kind, bottoms, 1, False, body


MAKERS: Dict[str, Callable[[Draw, Blobs], Made]] = {
    "argmax": _simple("ArgMax", "argmax_param", _argmax),
    "batch_norm": _simple("BatchNorm", "", _nothing, in_place=True),
    "batch_reindex": _two("BatchReindex", "", _nothing),
    "bias": _simple("Bias", "bias_param", _affine, in_place=True),
    "bias2": _two("Bias", "bias_param", _axis),
    "concat": _many("Concat", 1, "concat_param", _joint("concat_dim")),
    "convolution": _convolution("Convolution"),
    "crop": _two("Crop", "crop_param", _crop),
    "deconvolution": _convolution("Deconvolution"),
    "eltwise": _many("Eltwise", 2, "eltwise_param", _eltwise),
    "embed": _simple("Embed", "embed_param", _embed),
    "euclidean": _two("EuclideanLoss", "", _nothing),
    "filter": _two("Filter", "", _nothing),
    "flatten": _simple("Flatten", "flatten_param", _span, in_place=True),
    "hinge": _two("HingeLoss", "", _nothing),
    "im2col": _convolution("Im2col"),
    "inner_product": _simple("InnerProduct", "inner_product_param", _inner_product),
    "lrn": _simple("LRN", "lrn_param", _lrn),
    "mvn": _simple("MVN", "", _nothing),
    "neuron": _neuron,
    "permute": _simple("Permute", "permute_param", _order),
    "pooling": _pooling,
    "prelu": _simple("PReLU", "prelu_param", _prelu, in_place=True),
    "recurrent": _recurrent,
    "reduction": _simple("Reduction", "reduction_param", _axis),
    "reshape": _simple("Reshape", "reshape_param", _reshape, in_place=True),
    "scale": _simple("Scale", "scale_param", _scale, in_place=True),
    "scale2": _two("Scale", "scale_param", _scale),
    "slice": _slice,
    "softmax": _simple("Softmax", "softmax_param", _axis, in_place=True),
    "softmax_loss": _two("SoftmaxWithLoss", "softmax_param", _axis),
    "spp": _simple("SPP", "spp_param", _pyramid),
    "tile": _simple("Tile", "tile_param", _tile),
    "accuracy": _two("Accuracy", "accuracy_param", _axis),
}

# What real nets are made of comes up more often.
COMMON = ["convolution", "deconvolution", "pooling", "inner_product", "scale", "concat", "slice"]
KINDS = 6 * COMMON + 3 * ["reshape", "flatten", "recurrent", "eltwise"] + sorted(MAKERS)
