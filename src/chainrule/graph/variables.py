"""When a variable of this process last changed, and when a setting of an object did.

Place on the road: beside the nodes. ``Variable`` marks a change; an engine compares, so
that a call finds in one step that every variable is as the call before left it. In the
same way a compiled function finds that every module and optimizer is.
"""

from __future__ import annotations

from typing import Any


class Changes:
    """When something of one kind last changed, anywhere in this process.

    ``last`` is a new object after each change. Whoever keeps the object it saw knows by
    ``changes.last is seen`` that nothing has changed since, whatever the number.
    """

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = object()

    def mark(self) -> None:
        """Something has changed."""
        self.last = object()


#: When a variable last changed, or was last read into a graph.
changes = Changes()
#: When an attribute of a ``Watched`` object was last set or deleted.
settings_changes = Changes()


class Watched:
    """An object whose attributes decide what a program computes: a module, an
    optimizer.

    Setting or deleting one marks ``settings_changes``, so that compiled functions look
    at the objects that they were made from again. A property is what it sets.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not isinstance(getattr(type(self), name, None), property):
            settings_changes.mark()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        settings_changes.mark()
