"""Positions of the nodes and edges of a drawing, in layers from left to right.

Beside the road, for ``explain``: integers in, coordinates out. It knows nothing of
nodes, names or SVG. The method is the classic one in four steps: layers by the longest
path, dummy nodes where an edge passes a layer, the order within each layer by the
average position of the neighbours, and then heights that keep that order.

Source: Sugiyama, Tagawa & Toda (1981), "Methods for visual understanding of
hierarchical system structures".
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

#: Sweeps over the layers, forward and back, to improve their order.
SWEEPS = 8

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """The positions of nodes and edges in a drawing.

    Attributes:
        places: the centre of each node.
        routes: for each edge the points it passes, both ends included.
        width, height: the size of the whole.
    """

    places: list[Point]
    routes: list[list[Point]]
    width: float
    height: float


def arrange(
    widths: Sequence[float], edges: Sequence[tuple[int, int]], gap: float, row: float
) -> Layout:
    """A layered layout of a graph without cycles.

    Arguments:
        widths: how wide each node is with its labels.
        edges: pairs (from, to) of node numbers, where from < to.
        gap: the least distance between the nodes of neighbouring layers.
        row: the distance between the nodes of one layer.
    """
    layers = _layers(len(widths), edges)
    stops, chains = _with_stops(layers, edges)
    columns: list[list[int]] = [[] for _ in range(max(stops, default=-1) + 1)]
    for stop, layer in enumerate(stops):
        columns[layer].append(stop)
    links = [pair for chain in chains for pair in itertools.pairwise(chain)]
    before, after = _neighbours(len(stops), links)
    _order(columns, before, after)
    heights = _heights(columns, before, after, len(widths))
    lefts = _lefts(columns, widths, gap)
    top = min(heights, default=0.0)
    points = [
        (lefts[stops[stop]], (heights[stop] - top + 0.5) * row)
        for stop in range(len(stops))
    ]
    bottom = max((y for _, y in points), default=0.0) + row / 2
    right = lefts[-1] + _widest(columns[-1], widths) / 2 if columns else 0.0
    routes = [[points[stop] for stop in chain] for chain in chains]
    return Layout(points[: len(widths)], routes, right, bottom)


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Each node right of its inputs; what has no inputs stands beside its first use."""
    layers = [0] * count
    inputs: list[list[int]] = [[] for _ in range(count)]
    users: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        inputs[target].append(source)
        users[source].append(target)
    for node in range(count):
        layers[node] = max((layers[each] + 1 for each in inputs[node]), default=0)
    for node in range(count):
        if not inputs[node] and users[node]:
            layers[node] = min(layers[each] for each in users[node]) - 1
    return layers


def _with_stops(
    layers: Sequence[int], edges: Sequence[tuple[int, int]]
) -> tuple[list[int], list[list[int]]]:
    """An invisible stop in every layer that an edge passes; each edge as its stops."""
    stops = list(layers)
    chains = []
    for source, target in edges:
        chain = [source]
        for layer in range(layers[source] + 1, layers[target]):
            chain.append(len(stops))
            stops.append(layer)
        chains.append([*chain, target])
    return stops, chains


def _neighbours(
    count: int, links: Sequence[tuple[int, int]]
) -> tuple[list[list[int]], list[list[int]]]:
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        before[target].append(source)
        after[source].append(target)
    return before, after


def _order(
    columns: list[list[int]], before: list[list[int]], after: list[list[int]]
) -> None:
    """Sorts each layer by the average place of its neighbours, and keeps the best."""
    best, fewest = [list(column) for column in columns], _crossings(columns, after)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        for column in columns if forth else reversed(columns):
            _sort(column, before if forth else after, _places(columns))
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
        if fewest == 0:
            break
    for column, order in zip(columns, best, strict=True):
        column[:] = order


def _places(columns: Sequence[Sequence[int]]) -> dict[int, float]:
    return {
        stop: place - (len(column) - 1) / 2
        for column in columns
        for place, stop in enumerate(column)
    }


def _sort(
    column: list[int], neighbours: list[list[int]], places: dict[int, float]
) -> None:
    def wish(stop: int) -> float:
        near = neighbours[stop]
        return sum(places[each] for each in near) / len(near) if near else places[stop]

    column.sort(key=wish)


def _crossings(columns: Sequence[Sequence[int]], after: list[list[int]]) -> int:
    """How many pairs of edges between neighbouring layers cross."""
    places = _places(columns)
    total = 0
    for column in columns:
        ends = [
            height for s in column for height in sorted(places[e] for e in after[s])
        ]
        total += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return total


def _heights(
    columns: Sequence[Sequence[int]],
    before: list[list[int]],
    after: list[list[int]],
    count: int,
) -> list[float]:
    """A height for every stop: near its neighbours, in order, one row apart."""
    heights = [0.0] * sum(map(len, columns))
    for column in columns:
        for place, stop in enumerate(column):
            heights[stop] = place - (len(column) - 1) / 2
    space = [1.0 if stop < count else 0.7 for stop in range(len(heights))]
    for sweep in range(2 * SWEEPS):
        near = before if sweep % 2 == 0 else after
        for column in columns if sweep % 2 == 0 else list(reversed(columns)):
            _settle(column, near, heights, space)
    return heights


def _settle(
    column: Sequence[int],
    near: list[list[int]],
    heights: list[float],
    space: list[float],
) -> None:
    """Moves a layer towards its neighbours: what would overlap forms one block."""
    blocks: list[tuple[float, int, list[float]]] = []
    for stop in column:
        wish = (
            sum(heights[each] for each in near[stop]) / len(near[stop])
            if near[stop]
            else heights[stop]
        )
        middle, weight, offsets = wish, 1, [0.0]
        while blocks:
            top, top_weight, top_offsets = blocks[-1]
            number = _count(blocks)  # of stops above; the block begins with the next
            above, first = column[number - 1], column[number]
            step = top_offsets[-1] + (space[above] + space[first]) / 2
            if middle >= top + step:
                break
            blocks.pop()
            middle = (top * top_weight + (middle - step) * weight) / (
                top_weight + weight
            )
            offsets = [*top_offsets, *(step + each for each in offsets)]
            weight += top_weight
        blocks.append((middle, weight, offsets))
    placed = [start + offset for start, _, offsets in blocks for offset in offsets]
    for stop, height in zip(column, placed, strict=True):
        heights[stop] = height


def _count(blocks: Sequence[tuple[float, int, list[float]]]) -> int:
    return sum(len(offsets) for _, _, offsets in blocks)


def _widest(column: Sequence[int], widths: Sequence[float]) -> float:
    return max((widths[stop] for stop in column if stop < len(widths)), default=0.0)


def _lefts(
    columns: Sequence[Sequence[int]], widths: Sequence[float], gap: float
) -> list[float]:
    """The middle of each layer from the left."""
    middles: list[float] = []
    edge = 0.0
    for column in columns:
        half = _widest(column, widths) / 2
        middles.append(edge + half)
        edge = middles[-1] + half + gap
    return middles
