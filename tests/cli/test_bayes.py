"""``chainrule train --bayes``: predictions that say how sure they are."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.runs.network import build_posterior
from chainrule.runs.settings import Network

METHODS = ("ensemble", "dropout", "variational", "laplace")
SMALL = ("--hidden", "32", "--epochs", "30", "--quiet")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("method", METHODS)
def test_amounts_have_a_spread_in_the_units_of_the_table(
    chainrule, method: str
) -> None:
    words = ("--target", "price", "--drop", "id", "--bayes", method, *SMALL)
    made = chainrule("train", "houses.csv", *words, "--out", "run")
    assert made.exit_code == 0, made.output
    Path("far.csv").write_text("area,rooms,city\n100,3,Rome\n2000,3,Rome\n")
    near, far = rows_of(chainrule("predict", "run", "far.csv").stdout)
    assert list(near) == ["row", "predicted_price", "epistemic", "aleatoric"]
    assert float(near["predicted_price"]) == pytest.approx(327_000, rel=0.25)
    assert 0 < float(near["epistemic"]) < 0.3 * 327_000
    assert 3000 < float(near["aleatoric"]) < 150_000
    assert float(far["epistemic"]) > 2 * float(near["epistemic"])
    said = json.loads(chainrule("predict", "run", "far.csv", "--json").stdout)
    assert said["epistemic"][1] == pytest.approx(float(far["epistemic"]), rel=1e-5)
    run = cr.load_run("run")
    assert run.settings.network.bayes == method
    assert isinstance(run.model, cr.models.Posterior)
    assert " ± " in repr(run.predict("far.csv"))
    assert run.evaluate()["rmse"] < 90_000
    assert "∇W" in str(run.explain(0))


def test_variational_inference_learns_a_table_of_many_columns() -> None:
    """As well as the most probable weights do, and with a noise of the right size."""
    rng = np.random.default_rng(0)
    few = rng.normal(size=(600, 3))  # what the thirty columns are made of
    x = (few @ rng.normal(size=(3, 30)) / np.sqrt(3)).astype("float32")
    y = np.sin(2 * few[:, 0]) + few[:, 1]
    y = (y / y.std()).astype("float32")
    errors = {}
    for method in ("variational", "laplace"):
        cr.manual_seed(0)
        settings = Network(30, 1, (256, 128), bayes=method)
        posterior: Any = build_posterior(settings, 500)
        adam = cr.optim.Adam(lr=cr.optim.OneCycle(3e-3, 16 * 30))
        how = {"epochs": 30, "batch_size": 32, "progress": False}
        cr.fit(posterior, (x[:500], y[:500, None]), optimizer=adam, **how)
        if method == "laplace":
            posterior.measure_curvature(x[:500])
        said = posterior.predict(x[500:])
        off = said.mean[:, 0] - y[500:]
        errors[method] = np.sqrt(np.mean(off**2))
        if method == "variational":
            assert 0.3 < np.sqrt(np.mean((off / said.total[:, 0]) ** 2)) < 2
            assert posterior.log_predictive(x[500:], y[500:]).mean() > 0
    assert errors["variational"] < 1.2 * errors["laplace"] < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_classes_have_entropies(chainrule, method: str) -> None:
    words = ("--target", "kind", "--bayes", method, *SMALL, "--out", "run")
    assert chainrule("train", "kinds.csv", *words).exit_code == 0
    rows = rows_of(chainrule("predict", "run", "kinds.csv").stdout)
    kept = ["row", "predicted_kind", "p_large", "p_small", "epistemic", "aleatoric"]
    assert list(rows[0]) == kept
    total = np.array([float(r["epistemic"]) + float(r["aleatoric"]) for r in rows])
    p = np.array([float(r["p_large"]) for r in rows]).clip(1e-9, 1 - 1e-9)
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    assert total == pytest.approx(entropy, abs=1e-4)
    right = [row["kind"] for row in rows_of(Path("kinds.csv").read_text())]
    assert (
        np.mean([r["predicted_kind"] == k for r, k in zip(rows, right, strict=True)])
        > 0.9
    )


def test_a_run_on_the_default_data_says_how_sure_it_is(chainrule) -> None:
    words = ("--bayes", "dropout", "--hidden", "32", "--epochs", "3", "--out", "run")
    made = chainrule("train", *words)
    assert made.exit_code == 0, made.output
    assert "Monte-Carlo dropout" in made.output
    assert "negative log-likelihood" in made.output
    assert (Path("run") / "first_layer_features.png").is_file()


def test_what_a_posterior_rests_on_can_be_asked(chainrule) -> None:
    words = ("--target", "price", "--bayes", "variational", *SMALL)
    assert chainrule("train", "houses.csv", *words, "--out", "whole").exit_code == 0
    explained = chainrule("explain", "whole", "--importance")
    assert explained.exit_code == 0, explained.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bayes", "laplace", "--loss", "huber"), "--loss: with --bayes laplace the"),
        (("--bayes", "dropout", "--members", "3"), "--members: --bayes dropout is one"),
        (
            ("--bayes", "dropout", "--dropout", "0"),
            "--dropout 0: --bayes dropout",
        ),
        (
            ("--bayes", "dropout", "--hidden", "none"),
            "--hidden none: --bayes dropout needs units",
        ),
        (("--bayes", "ensemble", "--optimizer", "lbfgs"), "is trained by gradients"),
        (("--bayes", "gibbs"), "gibbs"),
    ],
    ids=["loss", "members", "no-dropout", "no-units", "minimizer", "unknown"],
)
def test_options_that_do_not_go_together(chainrule, words, said: str) -> None:
    failed = chainrule("train", "houses.csv", "--target", "price", *words)
    assert failed.exit_code != 0
    assert said in failed.output


def test_features_have_no_posterior(chainrule) -> None:
    failed = chainrule("train", "--model", "autoencoder", "--bayes", "dropout")
    assert failed.exit_code != 0 and "--bayes" in failed.output
