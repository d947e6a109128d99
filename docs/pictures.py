"""The pictures of the documentation that are drawn from programs; see generate.py."""

from __future__ import annotations

from collections.abc import Callable

import chainrule as cr


def first_graph() -> str:
    """The lectures' first graph, f = (x + y) · z, with every value and derivative."""
    x = cr.tensor(1.0, name="x")
    y = cr.tensor(-3.0, name="y")
    z = cr.tensor(4.0, name="z")
    s = x + y
    f = s * z
    return cr.explain(f).svg()


#: file → what draws it.
PICTURES: dict[str, Callable[[], str]] = {"images/first-graph.svg": first_graph}
