"""Whether a network trains is an argument of the call, and cannot be forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.module.call import watching

X = np.ones((4, 3), np.float32)


class Block(nn.Module):
    """A user's module that passes ``training`` on."""

    def __init__(self, part: nn.Module) -> None:
        self.part = part

    def forward(self, x: Any, training: bool = False) -> Any:
        return self.part(x, training=training)


class Forgets(Block):
    """One that takes it and forgets to pass it on."""

    def forward(self, x: Any, training: bool = False) -> Any:
        return self.part(x)


class Deaf(Block):
    """One that does not take it."""

    def forward(self, x: Any) -> Any:  # type: ignore[override]
        return self.part(x)


class Frozen(Block):
    """One whose part always predicts."""

    def forward(self, x: Any, training: bool = False) -> Any:
        return self.part(x, training=False)


class Asks(nn.Module):
    """One that answers in which mode it was called."""

    def forward(self, x: Any, training: bool = False) -> Any:
        return training


def dropped(y: Any) -> bool:
    return bool((y.numpy() == 0).any())


@pytest.fixture(autouse=True)
def seeded() -> None:
    cr.manual_seed(0)


DROPOUT = nn.Dropout(0.5)


@pytest.mark.parametrize(
    "net",
    [
        DROPOUT,
        Block(DROPOUT),
        Block(Block(DROPOUT)),
        nn.Sequential(nn.Identity(), DROPOUT),
        nn.Sequential(Block(nn.Sequential(DROPOUT))),
    ],
    ids=lambda net: repr(net).replace("\n", ""),
)
def test_training_reaches_the_innermost_layer_and_else_all_predict(
    net: nn.Module,
) -> None:
    assert dropped(net(X, training=True))
    assert not dropped(net(X, training=False))
    assert not dropped(net(X))


def test_a_module_is_told_false_unless_it_is_told_true() -> None:
    assert Asks()(X) is False
    assert Asks()(X, training=False) is False
    assert Asks()(X, training=True) is True


def test_a_module_that_does_not_ask_is_not_told() -> None:
    assert nn.Linear(3, 2)(X, training=True).shape == (4, 2)
    assert Deaf(nn.Linear(3, 2))(X, training=True).shape == (4, 2)


def test_a_part_may_be_kept_from_training() -> None:
    assert not dropped(Frozen(DROPOUT)(X, training=True))
    assert not dropped(Frozen(Deaf(DROPOUT))(X, training=True))


FORGOTTEN: list[tuple[nn.Module, str, str]] = [
    (
        Forgets(DROPOUT),
        "Dropout: called without training= inside Forgets, while Forgets was called "
        "with training=True; Dropout behaves differently in training",
        "in Forgets.forward, pass it on: layer(x, training=training)",
    ),
    (
        Forgets(nn.Sequential(nn.Identity(), nn.BatchNorm1d(3))),
        "Sequential: called without training= inside Forgets, while Forgets was called "
        "with training=True; 1 = BatchNorm1d behaves differently in training",
        "in Forgets.forward, pass it on: layer(x, training=training)",
    ),
    (
        nn.Sequential(Forgets(Deaf(DROPOUT))),
        "Deaf: called without training= inside Forgets, while Forgets was called with "
        "training=True; part = Dropout behaves differently in training",
        "in Forgets.forward, pass it on: layer(x, training=training)",
    ),
    (
        Deaf(DROPOUT),
        "Deaf: called with training=True, but Deaf.forward does not take it, and "
        "contains part = Dropout, which behaves differently in training",
        "def forward(self, x, training=False): … in Deaf, and pass it on",
    ),
    (
        nn.Sequential(nn.Linear(3, 3), Deaf(DROPOUT)),
        "Deaf: called with training=True, but Deaf.forward does not take it, and "
        "contains part = Dropout, which behaves differently in training",
        "def forward(self, x, training=False): … in Deaf, and pass it on",
    ),
]


@pytest.mark.parametrize(
    ("net", "what", "fix"),
    FORGOTTEN,
    ids=["layer", "inside", "deep", "deaf", "in"],
)
def test_forgetting_to_pass_training_on_is_an_error_that_names_both(
    net: nn.Module, what: str, fix: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        net(X, training=True)
    assert (caught.value.what, caught.value.fix) == (what, fix)
    assert not dropped(net(X))


def test_a_module_without_such_parts_may_forget_it() -> None:
    assert Forgets(nn.Linear(3, 2))(X, training=True).shape == (4, 2)


def test_it_cannot_be_forgotten_inside_of_compiled_code_either() -> None:
    with pytest.raises(ArgumentError, match="called without training= inside Forgets"):
        cr.compile(lambda x: Forgets(DROPOUT)(x, training=True))(X)


def test_after_an_error_the_next_call_starts_afresh() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(5, 2))
    for _ in range(2):
        with pytest.raises(ShapeError) as caught:
            net(X)
        assert caught.value.layer == "1 = Linear(5 → 2), weight (2, 5)"
    with pytest.raises(ShapeError) as caught:
        cr.zeros(2) + cr.zeros(3)
    assert caught.value.layer is None


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(ArgumentError) as caught:
        Empty()(X)
    assert caught.value.what == "Empty: forward is not defined"
    assert caught.value.fix == "def forward(self, x): … in class Empty"


def test_other_options_reach_forward() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Any, *, scale: float) -> Any:
            return x * scale

    assert Scaled()(2.0, scale=3.0) == 6.0
    with pytest.raises(ArgumentError) as caught:
        Scaled()(2.0, size=3.0)
    assert caught.value.what == (
        "Scaled: called with (float, size=): Scaled.forward takes (x, *, scale)"
    )


def test_a_wrong_type_inside_forward_is_no_wrong_call() -> None:
    class Adds(nn.Module):
        def forward(self, x: Any) -> Any:
            return "text" + x

    with pytest.raises(TypeError, match="str"):
        Adds()(2)


def test_a_watcher_is_told_of_every_call_in_order() -> None:
    class Record:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def before(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self.seen.append(f"> {type(module).__name__} {inputs[0].shape}")

        def after(self, module: nn.Module, inputs: Any, output: Any) -> None:
            self.seen.append(f"< {type(module).__name__} {output.shape}")

    record = Record()
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    with watching(record):
        net(X)
    net(X)
    assert record.seen == [
        "> Sequential (4, 3)",
        "> Linear (4, 3)",
        "< Linear (4, 2)",
        "> ReLU (4, 2)",
        "< ReLU (4, 2)",
        "< Sequential (4, 2)",
    ]
