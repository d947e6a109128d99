"""The native engine as a citizen: errors, memory, threads, repeatability."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.config import config
from chainrule.errors import BoundsError, DTypeError, NumericsError
from chainrule.ops.primitive import REGISTRY, Kind, Primitive, same_shape


def native(f: Any) -> Any:
    """f, compiled by the engine under test."""
    return cr.compile(f, engine="native")


def random(*shape: int, seed: int = 0) -> Any:
    """Normal numbers, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def sent(value: Any) -> Any:
    """What another process would get of a value."""
    return pickle.loads(pickle.dumps(value))


def test_an_index_out_of_bounds_is_the_reference_engines_error() -> None:
    labels = np.array([0, 3, 11, 2])

    def f(x: Any, i: Any) -> Any:
        return cr.take(x, i) * 2.0

    messages = []
    for engine in ("numpy", "native"):
        with pytest.raises(BoundsError) as error:
            cr.compile(f, engine=engine)(random(10), labels)
        messages.append(str(error.value).splitlines()[0])
    assert messages[0] == messages[1]
    assert "11" in messages[0]


def test_a_run_that_fails_changes_no_variable() -> None:
    w = cr.parameter(np.zeros(4, np.float32))

    @native
    def step(x: Any, i: Any) -> Any:
        w.assign(w + 1.0)
        return cr.take(x, i)

    step(random(4), np.array([1]))
    with pytest.raises(BoundsError):
        step(random(4), np.array([7]))
    np.testing.assert_array_equal(w.numpy(), np.ones(4))
    step(random(4), np.array([1]))
    np.testing.assert_array_equal(w.numpy(), np.full(4, 2.0))


def test_a_loop_that_fails_midway_changes_no_variable() -> None:
    kept = cr.Variable(np.zeros((4, 2), np.float32))
    table = cr.tensor(random(5, 2))

    @native
    def step(moves: Any) -> None:
        def look(place: Any, move: Any) -> Any:
            place = place + move
            return place, cr.take(table, place, axis=0)

        kept.assign(cr.scan(look, cr.tensor(0), moves)[1])

    for _ in range(2):  # from the second run on its memory is the engine's own
        step(np.array([0, 1, 1, 1]))
    before = kept.numpy().copy()
    with pytest.raises(BoundsError):
        step(np.array([4, -1, 90, 0]))
    np.testing.assert_array_equal(kept.numpy(), before)


def test_ctrl_c_in_a_primitive_that_runs_in_python_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = cr.parameter(np.zeros(3, np.float32))
    x = np.array([3.0, 1.0, 2.0], np.float32)
    step = native(lambda x: w.assign(w + x + cr.argsort(x).astype("float32")))
    monkeypatch.setattr("chainrule.engines.native.plan.rules.RULES", {})
    step(x)
    before = w.numpy()

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(REGISTRY["argsort"], "numpy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        step(x)
    monkeypatch.undo()
    np.testing.assert_array_equal(w.numpy(), before)
    step(x)
    np.testing.assert_array_equal(w.numpy(), 2 * before)


def primitive_of_a_user(name: str, meaning: Any) -> Primitive:
    """An operation that no engine lowers, and that is not left in the registry."""
    found = Primitive(name, name, same_shape, meaning, kind=Kind.ELEMENTWISE)
    del REGISTRY[name]
    return found


def test_primitives_that_run_in_python_are_reported_and_run_each_by_itself() -> None:
    twice = primitive_of_a_user("twice", lambda x: 2 * x)
    shifted = primitive_of_a_user("shifted", lambda x: x + 1)
    f = native(lambda x: shifted(twice(x)))
    x = np.array([1.0, 2.0], np.float32)
    assert f(x).tolist() == [3.0, 5.0]
    names = [kernel.operations for kernel in f.explain(x).kernels]
    assert names == [("twice",), ("shifted",)]


def test_a_negative_integer_power_is_the_reference_engines_error() -> None:
    f = native(lambda x, y: x**y)
    assert f(np.array([2, 3]), np.array([3, 2])).tolist() == [8, 9]
    with pytest.raises(DTypeError, match="negative power"):
        f(np.array([2, 3]), np.array([3, -2]))


def test_check_numerics_names_the_first_bad_operation() -> None:
    f = native(lambda x: cr.log(x) * 2.0)
    with cr.check_numerics(), pytest.raises(NumericsError, match="log"):
        f(np.array([1.0, -1.0], np.float32))


def test_values_that_were_read_do_not_change_with_later_updates() -> None:
    w = cr.parameter(np.zeros(3, np.float32))
    step = native(lambda: w.assign(w + 1.0))
    step()
    node, view = w * 1.0, w.numpy()
    step()
    step()
    np.testing.assert_array_equal(view, np.ones(3))
    np.testing.assert_array_equal(node.numpy(), np.ones(3))
    np.testing.assert_array_equal(w.numpy(), np.full(3, 3.0))


def test_a_variable_whose_halves_are_exchanged_is_read_before_it_is_written() -> None:
    w = cr.Variable(np.arange(8, dtype=np.float32))

    @native
    def roll() -> None:
        w.assign(cr.concatenate([w[4:] * 2.0, w[:4]]))

    for _ in range(3):
        roll()
    np.testing.assert_array_equal(w.numpy(), [16, 20, 24, 28, 0, 2, 4, 6])


def test_a_tensor_that_was_assigned_to_a_variable_is_not_written_to() -> None:
    w = cr.parameter(np.zeros(3, np.float32))
    given = cr.tensor(np.ones(3, np.float32))
    step = native(lambda: w.assign(w * 2.0))
    step()
    w.assign(given)
    step()
    np.testing.assert_array_equal(given.numpy(), np.ones(3))
    np.testing.assert_array_equal(w.numpy(), np.full(3, 2.0))


def test_two_programs_may_update_one_variable_in_turn() -> None:
    w = cr.parameter(np.ones(3, np.float32))
    double, plus = native(lambda: w.assign(w * 2.0)), native(lambda: w.assign(w + 1.0))
    for _ in range(3):
        double()
        plus()
    np.testing.assert_array_equal(w.numpy(), np.full(3, 15.0))


def test_programs_that_update_one_variable_in_turn_work_in_the_same_memory() -> None:
    w = cr.parameter(random(3))

    @native
    def step(x: Any) -> None:
        w.assign(w + x.sum())

    step(random(2))
    kept = w.array
    for size in (5, 2, 5):  # programs of their own
        step(random(size))
        assert w.array is kept


@pytest.mark.parametrize("copied", [copy.deepcopy, sent])
def test_a_copy_of_a_variable_has_memory_of_its_own(copied: Any) -> None:
    w = cr.parameter(random(3))
    add = native(lambda x: w.assign(w + x))
    add(1.0)
    other = copied(w)
    before = other.array.copy()
    again = native(lambda x: other.assign(other * x))
    add(1.0)
    np.testing.assert_array_equal(other.array, before)
    after = w.array.copy()
    again(2.0)
    again(2.0)
    np.testing.assert_array_equal(w.array, after)
    np.testing.assert_array_equal(other.array, before * 4)


def test_results_that_are_held_keep_their_values() -> None:
    f = native(lambda x: x * 2.0)
    held = [f(np.full((200, 200), i, np.float32)) for i in range(5)]
    assert [each.numpy()[0, 0] for each in held] == [0, 2, 4, 6, 8]


def test_arrays_of_any_layout_are_taken() -> None:
    x = random(6, 8)
    f = native(lambda x: x * 2.0 + 1.0)
    for given in (x.T, x[::2, 1:], x[::-1], np.asfortranarray(x), x.astype(">f4")):
        np.testing.assert_array_equal(f(given).numpy(), given * 2 + 1)


@pytest.mark.parametrize("threads", [2, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    x, w = random(700, 300), random(300, 300, seed=1)

    def f(x: Any, w: Any) -> Any:
        y = cr.tanh(x @ w)
        return y.sum(), y.sum(axis=0), cr.softmax(y), cr.exp(x).mean()

    compiled = native(f)
    config.threads = 1
    alone = [each.numpy().copy() for each in compiled(x, w)]
    config.threads = threads
    for _ in range(3):
        for found, expected in zip(compiled(x, w), alone, strict=True):
            np.testing.assert_array_equal(found.numpy(), expected)


def test_several_python_threads_may_call_one_program() -> None:
    f = native(lambda x: (x @ x.T).sum(axis=0))
    inputs = [random(150, 150, seed=i) for i in range(4)]
    expected = [f(x).numpy().copy() for x in inputs]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            if not np.array_equal(f(inputs[number]).numpy(), expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def test_random_numbers_are_those_of_the_reference_engine_to_the_bit() -> None:
    found = []
    for engine in ("numpy", "native"):
        generator = cr.random.Generator(7)

        def draw(generator: Any = generator) -> Any:
            return (
                generator.uniform((1001,)),
                generator.uniform((77,), dtype="float64"),
                generator.bits((65,)),
            )

        run = cr.compile(draw, engine=engine)
        found.append([each.numpy() for _ in range(2) for each in run()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sorting_is_stable_and_puts_nan_last() -> None:
    x = np.array([[3, 1, np.nan, 1, 2], [0, -0.0, 5, -np.inf, 5]], np.float32)
    for axis in (0, 1):
        found = native(lambda x, axis=axis: cr.argsort(x, axis))(x).numpy()
        np.testing.assert_array_equal(found, np.argsort(x, axis, kind="stable"))


def test_a_long_product_is_summed_before_its_old_value_is_replaced() -> None:
    """A product over more than one block of p, added to what is overwritten by it."""
    a, b = random(33, 2500), random(2500, 40, seed=1)
    w = cr.parameter(random(33, 40, seed=2))
    before = w.numpy().copy()
    native(lambda a, b: w.assign(w - 0.1 * (a @ b)))(a, b)
    np.testing.assert_allclose(w.numpy(), before - 0.1 * (a @ b), rtol=2e-4, atol=2e-4)
