"""The embedding: rows by id, their gradients, and ids that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, BoundsError, DTypeError


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_an_id_gives_its_row_in_any_shape(shape: tuple[int, ...], dtype: str) -> None:
    layer = nn.Embedding(7, 2)
    ids = np.random.default_rng(0).integers(0, 7, shape).astype(dtype)
    assert (layer(ids).numpy() == layer.weight.numpy()[ids]).all()


def test_it_is_the_product_of_one_hot_rows_with_the_table() -> None:
    layer = nn.Embedding(7, 2)
    product = cr.one_hot([5, 2], 7) @ layer.weight
    assert (layer([5, 2]).numpy() == product.numpy()).all()


def test_the_gradient_of_a_row_adds_up_over_its_uses() -> None:
    layer = nn.Embedding(4, 2)
    gradient = cr.backprop(layer([[1, 3], [1, 1]]).sum())[layer.weight]
    assert gradient.tolist() == [[0, 0], [3, 3], [0, 0], [1, 1]]


def test_rows_start_as_n_0_1() -> None:
    cr.manual_seed(0)
    w = nn.Embedding(1000, 100).weight.numpy()
    assert w.mean() == pytest.approx(0, abs=5 / np.sqrt(w.size))
    assert w.var() == pytest.approx(1, abs=5 * np.sqrt(2 / w.size))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        (7, "make the table 8 rows long, or correct the ids"),
        (-1, "count the rows from 0"),
    ],
)
def test_an_id_out_of_range_is_an_error_that_names_row_and_value(
    wrong: int, fix: str, compiled: bool
) -> None:
    layer = nn.Embedding(7, 2)
    call = cr.compile(lambda ids: layer(ids)) if compiled else layer
    with pytest.raises(BoundsError) as caught:
        call(np.array([[0, 1], [2, wrong]]))
    assert caught.value.what == (
        f"Embedding: id {wrong} for 7 rows at position (1, 1): ids go from 0 to 6"
    )
    assert caught.value.fix == fix


def test_ids_that_are_no_integers_are_an_error() -> None:
    with pytest.raises(DTypeError) as caught:
        nn.Embedding(7, 2)(np.ones((2, 3)))
    assert caught.value.what == ("Embedding: ids (2, 3) of floats: an id is an integer")
    assert caught.value.fix == "ids.astype('int64')"


# Padding, and the table as the last layer. -------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_the_row_of_padding_is_zero_and_never_trained(compiled: bool) -> None:
    layer = nn.Embedding(4, 2, padding_idx=-3)
    assert layer.padding_idx == 1
    assert (layer([1]).numpy() == 0).all()

    def gradient(ids: Any) -> Any:
        return cr.backprop(layer(ids).sum())[layer.weight]

    run = cr.compile(gradient) if compiled else gradient
    found = run(np.array([[1, 3], [1, 0]])).tolist()
    assert found == [[1, 1], [0, 0], [0, 0], [1, 1]]


def test_a_table_may_be_the_last_layer_too() -> None:
    layer = nn.Embedding(5, 3, dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(layer.logits(x).numpy(), x @ layer.weight.numpy().T)
    loss = layer.logits(layer([1, 4])).sum()
    w = layer.weight.numpy()
    wanted = np.tile(w[1] + w[4], (5, 1))
    wanted[[1, 4]] += w.sum(0)
    np.testing.assert_allclose(cr.backprop(loss)[layer.weight], wanted)


def test_padding_is_saved_and_loaded(tmp_path: Any) -> None:
    layer = nn.Embedding(4, 2, padding_idx=2)
    layer.save(tmp_path / "table.safetensors")
    again = cr.load(tmp_path / "table.safetensors")
    assert again.settings() == layer.settings()
    assert (again([2, 3]).numpy() == layer([2, 3]).numpy()).all()


@pytest.mark.parametrize("wrong", [4, -5, 1.5, True])
def test_padding_outside_of_the_table_is_an_error(wrong: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        nn.Embedding(4, 2, padding_idx=wrong)
    assert caught.value.what == (
        f"Embedding: padding_idx={wrong!r} for 4 rows: expected one of the ids 0 to 3"
    )
