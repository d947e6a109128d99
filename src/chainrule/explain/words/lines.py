"""A graph and its derivatives in words and numbers: the lines of text, page and
drawing.

Beside the road, for ``explain``: names of nodes, formulas and sums of the chain rule,
put together. It knows nothing of files or pictures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ...graph import Graph, Node, format_type
from ..values.chain_rule_sums import Ledger, Term
from ..values.finite_differences import Difference
from . import numerals
from .formulas import ATOM, numeral, phrase
from .node_names import name_nodes
from .numerals import number, parenthesised

#: The terms of one entry's sum that are written out.
MOST_TERMS = 6


class Wording:
    """The names, formulas, values and derivatives of a ledger's nodes as text.

    Arguments:
        ledger: the nodes, and their derivatives where they are known.
        given: names that take precedence over the user's own.
    """

    def __init__(self, ledger: Ledger, given: Mapping[Node, str] | None = None) -> None:
        self.ledger = ledger
        #: node → the names of the entries of its last axis, as columns have them
        self.entry_names: dict[Node, Sequence[str]] = {}
        #: node → its formula, and that of its derivative, as the textbook has them, in
        #: place of those of its own operations
        self.formulas: dict[Node, str] = {}
        self.derivatives: dict[Node, str] = {}
        #: the nodes that a reader sees, where these are not all: sums over others are
        #: not written out
        self.visible: Collection[Node] | None = None
        self.names = name_nodes(ledger.everything, ledger.root, given)

    # Names and formulas. -----------------------------------------------------------

    def name(self, node: Node) -> str:
        """What the node is called."""
        return self.names[node].text

    @property
    def loss(self) -> str:
        """What the derivatives are derivatives of."""
        root = self.names[self.ledger.root]
        return f"Σ{root.beside(ATOM)}" if self.ledger.summed else root.beside(ATOM)

    def formula(self, node: Node) -> str:
        """How the node is computed from its inputs; empty for a leaf."""
        if node in self.formulas:
            return self.formulas[node]
        if node.op is None:
            return ""
        return phrase(node, [self.names[each] for each in node.inputs]).text

    def derivative(self, node: Node, index: str = "") -> str:
        """``∂L/∂x``"""
        if self.ledger.root is node and not self.ledger.summed and not index:
            return f"∂{self.loss}/∂{self.loss}"
        return f"∂{self.loss}/∂{self.names[node].beside(ATOM)}{index}"

    def kind(self, node: Node) -> str:
        """What sort of node it is: parameter, leaf, operation, or part of a backward
        pass.
        """
        if node.origin is not None:
            return "backward"
        if node.op is not None:
            return "operation"
        return "parameter" if node.owner is not None else "leaf"

    # Values. -----------------------------------------------------------------------

    def value(self, node: Node, most: int = numerals.SMALL) -> str:
        """The value: a number, the elements, or their statistics."""
        if node.value is None:
            return ""
        if node.several:
            return f"{len(node.value)} results"
        return numerals.array(np.asarray(node.value), most)

    def forward(self, node: Node) -> str:
        """``s = x + y = 1 + (−3) = −2``"""
        parts = [self.name(node)]
        formula = self.formula(node)
        if formula and formula != parts[0]:
            parts.append(formula)
        substituted = self.substituted(node)
        if substituted:
            parts.append(substituted)
        if node.value is None or node.several:
            return " = ".join(parts) + f"  {format_type(node)}"
        if node.shape:
            parts[-1] += f"  {format_type(node)}"
            return f"{' = '.join(parts)}: {self.value(node)}"
        value = self.value(node)
        if len(parts) > 1 or formula or parts[0] != value:
            parts.append(value)
        return " = ".join(parts)

    def substituted(self, node: Node) -> str:
        """The formula with numbers in place of names, where all are single numbers."""
        if node.op is None or node.several or node.shape or node.value is None:
            return ""
        if any(
            each.several or each.shape or each.value is None for each in node.inputs
        ):
            return ""
        return phrase(node, [numeral(each.value) for each in node.inputs]).text

    # Derivatives. ------------------------------------------------------------------

    def backward(self, node: Node) -> str:
        """The chain-rule sum of a node: ``∂f/∂x = ∂f/∂s · ∂s/∂x = 4 · 1 = 4``"""
        gradient = self.ledger.gradient(node)
        if gradient is None:
            return self.no_derivative(node)
        shown = [self.derivative(node)]
        terms = self._visible_terms(node)
        if node in self.derivatives:
            shown.append(self.derivatives[node])
        if node is not self.ledger.root and terms:
            shown.append(" + ".join(self._symbols(term, node) for term in terms))
            products = [self._product(term, node, i) for i, term in enumerate(terms)]
            if all(products):
                shown.append(" + ".join(products))
        joint = " = " if gradient.size <= numerals.SMALL else ": "
        return " = ".join(shown) + joint + numerals.array(gradient)

    def _visible_terms(self, node: Node) -> list[Term]:
        """The terms of a node's sum; none where not all their nodes are visible."""
        terms = list(self.ledger.terms(node))
        if self.visible is None or all(term.user in self.visible for term in terms):
            return terms
        return []

    def _symbols(self, term: Term, node: Node) -> str:
        return f"{self.derivative(term.user)} · {self._local(term.user, node)}"

    def _product(self, term: Term, node: Node, place: int) -> str:
        """One operation's part with numbers: a product of two, or a small tensor."""
        if not node.shape and term.gradient is not None and not term.user.shape:
            factors = self.ledger.factors(term.user, node)
            if factors is not None:
                first = number if place == 0 else parenthesised
                return f"{first(term.gradient)} · {parenthesised(factors[0, 0])}"
        if term.part.size > numerals.SMALL or (place == 0 and not self._joined(node)):
            return ""
        return numerals.array(term.part)

    def _joined(self, node: Node) -> bool:
        return len(self.ledger.terms(node)) > 1

    def _local(self, user: Node, node: Node, at: str = "", by: str = "") -> str:
        """``∂s/∂x``"""
        return (
            f"∂{self.names[user].beside(ATOM)}{at}/∂{self.names[node].beside(ATOM)}{by}"
        )

    def no_derivative(self, node: Node) -> str:
        """Why a node has no derivative."""
        if node.several:
            return f"{self.name(node)}: its results have the derivatives, one each"
        if self.ledger.root is None:
            return ""
        dtype = node.dtype
        if dtype.kind != "f":
            return f"{self.name(node)}: {dtype} values have no derivative"
        if not self.ledger.has_gradients:
            return f"{self.name(node)}: {self.loss} is {self.ledger.root.dtype}"
        return f"{self.name(node)}: the loss does not depend on it"

    def entry(self, node: Node, entry: int) -> str:
        """The chain-rule sum of one entry of a tensor, term by term."""
        gradient = self.ledger.gradient(node)
        if gradient is None:
            return self.no_derivative(node)
        by = self.index(node, entry)
        head, total = self.derivative(node, by), number(gradient.reshape(-1)[entry])
        if node is self.ledger.root:
            return f"{head} = {total}"
        symbols: list[str] = []
        products: list[str] = []
        for term in self._visible_terms(node):
            self._add_terms(term, node, entry, symbols, products)
        if not symbols:
            return f"{head} = {total}"
        if len(symbols) > MOST_TERMS:
            more = f"… ({len(symbols) - MOST_TERMS} more)"
            symbols = [*symbols[:MOST_TERMS], more]
            products = [*products[:MOST_TERMS], "…"]
        numbers = " + ".join(products)
        parts = [head, " + ".join(symbols), *([numbers] if numbers != total else [])]
        return " = ".join([*parts, total])

    def _add_terms(
        self,
        term: Term,
        node: Node,
        entry: int,
        symbols: list[str],
        products: list[str],
    ) -> None:
        """One user's terms: a product for each of its results that the entry moves."""
        by = self.index(node, entry)
        factors = self.ledger.factors(term.user, node)
        if factors is None or term.gradient is None:
            user = self.names[term.user].beside(ATOM)
            x = f"{self.names[node].beside(ATOM)}{by}"
            symbols.append(f"Σⱼ ∂{self.loss}/∂{user}ⱼ · ∂{user}ⱼ/∂{x}")
            form = parenthesised if products else number
            products.append(form(term.part.reshape(-1)[entry]))
            return
        for j in np.flatnonzero(factors[:, entry]):
            at = self.index(term.user, int(j))
            outer = self.derivative(term.user, at)
            symbols.append(f"{outer} · {self._local(term.user, node, at, by)}")
            gradient = term.gradient.reshape(-1)[j]
            left = parenthesised(gradient) if products else number(gradient)
            products.append(f"{left} · {parenthesised(factors[j, entry])}")

    def index(self, node: Node, entry: int) -> str:
        """``[0, 2]``: an entry of a tensor; empty for a single number. An entry with a
        name is called by it: ``[Sex = female]``.
        """
        if not node.shape:
            return ""
        place = [str(int(each)) for each in np.unravel_index(entry, node.shape)]
        names = self.entry_names.get(node)
        if names is not None:
            place[-1] = names[int(place[-1])]
            if node.shape[0] == 1 and len(place) == 2:  # of a single example
                del place[0]
        return f"[{', '.join(place)}]"

    # Finite differences and loops. -------------------------------------------------

    def at(self, node: Node, entry: int) -> str:
        """`` at W[0, 1]``; nothing for a single number."""
        return f" at {self.name(node)}{self.index(node, entry)}" if node.shape else ""

    def difference(self, estimate: Difference) -> str:
        """``4 (h = 1e−05)``"""
        kink = "; a kink: the slopes on both sides differ" if estimate.kink else ""
        return f"{number(estimate.value, 6)} (h = {number(estimate.step, 2)}{kink})"

    def body(self, node: Node) -> str:
        """The body of a scan, one line an operation; empty for other nodes."""
        body: Any = node.params.get("body")
        if not isinstance(body, Graph):
            return ""
        inside = Wording(Ledger(body.nodes))
        given = ", ".join(inside.name(each) for each in body.inputs)
        results = ", ".join(inside.name(each) for each in body.outputs)
        lines = [f"each step, from {given}:"]
        known = set(body.inputs)
        lines += [
            f"  {inside.forward(n)}" for n in inside.ledger.nodes if n not in known
        ]
        return "\n".join([*lines, f"  gives {results}"])
