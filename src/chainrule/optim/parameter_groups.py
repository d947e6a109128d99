"""Parameter groups: which parameters an optimizer changes, and with which options.

Place on the road: between the options and the optimizer. It turns what users give
(parameters, or dictionaries as in PyTorch) into groups, and refuses what could not be
trained. It must not know of gradients or algorithms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..errors import (
    ArgumentError,
    ChainruleError,
    ForeignNameError,
    ShapeError,
)
from ..foreign import no_attribute, no_such_setting
from ..graph import Node, Watched
from ..ops.arrays import constant
from ..ops.elementwise import cast
from ..tensor import Tensor
from ..variable import Parameter, Variable
from . import hyperparameters
from .hyperparameters import Options

#: What an algorithm's first argument may be: parameters, or groups of parameters.
Params = Iterable[Parameter] | Iterable[Mapping[str, Any]]
#: A learning rate: a number, or a function of the step count.
Rate = float | Callable[[Any], Any]

#: Learning rates and schedules are computed in this dtype, whatever the parameters
#: have: a scalar costs nothing, and 0.999²⁰⁰⁰ needs the digits.
RATE_DTYPE = dtypes.float64


class Group(Watched):
    """Some parameters that share their hyper-parameters.

    Every hyper-parameter is an attribute that can be set, as ``group.lr = 0.01`` or
    ``group.betas = (0.5, 0.999)``, with effect from the next step on.

    Attributes:
        parameters: in the order in which they were given.
        options: the hyper-parameters but the learning rate, by name.
        transforms: applied to this group's gradients alone, after the optimizer's.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w, b = cr.parameter([1.0]), cr.parameter([0.0])
        >>> optimizer = optim.AdamW([{"params": [w]}, {"params": [b]}])
        >>> optimizer.groups[1].weight_decay = 0.0
        >>> [group.weight_decay for group in optimizer.groups]
        [0.01, 0.0]
    """

    __slots__ = ("_count", "_rate", "number", "options", "parameters", "transforms")

    if not TYPE_CHECKING:  # so that type checkers still find wrong names

        def __getattr__(self, name: str) -> Any:
            """A hyper-parameter; nothing else is looked for here."""
            if name != "options" and name in self.options:
                return self.options[name]
            raise no_attribute(self, name, "optim.GROUP")

        def __setattr__(self, name: str, value: Any) -> None:
            """Sets a hyper-parameter, checked."""
            options = getattr(self, "options", {})
            if name in options or name == "transforms":
                where = f"group {getattr(self, 'number', '')}"
                value = hyperparameters.checked(where, {name: value})[name]
            if name in options:
                if options[name] != value:  # a change is what compiled steps look for
                    super().__setattr__("options", Options({**options, name: value}))
            elif name in ("lr", "transforms") or (
                hasattr(type(self), name) and not hasattr(self, name)
            ):
                super().__setattr__(name, value)
            elif hasattr(type(self), name):
                raise ArgumentError(
                    f"group {self.number}.{name} = …: it is decided when the optimizer "
                    "is made",
                    fix="make another optimizer",
                )
            else:
                known = ("lr", *options, "transforms")
                tables = "optim.GROUP", "optim.OPTIONS"
                raise no_such_setting(self, name, *tables, known=known)

    def __init__(
        self,
        number: int,
        parameters: Sequence[Parameter],
        options: Mapping[str, Any],
        count: Variable,
        where: str,
    ) -> None:
        rest = dict(options)
        rate = rest.pop("lr")
        self.number = number
        self.parameters = tuple(parameters)
        self.transforms: Any = rest.pop("transforms")
        self.options = Options(rest)
        self._count = count
        if callable(rate):
            self._rate: Variable | Callable[[Any], Any] = rate
            self._check_schedule(where, "lr(0)")
        else:
            self._rate = Variable(rate, RATE_DTYPE, name="lr")

    def __getitem__(self, name: str) -> Any:
        raise self._by_key(name, "")

    def __setitem__(self, name: str, value: Any) -> None:
        raise self._by_key(name, " = …")

    def _by_key(self, name: str, assigned: str) -> ForeignNameError:
        known = {"lr": "lr", "params": "parameters", **{n: n for n in self.options}}
        return ForeignNameError(
            f"group {self.number}[{name!r}]{assigned}: the options of a group are its "
            "attributes",
            fix=f"optimizer.groups[{self.number}].{known.get(name, 'lr')}{assigned}",
        )

    @property
    def lr_variable(self) -> Variable | None:
        """The variable of a constant learning rate; None for a schedule."""
        return self._rate if isinstance(self._rate, Variable) else None

    def rate(self, count: Any) -> Any:
        """The learning rate after ``count`` steps, as a tensor of one float64."""
        if isinstance(self._rate, Variable):
            return self._rate.read()
        t = cast(count, dtype=RATE_DTYPE)
        rate: Any = self._rate(t)
        rate = rate.read() if isinstance(rate, Node) else constant(rate, RATE_DTYPE)
        if rate.shape != ():
            raise ShapeError(
                f"schedule: {self._rate!r} returns shape {rate.shape} for one step: a "
                "learning rate is one number"
            )
        return rate if rate.dtype == RATE_DTYPE else cast(rate, dtype=RATE_DTYPE)

    def _check_schedule(self, where: str, name: str) -> None:
        hyperparameters.number(where, name, self.rate(self._count).item(), "finite")

    @property
    def lr(self) -> Any:
        """The learning rate of the next step, a number. It can be set to another
        number, or to a schedule, which goes on at the number of steps done so far.
        """
        return float(self.rate(self._count).item())

    @lr.setter
    def lr(self, value: Rate) -> None:
        if callable(value):
            before = self._rate
            Watched.__setattr__(self, "_rate", value)
            try:
                self._check_schedule("optimizer", "lr")
            except ChainruleError:
                Watched.__setattr__(self, "_rate", before)
                raise
            return
        if not isinstance(self._rate, Variable):
            raise ArgumentError(
                f"lr = {value}: the learning rate of group {self.number} is the "
                f"schedule {self._rate!r}, which decides it in every step",
                fix=f"lr = optim.Constant({value}), or another schedule",
            )
        number = hyperparameters.learning_rate("optimizer", "lr", value)
        self._rate.assign(constant(number, RATE_DTYPE))

    def settings(self) -> dict[str, Any]:
        """Every hyper-parameter, the learning rate and the transforms included."""
        fixed = isinstance(self._rate, Variable)
        rate: Any = self._rate.item() if fixed else self._rate  # type: ignore[union-attr]
        return {"lr": rate, **self.options, "transforms": self.transforms}

    def describe(self) -> str:
        """``lr=0.1, momentum=0.9``"""
        shown = self.settings()
        for name in ("maximize", "transforms"):  # as they are for most
            if not shown[name]:
                del shown[name]
        if self.transforms:
            shown["transforms"] = list(self.transforms)
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())

    def __repr__(self) -> str:
        return (
            f"<group {self.number}: {self.describe()}; {count_text(self.parameters)}>"
        )


def count_text(parameters: Sequence[Parameter]) -> str:
    """``4 parameters, 101770 numbers``"""
    if not parameters:
        return "no parameters"
    numbers = sum(each.size for each in parameters)
    return f"{_count(len(parameters), 'parameter')}, {_count(numbers, 'number')}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")


def without_parameters(
    algorithm: str, options: Mapping[str, Any], count: Variable
) -> Group:
    """The one group of a specification: options for parameters to come."""
    return Group(0, (), {"transforms": (), **options}, count, algorithm)


def make_groups(
    algorithm: str, params: object, defaults: Mapping[str, Any], count: Variable
) -> list[Group]:
    """The groups that an optimizer's first argument stands for, everything checked.

    Raises:
        ArgumentError: for no parameters, one given twice, or things that are none.
        OptionError: for an option that the algorithm does not have.
    """
    return [
        Group(number, parameters, options, count, place)
        for number, (place, parameters, options) in enumerate(
            parameters_and_options(algorithm, params, defaults)
        )
    ]


def parameters_and_options(
    algorithm: str, params: object, defaults: Mapping[str, Any]
) -> list[tuple[str, tuple[Parameter, ...], dict[str, Any]]]:
    """What messages call each group, its parameters, and its options, those of all
    where it has none of its own; everything checked.

    Raises:
        ArgumentError: for no parameters, one given twice, or things that are none.
        OptionError: for an option that the algorithm does not have.
    """
    given = _listed(algorithm, params)
    if not any(isinstance(each, Mapping) for each in given):
        given = [{"params": given}]
        places = [algorithm]
    else:
        places = [f"{algorithm}: group {i}" for i in range(len(given))]
    known = {**defaults, "params": ()}
    groups: list[tuple[str, tuple[Parameter, ...], dict[str, Any]]] = []
    for number, (each, place) in enumerate(zip(given, places, strict=True)):
        if not isinstance(each, Mapping):
            raise ArgumentError(
                f"{place} is {_kind(each)}: either every element is a group, or none",
                fix='[{"params": [W1, b1]}, {"params": [W2, b2], "lr": 0.1}]',
            )
        for name in each:
            if name not in known:
                kind = f"option in group {number} of {algorithm}"
                raise hyperparameters.unknown(kind, name, known)
        if "params" not in each:
            raise ArgumentError(
                f'{place} has no "params"', fix='{"params": [W, b], "lr": 0.1}'
            )
        values = {**defaults, **each}
        parameters = _parameters(place, values.pop("params"))
        values = hyperparameters.checked(place, values)
        groups.append((place, tuple(parameters), values))
    _refuse_duplicates(algorithm, [each for _, each, _ in groups])
    return groups


def _listed(where: str, params: object) -> list[Any]:
    """The elements of what was given, if it is something with elements."""
    hint = None
    if isinstance(params, Parameter):
        hint = f"[{params.name or 'parameter'}]"
    elif isinstance(params, Mapping):
        hint = '[{"params": [W, b]}] for a group; list(d.values()) for a dict'
    elif callable(getattr(params, "parameters", None)):
        hint = "model.parameters()"
    elif callable(params):
        hint = f"{getattr(params, '__name__', 'model.parameters')}()"
    elif isinstance(params, Iterable) and not isinstance(
        params, (str, Node, np.ndarray)
    ):
        elements = list(params)
        if not elements:
            raise ArgumentError(
                f"{where}: no parameters: there is nothing to train",
                fix="a generator such as model.parameters() can be used once: call it "
                "again, or keep a list of it",
            )
        return elements
    raise ArgumentError(
        f"{where}: {_kind(params)} is not a list of parameters", fix=hint
    )


def _parameters(where: str, params: object) -> list[Parameter]:
    elements = _listed(where, params)
    for i, each in enumerate(elements):
        if not isinstance(each, Parameter):
            named = isinstance(each, tuple) and isinstance(each[-1:], tuple)
            raise ArgumentError(
                f"{where}: element {i} is {_kind(each)}, not a parameter",
                fix="model.parameters(), not model.named_parameters()"
                if named
                else "cr.parameter(value) makes one",
            )
    return elements


def _refuse_duplicates(algorithm: str, groups: Sequence[Sequence[Parameter]]) -> None:
    """No parameter may be given twice: it would be changed twice in a step."""
    seen: dict[Parameter, str] = {}
    for number, parameters in enumerate(groups):
        for i, each in enumerate(parameters):
            place = f"number {i}" + (f" of group {number}" if len(groups) > 1 else "")
            if each in seen:
                raise ArgumentError(
                    f"{algorithm}: parameter {each.describe()} is given twice, as "
                    f"{seen[each]} and as {place}: each can be updated once in a step",
                    fix="leave one of them out",
                )
            seen[each] = place


def _kind(value: object) -> str:
    """The kind of a value, for a message."""
    if isinstance(value, Tensor):
        return f"a {type(value).__name__.lower()} {value.shape}"
    return type(value).__name__
