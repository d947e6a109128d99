"""The experiment on gradients that vanish, smaller: what its picture shows."""

from __future__ import annotations

from pathlib import Path

import chainrule as cr
from chainrule import nn
from experiments import vanishing_gradients as experiment


def test_gradients_vanish_or_explode_in_an_rnn_and_survive_in_an_lstm(
    tmp_path: Path,
) -> None:
    cr.manual_seed(0)
    made = experiment.networks(2)
    sizes = {name: experiment.gradient_sizes(each, 60) for name, each in made.items()}
    small, _, large, closed, open_ = (float(each[-1]) for each in sizes.values())
    assert small < 1e-9 and closed < 1e-9
    assert large > 1e5
    assert 0.03 < open_ < 30
    picture = tmp_path / "picture.png"
    curves = dict.fromkeys(sizes, [0.5] * 20)
    experiment.draw(picture, sizes, curves, updates=100)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_lstm_that_keeps_learns_what_an_rnn_that_forgets_does_not() -> None:
    cr.manual_seed(0)
    curves = [
        experiment.learning_curve(layer, steps=60, updates=80)
        for layer in (nn.LSTM(2, experiment.WIDTH, forget_bias=5.0), nn.RNN(2, 64))
    ]
    assert curves[0][-1] > 0.95
    assert curves[1][-1] < 0.7
