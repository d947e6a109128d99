"""The memory programs work in: lent for a run where it is large, and given back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.config import config
from chainrule.engines.native.run import executable, memory
from chainrule.engines.native.run.memory import LENT_FROM, borrow, give_back, let_go
from chainrule.errors import BoundsError

#: Rows of a batch with which a program works in more than ``LENT_FROM`` bytes.
MANY = 4000
W = np.random.default_rng(0).normal(size=(96, 96)).astype(np.float32) / 10


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What is lent, none of it at first."""
    gc.collect()
    monkeypatch.setattr(memory, "_idle", [])
    with config.using(engine="native"):
        yield memory._idle


def network() -> Any:
    """Two products; what is between them is in the memory that programs work in."""
    w = cr.parameter(W)
    return cr.compile(lambda x: cr.tanh(x @ w) @ w)


def batch(rows: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, 96)).astype(np.float32)


def check(f: Any, x: Any) -> None:
    np.testing.assert_allclose(f(x).numpy(), np.tanh(x @ W) @ W, atol=1e-3)


def needs(f: Any) -> list[int]:
    return [each.executable.arena_bytes for each in f.specialisations]


def sizes(lent: list[Any]) -> list[int]:
    return [each.memory.nbytes for each in lent]


def test_programs_of_many_lengths_work_in_the_memory_of_the_longest(
    idle: list[Any],
) -> None:
    f = network()
    for rows in (MANY, MANY + 500, MANY - 500, MANY + 500, MANY):
        check(f, batch(rows))
    assert len(needs(f)) == 3
    assert min(needs(f)) >= LENT_FROM
    assert sizes(idle) == [max(needs(f))]


def test_memory_is_freed_with_the_program_that_needed_so_much(idle: list[Any]) -> None:
    small, large = network(), network()
    check(small, batch(MANY))
    check(large, batch(2 * MANY))
    del large
    gc.collect()
    assert idle == []
    check(small, batch(MANY))
    assert sizes(idle) == needs(small)


def test_small_programs_are_lent_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: int) -> None:
        raise AssertionError("it was lent some")

    monkeypatch.setattr(executable, "borrow", never)
    check(network(), batch(5))
    with pytest.raises(AssertionError, match="lent"):
        check(network(), batch(MANY))


def test_programs_that_run_at_the_same_time_have_memory_each(idle: list[Any]) -> None:
    def work(seed: int) -> None:
        f = network()
        for turn in range(10):
            check(f, batch(MANY + 100 * seed, seed + turn))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(idle) <= 4


def test_many_steps_in_one_call_are_lent_memory_too(idle: list[Any]) -> None:
    f, x = network(), batch(2 * MANY)
    order = np.arange(2 * MANY).reshape(2, MANY)
    results = f.for_rows(order, x).numpy()
    np.testing.assert_allclose(results.reshape(-1, 96), np.tanh(x @ W) @ W, atol=1e-3)
    assert sizes(idle) == needs(f)


def test_under_debug_a_program_has_memory_of_its_own(idle: list[Any]) -> None:
    """Which is filled with NaN before every run."""
    with config.using(debug=True):
        check(network(), batch(MANY))
    assert idle == []


def test_smaller_memory_makes_room_for_larger(idle: list[Any]) -> None:
    first = borrow(100)
    assert idle == []
    give_back(first)
    second, third = borrow(50), borrow(60)
    assert second is first
    assert third is not first
    give_back(second)
    give_back(third)
    larger = borrow(120)
    assert larger.memory.nbytes == 120
    assert larger.address == larger.memory.ctypes.data
    give_back(larger)
    assert sizes(idle) == [100, 120]
    let_go(100)
    assert sizes(idle) == [120]


def test_a_run_that_fails_gives_its_memory_back(idle: list[Any]) -> None:
    w = cr.parameter(W)
    f = cr.compile(lambda x, i: cr.tanh(x @ w)[i] @ w)
    with pytest.raises(BoundsError):
        f(batch(MANY), np.array([MANY]))
    assert sizes(idle) == needs(f)
