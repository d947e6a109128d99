"""What large loops read is asked for before it is needed, pass by pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.engines.native.text import PREFETCH, text_of


def prefetches(f: Any, x: Any) -> int:
    """How many there are in the text of the program."""
    return text_of(cr.trace(f, x)).count(PREFETCH)


@pytest.mark.parametrize(
    ("shape", "ahead"), [((100,), False), ((1 << 17,), True), ((300, 300), True)]
)
def test_large_loops_ask_ahead(shape: tuple[int, ...], ahead: bool) -> None:
    x = np.ones(shape, np.float32)
    assert (prefetches(lambda x: cr.exp(x) * x, x) > 0) == ahead


def test_later_passes_ask_ahead_where_a_row_does_not_stay_in_the_cache() -> None:
    short, long = np.ones((200, 1000), np.float32), np.ones((2, 100_000), np.float32)
    assert 0 < prefetches(cr.softmax, short) < prefetches(cr.softmax, long)


def test_numbers_that_lie_apart_are_not_asked_for() -> None:
    x = np.ones((1000, 7, 100), np.float32)
    assert prefetches(lambda x: cr.exp(x[:, 0, 0]), x) == 0
