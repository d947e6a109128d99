"""The experiments with Boltzmann machines, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from experiments import boltzmann, rbm
from experiments.record import Options

WITH_DATA = pytest.mark.skipif(
    cr.config.data_folder is None, reason="CHAINRULE_DATA names no folder of data"
)


@WITH_DATA
def test_each_way_of_learning_finds_new_digits_likelier_than_pixels_by_themselves(
    tmp_path: Path,
) -> None:
    options = Options(quick=True, folder=tmp_path)
    train, test = boltzmann.digits(options)
    assert set(np.unique(test)) == {0.0, 1.0}
    p = np.clip(np.asarray(train.inputs, float).mean(axis=0), 1e-3, 1 - 1e-3)
    alone = (test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean()
    made = rbm.run(options)
    assert list(made.measured) == ["persistent CD", "CD-1", "CD-3"]
    assert all(value > alone + 20 for value in made.measured.values())
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_black_and_white_digits_depend_on_the_seed_alone() -> None:
    grey = np.full((1000, 3), [0.0, 0.3, 1.0])
    first = boltzmann.binarized(grey, 1)
    assert (first == boltzmann.binarized(grey, 1)).all()
    assert (first != boltzmann.binarized(grey, 2)).any()
    np.testing.assert_allclose(first.mean(axis=0), [0, 0.3, 1], atol=0.05)
