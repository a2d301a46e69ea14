"""How stock Caffe writes an Eltwise whose small bottoms are spread over the large ones."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from netsurgery.formats import quote
from netsurgery.layers.layer import Layer
from netsurgery.layers.shape import Shape, show
from netsurgery.layers.spreading import covered_axes, spread_shape

Shapes = Sequence[Optional[Shape]]
Fresh = Callable[[str], str]


def spread_remedy(layer: Layer, bottoms: Shapes) -> str:
    """Say how stock Caffe writes a layer that spreads its bottoms."""
    whole = spread_shape(bottoms) or ()
    steps = []
    for value, shape in zip(layer.bottoms, bottoms):
        if shape is None or shape == whole:
            continue
        axes = _scaled_axes(layer, shape, bottoms)
        if axes is None:
            tiles = " and ".join(f"axis {a}, {n} tiles" for a, n in _tiles(shape, whole))
            steps.append(f"repeat {value.blob!r} with Tile ({tiles}) and combine it then")
        else:
            first, end = axes
            kind = _affine(layer)
            into = show(shape[first:end])
            steps.append(
                f"bring {value.blob!r} from {show(shape)} to {into} with Reshape, and use {kind} "
                f"(axis: {first}) with it as the second bottom in place of Eltwise"
            )
    return "; ".join(steps)


def spread_in_stock(layer: Layer, bottoms: Sequence[Shape], fresh: Fresh) -> Iterator[bytes]:
    """Yield the text of the layers of stock Caffe that stand in the place of one.

    Args:
        layer: The layer.
        bottoms: Shapes of what it reads.
        fresh: Makes a name that nobody has yet of one that somebody may have.
    """
    whole = spread_shape(bottoms) or ()
    axes = [one != whole and _scaled_axes(layer, one, bottoms) for one in bottoms]
    if None in axes or (layer.in_place and len(axes) > 2):
        yield from _tiled(layer, bottoms, fresh)
        return
    large = [value.blob for value, one in zip(layer.bottoms, axes) if one is False]
    small = [(value.blob, *one) for value, one in zip(layer.bottoms, axes) if one]
    kind = _affine(layer)
    current = large[0]
    top = layer.tops[0].blob
    if len(large) > 1:
        current = fresh(f"{top}_large")
        body = b"eltwise_param { operation: %s }" % (b"PROD" if kind == "Scale" else b"SUM")
        yield _layer("Eltwise", current, large, current, body)
    for number, (blob, first, end) in enumerate(small, 1):
        short = fresh(f"{blob}_short")
        sizes = [0] * (end - first) if not first else whole[first:end]
        dims = b" ".join(b"dim: %d" % size for size in sizes)
        yield _layer("Reshape", short, [blob], short, b"reshape_param { shape { %s } }" % dims)
        last = number == len(small)
        after = top if last else fresh(f"{top}_part")
        body = b"%s_param { axis: %d }" % (kind.lower().encode(), first)
        yield _layer(kind, layer.name if last else after, [current, short], after, body)
        current = after


def _tiled(layer: Layer, bottoms: Sequence[Shape], fresh: Fresh) -> Iterator[bytes]:
    whole = spread_shape(bottoms) or ()
    names: Dict[int, bytes] = {}
    for place, (value, shape) in enumerate(zip(layer.bottoms, bottoms)):
        blob = value.blob
        for axis, tiles in _tiles(shape, whole):
            wide = fresh(f"{value.blob}_wide")
            body = b"tile_param { axis: %d tiles: %d }" % (axis, tiles)
            yield _layer("Tile", wide, [blob], wide, body)
            blob = wide
        if blob != value.blob:
            names[place] = quote(blob)
    text = layer.text
    start, data = text.span[0], bytearray(text.text)
    for place, field in reversed(list(enumerate(text.block.values("bottom")))):
        if place in names:
            data[field.start - start : field.end - start] = names[place]
    yield bytes(data)


def _scaled_axes(layer: Layer, small: Shape, bottoms: Shapes) -> Optional[Tuple[int, int]]:
    """The axes that a Scale or Bias would cover with a bottom; None where it takes a Tile."""
    whole = spread_shape(bottoms) or ()
    plain = _affine(layer) and not layer.parameter.eltwise_param.coeff
    return covered_axes(small, whole) if plain and whole in bottoms else None


def _affine(layer: Layer) -> str:
    """The type of layer that does the same with a smaller second bottom; ``""`` for none."""
    param = layer.parameter.eltwise_param
    return {param.PROD: "Scale", param.SUM: "Bias"}.get(param.operation, "")


def _tiles(small: Shape, whole: Shape) -> List[Tuple[int, int]]:
    pairs = enumerate(zip(small, whole))
    return [(axis, size) for axis, (one, size) in pairs if one != size]


def _layer(kind: str, name: str, bottoms: Sequence[str], top: str, body: bytes) -> bytes:
    wires = b" ".join(b"bottom: %s" % quote(bottom) for bottom in bottoms)
    head = b"name: %s type: %s" % (quote(name), quote(kind))
    return b"layer { %s %s top: %s %s }" % (head, wires, quote(top), body)
