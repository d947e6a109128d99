"""An explanation as plain text: values forward, derivatives backward.

Beside the road, for ``explain``: it lays out the lines of ``words``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...graph import Graph, Node, format_type
from ...wording import counted
from ..words.lines import Wording
from ..words.source_lines import own_line

#: The lines of each half that are shown unless the reader asks for more.
LINES = 60
#: Where the user's source lines begin.
COLUMN = 52
#: Longer equations are broken.
WIDTH = 100


def explanation_text(wording: Wording, limit: int | None) -> str:
    """Both halves, each of at most ``limit`` lines; all of it with None."""
    ledger = wording.ledger
    names = [_titled(wording, ledger.root), ""]
    forward = _lines(ledger.nodes, lambda node: _forward(wording, node), limit)
    lines = [*names, "forward: values, inputs first", *forward]
    derived = [n for n in reversed(ledger.nodes) if ledger.gradient(n) is not None]
    if derived:
        lines += ["", f"backward: derivatives of {wording.loss}, from it to the inputs"]
        lines += _lines(derived, lambda node: wrapped(wording.backward(node)), limit)
    elif ledger.has_gradients:
        lines += ["", "backward: nothing was computed: nothing to differentiate"]
    else:
        lines += ["", f"no derivatives: {wording.no_derivative(ledger.root)}"]
    return "\n".join(lines)


def graph_text(wording: Wording, graph: Graph, limit: int | None) -> str:
    """A graph without values: one line a node, then what it returns and updates."""
    count = counted(len(wording.ledger.nodes), "node")
    lines = [
        f"{graph.name}: {count}; traced, so no values",
        "",
        *_lines(wording.ledger.nodes, lambda node: _forward(wording, node), limit),
        f"  return {', '.join(wording.name(node) for node in graph.outputs)}",
    ]
    lines += [
        f"  update {wording.name(leaf)} ← {wording.name(new)}"
        for leaf, new in graph.updates
        if leaf in wording.names
    ]
    return "\n".join(lines)


def _titled(wording: Wording, root: Node) -> str:
    count = len(wording.ledger.nodes)
    kind = f", {format_type(root)}" if root.several or root.shape else ""
    value = f" = {wording.value(root)}" if not kind else ""
    note = ""
    if wording.ledger.summed and wording.ledger.has_gradients:
        note = "; the derivatives are those of the sum of its elements"
    plural = "" if count == 1 else "s"
    return f"{wording.name(root)}{value}{kind}: {count} node{plural}{note}"


def _forward(wording: Wording, node: Node) -> list[str]:
    text = f"  {wording.forward(node)}"
    line = own_line(node)
    place = line.place if line else ""
    lines = [f"{text:<{COLUMN}}  {place}".rstrip()]
    body = wording.body(node)
    return lines + [f"      {line}" for line in body.splitlines()]


def wrapped(sum_: str, indent: str = "  ") -> list[str]:
    """A chain of equations on one line, or each right side on a line of its own."""
    if len(indent) + len(sum_) <= WIDTH:
        return [indent + sum_]
    first, *rest = sum_.split(" = ")
    return [f"{indent}{first}", *(f"{indent}    = {each}" for each in rest)]


def _lines(
    nodes: Sequence[Node], form: Callable[[Node], list[str]], limit: int | None
) -> list[str]:
    """A line or more for each node; the middle left out where there are too many."""
    if limit is None or len(nodes) <= limit:
        return [line for node in nodes for line in form(node)]
    head, tail = nodes[: limit // 2], nodes[len(nodes) - (limit - limit // 2) :]
    skipped = len(nodes) - limit
    return [
        *(line for node in head for line in form(node)),
        f"  … {skipped:,} more; .text(limit=None) shows all, [node] one of them",
        *(line for node in tail for line in form(node)),
    ]
