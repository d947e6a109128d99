"""Line searches on functions of one number, and their mistakes."""

import math

import pytest

from chainrule.errors import ArgumentError
from chainrule.optim import Backtracking, LineSearch, StrongWolfe
from chainrule.optim.line_search import Point

# Moré & Thuente's own test functions, section 5, φ and φ′.


def first(a, beta=2.0):
    return -a / (a**2 + beta), (a**2 - beta) / (a**2 + beta) ** 2


def second(a, beta=0.004):
    shifted = a + beta
    return shifted**5 - 2 * shifted**4, 5 * shifted**4 - 8 * shifted**3


def third(a, beta=0.01, waves=39):
    wave, turn = math.sin(waves * math.pi * a / 2), math.cos(waves * math.pi * a / 2)
    base = abs(a - 1)
    slope = 1.0 if a > 1 else -1.0
    if base <= beta:
        base, slope = (a - 1) ** 2 / (2 * beta) + beta / 2, (a - 1) / beta
    scale = 2 * (1 - beta) / (waves * math.pi)
    return base + scale * wave, slope + (1 - beta) * turn


def fourth(a, left=0.001, right=0.001):
    def part(beta):
        return math.sqrt(1 + beta**2) - beta

    p, q = math.sqrt((1 - a) ** 2 + right**2), math.sqrt(a**2 + left**2)
    return (
        part(left) * p + part(right) * q,
        -part(left) * (1 - a) / p + part(right) * a / q,
    )


FUNCTIONS = (first, second, third, fourth)
#: (decrease, curvature), as in the paper's tables 1 to 4
TOLERANCES = ((1e-3, 0.1), (0.1, 0.1), (1e-4, 0.001))


class Line:
    """A function along a line, which counts."""

    def __init__(self, function):
        self.function, self.seen = function, []

    def __call__(self, step):
        point = Point(step, *self.function(step))
        self.seen.append(point)
        return point


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("tolerances", TOLERANCES)
@pytest.mark.parametrize("begin", [1e-3, 0.1, 10.0, 1e3])
def test_strong_wolfe_finds_what_it_promises(function, tolerances, begin):
    decrease, curvature = tolerances
    if decrease < curvature:
        search = StrongWolfe(decrease=decrease, curvature=curvature, width=1e-10)
    else:
        search = StrongWolfe(decrease=decrease / 2, curvature=curvature, width=1e-10)
    line = Line(function)
    start = line(0.0)
    found = search.search(line, start, begin)
    assert found.loss <= start.loss + search.decrease * found.step * start.slope
    assert abs(found.slope) <= curvature * abs(start.slope)
    assert found in line.seen and len(line.seen) <= search.most + 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_strong_wolfe_takes_the_steps_of_dcsrch(function):
    dcsrch = pytest.importorskip("scipy.optimize._dcsrch").DCSRCH
    for begin in (1e-3, 0.1, 10.0, 1e3):
        ours, theirs = Line(function), Line(function)
        search = StrongWolfe(decrease=1e-3, curvature=0.1, width=1e-12)
        found = search.search(ours, ours(0.0), begin)
        phi = dcsrch(
            lambda a, line=theirs: line(a).loss,
            lambda a, line=theirs: line.function(a)[1],
            1e-3,
            0.1,
            1e-12,
            0.0,
            1e10,
        )
        theirs(0.0)
        start = theirs.seen[0]
        step, *_ = phi(begin, phi0=start.loss, derphi0=start.slope, maxiter=30)
        assert found.step == pytest.approx(step, rel=1e-12)
        assert [p.step for p in ours.seen] == pytest.approx(
            [p.step for p in theirs.seen], rel=1e-12
        )


@pytest.mark.parametrize("search", [Backtracking(), StrongWolfe()])
@pytest.mark.parametrize("begin", [1e-8, 0.5, 1.0, 1e6])
def test_values_that_are_no_numbers_mean_shorter_steps(search, begin):
    def falls(a):  # −log(a + 0.1), which ends at 1
        if a >= 1.0:
            return math.inf, math.nan
        return -math.log(a + 0.1), -1 / (a + 0.1)

    line = Line(falls)
    found = search.search(line, line(0.0), begin)
    assert 0 < found.step < 1.0 and found.loss < line.seen[0].loss


@pytest.mark.parametrize("search", [Backtracking(), StrongWolfe()])
def test_where_nothing_is_lower_the_start_is_returned(search):
    line = Line(lambda a: (abs(a), -1.0))  # the slope lies
    start = line(0.0)
    assert search.search(line, start, 1.0) == start
    assert len(line.seen) <= search.most + 1


@pytest.mark.parametrize("search", [Backtracking(), StrongWolfe()])
def test_the_best_point_seen_is_never_lost(search):
    for function in FUNCTIONS:
        line = Line(function)
        found = search.search(line, line(0.0), 3.0)
        assert found.loss <= line.seen[0].loss
        if isinstance(search, StrongWolfe) and not search.satisfied(
            found, line.seen[0]
        ):
            assert found.loss == min(point.loss for point in line.seen)


def test_near_a_minimum_slopes_decide_where_losses_are_rounded():
    rounded = Line(lambda a: (1.0, 1e-9 * (a - 1.0)))
    found = StrongWolfe(curvature=0.5).search(rounded, rounded(0.0), 1.0)
    assert found.step == 1.0 and len(rounded.seen) == 2


def test_a_step_beyond_the_longest_is_not_taken():
    line = Line(lambda a: (-a, -1.0))
    assert StrongWolfe(longest=7.0).search(line, line(0.0), 1.0).step == 7.0


def test_a_search_of_ones_own_is_a_method():
    class Fixed(LineSearch):
        def search(self, evaluate, start, first):
            return evaluate(0.25)

    line = Line(first)
    assert Fixed().search(line, line(0.0), 1.0).step == 0.25


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Backtracking(decrease=1.5),
            "Backtracking: decrease = 1.5: decrease must be between 0 and 1",
        ),
        (
            lambda: Backtracking(most=0),
            "Backtracking: most = 0: most must be a whole number, at least 1",
        ),
        (
            lambda: StrongWolfe(decrease=0.5, curvature=0.1),
            "StrongWolfe: decrease = 0.5, curvature = 0.1: a step with both exists "
            "where decrease is smaller",
        ),
        (
            lambda: StrongWolfe(longest=-1.0),
            "StrongWolfe: longest = -1.0: longest must be positive",
        ),
    ],
)
def test_mistakes(make, text):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert str(caught.value).splitlines()[0] == text
