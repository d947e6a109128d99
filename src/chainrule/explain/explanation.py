"""``Explanation``: a computation with every value and every derivative in it.

Beside the road, at its end: it takes a tensor that was computed, a traced graph, or a
network with data, and returns something that prints itself, draws itself, and writes
itself as a page. It changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, BoundsError, nearest
from ..graph import Array, Graph, Node, in_order, no_value
from .files import save_as, write
from .output.page import page
from .output.plain_text import LINES, explanation_text, graph_text, wrapped
from .output.svg import Picture, drawing, escape, picture
from .values.chain_rule_sums import Ledger
from .values.finite_differences import Difference, Perturbation
from .words.lines import Wording
from .words.numerals import typed

#: How many nodes a drawing shows by default, the last ones, and how many at most.
DRAWN, MOST_DRAWN = 80, 1000


class Explanation:
    """A computation with its values and derivatives: text, drawing, and a page.

    ``print`` it, show it in a notebook, or ``save`` it; ``explanation["s"]`` or
    ``explanation[node]`` writes out the chain-rule sum of one node.

    Formula: ∂L/∂x = Σ over the operations y that use x of (∂L/∂y · ∂y/∂x). Of a tensor
    of several elements, L is the sum of its elements.

    Arguments:
        root: the tensor that is explained, or a traced graph.
        names: what to call some of the nodes.
        title: the heading of drawing and page.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor(3.0, name="x")
        >>> print(cr.explain(x * x)["x"])
        x = 3
        ∂L/∂x = ∂L/∂L · ∂L/∂x = 1 · 6 = 6
        finite difference: 6 (h = 3e−05)
    """

    def __init__(
        self,
        root: Any,
        names: Mapping[Node, str] | None = None,
        title: str | None = None,
    ) -> None:
        self.graph = root if isinstance(root, Graph) else None
        self.root: Any = None if isinstance(root, Graph) else root
        nodes = root.nodes if isinstance(root, Graph) else in_order([root])
        self._wording = Wording(Ledger(nodes, self.root), names)
        self.title = title if title is not None else self._title()
        #: What is known of the example, a head and rows: shown above the text, and
        #: when the page opens.
        self.facts: list[tuple[str, ...]] = []

    def _title(self) -> str:
        if self.graph is not None:
            return self.graph.name
        formula = self._wording.formula(self.root)
        name = self._wording.name(self.root)
        return f"{name} = {formula}" if formula and len(formula) <= 48 else name

    # Nodes. ------------------------------------------------------------------------

    @property
    def nodes(self) -> list[Node]:
        """The nodes, each after its inputs; numbers written in the program left out."""
        return list(self._wording.ledger.nodes)

    @property
    def names(self) -> dict[str, Node]:
        """The nodes by the names that they are called by."""
        return {self._wording.name(node): node for node in self._wording.ledger.nodes}

    def node(self, which: Node | str) -> Node:
        """The node that a name, a tensor or a parameter stands for; ``h2`` is ``h₂``,
        and ``z1`` is ``z⁽¹⁾``.

        Raises:
            ArgumentError: when it is not part of this computation.
        """
        if isinstance(which, str):
            names = self.names
            plain = {typed(name): node for name, node in names.items()}
            if which in names or typed(which) in plain:
                return names[which] if which in names else plain[typed(which)]
            close = nearest(which, names)
            raise ArgumentError(
                f"explain: {which!r} names no node of {self.title}",
                fix=f"did you mean {close!r}?" if close else "see the names in .names",
            )
        if isinstance(which, Node):
            for node in self._wording.ledger.nodes:
                if node is which or node.owner is which:
                    return node
        shown = which.describe() if isinstance(which, Node) else type(which).__name__
        raise ArgumentError(
            f"explain: {shown} is not part of the computation of {self.title}",
            fix="ask for a node that it was computed from, or one of .names",
        )

    def value(self, which: Node | str) -> Array:
        """The value of a node, as a NumPy array.

        Raises:
            TraceError: for a traced graph, where no value is known.
        """
        node = self.node(which)
        if node.value is None or node.several:
            raise no_value(node, "explain(…).value")
        return np.asarray(node.value).copy()

    def gradient(self, which: Node | str) -> Array:
        """∂L/∂node, its δ, as a NumPy array.

        Raises:
            ArgumentError: where no derivative flows.
        """
        node = self.node(which)
        array = self._wording.ledger.gradient(node)
        if array is None:
            raise ArgumentError(
                f"explain: no derivative: {self._wording.no_derivative(node)}"
                if self.root is not None
                else "explain: a traced graph has no values and no derivatives",
            )
        return array.copy()

    def has_gradient(self, which: Node | str) -> bool:
        """Whether a derivative flows to a node of this computation."""
        try:
            node = self.node(which)
        except ArgumentError:
            return False
        return self._wording.ledger.gradient(node) is not None

    def difference(self, which: Node | str, entry: int = 0) -> Difference:
        """A finite difference of L along one entry of a node.

        Formula: (L(xᵢ + h) − L(xᵢ − h)) / 2h; the graph behind the node is computed
        again in float64 for each L.

        Arguments:
            entry: the index in the flattened value.

        Returns:
            ``.value``, the step ``.step``, and ``.kink`` where L bends at xᵢ.
        """
        node = self.node(which)
        size = self.gradient(node).size
        self._check_entry(node, entry, size)
        moved = Perturbation(node, self.root, self._wording.ledger.everything)
        return moved.difference(entry)

    def _check_entry(self, node: Node, entry: int, size: int) -> None:
        if not 0 <= entry < size:
            raise BoundsError(
                f"explain: entry {entry} of {self._wording.name(node)} {node.shape}: "
                f"it has {size} elements",
                fix="count through the flattened value, from 0",
            )

    # Text. -------------------------------------------------------------------------

    def explain(self, which: Node | str, entry: int | None = None) -> str:
        """One node: its value, its chain-rule sum with numbers, a finite difference.

        Arguments:
            which: a node, or its name.
            entry: for a tensor, the element whose sum is written out, counted through
                the flattened value; without it, those of a small tensor.
        """
        node = self.node(which)
        wording = self._wording
        lines = [wording.forward(node)]
        gradient = wording.ledger.gradient(node)
        if gradient is None:
            return "\n".join([*lines, wording.no_derivative(node)]).rstrip()
        if entry is None:
            lines += wrapped(wording.backward(node), "")
        if not node.shape:
            entry = 0
        else:
            entries = range(min(gradient.size, 4)) if entry is None else [entry]
            for each in entries:
                self._check_entry(node, each, gradient.size)
                indent = "  " if entry is None else ""
                lines += wrapped(wording.entry(node, each), indent)
        if gradient.size:
            difference = self.difference(node, entry or 0)
            at = wording.at(node, entry or 0)
            lines.append(f"finite difference{at}: {wording.difference(difference)}")
        return "\n".join(lines)

    def __getitem__(self, which: Node | str) -> str:
        return self.explain(which)

    def text(self, limit: int | None = LINES) -> str:
        """Every value forward and every derivative backward.

        Arguments:
            limit: the most nodes in each half; None for all.
        """
        if limit is not None and limit < 1:
            raise ArgumentError(f"explain: limit={limit}: expected at least 1, or None")
        if self.graph is not None:
            return graph_text(self._wording, self.graph, limit)
        return explanation_text(self._wording, limit)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return str(self)

    # Pictures. ---------------------------------------------------------------------

    def svg(self, last: int | None = None) -> str:
        """The graph drawn from left to right, as the text of an SVG file.

        Each node is a circle: its value in the right half, its derivative in the left.

        Arguments:
            last: how many nodes, counted from the end; by default 80, and of a network
                its inputs, parameters and layers.

        Raises:
            ArgumentError: for more nodes than a drawing can show.
        """
        wording, shown = self._picture(last)
        return drawing(wording, shown, self.title, interactive=False)

    def html(self, path: str | os.PathLike[str] | None = None, last: int = 0) -> str:
        """A page that steps through forward and backward, one node at a time.

        It needs no network and no other file. Buttons, arrow keys and clicks move
        through it; the clicked node's chain-rule sum is written out with numbers, and a
        finite difference beside it.

        Arguments:
            path: where to write it, if anywhere.
            last: how many nodes, counted from the end; by default 80, and of a network
                its inputs, parameters and layers.

        Returns:
            The text of the page.
        """
        wording, shown = self._picture(last or None)
        text = page(wording, shown, self.title, self.facts)
        if path is not None:
            write(path, text)
        return text

    def _picture(self, last: int | None) -> tuple[Wording, Picture]:
        """What is drawn, and the words for it."""
        return self._wording, picture(self._wording, self._last(last))

    def _last(self, last: int | None) -> int:
        if last is None:
            return DRAWN
        if not 1 <= last <= MOST_DRAWN:
            raise ArgumentError(
                f"explain: last={last}: a drawing shows 1 to {MOST_DRAWN} nodes",
                fix="see them all as text: .text(limit=None)",
            )
        return last

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the text, the drawing or the page, by the ending of the file's name.

        Raises:
            ArgumentError: for an ending other than .txt, .svg and .html.
            FileError: when the file cannot be written.
        """
        save_as(path, {".txt": self.text, ".svg": self.svg, ".html": self.html})

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return (
            f'<div style="overflow-x:auto" title="{escape(self.title)}">{self.svg()}'
            "</div>"
        )
