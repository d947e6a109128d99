"""What all optimizers share: gathering gradients, then changing everything at once.

Place on the road: after ``backprop``. An algorithm is a subclass with a constructor,
the names of its state, and one pure function, ``rule``, that reads like its paper.
This module must not know any of them.

A step changes variables only (parameters, state, the step count), never the optimizer
itself. So the same lines run at once and under ``cr.compile``, where the changes become
the graph's updates.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from ..errors import ArgumentError, GradientError, ShapeError
from ..foreign import is_unknown, no_attribute, no_such_setting
from ..gradients import Gradients
from ..graph import Array, Node
from ..ops.arrays import constant
from ..ops.elementwise import cast
from ..ops.indexing import put, take
from ..variable import Parameter, Variable
from .hyperparameters import Options, checked
from .parameter_groups import (
    RATE_DTYPE,
    Group,
    Params,
    Rate,
    count_text,
    make_groups,
    without_parameters,
)
from .row_gradients import Rows, rows_of
from .state_dict import listed, state_names
from .updater import Updater, refuse_in_trace

#: A transform: gradients in, gradients out, both by parameter.
Transform = Callable[[Mapping[Parameter, Any]], Mapping[Parameter, Any]]
#: What a rule returns: the new parameter, and its new state by name.
Update = tuple[Any, Mapping[str, Any]]


class Step(NamedTuple):
    """What a rule needs beside a parameter and its gradient.

    Attributes:
        lr: η of this step, in the parameter's dtype.
        t: this step's number, 1 for the first, a float64 tensor.
        state: what was remembered of the parameter, by the names in ``slots``.
        options: the hyper-parameters of the parameter's group.
    """

    lr: Any
    t: Any
    state: Mapping[str, Any]
    options: Mapping[str, Any]


class Optimizer(Updater):
    """The base of all optimizers: w ← w + Δ(∇w), for every parameter at once.

    An algorithm of your own is a subclass with ``slots``, the names of what it
    remembers of each parameter (arrays of zeros at first), and ``rule``.

    Arguments:
        params: parameters, or groups: dictionaries with "params" and the options in
            which the group differs, as in PyTorch. Without, it is a specification,
            which ``cr.fit`` and ``bound_to`` give to parameters.
        lr: η, the learning rate: a positive number, or a schedule (``optim.Cosine``,
            any function from the number of steps done, a float64 tensor, to a tensor).
        options: the algorithm's other hyper-parameters and their values.
        transforms: what is done to the gradients of all parameters before the rule, in
            this order; a group's own come after them.
        maximize: whether to climb: the step is made with −∇w. It is negated before
            anything else, so penalties and weight decay still make weights smaller.

    Raises:
        ArgumentError: for no parameters, one given twice, or an option out of range.
        OptionError: for an option that the algorithm does not have.
        TraceError: inside a compiled function, where the state would start anew.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> class SignDescent(optim.Optimizer):
        ...     def rule(self, w, g, step):
        ...         return w - step.lr * cr.sign(g), {}
        >>> w = cr.parameter([1.0, -2.0])
        >>> optimizer = SignDescent([w], lr=0.5)
        >>> optimizer.step(cr.backprop((w * w).sum()))
        >>> w.numpy()
        array([ 0.5, -1.5], dtype=float32)
    """

    #: The names of what the algorithm remembers of each parameter.
    slots: ClassVar[tuple[str, ...]] = ()
    #: Whether a row of a table whose gradient is 0 stays as it is, with what is
    #: remembered of it: the rule is then applied to the other rows alone.
    by_rows: ClassVar[bool] = False

    if not TYPE_CHECKING:  # so that type checkers still find wrong names

        def __getattr__(self, name: str) -> Any:
            """A hyper-parameter of the first group; nothing else is looked for here."""
            groups = vars(self).get("groups")
            if groups and name in groups[0].options:
                return groups[0].options[name]
            raise no_attribute(self, name, "optim.OPTIMIZER")

        def __setattr__(self, name: str, value: Any) -> None:
            """Sets a hyper-parameter, in every group, or an attribute that there is."""
            groups = vars(self).get("groups", ())
            if name == "transforms":
                value = checked(type(self).__name__, {name: value})[name]
            if groups and name in groups[0].options:
                for group in groups:
                    setattr(group, name, value)
            elif groups and is_unknown(self, name):
                known = ("lr", *groups[0].options, "transforms")
                tables = "optim.OPTIMIZER", "optim.OPTIONS"
                raise no_such_setting(self, name, *tables, known=known)
            else:
                super().__setattr__(name, value)

    def __init__(
        self,
        params: Params | None = None,
        lr: Rate = 0.01,
        options: Mapping[str, Any] | None = None,
        transforms: Sequence[Transform] = (),
        maximize: bool = False,
    ) -> None:
        name = type(self).__name__
        refuse_in_trace(name)
        values = checked(name, {"lr": lr, **(options or {}), "maximize": maximize})
        self.transforms: Any = transforms  # checked as it is set
        self._count = Variable(0, name="step")
        self._state: dict[Parameter, dict[str, Variable]] = {}
        none = without_parameters(name, values, self._count)
        self.groups: tuple[Group, ...] = (none,)
        if params is not None:
            self._bind(params)

    def _bind(self, params: Params) -> None:
        (specification,) = self.groups
        self._count = Variable(0, name="step")
        defaults = specification.settings()
        name = type(self).__name__
        self.groups = tuple(make_groups(name, params, defaults, self._count))
        self._state = {}
        for group in self.groups:
            for w in group.parameters:
                i = len(self._state)
                self._state[w] = {
                    slot: Variable(
                        self.first_state(slot, w, group.options),
                        name=f"{w.name or i}.{slot}",
                    )
                    for slot in self.slots_of(w, group.options)
                }

    # What an algorithm says. ---------------------------------------------------------

    @abstractmethod
    def rule(self, w: Any, g: Any, step: Step) -> Update:
        """The new value of one parameter, and of its state: a pure function.

        Arguments:
            w, g: the parameter and its gradient, of one shape and dtype.
            step: learning rate, step number, state and hyper-parameters.

        Returns:
            The new w, and a dictionary of the new state.
        """

    def slots_of(self, w: Parameter, options: Options) -> Sequence[str]:
        """What is remembered of one parameter: the same of all, unless told."""
        return self.slots

    def first_state(self, slot: str, w: Parameter, options: Options) -> Array:
        """What is remembered of a parameter before the first step: zeros."""
        return np.zeros(w.shape, w.dtype)

    # What users call. ----------------------------------------------------------------

    def step(self, gradients: Mapping[Any, Any], *, allow_unused: bool = False) -> None:
        """Changes every parameter that is not frozen by one step of the algorithm.

        All gradients are gathered and all new values computed before the first change:
        after an error, nothing has changed.

        Arguments:
            gradients: what ``cr.backprop(loss)`` returned, or any mapping from
                parameters to gradients.
            allow_unused: whether parameters that the loss does not reach may be left as
                they are, without momentum or weight decay. One at least must be
                reached.

        Raises:
            GradientError: naming the parameters that the loss does not reach.
            ShapeError: when a gradient has another shape than its parameter.
            ArgumentError: when all parameters are frozen.
        """
        self._check_bound("step")
        gathered = self._gather(gradients, allow_unused)
        t = cast(self._count + 1, dtype=RATE_DTYPE)
        changes: list[tuple[Variable, Any]] = [(self._count, self._count + 1)]
        for group in self.groups:
            rate = group.rate(self._count)
            own = {w: gathered[w] for w in group.parameters if w in gathered}
            for w, g in self._transformed(group.transforms, own).items():
                lr = rate.astype(w.dtype)
                state = {slot: value.read() for slot, value in self._state[w].items()}
                step = Step(lr, t, state, group.options)
                rows = rows_of(g) if self.by_rows else None
                if rows is None:
                    new_w, new_state = self.rule(w.read(), g, step)
                else:
                    new_w, new_state = self._by_rows(w.read(), rows, step)
                changes.append((w, new_w))
                changes += [(self._state[w][name], s) for name, s in new_state.items()]
        for variable, value in changes:
            variable.assign(value)

    def _by_rows(self, w: Any, rows: Rows, step: Step) -> Update:
        """The rule for the rows that have a gradient; all others stay as they are."""
        state = step.state
        taken = {slot: take(values, rows.index) for slot, values in state.items()}
        taken_w = take(w, rows.index)
        new_w, new_state = self.rule(taken_w, rows.sums, step._replace(state=taken))
        written = {
            slot: put(state[slot], rows.index, new) for slot, new in new_state.items()
        }
        return put(w, rows.index, new_w), written

    def _gather(
        self, gradients: Mapping[Any, Any], allow_unused: bool
    ) -> dict[Parameter, Any]:
        """The gradients of the parameters that are not frozen, checked, after the
        optimizer's transforms.
        """
        name = type(self).__name__
        if not isinstance(gradients, Mapping):
            raise ArgumentError(
                f"{name}.step: {type(gradients).__name__} is not a mapping from "
                "parameters to gradients",
                fix="optimizer.step(cr.backprop(loss))",
            )
        trained = [(i, w) for i, w in enumerate(self._state) if not w.frozen]
        if not trained:
            raise self._all_frozen()
        given = {w: gradients[w] for _, w in trained if w in gradients}
        missing = [(i, w) for i, w in trained if w not in given]
        if missing and not (allow_unused and given):
            raise self._missing(missing, isinstance(gradients, Gradients))
        fitting = {w: self._fitting(w, g, "gradient") for w, g in given.items()}
        for group in self.groups:
            if group.options["maximize"]:  # uphill is downhill of −L
                up = [w for w in group.parameters if w in fitting]
                fitting |= {w: -fitting[w] for w in up}
        return self._transformed(self.transforms, fitting)

    def _missing(
        self, missing: Sequence[tuple[int, Parameter]], traced_back: bool
    ) -> GradientError:
        """The error for parameters without a gradient; names may be alike."""
        shown = [
            f"{w.path or w.name or 'number ' + str(i)} {w.shape}" for i, w in missing
        ]
        (i, w), *others = missing
        one = f"parameter {i}, {w.path} {w.shape}," if w.path else ""
        one = one or f"parameter {i}, {w.describe()},"
        subject = f"parameters {listed(shown)} are" if others else f"{one} is"
        what = f"{type(self).__name__}.step: {subject}"
        if not traced_back:
            return GradientError(
                f"{what} given no gradient",
                fix="leave it out of the optimizer, or give its gradient",
            )
        return GradientError(
            f"{what} not reached by the loss: no operation with a derivative leads "
            f"from {'them' if others else 'it'} to the loss",
            fix="use it to compute the loss, freeze it, or "
            "optimizer.step(grads, allow_unused=True)",
        )

    def _fitting(self, w: Parameter, gradient: Any, what: str) -> Any:
        """The gradient, if it fits the parameter."""
        g: Any = gradient
        g = g.read() if isinstance(g, Node) else constant(g, w.dtype)
        if g.shape != w.shape:
            raise ShapeError(
                f"{type(self).__name__}.step: {what} {g.shape} of parameter "
                f"{w.describe()}: a gradient has the shape of its parameter"
            )
        return g if g.dtype == w.dtype else cast(g, dtype=w.dtype)

    def _transformed(
        self, transforms: Sequence[Transform], gradients: dict[Parameter, Any]
    ) -> dict[Parameter, Any]:
        """The gradients after each transform in turn."""
        for each in transforms:
            new = each(gradients)
            if not isinstance(new, Mapping) or set(new) != set(gradients):
                raise ArgumentError(
                    f"{type(self).__name__}.step: transform {each!r} must return a "
                    "mapping with a gradient for each parameter that it was given"
                )
            what = f"{each!r} returns a gradient"
            gradients = {w: self._fitting(w, new[w], what) for w in gradients}
        return gradients

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, group by group."""
        return tuple(self._state)

    @property
    def num_steps(self) -> int:
        """How many steps have been done."""
        return int(self._count.item())

    def current_lr(self, group: int = 0) -> float:
        """The learning rate of the next step of a group, the first unless told."""
        return float(self.groups[group].lr)

    @property
    def lr(self) -> Any:
        """The learning rate of the next step, of the first group.

        Setting it changes the learning rate of every group, also for steps that are
        compiled already; ``optimizer.groups[1].lr = 0.01`` changes that of one. It is
        set to a number, or to a schedule, which goes on at the number of steps done.

        Raises:
            ArgumentError: when it is set to a number where a schedule decides.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import optim
            >>> optimizer = optim.SGD([cr.parameter(1.0)], lr=0.1)
            >>> optimizer.lr = 0.01
            >>> optimizer.lr
            0.01
        """
        return self.current_lr()

    @lr.setter
    def lr(self, value: Rate) -> None:
        for group in self.groups:
            group.lr = value

    # Saving and resuming. ------------------------------------------------------------

    def _variables(self) -> dict[str, Variable]:
        rates = [each.lr_variable for each in self.groups]
        return state_names(self._count, rates, self._state)

    def _options(self) -> list[dict[str, Any]]:
        return [dict(group.options) for group in self.groups]

    def _set_options(self, options: Sequence[Mapping[str, Any]]) -> None:
        for group, saved in zip(self.groups, options, strict=True):
            for name, value in saved.items():
                setattr(group, name, value)

    def __repr__(self) -> str:
        name, count = type(self).__name__, count_text(self.parameters)
        shown = f"transforms={list(self.transforms)}; " if self.transforms else ""
        if len(self.groups) == 1:
            return f"{name}({self.groups[0].describe()}; {shown}{count})"
        groups = [f"  {each!r}" for each in self.groups]
        return "\n".join([f"{name}({shown}{count}", *groups, ")"])
