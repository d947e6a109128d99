"""Twelve public tables: what `chainrule train table.csv` reaches by its defaults,
beside scikit-learn's gradient boosting, random forest and multilayer perceptron.

Every table is written to a CSV file and trained on by the command itself; the other
three have their own defaults, the perceptron behind a scaling of its columns (and of
the amounts) and with 500 epochs at most, since without these it does not converge.
A fifth of the rows is tested on, chosen anew by each of three seeds. Scores are
accuracy for classes, R² for amounts; ranks are of the score, 1 for the best of the
four, and their mean is over all tables and seeds.

    chainrule experiment tables [--quick] [--seed 0]

The command's defaults (hidden layers, dropout, members of an ensemble) were chosen on
other splits of these tables, so the splits are new to them, and the tables are not.

Sources: Gorishniy, Rubachev, Khrulkov & Babenko, Revisiting deep learning models for
tabular data (2021); Grinsztajn, Oyallon & Varoquaux, Why do tree-based models still
outperform deep learning on typical tabular data? (2022).
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule import data
from chainrule.cli.application import application

from .record import Clock, Options, Published, Record

Array = np.ndarray[Any, np.dtype[Any]]

SUMMARY = "twelve public tables, the command's defaults beside scikit-learn's"
DATA = "twelve tables"
PUBLISHED = (
    Published("tables of middle size", "trees lead", "Grinsztajn et al., 2022"),
)
TABLES = (
    "wine", "breast-cancer", "digits", "pendigits", "diabetes", "uci/boston",
    "uci/concrete", "uci/energy", "uci/kin8nm", "uci/power", "uci/wine-red",
    "uci/yacht",
)  # fmt: skip
QUICK = ("wine",)
#: The splits that are reported; the defaults were chosen on 0, 1 and 2.
SPLITS = (3, 4, 5)


def table(name: str) -> tuple[Array, Array, bool]:
    """All rows of a data set, its targets, and whether these are classes."""
    split = data.load(name, standardise=False)
    inputs = np.concatenate([split.train.inputs, split.test.inputs])
    targets = np.concatenate([split.train.targets, split.test.targets])
    return inputs, targets.reshape(len(targets)), split.train.task == "classification"


def peers(classes: bool, seed: int) -> dict[str, Any]:
    """scikit-learn's three, with their own defaults."""
    if classes:
        network: Any = MLPClassifier(random_state=seed, max_iter=500)
    else:
        network = TransformedTargetRegressor(
            MLPRegressor(random_state=seed, max_iter=500), transformer=StandardScaler()
        )
    boosting = (
        HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    )
    forest = RandomForestClassifier if classes else RandomForestRegressor
    return {
        "gradient boosting": boosting(random_state=seed),
        "random forest": forest(random_state=seed),
        "MLP": make_pipeline(StandardScaler(), network),
    }


def trained_by_command(
    x: Array, y: Array, classes: bool, seed: int
) -> Callable[..., Any]:
    """The function that predicts, made by ``chainrule train`` from a CSV file."""
    folder = Path(tempfile.mkdtemp())
    names = [f"x{place}" for place in range(x.shape[1])]
    with open(folder / "table.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "target"])
        for row, target in zip(x, y, strict=True):
            writer.writerow([*row, f"class {target}" if classes else target])
    words = ["train", str(folder / "table.csv"), "--target", "target", "--quiet"]
    words += ["--task", "classification" if classes else "regression"]
    words += ["--test", "0.02", "--seed", str(seed), "--out", str(folder / "run")]
    done = CliRunner().invoke(application, words, catch_exceptions=False)
    if done.exit_code:
        raise RuntimeError(done.output)
    run = cr.load_run(folder / "run")

    def predict(new: Array) -> Array:
        said = run.predict(dict(zip(names, new.T, strict=True)))
        if not classes:
            return np.asarray(said.values)
        return np.array([int(label.removeprefix("class ")) for label in said.labels])

    return predict


def scores(name: str, seed: int) -> dict[str, float]:
    """The test score of each of the four on one split of a table."""
    x, y, classes = table(name)
    among = y if classes else None
    known, new, told, asked = train_test_split(
        x, y, test_size=0.2, random_state=seed, stratify=among
    )
    score = accuracy_score if classes else r2_score
    found = {}
    for peer, model in peers(classes, seed).items():
        found[peer] = float(score(asked, model.fit(known, told).predict(new)))
    predict = trained_by_command(known, told, classes, seed)
    return {"chainrule": float(score(asked, predict(new))), **found}


def ranks(values: Array) -> Array:
    """The rank of each along the last axis, 1 for the largest, ties in the middle."""
    larger = (values[..., None, :] > values[..., :, None]).sum(-1)
    equal = (values[..., None, :] == values[..., :, None]).sum(-1)
    return np.asarray(1 + larger + (equal - 1) / 2)


def run(options: Options) -> Record:
    """Every table, every split."""
    clock = Clock()
    tables = QUICK if options.quick else TABLES
    splits = [options.seed + each for each in (SPLITS[:1] if options.quick else SPLITS)]
    found: dict[str, dict[str, float]] = {}
    values = []
    for name in tables:
        rows = [scores(name, seed) for seed in splits]
        values.append([list(row.values()) for row in rows])
        found[name] = {
            who: float(np.mean([row[who] for row in rows])) for who in rows[0]
        }
        print(name, {who: round(value, 4) for who, value in found[name].items()})
    names = list(next(iter(found.values())))
    mean = ranks(np.array(values)).mean(axis=(0, 1))
    measured = {
        f"mean rank, {who}": float(rank) for who, rank in zip(names, mean, strict=True)
    }
    below = [n for n in tables if found[n]["chainrule"] < found[n]["MLP"]]
    measured["tables below the MLP"] = float(len(below))
    return Record(
        name="tables",
        summary=SUMMARY,
        measured=measured,
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        settings={"splits": splits, "scores": found},
    )
