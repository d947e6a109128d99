"""What is made ahead comes in order, a few at a time, and errors where they belong."""

from __future__ import annotations

import threading
import time

import pytest

from chainrule.data.prefetch import AHEAD, prefetched


def test_results_come_in_order_however_long_each_takes() -> None:
    def make(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number

    assert list(prefetched(make, range(20), workers=4)) == list(range(20))


def test_only_a_few_are_made_ahead() -> None:
    made: list[int] = []
    found = prefetched(lambda number: made.append(number), range(100), workers=2)
    next(found)
    time.sleep(0.05)
    assert len(made) <= 2 + AHEAD + 1
    found.close()


def test_an_error_is_raised_where_its_result_would_come() -> None:
    def make(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    found = prefetched(make, range(9), workers=3)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(found)


def test_given_up_it_begins_nothing_more_and_leaves_no_thread() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        time.sleep(0.01)
        made.append(number)
        return number

    found = prefetched(make, range(1000), workers=2)
    next(found)
    found.close()
    limit = time.monotonic() + 5
    while any(t.name.startswith("chainrule-data") for t in threading.enumerate()):
        assert time.monotonic() < limit
        time.sleep(0.01)
    assert len(made) < 10
