"""Layers that arrange: branches, ways around, other shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, BoundsError, ChainruleError, ShapeError

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 5, 6, 4)).astype(np.float32)


def test_branches_join_what_each_of_them_gives() -> None:
    one, two = nn.Conv2d(4, 3, 1), nn.Conv2d(4, 2, 3, padding=1)
    y = nn.Branches(one, nn.Identity(), two)(X).numpy()
    wanted = np.concatenate([one(X).numpy(), X, two(X).numpy()], -1)
    np.testing.assert_array_equal(y, wanted)


def test_branches_join_along_another_axis() -> None:
    y = nn.Branches(nn.MaxPool2d((2, 1)), nn.Identity(), axis=1)(X)
    assert y.shape == (2, 7, 6, 4)


def test_a_residual_adds_x_or_what_its_shortcut_makes_of_it() -> None:
    inner = nn.Conv2d(4, 4, 3, padding=1)
    np.testing.assert_array_equal(nn.Residual(inner)(X).numpy(), X + inner(X).numpy())
    inner, around = nn.Conv2d(4, 8, 3, 2, padding=1), nn.Subsample(2, 4)
    y = nn.Residual(inner, around)(X).numpy()
    np.testing.assert_array_equal(y, around(X).numpy() + inner(X).numpy())


def test_the_gradient_of_a_residual_is_at_least_that_of_its_output() -> None:
    x = cr.tensor(X)
    block = nn.Residual(nn.Conv2d(4, 4, 1, weight_init="zeros"))
    assert (cr.backprop(block(x).sum())[x].numpy() == 1).all()


def test_subsampling_takes_every_second_place_and_adds_channels_of_0() -> None:
    y = nn.Subsample(2, extra_channels=3)(X).numpy()
    assert y.shape == (2, 3, 3, 7)
    np.testing.assert_array_equal(y[..., 1:5], X[:, ::2, ::2])
    assert (y[..., :1] == 0).all() and (y[..., 5:] == 0).all()


def test_unflatten_is_the_reverse_of_flatten() -> None:
    rows = nn.Flatten()(X)
    np.testing.assert_array_equal(nn.Unflatten((5, -1, 4))(rows).numpy(), X)


def test_parts_are_named_by_their_number_and_told_that_they_train() -> None:
    norm = nn.BatchNorm2d(4)
    net = nn.Branches(nn.Residual(nn.Sequential(norm)), nn.Dropout(0.5))
    names = [name for name, _ in net.named_parameters()]
    assert names == ["0.inner.0.weight", "0.inner.0.bias"]
    net(X, training=True)
    assert (norm.running_mean.numpy() != 0).all()


#: call, class of the error, its first line, what to do
WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (nn.Branches, ArgumentError, "Branches: no layers: expected at least one", None),
    (lambda: nn.Branches(nn.Identity(), cr.tanh), ArgumentError,
     "Branches: layer 1 is the function tanh: expected a layer", "use the layer"),
    (lambda: nn.Branches([nn.Identity()]), ArgumentError,  # type: ignore[arg-type]
     "Branches: layer 0 is a list: expected a layer", "unpack it: Branches(*layers)"),
    (lambda: nn.Residual(nn.Linear), ArgumentError,  # type: ignore[arg-type]
     "Residual: layer 0 is the class Linear", "call it: Linear(…)"),
    (lambda: nn.Branches(nn.Identity(), nn.MaxPool2d(2))(X), ShapeError,
     "concatenate: (2, 5, 6, 4) and (2, 2, 3, 4) along axis 3: 5 ≠ 2 at axis 1", None),
    (lambda: nn.Residual(nn.MaxPool2d(2))(X), ShapeError,
     "Residual: x (2, 5, 6, 4) + (2, 2, 3, 4) of inner: both must have the same "
     "shape", "a shortcut such as"),
    (lambda: nn.Residual(nn.Conv2d(4, 1, 1))(X), ShapeError,
     "Residual: x (2, 5, 6, 4) + (2, 5, 6, 1) of inner", None),
    (lambda: nn.Unflatten((7, -1))(X), ShapeError,
     "reshape: Unflatten: a sample of x (2, 5, 6, 4)", None),
    (lambda: nn.Unflatten((0.5,)), ArgumentError,  # type: ignore[arg-type]
     "Unflatten: shape (0.5,): expected whole numbers", None),
    (lambda: nn.Subsample(0), ArgumentError,
     "Subsample: stride=0: expected a whole number of at least 1", None),
    (lambda: nn.Subsample(2)(X[0, 0]), ShapeError,
     "Subsample: x (6, 4): expected (samples, …, channels)", None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "first", "fix"), WRONG)
def test_a_mistake_is_one_clear_error(
    call: Any, kind: Any, first: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.what.startswith(first)
    assert (caught.value.fix or "").startswith(fix or "")


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_layer_of_a_sequential_can_be_replaced(engine: str) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    predict = cr.compile(lambda x: model(x), engine=engine)
    assert predict(np.ones((2, 4), np.float32)).shape == (2, 3)
    model[-1] = nn.Linear(8, 5)
    assert predict(np.ones((2, 4), np.float32)).shape == (2, 5)
    assert [name for name, _ in model.named_parameters()][-1] == "2.bias"
    for index in (3, -4, "head"):
        with pytest.raises(BoundsError, match="of 3"):
            model[index] = nn.ReLU()  # type: ignore[index]
    with pytest.raises(ArgumentError, match=r"\[0\] = int: expected a layer"):
        model[0] = 3  # type: ignore[assignment]
