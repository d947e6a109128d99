"""The algebra of shapes, compared with NumPy's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import shapes
from chainrule.errors import ArgumentError, ShapeError

sides = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@given(st.lists(sides, min_size=1, max_size=3))
def test_broadcasting_is_numpys(given: list[tuple[int, ...]]) -> None:
    names = [str(shape) for shape in given]
    try:
        wanted = np.broadcast_shapes(*given)
    except ValueError:
        with pytest.raises(ShapeError, match="aligned from the last"):
            shapes.broadcast("add", given, names)
    else:
        assert shapes.broadcast("add", given, names) == wanted


@given(sides.filter(lambda s: len(s) >= 2), sides.filter(lambda s: len(s) >= 2))
def test_the_shape_of_a_matrix_product_is_numpys(a: Any, b: Any) -> None:
    try:
        wanted = np.matmul(np.zeros(a), np.zeros(b)).shape
    except ValueError:
        with pytest.raises(ShapeError, match="matmul"):
            shapes.matmul(a, b, ["a", "b"])
    else:
        assert shapes.matmul(a, b, ["a", "b"]) == wanted


@given(sides, st.lists(st.integers(-1, 4), max_size=4).map(tuple))
def test_reshaping_is_numpys(shape: Any, new: Any) -> None:
    try:
        wanted = np.zeros(shape).reshape(new).shape
    except ValueError:
        with pytest.raises(ShapeError, match="reshape"):
            shapes.reshaped(shape, new)
    else:
        assert shapes.reshaped(shape, new) == wanted


@given(sides, st.data())
def test_reduced_shapes_are_numpys(shape: Any, data: st.DataObject) -> None:
    ndim = len(shape)
    axes = data.draw(
        st.none() | st.lists(st.integers(-ndim, ndim - 1), unique_by=lambda a: a % ndim)
        if ndim
        else st.none()
    )
    axis = None if axes is None else tuple(axes)
    keepdims = data.draw(st.booleans())
    wanted = np.zeros(shape).sum(axis=axis, keepdims=keepdims).shape
    found = shapes.reduced(shape, shapes.normal_axes("sum", axis, ndim), keepdims)
    assert found == wanted


@given(st.lists(sides, min_size=1, max_size=3), st.integers(0, 3))
def test_joined_shapes_are_numpys(given: Any, axis: int) -> None:
    if axis >= len(given[0]):
        return
    try:
        wanted = np.concatenate([np.zeros(each) for each in given], axis).shape
    except ValueError:
        with pytest.raises(ShapeError, match="concatenate"):
            shapes.concatenated(given, axis, [str(each) for each in given])
    else:
        assert shapes.concatenated(given, axis, [str(s) for s in given]) == wanted


@pytest.mark.parametrize("axis", [1.0, "0", True, None])
def test_an_axis_is_an_integer(axis: Any) -> None:
    with pytest.raises(ArgumentError, match="expected an integer"):
        shapes.normal_axis("flip", axis, 2)


@pytest.mark.parametrize("axis", [np.int64(-1), np.uint8(1), 1, -1])
def test_numpys_integers_are_axes(axis: Any) -> None:
    assert shapes.normal_axis("flip", axis, 2) == 1


def test_an_axis_named_twice_is_an_error() -> None:
    with pytest.raises(ShapeError, match="an axis is named twice"):
        shapes.normal_axes("sum", (0, -2), 2)


@pytest.mark.parametrize("shape", [3, (3,), [3], np.int32(3), np.array([3])])
def test_a_shape_is_a_number_or_a_sequence_of_numbers(shape: Any) -> None:
    assert shapes.sizes("zeros", shape) == (3,)


@pytest.mark.parametrize("shape", [-1, (2, -1), 2.0, "ab", None, [[1]], (2, None)])
def test_anything_else_is_no_shape(shape: Any) -> None:
    with pytest.raises(ArgumentError, match=r"zeros: shape .*: expected whole numbers"):
        shapes.sizes("zeros", shape)


@given(
    st.integers(1, 30), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3),
    st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip
def test_windows_are_counted_as_they_lie(
    n: int, k: int, s: int, d: int, before: int, after: int
) -> None:
    starts = range(0, before + n + after - d * (k - 1), s)
    arguments = ("f", "x", (n,), (k,), (s,), ((before, after),), (d,))
    if len(starts):
        assert shapes.windowed(*arguments) == (len(starts),)
    else:
        with pytest.raises(ShapeError, match="a kernel of length"):
            shapes.windowed(*arguments)


def test_a_convolution_has_an_output_channel_for_every_kernel() -> None:
    shape = shapes.convolved("f", (8, 9, 7, 6), (4, 3, 2, 3), (2, 1),
                             ((1, 0), (0, 0)), (1, 3), 2, ["x", "w"])  # fmt: skip
    assert shape == (8, 4, 4, 4)
