"""A net as a drawing: where its boxes and lines are.

The layers are laid out by rank as Sugiyama, Tagawa and Toda (1981) do. What computes in place
stands in the box of what it computes on, as it is no step of the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from netsurgery.errors import visible
from netsurgery.network import Layer, Model, Network, Value, infer_shapes
from netsurgery.report.console import shape

_WIDTH, _GAP, _LINE, _ROW_GAP, _EDGE, _PAD = 200, 16, 16, 26, 6, 7
_DUMMY, _SWEEPS = 4, 24
_NAME, _LONGEST = 21, 28
"""Characters that there is room for: of a name, which is bold, and of other lines."""


class Box(NamedTuple):
    """A layer with those that compute in place on what it makes.

    Attributes:
        left: Its left edge, as all here in pixels.
        top: Its upper edge.
        width: Its width.
        height: Its height.
        name: The layer's name, cut where it is long.
        lines: What else stands in it.
        full: The whole of it, for who points there.
        changed: It was rewritten.
    """

    left: float
    top: float
    width: float
    height: float
    name: str
    lines: Sequence[str]
    full: str
    changed: bool


@dataclass(frozen=True)
class Drawing:
    """A net as boxes and lines.

    Attributes:
        title: What stands above it.
        width: Pixels.
        height: Pixels.
        boxes: The boxes.
        lines: Paths of SVG.
    """

    title: str
    width: float
    height: float
    boxes: Sequence[Box]
    lines: Sequence[str]


class _Node(NamedTuple):
    layers: List[Layer]
    shapes: str


def draw_net(model: Model, changed: AbstractSet[str], title: str) -> Drawing:
    """Lay out a net.

    Args:
        model: The net; weights tell shapes that its text does not.
        changed: Names of the layers that are marked.
        title: What stands above it.
    """
    network = model.network()
    nodes, edges = _nodes(network, infer_shapes(network, weights=model.weights))
    ranks = _ranks(len(nodes), edges)
    heights = [_LINE * (1 + len(_lines(node))) + 2 * _PAD for node in nodes]
    tops, total = _tops(ranks, heights)
    chains, places = _with_dummies(edges, ranks)
    across = _across(len(nodes), chains, places)
    boxes = [
        Box(
            round(across[number] - _WIDTH / 2, 1),
            tops[ranks[number]],
            _WIDTH,
            heights[number],
            _cut(node.layers[0].name, _NAME),
            [_cut(line, _LONGEST) for line in _lines(node)],
            "\n".join(f"{layer.name}: {layer.type}" for layer in node.layers),
            any(layer.name in changed for layer in node.layers),
        )
        for number, node in enumerate(nodes)
    ]
    lines = [_path(chain, boxes, across, places, tops) for chain in chains]
    width = max(
        (x + (_WIDTH if v < len(nodes) else 0) / 2 for v, x in enumerate(across)), default=0
    )
    return Drawing(title, round(width + _EDGE, 1), total, boxes, lines)


def _nodes(
    network: Network, shapes: Mapping[Value, object]
) -> Tuple[List[_Node], List[Tuple[int, int]]]:
    """The boxes, net inputs among them, and which reads which."""
    nodes: List[_Node] = []
    made: Dict[Value, int] = {}
    edges: Dict[Tuple[int, int], None] = {}
    for layer in network.layers:
        if layer.bottoms and layer.bottoms[0] in made and layer.in_place:
            number = made[layer.bottoms[0]]
            nodes[number].layers.append(layer)
        else:
            number = len(nodes)
            told = " ".join(shape(shapes.get(top)) for top in layer.tops)  # type: ignore[arg-type]
            nodes.append(_Node([layer], told))
        for bottom in layer.bottoms:
            if bottom in made and made[bottom] != number:
                edges[made[bottom], number] = None
        made.update(dict.fromkeys(layer.tops, number))
    return nodes, list(edges)


def _lines(node: _Node) -> List[str]:
    first, *others = node.layers
    return [f"{first.type} {node.shapes}".rstrip(), *(f"+ {one.type}" for one in others)]


def _ranks(count: int, edges: Sequence[Tuple[int, int]]) -> List[int]:
    """The longest way to each box from above; layers are in the order in which they run."""
    ranks = [0] * count
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        ranks[end] = max(ranks[end], ranks[start] + 1)
    return ranks


def _tops(ranks: Sequence[int], heights: Sequence[float]) -> Tuple[List[float], float]:
    rows = [0.0] * (max(ranks, default=0) + 1)
    for rank, height in zip(ranks, heights):
        rows[rank] = max(rows[rank], height)
    tops: List[float] = []
    at = float(_EDGE)
    for row in rows:
        tops.append(at)
        at += row + _ROW_GAP
    return [*tops, at], at - _ROW_GAP + _EDGE


def _with_dummies(
    edges: Sequence[Tuple[int, int]], ranks: Sequence[int]
) -> Tuple[List[List[int]], List[int]]:
    """A line past other rows gets a place of its own in each of them."""
    places, chains = list(ranks), []
    for start, end in edges:
        chain = [start]
        for rank in range(ranks[start] + 1, ranks[end]):
            chain.append(len(places))
            places.append(rank)
        chains.append([*chain, end])
    return chains, places


def _across(count: int, chains: Sequence[Sequence[int]], places: Sequence[int]) -> List[float]:
    """The middle of each box and dummy.

    The order within rows is that of igraph, but the longest way through the net stands at the left,
    straight, so that it is what a reader meets first. The others stand near what they belong to.
    """
    import igraph

    pairs = [pair for chain in chains for pair in zip(chain, chain[1:])]
    graph = igraph.Graph(n=len(places), edges=pairs, directed=True)
    order = [point[0] for point in graph.layout_sugiyama(layers=list(places), maxiter=200)]
    main = set(_longest_way(pairs, places))
    rows: Dict[int, List[int]] = {}
    for vertex, rank in enumerate(places):
        rows.setdefault(rank, []).append(vertex)
    for row in rows.values():
        row.sort(key=lambda vertex: (vertex not in main, order[vertex], vertex))
    near: Dict[int, List[int]] = {vertex: [] for vertex in range(len(places))}
    for one, other in pairs:
        near[one].append(other)
        near[other].append(one)
    wide = [_WIDTH if vertex < count else _DUMMY for vertex in range(len(places))]
    across = [0.0] * len(places)
    ranks = sorted(rows)
    for sweep in range(_SWEEPS):
        for rank in ranks if sweep % 2 == 0 else reversed(ranks):
            _set_row(rows[rank], wide, near, main, across)
    return [x + _WIDTH / 2 + _EDGE for x in across]


def _longest_way(pairs: Sequence[Tuple[int, int]], places: Sequence[int]) -> Iterator[int]:
    """A vertex of each row, each read by the next."""
    sources: Dict[int, List[int]] = {}
    for one, other in pairs:
        sources.setdefault(other, []).append(one)
    vertex = max(range(len(places)), key=lambda vertex: places[vertex])
    yield vertex
    while vertex in sources:
        # Straight on through boxes, and not along a line that passes them.
        vertex = min(sources[vertex])
        yield vertex


def _set_row(
    row: Sequence[int],
    wide: Sequence[float],
    near: Mapping[int, Sequence[int]],
    main: AbstractSet[int],
    across: List[float],
) -> None:
    """Put the members of a row near their neighbours, without one upon another.

    That is isotonic regression on the places less what stands before each: the members are pooled
    with their left neighbours until all have room (pool adjacent violators).
    """
    pools: List[Tuple[float, int]] = []
    offset, offsets = 0.0, []
    for number, vertex in enumerate(row):
        if number:
            offset += (wide[row[number - 1]] + wide[vertex]) / 2 + _GAP
        offsets.append(offset)
        if vertex in main:
            continue
        around = [across[one] for one in near[vertex]]
        mean, size = (sum(around) / len(around) if around else 0.0) - offset, 1
        while pools and pools[-1][0] > mean:
            other, more = pools.pop()
            mean, size = (mean * size + other * more) / (size + more), size + more
        pools.append((mean, size))
    starts = iter([mean for mean, size in pools for _ in range(size)])
    for vertex, offset in zip(row, offsets):
        across[vertex] = 0.0 if vertex in main else max(next(starts), 0.0) + offset


def _path(
    chain: Sequence[int],
    boxes: Sequence[Box],
    across: Sequence[float],
    places: Sequence[int],
    tops: Sequence[float],
) -> str:
    """A line from the lower edge of one box to the upper edge of another."""
    start, end = boxes[chain[0]], boxes[chain[-1]]
    points = [(across[chain[0]], start.top + start.height)]
    for vertex in chain[1:-1]:  # straight past the boxes of a row, and bent between rows
        rank = places[vertex]
        points += [(across[vertex], tops[rank]), (across[vertex], tops[rank + 1] - _ROW_GAP)]
    points.append((across[chain[-1]], end.top))
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, _), (u, v) in zip(points, points[1:]):
        if x == u:
            path += f"V{v:.1f}"
            continue
        above = v - _ROW_GAP
        path += f"V{above:.1f}C{x:.1f} {v:.1f} {u:.1f} {above:.1f} {u:.1f} {v:.1f}"
    return path


def _cut(text: str, most: int) -> str:
    """A text that fits into a box; the end of a long name tells more than its middle."""
    text = visible(text)
    if len(text) <= most:
        return text
    return f"{text[: most - most // 2 - 1]}…{text[-(most // 2) :]}"
