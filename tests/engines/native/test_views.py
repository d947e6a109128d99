"""Views walk a buffer as NumPy's strided arrays do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.engines.native.plan.views import View, whole


def walked(view: View, buffer: Any) -> Any:
    """The elements of a view, gathered one by one."""
    found = np.empty(view.shape, buffer.dtype)
    for index in np.ndindex(*view.shape):
        place = view.offset + sum(
            i * s for i, s in zip(index, view.strides, strict=True)
        )
        found[index] = buffer[place]
    return found


@pytest.mark.parametrize(
    ("make", "meaning"),
    [
        (lambda v: v.transpose((2, 0, 1)), lambda x: x.transpose(2, 0, 1)),
        (lambda v: v.flip((0, 2)), lambda x: np.flip(x, (0, 2))),
        (
            lambda v: v.slice((0, 1, 1), (2, 2, 2), (1, 1, 2)),
            lambda x: x[:, 1:, 1::2],
        ),
        (
            lambda v: v.broadcast((5, 2, 3, 4)),
            lambda x: np.broadcast_to(x, (5, 2, 3, 4)),
        ),
        (lambda v: v.reshape((6, 4)), lambda x: x.reshape(6, 4)),
        (lambda v: v.reshape((2, 1, 12)), lambda x: x.reshape(2, 1, 12)),
        (
            lambda v: v.slice((0, 0, 1), (2, 3, 2), (1, 1, 1)).reshape((6, 1, 2)),
            lambda x: x[:, :, 1:3].reshape(6, 1, 2),
        ),
    ],
)
def test_a_view_has_numpys_elements(make: Any, meaning: Any) -> None:
    x = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(
        walked(make(whole(0, x.shape)), x.ravel()), meaning(x)
    )


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda v: v.transpose((1, 0)), (12,)),
        (lambda v: v.flip((0,)), (12,)),
        (lambda v: v.slice((0, 0), (3, 3), (1, 1)), (9,)),
        (lambda v: v, (5,)),
    ],
)
def test_a_reshape_that_needs_a_copy_is_no_view(make: Any, shape: Any) -> None:
    assert make(whole(0, (3, 4))).reshape(shape) is None
