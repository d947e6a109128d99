"""``activations``: what the layers of a network compute for some input.

Place on the road: above ``Module``, whose calls it watches. It must not know any layer.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from ... import dtypes, tree
from ...errors import ArgumentError, OptionError
from ...graph import Node
from ...tensor import tensor
from .call import watching
from .module import Module
from .part import Part

#: The most names that a message lists.
MOST_NEAR = 4


def activations(
    model: Module,
    x: Any,
    names: str | Module | Sequence[str | Module] | None = None,
    *,
    training: bool = False,
) -> Any:
    """What layers return when a network is called with some input.

    The tensors remember how they were computed, so ``cr.backprop`` of a loss has the
    gradients of all of them: δ = ∂L/∂a.

    Arguments:
        model: the network.
        x: its input; several inputs are a tuple.
        names: the path of a layer, as ``model.named_modules()`` and ``model.summary()``
            have it, "" for the network itself, or the layer; or a list of several. All
            layers that are called when not given.
        training: the mode of the call.

    Returns:
        Of one name what the layer returned; otherwise a dictionary by name, in the
        order of the calls. Of a layer that is called more than once it is the list of
        what it returned.

    Raises:
        OptionError: for a name that the network does not have, with those near it.
        ArgumentError: for a layer that is not called.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import losses, nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        >>> x, y = cr.ones((4, 2)), cr.zeros((4, 1))
        >>> activations(model, x, "1").shape
        (4, 3)
        >>> found = activations(model, x)
        >>> list(found)
        ['0', '1', '2', '']
        >>> delta = cr.backprop(losses.mse(found[""], y))[found["1"]]
        >>> delta.shape
        (4, 3)
    """
    if not isinstance(model, Module):
        raise ArgumentError(
            f"activations: {type(model).__name__} is not a network: expected an "
            "nn.Module",
            fix='cr.activations(model, x, "0")',
        )
    modules = dict(model.named_modules())
    one = names is not None and not isinstance(names, (list, tuple, set))
    given: Any = modules if names is None else [names] if one else names
    paths = {id(module): path for path, module in modules.items()}
    wanted = [paths.get(id(each), each) for each in given]
    for name in wanted:
        if name not in modules:
            raise _unknown(model, name, list(modules))
    record = _Record({id(modules[name]): name for name in wanted})
    inputs = x if isinstance(x, tuple) else (x,)
    with watching(record):
        model(*(_as_input(model, each) for each in inputs), training=training)
    for name in wanted if names is not None else ():
        if name not in record.found:
            raise ArgumentError(
                f"activations: {type(model).__name__}: {name} = "
                f"{type(modules[name]).__name__} is not called for this input",
                fix="only what forward calls as a layer, self.layer(x), has a result",
            )
    found = {n: a[0] if len(a) == 1 else a for n, a in record.found.items()}
    return found[wanted[0]] if one else found


class _Record:
    """A watcher that keeps what some modules return, by name."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self.found: dict[str, list[Any]] = {}

    def before(self, module: Part, inputs: tuple[Any, ...]) -> None:
        """Nothing to keep before a module has computed."""

    def after(self, module: Part, inputs: tuple[Any, ...], output: Any) -> None:
        """Keeps what the module returned."""
        name = self._names.get(id(module))
        if name is not None:
            self.found.setdefault(name, []).append(output)


def _as_input(model: Module, value: Any) -> Any:
    """Numbers as a tensor, floats in the network's own dtype."""
    if any(isinstance(leaf, Node) for leaf in tree.flatten(value)[0]):
        return value
    made = tensor(value)
    own = next((p.dtype for p in model.parameters()), made.dtype)
    floats = dtypes.is_float(made.dtype) and dtypes.is_float(own)
    return made.astype(own) if floats and made.dtype != own else made


def _unknown(model: Module, name: Any, known: list[str]) -> OptionError:
    name = type(name).__name__ if isinstance(name, Module) else name
    paths = [path for path in known if path]
    near = difflib.get_close_matches(str(name), paths, n=MOST_NEAR, cutoff=0.4)
    inside = [path for path in paths if path.endswith(f".{name}")][:MOST_NEAR]
    shown = ", ".join(repr(path) for path in (inside or near or paths[:MOST_NEAR]))
    return OptionError(
        f"activations: {type(model).__name__} has no layer {name!r}",
        fix=f"near it are {shown}; model.summary() lists all of them"
        if shown
        else "activations(model, x, '') is what the model returns",
    )
