"""Assignments to attributes that do not exist: an error instead of no effect.

Place on the road: beside ``advice``. A class of this package that takes settings is a
``Settled``: what a user assigns must be an attribute that the object has. The code of
the package itself, and subclasses of users, may give it new ones.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, ClassVar, NoReturn

from ..errors import ForeignNameError, nearest
from .advice import table

#: The names of the package's modules begin with this.
PACKAGE = __name__.split(".")[0] + "."


class Settled:
    """An object whose attributes are known: another name is an error, not forgotten.

    Class attributes:
        names_elsewhere: the tables of ``foreign`` with names that other libraries have.

    Example:
        >>> from chainrule.training.callbacks import EarlyStopping
        >>> stopping = EarlyStopping("loss", patience=3)
        >>> stopping.patience = 5  # stopping.patiense = 5 is an error
        >>> is_unknown(stopping, "patience")
        False
    """

    names_elsewhere: ClassVar[tuple[str, ...]] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if is_unknown(self, name):
            raise no_such_setting(self, name, *self.names_elsewhere)
        super().__setattr__(name, value)


class Size(int):
    """A number of elements, which other libraries' users call: ``x.size()``.

    Example:
        >>> import chainrule as cr
        >>> cr.zeros((2, 3)).size + 1
        7
    """

    def __call__(self, axis: int | None = None) -> NoReturn:
        raise ForeignNameError(
            "Tensor.size(): size is a number here, that of the elements",
            fix="x.shape, or x.shape[0]; x.size without parentheses",
        )


class Refused:
    """An attribute that objects with slots do not have, with advice for who assigns it.

    Arguments:
        name: the attribute.
        address: the table of ``foreign`` that has it.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0])
        >>> hasattr(x, "requires_grad")
        False
    """

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address

    def __get__(self, owner: object, kind: type | None = None) -> NoReturn:
        what = (
            f"{(kind or type(owner)).__name__}.{self.name}: there is no such attribute"
        )
        raise ForeignNameError(f"{what} here", fix=table(self.address)[self.name])

    def __set__(self, owner: object, value: Any) -> NoReturn:
        raise no_such_setting(owner, self.name, self.address)


def is_unknown(owner: object, name: str) -> bool:
    """Whether a user assigns an attribute that an object of this package does not have.

    For a ``__setattr__`` to ask.
    """
    kind = type(owner)
    return (
        name not in vars(owner)
        and of_package(kind)
        and not hasattr(kind, name)
        and not assigned_here()
    )


def of_package(kind: type) -> bool:
    """Whether a class is this package's own, and no subclass of it by a user.

    Example:
        >>> from chainrule import nn
        >>> of_package(nn.Linear), of_package(dict)
        (True, False)
    """
    return kind.__module__.startswith(PACKAGE)


def assigned_here() -> bool:
    """Whether the assignment that a ``__setattr__`` is about stands in this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name in ("is_unknown", "__setattr__"):
        frame = frame.f_back
    module = frame.f_globals.get("__name__", "") if frame is not None else ""
    return isinstance(module, str) and module.startswith(PACKAGE)


def no_such_setting(
    owner: object, name: str, *addresses: str, known: tuple[str, ...] = ()
) -> ForeignNameError:
    """The error for assigning an attribute that an object does not have.

    Arguments:
        addresses: the tables with names of other libraries.
        known: what may be assigned; when not given, what the object holds.
    """
    kind = type(owner).__name__
    fix = next((table(each)[name] for each in addresses if name in table(each)), None)
    if fix is None:
        known = known or tuple(n for n in vars(owner) if not n.startswith("_"))
        close = nearest(name, known)
        listed = f"it has {', '.join(known)}; " if known else ""
        fix = (
            f"did you mean {close!r}?"
            if close
            else f"{listed}a subclass of {kind} may have more"
        )
    what = f"{kind}.{name} = …: there is no such attribute, so it would have no effect"
    return ForeignNameError(what, fix=fix)
