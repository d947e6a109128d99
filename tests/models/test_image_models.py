"""Networks for images: published sizes, files, summaries, and that they learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn, optim
from chainrule.errors import ArgumentError
from chainrule.nn.arguments import without_values

rng = np.random.default_rng(0)
f32 = np.float32

#: network, parameters as published
PUBLISHED: list[tuple[Callable[[], nn.Sequential], int]] = [
    (models.lenet5, 61_706),
    (lambda: models.resnet_small(20), 269_722),
    (lambda: models.resnet_small(32), 464_154),
    (lambda: models.resnet_small(56), 853_018),
    (lambda: models.resnet(18), 11_689_512),
    (lambda: models.resnet(34), 21_797_672),
    (lambda: models.resnet(50), 25_557_032),
    (lambda: models.resnet(101), 44_549_160),
    (lambda: models.resnet(152), 60_192_808),
    (lambda: models.vgg(11), 132_863_336),
    (lambda: models.vgg(16), 138_357_544),
    (lambda: models.vgg(16, batch_norm=True), 138_365_992),
    (lambda: models.vgg(19), 143_667_240),
    (models.googlenet, 6_998_552),
    (models.inception_small, 1_649_402 + 1_712),
]


@pytest.mark.parametrize(("make", "size"), PUBLISHED)
def test_a_network_has_the_published_number_of_parameters(make: Any, size: int) -> None:
    with without_values(200_000_000):  # room for the largest, nothing drawn
        assert make().num_parameters == size


#: network, the shape of an image, its multiplications and additions as known
SHAPES: list[tuple[Callable[[], nn.Sequential], tuple[int, ...], float | None]] = [
    (models.lenet5, (28, 28, 1), None),
    (models.lenet, (28, 28, 1), None),
    (models.resnet_small, (32, 32, 3), 2 * 40.8e6),
    (lambda: models.resnet(18), (224, 224, 3), 2 * 1.814e9),
    (lambda: models.resnet(50), (224, 224, 3), 2 * 4.089e9),
    (lambda: models.vgg(16), (224, 224, 3), 2 * 15.47e9),
    (lambda: models.vgg(11, 1000, 32), (32, 32, 3), None),
    (models.googlenet, (224, 224, 3), 2 * 1.58e9),
    (models.inception_small, (28, 28, 3), None),
]


@pytest.mark.parametrize(("make", "image", "operations"), SHAPES)
def test_a_summary_has_the_logits_and_the_published_operations(
    make: Any, image: Any, operations: float | None
) -> None:
    with without_values(200_000_000):
        summary = make().summary(image, batch=1)
    assert summary.rows[-1].output in ((1, 10), (1, 1000))
    if operations is not None:
        assert summary.flops == pytest.approx(operations, rel=0.02)


SMALL: list[tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = [
    (models.lenet5, (28, 28, 1)),
    (models.lenet, (28, 28, 1)),
    (lambda: models.resnet_small(8), (8, 8, 3)),
    (lambda: models.resnet_small(8, projection=True), (8, 8, 3)),
    (models.inception_small, (8, 8, 3)),
]


@pytest.mark.parametrize(("make", "image"), SMALL)
def test_a_network_learns_its_batch_by_heart(make: Any, image: Any) -> None:
    cr.manual_seed(0)
    model = make()
    x = rng.normal(size=(4, *image)).astype(f32)
    y = np.arange(4)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)

    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    compiled = cr.compile(step, engine="numpy")
    found = [compiled(x, y).item() for _ in range(6)]
    assert found[-1] < 0.5 * found[0]


@pytest.mark.parametrize(
    ("make", "image"),
    [*SMALL, (lambda: models.resnet(18, 5), (32, 32, 3)),
     (lambda: models.googlenet(5), (32, 32, 3))],
)  # fmt: skip
def test_a_network_comes_back_from_its_file(
    make: Any, image: Any, tmp_path: Path
) -> None:
    model = make()
    model.save(tmp_path / "model.safetensors")
    again = cr.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(model)
    x = rng.normal(size=(1, *image)).astype(f32)
    assert (again(x).numpy() == model(x).numpy()).all()


def test_a_bottleneck_network_of_fifty_layers_computes() -> None:
    with without_values(200_000_000):
        model = models.resnet(50, num_classes=7)
    assert model(np.zeros((1, 32, 32, 3), f32)).shape == (1, 7)


def test_the_first_layers_of_a_network_are_one_by_themselves() -> None:
    first = models.lenet5()[:3]
    assert first(np.zeros((2, 28, 28, 1), f32)).shape == (2, 14, 14, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: models.resnet_small(18), r"depth=18: expected 6n \+ 2"),
        (lambda: models.resnet(20), "depth=20: expected one of"),
        (lambda: models.vgg(12), "depth=12: expected one of"),
        (lambda: models.vgg(16, image_size=100), "a multiple of 32"),
    ],
)
def test_a_network_that_does_not_exist_is_an_error(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()
