"""Where max pooling found its elements, and putting them back."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import BoundsError, DTypeError, ShapeError
from tests.agreement import each_engine

rng = np.random.default_rng(5)

SETTINGS: list[tuple[Any, tuple[int, ...]]] = [
    (lambda: nn.MaxPool1d(2, return_indices=True), (2, 5, 3)),
    (lambda: nn.MaxPool1d(3, 2, 1, return_indices=True), (2, 6, 2)),
    (lambda: nn.MaxPool2d(2, return_indices=True), (2, 4, 6, 3)),
    (lambda: nn.MaxPool2d(3, 2, 1, return_indices=True), (2, 5, 6, 1)),
    (lambda: nn.MaxPool2d((2, 3), 1, 0, (2, 1), return_indices=True), (1, 5, 4, 2)),
    (lambda: nn.MaxPool2d(3, 2, ceil_mode=True, return_indices=True), (1, 6, 6, 2)),
    (lambda: nn.MaxPool2d(2, padding="same", return_indices=True), (1, 5, 5, 2)),
    (lambda: nn.MaxPool3d(2, return_indices=True), (1, 4, 2, 4, 2)),
    (lambda: nn.MaxPool3d((1, 2, 3), 2, (0, 1, 1), return_indices=True),
     (1, 3, 4, 4, 1)),
]  # fmt: skip


@each_engine
@pytest.mark.parametrize(("make", "shape"), SETTINGS)
def test_indices_number_the_places_of_x_row_by_row(
    make: Any, shape: tuple[int, ...], engine: str
) -> None:
    layer = make()
    x = rng.permutation(np.prod(shape)).reshape(shape).astype(np.float32)
    plain = type(layer)(**layer.settings() | {"return_indices": False})(x).numpy()
    flat = x.reshape(shape[0], -1, shape[-1])
    for call in (layer, cr.compile(lambda x: layer(x), engine=engine)):
        largest, indices = (each.numpy() for each in call(x))
        assert indices.dtype == np.int64 and indices.shape == plain.shape
        np.testing.assert_array_equal(largest, plain)
        found = np.take_along_axis(
            flat, indices.reshape(shape[0], -1, shape[-1]), axis=1
        )
        np.testing.assert_array_equal(found.reshape(plain.shape), plain)


def test_nested_lists_are_pooled_with_indices_too() -> None:
    largest, indices = nn.MaxPool1d(2, return_indices=True)(
        [[[1.0], [3.0], [2.0], [0.0]]]
    )
    assert (largest.numpy().ravel().tolist(), indices.numpy().ravel().tolist()) == (
        [3.0, 2.0], [1, 2])  # fmt: skip


def test_the_first_of_equal_elements_is_named_and_no_place_beyond_the_edges() -> None:
    layer = nn.MaxPool2d(2, padding=1, return_indices=True)
    for value in (1.0, -np.inf):
        _, indices = layer(np.full((1, 2, 2, 1), value, np.float32))
        assert indices.numpy().ravel().tolist() == [0, 1, 2, 3]
    _, indices = nn.MaxPool1d(3, return_indices=True)(np.ones((1, 3, 1), np.float32))
    assert indices.item() == 0


@each_engine
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unpooling_puts_every_element_back(axes: int, engine: str) -> None:
    pool = getattr(nn, f"MaxPool{axes}d")(2, return_indices=True)
    unpool = getattr(nn, f"MaxUnpool{axes}d")(2)
    shape = (2, *(4, 6, 2)[:axes], 3)
    x = rng.permutation(np.prod(shape)).reshape(shape) + 1.0
    wanted = np.zeros(shape)
    for corner in itertools.product(*(range(0, n, 2) for n in shape[1:-1])):
        part = (slice(None), *(slice(c, c + 2) for c in corner))
        window = x[part]
        top = window.max(tuple(range(1, axes + 1)), keepdims=True)
        wanted[part] = np.where(window == top, window, 0.0)
    for call in (
        lambda x: unpool(*pool(x)),
        cr.compile(lambda x: unpool(*pool(x)), engine=engine),
    ):
        np.testing.assert_array_equal(call(x).numpy(), wanted)


def test_unpooling_with_overlap_padding_and_a_size() -> None:
    pool = nn.MaxPool2d(3, 2, 1, return_indices=True)
    x = rng.normal(size=(1, 5, 6, 2))
    largest, indices = pool(x)
    back = nn.MaxUnpool2d(3, 2, 1)(largest, indices, output_size=(5, 6))
    assert back.shape == x.shape
    kept = back.numpy() != 0
    np.testing.assert_array_equal(back.numpy()[kept], x[kept])
    assert kept.sum() == len(np.unique(indices.numpy()[..., 0])) + len(
        np.unique(indices.numpy()[..., 1])
    )


def test_the_gradient_of_unpooling_comes_from_where_the_elements_went() -> None:
    pool, unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
    x = rng.normal(size=(1, 4, 4, 2))
    indices = pool(x)[1]
    cr.check_gradients(lambda y: unpool(y, indices), rng.normal(size=(1, 2, 2, 2)))
    cr.check_gradients(lambda x: unpool(*pool(x)) ** 2, x)


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(3, 2, 1, return_indices=True),
        nn.MaxUnpool1d(3, 2, 1),
        nn.MaxUnpool2d((2, 3), padding="same"),
        nn.MaxUnpool3d(2),
    ],
)
def test_layers_come_back_from_files_with_their_settings(
    layer: Any, tmp_path: Path
) -> None:
    layer.save(tmp_path / "layer.safetensors")
    back = cr.load(tmp_path / "layer.safetensors")
    assert type(back) is type(layer) and back.settings() == layer.settings()
    assert str(back) == str(layer)


def test_indices_that_do_not_fit_are_an_error() -> None:
    unpool, y = nn.MaxUnpool2d(2), cr.zeros((1, 2, 2, 1))
    with pytest.raises(ShapeError, match=r"MaxUnpool2d: x \(1, 2, 2, 1\) with indices"):
        unpool(y, cr.zeros((1, 2, 2), dtype="int64"))
    with pytest.raises(DTypeError, match="indices of float32: expected integers"):
        unpool(y, y)
    with pytest.raises(BoundsError, match="16"):
        unpool(y, cr.full((1, 2, 2, 1), 16, "int64"))
    with pytest.raises(ShapeError, match="padding='same' fits several sizes"):
        nn.MaxUnpool1d(2, padding="same")(cr.zeros((1, 2, 1)), [[[0], [2]]])
