"""Tracing and compiling: the same results as without, and what is compiled when."""

from __future__ import annotations

import _thread
import copy
import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.registry import ENGINES, engine_named
from chainrule.errors import ArgumentError, OptionError, TraceError

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def counted(f: Any) -> tuple[Any, list[None]]:
    """A function, and a list with one element for each time that it ran in Python."""
    calls: list[None] = []

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        return f(*args, **kwargs)

    return wrapper, calls


# When it is compiled. -----------------------------------------------------------------


def test_the_same_kind_of_arguments_is_traced_once() -> None:
    f, calls = counted(lambda x, scale: x * scale)
    run = cr.compile(f)
    for number in (1.0, 2.0, np.float32(3.0), np.float64(4.0)):
        assert run(X, number).numpy().tolist() == (X * number).tolist()
    run(cr.tensor(X), 5.0)
    run(X[::-1], 5.0)
    run(np.asfortranarray(X), cr.tensor(1.0))
    assert len(calls) == 1


def test_another_shape_dtype_structure_or_setting_is_traced_anew() -> None:
    f, calls = counted(lambda x, **_: cr.sum(x[0] if isinstance(x, tuple) else x))
    run = cr.compile(f)
    for argument in (X, X[:1], X.astype(np.float64), X > 1, (X,), 1.0):
        run(argument)
        run(argument)
    run(X, key=None)
    cr.config.dtype = "float64"
    run(X)
    assert len(calls) == 9  # twice for the array of float64


def test_ints_strings_and_bools_are_part_of_the_program() -> None:
    def power(x: Any, n: int, how: str = "times", negate: bool = False) -> Any:
        y = x
        for _ in range(n - 1):
            y = y * x if how == "times" else y + x
        return -y if negate else y

    f, calls = counted(power)
    run = cr.compile(f)
    for _ in range(2):
        assert run(2.0, 3).item() == 8.0
        assert run(2.0, 4).item() == 16.0
        assert run(2.0, 4, how="plus").item() == 8.0
        assert run(2.0, 4, negate=True).item() == -16.0
        assert run(2.0, True).item() == 2.0
    assert len(calls) == 6  # once without the value of n, which range(n) needs


# What it answers. ---------------------------------------------------------------------

Pair = namedtuple("Pair", "first second")


def test_arguments_and_results_are_nested_as_they_are_without_compiling() -> None:
    def f(batch: Any, *rest: Any, scale: float = 2.0, **named: Any) -> Any:
        return {
            "pair": Pair(batch["x"] * scale, [rest[0], None]),
            "named": OrderedDict(named),
            "n": (3, True, 2.5, np.arange(2)),
            "empty": (),
        }

    arguments = ({"x": X}, 1.0)
    eager = f(*arguments, z=X)
    result = cr.compile(f)(*arguments, z=X)
    assert isinstance(result["pair"], Pair)
    assert isinstance(result["named"], OrderedDict)
    np.testing.assert_array_equal(result["pair"].first.numpy(), eager["pair"].first)
    assert result["pair"].second[0].item() == 1.0
    assert result["pair"].second[1] is None
    assert [each.dtype for each in result["n"]] == ["int64", "bool", "float32", "int64"]
    assert result["empty"] == ()


def test_results_have_no_history_and_arguments_no_gradient() -> None:
    y = cr.compile(lambda x: x * x)(cr.tensor(X))
    assert y.is_leaf
    assert y.numpy().dtype == np.float32


def test_no_result_shares_memory_with_anything_else() -> None:
    w, v = cr.Variable(X), cr.Variable(X)
    fixed = cr.tensor(X)

    @cr.compile
    def f(x: Any) -> Any:
        y = x * 1.5
        w.assign(y)
        v.assign(y)
        return (
            x,
            x.T,
            x[0],
            x.reshape(-1),
            y,
            y,
            w,
            fixed,
            fixed,
            cr.broadcast_to(x, (2, 2, 3)),
        )

    x = X.copy()
    results = f(x)
    storages = [each.numpy() for each in results]
    storages += [x, w.array, v.array, fixed.value]
    for i, one in enumerate(storages):
        for other in storages[i + 1 :]:
            assert not np.shares_memory(one, other)
    before = [each.numpy().copy() for each in results]
    x[:] = 99.0
    f(X)
    for each, value in zip(results, before, strict=True):
        np.testing.assert_array_equal(each.numpy(), value)
    assert all(each.array.flags.c_contiguous for each in (w, v))


def test_arrays_of_any_layout_and_byte_order_are_taken() -> None:
    f = cr.compile(lambda x: x + 1)
    for x in (X, X[::-1], X.T, X[:, ::2], np.asfortranarray(X), X.astype(">f4"), X[:0]):
        result = f(x).numpy()
        np.testing.assert_array_equal(result, x + 1)
        assert result.dtype.isnative


@pytest.mark.parametrize("dtype", ["U1", "O", "complex64", "float16", "datetime64[s]"])
def test_arrays_that_no_tensor_can_hold_are_an_error(dtype: str) -> None:
    run = cr.compile(lambda x, batch: x)
    with pytest.raises(cr.errors.DTypeError) as caught:
        run(1.0, {"a": 2.0, "b": np.zeros(2, dtype)})
    if dtype != "float16":
        assert caught.value.what.startswith("compile: batch.1 of <lambda> is an array")


# Variables. ---------------------------------------------------------------------------


def test_variables_are_read_and_assigned_as_without_compiling() -> None:
    count, unread = cr.Variable(0, name="count"), cr.Variable(1.0)

    def f(x: Any) -> Any:
        before = count + 0
        count.assign(count + 1)
        count.assign(count * 2)
        unread.assign(x)
        return before, count

    run = cr.compile(f)
    assert [each.item() for each in run(5.0)] == [0, 2]
    assert [each.item() for each in run(7.0)] == [2, 6]
    count.assign(100)
    assert [each.item() for each in run(7.0)] == [100, 202]
    assert (count.item(), unread.item()) == (202, 7.0)


def test_two_variables_can_be_exchanged() -> None:
    a, b = cr.Variable([1.0]), cr.Variable([2.0])

    @cr.compile
    def swap() -> None:
        a_now, b_now = a + 0.0, b
        a.assign(b_now)
        b.assign(a_now)

    swap()
    assert (a.item(), b.item()) == (2.0, 1.0)
    swap()
    assert (a.item(), b.item()) == (1.0, 2.0)
    assert not np.shares_memory(a.array, b.array)


def test_a_variable_as_argument_is_that_variable() -> None:
    def double(w: Any) -> Any:
        w.assign(w * 2)
        return cr.backprop((w * w).sum())[w]

    run = cr.compile(double)
    for value in (1.0, 10.0):
        w = cr.parameter(value)
        assert run(w).item() == 4 * value
        assert w.item() == 2 * value


def test_an_error_leaves_every_variable_as_it_was() -> None:
    w, v = cr.Variable(1.0), cr.Variable(2.0)

    @cr.compile
    def f(i: Any, fail: bool) -> Any:
        w.assign(w + 1)
        if fail:
            raise KeyError("on purpose")
        v.assign(cr.take(cr.tensor([5.0, 6.0]), i))
        return v

    with pytest.raises(KeyError):
        f(np.array(0), True)
    with pytest.raises(cr.errors.BoundsError):
        f(np.array(7), False)
    assert (w.item(), v.item()) == (1.0, 2.0)
    assert f(np.array(1), False).item() == 6.0
    assert (w.item(), v.item()) == (2.0, 6.0)


def test_a_tensor_from_outside_is_a_constant_with_the_value_it_has() -> None:
    """Not the recipe that it was once computed by, nor the variable in that recipe."""
    w = cr.parameter(2.0)
    doubled = w * 2

    def f(x: Any) -> Any:
        loss = x * doubled * w
        return loss, cr.backprop(loss)[doubled]

    run = cr.compile(f)
    assert [each.item() for each in run(1.0)] == [each.item() for each in f(1.0)]
    w.assign(10.0)
    assert [each.item() for each in run(1.0)] == [40.0, 10.0]
    assert [each.item() for each in f(1.0)] == [40.0, 10.0]
    graph = cr.trace(f, 1.0)
    assert len(graph.variables) == 1
    assert {node.op.name for node in graph.operations} == {"multiply"}


def test_variables_are_compiled_into_programs_but_kept_alive_by_nothing_else() -> None:
    def compiled() -> tuple[Any, weakref.ref[Any]]:
        w = cr.parameter(np.ones(3))
        run = cr.compile(lambda x: (w * x).sum())
        run(X[0])
        return run, weakref.ref(w)

    run, watch = compiled()
    assert watch() is not None
    del run
    gc.collect()
    assert watch() is None


# Composition. -------------------------------------------------------------------------


def test_a_compiled_function_inside_another_is_part_of_it() -> None:
    inner_function, calls = counted(lambda x: cr.exp(x) * 2)
    inner = cr.compile(inner_function)
    outer = cr.compile(lambda x: inner(x) + inner(x + 1))
    first = outer(X)
    outer(X)
    assert len(calls) == 2
    np.testing.assert_allclose(
        first.numpy(), 2 * np.exp(X) + 2 * np.exp(X + 1), rtol=1e-6
    )
    assert not inner.specialisations
    graph = cr.trace(outer, X)
    assert [node.op.name for node in graph.operations].count("exp") == 2


class Model:
    """A class with a compiled method and state of its own."""

    def __init__(self, start: float) -> None:
        self.w = cr.parameter(start)

    @cr.compile
    def step(self, x: Any, *, scale: float = 1.0) -> Any:
        """Adds to the parameter."""
        self.w.assign(self.w + x * scale)
        return self.w


def test_methods_are_compiled_for_each_instance() -> None:
    one, other = Model(1.0), Model(100.0)
    assert one.step(1.0).item() == 2.0
    assert other.step(1.0, scale=2.0).item() == 102.0
    assert one.step(1.0).item() == 3.0
    assert (one.w.item(), other.w.item()) == (3.0, 102.0)
    assert one.step.__name__ == "step"
    assert Model.step.__doc__ == "Adds to the parameter."
    watch = weakref.ref(one)
    del one
    gc.collect()
    assert watch() is None
    assert copy.deepcopy(other).step(1.0).item() == 103.0
    assert other.w.item() == 102.0


@pytest.mark.parametrize("call", [lambda m: m.step(1.0), lambda m: m.step])
def test_a_bound_method_keeps_its_instance(call: Any) -> None:
    found = call(Model(1.0))
    found = found(1.0) if callable(found) else found
    assert found.item() == 2.0


@dataclass
class Unhashable:
    """Instances of a dataclass with equality have no hash."""

    factor: float

    @cr.compile
    def apply(self, x: Any) -> Any:
        """x times the factor."""
        return x * self.factor


def test_a_method_needs_no_hashable_instance() -> None:
    assert Unhashable(3.0).apply(2.0).item() == 6.0
    with pytest.raises(ArgumentError) as caught:
        cr.compile(lambda x, u: x)(1.0, Unhashable(3.0))
    assert caught.value.what == (
        "compile: u of <lambda> is of type Unhashable, which has no hash: there is no "
        "telling whether a program for it exists"
    )


def test_a_compiled_function_looks_like_the_function() -> None:
    @cr.compile(engine="numpy")
    def f(x: Any) -> Any:
        """The documentation."""
        return x

    assert (f.__name__, f.__doc__) == ("f", "The documentation.")
    assert repr(f) == "<compiled f: 0 specialisations>"
    f(1.0)
    assert repr(f) == "<compiled f: 1 specialisations>"
    with pytest.raises(ArgumentError, match="3 is not a function"):
        cr.compile(3)


async def _coroutine(x: Any) -> Any:
    return x


@pytest.mark.parametrize(
    ("f", "what", "fix"),
    [
        (
            cr.Variable,
            "Variable is a class",
            "cr.compile(Variable(…)) compiles an instance",
        ),
        (
            lambda x: (yield x),
            "<lambda> is a generator function",
            "return a list in place of yield",
        ),
        (
            _coroutine,
            "_coroutine is a coroutine function",
            "compile what it computes, without await",
        ),
        (3, "3 is not a function", None),
    ],
)
def test_only_functions_that_return_once_are_compiled(
    f: Any, what: str, fix: str | None
) -> None:
    with pytest.raises(ArgumentError) as caught:
        cr.compile(f)
    assert (caught.value.what, caught.value.fix) == (f"compile: {what}", fix)


def test_threads_share_a_compiled_function() -> None:
    count = cr.Variable(0)
    traced: list[None] = []

    @cr.compile
    def f(x: Any) -> Any:
        traced.append(None)
        count.assign(count + 1)
        return (x @ x.T).sum() + count * 0

    wanted = (X @ X.T).sum()
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(200):
            if abs(f(X).item() - wanted) > 1e-3:
                wrong.append(None)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (count.item(), wrong, len(traced)) == (1600, [], 1)


def test_a_defaultdict_is_a_dict_of_arguments() -> None:
    given = defaultdict(list, {"x": X, "y": 2.0})
    answer = cr.compile(lambda d: {"product": d["x"] * d["y"], **d})(given)
    np.testing.assert_array_equal(answer["product"].numpy(), X * 2)
    assert type(cr.compile(lambda d: d)(given)) is dict


# What tracing cannot do. --------------------------------------------------------------


@pytest.mark.parametrize(
    "look",
    [
        lambda x: 1 if x.sum() > 0 else 2,
        lambda x: float(x.sum()),
        lambda x: int(x.sum()),
        lambda x: [0, 1][x.astype("int64")[0, 0]],
        lambda x: x.numpy(),
        lambda x: np.asarray(x),
        lambda x: x.tolist(),
        lambda x: x.sum().item(),
        lambda x: f"{x.sum():.3f}",
        lambda x: cr.tensor([x.sum(), x.sum()]),
        lambda x: x[x > 0],
        lambda x: max(x[0]),
        lambda x: x.sum() in [1.0],
        lambda x: range(x.astype("int64")[0, 0]),
    ],
)
def test_looking_at_a_value_is_an_error_that_names_the_way_out(look: Any) -> None:
    with pytest.raises(
        TraceError, match=r"while (<lambda>|a function) is traced"
    ) as caught:
        cr.compile(look)(X)
    assert "cr.where(" in str(caught.value)
    assert "test_compile.py" in str(caught.value)


def test_a_value_that_leaves_the_function_by_the_back_door_is_an_error() -> None:
    kept: list[Any] = []
    run = cr.compile(lambda x: kept.append(x * 2))
    run(X)
    for use in (
        lambda: kept[0] + 1,
        lambda: kept[0].numpy(),
        lambda: bool(kept[0].sum()),
        lambda: cr.parameter(X).assign(kept[0]),
    ):
        with pytest.raises(TraceError, match="compiled function that has ended"):
            use()
    for use in (lambda: cr.compile(lambda x: x + kept[0])(X), lambda: run(kept[0])):
        with pytest.raises(TraceError):
            use()
    with pytest.raises(TraceError, match="made while another function was traced"):
        cr.trace(lambda: kept[0])


def test_shapes_are_known_while_tracing() -> None:
    def f(x: Any) -> Any:
        n, m = x.shape
        return x.reshape(m, n) * len(x) * x.ndim * x.size if n < m else x

    np.testing.assert_array_equal(cr.compile(f)(X).numpy(), X.reshape(3, 2) * 2 * 2 * 6)


# Engines and settings. ----------------------------------------------------------------


def test_an_unknown_engine_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match="did you mean 'numpy'"):
        cr.compile(lambda x: x, engine="nunpy")
    cr.config.engine = "no such engine"
    with pytest.raises(OptionError, match="unknown engine 'no such engine'"):
        cr.compile(lambda x: x)(1.0)


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_an_engine_knows_its_name(name: str) -> None:
    assert engine_named(name).name == name


def test_compiled_code_is_checked_for_nan_only_on_demand() -> None:
    f = cr.compile(lambda x: cr.log(x))
    assert np.isnan(f(-1.0).numpy())
    with cr.check_numerics(), pytest.raises(cr.errors.NumericsError, match="log: NaN"):
        f(-1.0)


def test_check_numerics_inside_of_a_compiled_function_is_an_error() -> None:
    def f(x: Any) -> Any:
        with cr.check_numerics():
            return cr.log(x)

    with pytest.raises(TraceError, match="check_numerics: f is being traced") as caught:
        cr.compile(f)(-1.0)
    assert "around the call" in str(caught.value)


# The short way of a call. -------------------------------------------------------------

ENGINE_NAMES = ("numpy", "native")


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_arguments_of_every_form_give_the_same_however_often_they_are_given(
    name: str,
) -> None:
    f, calls = counted(lambda x, y: x * 2.0 + y)
    run = cr.compile(f, engine=name)
    swapped = X.astype(X.dtype.newbyteorder())
    strided = np.repeat(X, 2, axis=1)[:, ::2]
    for _ in range(3):
        for x in (X, cr.tensor(X), swapped, strided, cr.tensor(X.T).T):
            for y in (0.5, np.float64(0.5), cr.tensor(0.5), np.full((), 0.5, "f4")):
                np.testing.assert_array_equal(run(x, y).numpy(), X * 2 + 0.5)
    assert len(calls) == 1


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_a_setting_that_changes_between_calls_is_seen(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cr.config, "engine", name)
    run = cr.compile(lambda x: x * 1.0)
    for dtype in ("float32", "float64", "float32"):
        monkeypatch.setattr(cr.config, "dtype", dtype)
        assert run(2.5).dtype == dtype
    assert len(run.specialisations) == 2
    monkeypatch.setattr(cr.config, "engine", ENGINE_NAMES[name == "numpy"])
    run(2.5)
    assert len(run.specialisations) == 3
    monkeypatch.setattr(cr.config, "debug", not cr.config.debug)
    run(2.5)
    assert len(run.specialisations) == 4


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_a_tensor_without_a_value_is_an_error_after_good_calls_too(name: str) -> None:
    run = cr.compile(lambda x: x + 1.0, engine=name)
    run(cr.tensor(X))
    left: list[Any] = []
    cr.trace(lambda x: left.append(x) or x, X)
    with pytest.raises(TraceError, match="a compiled function's argument"):
        run(left[0])


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_variables_changed_or_looked_at_between_calls_are_right(name: str) -> None:
    w, v = cr.Variable(X), cr.Variable(X * 0)

    @cr.compile(engine=name)
    def step(x: Any) -> Any:
        w.assign(w + x)
        v.assign(v + w)
        return w.sum()

    expected_w, expected_v = X.copy(), X * 0
    kept: list[tuple[Any, Any]] = []
    for number in range(12):
        if number % 4 == 1:
            w.assign(X * number)
            expected_w = X * np.float32(number)
        if number % 3 == 2:  # a graph, and an array, that must stay as they are
            kept += [(w * 1.0, expected_w), (v.numpy(), expected_v)]
            kept.append((w.read(), expected_w))
        expected_w = expected_w + 1
        expected_v = expected_v + expected_w
        assert step(1.0).item() == expected_w.sum()
    np.testing.assert_array_equal(w.numpy(), expected_w)
    np.testing.assert_array_equal(v.numpy(), expected_v)
    for found, value in kept:
        np.testing.assert_array_equal(np.asarray(found), value)


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_two_programs_that_update_one_variable_take_turns(name: str) -> None:
    w = cr.Variable(X)

    def adder(amount: float) -> Any:
        return cr.compile(lambda: w.assign(w + amount), engine=name)

    one, ten = adder(1.0), adder(10.0)
    for _ in range(5):
        one()
        ten()
        one()
    np.testing.assert_array_equal(w.numpy(), X + 60)


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_a_result_has_the_line_that_called_and_is_otherwise_a_plain_leaf(
    name: str,
) -> None:
    run = cr.compile(lambda x: (x + 1.0, {"twice": x * 2.0}), engine=name)
    for _ in range(2):
        first, second = run(X)
        for found in (first, second["twice"]):
            assert found.line is not None
            assert found.line.text == "first, second = run(X)"
            plain = cr.tensor(found.numpy())
            for slot in ("op", "inputs", "name", "shape", "dtype", "owner", "literal"):
                assert getattr(found, slot) == getattr(plain, slot), slot
            assert dict(found.params) == {}
            assert found.origin is None
            assert found.age < plain.age


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_a_compiled_function_may_be_the_first_that_a_thread_calls(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", errors.append)
    w = cr.Variable(0.0)

    @cr.compile(engine=name)
    def step(x: Any) -> Any:
        w.assign(w + x)
        return w * 1.0

    step(1.0)
    running, end = _thread._count(), time.monotonic() + 60
    _thread.start_new_thread(step, (1.0,))
    while w.array != 2.0 or _thread._count() > running:
        assert time.monotonic() < end
        time.sleep(0.001)
    assert errors == []


FORKED = """
import os, signal, threading
import chainrule as cr

begun, end = threading.Event(), threading.Event()

def f(x, slow):
    if slow:
        begun.set()
        end.wait()
    return x * 2.0

run = cr.compile(f, engine="numpy")
thread = threading.Thread(target=run, args=(1.0, True))
thread.start()
begun.wait()
child = os.fork()
if not child:
    signal.alarm(30)
    os._exit(int(run(2.0, False).item()))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
end.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_forked_while_another_thread_compiles_can_compile() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.stdout.strip() == "4"
