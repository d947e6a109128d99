"""Traces: what is recorded while a function is traced instead of evaluated.

Place on the road: beside the graph. Operations ask for the current trace to learn
whether to compute; variables ask it which node stands for their value. It must not
know how a graph is made of a trace: ``compiler/trace.py`` does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from ..errors import TraceError
from .node import Node, ages

_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)

#: Whether a derivative of the function being called is wanted: compiled functions are
#: then run operation by operation, so that there is a graph to differentiate.
differentiating: ContextVar[bool] = ContextVar("differentiating", default=False)


class Trace:
    """A record of the variables that a traced function reads and assigns.

    While a trace is active no operation computes: nodes have shapes and no values.
    Reading a variable gives a leaf that stands for its value at the start; assigning to
    it changes what later reads give and is remembered in ``updates``. The traced
    function stays pure.

    The trace of a loop's ``body`` keeps no variables: they are read through the trace
    around it, or have their values where there is none.

    Attributes:
        purpose: what is being traced, as messages say it.
        body: whether it is the body of a loop.
        example: whether it is one example of a batch.
        around: the trace that was active before.
        start: an age; what is older was made before the trace began.
        variables: variable → the leaf that stands for its value at the start.
        current: variable → the node that stands for its value now.
        updates: variable → its value at the end.
        versions: node that stood for a variable's value at some time → the variable.
        arrays: the ``id`` of a NumPy array that is read anew in every call → its node.
        taken: those of these nodes that were used.
    """

    def __init__(
        self,
        *,
        purpose: str,
        body: bool = False,
        example: bool = False,
        arrays: Mapping[int, Node] | None = None,
    ) -> None:
        self.purpose = purpose
        self.body = body
        self.example = example
        self.around = _trace.get()
        self.start = next(ages)
        self.variables: dict[Node, Node] = {}
        self.current: dict[Node, Node] = {}
        self.updates: dict[Node, Node] = {}
        self.versions: dict[Node, Node] = {}
        self.arrays = arrays or {}
        self.taken: dict[Node, None] = {}

    def __enter__(self) -> Trace:
        self._token = _trace.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _trace.reset(self._token)


def current_trace() -> Trace | None:
    """The innermost active trace, or None: operations are evaluated at once."""
    return _trace.get()


def variable_trace() -> Trace | None:
    """The trace that keeps variables: the innermost that is not of a loop's body."""
    trace = _trace.get()
    while trace is not None and trace.body:
        trace = trace.around
    return trace


def captured_array(array: object) -> Node | None:
    """The node of an array that the function being traced reads anew in every call."""
    trace = variable_trace()
    node = trace.arrays.get(id(array)) if trace is not None else None
    if trace is not None and node is not None:
        trace.taken[node] = None
    return node


# A value that is not there. -----------------------------------------------------------

#: Wishes to look at a value; any other wish is to decide by it.
_LOOKS = ("item()", "numpy()", "tolist()", "a NumPy array")
_UNCOMPILED = "; or call the function without cr.compile"
_LOOK_OUTSIDE = (
    "return it from the function and look at it outside; choose between values with "
    "cr.where(condition, a, b)"
)
_CHOOSE_INSIDE = (
    "choose between values with cr.where(condition, a, b); repeat with "
    "cr.scan(f, init, xs)"
)


def no_value(node: Node, wanted: str) -> TraceError:
    """The error for a node without a value, of which Python wants one.

    Arguments:
        node: the node.
        wanted: what asks for it: ``"item()"``, ``"if"`` …
    """
    trace = current_trace()
    if trace is None:
        return TraceError(
            f"{wanted}: this tensor was traced inside a compiled function that has "
            "ended; outside of it, it has no value",
            fix="return it from the compiled function",
        )
    advice = _LOOK_OUTSIDE if wanted in _LOOKS else _CHOOSE_INSIDE
    made_by = f"the result of {node.op.name}" if node.op is not None else "a tensor"
    return TraceError(
        f"{wanted}: {node.label or made_by} {node.shape} has no value while "
        f"{trace.purpose} is traced, so Python cannot look at it",
        fix=advice if trace.body or trace.example else advice + _UNCOMPILED,
    )
