"""Layers trained one by one: what each learns, what stays, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, optim
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DataError,
    NumericsError,
    ShapeError,
)
from chainrule.models import pretrain
from chainrule.training import callbacks

Array = np.ndarray[Any, Any]


#: Long enough on a few hundred examples.
WELL: dict[str, Any] = {
    "epochs": 30,
    "batch_size": 20,
    "optimizer": optim.Adam(lr=0.01),
}


@pytest.fixture(scope="module")
def x() -> Array:
    """Images of digits from 0 to 1, (300, 64)."""
    images = data.load("digits").train.inputs[:300]
    return np.asarray(images / images.max(), "float32")


def classifier(activation: type[nn.Module] = nn.Sigmoid) -> nn.Sequential:
    cr.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 20),
        activation(),
        nn.Linear(20, 12),
        activation(),
        nn.Linear(12, 10),
    )


def quickly(model: nn.Module, inputs: Any, by: str = "rbm", **options: Any) -> Any:
    return pretrain(model, inputs, by, **{"epochs": 2, "progress": False, **options})


def test_each_layer_is_the_hidden_side_of_a_machine_on_what_is_below(x: Array) -> None:
    model = classifier()
    output = model[-1].weight.numpy()
    histories = quickly(model, x, seed=5)
    assert list(histories) == ["0", "2"]
    below = x
    for number, layer in enumerate([model[0], model[2]]):
        cr.manual_seed(5 + number)
        rbm = models.RBM(layer.in_features, layer.out_features)
        rbm.fit_visible_bias(below)
        cr.fit(
            models.ContrastiveDivergence(rbm),
            below,
            optimizer=optim.Momentum(lr=0.1),
            epochs=2,
            batch_size=100,
            seed=5 + number,
            progress=False,
        )
        np.testing.assert_array_equal(layer.weight.numpy(), rbm.weight.numpy())
        np.testing.assert_array_equal(layer.bias.numpy(), rbm.hidden_bias.numpy())
        below = cr.predict(nn.Sequential(layer, nn.Sigmoid()), below)
    np.testing.assert_array_equal(model[-1].weight.numpy(), output)


def test_an_autoencoder_s_layers_are_those_of_the_network_itself(x: Array) -> None:
    model = nn.Sequential(
        nn.Linear(64, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(20, 8, bias=False), nn.Tanh(), nn.Linear(8, 10),
    )  # fmt: skip
    before = model.state_dict()
    found = quickly(model, x, "autoencoder", noise=nn.ZeroMasking(0.2))
    assert list(found) == ["0", "4"]
    changed = {n for n, v in model.state_dict().items() if (v != before[n]).any()}
    assert changed == {
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "4.weight",
    }  # fmt: skip


@pytest.mark.parametrize(("by", "tied"), [("rbm", False), ("autoencoder", True)])
def test_layers_learn_and_the_decoder_is_the_encoder_unrolled(
    x: Array, by: str, tied: bool
) -> None:
    model = models.deep_autoencoder(
        (64, 20, 6), nn.Sigmoid, output=nn.Sigmoid, tied=tied
    )
    mean_image = ((x - x.mean(0)) ** 2).sum(1).mean()
    found = quickly(model, x, by, **WELL, validation=0.2)
    assert list(found) == ["encoder.0", "encoder.2"]
    for history in found.values():
        assert history["validation_loss"][-1] < history["validation_loss"][0]
    down, up = model.encoder, model.decoder
    for a, b in ((down[0], up[2]), (down[2], up[0])):
        expected = a.weight.numpy() if tied else a.weight.numpy().T
        np.testing.assert_array_equal(b.weight.numpy(), expected)
        assert b.bias.numpy().any()
    error = ((model(x).numpy() - x) ** 2).sum(1).mean()
    assert error < 0.8 * mean_image  # before any tuning of the whole


def test_pretrained_and_tuned_is_the_whole_recipe(x: Array) -> None:
    """Few labels and many images: from features of all, more is right."""
    digits = data.load("digits")
    few = slice(0, 40)
    right = []
    for prepare in (False, True):
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 100), nn.Sigmoid(), nn.Linear(100, 10))
        images = digits.train.inputs
        if prepare:
            quickly(model, images, epochs=15, batch_size=20)
        cr.fit(
            model,
            (images[few], digits.train.targets[few]),
            optimizer=optim.Adam(lr=0.003),
            epochs=40,
            batch_size=10,
            progress=False,
        )
        right.append(cr.evaluate(model, digits.test)["accuracy"])
    assert right[1] > right[0]


def test_what_is_frozen_stays_and_passes_data_on() -> None:
    images = np.random.default_rng(0).random((50, 6, 6, 1), "float32")
    front = nn.Conv2d(1, 2, 3)
    front.freeze()
    model = nn.Sequential(
        front, nn.Flatten(), nn.Linear(32, 5), nn.Sigmoid(), nn.Linear(5, 4),
        nn.Sigmoid(), nn.Linear(4, 2),
    )  # fmt: skip
    model[2].freeze()
    before = model.state_dict()
    assert list(quickly(model, images, "autoencoder")) == ["4"]
    changed = {n for n, v in model.state_dict().items() if (v != before[n]).any()}
    assert changed == {"4.weight", "4.bias"}


@pytest.mark.parametrize("by", ["rbm", "autoencoder"])
def test_parameters_that_are_frozen_alone_stay(x: Array, by: str) -> None:
    model = models.deep_autoencoder(
        (64, 20, 6), nn.Sigmoid, code=nn.Sigmoid, output=nn.Sigmoid
    )
    first, second = model.encoder[0], model.encoder[2]
    first.weight.freeze()
    second.bias.freeze()
    model.decoder.freeze()
    before = model.state_dict()
    assert list(quickly(model, x, by)) == ["encoder.0", "encoder.2"]
    changed = {n for n, v in model.state_dict().items() if (v != before[n]).any()}
    assert changed == {"encoder.0.bias", "encoder.2.weight"}
    first.bias.freeze()
    assert list(quickly(model, x, by)) == ["encoder.2"]  # nothing is left to learn


def test_a_single_sigmoid_at_the_end_is_an_output(x: Array) -> None:
    model = nn.Sequential(
        nn.Linear(64, 20), nn.Sigmoid(), nn.Linear(20, 1), nn.Sigmoid()
    )
    assert list(quickly(model, x)) == ["0"]


def test_real_data_are_of_gaussian_units_and_so_is_a_linear_code() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 8))
    inputs /= inputs.std(axis=0)
    model = models.deep_autoencoder((8, 20, 3), nn.Sigmoid)
    found = quickly(model, inputs, **WELL, validation=0.2)
    for history in found.values():
        losses = history["validation_loss"]
        assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert model.encoder[2].weight.numpy().any()


def test_sequentials_inside_and_several_dtypes(x: Array) -> None:
    model = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(64, 5, dtype="float64"), nn.Sigmoid()),
        nn.Sequential(nn.Linear(5, 4, dtype="float64"), nn.Sigmoid(), nn.Identity()),
        nn.Sequential(nn.Linear(4, 2, dtype="float64"), nn.Softmax()),
    )
    before = model[3][0].weight.numpy()
    assert list(quickly(model, x.reshape(-1, 8, 8))) == ["1.0", "2.0"]
    assert (model[3][0].weight.numpy() == before).all()
    assert all(p.dtype == np.float64 for p in model.parameters())


def test_the_same_seed_gives_the_same_layers(x: Array) -> None:
    states = []
    for seed in (1, 1, 2):
        model = classifier()
        quickly(model, data.Dataset(x), seed=seed)
        states.append(model[2].weight.numpy())
    assert (states[0] == states[1]).all() and (states[0] != states[2]).any()


def test_checkpoints_of_each_layer_are_gone_on_from(x: Array, tmp_path: Path) -> None:
    whole = classifier()
    quickly(whole, x, checkpoints=tmp_path)
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert [path.parent.name for path in files] == ["layer-0", "layer-2"]
    times = [path.stat().st_mtime_ns for path in files]
    again = classifier()
    found = quickly(again, x, checkpoints=tmp_path)
    assert [path.stat().st_mtime_ns for path in files] == times
    assert [len(history.epochs) for history in found.values()] == [2, 2]
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(value, again.state_dict()[name])


def test_ctrl_c_ends_it_with_what_was_learned(
    x: Array, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(self: Any, run: Any) -> None:
        run.stop("interrupted")

    monkeypatch.setattr(callbacks.Checkpoint, "on_epoch_end", stop)
    model = classifier()
    second = model[2].weight.numpy()
    found = quickly(model, x, checkpoints=tmp_path)
    assert [history.stopped for history in found.values()] == ["interrupted"]
    assert (model[2].weight.numpy() == second).all()


def test_an_error_says_in_which_layer_weights_diverged(x: Array) -> None:
    with pytest.raises(NumericsError, match="have diverged") as caught:
        quickly(classifier(), x, optimizer=optim.SGD(lr=1e8), batch_size=20)
    assert caught.value.__notes__ == ["while layer 0 was trained"]


# Mistakes. ----------------------------------------------------------------------------


def sequential(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), *layers)


rows = np.zeros((5, 4), "float32")
SIGMOID, TWICE = nn.Sigmoid(), nn.Linear(4, 4)
ARGUMENT, DATA = ArgumentError, DataError
# fmt: off
MISTAKES: list[tuple[str, Callable[[], Any], type[ChainruleError], str, str | None]] = [
    ("another way", lambda: pretrain(sequential(SIGMOID), rows, "rbms"),
     ChainruleError, "unknown by 'rbms': expected one of 'autoencoder', 'rbm'",
     "did you mean 'rbm'?"),
    ("no layers", lambda: pretrain(nn.Linear(4, 3), rows), ARGUMENT,
     "pretrain: Linear: expected a Sequential or an Autoencoder",
     "a part of it that is a Sequential of Linear layers and activations"),
    ("an output layer alone", lambda: pretrain(nn.Sequential(nn.Linear(4, 3)), rows),
     ARGUMENT, "pretrain: no layer of Sequential can be trained: expected a Linear "
     "with an activation behind it, not frozen",
     "nn.Sequential(nn.Linear(784, 500), nn.Sigmoid(), nn.Linear(500, 10))"),
    ("a layer of another kind",
     lambda: pretrain(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(4, 3)), rows),
     ARGUMENT, "pretrain: layer 0 is Conv2d(1 → 2, 3×3): only Linear layers are "
     "trained alone", "its freeze() keeps it as it is, and data passes through it; or "
     "pretrain the layers behind it, with cr.predict(front, x) as data"),
    ("units that are no sigmoids",
     lambda: pretrain(sequential(nn.ReLU(), nn.Linear(3, 2)), rows), ARGUMENT,
     "pretrain: layer 0 = Linear(4 → 3) has ReLU behind it: the hidden units of an RBM "
     "are sigmoids", "nn.Sigmoid() alone, or by='autoencoder'"),
    ("no biases", lambda: pretrain(nn.Sequential(nn.Linear(4, 3, bias=False), SIGMOID),
     rows), ARGUMENT, "pretrain: layer 0 = Linear(4 → 3, bias=False): the hidden units "
     "of an RBM have biases", "nn.Linear(…, bias=True), or by='autoencoder'"),
    ("no activation between", lambda: pretrain(sequential(nn.Linear(3, 3), SIGMOID),
     rows), ARGUMENT, "pretrain: layer 0 = Linear(4 → 3) has no activation behind it: "
     "only an output layer has none, and the code of an Autoencoder",
     "nn.Sigmoid() behind it; or models.Autoencoder(encoder, decoder)"),
    ("noise for a machine",
     lambda: pretrain(sequential(SIGMOID), rows, noise=nn.Dropout(0.1)), ARGUMENT,
     "pretrain: noise= by an RBM: units are drawn, and that is its noise",
     "by='autoencoder', which learns to remove noise"),
    ("another decoder", lambda: pretrain(models.Autoencoder(
        nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 4))), rows), ARGUMENT,
     "pretrain: the decoder has layers 2 → 4: expected those of the encoder in "
     "reverse, 2 → 3, 3 → 4, as it gets their transposed weights",
     "pretrain(model.encoder, x) leaves the decoder as it is"),
    ("data of another width",
     lambda: pretrain(sequential(SIGMOID), np.zeros((5, 3))), ShapeError,
     "pretrain: data (5, 3): layer 0 = Linear(4 → 3) takes (N, 4)",
     "nn.Linear(3, 3), or other data"),
    ("images that are no rows",
     lambda: pretrain(sequential(SIGMOID), np.zeros((5, 2, 2))), ShapeError,
     "pretrain: data (5, 2, 2): layer 0 = Linear(4 → 3) takes (N, 4)",
     "nn.Flatten() in front of it"),
    ("other data to validate on",
     lambda: pretrain(sequential(SIGMOID), rows, validation=rows),  # type: ignore[arg-type]
     ARGUMENT, "pretrain: validation=ndarray: expected a fraction of the examples to "
     "train on, between 0 and 1", "validation=0.1"),
    ("nothing to validate on",
     lambda: pretrain(sequential(SIGMOID), rows, validation=0),
     ARGUMENT, "pretrain: validation=0: expected a fraction of the examples to train "
     "on, between 0 and 1", "validation=0.1"),
    ("images of 0 … 255",
     lambda: pretrain(sequential(SIGMOID), np.tile([[0.0], [255.0]], (3, 4))), DATA,
     "layer 0: data (6, 4) from 0 to 255 of real units: a variance of 1.63e+04: "
     "expected about 1", "x / 255 for images of 0 … 255, whose units are then binary; "
     "otherwise (x − mean) / std of each feature"),
    ("one layer in two places", lambda: pretrain(
        nn.Sequential(TWICE, SIGMOID, TWICE, SIGMOID), rows), ARGUMENT,
     "pretrain: layer 2 is layer 0 once more: it would be trained twice",
     "a layer of its own in each place"),
    ("an argument of another library",
     lambda: pretrain(sequential(SIGMOID), rows, lr=0.1),  # type: ignore[call-arg]
     ChainruleError, "unknown option of pretrain 'lr': expected one of 'batch_size', "
     "'by', 'checkpoints', 'data', 'engine', 'epochs', 'model', 'noise', 'optimizer', "
     "'progress', 'seed', 'validation'",
     "optimizer=optim.Adam(lr=0.001)"),
    ("several inputs",
     lambda: pretrain(sequential(SIGMOID), data.Dataset((rows, rows))), DATA,
     "pretrain: 2 inputs: expected one array of examples", None),
    ("a stream", lambda: pretrain(sequential(SIGMOID), data.Stream(lambda _: [])), DATA,
     "pretrain: Stream 'stream': every layer sees all examples as the layers below it "
     "make them, and a stream's are not kept", "an array or a Dataset"),
]
# fmt: on


@pytest.mark.parametrize(
    ("mistake", "error", "what", "fix"),
    [pytest.param(*rest, id=name) for name, *rest in MISTAKES],
)
def test_the_message_of_a_mistake(
    mistake: Callable[[], Any], error: type[Exception], what: str, fix: str | None
) -> None:
    with pytest.raises(error) as caught:
        mistake()
    lines = str(caught.value).split("\n")
    assert lines[0] == what
    assert "<string>" not in str(caught.value)
    fixes = [line.removeprefix("  fix        ") for line in lines if "  fix  " in line]
    assert fixes == ([fix] if fix else [])
