"""Where a minimizer stands between two iterations, and what each of them told.

Place on the road: below ``minimizer``. Numbers and records; it must not know how they
come about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..variable import Parameter
from .evaluation import Owner
from .line_search import Point
from .programs import Programs


class Iteration(NamedTuple):
    """What an iteration did.

    Attributes:
        loss: the objective where the iteration began, without the penalty of ``l2``.
        gradient_norm: ‖∇L‖∞ there, the largest |∂L/∂w|.
        step_length: α, by how much the direction was followed; 0 if nothing moved.
        evaluations: how often loss and gradient were evaluated.
        products: how often a matrix of second derivatives met a vector.
        stopped: why it is over; "" while it goes on. What is over moves no more.
        measured: what a ``Composed`` measures, where the iteration began.
        objective: the loss there with the penalty of ``l2``, added or, to climb, taken
            off: what an iteration lowers or raises. The loss itself may do either.
    """

    loss: float
    gradient_norm: float
    step_length: float = 0.0
    evaluations: int = 0
    products: int = 0
    stopped: str = ""
    measured: Any = None
    objective: float = math.nan


@dataclass
class Now:
    """Where a minimizer stands between two iterations: numbers, which a checkpoint has.

    Attributes:
        value: what is minimised: the loss with its penalty, negated to climb.
        loss: the objective's own.
        gradient_norm: the largest |∂L/∂w|.
        step: α of the last iteration.
        slope: its slope at the start.
        before: ``value`` before it.
        stalled: iterations in a row that changed it by no more than its rounding.
        fresh: whether nothing is remembered of other points.
        known: whether the above and the gradient are those of the parameters now.
        pending: whether the last step is still to be learned from.
        steps: how many iterations have moved the parameters.
        numbers: what the algorithm remembers, by name.
    """

    value: float = math.nan
    loss: float = math.nan
    gradient_norm: float = math.nan
    step: float = 0.0
    slope: float = 0.0
    before: float = math.inf
    stalled: int = 0
    fresh: bool = True
    known: bool = False
    pending: bool = False
    steps: int = 0
    numbers: dict[str, float] = field(default_factory=dict)
    # What a checkpoint does not have.
    loaded: bool = False
    evaluations: int = 0
    products: int = 0
    measured: Any = None
    programs: list[Programs] = field(default_factory=list)
    changed: object = None
    settings: object = None
    frozen: tuple[bool, ...] = ()

    @property
    def known_of_lines(self) -> tuple[float, ...]:
        """Whether nothing is remembered of other points, and the last α and slope."""
        return self.fresh, self.step, self.slope

    def noted(self, step: float, numbers: list[float]) -> Point:
        """A point that was evaluated, and is where the parameters are."""
        self.value, self.loss, slope, self.gradient_norm = numbers
        self.evaluations += 1
        return Point(step, self.value, slope)

    def forget(self) -> None:
        """What is minimised, or for which parameters, is no longer the same."""
        self.known, self.fresh, self.stalled = False, True, 0

    def choose(self, owner: Owner, objective: Callable[..., Any]) -> None:
        """Makes the programs of an objective the last of the list."""
        programs = self.programs
        if programs and programs[-1].is_for(objective):
            return
        for i, each in enumerate(programs):
            if each.is_for(objective):
                programs.append(programs.pop(i))
                break
        else:
            del programs[: 1 - MOST_OBJECTIVES]
            programs.append(Programs(owner, objective))
        if not self.loaded:
            self.known, self.stalled = False, 0


#: Objectives whose programs are kept; more are made anew in turn.
MOST_OBJECTIVES = 8
#: Iterations in a row that leave the loss as it is, up to its rounding, and are enough.
MOST_STALLED = 5
#: The numbers of ``Now`` that a checkpoint has.
SAVED = (
    "value", "loss", "gradient_norm", "step", "slope", "before", "stalled", "fresh",
    "known", "pending",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Some parameters that share their penalty."""

    parameters: tuple[Parameter, ...]
    l2: float


def converged(now: Now, options: Mapping[str, Any]) -> str:
    """Why there is nothing more to do at a point; "" if there is."""
    least = options["gradient_tolerance"]
    if now.gradient_norm <= least or now.gradient_norm == 0.0:
        shown = f"{now.gradient_norm:.2g}"
        return f"‖∇L‖ = {shown} ≤ gradient_tolerance {least:g}"
    least, fell = options["loss_tolerance"], now.before - now.value
    size = max(abs(now.value), abs(now.before))
    if math.isfinite(size) and least > 0 and fell <= least * size:
        part = fell / size if size else 0.0
        return f"the loss fell by {part:.2g} of it ≤ loss_tolerance {least:g}"
    if now.stalled >= MOST_STALLED:
        return (
            f"the loss has changed by no more than its rounding in {MOST_STALLED} "
            "iterations"
        )
    return ""
