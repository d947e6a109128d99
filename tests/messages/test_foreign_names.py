"""Habits from other libraries: each is one error that says what to write here."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, models, nn, optim
from chainrule.errors import ArgumentError, ForeignNameError, OptionError
from chainrule.foreign import table

W: Any = cr.parameter(np.ones((2, 3), np.float32), name="W")
model: Any = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
optimizer: Any = optim.Adam(model.parameters())
OWNERS: list[tuple[Any, str, Mapping[str, str]]] = [
    (W * 2, "Tensor", table("package.TENSOR")),
    (model, "Sequential", table("nn.MODULE")),
    (optimizer, "Adam", table("optim.OPTIMIZER")),
    (cr.fit(nn.Linear(1, 1), ([[1.0]], [[1.0]]), epochs=0, progress=False), "History",
     table("training.HISTORY")),
    (cr, "cr", table("package.NAMES")),
    (cr.linalg, "cr.linalg", table("linalg.NAMES")),
    (nn, "cr.nn", table("nn.NAMES")),
    (models, "cr.models", table("models.NAMES")),
    (optim, "cr.optim", table("optim.NAMES")),
    (data, "cr.data", table("data.NAMES")),
]  # fmt: skip
NAMES = [
    pytest.param(owner, shown, name, fix, id=f"{shown}.{name}")
    for owner, shown, table in OWNERS
    for name, fix in table.items()
]


@pytest.mark.parametrize(("owner", "shown", "name", "fix"), NAMES)
def test_a_foreign_name_says_what_to_write_and_does_not_exist(
    owner: Any, shown: str, name: str, fix: str
) -> None:
    with pytest.raises(ForeignNameError) as caught:
        getattr(owner, name)
    lines = str(caught.value).split("\n")
    assert re.fullmatch(
        re.escape(f"{shown}.{name}") + ": there is no such (attribute|name) here",
        lines[0],
    )
    assert lines[1].startswith("  called at  test_foreign_names.py:")
    assert lines[2] == f"  fix        {fix}"
    assert not hasattr(owner, name)
    assert getattr(owner, name, None) is None


@pytest.mark.parametrize("fix", sorted({str(each.values[3]) for each in NAMES}))
def test_what_an_advice_names_exists(fix: str) -> None:
    for path in re.findall(r"\b(?:cr|nn|optim|losses|data|models)(?:\.\w+)+", fix):
        first, *rest = path.split(".")
        thing: Any = {"cr": cr}.get(first) or getattr(cr, first)
        for name in rest:
            thing = getattr(thing, name)
    for thing, letter in [
        (W, "W"),
        (W, "x"),
        (model, "model"),
        (optimizer, "optimizer"),
    ]:
        for name in re.findall(rf"\b{letter}\.(\w+)", fix):
            assert hasattr(thing, name), f"{letter}.{name}"


LOSS: Any = (W * W).sum()
NN: Any = nn
HABITS: list[tuple[Callable[[], Any], str]] = [
    (lambda: LOSS.backward(),
     "grads = cr.backprop(loss); grads[W] is ∂loss/∂W, of any tensor W"),
    (lambda: W.grad,
     "grads = cr.backprop(loss); grads[W] is ∂loss/∂W, of any tensor W"),
    (lambda: optimizer.zero_grad(),
     "leave it out: each cr.backprop(loss) returns new gradients"),
    (lambda: model.eval(),
     "leave it out: a call predicts unless it says model(x, training=True); cr.fit "
     "does"),
    (lambda: LOSS.to("cuda"),
     "leave it out: there are no devices to move to; cr.compile makes it fast"),
    (lambda: NN.CrossEntropyLoss(),
     "losses.cross_entropy(predictions, targets), a function"),
]  # fmt: skip


@pytest.mark.parametrize(("habit", "fix"), HABITS)
def test_the_habits_of_a_training_loop_verbatim(
    habit: Callable[[], Any], fix: str
) -> None:
    with pytest.raises(ForeignNameError) as caught:
        habit()
    assert caught.value.fix == fix


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("CrossEntropyLoss", "cross_entropy"),
        ("sparse_categorical_crossentropy", "cross_entropy"),
        ("NLLLoss", "cross_entropy"),
        ("BCEWithLogitsLoss", "binary_cross_entropy"),
        ("mean_squared_error", "mse"),
        ("MSELoss", "mse"),
        ("mean_absolute_error", "l1"),
        ("SmoothL1Loss", "huber"),
        ("log_loss", "cross_entropy"),
    ],
)
def test_a_loss_by_another_name_is_led_to_ours(name: str, ours: str) -> None:
    for package in (nn, losses, cr):
        with pytest.raises(AttributeError, match=rf"losses\.{ours}\("):
            getattr(package, name)
    with pytest.raises(OptionError) as caught:
        losses.by_name(name)
    assert caught.value.fix == f"did you mean {ours!r}?"
    assert callable(losses.by_name(ours))


@pytest.mark.parametrize(
    "owner", [W, model, optimizer, cr, nn], ids=["tensor", "module", "opt", "cr", "nn"]
)
def test_a_misspelt_name_is_pythons_error_which_offers_the_nearest(owner: Any) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'relx'") as caught:
        owner.relx  # noqa: B018
    assert type(caught.value) is AttributeError
    assert (caught.value.name, caught.value.obj) == ("relx", owner) or (
        caught.value.obj is owner
    )


def test_a_property_that_fails_inside_says_what_failed_there() -> None:
    class Net(nn.Module):
        @property
        def width(self) -> int:
            return self.missing  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError, match="'missing'"):
        Net().width  # noqa: B018


def test_objects_with_advice_are_still_copied_and_sent() -> None:
    for each in (W, W * 2, model):
        assert type(pickle.loads(pickle.dumps(each))) is type(each)
    assert "chainrule" in sys.modules


FIT = ([[1.0], [2.0]], [0, 1])


@pytest.mark.parametrize(
    ("call", "error", "fix"),
    [
        (lambda: cr.fit(model, *FIT), ArgumentError,  # type: ignore[call-arg]
         "cr.fit(model, (x, y), epochs=10): inputs and targets are a pair"),
        (lambda: cr.fit(model, FIT, validation_split=0.1), OptionError,  # type: ignore[call-arg]
         "validation=0.1, a fraction of the training data"),
        (lambda: cr.fit(model, FIT, verbose=0), OptionError,  # type: ignore[call-arg]
         "progress=False for none"),
        (lambda: cr.fit(model, FIT, epoch=3), OptionError,  # type: ignore[call-arg]
         "did you mean 'epochs'?"),
        (lambda: data.train_test_split(FIT, test_size=0.5), OptionError,  # type: ignore[call-arg]
         "test=0.2"),
        (lambda: optim.Adam([W], learning_rate=0.1), OptionError,  # type: ignore[call-arg]
         "lr=0.001"),
    ],
)  # fmt: skip
def test_options_of_other_libraries_say_what_takes_their_place(
    call: Any, error: type[Exception], fix: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert caught.value.fix == fix  # type: ignore[attr-defined]
