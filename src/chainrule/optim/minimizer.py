"""What all minimizers share: they are given the loss itself, and evaluate it as often
as they need to, until it has a minimum.

Place on the road: beside ``optimizer``, whose algorithms are given gradients. An
algorithm is a subclass with the names of its state and a function for the direction;
one whose step is not found by a line search has its own ``go`` too. This module must
not know any of them.

All arrays are variables, which compiled programs read and change; what a line search
looks at are numbers.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ArgumentError, unknown_option
from ..foreign import is_unknown, no_attribute, no_such_setting
from ..graph import Array, changes, settings_changes
from ..variable import Parameter, Variable
from .evaluation import (
    At,
    Line,
    Moved,
    Values,
    Way,
    as_number,
    check_objective,
    loss_of,
    not_finite,
)
from .hyperparameters import Options, checked, whole
from .iteration import SAVED, Iteration, Now, Part, converged
from .line_search import LineSearch, Point, check_line_search, noticeable
from .parameter_groups import (
    RATE_DTYPE,
    Params,
    count_text,
    parameters_and_options,
)
from .programs import Programs
from .state_dict import state_names
from .updater import Updater, refuse_in_trace


class Minimizer(Updater):
    """The base of all that evaluate the loss themselves: w ← w + α d, until ∇L is 0.

    An algorithm of your own is a subclass with ``slots``, the names of what it
    remembers of each parameter (arrays of zeros at first), and ``direction``.

    Arguments:
        params: parameters, or groups: dictionaries with "params" and an "l2" of their
            own. Without, it is a specification, which ``cr.fit`` and ``bound_to`` give
            to parameters.
        options: the algorithm's hyper-parameters and their values, those beside.
        line_search: how α is found.
        l2: λ, of a penalty λ/2 ‖w‖² that is part of what is minimised.
        gradient_tolerance: it has converged where no |∂L/∂w| is larger.
        loss_tolerance: it has converged where an iteration lowers the loss by less than
            this part of it. With 0, only where it changes no more than by rounding.
        maximize: whether to climb.

    Raises:
        ArgumentError: for no parameters, one given twice, or an option out of range.
        OptionError: for an option that the algorithm does not have.
        TraceError: inside a compiled function, where the state would start anew.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> class Steepest(optim.Minimizer):
        ...     def direction(self, at):
        ...         return at.steepest, {}
        >>> w = cr.parameter([3.0, -2.0])
        >>> optimizer = Steepest([w], line_search=optim.Backtracking())
        >>> optimizer.minimize(lambda: (w * w).sum()).stopped
        '‖∇L‖ = 0 ≤ gradient_tolerance 1e-05'
    """

    #: The names of what the algorithm remembers of each parameter.
    slots: ClassVar[tuple[str, ...]] = ()
    evaluates_loss = True
    #: The names of numbers that it remembers, and their first values.
    numbers: ClassVar[Mapping[str, float]] = {}
    options_table = "optim.MINIMIZING"
    #: The options that are one of some names.
    choices: ClassVar[Mapping[str, Sequence[str]]] = {}
    #: The options that cannot be set later.
    fixed: ClassVar[tuple[str, ...]] = ()
    #: Whether ``learned`` looks at every step that was made.
    learns: ClassVar[bool] = False
    #: Whether ``direction`` evaluates the objective, and so needs the data.
    looks_again: ClassVar[bool] = False
    #: The engine of ``cr.compile``; None for the default.
    engine: str | None = None

    if not TYPE_CHECKING:  # so that type checkers still find wrong names

        def __getattr__(self, name: str) -> Any:
            """A hyper-parameter; nothing else is looked for here."""
            options = vars(self).get("options", {})
            if name in options:
                return options[name]
            raise no_attribute(self, name, "optim.MINIMIZER")

        def __setattr__(self, name: str, value: Any) -> None:
            """Sets a hyper-parameter, checked, or an attribute that there is."""
            options = vars(self).get("options", {})
            if name in options:
                self._refuse_fixed(name)
                value = self._checked({name: value})[name]
                super().__setattr__("options", Options({**options, name: value}))
                changed = name == "maximize" and value != options[name]
                if name == "l2":
                    changed = any(each.l2 != value for each in self.groups)
                    parts = [Part(each.parameters, value) for each in self.groups]
                    super().__setattr__("groups", tuple(parts))
                if changed:
                    self._now.forget()
                if name in self.numbers:  # it goes on from the value that was set
                    self._now.numbers[name] = self.numbers[name]
            elif options and is_unknown(self, name):
                tables = "optim.MINIMIZER", "optim.MINIMIZING"
                raise no_such_setting(self, name, *tables, known=tuple(options))
            else:
                super().__setattr__(name, value)

    def __init__(
        self,
        params: Params | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        line_search: LineSearch,
        l2: float = 0.0,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 0.0,
        maximize: bool = False,
    ) -> None:
        name = type(self).__name__
        refuse_in_trace(name)
        self.groups: tuple[Part, ...] = ()
        self._all: tuple[Parameter, ...] = ()
        self._state: dict[Parameter, dict[str, Variable]] = {}
        self._shared: dict[str, Variable] = {}
        self._now = Now(numbers=dict(self.numbers))
        given = {
            **(options or {}),
            "line_search": line_search,
            "l2": l2,
            "gradient_tolerance": gradient_tolerance,
            "loss_tolerance": loss_tolerance,
            "maximize": maximize,
        }
        self.options = Options(self._checked(given))
        if params is not None:
            self._bind(params)

    def _bind(self, params: Params) -> None:
        defaults = {"l2": self.options["l2"]}
        found = parameters_and_options(type(self).__name__, params, defaults)
        self.groups = tuple(Part(w, options["l2"]) for _, w, options in found)
        self._now = Now(numbers=dict(self.numbers))
        self._all = tuple(w for group in self.groups for w in group.parameters)
        #: the relative rounding of a loss: that of the parameters' dtype
        self._rounding = float(np.finfo(self._all[0].dtype).eps)
        self._state = {}
        for w in self._all:
            i = len(self._state)
            self._state[w] = {
                slot: Variable(self.first_state(slot, w), name=f"{w.name or i}.{slot}")
                for slot in ("origin", "direction", "gradient", *self.slots)
            }
        first = self.first_shared()
        self._shared = {name: Variable(first[name], name=name) for name in first}

    # What an algorithm says. ---------------------------------------------------------

    @abstractmethod
    def direction(self, at: At) -> tuple[Values, Mapping[str, Any]]:
        """The direction d at a point, and the new state: a pure function, traced.

        If the loss does not fall along d, steepest descent takes its place.

        Arguments:
            at: gradient, state, objective and data.

        Returns:
            d by parameter, and the new state of what is to change: slot → parameter →
            value, or the name of what is shared → value.
        """

    def check(self, objective: Any) -> None:
        """Refuses, before it is evaluated, an objective that the algorithm cannot
        minimise.

        Raises:
            ArgumentError: for what is no function of the data.
        """
        check_objective(type(self).__name__, objective)

    def learned(self, moved: Moved) -> Mapping[str, Any]:
        """The new state after a step that was made, as of ``direction``; traced, and
        only called where ``learns``.
        """
        return {}

    def first_step(self, line: Line) -> Any:
        """The α that the line search begins with, traced: 1, or, where nothing is known
        of other points, a step of length 1.
        """
        return line.begins_with(1.0, ~line.fresh)

    def first_state(self, slot: str, w: Parameter) -> Array:
        """What is remembered of a parameter before the first step: zeros."""
        return np.zeros(w.shape, w.dtype)

    def first_shared(self) -> Mapping[str, Array]:
        """What is remembered of all parameters together before the first step."""
        return {}

    def go(self, start: Point, data: tuple[Any, ...]) -> tuple[Point, str]:
        """From a point to a better one: a direction and a line search along it.

        Arguments:
            start: the point, α = 0.
            data: the arguments of the objective.

        Returns:
            Where the parameters are then, ``start`` if nothing better was found; and
            the reason why not.
        """
        now = self._now
        if now.pending == self.learns and self._programs.at_once:
            way, tried = self._set_out(data)
        else:
            way, tried = self.directed(data), start
        point = self._searched(start, way, data, tried)
        if point.step == 0.0 and not now.fresh:  # what it remembers misleads
            now.fresh = True
            point = self._searched(start, self.directed(data), data, start)
        if point.step:
            return point, ""
        dtype = self._all[0].dtype
        return point, f"no step along the gradient lowers the loss in {dtype}"

    # What an algorithm may use. ------------------------------------------------------

    def directed(self, data: tuple[Any, ...]) -> Way:
        """Computes the direction at the parameters as they are."""
        now, given = self._now, data if self.looks_again else ()
        pending, now.pending = now.pending, False
        way = self._programs.directed(now.known_of_lines, pending, given)
        now.products += int(way.figures.get("products", 0))
        return way

    def _set_out(self, data: tuple[Any, ...]) -> tuple[Way, Point]:
        """The direction, and loss and slope at its first step."""
        now = self._now
        now.pending = False
        way, numbers = self._programs.along(now.known_of_lines, data)
        return way, now.noted(way.first, numbers)

    def evaluated(self, step: float, data: tuple[Any, ...]) -> Point:
        """Loss and slope at w₀ + α d, where the parameters are then."""
        now = self._now
        numbers, now.measured = self._programs.at(step, data)
        return now.noted(step, numbers)

    def _searched(
        self, start: Point, way: Way, data: tuple[Any, ...], tried: Point
    ) -> Point:
        """Where the line search leads, once a point was tried; the parameters are there
        then.
        """
        last = tried

        def evaluate(step: float) -> Point:
            nonlocal last
            if step != last.step:
                last = self.evaluated(step, data)
            return last

        start = start._replace(slope=way.slope)
        first = way.first
        if self._now.fresh or not way.own:  # its length is a guess
            first = noticeable(evaluate, start, first, self._rounding)
        search: LineSearch = self.options["line_search"]
        found = search.search(evaluate, start, first)
        self._now.slope = way.slope
        if last.step != found.step:
            self.evaluated(found.step, data)
        return found

    def minimised(self, objective: Any, data: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        """What is minimised: the loss with its penalty, negated to climb; the loss
        itself; and what the objective measures.
        """
        loss, measured = loss_of(type(self).__name__, objective, data)
        value = -loss if self.options["maximize"] else loss
        for w, l2 in self.penalties().items():
            if l2 and not w.frozen:
                x: Any = w.read()
                value = value + (0.5 * l2) * (x * x).sum()
        return value, loss, measured

    @property
    def descends(self) -> bool:
        """Whether steepest descent takes the place of a direction along which the loss
        does not fall.
        """
        return True

    @property
    def climbs(self) -> bool:
        """Whether the loss is to be made larger."""
        return bool(self.options["maximize"])

    def penalties(self) -> dict[Parameter, float]:
        """λ of the penalty λ/2 ‖w‖², by parameter."""
        return {w: group.l2 for group in self.groups for w in group.parameters}

    def trained(self) -> tuple[Parameter, ...]:
        """The parameters that are not frozen."""
        trained = tuple(w for w in self._state if not w.frozen)
        if not trained:
            raise self._all_frozen()
        return trained

    def slot(self, name: str, weights: Any) -> dict[Parameter, Any]:
        """What is remembered under a name, by parameter."""
        return {w: self._state[w][name].read() for w in weights}

    @property
    def shared(self) -> dict[str, Any]:
        """What is remembered of all parameters together, by name."""
        return {name: each.read() for name, each in self._shared.items()}

    def remember(self, state: Mapping[str, Any]) -> None:
        """Puts new values in the place of what is remembered."""
        for slot, values in state.items():
            if slot in self._shared:
                self._shared[slot].assign(values)
                continue
            for w, value in values.items():
                self._state[w][slot].assign(value)

    # What users call. ----------------------------------------------------------------

    def step(self, objective: Any, *data: Any, reuse: bool = False) -> Iteration:
        """One iteration: a direction, and a step along it that lowers the loss.

        Arguments:
            objective: a function of the data that returns the loss, or a ``Composed``.
            data: its arguments. Data that change from step to step, such as batches,
                are best given here: what is captured is compiled anew.
            reuse: whether the loss, its data and the parameters are as the last step
                left them: then it need not be evaluated again at the start. (Where it
                draws random numbers, it is all the same.)

        Returns:
            The ``Iteration``: loss and gradient at its start, and what it did.

        Raises:
            NumericsError: when the loss or its gradient is NaN or infinite at the
                start; nothing has changed.
            GradientError: naming parameters that the loss does not reach.
            ShapeError: when the loss is not one number.
            ArgumentError: when all parameters are frozen.
        """
        self._check_bound("step")
        self.check(objective)
        self._choose(objective)
        now = self._now
        now.evaluations = now.products = 0
        if not (reuse and self._is_known(data)):
            self._start(data)
        elif self._programs.traced.before:
            self._programs.begin()
        loss, norm, measured = now.loss, now.gradient_norm, now.measured
        reason = converged(now, self.options)
        moved, start = 0.0, Point(0.0, now.value, 0.0)
        if not reason:
            now.known = False
            point, reason = self.go(start, data)
            moved = now.step = point.step
            self._finish(start)
        now.known, now.loaded, now.changed = True, False, changes.last
        counts = now.evaluations, now.products
        value = -start.loss if self.climbs else start.loss
        return Iteration(loss, norm, moved, *counts, reason, measured, value)

    def minimize(self, objective: Any, *data: Any, iterations: int = 1000) -> Iteration:
        """Iterates until it has converged.

        Arguments:
            objective, data: as for ``step``; the same in all iterations.
            iterations: how many there are at most, a whole number.

        Returns:
            The last ``Iteration``, with all evaluations and products together.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import optim
            >>> w = cr.parameter([0.0, 0.0])
            >>> optimizer = optim.GradientDescent([w])
            >>> last = optimizer.minimize(lambda: ((w - 1.0) ** 2).sum())
            >>> w.numpy(), last.stopped
            (array([1., 1.], dtype=float32), '‖∇L‖ = 0 ≤ gradient_tolerance 1e-05')
        """
        where = f"{type(self).__name__}.minimize"
        last, evaluations, products = None, 0, 0
        for _ in range(whole(where, "iterations", iterations, 0)):
            last = self.step(objective, *data, reuse=last is not None)
            objective = self._programs.objective  # which is known at first sight
            evaluations += last.evaluations
            products += last.products
            if last.stopped:
                break
        now = self._now
        if last is None or not last.stopped:
            value = -now.value if self.climbs else now.value
            last = Iteration(now.loss, now.gradient_norm, now.step, objective=value)
            last = last._replace(stopped=f"{iterations} iterations are done")
        return last._replace(evaluations=evaluations, products=products)

    def again(self, f: Callable[[], Any]) -> Any:
        """f(), traced, which sees what the last objective changes (random draws, moving
        averages) as the last iteration did, and changes none of it.
        """
        return self._programs.traced.again(f)

    def explain(self, objective: Any, *data: Any, measure: bool = False) -> Any:
        """How one evaluation of loss and gradient is compiled, the heart of a step.

        Arguments:
            objective, data: as for ``step``.
            measure: also run it, for the time that it takes.

        Returns:
            What ``explain`` of a compiled function returns, a ``Report``.
        """
        self._check_bound("explain")
        check_objective(type(self).__name__, objective)
        self._choose(objective)
        return self._programs.evaluate.explain(as_number(0.0), *data, measure=measure)

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options, each after the check for its name."""
        name = type(self).__name__
        for option, value in options.items():
            known = self.choices.get(option)
            if known is not None and value not in known:
                raise unknown_option(f"{option} of {name}", value, known)
            if option == "line_search":
                check_line_search(name, value)
        return checked(name, options)

    def _refuse_fixed(self, name: str) -> None:
        if name in self.fixed:
            kind = type(self).__name__
            raise ArgumentError(
                f"{kind}.{name} = …: it is decided when the optimizer is made",
                fix=f"optim.{kind}(…, {name}=…), another one",
            )

    @property
    def _programs(self) -> Programs:
        return self._now.programs[-1]

    def _choose(self, objective: Any) -> None:
        """Makes the programs of an objective the last of the list."""
        now = self._now
        if settings_changes.last is not now.settings:
            frozen = tuple(w.frozen for w in self._all)
            if now.frozen and frozen != now.frozen:  # the direction is of other ones
                now.forget()
            now.frozen, now.settings = frozen, settings_changes.last
        now.choose(self, objective)

    def _is_known(self, data: tuple[Any, ...]) -> bool:
        """Whether loss and gradient are those of the objective and the parameters as
        they are now.
        """
        now = self._now
        if not now.known or not self._is_there():
            return False
        if now.loaded:  # what the objective measures is not saved
            kept = [v for w in self.trained() for v in (w, self._state[w]["gradient"])]
            now.measured = self._programs.measured_again(now.step, data, kept)
        return not self._programs.traced.draws

    def _is_there(self) -> bool:
        """Whether the parameters are where the last iteration left them."""
        now = self._now
        if changes.last is now.changed:
            return True
        return not self._programs.moved(as_number(now.step)).item()

    def _start(self, data: tuple[Any, ...]) -> None:
        """Evaluates loss and gradient where the parameters are.

        Raises:
            NumericsError: when one of them is NaN or infinite.
        """
        now, programs = self._now, self._programs
        if now.pending:
            programs.learn()
            now.pending = False
        if now.stalled and not self._is_there():
            now.stalled = 0
        programs.begin()
        self.evaluated(0.0, data)
        now.before = math.inf
        if math.isfinite(now.value) and math.isfinite(now.gradient_norm):
            return
        now.known = False
        name = type(self).__name__
        raise not_finite(name, now.loss, now.gradient_norm, programs.openly, data)

    def _finish(self, start: Point) -> None:
        """Takes notes of an iteration that has moved, or has not."""
        now = self._now
        now.before = start.loss
        if not now.step:
            return
        now.pending, now.fresh = self.learns, False
        size = max(abs(now.value), abs(start.loss))
        still = abs(start.loss - now.value) <= self._rounding * size
        now.stalled = now.stalled + 1 if still else 0
        now.steps += 1

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, group by group."""
        return self._all

    @property
    def num_steps(self) -> int:
        """How many iterations have moved the parameters."""
        return self._now.steps

    # Saving and resuming. ------------------------------------------------------------

    def _variables(self) -> dict[str, Variable]:
        names = state_names(Variable(self._now.steps), (), self._state)
        names |= {f"shared.{name}": each for name, each in self._shared.items()}
        now = self._now
        values = {name: getattr(now, name) for name in SAVED} | now.numbers
        for name, value in values.items():
            names[f"number.{name}"] = Variable(float(value), RATE_DTYPE)
        return names

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned; minimizing goes on to the same bits.

        Raises:
            StateError: for missing or extra names, other shapes or dtypes; then nothing
                has changed.
        """
        super().load_state_dict(state)
        now = self._now
        for name in SAVED:
            value = float(np.asarray(state[f"number.{name}"]))
            setattr(now, name, type(getattr(now, name))(value))
        for name in now.numbers:
            now.numbers[name] = float(np.asarray(state[f"number.{name}"]))
        now.steps = int(np.asarray(state["step"]))
        now.measured = now.changed = None
        now.loaded = True

    def _options(self) -> list[dict[str, Any]]:
        """The line search is not among them: it is an object, as a schedule is."""
        return [
            {**self.options, "l2": group.l2, "line_search": None}
            for group in self.groups
        ]

    def _set_options(self, options: Sequence[Mapping[str, Any]]) -> None:
        for name, value in options[0].items():
            if name not in ("line_search", *self.fixed):
                setattr(self, name, value)
        pairs = zip(self.groups, options, strict=True)
        self.groups = tuple(Part(group.parameters, each["l2"]) for group, each in pairs)

    def __repr__(self) -> str:
        usual = {"l2": 0.0, "maximize": False, "loss_tolerance": 0.0}
        shown = ", ".join(
            f"{name}={value!r}"
            for name, value in self.options.items()
            if name not in usual or usual[name] != value
        )
        return f"{type(self).__name__}({shown}; {count_text(self._all)})"
