"""One call of a module: the layers around it, in which mode, and who watches.

Place on the road: beneath ``Module``, of which it asks only names and parts.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ArgumentError
from ..foreign import table

if TYPE_CHECKING:
    from .module import Module


class Watcher(Protocol):
    """What is told of every call of a module."""

    def before(self, module: Module, inputs: tuple[Any, ...]) -> None:
        """The module is about to compute."""

    def after(self, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        """The module has computed."""


watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("watchers", default=())


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Inside, the watcher is told of every call of every module: for summaries and
    explanations.
    """
    token = watchers.set((*watchers.get(), watcher))
    try:
        yield
    finally:
        watchers.reset(token)


class Call:
    """One call of a module. As text it names the layer, for messages."""

    def __init__(
        self, module: Module, around: tuple[object, ...], training: bool | None
    ) -> None:
        self.module = module
        self.around = around
        self.training = training

    def refuse_forgotten_training(self) -> None:
        """An error where a module around this one trains and did not say so here."""
        if self.training is not None:
            return
        told = self._told()
        if told is None or not told.training:
            return
        part = depends_on_training(self.module)
        if part is None:
            return
        name, around = type(self.module).__name__, self._outer_name()
        raise ArgumentError(
            f"{name}: called without training= inside {around}, while "
            f"{type(told.module).__name__} was called with training=True; {part} "
            "behaves differently in training",
            fix=f"in {around}.forward, pass it on: layer(x, training=training)",
        )

    def refuse_forgotten_parts(self) -> None:
        """An error for a module in training that cannot tell its parts so."""
        part = depends_on_training(self.module) if self.training else None
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
        """An error of its own where ``forward`` does not take what it was called with.

        Raises:
            ArgumentError: instead of Python's error, when that is what it says.
        """
        forward = type(self.module).forward
        try:
            inspect.signature(forward).bind(self.module, *inputs, **options)
        except TypeError:
            name = type(self.module).__name__
            signature = inspect.signature(forward)
            first = next(iter(signature.parameters), "")
            taken = [
                each.replace(annotation=each.empty)
                for each in signature.parameters.values()
                if each.name != "self"
            ]
            shown = signature.replace(
                parameters=taken, return_annotation=signature.empty
            )
            given = [type(each).__name__ for each in inputs]
            given += [f"{key}=" for key in options if key != "training"]
            unknown = [key for key in options if key not in signature.parameters]
            here = table("nn.CALL")
            advice = [here[key] for key in unknown if key in here]
            raise ArgumentError(
                f"{name}: called with ({', '.join(given)}): {name}.forward takes "
                f"{shown}",
                fix=advice[0]
                if advice
                else "model(x) predicts, model(x, training=True) trains; a loss takes "
                "the targets"
                if first == "self"
                else f"def forward(self, x): … in class {name}",
            ) from error

    def _told(self) -> Call | None:
        """The innermost call around this one that was told in which mode it is."""
        for call in reversed(self.around):
            if isinstance(call, Call) and call.training is not None:
                return call
        return None

    def _outer_name(self) -> str:
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


def depends_on_training(module: Module) -> str | None:
    """The first part of a module that behaves differently in training, or None."""
    for path, part in module.named_modules():
        if part.depends_on_training:
            name = type(part).__name__
            return f"{path} = {name}" if path else name
    return None
