"""Freezing: what is frozen stays as it is, and computes as in prediction."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, ForeignNameError
from chainrule.optim import ALGORITHMS
from tests.algorithms import TAKE_GRADIENTS

X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def network() -> nn.Sequential:
    cr.manual_seed(0)
    body = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))
    return nn.Sequential(body, nn.Linear(5, 1))


def changed(model: nn.Module, act: Any) -> set[str]:
    """The names of the values that an action changes."""
    before = model.state_dict()
    act()
    after = model.state_dict()
    return {name for name in after if not np.array_equal(after[name], before[name])}


def stepper(model: nn.Module, optimizer: Any) -> Any:
    def step(x: Any) -> Any:
        loss = (model(x, training=True) ** 2).mean()
        optimizer.step(cr.backprop(loss))
        return loss

    return step


HEAD = {"1.weight", "1.bias"}
BODY = {"0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias"}
AVERAGES = {"0.1.running_mean", "0.1.running_var"}


@pytest.mark.parametrize("algorithm", TAKE_GRADIENTS)
def test_no_optimizer_changes_what_is_frozen(algorithm: str) -> None:
    model = network()
    optimizer = ALGORITHMS[algorithm](
        model.parameters(), lr=0.1, transforms=[optim.L2(0.1)]
    )
    step = stepper(model, optimizer)
    for _ in range(3):  # so that there is momentum to go on by
        step(X)
    model[0].freeze()
    assert changed(model, lambda: step(X)) == HEAD
    model[0].unfreeze()
    assert changed(model, lambda: step(X)) >= HEAD | AVERAGES


def test_a_frozen_part_computes_as_in_prediction_where_the_call_says_training() -> None:
    model = network()
    model[0].freeze()
    training = model(X, training=True).numpy()
    np.testing.assert_array_equal(training, model(X).numpy())
    model[0].unfreeze()
    assert not np.array_equal(model(X, training=True).numpy(), training)


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(4, 5, num_layers=2, dropout=0.5), nn.Dropout2d(0.5),
        nn.MultiheadAttention(4, 2, dropout=0.5), nn.BatchNorm2d(4),
        nn.DropConnect(4, 3), nn.AlphaDropout(0.5),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_every_layer_with_modes_predicts_while_it_is_frozen(layer: Any) -> None:
    shape = (
        (2, 3, 3, 4) if isinstance(layer, nn.Dropout2d | nn.BatchNorm2d) else (2, 3, 4)
    )
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    inputs = (x, x, x) if isinstance(layer, nn.MultiheadAttention) else (x,)
    layer.freeze()
    outputs = [layer(*inputs, training=mode) for mode in (True, False)]
    first, second = (o[0] if isinstance(o, tuple) else o for o in outputs)
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_a_part_of_a_frozen_network_can_be_unfrozen() -> None:
    model = network()
    model.freeze()
    assert model.frozen
    model[1].unfreeze()
    assert [model.frozen, model[0].frozen, model[1].frozen] == [False, True, False]
    step = stepper(model, optim.Adam(model.parameters()))
    assert changed(model, lambda: step(X)) == HEAD
    model.freeze()
    model[0][1].unfreeze()
    assert changed(model, lambda: step(X)) == AVERAGES | {"0.1.weight", "0.1.bias"}


def test_one_parameter_can_be_frozen_alone() -> None:
    model = network()
    model[1].bias.freeze()
    step = stepper(model, optim.SGD(model.parameters(), lr=0.1))
    names = changed(model, lambda: step(X))
    assert names == (BODY | AVERAGES | HEAD) - {"1.bias"} - (BODY - names)
    assert "1.bias" not in names
    assert "1.weight" in names


def test_a_shared_parameter_is_frozen_with_either_module() -> None:
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    a.freeze()
    assert b.weight.frozen
    assert not b.bias.frozen  # type: ignore[union-attr]


def test_what_stands_in_front_of_a_frozen_part_learns_through_it() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 1))
    model[1].freeze()
    step = stepper(model, optim.SGD(model.parameters(), lr=0.1))
    names = changed(model, lambda: step(X))
    assert "0.weight" in names
    assert not any(name.startswith("1.") for name in names)


def test_gradients_of_frozen_parameters_are_still_to_be_had() -> None:
    model = network()
    model.freeze()
    grads = cr.backprop((model(X) ** 2).mean())
    assert all(w in grads for w in model.parameters())


def test_a_loss_need_not_reach_what_is_frozen() -> None:
    a, b = cr.parameter(1.0), cr.parameter(1.0)
    optimizer = optim.SGD([a, b], lr=0.5)
    b.freeze()
    optimizer.step(cr.backprop(a * a))
    assert (a.item(), b.item()) == (0.0, 1.0)


def test_the_norm_of_all_gradients_does_not_count_frozen_ones() -> None:
    a, b = cr.parameter(0.0), cr.parameter(0.0)
    optimizer = optim.SGD([a, b], lr=1.0, transforms=[optim.ClipNorm(1.0)])
    b.freeze()
    optimizer.step({a: cr.tensor(0.5), b: cr.tensor(100.0)})
    assert a.item() == -0.5


def test_a_step_with_everything_frozen_is_an_error() -> None:
    model = network()
    optimizer = optim.Adam(model.parameters())
    model.freeze()
    with pytest.raises(ArgumentError) as caught:
        stepper(model, optimizer)(X)
    assert str(caught.value).split("\n")[0] == (
        "Adam.step: all 6 parameters are frozen: there is nothing to train"
    )
    assert optimizer.num_steps == 0


def test_copies_are_frozen_as_the_original_is_and_files_are_not(tmp_path: Any) -> None:
    model = network()
    model[0].freeze()
    for other in (
        copy.deepcopy(model),
        model.astype("float64"),
        pickle.loads(pickle.dumps(model)),
    ):
        assert [part.frozen for part in other] == [True, False]
        assert [w.frozen for w in other.parameters()] == [True] * 4 + [False] * 2
    model.save(tmp_path / "model.safetensors")
    loaded: Any = cr.load(tmp_path / "model.safetensors")
    assert not any(w.frozen for w in loaded.parameters())
    assert not loaded[0].frozen
    model.load(tmp_path / "model.safetensors")
    assert model[0].frozen


def test_the_summary_counts_what_is_frozen() -> None:
    model = network()
    assert "frozen" not in str(model.summary((4,)))
    model[0].freeze()
    summary = model.summary((4,))
    assert (summary.num_parameters, summary.num_frozen) == (41, 35)
    lines = str(summary).split("\n")
    assert lines[0].split() == [
        "name", "layer", "output", "parameters", "frozen", "FLOPs", "bytes",
    ]  # fmt: skip
    assert lines[-1].split()[:3] == ["total", "41", "35"]
    assert str(model.summary()).split("\n")[-1].split()[:3] == ["total", "41", "35"]


def test_freezing_is_asked_for_by_a_call() -> None:
    model = network()
    with pytest.raises(ForeignNameError) as caught:
        model.frozen = True  # type: ignore[misc]
    assert str(caught.value).split("\n")[0] == (
        "Sequential.frozen = …: it says whether the module is frozen, and cannot be set"
    )
    assert not model.frozen


# In training. -------------------------------------------------------------------------


def examples() -> Any:
    return X, X.sum(axis=1, keepdims=True)


def test_fit_trains_what_is_not_frozen() -> None:
    model = network()
    model[0].freeze()
    names = changed(model, lambda: cr.fit(model, examples(), epochs=2, progress=False))
    assert names == HEAD


def test_fit_adds_up_no_gradients_of_what_is_frozen() -> None:
    model = network()
    model[0].freeze()
    names = changed(
        model,
        lambda: cr.fit(
            model, examples(), epochs=1, batch_size=2, accumulate=2, progress=False
        ),
    )
    assert names == HEAD


def test_fit_warns_where_averages_move_in_a_part_that_is_not_trained() -> None:
    model = network()
    optimizer = optim.Adam(model[1].parameters())
    with pytest.warns(UserWarning, match=r"no parameter of 0\.1 = BatchNorm1d"):
        cr.fit(model, examples(), optimizer=optimizer, epochs=1, progress=False)
    model[0].freeze()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.fit(model, examples(), optimizer=optimizer, epochs=1, progress=False)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_compiled_steps_notice_what_is_frozen_and_unfrozen(engine: str) -> None:
    model = network()
    optimizer = optim.AdamW(model.parameters(), lr=0.1)
    step = cr.compile(stepper(model, optimizer), engine=engine)
    assert changed(model, lambda: step(X)) == HEAD | BODY | AVERAGES
    model[0].freeze()
    assert changed(model, lambda: step(X)) == HEAD
    model[0].unfreeze()
    assert changed(model, lambda: step(X)) == HEAD | BODY | AVERAGES
    model[1].bias.freeze()
    assert changed(model, lambda: step(X)) >= {"1.weight"} | AVERAGES
    assert "1.bias" not in changed(model, lambda: step(X))
    assert len(step.specialisations) == 3


def test_layers_can_be_unfrozen_one_by_one_without_a_warning() -> None:
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(5)))
    model.freeze()
    step = cr.compile(stepper(model, optim.SGD(model.parameters(), lr=0.1)))
    sizes = []
    for layer in reversed(list(model)):
        layer.unfreeze()
        step(X)
        sizes.append(len(step.specialisations[0].graph.operations))
    assert sizes == sorted(set(sizes))  # what is frozen costs no backward pass


def test_a_callback_can_unfreeze_a_part_in_the_course_of_training() -> None:
    class Thaw(cr.callbacks.Callback):
        def on_epoch_start(self, run: Any) -> None:
            seen.append({n: v.copy() for n, v in run.model.state_dict().items()})
            if run.epoch == 2:
                run.model[0].unfreeze()

    seen: list[dict[str, Any]] = []
    model = network()
    model[0].freeze()
    cr.fit(model, examples(), epochs=2, callbacks=[Thaw()], progress=False)
    name = "0.0.weight"
    assert np.array_equal(seen[0][name], seen[1][name])
    assert not np.array_equal(model.state_dict()[name], seen[1][name])
