"""What changes parameters: named, saved and resumed, and made with or without them.

Place on the road: below ``optimizer``, which takes gradients, and whatever evaluates a
loss itself. It must not know of gradients, losses or algorithms.

Made without parameters, an updater is a specification: an algorithm and its options,
which ``bound_to`` gives to parameters, as often as there are networks to train.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Self

from .. import saving
from ..errors import ArgumentError, TraceError
from ..graph import Array, Watched, current_trace
from ..variable import Parameter, Variable
from .hyperparameters import refuse_unknown
from .parameter_groups import Params, count_text
from .state_dict import checked_state, saved_options


class Updater(Watched, ABC):
    """The base of what changes parameters: everything but how it changes them."""

    #: Whether it evaluates the loss itself, as a ``Minimizer``; others take gradients.
    evaluates_loss: ClassVar[bool] = False
    #: The table of what other libraries call the options.
    options_table: ClassVar[str] = "optim.OPTIONS"

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Refuses unknown options before Python does, and says what is known."""
        refuse_unknown(cls, options, cls.options_table)
        return super().__new__(cls)

    # What a kind of updater says. ----------------------------------------------------

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter; none before the updater is bound to some."""

    @abstractmethod
    def _bind(self, params: Params) -> None:
        """Takes parameters, and remembers nothing of them yet: variables are new."""

    @abstractmethod
    def _variables(self) -> dict[str, Variable]:
        """Everything that a step reads and changes, but the parameters, by name."""

    @abstractmethod
    def _options(self) -> list[dict[str, Any]]:
        """The hyper-parameters, of every group of parameters, for a file."""

    @abstractmethod
    def _set_options(self, options: Sequence[Mapping[str, Any]]) -> None:
        """Puts back what ``_options`` returned."""

    # With and without parameters. ----------------------------------------------------

    @property
    def is_bound(self) -> bool:
        """Whether it has parameters; without, it is a specification."""
        return bool(self.parameters)

    def bound_to(self, params: Params) -> Self:
        """A new one with these options, for these parameters; this one stays as it is.

        Arguments:
            params: parameters or groups of them, as when it is made.

        Raises:
            ArgumentError: when this one has parameters, or these cannot be trained.
            TraceError: inside a compiled function, where the state would start anew.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn, optim
            >>> specification = optim.Adam(lr=0.01)
            >>> specification
            Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-08; no parameters)
            >>> specification.bound_to(nn.Linear(2, 1).parameters())
            Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-08; 2 parameters, 3 numbers)
        """
        name = type(self).__name__
        if self.is_bound:
            raise ArgumentError(
                f"{name}.bound_to: it has {count_text(self.parameters)} already",
                fix=f"a specification has none: optim.{name}(lr=…)",
            )
        refuse_in_trace(name)
        bound = copy.copy(self)
        bound._bind(params)
        return bound

    def _check_bound(self, operation: str) -> None:
        """An error for what needs parameters."""
        if not self.is_bound:
            name = type(self).__name__
            raise ArgumentError(
                f"{name}.{operation}: it was made without parameters, as a "
                "specification: there is nothing to change",
                fix=f"optim.{name}(model.parameters()), or "
                "optimizer.bound_to(model.parameters()); cr.fit does it by itself",
            )

    def _all_frozen(self) -> ArgumentError:
        """The error where no parameter is to be changed."""
        return ArgumentError(
            f"{type(self).__name__}.step: all {len(self.parameters)} parameters are "
            "frozen: there is nothing to train",
            fix="model[-1].unfreeze(), or whatever part is to learn",
        )

    # Saving and resuming. ------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Everything needed to go on exactly: copies of arrays, by name.

        The step count is "step", a constant learning rate "group0.lr", what is
        remembered of a parameter "3.W2.m": its number, its name if it has one, and what
        it is. Other hyper-parameters and schedules are not in it: build the optimizer
        with the same ones.
        """
        self._check_bound("state_dict")
        return {name: each.array.copy() for name, each in self._variables().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned; training goes on with the same bits.

        Raises:
            StateError: for missing or extra names, other shapes or dtypes; then nothing
                has changed.
        """
        self._check_bound("load_state_dict")
        variables = self._variables()
        name = type(self).__name__
        for each, array in checked_state(name, variables, state).items():
            variables[each].assign(array)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes everything needed to go on exactly, in one step or not at all.

        Beside what ``state_dict`` has, the file keeps the hyper-parameters of every
        group. Schedules and transforms are not in it.

        Arguments:
            path: the file, by convention ``….safetensors``; it replaces an existing
                one.

        Raises:
            FileError: when it cannot be written; an older file stays as it was.

        Example:
            >>> import chainrule as cr, os, tempfile
            >>> from chainrule import optim
            >>> path = os.path.join(tempfile.mkdtemp(), "optimizer.safetensors")
            >>> w = cr.parameter(1.0)
            >>> optimizer = optim.Adam([w], lr=0.1, betas=(0.5, 0.9))
            >>> optimizer.step(cr.backprop(w * w))
            >>> optimizer.save(path)
            >>> other = optim.Adam([w])
            >>> other.load(path)
            >>> other.num_steps, other.lr, other.betas
            (1, 0.1, (0.5, 0.9))
        """
        self._check_bound("save")
        about = {"algorithm": type(self).__name__, "options": self._options()}
        saving.write(path, self.state_dict(), {"optimizer": about})

    def load(self, path: str | PathLike[str]) -> None:
        """Puts back what ``save`` wrote, hyper-parameters included; training goes on
        with the same bits.

        Raises:
            FileError: for a missing, damaged or foreign file.
            StateError: for the file of another algorithm, or of other parameters; then
                nothing has changed.
        """
        self._check_bound("load")
        arrays, settings = saving.read(path)
        kind = type(self).__name__
        options = saved_options(f"load: {path}", kind, self._options(), settings)
        self.load_state_dict(arrays)
        self._set_options(options)


def refuse_in_trace(name: str) -> None:
    """A ``TraceError`` where a compiled function would make one in every call."""
    if current_trace() is not None:
        raise TraceError(
            f"{name}: made inside a compiled function, where its state would start "
            "anew in every call",
            fix="make the optimizer once, before the function",
        )
