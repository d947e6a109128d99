"""Many calls in one, ``repeat`` and ``for_rows``: to the bit what single calls do."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.config import config

ENGINES = ("native", "numpy")


class Case:
    """A network with all that changes in a step, and its data."""

    def __init__(self, optimizer: Any, engine: str = "native", **options: Any) -> None:
        cr.manual_seed(3)
        rng = np.random.default_rng(0)
        dtype = options.get("dtype", "float32")
        self.x = rng.normal(size=(50, 7)).astype(dtype)
        self.mask = rng.random((50, 5)) < 0.7
        self.y = rng.integers(0, 3, 50)
        self.first = nn.Linear(7, 5, dtype=dtype)
        self.norm = nn.BatchNorm1d(5, dtype=dtype)
        self.dropout, self.last = nn.Dropout(0.4), nn.Linear(5, 3, dtype=dtype)
        parts = (self.first, self.norm, self.last)
        parameters = [p for part in parts for p in part.parameters()]
        self.optimizer = optimizer(parameters)
        self.variables = parameters + [v for _, v in self.norm.named_variables()]

        def step(x: Any, rest: Any, heat: float) -> Any:
            mask, y = rest["mask"], rest["y"]
            h = self.norm(cr.tanh(self.first(x)), training=True)
            h = self.dropout(cr.where(mask, h, 0.0), training=True)
            logits = self.last(h) / heat
            loss = losses.cross_entropy(logits, y)
            self.optimizer.step(cr.backprop(loss))
            return {"loss": loss, "right": (logits.argmax(axis=1) == y).sum()}, logits

        self.step = cr.compile(step, engine=engine)

    def rest(self, rows: Any = slice(None)) -> dict[str, Any]:
        return {"mask": self.mask[rows], "y": self.y[rows]}

    def one_by_one(self, order: Any) -> list[Any]:
        return [self.step(self.x[r], self.rest(r), 1.5) for r in order]

    def values(self) -> list[Any]:
        state = self.optimizer.state_dict()
        arrays = [v.numpy() for v in self.variables]
        return [*arrays, *(np.asarray(a) for a in cr.tree.flatten(state)[0])]


OPTIMIZERS = {
    "momentum": lambda w: optim.Momentum(w, lr=0.1),
    "adam": lambda w: optim.Adam(w, lr=0.01),
    "schedule": lambda w: optim.AdamW(w, lr=optim.Cosine(0.05, steps=11)),
    "clipping": lambda w: optim.SGD(w, lr=0.5, transforms=[optim.ClipNorm(0.1)]),
}


def order_of(steps: int, size: int = 8, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 50, (steps, size))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_in_one_call_are_the_single_steps(
    name: str, dtype: str, engine: str
) -> None:
    order = order_of(9)
    single = Case(OPTIMIZERS[name], engine, dtype=dtype)
    expected = single.one_by_one(order)
    many = Case(OPTIMIZERS[name], engine, dtype=dtype)  # the same seed again
    for part in (order[:4], order[4:]):
        found, logits = many.step.for_rows(part, many.x, many.rest(), 1.5)
        each = expected[: len(part)]
        expected = expected[len(part) :]
        np.testing.assert_array_equal(logits, [e[1].numpy() for e in each])
        for key in ("loss", "right"):
            np.testing.assert_array_equal(found[key], [e[0][key].item() for e in each])
    for a, b in zip(single.values(), many.values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_single_and_many_steps_share_their_program() -> None:
    case = Case(OPTIMIZERS["adam"])
    case.step.for_rows(order_of(3), case.x, case.rest(), 1.5)
    case.step(case.x[:8], case.rest(slice(8)), 1.5)
    case.step.for_rows(order_of(2, 5), case.x, case.rest(), 1.5)  # an uneven batch
    assert len(case.step.specialisations) == 2


@pytest.mark.parametrize("debug", [False, True])
def test_repeat_calls_many_times(debug: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "debug", debug)
    w, source = cr.parameter(np.ones(3, "f4")), cr.random.Generator(4)

    @cr.compile
    def walk(by: Any) -> Any:
        w.assign(w + by * source.normal(3))
        return w.read(), w.read().sum()

    found, sums = walk.repeat(5, 0.5)
    source.seed(4)
    w.assign(np.ones(3, "f4"))
    single = [walk(0.5) for _ in range(5)]
    np.testing.assert_array_equal(found, [a.numpy() for a, _ in single])
    np.testing.assert_array_equal(sums, [b.item() for _, b in single])


def test_two_threads_compute_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(threads: int) -> Any:
        monkeypatch.setattr(config, "threads", threads)
        cr.manual_seed(0)
        model = nn.Linear(300, 200)
        optimizer = optim.SGD(model.parameters(), lr=0.01)

        @cr.compile
        def step(x: Any) -> Any:
            loss = (model(x) ** 2).mean()
            optimizer.step(cr.backprop(loss))
            return loss

        x = np.random.default_rng(0).normal(size=(400, 300)).astype("f4")
        order = np.arange(400).reshape(2, 200).repeat(4, axis=0)
        return step.for_rows(order, x).numpy(), model.weight.numpy()

    for one, two in zip(trained(1), trained(2), strict=True):
        np.testing.assert_array_equal(one, two)


def test_arrays_of_any_layout_and_tensors() -> None:
    x = np.arange(24.0).reshape(4, 6)[:, ::2]  # float64, with strides
    f = cr.compile(lambda x, k: (x.sum(), (x * k).max()))
    order = [[3, 0], [1, 1]]
    for argument in (x, cr.tensor(x)):
        sums, largest = f.for_rows(order, argument, 2)
        np.testing.assert_array_equal(sums, [x[r].sum() for r in order])
        np.testing.assert_array_equal(largest, [2 * x[r].max() for r in order])


def test_long_rows_and_rows_of_odd_bytes() -> None:
    rng = np.random.default_rng(0)
    flags, wide = rng.random((9, 3)) < 0.5, rng.normal(size=(9, 33)).astype("f4")
    f = cr.compile(lambda flags, wide: (flags, wide))
    order = rng.integers(0, 9, (6, 4))
    found = f.for_rows(order, flags, wide)
    np.testing.assert_array_equal(found[0], flags[order])
    np.testing.assert_array_equal(found[1], wide[order])


def test_an_error_leaves_the_steps_before_it_done() -> None:
    table, steps = cr.parameter(np.ones(4, "f4")), cr.parameter(np.zeros(1, "f4"))

    @cr.compile
    def look(i: Any) -> Any:
        steps.assign(steps + 1.0)
        return cr.take(table, i)

    ids = np.array([0, 1, 2, 9, 3])
    with pytest.raises(cr.errors.BoundsError):
        look.for_rows(np.arange(5)[:, None], ids)
    assert steps.numpy() == 3
    look.for_rows([[0], [1]], ids)
    assert steps.numpy() == 5


def test_a_watched_program_stops_at_the_step_that_makes_a_nan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "check_numerics", True)
    w = cr.parameter(3.0)

    @cr.compile
    def shrink(x: Any) -> Any:
        w.assign(w - x.sum())
        return cr.log(w)

    with pytest.raises(cr.errors.NumericsError, match="log"):
        shrink.for_rows(np.arange(9)[:, None], np.ones(9, "f4"))
    assert w.item() == 1.0


def test_ctrl_c_ends_it_between_two_steps() -> None:
    w = cr.Variable(np.zeros((), np.int64))

    @cr.compile
    def count() -> None:
        w.assign(w + 1)

    most = 10**15  # months: no processor is done before the signal comes
    count.repeat(1000)  # compiled
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            count.repeat(most)
    finally:
        timer.cancel()
    done = w.item()
    assert 1000 < done < most
    count()
    assert w.item() == done + 1


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        ([0, 1], "ArgumentError", "rows (2,) of int64: expected integers (steps, rows"),
        ([[0.5]], "ArgumentError", "rows (1, 1) of float64: expected integers"),
        (np.empty((0, 4), int), "ArgumentError", "rows (0, 4) of int64"),
        ([[0, 6]], "BoundsError", "f: row 6 of 6: they are 0 to 5"),
        ([[-1, 0]], "BoundsError", "f: row -1 of 6: they are 0 to 5"),
    ],
)
def test_wrong_rows_are_refused(rows: Any, error: str, text: str) -> None:
    def f(x: Any) -> Any:
        return x.sum()

    with pytest.raises(getattr(cr.errors, error)) as raised:
        cr.compile(f).for_rows(rows, np.ones((6, 2), "f4"))
    assert text in str(raised.value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("times", [10**15, 10**17, 10**21])
def test_results_that_fit_into_no_memory_are_refused_with_their_size(
    engine: str, times: int
) -> None:
    total = cr.parameter([1.0, 2.0, 3.0])

    def f(x: Any) -> Any:
        total.assign(total + x)
        return total, total.sum()

    with pytest.raises(cr.errors.ArgumentError) as caught:
        cr.compile(f, engine=engine).repeat(times, 1.0)
    assert caught.value.what == (
        f"many calls in one: the results of {times} calls take {16 * times} bytes: "
        "they do not fit into memory"
    )
    assert caught.value.fix == "fewer calls at a time; or return less, such as a sum"
    np.testing.assert_array_equal(total.numpy(), [1, 2, 3])


def test_what_cannot_be_is_refused() -> None:
    f = cr.compile(lambda x: x + 1.0)
    with pytest.raises(cr.errors.ArgumentError, match="times=0: expected a whole"):
        f.repeat(0, 1.0)
    with pytest.raises(cr.errors.ArgumentError, match="no argument is an array"):
        f.for_rows([[0]], 1.0)
    with pytest.raises(cr.errors.TraceError, match="cannot be part of another"):
        cr.compile(lambda x: f.repeat(2, x))(1.0)
    with pytest.raises(cr.errors.TraceError, match="cannot be part of another"):
        cr.grad(lambda x: f.repeat(2, x).sum())(cr.tensor(1.0))
