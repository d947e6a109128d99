"""The compiled methods of instances, one set of programs for each instance.

Place on the road: beside ``compile``, for ``@cr.compile`` on a method. An instance owns
parameters, which are part of a program, so every instance is compiled for itself. Its
programs must not keep it alive: they would then keep themselves alive too, through the
class. This file knows weak references, and nothing of how a function is compiled.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Function = Callable[..., Any]
Compiled = TypeVar("Compiled", bound=Function)


class Methods(Generic[Compiled]):
    """instance → the compiled method of that instance, for as long as it lives.

    Arguments:
        function: the function that was decorated; its first argument is the instance.
        compiled: compiles a function.
    """

    def __init__(
        self, function: Function, compiled: Callable[[Function], Compiled]
    ) -> None:
        self._function = function
        self._compiled = compiled
        self._of_instance: dict[int, Compiled] = {}

    def of(self, instance: Any) -> Compiled:
        """The compiled method of an instance, made when it is first asked for.

        Raises:
            TypeError: for an instance that cannot be referred to weakly.
        """
        key = id(instance)
        method = self._of_instance.get(key)
        if method is None:
            forget = functools.partial(self._forget, key)
            alive = weakref.ref(instance, forget)
            method = self._compiled(_without_instance(alive, self._function))
            functools.update_wrapper(method, self._function, updated=())
            self._of_instance[key] = method
        return method

    def _forget(self, key: int, _: object) -> None:
        """The instance has ended, and another may get its ``id``."""
        self._of_instance.pop(key, None)


def _without_instance(instance: weakref.ref[Any], function: Function) -> Function:
    """The function with its first argument filled in; it does not keep that alive."""

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(instance(), *args, **kwargs)

    parameters = list(inspect.signature(function).parameters.values())
    method.__signature__ = inspect.Signature(parameters[1:])  # type: ignore[attr-defined]
    return method
