"""Experiments with belief nets and layers trained without labels, in small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments import (
    belief_net,
    belief_net_long,
    few_labels,
    few_labels_all,
    joint_belief_net,
)
from experiments.record import RESULTS, Options
from tests.experiments.data_folder import WITH_DATA


@WITH_DATA
def test_layers_trained_without_labels_are_worth_labels(tmp_path: Path) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = few_labels.run(options)
    with_layers, random = made.measured.values()
    assert with_layers > random + 0.02 > 0.7
    assert (tmp_path / made.pictures[0]).read_bytes().startswith(b"\x89PNG")
    # a stopped run goes on: what is known is not measured again
    known = tmp_path / "kept" / "results.json"
    found = json.loads(known.read_text("utf-8"))
    found["100 labels, pre-trained, seed 0"] += 0.01
    known.write_text(json.dumps(found), "utf-8")
    again = few_labels.run(options)
    assert again.measured["100 labels, pre-trained"] == pytest.approx(
        with_layers + 0.01
    )
    assert again.seconds < made.seconds


@WITH_DATA
def test_what_is_known_of_all_numbers_of_labels_is_put_together(tmp_path: Path) -> None:
    shares = {
        f"{count} labels, {start}, seed {seed}": 0.9 + 0.01 * seed
        for count in few_labels_all.TUNING
        for start in belief_net.STARTS
        for seed in range(few_labels.SEEDS)
    }
    (tmp_path / "results.json").write_text(json.dumps(shares), "utf-8")
    made = few_labels_all.run(Options(folder=tmp_path, checkpoints=tmp_path))
    assert list(made.measured)[-1] == "60000 labels, random weights"
    assert list(made.measured.values()) == pytest.approx([0.92] * 8)
    assert made.pictures == ["few-labels-all.png"]


@WITH_DATA
def test_a_pretrained_network_makes_fewer_mistakes_after_the_same_tuning(
    tmp_path: Path,
) -> None:
    made = belief_net_long.run(Options(quick=True, folder=tmp_path))
    assert made.name == "belief-net-long"
    tuned, random = made.measured.values()
    assert tuned < random < 0.12
    assert list(made.settings["seconds of an epoch"]) == ["layer 0", "layer 2"]
    assert (tmp_path / made.pictures[0]).is_file()


@WITH_DATA
def test_a_clamped_label_dreams_its_digit(tmp_path: Path) -> None:
    made = joint_belief_net.run(Options(quick=True, folder=tmp_path))
    assert made.measured["test error"] < 0.15
    assert made.measured["dreams recognised"] > 0.5  # by chance 0.1
    assert (tmp_path / made.pictures[0]).is_file()


def test_labelled_images_are_as_many_of_each_digit() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 500)
    rows = few_labels.chosen(labels, 100, seed=3)
    assert len(set(rows.tolist())) == 100
    assert np.bincount(labels[rows]).tolist() == [10] * 10
    assert len(few_labels.chosen(labels, 500, seed=3)) == 500


def test_the_network_has_the_sizes_of_the_paper() -> None:
    assert belief_net.network(belief_net.HIDDEN).num_parameters == 1_665_010


def test_the_recorded_networks_are_better_by_layers_trained_without_labels() -> None:
    kept = json.loads((RESULTS / "few-labels.json").read_text(encoding="utf-8"))
    figures = kept["measured"]
    assert figures["100 labels, pre-trained"] > 0.8137  # of one layer of 1024
    assert figures["1000 labels, pre-trained"] > 0.9352
    for count in few_labels.TUNING:
        by_start = [
            [v for k, v in kept["settings"]["each seed"].items() if k.startswith(begin)]
            for begin in (f"{count} labels, {start}" for start in belief_net.STARTS)
        ]
        assert min(by_start[0]) > max(by_start[1])
        assert [len(each) for each in by_start] == [few_labels.SEEDS] * 2


def test_the_recorded_net_knows_digits_and_draws_them() -> None:
    kept = json.loads((RESULTS / "joint-belief-net.json").read_text(encoding="utf-8"))
    figures = kept["measured"]
    assert figures["test error"] < figures["test error before up–down"] < 0.04
    assert figures["dreams recognised"] > 0.7


def test_the_recorded_network_is_better_by_its_layers_with_all_labels_too() -> None:
    kept = json.loads((RESULTS / "belief-net.json").read_text(encoding="utf-8"))
    tuned, random = kept["measured"].values()
    assert tuned < 0.016 < random
