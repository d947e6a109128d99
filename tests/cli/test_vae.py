"""Variational autoencoders on the command line: train, encode, sample, resume."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import callbacks
from tests.cli.conftest import call_well


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits as two numbers."""
    folder = tmp_path_factory.mktemp("runs") / "vae"
    words = ("--model", "vae", "--code", 2, "--epochs", 40)
    call_well("train", *words, "--quiet", "--out", folder)
    return folder


@pytest.fixture(scope="module")
def houses(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of amounts and a category."""
    folder = tmp_path_factory.mktemp("runs") / "houses"
    words = ("--model", "vae", "--drop", "id", "--epochs", 80)
    call_well("train", tables / "houses.csv", *words, "--quiet", "--out", folder)
    return folder


def test_a_run_measures_its_bound_and_draws_what_it_learned(digits: Path) -> None:
    found = json.loads((digits / "metrics.json").read_text(encoding="utf-8"))
    pca = found["baselines"]["pca"]
    assert pca["components"] == 2
    error = found["test"]["reconstruction_error"]
    assert error < 0.9 * pca["test"]["reconstruction_error"]
    vae: Any = cr.load(digits / "model.safetensors")
    x = cr.data.load("digits").test.inputs
    bound = found["bound"]["test"]
    assert bound["mean"] == pytest.approx(vae.elbo(x).mean)
    assert bound["mean"] == pytest.approx(bound["reconstruction"] - bound["kl"])
    history = json.loads((digits / "history.json").read_text(encoding="utf-8"))
    last = history["epochs"][-1]
    assert last["kl"] > 1 and last["validation_loss"] == pytest.approx(
        -found["bound"]["validation"]["mean"], abs=0.5
    )
    assert {path.stem for path in digits.glob("*.png")} == {
        "training_curve", "codes", "first_layer_features", "latent_grid",
        "reconstructions", "samples",
    }  # fmt: skip


def test_codes_are_the_means_of_the_saved_model(chainrule: Any, digits: Path) -> None:
    x = np.asarray(cr.data.load("digits").test.inputs)[:5]
    np.save("digits.npy", x)
    said = chainrule("encode", digits, "digits.npy").stdout
    rows = list(csv.DictReader(io.StringIO(said)))
    codes = [[float(row["code_1"]), float(row["code_2"])] for row in rows]
    vae: Any = cr.load(digits / "model.safetensors")
    np.testing.assert_allclose(codes, vae.encode(x).numpy(), rtol=1e-4, atol=1e-5)


def test_samples_are_the_same_for_a_seed(chainrule: Any, digits: Path) -> None:
    for name in ("one.png", "two.png"):
        said = chainrule("sample", digits, "--n", 9, "--out", name).stdout
        assert said == f"9 samples in {name}\n"
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
    chainrule("sample", digits, "--n", 9, "--seed", 8, "--out", "two.png")
    assert Path("one.png").read_bytes() != Path("two.png").read_bytes()
    made = json.loads(chainrule("sample", digits, "--n", 3, "--json").stdout)["samples"]
    assert np.shape(made) == (3, 64) and 0 <= np.min(made) <= np.max(made) <= 1


def test_samples_of_a_table_have_its_columns_and_their_units(
    chainrule: Any, houses: Path
) -> None:
    said = chainrule("sample", houses, "--n", 400).stdout
    rows = list(csv.DictReader(io.StringIO(said)))
    assert list(rows[0]) == ["area", "rooms", "city", "price"]
    assert {row["city"] for row in rows} == {"Bonn", "Oslo", "Rome"}
    table = list(csv.DictReader(io.StringIO(Path("houses.csv").read_text())))
    for name in ("area", "price"):
        drawn = np.array([float(row[name]) for row in rows])
        known = np.array([float(row[name]) for row in table])
        assert abs(drawn.mean() - known.mean()) < 0.5 * known.std()
        assert 0.6 < drawn.std() / known.std() < 1.5
    made: Any = cr.load(houses / "model.safetensors")
    assert (made.likelihood, made.variance) == ("gaussian", "network")


def test_a_stopped_run_is_resumed_to_the_same_bytes(
    chainrule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "--model", "vae", "--hidden", 16, "--epochs", 3, "--quiet")
    assert chainrule(*words, "--out", "whole").exit_code == 0
    keep, kept = callbacks.Checkpoint.on_epoch_end, []

    def stopping(self: Any, run: Any) -> None:
        keep(self, run)
        kept.append(run)
        if len(kept) == 2:
            raise SystemExit  # as if the process had been killed here

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Checkpoint, "on_epoch_end", stopping)
        chainrule(*words, "--out", "killed")
    assert chainrule("train", "--resume", "killed", "--quiet").exit_code == 0
    one, two = (Path(run, "model.safetensors") for run in ("whole", "killed"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(("words", "message", "fix"), [
    ("houses.csv --model vae --loss bernoulli_nll",
     "ArgumentError: --loss bernoulli_nll: for data from 0 to 1; the columns of a "
     "table are scaled to mean 0 and deviation 1", "--loss gaussian_nll"),
    ("--model vae --loss mse", "ArgumentError: --loss mse: not a loss of --model vae",
     "one of bernoulli_nll, gaussian_nll"),
    ("--model vae --optimizer lbfgs",
     "ArgumentError: --optimizer lbfgs: it compares values, and the bound has other "
     "draws in each",
     "adam, momentum, or another optimizer that takes a learning rate"),
    ("--model vae --members 3",
     "ArgumentError: --members: --model vae learns features and predicts nothing",
     "leave --members out"),
])  # fmt: skip
def test_options_that_do_not_fit_are_named(
    chainrule: Any, words: str, message: str, fix: str
) -> None:
    result = chainrule("train", *words.split())
    assert (result.exit_code, result.stderr) == (2, f"{message}\n  fix        {fix}\n")


def test_real_pixels_have_one_variance(chainrule: Any) -> None:
    words = ("--model", "vae", "--loss", "gaussian_nll", "--code", 70, "--epochs", 2)
    said = chainrule("train", *words, "--out", "o")
    assert said.exit_code == 0 and "relu, gaussian" in said.stdout + said.stderr
    vae: Any = cr.load(Path("o", "model.safetensors"))
    assert (vae.variance, vae.latent) == ("shared", 70)


def test_samples_have_no_chains(chainrule: Any, digits: Path) -> None:
    result = chainrule("sample", digits, "--steps", 5)
    assert (result.exit_code, result.stderr) == (
        2,
        "ArgumentError: --steps 5: vae makes examples at once, without chains"
        "\n  fix        leave --steps out\n",
    )
