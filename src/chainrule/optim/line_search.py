"""Line searches: how far to go along a direction in which the loss falls.

Place on the road: below the minimizers. A search sees the loss along a line as a
function of one number, φ(α) = L(w + α d), with its slope φ′(α) = ∇L(w + α d) · d. It
must not know of parameters or networks.

A value that is NaN or infinite means a step that was too long. What a search returns
never has a larger loss than the start: the best point that it has seen is never lost.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import ArgumentError
from .hyperparameters import number, positive, whole


class Point(NamedTuple):
    """A point of the line: α, φ(α) and φ′(α)."""

    step: float
    loss: float
    slope: float

    @property
    def finite(self) -> bool:
        """Whether loss and slope are numbers."""
        return math.isfinite(self.loss) and math.isfinite(self.slope)


#: α → the point there: one evaluation of loss and gradient.
Evaluate = Callable[[float], Point]


@dataclass(frozen=True)
class LineSearch(ABC):
    """The base of line searches. One of your own has ``search``."""

    @abstractmethod
    def search(self, evaluate: Evaluate, start: Point, first: float) -> Point:
        """A point of the line with a smaller loss than the start.

        Arguments:
            evaluate: α → the point there.
            start: the point of α = 0; its slope is negative.
            first: the α to begin with.

        Returns:
            The point to go to; ``start`` where no step was found that lowers the loss.
        """


#: How much longer a step becomes that changes nothing, and how often.
LONGER, MOST_LONGER = 10.0, 40


def noticeable(
    evaluate: Evaluate, start: Point, first: float, rounding: float
) -> float:
    """A step that changes the loss or its slope by more than they are rounded: the
    first, or else 10, 100, … times as much; the first again where none of them does.

    A step of length 1 is none at all for weights of 10¹⁵ in float32.

    Arguments:
        evaluate, start, first: as for ``LineSearch.search``.
        rounding: ε.
    """
    step = first
    for _ in range(MOST_LONGER):
        point = evaluate(step)
        turned = abs(point.slope - start.slope)
        if point.loss != start.loss or not turned <= -rounding * start.slope:
            return step
        step *= LONGER
    return first


def check_line_search(where: str, value: object) -> None:
    """An error for what is no line search."""
    if not isinstance(value, LineSearch):
        raise ArgumentError(
            f"{where}: line_search = {value!r}: it must be a line search",
            fix="line_search=optim.StrongWolfe(), or optim.Backtracking()",
        )


def _between(where: str, name: str, value: object) -> float:
    checked = number(where, name, value, "between 0 and 1")
    if not 0 < checked < 1:
        raise ArgumentError(
            f"{where}: {name} = {value}: {name} must be between 0 and 1"
        )
    return checked


@dataclass(frozen=True)
class Backtracking(LineSearch):
    """Armijo's rule: shorter and shorter steps, until the loss falls enough.

    Formula: the first of α, ρα, ρ²α, … with φ(α) ≤ φ(0) + c α φ′(0): at least the part
    c of the decrease that the slope promises. Where φ is known to curve, the minimum of
    the parabola through φ(0), φ′(0) and φ(α) takes the place of ρα, between ρα / 5 and
    ρα.

    Arguments:
        decrease: c, between 0 and 1.
        factor: ρ, between 0 and 1.
        most: how many points are tried.

    Source: Armijo, Minimization of functions having Lipschitz continuous first partial
    derivatives (1966); Dennis & Schnabel, Numerical methods for unconstrained
    optimization (1983), algorithm A6.3.1.

    Example:
        >>> from chainrule.optim import Backtracking
        >>> from chainrule.optim.line_search import Point
        >>> parabola = lambda a: Point(a, (a - 1) ** 2, 2 * (a - 1))
        >>> Backtracking().search(parabola, parabola(0.0), 8.0).step
        1.0
    """

    decrease: float = 1e-4
    factor: float = 0.5
    most: int = 40

    def __post_init__(self) -> None:
        _between("Backtracking", "decrease", self.decrease)
        _between("Backtracking", "factor", self.factor)
        whole("Backtracking", "most", self.most)

    def search(self, evaluate: Evaluate, start: Point, first: float) -> Point:
        """The first point that is low enough."""
        step = first
        for _ in range(self.most):
            point = evaluate(step)
            limit = start.loss + self.decrease * step * start.slope
            if point.finite and point.loss <= limit:
                return point
            longest = self.factor * step
            step = longest
            if point.finite:
                curved = point.loss - start.loss - start.slope * point.step
                lowest = -start.slope * point.step**2 / (2 * curved) if curved else 0.0
                step = min(max(lowest, longest / 5), longest)
        return start


#: What minimizers have unless they are given another one.
BACKTRACKING = Backtracking()


@dataclass(frozen=True)
class StrongWolfe(LineSearch):
    """A step that lowers the loss enough, and beyond which little is to be gained.

    Formula: φ(α) ≤ φ(0) + c₁ α φ′(0) and |φ′(α)| ≤ c₂ |φ′(0)|. An interval around such
    a step is made smaller, by the minima of cubic and quadratic polynomials through the
    losses and slopes at its ends, until a point in it satisfies both.

    Near a minimum losses differ by less than they are rounded. Where φ(α) is φ(0) the
    slopes alone decide, φ′(α) ≤ (1 − 2 c₁) |φ′(0)|: the approximate conditions of Hager
    and Zhang.

    Arguments:
        decrease: c₁, between 0 and ``curvature``.
        curvature: c₂, below 1: small for exact steps, as conjugate gradients need.
        width: the search ends when the interval is this small, relative to its upper
            end.
        most: how many points are tried; then the best of them is taken.
        longest: the longest step, as a multiple of the first one: how long a step may
            be depends on the weights and the loss.

    Source: Moré & Thuente, Line search algorithms with guaranteed sufficient decrease
    (1994); Hager & Zhang, A new conjugate gradient method with guaranteed descent
    (2005), eq. 4.1.

    Example:
        >>> from chainrule.optim import StrongWolfe
        >>> from chainrule.optim.line_search import Point
        >>> quartic = lambda a: Point(a, (a - 1) ** 4, 4 * (a - 1) ** 3)
        >>> found = StrongWolfe(curvature=0.1).search(quartic, quartic(0.0), 0.1)
        >>> abs(found.slope) <= 0.1 * 4
        True
    """

    decrease: float = 1e-3
    curvature: float = 0.9
    width: float = 0.1
    most: int = 20
    longest: float = 1e10

    def __post_init__(self) -> None:
        _between("StrongWolfe", "decrease", self.decrease)
        _between("StrongWolfe", "curvature", self.curvature)
        positive("StrongWolfe", "width", self.width)
        positive("StrongWolfe", "longest", self.longest)
        whole("StrongWolfe", "most", self.most)
        if self.decrease >= self.curvature:
            raise ArgumentError(
                f"StrongWolfe: decrease = {self.decrease}, curvature = "
                f"{self.curvature}: a step with both exists where decrease is smaller"
            )

    def satisfied(self, point: Point, start: Point) -> bool:
        """Whether both conditions hold, or those on slopes alone."""
        if abs(point.slope) > -self.curvature * start.slope:
            return False
        if point.loss <= start.loss + self.decrease * point.step * start.slope:
            return True
        flat = point.slope <= (2 * self.decrease - 1) * start.slope
        return flat and point.loss == start.loss

    def search(self, evaluate: Evaluate, start: Point, first: float) -> Point:
        """A point that satisfies both conditions; if there is none, the best one."""
        promised = self.decrease * start.slope
        best, interval = start, None
        most = self.longest * first
        step, longest = min(first, most), most
        for _ in range(self.most):
            point = evaluate(step)
            if point.finite and self.satisfied(point, start):
                return point
            interval = interval or Interval(start, first)
            if not point.finite:  # too far: whatever comes is nearer
                longest = step
                step = interval.shortened(step)
                continue
            if point.loss < best.loss:
                best = point
            step = interval.next_step(point, start, promised)
            if step >= longest:
                step = interval.shortened(longest) if longest < most else longest
            if interval.narrow(self.width) or step in (interval.low.step, point.step):
                break
        return best


class Interval:
    """The interval of Moré and Thuente, and the step within it to try next.

    ``low`` is its end with the smallest loss, ``other`` the other end, which is beyond
    a minimum once the interval is ``bracketed``.
    """

    def __init__(self, start: Point, first: float) -> None:
        self.low = self.other = start
        self.bracketed = False
        self.first_stage = True
        self.least, self.largest = 0.0, 5.0 * first
        self.size = self.size_before = math.inf

    def shortened(self, step: float) -> float:
        """A step a good deal nearer to the low end than one that was too long."""
        near = self.low.step + 0.2 * (step - self.low.step)
        if not self.bracketed:
            self.largest = 5.0 * near
        return near

    def narrow(self, width: float) -> bool:
        """Whether it is too small to look further in it."""
        size = self.largest - self.least
        return self.bracketed and size <= width * self.largest

    def next_step(self, point: Point, start: Point, promised: float) -> float:
        """Takes the point into the interval, and returns the next step to try."""
        enough = start.loss + promised * point.step
        if self.first_stage and point.loss <= enough and point.slope >= 0:
            self.first_stage = False
        if self.first_stage and enough < point.loss <= self.low.loss:
            # In the first stage the loss above what was promised is minimised.
            (low, other, step), self.bracketed = _moved(
                _tilted(self.low, promised),
                _tilted(self.other, promised),
                _tilted(point, promised),
                self.bracketed,
                self.least,
                self.largest,
            )
            self.low, self.other = _tilted(low, -promised), _tilted(other, -promised)
        else:
            (self.low, self.other, step), self.bracketed = _moved(
                self.low, self.other, point, self.bracketed, self.least, self.largest
            )
        if self.bracketed:
            size = abs(self.other.step - self.low.step)
            if size >= 0.66 * self.size_before:
                step = self.low.step + 0.5 * (self.other.step - self.low.step)
            self.size_before, self.size = self.size, size
            ends = self.low.step, self.other.step
            self.least, self.largest = min(ends), max(ends)
        else:
            self.least = step + 1.1 * (step - self.low.step)
            self.largest = step + 4.0 * (step - self.low.step)
        step = max(step, 0.0)
        if self.bracketed and not self.least < step < self.largest:
            step = self.low.step
        return step


def _tilted(point: Point, slope: float) -> Point:
    """A point of φ(α) − slope · α."""
    step, loss, own = point
    return Point(step, loss - slope * step, own - slope)


def _moved(
    low: Point,
    other: Point,
    new: Point,
    bracketed: bool,
    least: float,
    largest: float,
) -> tuple[tuple[Point, Point, float], bool]:
    """The ends of the interval after a new point, and the next step; whether they
    bracket a minimum. The four cases of Moré and Thuente, section 4.
    """
    opposite = new.slope * math.copysign(1.0, low.slope) < 0
    if new.loss > low.loss:  # 1: a minimum lies between
        cubic, square = _cubic(low, new), _by_loss(low, new)
        closer = abs(cubic - low.step) < abs(square - low.step)
        step = cubic if closer else cubic + (square - cubic) / 2
        bracketed = True
    elif opposite:  # 2: the slope has turned: a minimum lies between
        cubic, square = _cubic(new, low), _by_slope(new, low)
        farther = abs(cubic - new.step) > abs(square - new.step)
        step = cubic if farther else square
        bracketed = True
    elif abs(new.slope) < abs(low.slope):  # 3: the slope becomes less steep
        step = _beyond(low, other, new, bracketed, least, largest)
    elif bracketed:  # 4: as steep as before
        step = _cubic(new, other)
    else:
        step = largest if new.step > low.step else least
    if new.loss > low.loss:
        other = new
    else:
        other, low = (low if opposite else other), new
    return (low, other, step), bracketed


def _beyond(
    low: Point, other: Point, new: Point, bracketed: bool, least: float, largest: float
) -> float:
    """The next step in case 3: the cubic's minimum, if it is on the far side."""
    square = _by_slope(new, low)
    cubic = _cubic(new, low, minimum=True)
    beyond = (cubic - new.step) * (new.step - low.step) > 0
    if not math.isfinite(cubic) or not beyond:
        cubic = largest if new.step > low.step else least
    closer = abs(cubic - new.step) < abs(square - new.step)
    if not bracketed:
        step = square if closer else cubic
        return max(least, min(largest, step))
    step = cubic if closer else square
    limit = new.step + 0.66 * (other.step - new.step)
    return min(limit, step) if new.step > low.step else max(limit, step)


def _cubic(a: Point, b: Point, minimum: bool = False) -> float:
    """The minimum of the cubic through two points, seen from a."""
    width = b.step - a.step
    theta = 3.0 * (a.loss - b.loss) / width + a.slope + b.slope
    scale = max(abs(theta), abs(a.slope), abs(b.slope))
    inside = (theta / scale) ** 2 - a.slope / scale * (b.slope / scale)
    root = scale * math.sqrt(max(inside, 0.0))
    if minimum and inside <= 0:
        return math.inf
    if b.step < a.step:
        root = -root
    above = root - a.slope + theta
    below = root - a.slope + root + b.slope
    return a.step + above / below * width if below else math.inf


def _by_loss(a: Point, b: Point) -> float:
    """The minimum of the parabola through both losses and the slope at a."""
    width = b.step - a.step
    return a.step + a.slope / ((a.loss - b.loss) / width + a.slope) / 2 * width


def _by_slope(a: Point, b: Point) -> float:
    """Where the slope is 0, going by the slopes at both."""
    return a.step + a.slope / (a.slope - b.slope) * (b.step - a.step)
