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

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..backprop import backprop
from ..compiler.compile import compile
from ..graph import Node, current_trace
from ..ops.composed import all as all_
from ..ops.composed import stack
from ..ops.elementwise import absolute, cast, sqrt, where
from ..variable import Variable
from .evaluation import (
    At,
    Line,
    Moved,
    Owner,
    Way,
    as_number,
    inner,
    largest,
    scaled,
    unreached,
)
from .parameter_groups import RATE_DTYPE

#: Where the step to begin with is in what is known of a direction.
FIRST = 3
#: The most numbers of a network whose direction and first step are one call. For a
#: larger one two calls cost nothing more, and compiling it twice costs seconds.
MOST_AT_ONCE = 50_000
#: What an algorithm tells of a direction that tells nothing.
NONE: Mapping[str, float] = {}


class Traced:
    """What programs compute, and what was found while they were traced.

    Attributes:
        before: what the objective changes → what it was when the iteration began.
        draws: whether the loss depends on what the objective changes: on draws.
        measures: whether the objective measures something.
        names: of the numbers that the algorithm tells of a direction.
    """

    def __init__(self) -> None:
        self.before: dict[Variable, Variable] = {}
        self.draws = self.measures = False
        self.names: tuple[str, ...] = ()

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

    def evaluate(
        self,
        owner: Owner,
        objective: Any,
        step: Any,
        data: tuple[Any, ...],
        told: Sequence[Any] = (),
    ) -> Any:
        """Loss and gradient at a step; ``told`` is told again."""
        weights = owner.trained()
        origin, way = owner.slot("origin", weights), owner.slot("direction", weights)
        for w, along in scaled(step, way).items():
            w.assign(origin[w] + along)
        value, loss, measured = self._repeatable(owner, objective, data)
        gradients = backprop(value)
        missing = [w for w in weights if w not in gradients]
        if missing:
            raise unreached(owner, missing)
        g = {w: gradients[w] for w in weights}
        owner.remember({"gradient": g})
        numbers = self.told([value, loss, inner(g, way), largest(g), *told])
        self.measures = bool(tree.flatten(measured)[0])
        return (numbers, measured) if self.measures else numbers

    def told(self, numbers: Sequence[Any]) -> Any:
        """Numbers as one tensor."""
        return stack([cast(each, dtype=RATE_DTYPE) for each in numbers])

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

    def begin(self, owner: Owner, before: Mapping[Variable, Variable]) -> None:
        """An iteration begins here: w₀ ← w, and what the objective changes is noted."""
        owner.remember({"origin": {w: w.read() for w in owner.trained()}})
        for variable, noted in before.items():
            noted.assign(variable.read())

    def direct(
        self, owner: Owner, objective: Any, known: Any, data: tuple[Any, ...]
    ) -> list[Any]:
        """The direction at w: the minimizer's own, or steepest descent if the loss does
        not fall along it.

        Returns:
            What is known of it: slope, length, whether it is the minimizer's own, the
            step to begin with, and the numbers of the algorithm.
        """
        fresh = known[0] > 0
        g = owner.slot("gradient", owner.trained())
        steepest = scaled(-1.0 / largest(g), g)
        at = At(owner, fresh, g, steepest, objective, data, self.again)
        way, state = owner.direction(at)
        slope = inner(g, way)
        length = inner(way, way)
        good = length < np.inf
        if owner.descends:
            good = good & (slope < 0)
        way = {w: where(good, way[w], steepest[w]) for w in way}
        slope = where(good, slope, inner(g, steepest))
        length = sqrt(where(good, length, inner(steepest, steepest)))
        line = Line(fresh, good, slope, length, known[1], known[2])
        first = owner.first_step(line)
        origin = {w: w.read() for w in g}
        owner.remember({**state, "direction": way, "origin": origin})
        self.names = tuple(at.numbers)
        return [slope, length, good, first, *at.numbers.values()]

    def learn(self, owner: Owner) -> None:
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

    def moved(self, owner: Owner, step: Any) -> Any:
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


class Programs:
    """An objective with its derivatives, compiled, for one minimizer.

    Arguments:
        owner: the minimizer.
        objective: a function of the data that returns a loss, or a ``Composed``.

    Attributes:
        traced: what was found while they were traced.
        own: what an algorithm compiles for this objective.
    """

    def __init__(self, owner: Owner, objective: Callable[..., Any]) -> None:
        self.owner, self.objective = owner, objective
        self.traced = traced = Traced()
        self.own: Any = None
        #: the arguments of programs, written to before each call
        self._step, self._known = as_number(0.0), as_number(0.0, 0.0, 0.0)
        before = traced.before
        small = sum(w.size for w in owner.trained()) <= MOST_AT_ONCE
        self._at_once = small and not owner.looks_again

        # Closures, and not methods: what they capture is compared, the options of the
        # owner and whatever the objective sees.
        def evaluate(step: Any, *data: Any) -> Any:
            return traced.evaluate(owner, objective, step, data)

        def direct(known: Any, *data: Any) -> Any:
            return traced.told(traced.direct(owner, objective, known, data))

        def learn_and_direct(known: Any, *data: Any) -> Any:
            traced.learn(owner)
            return traced.told(traced.direct(owner, objective, known, data))

        def set_out(known: Any, *data: Any) -> Any:
            if owner.learns:
                traced.learn(owner)
            way = traced.direct(owner, objective, known, data)
            return traced.evaluate(owner, objective, way[FIRST], data, way)

        def begin() -> None:
            traced.begin(owner, before)

        def learn() -> None:
            traced.learn(owner)

        def moved(step: Any) -> Any:
            return traced.moved(owner, step)

        self.evaluate = compile(evaluate, engine=owner.engine)
        self.direct = compile(direct, engine=owner.engine)
        self.learn_and_direct = compile(learn_and_direct, engine=owner.engine)
        self.set_out = compile(set_out, engine=owner.engine)
        self.begin = compile(begin, engine=owner.engine)
        self.learn = compile(learn, engine=owner.engine)
        self.moved = compile(moved, engine=owner.engine)

    def openly(self, *data: Any) -> None:
        """Loss and gradient at the parameters as they are, operation by operation."""
        value, _, _ = self.owner.minimised(self.objective, data)
        backprop(value)

    @property
    def at_once(self) -> bool:
        """Whether a direction and its first step are one call. What is measured is
        always measured by the same program, for it is measured anew after a pause.
        """
        return self._at_once and not self.traced.measures

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
        self._step.value.fill(step)
        returned = self.evaluate(self._step, *data)
        numbers, measured = returned if self.traced.measures else (returned, None)
        return numbers.value.tolist(), measured

    def directed(
        self, known: tuple[float, ...], pending: bool, data: Iterable[Any]
    ) -> Way:
        """A direction.

        Arguments:
            known: whether nothing is remembered of other points, and α and slope of the
                last step.
            pending: whether something is to be learned of that step first.
            data: the arguments of the objective; none where it is not looked at again.
        """
        self._known.value[:] = known
        direct = self.learn_and_direct if pending else self.direct
        return self._way(direct(self._known, *data).value.tolist())

    def along(
        self, known: tuple[float, ...], data: Iterable[Any]
    ) -> tuple[Way, list[float]]:
        """What was learned of the last step, a direction, and loss and gradient at its
        first step, in one call; the numbers are those of ``at``.
        """
        self._known.value[:] = known
        told = self.set_out(self._known, *data).value.tolist()
        return self._way(told[4:]), told[:4]

    def _way(self, told: list[float]) -> Way:
        slope, length, own, first, *rest = told
        figures = dict(zip(self.traced.names, rest, strict=True)) if rest else NONE
        return Way(slope, length, bool(own), first, figures)

    def measured_again(
        self, step: float, data: Iterable[Any], kept: Sequence[Variable]
    ) -> Any:
        """What the objective measures at a step that was evaluated before.

        Arguments:
            step: α.
            data: the arguments of the objective.
            kept: what is as it was evaluated then, and stays so to the bit.
        """
        bits = [each.array.copy() for each in kept]
        for variable, before in self.traced.before.items():
            before.assign(variable.array)
        _, measured = self.at(step, data)
        for variable, before in self.traced.before.items():
            variable.assign(before.array)
        for each, array in zip(kept, bits, strict=True):
            each.assign(array)
        return measured


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
    by_name = sorted((function.__kwdefaults__ or {}).items())
    defaults = tuple(map(id, function.__defaults__ or ()))
    defaults += tuple(id(each) for _, each in by_name)
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
