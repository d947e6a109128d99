"""The computational graph: nodes, graphs and traces, and their printed form.

In the order of reading: ``source`` (the user's line), ``node``, ``printing``,
``graph``, ``trace`` (recording instead of computing), ``variables`` (when one changed,
or a setting). No mathematics here: what an operation means is written in ``ops``.
"""

from .graph import Graph, freeze, in_order
from .node import (
    NO_PARAMS,
    Array,
    ArrayType,
    Node,
    Operation,
    computed_leaves,
    on_behalf_of,
)
from .printing import format_type
from .trace import (
    Trace,
    captured_array,
    current_trace,
    differentiating,
    no_value,
    variable_trace,
)
from .variables import Watched, changes, settings_changes

__all__ = [
    "NO_PARAMS",
    "Array",
    "ArrayType",
    "Graph",
    "Node",
    "Operation",
    "Trace",
    "Watched",
    "captured_array",
    "changes",
    "computed_leaves",
    "current_trace",
    "differentiating",
    "format_type",
    "freeze",
    "in_order",
    "no_value",
    "on_behalf_of",
    "settings_changes",
    "variable_trace",
]
