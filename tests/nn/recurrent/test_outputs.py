"""``LastStep``, ``AllSteps`` and lengths in a ``Sequential``, and in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from tests.nn.recurrent.reference import LENGTHS, Array, D, H, N, T, X, make, rng


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_the_last_step_of_a_layer_is_the_end_in_each_direction(lengths: Any) -> None:
    layer = make("LSTM", D, H, 2, bidirectional=True)
    output, (h, _) = layer(X, lengths=lengths)
    end = nn.LastStep()((output, (h, h))).numpy()
    assert end.shape == (N, 2 * H)
    for row, length in enumerate(np.full(N, T) if lengths is None else lengths):
        if length:
            forward, backward = output.numpy()[row, [length - 1, 0]]
            assert (end[row] == [*forward[:H], *backward[H:]]).all()
        else:
            assert (end[row] == 0).all()


def test_the_last_step_of_a_tensor_is_that_of_each_sequence() -> None:
    assert (nn.LastStep()(X).numpy() == X[:, -1]).all()
    last = nn.LastStep()(X, LENGTHS).numpy()
    wanted = [X[row, n - 1] if n else np.zeros(D) for row, n in enumerate(LENGTHS)]
    assert (last == wanted).all()


def test_a_sequential_hands_lengths_to_the_layers_that_take_them() -> None:
    inner = nn.Sequential(nn.Tanh(), nn.GRU(D, H), nn.AllSteps())
    model = nn.Sequential(inner, nn.LSTM(H, H), nn.LastStep(), nn.Linear(H, 2))
    x = X.astype("float32")
    wanted = [model(x[row : row + 1, :n]).numpy()[0] for row, n in enumerate(LENGTHS)]
    found = model(x, LENGTHS).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def reversed_words(count: int) -> tuple[Array, Array, Array]:
    """Sequences of bits of different lengths; the class is the first bit."""
    lengths = rng.integers(2, 9, count)
    bits = rng.integers(0, 2, (count, 8))
    bits[np.arange(8) >= lengths[:, None]] = 2  # padding
    return bits, lengths, bits[:, 0]


def test_fit_trains_a_network_on_padded_sequences() -> None:
    """Sequence → vector: the first bit, remembered to a sequence's own end."""
    cr.manual_seed(3)
    model = nn.Sequential(
        nn.Embedding(3, 8), nn.LSTM(8, 16), nn.LastStep(), nn.Linear(16, 2)
    )
    bits, lengths, first = reversed_words(256)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    data = ((bits, lengths), first)
    cr.fit(model, data, optimizer=optimizer, epochs=25, progress=False)
    assert cr.evaluate(model, data)["accuracy"] > 0.99
    assert cr.predict(model, (bits, lengths)).shape == (256, 2)


def test_both_directions_label_every_step_by_its_neighbours() -> None:
    """Sequence → sequence, with steps behind the end that do not count."""
    cr.manual_seed(4)
    bits, lengths, _ = reversed_words(256)
    inside = np.arange(8) < lengths[:, None]
    after = np.where(np.arange(1, 9) < lengths[:, None], np.roll(bits, -1, 1), 0)
    targets = np.where(inside, after, -1)
    model = nn.Sequential(
        nn.Embedding(3, 8),
        nn.GRU(8, 16, bidirectional=True),
        nn.AllSteps(),
        nn.Linear(32, 2),
    )

    def loss(outputs: Any, targets: Any) -> Any:
        return losses.cross_entropy(outputs, targets, ignore_index=-1)

    data = cr.data.Dataset((bits, lengths), targets, task="none")
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    cr.fit(model, data, loss=loss, optimizer=optimizer, epochs=20, progress=False)
    right = model(bits, lengths).numpy().argmax(-1) == targets
    assert right[inside].mean() > 0.99
    assert cr.evaluate(model, data, loss=loss)["accuracy"] > 0.99
