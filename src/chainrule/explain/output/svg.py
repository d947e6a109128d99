"""A graph as SVG: each node a circle with its value on the right half and its
derivative on the left, the B-diagram of the textbook; no package is needed for it.

Beside the road, for ``explain``: it draws the lines of ``words`` where ``layout`` puts
it. The same drawing serves a file, a notebook and the page, whose script only adds
classes to it. Its colours follow the reader's choice of light or dark.

Source: Rojas (1996), "Neural Networks: A Systematic Introduction", chapter 7.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from ...graph import Array, Node, format_type
from ...wording import counted
from ..words import numerals
from ..words.lines import Wording
from ..words.source_lines import own_line
from .layout import Layout, Point, arrange

RADIUS = 44
ROW, GAP = 164, 56
#: Between the layers of a network, whose edges carry no numbers.
NARROW_GAP = 34
MARGIN, HEAD = 28, 66
#: A page makes a wide drawing smaller, to this part of its size at most.
SMALLEST = 0.6
#: Longer names are shortened; the tooltip has the whole name.
LONGEST_LABEL = 22
#: The cells of the strip of colours that stands for a tensor.
CELLS = 8
#: The approximate width of a letter of a label.
LETTER = 7.6

_drawings = itertools.count(1)


@dataclass(frozen=True)
class Picture:
    """What is drawn: some nodes of a graph, and where.

    Attributes:
        nodes: the nodes, each after its inputs.
        edges: pairs of places in ``nodes``.
        cut: the nodes with an input that is left out, and drawn as a stub.
        layout: where they stand.
        hidden: how many nodes are left out.
        note: which ones, in a few words.
    """

    nodes: list[Node]
    edges: list[tuple[int, int]]
    cut: set[Node]
    layout: Layout
    hidden: int
    note: str = ""


def picture(wording: Wording, last: int) -> Picture:
    """The last nodes of a graph, laid out."""
    everything = wording.ledger.nodes
    nodes = everything[max(0, len(everything) - last) :]
    place = {node: i for i, node in enumerate(nodes)}
    edges, cut = [], set()
    for node in nodes:
        for each in dict.fromkeys(node.inputs):
            if each in place:
                edges.append((place[each], place[node]))
            elif not each.literal:
                cut.add(node)
    widths = [_width(wording, node) for node in nodes]
    layout = arrange(widths, edges, GAP, ROW)
    hidden = len(everything) - len(nodes)
    note = f"the last {counted(len(nodes), 'node')}; {hidden:,} earlier left out"
    return Picture(nodes, edges, cut, layout, hidden, note if hidden else "")


def condensed(wording: Wording, chosen: Collection[Node], note: str) -> Picture:
    """Some nodes of a graph, each joined to those that its value came from, by way of
    the others.

    Arguments:
        chosen: the nodes to draw.
        note: what is left out, in a few words.
    """
    everything = wording.ledger.nodes
    nodes = [node for node in everything if node in chosen]
    place = {node: i for i, node in enumerate(nodes)}
    sources: dict[Node, dict[Node, None]] = {}  # node → chosen nodes, reached by others
    for node in everything:
        reached: dict[Node, None] = {}
        for each in node.inputs:
            reached |= {each: None} if each in place else sources.get(each, {})
        sources[node] = reached
    edges = [(place[each], place[node]) for node in nodes for each in sources[node]]
    widths = [_width(wording, node) for node in nodes]
    layout = arrange(widths, edges, NARROW_GAP, ROW)
    return Picture(nodes, edges, set(), layout, len(everything) - len(nodes), note)


def _width(wording: Wording, node: Node) -> float:
    longest = max(map(len, labels(wording, node)), default=0)
    return max(2 * RADIUS, longest * LETTER)


def labels(wording: Wording, node: Node) -> tuple[str, str, str]:
    """What stands above and below a circle: the name, the formula, and the type."""
    name, formula = wording.name(node), wording.formula(node)
    kind = format_type(node) if node.several or node.shape else ""
    if wording.ledger.root is None:
        kind = format_type(node)
    return _cut(name), _cut(formula) if formula != name else "", _cut(kind)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def drawing(wording: Wording, shown: Picture, title: str, interactive: bool) -> str:
    """The whole SVG.

    Arguments:
        interactive: whether nodes can be reached with the keyboard, as the page wants.
    """
    width = max(shown.layout.width + 2 * MARGIN, 420)
    height = shown.layout.height + HEAD + MARGIN
    key = "page" if interactive else f"g{next(_drawings)}"
    shift = (width - shown.layout.width) / 2
    least = f' style="min-width: {SMALLEST * width:.0f}px"' if interactive else ""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cr-drawing" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}"{least}>',
        f"<title>{escape(title)}</title>",
        f"<style>{style()}</style>",
        _arrow(key, "forward") + _arrow(key, "backward"),
        f'<rect class="cr-paper" width="{width:.0f}" height="{height:.0f}" rx="10"/>',
        _heading(wording, shown, title),
        f'<g transform="translate({shift:.1f} {HEAD})">',
        *(_edge(wording, shown, number, key) for number in range(len(shown.edges))),
        *(
            _node(wording, shown, place, interactive)
            for place in range(len(shown.nodes))
        ),
        "</g></svg>",
    ]
    return "\n".join(parts)


def style() -> str:
    """The style sheet of drawings."""
    return files(__package__).joinpath("svg.css").read_text(encoding="utf-8")


def escape(text: str) -> str:
    """Text for SVG and HTML: markup becomes letters, control characters a mark."""
    allowed = "".join(c if c >= " " or c in "\t\n" else "�" for c in text)
    clean = allowed.encode("utf-8", "replace").decode("utf-8")
    return html.escape(clean, quote=True)


def _heading(wording: Wording, shown: Picture, title: str) -> str:
    legend = "right: value" if wording.ledger.root is not None else "shapes only"
    if wording.ledger.has_gradients:
        legend = f"left half: ∂{wording.loss}/∂node   ·   right half: value"
    if shown.note:
        legend += f"   ·   {shown.note}"
    return (
        f'<text class="cr-title" x="{MARGIN}" y="32">{escape(title)}</text>'
        f'<text class="cr-legend" x="{MARGIN}" y="52">{escape(legend)}</text>'
    )


def _arrow(key: str, way: str) -> str:
    return (
        f'<defs><marker id="cr-{key}-{way}" class="cr-head cr-{way}" '
        'viewBox="0 0 10 10" refX="9" refY="5" markerWidth="11" markerHeight="11" '
        'markerUnits="userSpaceOnUse" '
        'orient="auto-start-reverse"><path d="M0 1 L10 5 L0 9 z"/></marker></defs>'
    )


# Edges. ----------------------------------------------------------------------


def _edge(wording: Wording, shown: Picture, number: int, key: str) -> str:
    """A curve from a node to one that uses it, and the local derivative on it."""
    source, target = shown.edges[number]
    route = shown.layout.routes[number]
    path = _curve(_ends(route))
    flows = wording.ledger.gradient(shown.nodes[source]) is not None
    local = (
        local_derivative(wording, shown.nodes[target], shown.nodes[source])
        if flows
        else ""
    )
    label = ""
    if local:
        x, y = _label_place(route)
        label = (
            f'<text class="cr-local" x="{x:.1f}" y="{y:.1f}">× {escape(local)}</text>'
        )
    return (
        f'<g class="cr-edge" data-from="{source}" data-to="{target}">'
        f'<path d="{path}" marker-end="url(#cr-{key}-forward)"/>'
        f'<path class="cr-back" d="{path}" marker-start="url(#cr-{key}-backward)"/>'
        f"{label}</g>"
    )


def _ends(route: Sequence[Point]) -> list[Point]:
    """The route from the rim of one circle to the rim of the other."""
    points = list(route)
    points[0] = _rim(points[0], points[1])
    points[-1] = _rim(points[-1], points[-2])
    return points


def _rim(centre: Point, towards: Point) -> Point:
    """The point on a circle where an edge ends: towards its other end, rather level."""
    dx, dy = towards[0] - centre[0], (towards[1] - centre[1]) * 0.7
    length = math.hypot(dx, dy) or 1.0
    reach = RADIUS + 3
    return centre[0] + dx / length * reach, centre[1] + dy / length * reach


def _curve(points: Sequence[Point]) -> str:
    """A smooth path through points, level at every stop."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for i, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(points)):
        bend = (x1 - x0) * 0.42
        start = y0 + (y1 - y0) * (0.14 if i == 0 else 0)
        end = y1 - (y1 - y0) * (0.14 if i == len(points) - 2 else 0)
        path += f" C{x0 + bend:.1f} {start:.1f} {x1 - bend:.1f} {end:.1f}"
        path += f" {x1:.1f} {y1:.1f}"
    return path


def _label_place(route: Sequence[Point]) -> Point:
    """The middle of the first part of an edge, a little above it."""
    (x0, y0), (x1, y1) = _ends(route)[:2]
    return (x0 + x1) / 2, (y0 + y1) / 2 - 6


def local_derivative(wording: Wording, user: Node, node: Node) -> str:
    """∂user/∂node where both are single numbers."""
    if user.several or node.several or user.shape or node.shape:
        return ""
    if node not in user.inputs:
        return ""
    factors = wording.ledger.factors(user, node)
    return "" if factors is None else numerals.number(factors[0, 0], 3)


# Nodes. ----------------------------------------------------------------------


def _node(wording: Wording, shown: Picture, place: int, interactive: bool) -> str:
    node = shown.nodes[place]
    x, y = shown.layout.places[place]
    above, *below = labels(wording, node)
    focus = f' tabindex="0" role="button" aria-label="{escape(above)}"'
    root = " cr-root" if node is wording.ledger.root else ""
    return "".join(
        [
            f'<g class="cr-node cr-{wording.kind(node)}{root}" data-node="{place}" '
            f'transform="translate({x:.1f} {y:.1f})"{focus if interactive else ""}>',
            f"<title>{escape(_tip(wording, node))}</title>",
            _stub() if node in shown.cut else "",
            _half("delta", -1, wording.ledger.gradient(node)),
            _half("value", 1, None if node.several else node.value),
            f'<circle class="cr-rim" r="{RADIUS}"/>',
            f'<path class="cr-rim" d="M0 {-RADIUS} V{RADIUS}"/>',
            f'<text class="cr-name" y="{-RADIUS - 9}">{escape(above)}</text>',
            *(
                f'<text class="cr-formula" y="{RADIUS + 18 + 16 * i}">'
                f"{escape(line)}</text>"
                for i, line in enumerate(filter(None, below))
            ),
            "</g>",
        ]
    )


def _tip(wording: Wording, node: Node) -> str:
    """The tooltip: name, formula and type in full."""
    lines = [wording.forward(node)]
    if wording.ledger.gradient(node) is not None:
        lines.append(f"{wording.derivative(node)}: {_summary(wording, node)}")
    line = own_line(node)
    if line is not None:
        lines.append(str(line))
    return "\n".join(lines)


def _summary(wording: Wording, node: Node) -> str:
    gradient: Any = wording.ledger.gradient(node)
    return numerals.array(gradient)


def _stub() -> str:
    return (
        f'<path class="cr-stub" d="M{-RADIUS - 34} 0 H{-RADIUS - 4}"/>'
        f'<text class="cr-formula" x="{-RADIUS - 44}" y="4">…</text>'
    )


def _half(which: str, side: int, array: Array | None) -> str:
    """One half of a circle: a number, or a tensor's norm over a strip of colours."""
    sweep = 1 if side > 0 else 0
    shape = (
        f'<path class="cr-half" d="M0 {-RADIUS} A{RADIUS} {RADIUS} 0 0 {sweep} 0 '
        f'{RADIUS} z"/>'
    )
    inside = ""
    if array is not None:
        array = np.asarray(array)
        x = side * (RADIUS * 0.47)
        inside = _digits(array, x) if array.ndim == 0 else _tensor(array, x)
    empty = " cr-empty" if array is None else ""
    return f'<g class="cr-{which}{empty}">{shape}<g class="cr-content">{inside}</g></g>'


def _digits(array: Array, x: float) -> str:
    text = numerals.compact(array)
    return _number(text, x, 5, 15)


def _number(text: str, x: float, y: float, largest: float) -> str:
    """A number as large as half a circle holds."""
    size = min(largest, (RADIUS - 4) / (0.68 * len(text)))
    return (
        f'<text class="cr-number" x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}">'
        f"{escape(text)}</text>"
    )


def _tensor(array: Array, x: float) -> str:
    if array.size == 0:
        return _number("∅", x, 5, 14)
    cells = numerals.strip(array, CELLS)
    size = 28 / len(cells)
    strip = "".join(
        f'<rect x="{x - 14 + i * size:.2f}" y="7" width="{size:.2f}" height="8" '
        f'fill="{colour}"/>'
        for i, colour in enumerate(heat(cells))
    )
    wide = array.astype(np.float64)
    text = numerals.compact(round_to(numerals.norm(wide[np.isfinite(wide)])))
    return (
        f'<text class="cr-small" x="{x:.1f}" y="-13">norm</text>'
        f"{_number(text, x, 1, 12)}{strip}"
        f'<rect class="cr-frame" x="{x - 14:.2f}" y="7" width="28" height="8"/>'
    )


def round_to(value: float) -> float:
    """Two digits."""
    return float(f"{value:.2g}")


def heat(cells: Sequence[float]) -> list[str]:
    """A colour for each number: blue above 0, red below, grey for what is no number."""
    finite = [abs(each) for each in cells if math.isfinite(each)]
    largest = max(finite, default=0.0) or 1.0
    colours = []
    for each in cells:
        if not math.isfinite(each):
            colours.append("#8a8f98")
            continue
        share = each / largest
        target = (29, 95, 209) if share >= 0 else (196, 60, 40)
        mixed = [round(245 + (c - 245) * abs(share)) for c in target]
        colours.append(f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}")
    return colours
