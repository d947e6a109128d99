"""``explain``, the one function: it picks the explanation for its argument.

``import chainrule`` imports this file, which in turn imports the rest of this room in
the first call: most programs explain nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, TraceError
from ..graph import Graph, Node, current_trace, no_value

if TYPE_CHECKING:
    from .explanation import Explanation
    from .layers import NetworkExplanation


def explain(
    what: Any,
    x: Any = None,
    y: Any = None,
    *,
    loss: str | Callable[..., Any] | None = None,
    training: bool = False,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Explanation | NetworkExplanation:
    """Opens up a computation: values forward, derivatives backward, node by node.

    Formula: ∂L/∂x = Σ over the operations y that use x of (∂L/∂y · ∂y/∂x).

    Arguments:
        what: a tensor that was computed, such as a loss; a graph from ``cr.trace``, of
            which only shapes are known; or a network.
        x, y: for a network, its input (several are a tuple) and the target. One that
            returns its own loss, ``outputs_loss``, is given what it takes of these.
        loss: for a network, the loss by name, or a function of (output, target). By
            default cross-entropy where the targets are integers, else ½‖a − y‖².
        training: for a network, whether it runs as in training.
        feature_names: for a network, what the columns of x are called.
        class_names: for a network, what the columns of its output are called; those
            that the model was trained with when not given.

    Returns:
        An explanation. ``print`` it, show it in a notebook, ``.save("page.html")`` it.
        That of a network has ``.layers`` with z, a, δ, ∇W and ∇b.

    Raises:
        TraceError: inside a compiled function, where no value is known.
        ArgumentError: for anything else than a tensor, a graph or a network.

    Example:
        >>> import chainrule as cr
        >>> x, y, z = cr.tensor(1.0), cr.tensor(-3.0), cr.tensor(4.0)
        >>> s = x + y
        >>> f = s * z
        >>> print(cr.explain(f))
        f = −8: 5 nodes
        <BLANKLINE>
        forward: values, inputs first
          x = 1 ...
          y = −3 ...
          z = 4 ...
          s = x + y = 1 + (−3) = −2 ...
          f = s · z = −2 · 4 = −8 ...
        <BLANKLINE>
        backward: derivatives of f, from it to the inputs
          ∂f/∂f = 1
          ∂f/∂s = ∂f/∂f · ∂f/∂s = 1 · 4 = 4
          ∂f/∂z = ∂f/∂f · ∂f/∂z = 1 · (−2) = −2
          ∂f/∂y = ∂f/∂s · ∂s/∂y = 4 · 1 = 4
          ∂f/∂x = ∂f/∂s · ∂s/∂x = 4 · 1 = 4
    """
    from ..nn.module import Module
    from .explanation import Explanation
    from .layers import explain_network

    if current_trace() is not None:
        raise TraceError(
            "explain: inside a function that is being traced no value is known",
            fix="call the function without cr.compile, or explain cr.trace(f, …)",
        )
    if isinstance(what, Module):
        return explain_network(what, x, y, loss, training, feature_names, class_names)
    given = (x, y, loss, feature_names, class_names)
    if any(each is not None for each in given):
        raise ArgumentError(
            f"explain: x, y, loss and names belong to a network, not to a "
            f"{type(what).__name__}",
            fix="explain the tensor alone: cr.explain(loss)",
        )
    if isinstance(what, Graph):
        return Explanation(what)
    if isinstance(what, Node):
        node = what.read()
        if node.value is None:
            raise no_value(node, "explain")
        return Explanation(node)
    called = ": call it, and explain what it returns" if callable(what) else ""
    raise ArgumentError(
        f"explain: {type(what).__name__} is neither a tensor, nor a graph, nor a "
        f"network{called}",
        fix="cr.explain(f(x)), or cr.explain(cr.trace(f, x))"
        if callable(what)
        else "cr.explain(loss), where loss was computed from tensors",
    )
