"""``cr.compile``: trace once for each kind of arguments, run the passes, hand to an
engine.

Place on the road: the compiler's front. Nothing here knows how an engine works.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import logging
import threading
import time
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tree
from ..config import config
from ..dtypes import DType
from ..engines.interface import Executable, Explained, engine
from ..errors import ArgumentError, user_line
from ..graph import Array, Graph, computed_leaves, current_trace, differentiating
from ..shapes import Shape
from ..tensor import Tensor
from .peak import Timing, measured
from .pipeline import run_passes
from .program import plan
from .report import Report, arguments_text
from .trace import as_input, is_input, trace_call

LOGGER = logging.getLogger("chainrule.compile")
#: A function compiled for more signatures than this warns once.
MANY_SIGNATURES = 32
#: How many calls there are at least above the one that finds the user's line: that of
#: ``Compiled`` is the outermost where a thread begins with it.
OWN_CALLS = 3


@dataclass(frozen=True)
class Specialisation:
    """A function compiled for one kind of arguments."""

    graph: Graph
    executable: Executable
    results: tree.Structure
    types: tuple[tuple[Shape, DType], ...]
    engine_name: str
    stages: tuple[tuple[str, int], ...]
    seconds: float

    def report(self, timing: Timing | None = None) -> Report:
        """What was made, in words and figures."""
        made = self.executable
        says = made if isinstance(made, Explained) else None
        return Report(
            self.graph.name,
            arguments_text(self.graph),
            self.engine_name,
            self.stages,
            None if says is None else tuple(says.kernels()),
            None if says is None else says.arena_bytes,
            self.seconds,
            None if says is None else says.from_cache,
            timing,
        )

    def __call__(self, arrays: list[Array]) -> Any:
        """Runs once: the results, as tensors without history."""
        leaves = computed_leaves(self.types, self.executable(arrays), OWN_CALLS)
        if self.results is None:
            return leaves[0]
        return tree.unflatten(self.results, leaves)


class Compiled:
    """A function that is traced and compiled on first use, and then runs without
    Python.

    Made by ``cr.compile``. One specialisation is kept for each combination of argument
    shapes, dtypes and values of non-tensor arguments.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        engine_name: str | None,
        explained: bool = False,
    ) -> None:
        if not callable(function):
            raise ArgumentError(f"compile: {function!r} is not a function")
        if engine_name is not None:
            engine(engine_name)  # an unknown name is an error now, not later
        self.function = function
        self.engine_name = engine_name
        self.explained = explained
        self.specialisations: dict[Any, Specialisation] = {}
        #: the same once more, under keys that are found quickly
        self._known: dict[Any, Specialisation] = {}
        self._methods: dict[int, CompiledMethod] = {}
        self._lock = threading.Lock()
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's results, as tensors without history."""
        if current_trace() is not None or differentiating.get():
            return self.function(*args, **kwargs)  # a part of what is around it
        if not kwargs:
            key, arrays = _quick(args, self.engine_name or config.engine)
            found = self._known.get(key)
            if found is not None:
                return found(arrays)
        found, arrays = self._find(args, kwargs)
        return found(arrays)

    def _find(self, args: Any, kwargs: Any) -> tuple[Specialisation, list[Array]]:
        """The specialisation for these arguments, made where there is none, and the
        arrays among them.
        """
        leaves, structure = tree.flatten((args, kwargs))
        arrays, kinds = _sort(leaves)
        name = self.engine_name or config.engine
        settings = config.dtype, config.debug, config.processor
        key = (structure, kinds, settings, name)
        try:
            found = self.specialisations.get(key)
        except TypeError:
            raise _unhashable(self.graph_name, leaves) from None
        if found is None:
            with self._lock:
                found = self.specialisations.get(key) or self._specialise(
                    key, args, kwargs
                )
        quick, same = _quick(args, name)
        if quick is not None and not kwargs and _alike(arrays, same):
            self._known[quick] = found
        return found, arrays

    def explain(self, *args: Any, measure: bool = False, **kwargs: Any) -> Report:
        """What was compiled for arguments like these, without running it.

        The report shows the operations after every pass, the engine's kernels with the
        operations fused into each, their loops, bytes and floating-point operations.

        Arguments:
            args, kwargs: as for a call; only shapes and dtypes matter.
            measure: also run it, for the time of a call and its share of the machine's
                peak. Variables have their values again afterwards.

        Returns:
            A ``Report``; print it, or look at its ``kernels``, ``stages``, ``timing``.

        Example:
            >>> import chainrule as cr
            >>> softmax = cr.compile(lambda x: cr.exp(x) / cr.exp(x).sum())
            >>> softmax.explain(cr.zeros(1000)).stages[0]
            ('traced', 4)
        """
        found, arrays = self._find(args, kwargs)
        if not measure:
            return found.report()
        return found.report(measured(lambda: found.executable(arrays), found.graph))

    @property
    def reports(self) -> list[Report]:
        """A report for each kind of arguments that it has been compiled for."""
        return [each.report() for each in list(self.specialisations.values())]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A bound method, which keeps the instance; its programs live as long as
        that.
        """
        if instance is None:
            return self
        number = id(instance)
        found = self._methods.get(number)
        if found is None:
            try:
                alive = weakref.ref(instance, lambda _: self._methods.pop(number, None))
            except TypeError:  # an instance without weak references
                return functools.partial(self, instance)
            method = _method_of(alive, self.function)
            found = self._methods[number] = CompiledMethod(
                method, self.engine_name, self.explained
            )
            functools.update_wrapper(found, self.function, updated=())
        return types.MethodType(found, instance)

    def _specialise(self, key: Any, args: Any, kwargs: Any) -> Specialisation:
        start = time.perf_counter()
        name = self.engine_name or config.engine
        with nothing_collected():
            traced = trace_call(self.function, args, kwargs)
            stages = [("traced", len(traced.graph.operations))]
            graph = run_passes(traced.graph, stages)
            executable = engine(name).prepare(plan(graph))
        found = Specialisation(
            graph,
            executable,
            traced.results,
            tuple((each.shape, each.dtype) for each in graph.outputs),
            name,
            tuple(stages),
            time.perf_counter() - start,
        )
        self.specialisations[key] = found
        if len(self.specialisations) == MANY_SIGNATURES + 1:
            self._warn_of_many()
        if self.explained:
            LOGGER.info("compile: %s", found.report())
        return found

    def _warn_of_many(self) -> None:
        line = user_line()
        warnings.warn(
            f"compile: {self.graph_name} has been compiled for {MANY_SIGNATURES + 1} "
            f"different kinds of arguments{f' ({line.place})' if line else ''}: pad "
            "varying lengths to a few sizes, drop the last short batch, and pass "
            "numbers that change as tensors or floats instead of ints",
            stacklevel=5,
        )

    @property
    def graph_name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __repr__(self) -> str:
        return (
            f"<compiled {self.graph_name}: {len(self.specialisations)} specialisations>"
        )


class CompiledMethod(Compiled):
    """The programs of one instance's method. They do not keep the instance alive; the
    bound method through which they are called does.
    """

    def __call__(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """The method's results."""
        return super().__call__(*args, **kwargs)


@contextlib.contextmanager
def nothing_collected() -> Iterator[None]:
    """The garbage collector rests: what a compilation makes stays until its end, and
    to look through all of it again and again takes a third of the time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _quick(
    args: tuple[Any, ...], engine_name: str
) -> tuple[tuple[Any, ...] | None, list[Array]]:
    """A key for arguments that are all tensors, arrays and floats, and their arrays;
    None for others.
    """
    dtype = config.dtype
    key: list[Any] = [dtype, config.debug, config.processor, engine_name]
    arrays: list[Array] = []
    for each in args:
        kind = type(each)
        if kind is Tensor:
            array = each.value
            if array is None:
                return None, arrays
            key += each.shape, each.dtype
        elif kind is np.ndarray:
            array = each
            key += array.shape, array.dtype
        elif kind is float:
            array = np.asarray(each, dtype)
            key.append(float)
        else:
            return None, arrays
        arrays.append(array)
    return tuple(key), arrays


def _alike(arrays: list[Array], others: list[Array]) -> bool:
    """Whether arrays are of the same dtypes, order of bytes included."""
    return [each.dtype for each in arrays] == [each.dtype for each in others]


def _sort(leaves: list[Any]) -> tuple[list[Array], tuple[Any, ...]]:
    """The arrays among the arguments, and what kind of argument each leaf is."""
    arrays: list[Array] = []
    kinds: list[Any] = []
    for leaf in leaves:
        if is_input(leaf):
            array = as_input(leaf)
            arrays.append(array)
            kinds.append((array.shape, array.dtype))
        else:
            kinds.append((type(leaf), leaf))
    return arrays, tuple(kinds)


def _unhashable(name: str, leaves: list[Any]) -> ArgumentError:
    """The error for an argument that cannot be told from another one."""
    for leaf in leaves:
        if not is_input(leaf) and type(leaf).__hash__ is None:
            return ArgumentError(
                f"compile: an argument of {name} is of type {type(leaf).__name__}, "
                "which has no hash: there is no telling whether a program for it "
                "exists",
                fix="pass tensors, numbers, tuples, lists, dicts, or objects with a "
                "hash",
            )
    return ArgumentError(f"compile: an argument of {name} cannot be hashed")


def _method_of(instance: weakref.ref[Any], function: Callable[..., Any]) -> Any:
    """The function bound to an instance without keeping the instance alive."""

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(instance(), *args, **kwargs)

    bound = inspect.signature(function).parameters.values()
    method.__signature__ = inspect.Signature(list(bound)[1:])  # type: ignore[attr-defined]
    return method


def compile(
    f: Callable[..., Any] | None = None,
    *,
    engine: str | None = None,
    explain: bool = False,
) -> Any:
    """Compiles a function: forward, backward and update become one call without Python
    inside.

    The function is traced once for each combination of argument shapes and dtypes.
    Parameters and optimizer state that it reads or assigns are found by themselves and
    updated in place. Use it as ``@cr.compile``, ``@cr.compile(engine="numpy")`` or
    ``fast = cr.compile(f)``.

    Arguments:
        f: a function of tensors, arrays and floats, nested in tuples, lists and dicts;
            other arguments (ints, strings) are part of the program: each new value
            compiles anew.
        engine: the engine's name; ``config.engine`` when not given.
        explain: whether each compilation is reported to the logger ``"chainrule"``, at
            level INFO: passes, kernels, bytes and operations. The same is always to be
            had from ``f.explain(*arguments)`` and ``f.reports``.

    Returns:
        A function with the same arguments. Its results have no history: call
        ``backprop`` inside of it, not on what it answers.

    Raises:
        TraceError: at the first call, when f looks at a value, as in ``if loss > 1``.
        OptionError: for an engine that does not exist.

    Example:
        >>> import chainrule as cr
        >>> w = cr.parameter(1.0)
        >>> @cr.compile
        ... def step(x):
        ...     loss = (w * x - 6.0) ** 2
        ...     w.assign(w - 0.05 * cr.backprop(loss)[w])
        ...     return loss
        >>> losses = [step(2.0).item() for _ in range(30)]
        >>> round(losses[0], 3), round(w.item(), 3)
        (16.0, 3.0)
    """
    if f is None:
        return lambda function: Compiled(function, engine, explain)
    return Compiled(f, engine, explain)
