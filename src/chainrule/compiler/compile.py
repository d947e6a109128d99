"""``cr.compile``: trace once for each kind of arguments, run the passes, hand to an
engine.

Place on the road: the compiler's front. A call looks up the program for its arguments
and runs it; everything else happens once. Nothing here knows how an engine works.
"""

from __future__ import annotations

import functools
import inspect
import logging
import time
import types
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tree
from ..collector import collector_paused
from ..config import PRECISIONS, config
from ..dtypes import DEFAULT_FLOATS, float32, float64
from ..errors import ArgumentError, ChainruleError, unknown_option
from ..graph import Array, Graph, Node, computed_leaves, current_trace, differentiating
from ..tensor import Tensor
from ..variable import Parameter
from .engine import Repetition
from .locked import Locked
from .methods import Methods
from .pipeline import run_passes
from .precision import with_precision
from .program import plan
from .registry import engine_named
from .repetition import at_rows, check_times, checked_order
from .report import Report
from .specialisation import Specialisation
from .trace import as_input, is_input, trace_call

if TYPE_CHECKING:
    from ..recompilation.kinds import Kinds, Signature

    #: What a function has been compiled for, under one group of settings.
    Programs = Kinds[Specialisation]

LOGGER = logging.getLogger("chainrule.compile")
#: A function compiled for more signatures than this warns once.
MANY_SIGNATURES = 8
#: A function compiled anew this often because of what it captured warns once.
MANY_CHANGES = 3

#: (structure, number of the leaf)
Position = tuple[tree.Structure, int]

#: The dtype, in a signature, of a float64 array that is not a tensor.
UNASKED = "float64 array"


def signature_of(
    leaves: Sequence[Any],
    structure: tree.Structure = None,
    open: Set[Position] = frozenset(),
) -> tuple[Signature, list[Array]] | None:
    """What a program for these arguments depends on, and the arrays among them.

    A signature has the structure and two entries for each argument: shape and dtype of
    what becomes an input, type and value of what is part of the program.

    An array of float64 is told from a tensor of it: NumPy makes them unasked. An
    integer at an ``open`` position is an input, and stands among the arrays.

    This runs in every call, so the usual types come first, and arguments that are not
    nested need not be flattened: None is returned if one is a container after all.
    """
    key: list[Any] = [structure]
    arrays: list[Any] = []
    for leaf in leaves:
        kind = type(leaf)
        if kind is Tensor:
            array = leaf.value
            if array is None:
                array = as_input(leaf)  # raises an error that says why
            dtype = array.dtype
        elif kind is np.ndarray and (dtype := leaf.dtype).isnative:
            array = leaf
            if dtype is float64:
                dtype = UNASKED
        elif kind is float:
            dtype = DEFAULT_FLOATS[config.dtype]
            array = np.asarray(leaf, dtype)
        elif structure is None and isinstance(leaf, tree.CONTAINERS):
            return None
        elif is_input(leaf):
            array = as_input(leaf)
            dtype = UNASKED if is_unasked(leaf, array) else array.dtype
        elif kind is int and (structure, len(key) // 2) in open:
            key += int, None
            arrays.append(leaf)
            continue
        else:
            key += kind, leaf
            continue
        key += array.shape, dtype
        arrays.append(array)
    return tuple(key), arrays


def is_unasked(leaf: Any, array: Array) -> bool:
    """Whether an argument is float64 only because NumPy makes everything so."""
    return array.dtype == float64 and not isinstance(leaf, (Node, float))


def narrowed(leaf: Any) -> Any:
    """An argument of the dtype that it would have if NumPy's default were float32; for
    tracing, which looks at no value.
    """
    array = as_input(leaf) if is_input(leaf) else np.empty(0, bool)
    return np.empty(array.shape, float32) if is_unasked(leaf, array) else leaf


def _signature(
    args: Any, kwargs: Any, open: Set[Position]
) -> tuple[Signature, list[Array]]:
    found = None if kwargs else signature_of(args, None, open)
    if found is None:
        leaves, structure = tree.flatten((args, kwargs))
        found = signature_of(leaves, structure, open)
        assert found is not None
    return found


def in_float32(graph: Graph) -> bool:
    """Whether all parameters that a graph uses are float32, and there are some."""
    used = [leaf for leaf in graph.variables if isinstance(leaf.owner, Parameter)]
    return {leaf.dtype for leaf in used} == {float32}


def refuse_what_is_no_function(f: Any) -> None:
    """Raises an error for a class, a generator, a coroutine, or no function at all."""
    name, what, fix = _name(f), "", None
    if isinstance(f, type):
        what, fix = "a class", f"cr.compile({name}(…)) compiles an instance"
    elif inspect.isgeneratorfunction(f):
        what, fix = "a generator function", "return a list in place of yield"
    elif inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f):
        what, fix = "a coroutine function", "compile what it computes, without await"
    elif not callable(f):
        name, what = repr(f), "not a function"
    if what:
        raise ArgumentError(f"compile: {name} is {what}", fix=fix)


class Compiled(Locked):
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
        precision: str | None = None,
    ) -> None:
        refuse_what_is_no_function(function)
        if engine_name is not None:
            engine_named(engine_name)  # an unknown name is an error now, not later
        if precision not in (None, *PRECISIONS):
            raise unknown_option("precision", precision, PRECISIONS)
        super().__init__()
        self.function = function
        self.engine_name = engine_name
        self.explained = explained
        self.precision = precision
        #: settings → signature → program
        self._programs: dict[Any, Programs] = {}
        #: the programs for the settings of now, which are looked at again when
        #: ``config.last_change`` is another object than this one
        self._current: tuple[object, Programs] = (None, {})
        #: whether ``config.check_numerics`` is set
        self._checking = False
        #: positions of integers that are inputs, and of those that cannot be
        self._open: set[Position] = set()
        self._closed: set[Position] = set()
        self._changes = 0
        self._warned = False
        #: the names of what the function itself changes, which is not compared
        self._own: set[str] = set()
        #: the names of large arrays that have been warned of
        self._told: set[str] = set()
        self._methods = Methods(
            function,
            lambda method: CompiledMethod(method, engine_name, explained, precision),
        )
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's results, as tensors without history."""
        if current_trace() is not None or differentiating.get():
            return self.function(*args, **kwargs)  # a part of what is around it
        program, arrays = self._find(args, kwargs)
        if program.arrays or program.narrow or program.numbers:
            arrays = program.prepared(arrays)
        run = program.checked if self._checking else program.executable
        leaves = computed_leaves(program.types, run(arrays))
        if program.results is None:
            return leaves[0]
        return tree.unflatten(program.results, leaves)

    def repeat(self, times: int, *args: Any, **kwargs: Any) -> Any:
        """``[f(*args) for _ in range(times)]`` in one call of machine code.

        To the bit what so many calls would do: each begins with the variables as the
        one before has left them. For what keeps all that changes in variables.

        Arguments:
            times: how many calls, at least 1.
            args, kwargs: of every call.

        Returns:
            The results of all calls, stacked: tensors with a first axis of ``times``.

        Raises:
            ArgumentError: for results that do not fit into memory.
            TraceError: inside of another compiled function, where ``cr.scan`` is a
                loop.

        Example:
            >>> import chainrule as cr
            >>> w = cr.parameter(1.0)
            >>> @cr.compile
            ... def double():
            ...     w.assign(2.0 * w)
            ...     return w
            >>> double.repeat(4).numpy()
            array([ 2.,  4.,  8., 16.], dtype=float32)
        """
        check_times(self.graph_name, times)
        program, arrays = self._find(args, kwargs)
        repetition = Repetition(int(times), program.prepared(arrays))
        return program.repeated(repetition, self._checking)

    def for_rows(self, rows: Any, *args: Any, **kwargs: Any) -> Any:
        """``[f(x[r], y[r], …) for r in rows]`` in one call of machine code.

        The steps of many batches without Python between them, to the bit what single
        calls would do: each begins with the variables as the one before has left them.
        Ctrl-C ends it between two steps; the steps that are done stay done.

        Arguments:
            rows: ``(steps, B)`` integers: which rows of the arguments each step gets.
            args, kwargs: arrays, which are read by rows, nested in tuples, lists and
                dicts; numbers and the rest are the same in every step.

        Returns:
            The results of all steps, stacked: tensors with a first axis of ``steps``.

        Raises:
            ArgumentError: for rows of another shape, or none; for results that do not
                fit into memory.
            BoundsError: for a row that an argument does not have.
            TraceError: inside of another compiled function, where ``cr.scan`` is a
                loop.

        Example:
            >>> import numpy as np
            >>> import chainrule as cr
            >>> total = cr.compile(lambda x: x.sum())
            >>> total.for_rows([[0, 1], [2, 3]], np.arange(4.0)).numpy()
            array([1., 5.])
        """
        leaves, structure = tree.flatten((args, kwargs))
        by_rows = [is_input(each) and np.ndim(as_input(each)) > 0 for each in leaves]
        read = [as_input(a) for a, by in zip(leaves, by_rows, strict=True) if by]
        order = checked_order(self.graph_name, rows, read)
        first = [
            at_rows(a, order[0]) if by else a
            for a, by in zip(leaves, by_rows, strict=True)
        ]
        program, _ = self._find(*tree.unflatten(structure, first))
        arrays: list[Any] = _signature(args, kwargs, self._open)[1]
        floating = [a for a in arrays if type(a) is not int]
        numbers = frozenset(i for i, array in enumerate(floating) if array.ndim)
        repetition = Repetition(len(order), program.prepared(arrays), order, numbers)
        return program.repeated(repetition, self._checking)

    def explain(self, *args: Any, measure: bool = False, **kwargs: Any) -> Report:
        """What was compiled for arguments like these, without running it.

        The report shows the operations after every pass, the engine's kernels with the
        operations fused into each, their loops, bytes and floating-point operations.

        Arguments:
            args, kwargs: as for a call; only shapes and dtypes matter.
            measure: also run it, for the time of a call and of every kernel, and the
                share of the machine's peak. Variables have their values again
                afterwards.

        Returns:
            A ``Report``; print it, or look at its ``kernels``, ``stages``, ``timing``.

        Example:
            >>> import chainrule as cr
            >>> softmax = cr.compile(lambda x: cr.exp(x) / cr.exp(x).sum())
            >>> softmax.explain(cr.zeros(1000)).stages[0]
            ('traced', 4)
        """
        program, arrays = self._find(args, kwargs)
        arrays = program.prepared(arrays)
        return program.measured(arrays) if measure else program.report()

    @property
    def specialisations(self) -> list[Specialisation]:
        """What has been compiled so far, under any settings."""
        kinds = [k for each in [*self._programs.values()] for k in [*each.values()]]
        found = {id(p.executable): p for kind in kinds for p in kind.programs}
        return list(found.values())

    @property
    def reports(self) -> list[Report]:
        """A report for each kind of arguments that it has been compiled for."""
        return [each.report() for each in self.specialisations]

    @property
    def graph_name(self) -> str:
        """The function's name."""
        return _name(self.function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A bound method, which keeps the instance; its programs live as long as
        that.
        """
        if instance is None:
            return self
        try:
            method = self._methods.of(instance)
        except TypeError:  # an instance without weak references
            return functools.partial(self, instance)
        return types.MethodType(method, instance)

    def __repr__(self) -> str:
        return (
            f"<compiled {self.graph_name}: {len(self.specialisations)} specialisations>"
        )

    def _find(self, args: Any, kwargs: Any) -> tuple[Specialisation, list[Array]]:
        """The program for these arguments, made where there is none, and the arrays
        among them.
        """
        change, programs = self._current
        if change is not config.last_change:
            programs = self._select()
        found = None if kwargs else signature_of(args, None, self._open)
        signature, arrays = found or _signature(args, kwargs, self._open)
        try:
            known = programs.get(signature)
        except TypeError:
            from ..recompilation.arguments import unhashable

            raise unhashable(self.function, args, kwargs, is_input) from None
        if known is not None:
            known.called = True
            program = known.programs[0]
            if program.captured.holds():
                return program, arrays
        program = self._specialise(programs, signature, args, kwargs)
        return program, _signature(args, kwargs, self._open)[1]

    def _select(self) -> Programs:
        """The programs for the settings as they are now."""
        change, self._checking = config.last_change, config.check_numerics
        name = self.engine_name or config.engine
        precision = self.precision or config.precision
        kinds = config.dtype, precision, config.debug
        settings = name, *kinds, engine_named(name).settings()
        programs = self._programs.setdefault(settings, {})
        self._current = change, programs
        return programs

    def _specialise(
        self, programs: Programs, signature: Signature, args: Any, kwargs: Any
    ) -> Specialisation:
        """The program for these arguments and for what is captured now; compiled unless
        there is one.
        """
        from ..recompilation import arguments, words  # not at the start

        with self._lock:
            if signature not in programs:
                signature = self._opened(programs, signature, args, kwargs)
            program, changed = self._looked_up(programs, signature, args, kwargs)
            assert program is not None
        if changed:
            self._changes += 1
            if self._changes == MANY_CHANGES:
                words.warn(words.changed_often(self.graph_name, MANY_CHANGES, changed))
        elif len(programs) > MANY_SIGNATURES and not self._warned:
            # A narrowed program has a signature of its own besides.
            own = [s for s, kind in programs.items() if not kind.programs[0].narrow]
            if len(own) > MANY_SIGNATURES:
                self._warned = True
                names = arguments.argument_names(self.function, args, kwargs)
                words.warn(words.many_kinds(self.graph_name, own, names))
        if self.explained:
            LOGGER.info("compile: %s", program.report())
        return program

    def _opened(
        self, programs: Programs, signature: Signature, args: Any, kwargs: Any
    ) -> Signature:
        """The signature after integers that differ from those of earlier calls have
        become inputs, where the function never needs their values.
        """
        from ..recompilation.arguments import integers_apart  # not at the start

        places = {i for other in programs for i in integers_apart(signature, other)}
        new = {(signature[0], i // 2) for i in places} - self._closed
        if not new:
            return signature
        self._open |= new
        opened, _ = _signature(args, kwargs, self._open)
        try:
            self._looked_up(programs, opened, args, kwargs)
        except Exception:  # noqa: BLE001 (the trace with values says if it is an error)
            self._open -= new
            self._closed |= new
            return signature
        return opened

    def _looked_up(
        self,
        programs: Programs,
        signature: Signature,
        args: Any,
        kwargs: Any,
        narrow: bool = False,
    ) -> tuple[Specialisation | None, str]:
        """The program, and what has changed since the last one. A ``narrow`` one is
        None unless all parameters are float32.
        """
        from ..recompilation import words  # not at the start
        from ..recompilation.captured import Captured, difference
        from ..recompilation.kinds import keep

        leaves, structure = tree.flatten((args, kwargs))
        roots = [self.function, *(each for each in leaves if not is_input(each))]
        kind, changed = programs.get(signature), ""
        known = [] if kind is None else kind.programs
        for found in known:
            now = Captured(roots, self._own, {*found.arrays})
            if names := difference(found.captured, now):
                changed = changed or words.described(names, found.captured, now)
            elif not narrow or in_float32(found.graph):
                rest = [each for each in known if each is not found]
                found = replace(found, captured=now)
                return keep(programs, signature, [found, *rest]), ""
        program: Specialisation | None = None
        if any(each is UNASKED for each in signature):
            leaves = [narrowed(each) for each in leaves]
            new_args, new_kwargs = tree.unflatten(structure, leaves)
            new_signature, _ = _signature(new_args, new_kwargs, self._open)
            with suppress(ChainruleError):  # then it is the error of float64, below
                program, _ = self._looked_up(
                    programs, new_signature, new_args, new_kwargs, narrow=True
                )
        if program is not None:
            program = replace(program, narrow=True)
        else:
            kinds = zip(signature[1::2], signature[2::2], strict=True)
            real = [each for each in kinds if each[0] is not type(None)]  # as in a tree
            open = {i for i, each in enumerate(real) if each == (int, None)}
            program = self._compiled(args, kwargs, roots, open, narrow)
        if program is not None:
            keep(programs, signature, [program, *known])
        return program, changed

    def _compiled(
        self, args: Any, kwargs: Any, roots: Sequence[Any], open: Set[int], narrow: bool
    ) -> Specialisation | None:
        start = time.perf_counter()
        engine = engine_named(self.engine_name or config.engine)
        with collector_paused:
            from ..recompilation import words
            from ..recompilation.captured import Captured, difference
            from ..recompilation.templates import prepared

            before = Captured(roots, self._own)
            traced = trace_call(self.function, args, kwargs, before.arrays, open)
            if narrow and not in_float32(traced.graph):
                return None
            changed = difference(before, Captured(roots, self._own))
            self._own |= before.state.keys() & changed
            captured = Captured(roots, self._own, {*traced.taken})
            captured.arrays = before.arrays | captured.arrays
            if new := {*captured.unseen} - self._told:
                self._told |= new
                words.warn(words.not_compared(self.graph_name, sorted(new)))
            given = with_precision(traced.graph, self.precision or config.precision)
            graph, stages, make = prepared(
                given,
                engine,
                lambda stages: run_passes(given, engine.passes, stages),
                lambda graph: engine.prepared(plan(graph)),
            )
            executable = make(plan(graph))
        return Specialisation(
            graph,
            executable,
            traced.results,
            tuple((each.shape, each.dtype) for each in graph.outputs),
            engine,
            (("traced", len(traced.graph.operations)), *stages),
            time.perf_counter() - start,
            captured,
            traced.numbers,
            traced.taken,
        )


class CompiledMethod(Compiled):
    """The programs of one instance's method. They do not keep the instance alive; the
    bound method through which they are called does.
    """

    def __call__(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """The method's results."""
        return super().__call__(*args, **kwargs)


def _name(f: Any) -> str:
    return getattr(f, "__name__", type(f).__name__)


def compile(
    f: Callable[..., Any] | None = None,
    *,
    engine: str | None = None,
    explain: bool = False,
    precision: str | None = None,
) -> Any:
    """Compiles a function: forward, backward and update become one call without Python
    inside.

    The function is traced once for each combination of argument shapes and dtypes, and
    again where something has changed that it captured: a number, a setting of a layer,
    a global. Parameters and optimizer state that it reads or assigns are found by
    themselves and updated in place; arrays that it captured are read anew. Use it as
    ``@cr.compile``, ``@cr.compile(engine="numpy")`` or ``fast = cr.compile(f)``.

    Arguments:
        f: a function of tensors, arrays and floats, nested in tuples, lists and dicts;
            an int is an input too, from its second value on, unless f needs the value
            itself; other arguments (strings, bools) are part of the program: each new
            value compiles anew. A NumPy array of float64 becomes float32 where all
            parameters are.
        engine: the engine's name; ``config.engine`` when not given.
        precision: of the factors of products, forward and backward: "float32",
            "bfloat16", whose products are added up in float32, while all else stays
            float32 (mixed precision), "bfloat16x3" or "bfloat16x6": large products of
            float32 as the sum of three or six of bfloat16, with errors of 2⁻¹⁶ and 2⁻²²
            of |x| |y|; ``config.precision`` when not given.
        explain: whether each compilation is reported to the logger ``"chainrule"``, at
            level INFO: passes, kernels, bytes and operations. The same is always to be
            had from ``f.explain(*arguments)`` and ``f.reports``.

    Returns:
        A function with the same arguments. Its results have no history: call
        ``backprop`` inside of it, not on its result.

    Raises:
        TraceError: at the first call, when f looks at a value, as in ``if loss > 1``.
        OptionError: for an engine or a precision that does not exist.
        ArgumentError: for a class, a generator or a coroutine function.
        NumericsError: under ``config.check_numerics``, when a call makes a NaN.

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
        return lambda function: Compiled(function, engine, explain, precision)
    return Compiled(f, engine, explain, precision)
