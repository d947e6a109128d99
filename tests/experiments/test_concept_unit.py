"""A unit for faces: how it is found, and that it is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import FileError
from experiments import concept_unit, record
from tests.experiments.data_folder import WITH_DATA

RANDOM = np.random.default_rng(0)


def test_the_best_threshold_of_every_column_is_found() -> None:
    values = RANDOM.normal(size=(40, 5))
    values[:, :2] = values[:, :2].round(1)  # some are equal
    labels = values[:, 0] + RANDOM.normal(size=40) > 0
    best, signs, thresholds = concept_unit.accuracies(values, labels)
    for column, found, sign, t in zip(values.T, best, signs, thresholds, strict=True):
        tried = [
            (way * (column - at) > 0).astype(bool) == labels
            for at in np.linspace(-4, 4, 801) + 0.003
            for way in (1, -1)
        ]
        assert found >= max(each.mean() for each in tried)
        if len(np.unique(column)) == 40:  # as of three columns
            assert ((sign * (column - t) > 0) == labels).mean() == found


def test_a_unit_is_chosen_by_some_images_and_judged_by_others() -> None:
    labels = np.arange(30) % 2 == 0
    values = RANDOM.normal(size=(30, 3))
    values[:, 1] = np.where(labels, -1.0, 1.0)
    elsewhere = np.zeros((4, 3))
    elsewhere[:, 1] = (-2.0, -2.0, 3.0, -2.0)
    truth = np.array([True, True, False, False])
    found = concept_unit.detector(values, labels, elsewhere, truth)
    assert found == concept_unit.Detector(unit=1, sign=-1.0, accuracy=0.75)


def test_a_stage_reconstructs_with_its_filters_transposed() -> None:
    stage = concept_unit.Stage(1, 6, 3, 4, 2, (2, 1), 0.7)
    x = RANDOM.normal(size=(5, 6, 6, 1)).astype(np.float32)
    # all filters as one matrix, column by column
    basis = np.eye(36, dtype=np.float32).reshape(36, 6, 6, 1)
    W = stage.filters(basis).numpy().reshape(36, -1).T
    s = x.reshape(5, 36) @ W.T
    rest = s @ W - x.reshape(5, 36)
    pooled = stage.pool(s.reshape(5, 2, 2, 3)).numpy()
    sparse = np.sqrt(concept_unit.FLOOR + pooled**2)
    expected = (rest**2).sum() + 0.7 * sparse.sum()
    np.testing.assert_allclose(stage.cost(x).item(), expected / 5, rtol=1e-4)


def test_the_best_stimulus_of_a_linear_unit_is_its_weight() -> None:
    weight = RANDOM.normal(size=concept_unit.SIDE**2)
    weight -= weight.mean()
    net = nn.Sequential(nn.Flatten(), nn.Linear(len(weight), 1, bias=False))
    net[1].weight.assign(weight[None].astype(np.float32))
    plain = np.eye(len(weight), dtype=np.float32)
    found = concept_unit.best_stimuli(net, np.array([[-1.0]]), plain, 0, 60)
    assert np.corrcoef(found.ravel(), -weight)[0, 1] > 0.99


@WITH_DATA
def test_a_unit_answers_to_faces_that_was_told_of_none(tmp_path: Path) -> None:
    made = concept_unit.run(record.Options(quick=True, folder=tmp_path))
    value = {name.removeprefix("accuracy, "): v for name, v in made.measured.items()}
    assert value["best unit"] > 0.78
    assert value["best unit"] > value["random filters"] + 0.05
    assert value["best unit"] > value["best pixel"] + 0.1
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_faces_that_are_not_there_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cr.config, "data_folder", tmp_path)
    with pytest.raises(FileError) as caught:
        concept_unit.faces(range(3), 1, RANDOM)
    assert caught.value.what == (
        "olivetti-faces/olivettifaces.mat is not in the data folder"
    )
