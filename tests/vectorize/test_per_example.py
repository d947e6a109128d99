"""``cr.per_example_grads``: every layer's, compared with a loop over the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import ArgumentError, GradientError, ShapeError, TraceError

N = 5
LABELS = np.array([0, 1, 2, 0, 1])


class Words(nn.Module):
    """An embedding, something that reads a sequence, and an output layer."""

    def __init__(self, reader: Any, read: Callable[..., Any]) -> None:
        super().__init__()
        self.table, self.reader = nn.Embedding(7, 8), reader
        self.read, self.out = read, nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        """The logits."""
        return self.out(self.read(self.reader, self.table(x)))


def last(reader: Any, x: Any) -> Any:
    """The last output of a recurrent layer."""
    return reader(x)[0][:, -1]


def networks() -> dict[str, tuple[Any, np.ndarray[Any, Any]]]:
    """Name → (model, inputs)."""
    rng = np.random.default_rng(0)
    images, words = rng.normal(size=(N, 8, 8, 2)), rng.integers(0, 7, (N, 6))
    rows = rng.normal(size=(N, 4))
    attention = nn.TransformerEncoderLayer(8, 2, 12)
    return {
        "linear": (nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), rows),
        "layer norm": (
            nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 3)), rows,
        ),
        "convolution": (
            nn.Sequential(
                nn.Conv2d(2, 4, 3, padding=1, stride=2), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(16, 3),
            ), images,
        ),
        "grouped convolution": (
            nn.Sequential(
                nn.Conv2d(2, 4, 3, dilation=2, groups=2), nn.GroupNorm(2, 4),
                nn.Flatten(), nn.Linear(64, 3),
            ), images,
        ),
        "transposed convolution": (
            nn.Sequential(
                nn.ConvTranspose2d(2, 1, 3, stride=2), nn.Flatten(), nn.Linear(289, 3),
            ), images,
        ),
        "lstm": (Words(nn.LSTM(8, 8), last), words),
        "gru": (Words(nn.GRU(8, 8, bidirectional=False), last), words),
        "attention": (
            Words(attention, lambda layer, x: layer(x).mean(1)), words,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(networks()))
@pytest.mark.parametrize("engine", [None, "native"])
def test_gradients_of_examples_are_those_of_a_loop(
    name: str, engine: str | None
) -> None:
    cr.config.dtype = "float64"
    model, x = networks()[name]
    parameters = model.parameters()

    def loss(x: Any, y: Any) -> Any:
        return losses.cross_entropy(model(x), y)

    def all_of_them(x: Any, y: Any) -> list[Any]:
        grads = cr.per_example_grads(loss, model, x, y)
        return [grads[p] for p in parameters]

    call = cr.compile(all_of_them, engine=engine) if engine else all_of_them
    found = call(x, LABELS)
    rows = [cr.backprop(loss(x[i : i + 1], LABELS[i : i + 1])) for i in range(N)]
    for p, each in zip(parameters, found, strict=True):
        expected = np.stack([grads[p].numpy() for grads in rows])
        assert each.shape == (N, *p.shape)
        np.testing.assert_allclose(each.numpy(), expected, rtol=1e-8, atol=1e-11)
    whole = cr.backprop(loss(x, LABELS))
    mean = found[0].numpy().mean(0)
    np.testing.assert_allclose(
        mean, whole[parameters[0]].numpy(), rtol=1e-8, atol=1e-11
    )


def test_norms_of_gradients_need_no_memory_for_the_gradients() -> None:
    model = nn.Sequential(nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    x, y = cr.random.normal((64, 300)), cr.random.normal((64, 10))

    def loss(x: Any, y: Any) -> Any:
        return losses.mse(model(x), y)

    def norms(x: Any, y: Any) -> Any:
        grads = cr.per_example_grads(loss, model, x, y)
        squares = [(g * g).sum(tuple(range(1, g.ndim))) for g in grads.values()]
        return cr.sqrt(sum(squares))

    compiled = cr.compile(norms, engine="native")
    np.testing.assert_allclose(compiled(x, y).numpy(), norms(x, y).numpy(), rtol=1e-5)
    bytes_of_all = 64 * (300 + 10) * 100 * 4
    assert compiled.explain(x, y).arena_bytes < bytes_of_all / 20


def test_clipped_gradients_train() -> None:
    """DP-SGD without its noise: the gradient of an example is clipped to a norm of
    1.
    """
    model = nn.Linear(300, 100)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x, y = cr.random.normal((64, 300)), cr.random.normal((64, 100))

    def loss(x: Any, y: Any) -> Any:
        return losses.mse(model(x), y)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        grads = cr.per_example_grads(loss, model, x, y)
        squares = [(g * g).sum(tuple(range(1, g.ndim))) for g in grads.values()]
        shares = cr.minimum(1.0, 1.0 / cr.sqrt(sum(squares)))
        clipped = {
            p: (g * shares.reshape(-1, *(1,) * p.ndim)).mean(0)
            for p, g in grads.items()
        }
        optimizer.step(grads.replaced(clipped))
        return loss(x, y)

    first = step(x, y).item()
    for _ in range(20):
        final = step(x, y).item()
    assert final < first


def test_the_mapping_is_that_of_backprop() -> None:
    used, unused = cr.parameter(1.0, name="a"), cr.parameter(2.0, name="b")
    grads = cr.per_example_grads(
        lambda x: (used * x).sum(), [used, unused], cr.tensor([3.0, 4.0])
    )
    assert list(grads) == [used]
    assert grads[used].numpy().tolist() == [3.0, 4.0]
    with pytest.raises(GradientError, match="not reached by the loss"):
        grads[unused]


def test_dropout_differs_between_examples_unless_asked() -> None:
    layer, drop = nn.Linear(4, 100), nn.Dropout(0.5)
    x = cr.ones((3, 4))

    def loss(x: Any) -> Any:
        return drop(layer(x), training=True).sum()

    own = cr.per_example_grads(loss, layer, x)[layer.bias].numpy()
    assert not (own == own[0]).all()
    shared = cr.per_example_grads(loss, layer, x, randomness="same")[layer.bias].numpy()
    assert (shared == shared[0]).all()


def test_layers_that_couple_examples_are_refused() -> None:
    rows = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    images = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    alone = "couples the examples of a batch, and here they are given one at a time"
    with pytest.raises(TraceError, match=alone):
        cr.per_example_grads(
            lambda x: rows(x, training=True).sum(), rows, cr.ones((3, 4))
        )
    with pytest.raises(TraceError, match="couple the examples of a batch"):
        cr.per_example_grads(
            lambda x: images(x, training=True).sum(), images, cr.ones((3, 5, 5, 1))
        )


@pytest.mark.parametrize(
    ("data", "error", "what"),
    [
        ((), ArgumentError, "no data: the loss is given one example after another"),
        (({},), ArgumentError, "no data: the loss is given one example after another"),
        ((cr.ones((5, 4)), cr.ones(3)), ShapeError,
         "data (5, 4), (3,): their first axes, those of the examples, must be equal"),
        ((cr.ones((5, 4)), 1.0), ShapeError,
         "data (5, 4), (): a single number has no axis of examples"),
    ],
)  # fmt: skip
def test_data_that_are_no_examples_are_refused(
    data: Any, error: type[cr.errors.ChainruleError], what: str
) -> None:
    layer = nn.Linear(4, 1)
    with pytest.raises(error) as caught:
        cr.per_example_grads(lambda x, *y: layer(x).sum(), layer, *data)
    assert caught.value.what == f"per_example_grads: {what}"
    assert "axes" not in str(caught.value.fix)


def test_a_loss_that_does_not_take_the_data_is_refused() -> None:
    model = nn.Linear(3, 2)
    x, y = cr.ones((4, 3)), cr.zeros((4, 2))
    with pytest.raises(ArgumentError) as caught:
        cr.per_example_grads(lambda x: model(x).sum(), model, x, y)
    assert str(caught.value).startswith(
        "per_example_grads: <lambda> does not take the data, 2 arguments: too many "
        "positional arguments"
    )
    assert "fix        cr.per_example_grads(loss, model, x, y) calls loss(x, y)" in str(
        caught.value
    )
    with pytest.raises(ArgumentError, match="float is not a function of the data"):
        cr.per_example_grads(1.0, model, x, y)  # type: ignore[arg-type]


def test_what_is_not_a_module_is_refused() -> None:
    with pytest.raises(ArgumentError) as error:
        cr.per_example_grads(lambda x: x.sum(), {"w": cr.parameter(1.0)}, cr.ones(3))
    assert str(error.value).startswith(
        "per_example_grads: str in the place of a module, or of its parameters"
    )
