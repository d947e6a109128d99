"""The hyper-parameters of optimizers: which values make sense, and their errors.

Place on the road: below every algorithm of this folder. It must not know of gradients
or of any algorithm: a name such as ``momentum`` means the same in all of them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any

from ..errors import ArgumentError, OptionError, unknown_option
from ..foreign import table

#: Checks (where, name, value), and returns the value as it is kept.
Check = Callable[[str, str, Any], Any]


class Options(Mapping[str, Any]):
    """The hyper-parameters of a group: a mapping that cannot be written to.

    They are attributes of the group too, which can be set: the group then has another
    mapping, and what has been compiled with this one is compiled again.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.items())


def number(where: str, name: str, value: object, rule: str) -> float:
    """A finite number as a Python float.

    Raises:
        ArgumentError: for NaN, infinities, and what is no number.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentError(
            f"{where}: {name} = {_shown(value)}: {type(value).__name__} is not a "
            f"number; {name} must be {rule}"
        )
    if not math.isfinite(value):
        raise ArgumentError(f"{where}: {name} = {value}: {name} must be {rule}")
    return float(value)


def positive(where: str, name: str, value: object) -> float:
    """A number > 0."""
    checked_number = number(where, name, value, "a positive number")
    if checked_number <= 0:
        raise ArgumentError(f"{where}: {name} = {value}: {name} must be positive")
    return checked_number


def not_negative(where: str, name: str, value: object) -> float:
    """A number ≥ 0."""
    checked_number = number(where, name, value, "0 or a positive number")
    if checked_number < 0:
        raise ArgumentError(f"{where}: {name} = {value}: {name} must not be negative")
    return checked_number


def fraction(where: str, name: str, value: object) -> float:
    """A number in [0, 1): the part of a running average that is kept in a step."""
    rule = "at least 0 and less than 1"
    checked_number = number(where, name, value, rule)
    if not 0 <= checked_number < 1:
        raise ArgumentError(f"{where}: {name} = {value}: {name} must be {rule}")
    return checked_number


def share(where: str, name: str, value: object) -> float:
    """A number in (0, 1]."""
    rule = "more than 0 and at most 1"
    checked_number = number(where, name, value, rule)
    if not 0 < checked_number <= 1:
        raise ArgumentError(f"{where}: {name} = {value}: {name} must be {rule}")
    return checked_number


def two_fractions(where: str, name: str, value: object) -> tuple[float, float]:
    """A pair of numbers in [0, 1)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentError(
            f"{where}: {name} = {_shown(value)}: {name} must be two numbers, each at "
            "least 0 and less than 1",
            fix=f"{name}=(0.9, 0.999)",
        )
    first, second = (fraction(where, f"{name}[{i}]", value[i]) for i in (0, 1))
    return first, second


def whole(where: str, name: str, value: object, least: int = 1) -> int:
    """A whole number, at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ArgumentError(
            f"{where}: {name} = {_shown(value)}: {name} must be a whole number, at "
            f"least {least}"
        )
    return int(value)


def flag(where: str, name: str, value: object) -> bool:
    """True or False, and nothing that only counts as one of them."""
    if not isinstance(value, bool):
        raise ArgumentError(
            f"{where}: {name} = {_shown(value)}: {name} must be True or False"
        )
    return value


def learning_rate(where: str, name: str, value: object) -> Any:
    """A positive number, or a schedule: a function of the step count."""
    if callable(value):
        return value
    rule = "a positive number or a schedule"
    try:
        rate = number(where, name, value, rule)
    except ArgumentError as error:
        raise ArgumentError(error.what, fix=_learning_rate_fix(value)) from None
    if rate <= 0:
        raise ArgumentError(
            f"{where}: {name} = {value}: {name} must be {rule}",
            fix="to keep parameters as they are: layer.freeze()",
        )
    return rate


def _learning_rate_fix(value: object) -> str | None:
    try:
        return f"lr={float(value)!r}" if isinstance(value, str) else None
    except ValueError:
        return "lr=0.001, or a schedule such as optim.Cosine(0.001, steps=1000)"


def one_of(*known: str) -> Check:
    """The check for a name out of a few."""

    def check(where: str, name: str, value: object) -> str:
        if value not in known:
            raise unknown_option(f"{name} of {where}", value, known)
        return str(value)

    return check


def transforms(where: str, name: str, value: object) -> tuple[Callable[..., Any], ...]:
    """Some functions from gradients to gradients."""
    if callable(value):
        raise ArgumentError(
            f"{where}: {name} = {_shown(value)}: {name} must be a list, applied in "
            "order",
            fix=f"{name}=[{_shown(value)}]",
        )
    if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
        raise ArgumentError(
            f"{where}: {name} = {_shown(value)}: {name} must be a list of functions "
            "from gradients to gradients",
            fix=f"{name}=[optim.ClipNorm(1.0)]",
        )
    functions = tuple(value)
    for i, each in enumerate(functions):
        if not callable(each) or isinstance(each, type):
            raise ArgumentError(
                f"{where}: {name}[{i}] = {_shown(each)}: a transform is a function "
                "from gradients to gradients",
                fix=f"{name}=[optim.ClipNorm(1.0)]",
            )
    return functions


#: What a hyper-parameter of this name must be, in whichever algorithm.
CHECKS: Mapping[str, Check] = {
    "lr": learning_rate,
    "maximize": flag,
    "history": whole,
    "l2": not_negative,
    "gradient_tolerance": not_negative,
    "loss_tolerance": not_negative,
    "damping": positive,
    "decay": fraction,
    "tolerance": positive,
    "most_products": whole,
    "curvature_share": share,
    "preconditioned": flag,
    "momentum": fraction,
    "momentum_decay": not_negative,
    "alpha": fraction,
    "rho": fraction,
    "betas": two_fractions,
    "eps": positive,
    "initial_accumulator_value": not_negative,
    "weight_decay": not_negative,
    "adjust_lr_fn": one_of("match_rms_adamw", "original"),
    "use_muon": flag,
    "transforms": transforms,
}


def checked(where: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, each after the check for its name."""
    return {
        name: CHECKS[name](where, name, value) if name in CHECKS else value
        for name, value in values.items()
    }


def unknown(
    kind: str, name: object, known: Iterable[str], address: str = "optim.OPTIONS"
) -> OptionError:
    """The error for an option that this algorithm does not have."""
    return unknown_option(kind, name, known, table(address).get(str(name)))


def refuse_unknown(algorithm: type, given: Mapping[str, Any], address: str) -> None:
    """Looks for options that the constructor of an algorithm does not have.

    Arguments:
        algorithm: its class.
        given: the options.
        address: of the table of what other libraries call them.

    Raises:
        OptionError: with the nearest option, or with the class that has it.
    """
    arguments = inspect.signature(algorithm.__init__).parameters  # type: ignore[misc]
    if any(each.kind is each.VAR_KEYWORD for each in arguments.values()):
        return
    known = [name for name in arguments if name != "self"]
    for name in given:
        if name not in known:
            raise unknown(f"option of {algorithm.__name__}", name, known, address)


def listed_variables(
    name: str, given: Iterable[Any], kind: type[Any], what: str, expected: str
) -> list[Any]:
    """What follows the parameters of a network is given, as a list.

    Arguments:
        name: of the class that is made.
        given: the variables.
        kind: what each of them must be.
        what, expected: what messages call them.

    Raises:
        ArgumentError: for none, or for something else among them.

    Example:
        >>> from chainrule import Parameter
        >>> w = Parameter([1.0])
        >>> listed_variables("Accumulator", iter([w]), Parameter, "", "") == [w]
        True
    """
    own = list(given)
    fitting = all(isinstance(each, kind) for each in own)
    if own and fitting:
        return own
    raise ArgumentError(
        f"{name}: {len(own)} {what}: expected the parameters of a network"
        if fitting
        else f"{name}: expected {expected}, got something else among them",
        fix=f"optim.{name}(model.parameters())",
    )


def _shown(value: object) -> str:
    """A value in a message: short, on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else text[:37] + "..."
