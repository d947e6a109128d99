"""A graph as one page for a browser, in which a reader steps forward and backward.

Beside the road, for ``explain``. Everything is computed here and written into the page:
its script computes nothing, asks the network for nothing, and sets text only as text,
so that no name can become markup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from ...graph import Array, Node, format_type
from ...wording import counted
from ..values.finite_differences import Perturbation
from ..words import numerals
from ..words.lines import Wording
from ..words.source_lines import own_line
from .plain_text import explanation_text
from .svg import Picture, drawing, escape, heat, local_derivative

#: A tensor of at most this many elements has all of them listed, others a few.
ALL_ENTRIES, SOME_ENTRIES = 12, 4
#: The cells of a strip of colours beside a node.
CELLS = 64
#: The budget for finite differences in a page, in elements computed: about a second.
BUDGET = 40_000_000


def page(
    wording: Wording, shown: Picture, title: str, facts: Sequence[tuple[str, ...]] = ()
) -> str:
    """The whole page, with no reference to anything outside of it.

    Arguments:
        facts: a head and rows, shown when the page opens.
    """
    data = {
        "title": title,
        "legend": _legend(wording, shown),
        "nodes": _Nodes(wording, shown).all(),
        "steps": steps(wording, shown),
        "facts": facts,
    }
    return filled(
        title=title,
        style=part("page.css"),
        drawing=drawing(wording, shown, title, interactive=True),
        text=_plain(wording),
        data=data,
        script=part("controls.js") + part("page.js"),
    )


def filled(
    title: str, style: str, drawing: str, text: str, data: Any, script: str
) -> str:
    """The frame of a page, with what belongs in it.

    Arguments:
        drawing: SVG.
        text: for browsers without scripts.
        data: what the script shows.
    """
    return Template(part("page.html")).substitute(
        title=escape(title),
        style=style,
        drawing=drawing,
        text=escape(text),
        data=embedded(data),
        script=script,
    )


def part(name: str) -> str:
    """The text of a file beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _plain(wording: Wording) -> str:
    if wording.ledger.root is None:
        return ""
    return explanation_text(wording, 200)


def embedded(data: Any) -> str:
    """JSON inside a script element: nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    text = text.encode("utf-8", "replace").decode("utf-8")
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def steps(wording: Wording, shown: Picture) -> list[dict[str, Any]]:
    """One step for each value, inputs first, then one for each derivative, backward."""
    ledger = wording.ledger
    places = range(len(shown.nodes))
    forward = [{"way": "forward", "node": i} for i in places]
    backward = [
        {"way": "backward", "node": i}
        for i in reversed(places)
        if ledger.gradient(shown.nodes[i]) is not None
    ]
    return forward + backward


def _legend(wording: Wording, shown: Picture) -> str:
    count = len(shown.nodes)
    hidden = f" {shown.note[:1].upper()}{shown.note[1:]}." if shown.note else ""
    if wording.ledger.root is None:
        return f"{counted(count, 'node')} of a traced graph: shapes, no values.{hidden}"
    return (
        f"{counted(count, 'node')}.{hidden} The right half of a circle holds the "
        f"node's value, the left half its derivative ∂{wording.loss}/∂node."
        f"{_edges(wording, shown)}"
    )


def _edges(wording: Wording, shown: Picture) -> str:
    """What the numbers on edges are, where there are any."""
    nodes = shown.nodes
    if not any(local_derivative(wording, nodes[b], nodes[a]) for a, b in shown.edges):
        return ""
    return (
        " A number × on an edge is the derivative of one node by the other: what flows "
        "back is multiplied by it."
    )


class _Nodes:
    """The page's data on each node, within a budget for finite differences."""

    def __init__(self, wording: Wording, shown: Picture) -> None:
        self.wording = wording
        self.shown = shown
        self.left = BUDGET

    def all(self) -> list[dict[str, Any]]:
        """One row for each node; the last nodes get their differences first."""
        rows = [self._node(node) for node in reversed(self.shown.nodes)]
        return rows[::-1]

    def _node(self, node: Node) -> dict[str, Any]:
        wording = self.wording
        gradient = wording.ledger.gradient(node)
        value = None if node.value is None or node.several else np.asarray(node.value)
        tensor = value is not None and value.ndim > 0
        about = wording.kind(node)
        if node.several or node.shape or value is None:
            about += f", {format_type(node)}"
        return {
            "name": wording.name(node),
            "typed": numerals.typed(wording.name(node)),
            "about": about,
            "line": str(own_line(node) or ""),
            "forward": wording.forward(node),
            "sum": wording.backward(node),
            "valueStrip": _strip(value) if tensor else [],
            "deltaStrip": _strip(gradient) if tensor else [],
            "statistics": _statistics(value) if tensor else "",
            "body": wording.body(node),
            "entries": [] if gradient is None else self._entries(node, gradient),
        }

    def _entries(self, node: Node, gradient: Array) -> list[dict[str, Any]]:
        """The elements of a tensor, or those that the loss depends on most."""
        if gradient.size <= ALL_ENTRIES:
            chosen = list(range(gradient.size))
        else:
            size = np.nan_to_num(np.abs(gradient.reshape(-1)))
            chosen = sorted(int(i) for i in np.argsort(-size)[:SOME_ENTRIES])
        if not chosen:
            return []
        everything = self.wording.ledger.everything
        moved = Perturbation(node, self.wording.ledger.root, everything)
        value, slopes = np.asarray(node.value).reshape(-1), gradient.reshape(-1)
        colours = heat([float(slopes[entry]) for entry in chosen])
        wording, rows = self.wording, []
        for colour, entry in zip(colours, chosen, strict=True):
            row = {
                "at": wording.index(node, entry),
                "value": numerals.number(value[entry]),
                "delta": numerals.number(slopes[entry]),
                "colour": colour,
                "sum": wording.entry(node, entry),
            }
            rows.append(row | self._difference(node, moved, entry))
        return rows

    def _difference(
        self, node: Node, moved: Perturbation, entry: int
    ) -> dict[str, Any]:
        if moved.cost > self.left:
            call = f".difference({self.wording.name(node)!r}, {entry})"
            return {
                "difference": "—",
                "verdict": f"not computed for this page: {call}",
                "agrees": None,
                "rule": "",
            }
        self.left -= moved.cost
        difference = moved.difference(entry)
        gradient: Any = self.wording.ledger.gradient(node)
        verdict, agrees = difference.verdict(float(gradient.reshape(-1)[entry]))
        x = f"{self.wording.name(node)}{self.wording.index(node, entry)}"
        loss, h = self.wording.loss, numerals.number(difference.step, 2)
        return {
            "difference": numerals.number(difference.value, 5),
            "verdict": verdict,
            "agrees": agrees,
            "rule": f"({loss} at {x} + h  −  {loss} at {x} − h) / 2h, with h = {h}",
        }


def _strip(array: Array | None) -> list[str]:
    if array is None or array.size == 0:
        return []
    return heat(numerals.strip(array, CELLS))


def _statistics(array: Array | None) -> str:
    """For a small tensor, whose elements are shown; a large one has them already."""
    if array is None or array.size > numerals.SMALL:
        return ""
    return ", ".join(f"{name} {text}" for name, text in numerals.statistics(array))
