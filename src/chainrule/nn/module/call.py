"""One call of a module: the calls around it, its mode, and who watches.

Place on the road: below ``Module``, of which it asks only what ``Part`` lists.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from ...dtypes import float32, float64
from ...errors import ArgumentError
from ...foreign import table
from ...ops.arrays import lift
from ...ops.elementwise import cast
from ...variable import Parameter
from .part import Part


class Watcher(Protocol):
    """Something that is notified of every call of a module.

    ``module`` is a ``Module``, a class that stands above this file.
    """

    def before(self, module: Any, inputs: tuple[Any, ...]) -> None:
        """Called before the module computes."""

    def after(self, module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Called after the module has computed."""


watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("watchers", default=())


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Notifies the watcher of every call of every module inside the ``with`` block.

    Summaries and explanations are made this way.
    """
    token = watchers.set((*watchers.get(), watcher))
    try:
        yield
    finally:
        watchers.reset(token)


class Call:
    """One call of a module. As text it names the layer, for error messages.

    Attributes:
        module: what is called.
        around: the calls that it is inside of, outermost first.
        training: the mode that the caller gave; None if the caller gave none.
    """

    def __init__(
        self, module: Part, around: tuple[object, ...], training: bool | None
    ) -> None:
        self.module = module
        self.around = around
        self.training = training

    def refuse_forgotten_training(self) -> None:
        """Raises an error if a surrounding module trains and did not pass that on."""
        if self.training is not None:
            return
        outer = self._outer_call_with_mode()
        if outer is None or not outer.training:
            return
        part = first_part_with_modes(self.module)
        if part is None:
            return
        name, around = type(self.module).__name__, self._caller()
        raise ArgumentError(
            f"{name}: called without training= inside {around}, while "
            f"{type(outer.module).__name__} was called with training=True; {part} "
            "behaves differently in training",
            fix=f"in {around}.forward, pass it on: layer(x, training=training)",
        )

    def refuse_forgotten_parts(self) -> None:
        """Raises an error if a module in training has no way to tell its parts."""
        part = first_part_with_modes(self.module) if self.training else None
        if part is not None:
            name = type(self.module).__name__
            raise ArgumentError(
                f"{name}: called with training=True, but {name}.forward does not take "
                f"it, and contains {part}, which behaves differently in training",
                fix=f"def forward(self, x, training=False): … in {name}, and pass it "
                "on",
            )

    def explain_wrong_arguments(
        self, error: TypeError, inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        """Replaces Python's error if ``forward`` does not take these arguments.

        Returns without an error if it does: then ``error`` comes from inside.

        Raises:
            ArgumentError: with what was given and what ``forward`` takes.
        """
        forward = type(self.module).forward
        signature = inspect.signature(forward)
        try:
            signature.bind(self.module, *inputs, **options)
        except TypeError:
            name = type(self.module).__name__
            given = [type(value).__name__ for value in inputs]
            given += [f"{key}=" for key in options if key != "training"]
            raise ArgumentError(
                f"{name}: called with ({', '.join(given)}): {name}.forward takes "
                f"{_without_self(signature)}",
                fix=_advice(name, signature, options),
            ) from error

    def _outer_call_with_mode(self) -> Call | None:
        """The innermost surrounding call that was given ``training``."""
        for call in reversed(self.around):
            if isinstance(call, Call) and call.training is not None:
                return call
        return None

    def _caller(self) -> str:
        """The class of the module that makes this call."""
        calls = [call for call in self.around if isinstance(call, Call)]
        return type(calls[-1].module).__name__

    def __str__(self) -> str:
        outermost = self.around[0] if self.around else self
        root = outermost.module if isinstance(outermost, Call) else self.module
        paths = {id(module): path for path, module in root.named_modules()}
        path = paths.get(id(self.module), "")
        shown = f"{type(self.module).__name__}({self.module.describe_settings()})"
        held = [f"{name} {v.shape}" for name, v in self.module.own_variables()]
        return ", ".join([f"{path} = {shown}" if path else shown, *held[:1]])


def in_dtype_of_parameters(module: Part, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs, NumPy arrays of float64 as float32 if all parameters are float32.

    float64 is what NumPy makes when nobody asks for it; a tensor of float64 is kept.
    """
    if not any(type(x) is np.ndarray and x.dtype == float64 for x in inputs):
        return inputs
    dtypes = {
        variable.dtype
        for _, part in module.named_modules()
        for _, variable in part.own_variables()
        if isinstance(variable, Parameter)
    }
    if dtypes != {float32}:
        return inputs
    return tuple(
        cast(*lift([x]), dtype=float32)
        if type(x) is np.ndarray and x.dtype == float64
        else x
        for x in inputs
    )


def first_part_with_modes(module: Part) -> str | None:
    """The first part that behaves differently in training, as text; None if none."""
    for path, part in module.named_modules():
        if part.depends_on_training:
            name = type(part).__name__
            return f"{path} = {name}" if path else name
    return None


@lru_cache(maxsize=1024)
def takes(forward: Callable[..., Any], argument: str) -> bool:
    """Whether a class's ``forward`` has an argument of this name.

    Example:
        >>> from chainrule import nn
        >>> takes(nn.Dropout.forward, "training"), takes(nn.ReLU.forward, "training")
        (True, False)
    """
    return argument in inspect.signature(forward).parameters


def _without_self(signature: inspect.Signature) -> str:
    """The arguments that a caller gives, without annotations."""
    shown = [
        parameter.replace(annotation=parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    return str(signature.replace(parameters=shown, return_annotation=signature.empty))


def _advice(name: str, signature: inspect.Signature, options: dict[str, Any]) -> str:
    """What to write instead of a call that ``forward`` does not take."""
    advice = table("nn.CALL")
    for key in options:
        if key not in signature.parameters and key in advice:
            return advice[key]
    if next(iter(signature.parameters), "") == "self":
        return (
            "model(x) predicts, model(x, training=True) trains; a loss takes the "
            "targets"
        )
    return f"def forward(self, x): … in class {name}"
