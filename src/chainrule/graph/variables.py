"""When a variable of this process last changed.

Place on the road: beside the nodes. ``Variable`` marks a change; an engine compares, so
that a call finds in one step that every variable is as the call before left it.
"""

from __future__ import annotations


class Changes:
    """When a variable of this process last changed, or was last read into a graph.

    ``last`` is a new object after each such event. An engine that keeps the object it
    saw knows by ``changes.last is seen`` that no variable has changed since, whatever
    their number.
    """

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = object()

    def mark(self) -> None:
        """Something has changed."""
        self.last = object()


changes = Changes()
