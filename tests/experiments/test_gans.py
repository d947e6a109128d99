"""The experiments with GANs, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments import gan_gaussians, gan_mnist
from experiments.record import Options
from tests.experiments.data_folder import WITH_DATA

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", gan_gaussians.MODES)
def test_the_data_have_all_modes(name: str) -> None:
    drawn = gan_gaussians.points(name, 2500, np.random.default_rng(0))
    modes, share = gan_gaussians.counted(name, drawn)
    assert modes == len(gan_gaussians.MODES[name])
    assert share == pytest.approx(1 - np.exp(-4.5), abs=0.01)  # within 3σ
    half = drawn[drawn[:, 0] > 0.5]
    assert gan_gaussians.counted(name, half)[0] < modes
    assert gan_gaussians.counted(name, drawn + 9) == (0, 0.0)


def test_gaussians_in_small(tmp_path: Path) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = gan_gaussians.run(options)
    assert len(made.measured) == 2 * 2 * 4 + 1
    assert 0 <= made.measured["ring of 8, minimax, modes"] <= 8
    assert made.measured["mean |D − p / (p + q)|"] < 0.1
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_distance_of_two_gaussians_is_frechets() -> None:
    one = (np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    two = (np.array([1.0, 2.0, 0.0]), np.diag([4.0, 4.0, 1.0]))
    # ‖μ − μ′‖² + Σ (σ − σ′)² where both are diagonal
    assert gan_mnist.frechet(one, two) == pytest.approx(5 + 1 + 0 + 4)
    assert gan_mnist.frechet(one, one) == pytest.approx(0, abs=1e-9)
    mixing = RNG.normal(size=(3, 3))
    x = RNG.normal(size=(50_000, 3)) @ mixing
    turned, _ = np.linalg.qr(mixing)
    first, second = gan_mnist.gaussian(x), gan_mnist.gaussian(2 * x @ turned)
    back = gan_mnist.frechet(second, first)
    assert gan_mnist.frechet(first, second) == pytest.approx(back)


def test_the_nearest_image_is_found() -> None:
    known = RNG.random((700, 4, 4, 1)).astype("f4")
    numbers, apart = gan_mnist.nearest(known[[3, 500]] + np.float32(0.001), known)
    assert list(numbers) == [3, 500]
    np.testing.assert_allclose(apart, 0.004, rtol=1e-2)


@WITH_DATA
def test_both_networks_on_a_few_digits(tmp_path: Path) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = gan_mnist.run(options)
    assert made.settings["LeNet, test accuracy"] > 0.8
    floor = made.measured["Fréchet distance, test images"]
    for name in gan_mnist.EPOCHS:
        assert made.measured[f"Fréchet distance, {name}"] > floor > 0
        shares = [
            made.measured[f"{end} digit, {name}"] for end in ("rarest", "commonest")
        ]
        assert 0 <= shares[0] <= 0.1 <= shares[1] <= 1
    assert all((tmp_path / name).is_file() for name in made.pictures)
    again = gan_mnist.run(options)  # from the checkpoints
    assert again.measured == made.measured
