"""``Module``: a function with parameters, made of other such functions.

Place on the road: above the compiler, written with public operators only. A module is a plain
Python object: whatever attribute holds a parameter, another module, or a list or dict of them,
belongs to it, under the attribute's name. Whether a network trains or predicts is an argument
of the call, ``model(x, training=True)``, never a state of the module.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np

from .. import errors
from ..errors import ArgumentError, ShapeError, StateError, nearest
from ..graph import Array
from ..tensor import Parameter, Variable


class Module:
    """The base of layers and networks. Subclasses make their parts in ``__init__`` and write
    ``forward``; users call the object.

    A ``forward`` that behaves differently in training takes ``training`` by keyword and passes
    it on to the modules that it calls. A module whose parts depend on it must take it: what
    cannot be forgotten is not left to memory.

    Class attributes of layers that this package saves by name:
        settings: the constructor's arguments, each kept in an attribute of the same name.
        depends_on_training: whether ``forward`` behaves differently in training by itself.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> class Residual(nn.Module):
        ...     def __init__(self, width):
        ...         self.inner = nn.Linear(width, width)
        ...     def forward(self, x):
        ...         return x + cr.tanh(self.inner(x))
        >>> net = Residual(3)
        >>> [(name, p.shape) for name, p in net.named_parameters()]
        [('inner.weight', (3, 3)), ('inner.bias', (3,))]
        >>> net(cr.zeros((2, 3))).shape
        (2, 3)
    """

    settings: ClassVar[tuple[str, ...]] = ()
    depends_on_training: ClassVar[bool] = False

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The module's function. Subclasses write it; users call the module itself."""
        raise ArgumentError(
            f"{type(self).__name__}: forward is not written",
            fix=f"def forward(self, x): … in class {type(self).__name__}",
        )

    def __call__(self, *inputs: Any, training: bool | None = None, **options: Any) -> Any:
        """``forward``, with ``training`` handed over where it makes a difference.

        Arguments:
            training: True in a training step; without it a network predicts.

        Raises:
            ArgumentError: when a call inside another module forgets to pass ``training`` on.
        """
        call = _Call(self, errors.layers.get(), training)
        token = errors.layers.set((*call.around, call))
        try:
            if _takes_training(type(self)):
                return self.forward(*inputs, training=call.mode(), **options)
            call.refuse_forgotten_parts()
            return self.forward(*inputs, **options)
        finally:
            errors.layers.reset(token)

    # Parts. ----------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Module]]:
        """Pairs (name, module) of the modules that this one holds directly."""
        for name, value in vars(self).items():
            yield from _parts(name, value, Module)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Pairs (path, module): this one under "", and all inside it, each once."""
        seen: set[int] = set()
        pending: list[tuple[str, Module]] = [("", self)]
        while pending:
            path, module = pending.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            inside = [(f"{path}.{name}" if path else name, m) for name, m in module.children()]
            pending.extend(reversed(inside))

    def named_variables(self) -> Iterator[tuple[str, Variable]]:
        """Pairs (path, variable) of parameters and of values that are kept but not trained,
        such as running averages; a shared one once, under its first path."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                for part, variable in _parts(name, value, Variable):
                    if id(variable) not in seen:
                        seen.add(id(variable))
                        yield f"{path}.{part}" if path else part, variable

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Pairs (path, parameter), each parameter once."""
        for path, variable in self.named_variables():
            if isinstance(variable, Parameter):
                yield path, variable

    def parameters(self) -> list[Parameter]:
        """Every parameter once, in the order of ``named_parameters``."""
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def num_parameters(self) -> int:
        """How many numbers training changes."""
        return sum(parameter.size for parameter in self.parameters())

    # State. ----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of all values by path: parameters and what else is kept."""
        return {path: variable.array.copy() for path, variable in self.named_variables()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts values in place, all of them or, on any error, none.

        Raises:
            StateError: for missing or extra names.
            ShapeError: for a value of another shape.
        """
        own = dict(self.named_variables())
        missing, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        if missing or extra:
            raise _name_error(self, missing, extra)
        arrays = {path: np.asarray(state[path]) for path in own}
        for path, variable in own.items():
            if arrays[path].shape != variable.shape:
                raise ShapeError(
                    f"load_state_dict: {path} {arrays[path].shape} for a parameter of shape "
                    f"{variable.shape}: nothing was loaded",
                    fix="build the model with the settings it was saved with",
                )
        for path, variable in own.items():
            variable.assign(arrays[path].astype(variable.dtype))

    # Printed form. ---------------------------------------------------------------------

    def __repr__(self) -> str:
        inside = [f"  ({name}): {_indented(repr(child))}" for name, child in self.children()]
        head = f"{type(self).__name__}({self.describe_settings()})"
        return f"{head[:-1]}\n" + "\n".join(inside) + "\n)" if inside else head

    def describe_settings(self) -> str:
        """The settings as shown in printed forms and messages: ``512 → 10``."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)


class _Call:
    """One call of a module: the layers around it, and in which mode."""

    def __init__(self, module: Module, around: tuple[object, ...], training: bool | None) -> None:
        self.module = module
        self.around = around
        self.training = training

    def mode(self) -> bool:
        """Whether to train; an error where a surrounding module forgot to say."""
        if self.training is None:
            outer = self._outer()
            if outer is not None and outer.training and depends_on_training(self.module):
                raise ArgumentError(
                    f"{type(self.module).__name__}: called without training= inside "
                    f"{type(outer.module).__name__}, which was called with training=True",
                    fix=f"in {type(outer.module).__name__}.forward, pass it on: "
                    "self.layer(x, training=training)",
                )
            return False
        return self.training

    def refuse_forgotten_parts(self) -> None:
        """An error for a module in training that cannot tell its parts so."""
        part = depends_on_training(self.module) if self.training else None
        if part is not None:
            name = type(self.module).__name__
            raise ArgumentError(
                f"{name}: called with training=True, but {name}.forward does not take it, and "
                f"contains {part}, which behaves differently in training",
                fix=f"def forward(self, x, training=False): … in {name}, and pass it on",
            )

    def _outer(self) -> _Call | None:
        calls = [call for call in self.around if isinstance(call, _Call)]
        return calls[-1] if calls else None

    def __str__(self) -> str:
        outermost = self.around[0] if self.around else self
        root = outermost.module if isinstance(outermost, _Call) else self.module
        paths = {id(module): path for path, module in root.named_modules()}
        path = paths.get(id(self.module), "")
        shown = f"{type(self.module).__name__}({self.module.describe_settings()})"
        return f"{path} = {shown}" if path else shown


def depends_on_training(module: Module) -> str | None:
    """The first part of a module that behaves differently in training, or None."""
    for path, part in module.named_modules():
        if part.depends_on_training:
            name = type(part).__name__
            return f"{path} = {name}" if path else name
    return None


@cache
def _takes_training(cls: type[Module]) -> bool:
    return "training" in inspect.signature(cls.forward).parameters


def _parts(name: str, value: Any, kind: type) -> Iterator[tuple[str, Any]]:
    """What an attribute holds of a kind, by itself or in lists, tuples and dicts."""
    if isinstance(value, kind):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _parts(f"{name}.{index}", each, kind)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _parts(f"{name}.{key}", each, kind)


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _name_error(module: Module, missing: list[str], extra: list[str]) -> StateError:
    parts = []
    if missing:
        parts.append(f"missing {', '.join(missing)}")
    if extra:
        parts.append(f"unexpected {', '.join(extra)}")
    close = nearest(extra[0], missing) if missing and extra else None
    return StateError(
        f"load_state_dict: {type(module).__name__}: {'; '.join(parts)}: nothing was loaded",
        fix=f"is {extra[0]!r} meant to be {close!r}?" if close else None,
    )
