"""GANs on the command line: train, evaluate, sample, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_features import fix, metrics, rows_of, trained


@pytest.fixture(scope="module")
def gan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits that were never written."""
    folder = tmp_path_factory.mktemp("runs") / "gan"
    return trained(folder, "--model", "gan", "--epochs", 60)


def test_a_gan_is_scored_by_how_well_its_samples_pass(chainrule, gan) -> None:
    found = metrics(gan)
    gaussian = found["baselines"]["gaussian"]["test"]["told_apart"]
    assert 0.5 < found["test"]["told_apart"] < gaussian
    assert {path.stem for path in gan.glob("*.png")} == {
        *("training_curve", "samples", "samples_over_time", "nearest")
    }
    history = json.loads((gan / "history.json").read_text(encoding="utf-8"))
    assert {"loss", "generator_loss"} <= set(history["epochs"][0])
    said = chainrule("evaluate", gan).stdout
    assert "of samples and examples told apart; 50 % is best (359 examples" in said
    assert "a Gaussian of the same mean and covariance " in said


def test_samples_of_a_gan_are_the_same_for_a_seed(chainrule, gan) -> None:
    drawn = []
    for seed in (1, 1, 2):
        said = chainrule("sample", gan, "--n", 3, "--seed", seed, "--json").stdout
        answer = json.loads(said)
        assert "steps" not in answer
        drawn.append(np.array(answer["samples"]))
    assert drawn[0].shape == (3, 64) and 0 <= drawn[0].min() <= drawn[0].max() <= 1
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()


def test_a_gan_learns_a_table(chainrule) -> None:
    words = ("houses.csv", "--model", "gan", "--drop", "id", "--loss", "wasserstein")
    run = trained(Path("o"), *words, "--epochs", 60)
    assert {path.stem for path in run.glob("*.png")} == {
        *("training_curve", "samples_in_plane")
    }
    rows = rows_of(chainrule("sample", run, "--n", 200).stdout)
    assert list(rows[0]) == ["area", "rooms", "city", "price"]
    assert {row["city"] for row in rows} <= {"Bonn", "Oslo", "Rome"}
    table = rows_of(Path("houses.csv").read_text())
    drawn, known = (np.array([float(r["area"]) for r in t]) for t in (rows, table))
    assert abs(drawn.mean() - known.mean()) < known.std()


def test_a_convolutional_gan_takes_images_alone(chainrule) -> None:
    words = ("--model", "dcgan", "--hidden", "4,8", "--epochs", 2)
    said = json.loads(chainrule("train", *words, "--out", "o", "--json").stdout)
    assert 0.5 < said["test"]["told_apart"] <= 1
    refused = chainrule("train", "houses.csv", "--model", "dcgan")
    assert refused.stderr == (
        "ArgumentError: --model dcgan: a network for images, and houses.csv holds none"
        + fix("--model gan")
    )
    refused = chainrule("train", "--model", "dcgan", "--hidden", "4,4,4,4")
    assert "4 stages halve images of 8 × 8 so often" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--patience", 3), "has losses that do not say how good samples are"),
        (("--optimizer", "lbfgs"), "it looks for the least value of one loss"),
        (("--hidden", "none"), "--hidden none: --model gan has one size or more"),
        (("--loss", "mse"), "--loss mse: not a loss of --model gan"),
        (("--target", "x"), "--target x: --model gan learns from the inputs alone"),
    ],
)
def test_what_a_gan_has_no_use_for_is_refused(chainrule, words, message) -> None:
    refused = chainrule("train", "--model", "gan", *words)
    assert refused.exit_code == 2 and message in refused.stderr


def test_a_gan_has_no_codes_and_no_chains(chainrule, gan) -> None:
    refused = chainrule("encode", gan, "houses.csv").stderr
    assert "and has no code of them" in refused
    refused = chainrule("sample", gan, "--steps", 5).stderr
    assert refused == (
        "ArgumentError: --steps 5: gan makes examples at once, without chains"
        + fix("leave --steps out")
    )
