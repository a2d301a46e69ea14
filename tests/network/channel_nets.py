"""Random nets whose channels can be cut: groups, residuals, branches, gates, shared weights."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence, Tuple

from hypothesis import strategies as st

from netsurgery.errors import NetworkError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network
from netsurgery.network.shapes import infer_shapes

Draw = Callable[[Any], Any]
Blobs = Dict[str, Tuple[int, ...]]


@st.composite
def channel_nets(draw: Draw, most_layers: int = 7) -> str:
    """The text of a net: a convolution of an input, random layers, and a multiplication of all."""
    dims = [draw(st.integers(1, 2)), draw(st.integers(1, 3)), *[draw(st.integers(5, 9))] * 2]
    shape = " ".join(f"dim: {dim}" for dim in dims)
    text = f'layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {shape} }} }} }}\n'
    text += line("Convolution", "first", ["x"], ["first"], CONVOLUTION % "num_output: 8 pad: 1")
    for number in range(draw(st.integers(1, most_layers))):
        more = MAKERS[draw(st.sampled_from(sorted(MAKERS)))](draw, f"b{number}", sizes(text))
        try:
            sizes(text + more)
        except NetworkError:
            continue
        text += more
    return with_readers(text)


def with_readers(text: str) -> str:
    """The net with an InnerProduct behind everything that comes out of it."""
    network = Network.of(Prototxt.parse(text.encode()))
    shapes = infer_shapes(network)
    for number, value in enumerate(network.outputs):
        axes = len(shapes[value] or ())
        if axes:
            body = f"inner_product_param {{ num_output: 3 axis: {min(1, axes - 1)} }}"
            text += line("InnerProduct", f"reader{number}", [value.blob], [f"out{number}"], body)
    return text


def sizes(text: str) -> Blobs:
    """The blobs of a net and their shapes."""
    network = Network.of(Prototxt.parse(text.encode()))
    found = infer_shapes(network)
    return {value.blob: found[value] or () for value in network.values}


def line(kind: str, name: str, bottoms: Sequence[str], tops: Sequence[str], body: str = "") -> str:
    """The text of one layer."""
    wires = " ".join([f'bottom: "{b}"' for b in bottoms] + [f'top: "{t}"' for t in tops])
    return f'layer {{ name: "{name}" type: "{kind}" {wires} {body} }}\n'


CONVOLUTION = "convolution_param { kernel_size: 3 %s }"
BIASED = "scale_param { bias_term: true }"


def pictures(blobs: Blobs) -> List[str]:
    """The blobs with four axes, but the input."""
    return [name for name, shape in sorted(blobs.items()) if len(shape) == 4 and name != "x"]


def pick(draw: Draw, blobs: Blobs) -> str:
    return draw(st.sampled_from(pictures(blobs)))


def alike(draw: Draw, blobs: Blobs, axes: Sequence[int], most: int = 3) -> List[str]:
    """Two blobs or more that have the same size along these axes."""
    first = pick(draw, blobs)
    same = [
        name
        for name in pictures(blobs)
        if all(blobs[name][axis] == blobs[first][axis] for axis in axes)
    ]
    return [first] + draw(st.lists(st.sampled_from(same), min_size=1, max_size=most - 1))


def convolution(kind: str, outputs: Sequence[int], groups: Sequence[int]) -> Any:
    def make(draw: Draw, name: str, blobs: Blobs) -> str:
        fields = f"num_output: {draw(st.sampled_from(outputs))} "
        fields += f"group: {draw(st.sampled_from(groups))} pad: {draw(st.integers(0, 2))} "
        fields += f"stride: {draw(st.sampled_from([1, 1, 2]))} "
        fields += f"dilation: {draw(st.sampled_from([1, 1, 2]))} "
        fields += draw(st.sampled_from(["", "", "bias_term: false"]))
        return line(kind, name, [pick(draw, blobs)], [name], CONVOLUTION % fields)

    return make


def depthwise(kind: str) -> Any:
    def make(draw: Draw, name: str, blobs: Blobs) -> str:
        bottom = pick(draw, blobs)
        channels = blobs[bottom][1]
        outputs = channels * draw(st.sampled_from([1, 1, 2]))
        body = CONVOLUTION % f"num_output: {outputs} group: {channels} pad: 1"
        return line(kind, name, [bottom], [name], body)

    return make


def simple(kind: str, body: str = "") -> Any:
    def make(draw: Draw, name: str, blobs: Blobs) -> str:
        return line(kind, name, [pick(draw, blobs)], [name], body)

    return make


def concat(draw: Draw, name: str, blobs: Blobs) -> str:
    return line("Concat", name, alike(draw, blobs, (0, 2, 3)), [name])


def stack(draw: Draw, name: str, blobs: Blobs) -> str:
    return line("Concat", name, alike(draw, blobs, (0, 1, 3)), [name], "concat_param { axis: 2 }")


def eltwise(draw: Draw, name: str, blobs: Blobs) -> str:
    operation = draw(st.sampled_from(["SUM", "PROD", "MAX"]))
    body = f"eltwise_param {{ operation: {operation} }}"
    return line("Eltwise", name, alike(draw, blobs, (0, 1, 2, 3)), [name], body)


def slices(draw: Draw, name: str, blobs: Blobs) -> str:
    bottom = pick(draw, blobs)
    point = draw(st.integers(1, max(1, blobs[bottom][1] - 1)))
    body = draw(st.sampled_from(["", f"slice_param {{ slice_point: {point} }}"]))
    return line("Slice", name, [bottom], [name, f"{name}_2"], body)


def dual_path(draw: Draw, name: str, blobs: Blobs) -> str:
    """A narrow part beside a wide one: the wide is added to, the narrow stands beside the sum."""
    bottom = pick(draw, blobs)
    channels = blobs[bottom][1]
    points = sorted(draw(st.sets(st.integers(1, max(1, channels - 1)), min_size=1, max_size=2)))
    text = " ".join(f"slice_point: {point}" for point in points)
    parts = [f"{name}_part{number}" for number in range(len(points) + 1)]
    more = CONVOLUTION % f"num_output: {points[0]} pad: 1"
    return (
        line("Slice", f"{name}_cut", [bottom], parts, f"slice_param {{ {text} }}")
        + line("Convolution", f"{name}_more", parts[:1], [f"{name}_more"], more)
        + line("Eltwise", f"{name}_sum", [parts[0], f"{name}_more"], [f"{name}_sum"])
        + line("Concat", name, [f"{name}_sum", *parts[1:]], [name])
    )


def gate(draw: Draw, name: str, blobs: Blobs) -> str:
    """Squeeze and excitation."""
    bottom = pick(draw, blobs)
    pooled, narrow, wide = (f"{name}_{part}" for part in ("pool", "squeeze", "excite"))
    product = "inner_product_param { num_output: %d }"
    return (
        line("Pooling", pooled, [bottom], [pooled], "pooling_param { pool: AVE global_pooling: 1 }")
        + line("InnerProduct", narrow, [pooled], [narrow], product % 4)
        + line("InnerProduct", wide, [narrow], [wide], product % blobs[bottom][1])
        + line("Scale", name, [bottom, wide], [name], "scale_param { axis: 0 }")
    )


def normalized(draw: Draw, name: str, blobs: Blobs) -> str:
    """Normalized, and cut off at zero: the mean that a gate takes would be but rounding."""
    return line("MVN", f"{name}_mvn", [pick(draw, blobs)], [name]) + line(
        "ReLU", name, [name], [name]
    )


def twins(draw: Draw, name: str, blobs: Blobs) -> str:
    """Two convolutions of the same weights."""
    body = CONVOLUTION % "num_output: 6 pad: 1"
    body += f' param {{ name: "{name}w" }} param {{ name: "{name}b" }}'
    bottoms = alike(draw, blobs, (1,), 2)
    tops = [name, f"{name}_2"]
    return "".join(line("Convolution", t, [b], [t], body) for b, t in zip(bottoms, tops))


def reshape(draw: Draw, name: str, blobs: Blobs) -> str:
    """Pixels in one axis; channels in two; everything in one, by number or by -1."""
    bottom = pick(draw, blobs)
    channels, pixels = blobs[bottom][1], blobs[bottom][2] * blobs[bottom][3]
    dims = draw(
        st.sampled_from(
            [
                (0, 0, -1),
                (0, channels, 1, pixels),
                (0, -1, channels),
                (0, channels * pixels),
                (0, 2, -1, pixels),
                (-1, channels, pixels, 1),
            ]
        )
    )
    text = " ".join(f"dim: {dim}" for dim in dims)
    return line("Reshape", name, [bottom], [name], f"reshape_param {{ shape {{ {text} }} }}")


MAKERS: Dict[str, Callable[[Draw, str, Blobs], str]] = {
    "batch norm": simple("BatchNorm"),
    "bias": simple("Bias"),
    "concat": concat,
    "convolution": convolution("Convolution", [2, 4, 6, 8], [1, 1, 2, 4]),
    "crop": simple("Crop"),
    "deconvolution": convolution("Deconvolution", [2, 4, 6, 8], [1, 1, 2]),
    "depthwise": depthwise("Convolution"),
    "depthwise deconvolution": depthwise("Deconvolution"),
    "dual path": dual_path,
    "eltwise": eltwise,
    "flatten": simple("Flatten"),
    "gate": gate,
    "grouped": convolution("Convolution", [8], [2, 4, 8]),
    "im2col": simple("Im2col", "convolution_param { kernel_size: 2 }"),
    "inner product": simple("InnerProduct", "inner_product_param { num_output: 8 transpose: 1 }"),
    "lrn": simple("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }"),
    "mvn": normalized,
    "pooling": simple("Pooling", "pooling_param { kernel_size: 2 stride: 2 }"),
    "power": simple("Power", "power_param { shift: 1 scale: 0.5 }"),
    "prelu": simple("PReLU"),
    "pyramid": simple("SPP", "spp_param { pyramid_height: 2 }"),
    "reshape": reshape,
    "scale": simple("Scale", BIASED),
    "slice": slices,
    "softmax": simple("Softmax", "softmax_param { axis: 2 }"),
    "split": lambda draw, name, blobs: line(
        "Split", name, [pick(draw, blobs)], [name, f"{name}_2"]
    ),
    "stack": stack,
    "tile": simple("Tile", "tile_param { tiles: 2 }"),
    "twins": twins,
}
