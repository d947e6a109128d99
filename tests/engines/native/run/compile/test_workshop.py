"""Work shared with helping threads, and machine code that is made in that way."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.config import config
from chainrule.engines.native.run.compile.llvm import Compilation
from chainrule.engines.native.run.compile.workshop import Workshop
from chainrule.engines.native.write import program
from chainrule.recompilation.entries import folder


def helpers() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "chainrule-compiler"]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_the_order_of_the_pieces(threads: int) -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.002 if number < 3 else 0)
        return number * number

    with Workshop(slow_at_first, threads) as workshop:
        for number in range(20):
            workshop.take(number)
        assert workshop.results() == [number * number for number in range(20)]
    assert not helpers()


def test_pieces_are_done_while_others_are_still_being_made() -> None:
    done = threading.Event()

    def work(_: int) -> None:
        done.set()

    with Workshop(work, 2) as workshop:
        workshop.take(0)
        assert done.wait(10)
        assert workshop.results() == [None]


def test_one_thread_means_no_other() -> None:
    with Workshop(lambda _: threading.current_thread(), 1) as workshop:
        workshop.take(0)
        workshop.take(1)
        assert workshop.results() == [threading.current_thread()] * 2


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_of_the_work_is_raised_and_ends_it(threads: int) -> None:
    def work(number: int) -> int:
        if number == 2:
            raise ZeroDivisionError("two")
        return number

    error = pytest.raises(ZeroDivisionError, match="two")
    with error, Workshop(work, threads) as workshop:
        for number in range(6):
            workshop.take(number)
        workshop.results()
    assert not helpers()


def test_after_ctrl_c_what_nobody_has_begun_is_left_undone() -> None:
    begun, may_end, done = threading.Event(), threading.Event(), []

    def work(number: int) -> None:
        begun.set()
        may_end.wait(10)
        done.append(number)

    with pytest.raises(KeyboardInterrupt), Workshop(work, 2) as workshop:
        for number in range(50):
            workshop.take(number)
        assert begun.wait(10)
        threading.Timer(0.05, may_end.set).start()
        raise KeyboardInterrupt
    assert len(done) == 1
    assert not helpers()


def test_where_no_thread_can_start_the_giver_does_everything(monkeypatch: Any) -> None:
    def refuses(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuses)
        with Workshop(lambda n: n + 1, 4) as workshop:
            workshop.take(1)
            workshop.take(2)
            assert workshop.results() == [2, 3]


def trained() -> tuple[list[float], list[np.ndarray[Any, Any]]]:
    """Losses and weights of a few steps of a network of many different kernels."""
    cr.manual_seed(0)
    layers = [
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    ]
    model = nn.Sequential(*layers, nn.Linear(36, 24), nn.Tanh(), nn.Linear(24, 5))
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    @cr.compile(engine="native")
    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        loss = losses.cross_entropy(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 8, 8, 1)).astype("float32")
    y = rng.integers(0, 5, 8)
    found = [step(x, y).item() for _ in range(3)]
    return found, [each.numpy() for each in model.parameters()]


def test_machine_code_does_not_depend_on_how_many_compile_it(tmp_path: Path) -> None:
    made = []
    for threads in (1, 2, 4):
        config.threads, config.cache_folder = threads, tmp_path / str(threads)
        found = trained()
        files = {path.name: path.read_bytes() for path in folder().glob("*.o")}
        made.append((found, files))
    for (values, weights), files in made[1:]:
        assert values == made[0][0][0]
        for each, first in zip(weights, made[0][0][1], strict=True):
            np.testing.assert_array_equal(each, first)
        step = set(files) & set(made[0][1])
        assert step and all(files[name] == made[0][1][name] for name in step)


@pytest.mark.parametrize("size", [0, 10**9])
def test_values_do_not_depend_on_how_kernels_are_put_into_modules(
    size: int, tmp_path: Path, monkeypatch: Any
) -> None:
    config.cache_folder = tmp_path / "usual"
    values, weights = trained()
    monkeypatch.setattr(program, "LARGE_MODULE", size)
    config.cache_folder = tmp_path / "other"
    others, other_weights = trained()
    assert others == values
    for each, first in zip(other_weights, weights, strict=True):
        np.testing.assert_array_equal(each, first)


def test_an_error_while_code_is_made_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def fails(self: Compilation) -> Compilation:
        raise MemoryError("LLVM")

    config.threads, config.cache_folder = 2, tmp_path
    with monkeypatch.context() as patched:
        patched.setattr(Compilation, "run", fails)
        with pytest.raises(MemoryError, match="LLVM"):
            trained()
    assert not helpers()
    assert trained()[0]
