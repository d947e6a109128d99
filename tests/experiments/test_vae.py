"""The experiments with variational autoencoders, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from experiments import vae_mnist, vae_mnist_50, vae_mnist_long, vae_pictures
from experiments.boltzmann import binarized
from experiments.record import Options
from tests.experiments.data_folder import WITH_DATA


def test_the_schedule_is_that_of_the_paper() -> None:
    assert vae_mnist.passes_of(1.0) == (1, 3, 9, 27, 81, 243, 729, 2187)
    assert sum(vae_mnist.passes_of(1.0)) == 3280
    rate = vae_mnist.schedule(vae_mnist.passes_of(1.0), 3000)
    for passes, i in ((0, 0), (1, 1), (3, 1), (4, 2), (3279, 7)):
        assert rate(passes * 3000) == pytest.approx(0.001 * 10 ** (-i / 7))
    assert sum(vae_mnist.passes_of(1 / 3)) == 1094
    assert sum(vae_mnist.passes_of(1 / 6)) == 548


@WITH_DATA
def test_both_bounds_find_new_digits_likelier_than_pixels_by_themselves(
    tmp_path: Path,
) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = vae_mnist.run(options)
    assert list(made.measured) == [
        "dynamic, k = 1", "dynamic, k = 5", "static, k = 1", "static, k = 5",
    ]  # fmt: skip
    split = cr.data.load("mnist", flatten=True)
    p = np.clip(split.train.inputs[:2000].mean(axis=0), 1e-3, 1 - 1e-3)
    test = binarized(np.asarray(split.test.inputs[:100]), 0)
    alone = (test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean()
    for way in ("dynamic", "static"):
        one, five = (made.measured[f"{way}, k = {k}"] for k in (1, 5))
        assert five > one > alone + 25
    assert all((tmp_path / name).is_file() for name in made.pictures)
    again = vae_mnist.run(options)  # from the checkpoints
    assert again.measured == made.measured


def test_longer_runs_have_the_whole_schedule() -> None:
    assert vae_mnist_long.SHARES == {1: 1.0, 5: 1.0}
    assert vae_mnist_50.SHARES == {50: 1.0}
    named = [each.what for each in vae_mnist.published(vae_mnist_50.SHARES)]
    assert named == ["dynamic, k = 50", "static, k = 50"]


@WITH_DATA
def test_codes_of_more_numbers_say_more_and_lines_lead_from_image_to_image(
    tmp_path: Path,
) -> None:
    made = vae_pictures.run(Options(quick=True, folder=tmp_path))
    few, many = (made.measured[f"squared error, digits, {k} numbers"] for k in (2, 20))
    assert many < 0.7 * few
    assert made.measured["bound, faces, 2 numbers"] > 400  # of 560 pixels
    assert len(made.pictures) == 6
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_line_begins_and_ends_at_its_images() -> None:
    cr.manual_seed(0)
    vae = vae_pictures.model("faces", (8,), 2)
    x = np.random.default_rng(0).random((4, 560)).astype("f4")
    lines = vae_pictures.between(vae, x[:2], x[2:]).reshape(2, -1, 560)
    assert lines.shape[1] == vae_pictures.STEPS
    for place, ends in ((0, x[:2]), (-1, x[2:])):
        made = vae.reconstruct(ends).numpy()
        np.testing.assert_allclose(lines[:, place], made, rtol=1e-4, atol=1e-5)
