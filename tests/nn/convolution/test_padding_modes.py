"""What lies beyond the edges of convolutions' inputs: ``padding_mode``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from tests.agreement import each_engine

rng = np.random.default_rng(4)

#: padding_mode → NumPy's name of it.
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge",
         "circular": "wrap"}  # fmt: skip

Layer = Any

#: name → (the layer for a padding and its mode, the shape of an input)
LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Conv1d": (lambda **k: nn.Conv1d(2, 3, 3, stride=2, **k), (2, 5, 2)),
    "Conv2d": (lambda **k: nn.Conv2d(2, 4, (3, 2), groups=2, **k), (2, 5, 4, 2)),
    "Conv3d": (lambda **k: nn.Conv3d(1, 2, 2, dilation=2, **k), (1, 4, 3, 4, 1)),
    "LocallyConnected1d": (
        lambda **k: nn.LocallyConnected1d(2, 3, 6, 3, **k),
        (2, 6, 2),
    ),
    "LocallyConnected2d": (
        lambda **k: nn.LocallyConnected2d(1, 2, (4, 5), 3, **k),
        (2, 4, 5, 1),
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("padding", [1, "uneven"])
@each_engine
def test_padding_modes_are_those_of_numpy_before_the_layer(
    name: str, mode: str, padding: Any, engine: str
) -> None:
    make, shape = LAYERS[name]
    axes = len(shape) - 2
    sides = [(1, 1)] * axes if padding == 1 else [(2, 0), (0, 1), (1, 2)][:axes]
    layer = make(padding=sides, padding_mode=mode, dtype="float64")
    x = rng.normal(size=shape)
    around = np.pad(x, [(0, 0), *sides, (0, 0)], MODES[mode])  # type: ignore[call-overload]
    settings = layer.settings() | {"padding": 0, "padding_mode": "zeros"}
    if "input_size" in settings:
        settings["input_size"] = around.shape[1:-1]
    plain = type(layer)(**settings, dtype="float64")
    plain.load_state_dict(layer.state_dict())
    wanted = plain(around).numpy()
    for call in (layer, cr.compile(lambda x: layer(x), engine=engine)):
        np.testing.assert_allclose(call(x).numpy(), wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_flow_back_from_beyond_the_edges(mode: str) -> None:
    layer = nn.Conv2d(1, 2, 3, padding=((2, 1), (1, 2)), padding_mode=mode,
                      dtype="float64")  # fmt: skip
    cr.check_gradients(lambda x: layer(x), rng.normal(size=(1, 4, 3, 1)))


def test_padding_same_and_modes_go_together() -> None:
    layer = nn.Conv1d(1, 1, 3, padding="same", padding_mode="circular", bias=False,
                      weight_init="ones")  # fmt: skip
    x = cr.tensor([[[1.0], [2.0], [3.0], [4.0]]])
    assert layer(x).numpy().ravel().tolist() == [7.0, 6.0, 9.0, 8.0]


def test_a_mode_is_shown_and_kept_in_the_settings() -> None:
    layer = nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")
    assert "padding 1, reflect" in str(layer)
    assert layer.settings()["padding_mode"] == "reflect"
    assert "zeros" not in str(nn.Conv2d(1, 2, 3, padding=1))
