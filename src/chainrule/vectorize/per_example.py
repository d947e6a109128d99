"""``cr.per_example_grads``: the gradient of every example's own loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import tree
from ..backprop import backprop
from ..errors import ArgumentError, ShapeError
from ..gradients import Gradients
from ..ops.arrays import lift
from ..ops.movement import reshape
from ..variable import Variable
from .transform import vmap


def per_example_grads(
    loss: Callable[..., Any], parameters: Any, *data: Any, randomness: str = "different"
) -> Gradients:
    """The gradient of each example's own loss, for all examples in one pass.

    Formula: g[W]ᵢ = ∂ loss(xᵢ, yᵢ) / ∂W. Where the loss of a batch is the mean of its
    examples' losses, the mean of g[W] over i is the gradient of the batch.

    Shapes: data (N, …) each; g[W] is (N, *W.shape).

    Arguments:
        loss: a function of batches, ``loss(x, y)``, that returns one number; it is
            given each example as a batch of one.
        parameters: a module, or a sequence of parameters.
        data: what the loss takes, the examples along the first axis; nested in tuples,
            lists and dicts.
        randomness: whether random numbers, such as dropout's, are "different" for every
            example or the "same".

    Returns:
        A mapping, parameter → gradients, as ``cr.backprop`` returns it: without those
        that the loss does not reach. In a function that is compiled, gradients of which
        only sums or norms are used need not be kept in memory.

    Raises:
        ShapeError: for data with different numbers of examples.
        ArgumentError: without data, or for a loss that does not take them.
        GradientError: for a loss that is not one number.
        TraceError: for layers that couple the examples of a batch, as BatchNorm does.

    Source: gradients clipped one by one are those of DP-SGD, Abadi et al. (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import losses, nn
        >>> model = nn.Linear(3, 2)
        >>> x, y = cr.ones((8, 3)), cr.zeros((8, 2))
        >>> def loss(x, y):
        ...     return losses.mse(model(x), y)
        >>> grads = cr.per_example_grads(loss, model, x, y)
        >>> grads[model.weight].shape
        (8, 2, 3)
    """
    chosen = _parameters(parameters)
    _check_examples(tree.flatten(data)[0])

    def one(*example: Any) -> list[Any]:
        leaves, structure = tree.flatten(example)
        alone = [reshape(each, (1, *each.shape)) for each in leaves]
        arguments = tree.unflatten(structure, alone)
        _check_arguments(loss, arguments)
        found = backprop(loss(*arguments))
        reached.update({p: None for p in chosen if p in found})
        return [found[p] for p in reached]

    reached: dict[Variable, None] = {}
    gradients = vmap(one, randomness=randomness)(*data)
    return Gradients({}, []) + Gradients(dict(zip(reached, gradients, strict=True)), [])


def _check_arguments(loss: Callable[..., Any], data: Sequence[Any]) -> None:
    """Refuses a loss that cannot be called with the data."""
    name = getattr(loss, "__name__", type(loss).__name__)
    if not callable(loss):
        raise ArgumentError(
            f"per_example_grads: {name} is not a function of the data",
            fix="cr.per_example_grads(loss, model, x, y) calls loss(x, y)",
        )
    try:
        inspect.signature(loss).bind(*data)
    except ValueError:  # it has no signature to look at
        return
    except TypeError as error:
        arguments = f"{len(data)} argument{'' if len(data) == 1 else 's'}"
        raise ArgumentError(
            f"per_example_grads: {name} does not take the data, {arguments}: {error}",
            fix="cr.per_example_grads(loss, model, x, y) calls loss(x, y)",
        ) from None


def _check_examples(leaves: Sequence[Any]) -> None:
    """Refuses data that are not so many examples each."""
    nodes = lift(leaves)
    if not nodes:
        raise ArgumentError(
            "per_example_grads: no data: the loss is given one example after another",
            fix="cr.per_example_grads(loss, model, x, y)",
        )
    shown = ", ".join(each.describe() for each in nodes)
    if any(not each.shape for each in nodes):
        raise ShapeError(
            f"per_example_grads: data {shown}: a single number has no axis of examples",
            fix="let the loss hold what all share: lambda x, y: loss(x, y, 0.1)",
        )
    if len({each.shape[0] for each in nodes}) > 1:
        raise ShapeError(
            f"per_example_grads: data {shown}: their first axes, those of the "
            "examples, must be equal",
            fix="a row of each for every example",
        )


def _parameters(given: Any) -> list[Variable]:
    """The parameters that are meant."""
    found = given.parameters() if hasattr(given, "parameters") else given
    listed = list(found) if isinstance(found, Iterable) else [found]
    for each in listed:
        if not isinstance(each, Variable):
            raise ArgumentError(
                f"per_example_grads: {type(each).__name__} in the place of a module, "
                "or of its parameters",
                fix="cr.per_example_grads(loss, model, x, y)",
            )
    return listed
