"""The garbage collector rests while programs are compiled, and only then."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import chainrule as cr
from chainrule.collector import Pause


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """The collector is on, before and after."""
    gc.enable()
    yield
    assert gc.isenabled()


def test_it_rests_while_a_function_is_traced_and_is_on_again_after() -> None:
    seen: list[bool] = []

    def f(x: Any, fail: bool) -> Any:
        seen.append(gc.isenabled())
        if fail:
            raise KeyError("on purpose")
        return x * 2.0

    run = cr.compile(f)
    run(1.0, False)
    assert (seen, gc.isenabled()) == ([False], True)
    with pytest.raises(KeyError):
        run(1.0, True)
    assert (seen, gc.isenabled()) == ([False, False], True)


def test_who_has_turned_it_off_finds_it_off() -> None:
    gc.disable()
    cr.compile(lambda x: x * 3.0)(1.0)
    assert not gc.isenabled()
    gc.enable()


def test_overlapping_pauses_end_with_the_last() -> None:
    pause, entered, leave = Pause(), threading.Event(), threading.Event()

    def other() -> None:
        with pause:
            entered.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with pause:
        thread.start()
        entered.wait()
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


def test_a_forked_process_collects_although_another_thread_was_compiling() -> None:
    pause = Pause()
    pause.__enter__()
    pause.free_after_fork()
    assert gc.isenabled()
    with pause:
        assert not gc.isenabled()
