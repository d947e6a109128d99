"""The compiled programs of a minimizer for one objective.

Place on the road: between an objective, which is a Python function, and the minimizer,
which asks for its loss and gradient at points of a line. Everything that they compute
stays in variables; numbers alone are returned.

An objective must be the same function for all evaluations of an iteration. What it
changes beside its result (the state of a random generator, moving averages) is put back
to where it was when the iteration began, before every evaluation: dropout draws the
same mask, and averages move once an iteration.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .. import dtypes
from ..backprop import backprop
from ..checks import first_fault
from ..compiler.compile import compile
from ..errors import (
    ArgumentError,
    ChainruleError,
    GradientError,
    NumericsError,
    ShapeError,
)
from ..graph import Node, current_trace
from ..ops.arrays import constant
from ..ops.composed import all as all_
from ..ops.composed import stack
from ..ops.elementwise import absolute, cast, maximum, sqrt, where
from ..ops.reduction import max as max_
from ..ops.reduction import sum as sum_
from ..tensor import Tensor
from ..variable import Parameter, Variable
from .composed import Composed
from .parameter_groups import RATE_DTYPE

Values = Mapping[Parameter, Any]


def inner(a: Values, b: Values) -> Any:
    """Σ a · b over all parameters, summed in float64."""
    parts = [
        sum_(cast(a[w], dtype=RATE_DTYPE) * cast(b[w], dtype=RATE_DTYPE)) for w in a
    ]
    return functools.reduce(operator.add, parts)


def largest(values: Values) -> Any:
    """The largest |value| of all parameters, in float64; 0 where there is none."""
    some = [each for each in values.values() if 0 not in each.shape]
    parts = [cast(max_(absolute(each)), dtype=RATE_DTYPE) for each in some]
    return functools.reduce(maximum, parts) if parts else constant(0.0, RATE_DTYPE)


def scaled(factor: Any, values: Values) -> dict[Parameter, Any]:
    """A number, which may be float64, times values in their own dtypes."""
    return {w: cast(factor, dtype=w.dtype) * each for w, each in values.items()}


def as_number(value: float) -> Tensor:
    """A float64 tensor: a Python number among arguments would be float32."""
    array = np.array(value, RATE_DTYPE)
    return Tensor(None, (), {}, (), RATE_DTYPE, array)


class Owner(Protocol):
    """What a program needs of the minimizer."""

    engine: str | None

    @property
    def descends(self) -> bool:
        """Whether the loss must fall along a direction."""

    @property
    def climbs(self) -> bool:
        """Whether the loss is to be made larger."""

    def penalties(self) -> dict[Parameter, float]:
        """λ of the penalty λ/2 ‖w‖², by parameter."""

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of what the algorithm remembers."""

    def trained(self) -> tuple[Parameter, ...]:
        """The parameters that are not frozen."""

    def slot(self, name: str, weights: Iterable[Parameter]) -> dict[Parameter, Any]:
        """What is remembered under a name, by parameter."""

    @property
    def shared(self) -> dict[str, Any]:
        """What is remembered of all parameters together, by name."""

    def remember(self, state: Mapping[str, Any]) -> None:
        """Puts new values in the place of what is remembered."""

    def minimised(self, objective: Any, data: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        """What is minimised, the loss, and what is measured."""

    def direction(self, at: At) -> tuple[Values, Mapping[str, Any]]:
        """The direction at a point, and the new state."""

    def learned(self, moved: Moved) -> Mapping[str, Any]:
        """What is to be remembered of a step."""


@dataclass(frozen=True)
class At:
    """The point for which a direction is asked, while the function is traced.

    Attributes:
        owner: the minimizer.
        fresh: a bool tensor: nothing is remembered of other points, because this is the
            first iteration, or because what was remembered led nowhere.
        gradient: g, by parameter, the penalty of ``l2`` included.
        steepest: −g / ‖g‖∞.
        objective, data: what is minimised; see ``minimised`` for the penalty.
        again: calls a function of the objective, which sees what it changes (random
            draws, averages) as the evaluations of the iteration do, and changes
            nothing.
        numbers: filled by the direction: tensors of one number, by name, that ``go`` is
            told in ``Way.figures``. "products" is how often a matrix met a vector.
    """

    owner: Owner
    fresh: Any
    gradient: Values
    steepest: Values
    objective: Any
    data: tuple[Any, ...]
    again: Callable[[Callable[[], Any]], Any]
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def shared(self) -> dict[str, Any]:
        """What is remembered of all parameters together, by name."""
        return self.owner.shared

    def state(self, slot: str) -> dict[Parameter, Any]:
        """What is remembered under a name, by parameter."""
        return self.owner.slot(slot, self.gradient)


@dataclass(frozen=True)
class Moved:
    """A step that was made, while a function is traced.

    Attributes:
        step: s, the parameters' change.
        gradient: at the new point.
        state: what is remembered, slot → parameter → value.
        shared: what is remembered of all parameters together, by name.
    """

    step: Values
    gradient: Values
    state: Mapping[str, Values]
    shared: Mapping[str, Any]


class Programs:
    """An objective with its derivatives, compiled, for one minimizer.

    Arguments:
        owner: the minimizer.
        objective: a function of the data that returns a loss, or a ``Composed``.
    """

    def __init__(self, owner: Owner, objective: Callable[..., Any]) -> None:
        self.owner, self.objective = owner, objective
        #: what the objective changes → what it was when the iteration began
        self.before: dict[Variable, Variable] = {}
        #: whether the loss depends on what the objective changes: on draws
        self.draws = False
        self.names: tuple[str, ...] = ()
        #: what an algorithm compiles for this objective
        self.own: Any = None
        before = self.before

        # Closures, and not methods: what they capture is compared, the options of the
        # owner and whatever the objective sees.
        def evaluate(step: Any, *data: Any) -> Any:
            return self._evaluate(owner, objective, step, data)

        def direct(fresh: Any, *data: Any) -> Any:
            return self._direct(owner, objective, fresh, data)

        def learn_and_direct(fresh: Any, *data: Any) -> Any:
            self._learn(owner)
            return self._direct(owner, objective, fresh, data)

        def begin() -> None:
            self._begin(owner, before)

        def learn() -> None:
            self._learn(owner)

        def moved(step: Any) -> Any:
            return self._moved(owner, step)

        self.evaluate = compile(evaluate, engine=owner.engine)
        self.direct = compile(direct, engine=owner.engine)
        self.learn_and_direct = compile(learn_and_direct, engine=owner.engine)
        self.begin = compile(begin, engine=owner.engine)
        self.learn = compile(learn, engine=owner.engine)
        self.moved = compile(moved, engine=owner.engine)

    def again(self, f: Callable[[], Any]) -> Any:
        """f(), which sees what the objective changes as it was when the iteration
        began, and leaves it as it is now.
        """
        now = {variable: variable.read() for variable in self.before}
        for variable, start in self.before.items():
            variable.assign(start.read())
        result = f()
        for variable, value in now.items():
            variable.assign(value)
        return result

    def openly(self, *data: Any) -> None:
        """Loss and gradient at the parameters as they are, operation by operation."""
        value, _, _ = self.owner.minimised(self.objective, data)
        backprop(value)

    def is_for(self, objective: Callable[..., Any]) -> bool:
        """Whether these are the programs of an objective: the same object, or the same
        lines that see the same things, as a lambda has them that is made anew.
        """
        mine = self.objective
        if mine is objective:
            return True
        return _parts(mine) == _parts(objective) != ()

    def at(self, step: float, data: Iterable[Any]) -> tuple[list[float], Any]:
        """Loss and gradient at w₀ + α d, where the parameters are then.

        Returns:
            [what is minimised, the loss, the slope, the largest |∂L/∂w|], and what the
            objective measures.
        """
        numbers, measured = self.evaluate(as_number(step), *data)
        return numbers.value.tolist(), measured

    # What is compiled. ----------------------------------------------------------------

    def _evaluate(
        self, owner: Owner, objective: Any, step: Any, data: tuple[Any, ...]
    ) -> Any:
        weights = owner.trained()
        origin, way = owner.slot("origin", weights), owner.slot("direction", weights)
        for w, along in scaled(step, way).items():
            w.assign(origin[w] + along)
        value, loss, measured = self._repeatable(owner, objective, data)
        gradients = backprop(value)
        missing = [w for w in weights if w not in gradients]
        if missing:
            raise _unreached(owner, missing)
        g = {w: gradients[w] for w in weights}
        owner.remember({"gradient": g})
        numbers = [value, loss, inner(g, way), largest(g)]
        return stack([cast(each, dtype=RATE_DTYPE) for each in numbers]), measured

    def _repeatable(
        self, owner: Owner, objective: Any, data: tuple[Any, ...]
    ) -> tuple[Any, Any, Any]:
        """The objective, which sees what it changes as it was before the iteration."""
        trace = current_trace()
        if trace is None:
            return owner.minimised(objective, data)
        known = dict(trace.updates)
        result = owner.minimised(objective, data)
        changed = [v for v, new in trace.updates.items() if known.get(v) is not new]
        if not changed:
            return result
        starts = set()
        for variable in changed:
            assert isinstance(variable, Variable)
            if variable not in self.before:
                self.before[variable] = Variable(np.array(variable.array))
            start = self.before[variable].read()
            starts.add(start)
            variable.assign(start)
        result = owner.minimised(objective, data)
        self.draws = _depends(result[0], starts)
        return result

    def _begin(self, owner: Owner, before: Mapping[Variable, Variable]) -> None:
        """An iteration begins here: w₀ ← w, and what the objective changes is noted."""
        owner.remember({"origin": {w: w.read() for w in owner.trained()}})
        for variable, noted in before.items():
            noted.assign(variable.read())

    def _direct(
        self, owner: Owner, objective: Any, fresh: Any, data: tuple[Any, ...]
    ) -> Any:
        """The direction at w: the minimizer's own, or steepest descent if the loss does
        not fall along it.
        """
        g = owner.slot("gradient", owner.trained())
        steepest = scaled(-1.0 / largest(g), g)
        at = At(owner, fresh > 0, g, steepest, objective, data, self.again)
        way, state = owner.direction(at)
        slope = inner(g, way)
        length = inner(way, way)
        good = length < np.inf
        if owner.descends:
            good = good & (slope < 0)
        way = {w: where(good, way[w], steepest[w]) for w in way}
        slope = where(good, slope, inner(g, steepest))
        length = sqrt(where(good, length, inner(steepest, steepest)))
        numbers = [slope, length, cast(good, dtype=RATE_DTYPE), *at.numbers.values()]
        names = tuple(at.numbers)
        origin = {w: w.read() for w in g}
        owner.remember({**state, "direction": way, "origin": origin})
        self.names = names
        return stack([cast(each, dtype=RATE_DTYPE) for each in numbers])

    def _learn(self, owner: Owner) -> None:
        """What is remembered of the step that was made."""
        weights = owner.trained()
        origin = owner.slot("origin", weights)
        moved = Moved(
            {w: w.read() - origin[w] for w in weights},
            owner.slot("gradient", weights),
            {n: owner.slot(n, weights) for n in owner.slots},
            owner.shared,
        )
        owner.remember(owner.learned(moved))

    def _moved(self, owner: Owner, step: Any) -> Any:
        """Whether the parameters are no longer at w₀ + α d."""
        weights = owner.trained()
        origin, way = owner.slot("origin", weights), owner.slot("direction", weights)
        there = []
        for w, along in scaled(step, way).items():
            allowed = (
                4 * np.finfo(w.dtype).eps * (absolute(origin[w]) + absolute(along))
            )
            near = absolute(w.read() - (origin[w] + along)) <= allowed
            there.append(all_(near))
        return ~all_(stack(there))


def _parts(function: Any) -> tuple[Any, ...]:
    """What tells functions apart that are made anew in every pass of a loop; nothing of
    what is no such function.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return ()
    cells = function.__closure__ or ()
    try:
        seen = tuple(id(cell.cell_contents) for cell in cells)
    except ValueError:  # not set yet
        return ()
    owner = id(getattr(function, "__self__", None))  # of a method
    defaults = tuple(id(each) for each in function.__defaults__ or ())
    return code, seen, defaults, id(function.__globals__), owner


def _depends(loss: Node, starts: set[Node]) -> bool:
    """Whether a loss was computed from one of some nodes."""
    pending, seen = [loss], set()
    while pending:
        node = pending.pop()
        if node in starts:
            return True
        if node not in seen:
            seen.add(node)
            pending.extend(node.inputs)
    return False


def named(weights: Sequence[Parameter]) -> str:
    """Parameters as messages say them: the first five."""
    shown = [w.path or w.describe() for w in weights]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    plural = "s" if len(shown) > 1 else ""
    return f"parameter{plural} {', '.join(shown[:5])}{more}"


def _unreached(owner: Owner, missing: list[Parameter]) -> GradientError:
    return GradientError(
        f"{type(owner).__name__}.step: {named(missing)} not reached by the loss: no "
        "operation with a derivative leads there",
        fix="use it to compute the loss, freeze it, or leave it out of the optimizer",
    )


def loss_of(name: str, objective: Any, data: tuple[Any, ...]) -> tuple[Any, Any]:
    """The loss of an objective, checked, and what it measures.

    Raises:
        ArgumentError: where the objective does not take the data.
        GradientError: where it is a number of Python or NumPy.
        ShapeError: where it is not one floating-point number.
    """
    composed = isinstance(objective, Composed)
    _check_arguments(name, objective.outputs if composed else objective, data)
    loss, measured = objective.measured(*data) if composed else (objective(*data), None)
    if isinstance(loss, Node) and not loss.shape and dtypes.is_float(loss.dtype):
        return loss, measured
    raise _no_loss(name, loss)


def _no_loss(name: str, loss: Any) -> ChainruleError:
    """The error for what an objective returned in the place of a loss."""
    said = f"{name}.step: the objective returned"
    expected = "expected one floating-point number"
    if isinstance(loss, Node):
        sum_up = set(loss.shape) == {1}
        return ShapeError(
            f"{said} {loss.dtype} {loss.shape}: {expected}",
            fix="reduce it with .sum()" if sum_up else "reduce it with .mean()",
        )
    if isinstance(loss, (bool, int, float, np.generic, np.ndarray)):
        return GradientError(
            f"{said} {loss!r}, a {type(loss).__name__}: it was not computed from the "
            "parameters by operations of tensors",
            fix="def loss(x, y): return losses.mse(model(x), y)",
        )
    if loss is None:
        return ShapeError(
            f"{said} None: {expected}; its return is missing",
            fix="def loss(x, y): return losses.mse(model(x), y)",
        )
    return ShapeError(
        f"{said} a {type(loss).__name__}: {expected}", fix="return the loss alone"
    )


def _check_arguments(name: str, function: Any, data: tuple[Any, ...]) -> None:
    """An error for a function that does not take the data."""
    try:
        inspect.signature(function).bind(*data)
    except ValueError:  # it has no signature to look at
        return
    except TypeError as error:
        raise ArgumentError(
            f"{name}.step: the objective does not take the data, {len(data)} "
            f"argument{'' if len(data) == 1 else 's'}: {error}",
            fix="optimizer.step(loss, x, y) calls loss(x, y)",
        ) from None


def check_objective(name: str, objective: Any) -> None:
    """An error for what is no function of the data."""
    if isinstance(objective, (Node, Mapping)) or not callable(objective):
        kind = "gradients" if isinstance(objective, Mapping) else "a number"
        what = kind if isinstance(objective, (Node, Mapping)) else repr(objective)
        raise ArgumentError(
            f"{name}.step: it was given {what}: it evaluates the loss itself, as often "
            "as it needs to, and so it takes the function that computes it",
            fix="def loss(x, y): return losses.mse(model(x), y); "
            "optimizer.step(loss, x, y)",
        )


def not_finite(
    name: str,
    loss: float,
    norm: float,
    function: Callable[..., Any],
    data: tuple[Any, ...],
) -> NumericsError:
    """The error for a loss or a gradient that is no number at the start.

    Arguments:
        name: of the algorithm.
        loss, norm: the loss, and the largest |∂L/∂w|.
        function, data: what made it, which is evaluated operation by operation to find
            the first that did.
    """
    fault = first_fault(function, *data)
    what, value = ("gradient", norm) if math.isfinite(loss) else ("loss", loss)
    kind = "NaN" if math.isnan(value) else "infinite"
    why = f": {fault.what}" if fault is not None else ""
    return NumericsError(
        f"{name}.step: the {what} is {kind} where the iteration begins{why}; nothing "
        "has changed",
        at=fault.at if fault is not None else None,
        fix="begin with smaller weights, or look for the operation that made it",
    )
