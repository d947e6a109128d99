"""Tensors as users meet them: NumPy's semantics, and what a tensor is to Python."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DTypeError,
    ShapeError,
)

shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def numbered(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """0, 1, 2, … in a shape: every element can be told from every other."""
    return np.arange(float(np.prod(shape, dtype=int))).reshape(shape)


# Indexing. ----------------------------------------------------------------------------


@st.composite
def any_index(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Numbers, slices, None, ..., index arrays and masks, in any order."""
    parts: list[Any] = []
    axis = 0
    dots = False
    result = draw(arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    while axis < len(shape):
        kinds = ["slice", "none", "array", "mask"]
        kinds += ["number"] if shape[axis] else []
        kinds += [] if dots else ["dots"]
        kind = draw(st.sampled_from([*kinds, "stop"]))
        if kind == "stop":
            break
        if kind == "none":
            parts.append(None)
            if len(parts) > 8:
                break
            continue
        if kind == "dots":
            parts.append(...)
            dots = True
            axis += draw(st.integers(0, len(shape) - axis))
            continue
        n = shape[axis]
        if kind == "number":
            number = draw(st.integers(-n, n - 1))
            parts.append(draw(st.sampled_from([number, np.int64(number)])))
        elif kind == "slice":
            parts.append(draw(st.slices(n)))
        elif kind == "array":
            length = st.just(result) if n else st.just((0,))
            values = st.integers(-n, n - 1) if n else st.just(0)
            parts.append(draw(arrays.arrays(np.int64, length, elements=values)))
        else:
            count = int(np.prod(result, dtype=int)) if n else 0
            mask = np.zeros(n, bool)
            mask[: min(count, n)] = True
            parts.append(draw(st.permutations(mask.tolist())))
        axis += 1
    if len(parts) == 1 and draw(st.booleans()):
        return parts[0]
    return tuple(parts)


@settings(max_examples=600)
@given(st.data(), shapes)
def test_indexing_is_numpys(data: st.DataObject, shape: tuple[int, ...]) -> None:
    index = data.draw(any_index(shape))
    array = numbered(shape)
    try:
        wanted = array[index]
    except (IndexError, ValueError):
        with pytest.raises(ChainruleError):
            cr.tensor(array)[index]
        return
    found = cr.tensor(array)[index]
    np.testing.assert_array_equal(found.numpy(), wanted)
    assert found.numpy().shape == wanted.shape
    traced = cr.trace(lambda x: x[index], array).outputs[0]
    assert traced.shape == wanted.shape


@settings(max_examples=150)
@given(st.data(), shapes)
def test_the_gradient_of_indexing_counts_how_often_each_element_was_taken(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    index = data.draw(any_index(shape))
    array = numbered(shape)
    try:
        taken = array[index]
    except (IndexError, ValueError):
        return
    x = cr.tensor(array)
    weights = np.arange(1.0, taken.size + 1).reshape(taken.shape)
    wanted = np.zeros(array.size)
    np.add.at(wanted, np.asarray(taken).reshape(-1).astype(int), weights.reshape(-1))
    grads = cr.backprop((x[index] * weights).sum() + 0.0 * x.sum())
    np.testing.assert_array_equal(grads[x].numpy(), wanted.reshape(shape))


def test_a_mask_of_two_axes_takes_the_elements_where_it_is_true() -> None:
    array = numbered((2, 3, 4))
    mask = numbered((2, 3)) % 2 == 0
    for index in (
        mask,
        (mask, 1),
        (mask, slice(1, 3)),
        (mask, None),
        (..., mask[0], 0),
    ):
        np.testing.assert_array_equal(cr.tensor(array)[index].numpy(), array[index])


def test_a_tensor_is_an_index() -> None:
    x, i = cr.tensor(numbered((4, 3))), cr.tensor([2, 0])
    np.testing.assert_array_equal(x[i].numpy(), x.numpy()[[2, 0]])
    np.testing.assert_array_equal(x[i, i].numpy(), x.numpy()[[2, 0], [2, 0]])
    assert x[cr.tensor(1), cr.tensor(2)].item() == 5.0
    assert x[x > 10].numpy().tolist() == [11.0]
    assert [1, 2, 3][cr.tensor(1)] == 2
    traced = cr.compile(lambda x, i: x[i, 1:])
    np.testing.assert_array_equal(traced(x, i).numpy(), x.numpy()[[2, 0], 1:])


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (5, BoundsError),
        (-4, BoundsError),
        (np.int64(3), BoundsError),
        ([0, 3], BoundsError),
        ((0, [0, -5]), BoundsError),
        ((0, 0, 0), ShapeError),
        ((..., ...), ArgumentError),
        ([True, False], ShapeError),
        ([True, False, True, True], ShapeError),
        (True, DTypeError),
        (np.True_, DTypeError),
        (np.array(True), DTypeError),
        (1.0, DTypeError),
        ([0.5], DTypeError),
        ("a", DTypeError),
        (slice(0.5), DTypeError),
        (slice(None, None, 0), ArgumentError),
        (([0, 1], [0, 1, 2]), ShapeError),
        ({}, DTypeError),
    ],
)
def test_a_wrong_index_is_one_of_our_errors(index: Any, error: type[Exception]) -> None:
    x = cr.zeros((3, 4))
    with pytest.raises(error):
        x[index]


# Operators. ---------------------------------------------------------------------------

INTEGERS = np.array([-7, -3, -1, 0, 1, 2, 9], np.int64)


@pytest.mark.parametrize("dtype", ["int64", "int8", "float32", "float64"])
def test_remainder_and_floor_division_have_numpys_signs(dtype: str) -> None:
    a = INTEGERS.astype(dtype)[:, None]
    b = np.array([-4, -3, 2, 5], dtype)
    x, y = cr.tensor(a), cr.tensor(b)
    np.testing.assert_array_equal((x // y).numpy(), a // b)
    np.testing.assert_array_equal((x % y).numpy(), a % b)
    np.testing.assert_array_equal((7 % y).numpy(), np.asarray(7, dtype) % b)
    np.testing.assert_array_equal((7 // y).numpy(), np.asarray(7, dtype) // b)
    assert (x // y).dtype == (x % y).dtype == dtype


def test_integer_powers_are_exact_and_negative_ones_an_error() -> None:
    x = cr.tensor([3, -2])
    assert (x**5).numpy().tolist() == [243, -32]
    assert (2 ** cr.tensor([0, 10])).numpy().tolist() == [1, 1024]
    with pytest.raises(DTypeError, match="negative power"):
        x**-1
    assert (x.astype("float32") ** -1).numpy().tolist() == [np.float32(1 / 3), -0.5]


@pytest.mark.parametrize(
    "expression",
    [
        lambda x, y: x + y,
        lambda x, y: y - x,
        lambda x, y: x * 2.5,
        lambda x, y: 2 / (x * x + 1),
        lambda x, y: 2.0**x,
        lambda x, y: -x + abs(y),
        lambda x, y: (x > y) & (y > 0) | ~(x == y) ^ (x != y),
        lambda x, y: (x >= 1) == (y <= 1),
        lambda x, y: x @ y.T,
        lambda x, y: x.reshape(2, 3).transpose() @ y.reshape((2, 3)),
        lambda x, y: x.swapaxes(0, 1).flatten() + y.ravel(),
        lambda x, y: x.dot(y.T).squeeze(),
        lambda x, y: x.sum(axis=0, keepdims=True) - y.mean(1)[:, None],
        lambda x, y: x.var(ddof=1) + y.std(axis=(0, 1)) + x.max() * y.min(),
        lambda x, y: x.argmax(axis=1)[:, None] + y.argmin(0, keepdims=True),
        lambda x, y: x.cumsum(axis=0) + y.argsort(),
        lambda x, y: x.any() | (y > 0).all(axis=0),
        lambda x, y: x.prod(1) + x.clip(-1, 1).sum(-1),
    ],
)
def test_operators_and_methods_are_numpys(expression: Any) -> None:
    a, b = numbered((3, 3))[:2] - 2.5, numbered((2, 3))[::-1] - 1
    a = a[:, :3]
    wanted = expression(a, b)
    for result in (
        expression(cr.tensor(a), cr.tensor(b)),
        cr.compile(expression)(a, b),
    ):
        np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-14)
        assert result.shape == np.shape(wanted)


def test_an_array_on_the_left_asks_the_tensor() -> None:
    a, x = np.ones((2, 3)), cr.ones((2, 3), "float64")
    for result in (
        a + x,
        a * x,
        a - x,
        a / x,
        a @ x.T,
        a > x,
        a == x,
        np.float32(2) * x,
    ):
        assert isinstance(result, cr.Tensor)


def test_numpys_functions_of_tensors_are_the_packages_own() -> None:
    x = cr.tensor([[1.0, 4.0]], "float64")
    for theirs, ours in [
        (np.exp(x), cr.exp(x)),
        (np.sqrt(x), cr.sqrt(x)),
        (np.add(x, 1), x + 1),
        (np.maximum(np.array([2.0, 2.0]), x), cr.maximum(2.0, x)),
        (np.matmul(x, np.ones((2, 1))), x @ np.ones((2, 1))),
        (np.array([True, False]) & (x > 2), cr.tensor([[False, False]])),
    ]:
        assert isinstance(theirs, cr.Tensor)
        np.testing.assert_array_equal(theirs.numpy(), ours.numpy())
    assert cr.backprop(np.exp(x).sum())[x].tolist() == np.exp(x.numpy()).tolist()
    assert cr.compile(lambda x: np.exp(x))(x).tolist() == np.exp(x.numpy()).tolist()


def test_an_array_that_a_tensor_is_added_to_stays_that_array() -> None:
    total = same = np.zeros(2)
    total += cr.tensor([1.0, 2.0])
    assert total is same
    assert same.tolist() == [1.0, 2.0]


def test_arguments_that_are_no_numbers_are_an_error() -> None:
    for other in ("a", None, object(), [1, "b"], 1j, np.array(["x"])):
        with pytest.raises(DTypeError, match="a tensor holds numbers"):
            cr.zeros(2) + other  # type: ignore[operator]
    with pytest.raises(DTypeError, match="do not form an array"):
        cr.tensor([[1, 2], [3]])


# What a tensor is to Python. ----------------------------------------------------------


def test_a_tensor_owns_its_value() -> None:
    array = np.zeros(3)
    x = cr.tensor(array)
    array[:] = 7
    assert x.numpy().tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0] = 1
    np.array(x)[0] = 1
    x.numpy().copy()[0] = 1
    assert x.numpy().tolist() == [0, 0, 0]


def test_a_tensor_of_one_element_is_a_number() -> None:
    x = cr.tensor([[2.5]])
    assert (float(x), int(x), bool(x), x.item()) == (2.5, 2, True, 2.5)
    assert f"{x:.3f}" == "2.500"
    assert range(5)[cr.tensor(3)] == 3
    for convert in (float, int, bool, lambda x: x.item()):
        with pytest.raises(ShapeError):
            convert(cr.zeros(2))
        with pytest.raises(ShapeError):
            convert(cr.zeros(0))
    with pytest.raises(DTypeError, match="expected a single integer"):
        range(5)[cr.tensor(3.0)]


def test_a_tensor_is_a_sequence_of_its_rows() -> None:
    x = cr.tensor(numbered((3, 2)))
    assert len(x) == 3
    assert [row.numpy().tolist() for row in x] == x.tolist()
    a, b = cr.tensor([1.0, 2.0])
    assert (a.item(), b.item()) == (1.0, 2.0)
    with pytest.raises(ShapeError, match="no length"):
        len(cr.tensor(1.0))
    with pytest.raises(ShapeError, match="nothing to go through"):
        iter(cr.tensor(1.0))


def test_tensors_are_told_apart_by_identity_in_sets_and_dicts() -> None:
    a, b = cr.tensor(1.0), cr.tensor(1.0)
    assert {a: 1, b: 2}[a] == 1
    assert len({a, b}) == 2


def test_a_tensor_cannot_be_changed() -> None:
    x = cr.zeros(2)
    with pytest.raises(ArgumentError, match="never changes"):
        x[0] = 1.0
    y = x
    y += 1.0
    assert x.numpy().tolist() == [0, 0]


def test_copies_share_nothing_that_can_change() -> None:
    x, w = cr.tensor([1.0]), cr.parameter([1.0], name="w")
    assert copy.copy(x) is x
    assert copy.deepcopy(x).numpy().tolist() == [1.0]
    other = copy.deepcopy(w)
    other.assign([2.0])
    assert (w.numpy().tolist(), other.name) == ([1.0], "w")
    nested = copy.deepcopy({"a": w, "b": w})
    assert nested["a"] is nested["b"] is not w


def test_detach_ends_gradients_and_keeps_the_value_also_while_tracing() -> None:
    def f(x: Any) -> Any:
        return (x.detach() * x).sum()

    x = cr.tensor([2.0, 3.0])
    for gradient in (cr.grad(f), cr.compile(cr.grad(f))):
        assert gradient(x).numpy().tolist() == [2.0, 3.0]


def test_repr_shows_values_dtype_and_name() -> None:
    assert repr(cr.tensor([1, 2], name="n")) == "tensor([1, 2], dtype=int64, name='n')"
    assert (
        repr(cr.parameter(0.5, name="w")) == "parameter(0.5, dtype=float32, name='w')"
    )
    shown: list[str] = []
    cr.trace(lambda x: shown.append(repr(x * 2)), cr.zeros((2, 3)))
    assert shown == ["tensor(float32[2, 3], traced)"]


# Making tensors. ----------------------------------------------------------------------


def test_creation_functions_answer_what_numpy_does() -> None:
    for found, wanted in [
        (cr.zeros((2, 0)), np.zeros((2, 0))),
        (cr.ones(3, "int32"), np.ones(3, "int32")),
        (cr.full((), 2.5), np.full((), 2.5)),
        (cr.full([2], 7), np.full(2, 7)),
        (cr.arange(5), np.arange(5)),
        (cr.arange(1, 2, 0.25), np.arange(1, 2, 0.25)),
        (cr.arange(5, 0, -2), np.arange(5, 0, -2)),
        (cr.arange(0.0), np.arange(0.0)),
        (cr.arange(3, dtype="float64"), np.arange(3.0)),
        (cr.eye(3, "bool"), np.eye(3, dtype=bool)),
    ]:
        np.testing.assert_array_equal(found.numpy(), wanted)
    assert cr.full(2, 7).dtype == cr.arange(5).dtype == "int64"
    assert cr.arange(0.0).dtype == cr.arange(1, 2, 0.25).dtype == "float32"


@pytest.mark.parametrize(
    "call",
    [
        lambda: cr.zeros(-1),
        lambda: cr.ones((2, 2.5)),
        lambda: cr.full("ab", 1.0),
        lambda: cr.eye(-2),
        lambda: cr.arange(0, 1, 0),
        lambda: cr.zeros(3).reshape("x"),
        lambda: cr.broadcast_to(cr.zeros(1), (-1,)),
        lambda: cr.pad(cr.zeros(2), [(-1, 0)]),
        lambda: cr.top_k(cr.zeros(2), 3),
        lambda: cr.top_k(cr.zeros(2), 1.5),
        lambda: cr.var(cr.zeros(1), ddof=1),
    ],
)
def test_arguments_that_make_no_sense_are_an_error(call: Any) -> None:
    with pytest.raises(ArgumentError):
        call()


# Variables. ---------------------------------------------------------------------------


def test_assigning_changes_later_reads_and_nothing_that_was_computed() -> None:
    w = cr.parameter([1.0, 2.0])
    y = w * 10
    w.assign(w + 1)
    assert y.numpy().tolist() == [10.0, 20.0]
    assert (w * 10).numpy().tolist() == [20.0, 30.0]


def test_a_variable_keeps_shape_and_dtype() -> None:
    w = cr.parameter([1.0, 2.0])
    w.assign([3, 4])
    w.assign(np.array([3.0, 4.0]))
    assert w.dtype == "float32"
    with pytest.raises(ShapeError, match="assign"):
        w.assign(cr.zeros(3))
    with pytest.raises(DTypeError, match="assign"):
        w.assign(cr.zeros(2, "float64"))
    count = cr.Variable(0)
    with pytest.raises(DTypeError, match="assign"):
        count.assign(2.7)
    assert (w.numpy().tolist(), count.item()) == ([3.0, 4.0], 0)


def test_variables_never_share_storage() -> None:
    array = np.ones(2, np.float32)
    a, b = cr.parameter(array), cr.parameter(array)
    a.assign(b)
    value = b * 1.0
    b.assign(value)
    a.assign(value)
    transposed = cr.parameter(np.zeros((3, 2)))
    transposed.assign(cr.zeros((2, 3), "float64").T)
    assert transposed.array.flags.c_contiguous
    storages = [a.array, b.array, array, value.numpy()]
    for i, one in enumerate(storages):
        assert not any(np.shares_memory(one, other) for other in storages[i + 1 :])


def test_what_another_process_is_sent_is_the_value_without_history() -> None:
    x = cr.tensor([[1.0, 2.0]], name="x")
    y = (x * 2.0).sum()
    w = cr.parameter([1.0, 2.0], "float64", name="w")
    w.read()
    assert (w * w).sum().item() == 5.0
    copies = pickle.loads(pickle.dumps([x, y, w]))
    for original, sent in zip([x, y, w], copies, strict=True):
        assert type(sent) is type(original)
        assert (sent.name, sent.dtype) == (original.name, original.dtype)
        np.testing.assert_array_equal(sent.numpy(), original.numpy())
        assert sent.is_leaf
    assert not np.shares_memory(copies[2].array, w.array)
    # A node of this process is younger than what it is made of: gradients are right.
    assert cr.backprop((copies[2] * 3.0).sum())[copies[2]].numpy().tolist() == [3, 3]


def test_a_variable_that_was_read_is_freed_without_the_garbage_collector() -> None:
    w = cr.parameter(np.ones(3))
    loss = (w * w).sum()
    assert w.read() is w.read() is loss.inputs[0].inputs[0]
    storage = weakref.ref(w.array)
    gc.disable()
    try:
        del w, loss
        assert storage() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_tensor_of_a_tensor_has_its_values_and_no_history(engine: str) -> None:
    def slope(x: Any) -> Any:
        ids = cr.tensor(cr.tensor([1, 0]), dtype="int64")
        return cr.backprop((cr.tensor(x, dtype="float32") * x)[ids].sum())[x]

    x = cr.tensor([2.0, 3.0])
    compiled = cr.compile(slope, engine=engine)(x)
    for result in (slope(x), compiled):  # d(cx)/dx = c, where c = x is a constant
        np.testing.assert_array_equal(result.numpy(), [2.0, 3.0])


def test_item_takes_an_index_as_numpys_does() -> None:
    array = np.arange(6.0).reshape(2, 3)
    x = cr.tensor(array)
    for index in [(4,), (-1,), (1, 2), ((1, -1),), (np.int64(3),)]:
        found = x.item(*index)
        assert type(found) is float
        assert found == array.item(*index)
    with pytest.raises(BoundsError, match="index 6 of"):
        x.item(6)
    with pytest.raises(ShapeError, match="3 indices for"):
        x.item(0, 1, 2)


def test_pythons_round_is_that_of_the_elements() -> None:
    x = cr.tensor([1.26, -2.5])
    assert (
        round(x, 1).numpy().tolist() == np.round(np.float32([1.26, -2.5]), 1).tolist()
    )
    assert round(x).numpy().tolist() == [1.0, -2.0]


@pytest.mark.parametrize("value", [[1, 2], 3, True, np.zeros(2, np.uint8)])
def test_a_parameter_that_cannot_be_trained_is_refused(value: Any) -> None:
    with pytest.raises(DTypeError, match="only floating-point numbers can be trained"):
        cr.parameter(value)
    assert cr.parameter(value, "float64").dtype == np.float64
