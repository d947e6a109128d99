"""``chainrule train sales.csv --time date --target amount --horizon 12``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import call, call_well

TINY = ("--json", "--epochs", 30)
SALES = ("--time", "day", "--target", "sold")


def sales(folder: Path, days: int = 90, shops: tuple[str, ...] = ("A", "B")) -> Path:
    """Sales of shops with a week of their own, holidays that are known, and gaps."""
    rng = np.random.default_rng(0)
    rows = [["day", "shop", "sold", "open"]]
    for scale, shop in enumerate(shops, 1):
        for day in range(days + 6):
            date = str(np.datetime64("2024-01-01") + day)
            amount = scale * (20 + 8 * np.sin(2 * np.pi * day / 7) + 0.1 * day)
            amount += scale * rng.normal()
            cell = f"{amount:.2f}" if day < days and day != 40 else ""
            rows.append([date, shop, cell, str(int(day % 7 < 6))])
    path = folder / "sales.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run on the sales of two shops, and what it said."""
    folder = tmp_path_factory.mktemp("sales")
    out = folder / "run"
    words = (*SALES, "--horizon", 6, "--series", "shop", "--known", "open")
    found = call_well("train", sales(folder), *words, *TINY, "--out", out)
    return out, json.loads(found.output)


def test_forecasts_are_measured_beside_what_costs_nothing(
    run: tuple[Path, dict[str, Any]],
) -> None:
    folder, said = run
    names = ["the last value", "the value of a season ago", "exponential smoothing"]
    assert list(said["baselines"]) == names
    assert said["test"]["mase"] < said["baselines"]["the last value"]["mase"]
    assert 0 <= said["test"]["coverage_80"] <= said["test"]["coverage_95"] <= 1
    assert said["test"]["forecasts"] == 2 * 13
    for name in ("backtest.png", "forecast.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    again = json.loads(call_well("evaluate", folder, "--json").output)
    assert again["mase"] == said["test"]["mase"]
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["details"]["season"] == 7 and settings["details"]["lags"] == 18


def test_predict_goes_on_from_the_end_with_intervals(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = run
    lines = call_well("predict", folder).output.splitlines()
    rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["shop", "day", "predicted_sold", "low_80", "high_80",
                             "low_95", "high_95"]  # fmt: skip
    assert [row["shop"] for row in rows] == ["A"] * 6 + ["B"] * 6
    assert [row["day"] for row in rows[:2]] == ["2024-03-31", "2024-04-01"]
    for row in rows:
        ends = [float(row[name]) for name in ("low_95", "low_80", "predicted_sold",
                                              "high_80", "high_95")]  # fmt: skip
        assert ends == sorted(ends)
    assert (folder / "forecast.csv").read_text().splitlines() == lines
    newer = sales(tmp_path, 97, ("C",))
    short = call_well("predict", folder, newer, "--horizon", 1).output.splitlines()
    assert len(short) == 2 and short[1].startswith("C,2024-04-07,")


def test_the_naive_forecast_of_a_random_walk_is_said_to_be_better(
    tmp_path: Path,
) -> None:
    steps = np.random.default_rng(3).normal(size=300)
    path = tmp_path / "price.csv"
    lines = [f"{t},{p:.4f}" for t, p in enumerate(100 + np.cumsum(steps))]
    path.write_text("\n".join(["t,price", *lines]) + "\n")
    words = ("--time", "t", "--target", "price", "--horizon", 5, "--epochs", 30)
    found = call_well(
        "train", path, *words, "--model", "mlp", "--out", tmp_path / "run"
    )
    assert "warning: the last value is the better forecast: MASE" in found.stderr
    assert "no better than " in found.output


def test_a_run_of_one_series_has_no_column_of_names(tmp_path: Path) -> None:
    path = sales(tmp_path, 60, ("A",))
    words = (*SALES, "--horizon", 4, "--model", "lstm", "--hidden", 4, "--season", 7)
    out = tmp_path / "run"
    call_well("train", path, *words, "--output", "gaussian", *TINY, "--out", out)
    lines = call_well("predict", out).output.splitlines()
    assert lines[0] == "day,predicted_sold,low_80,high_80,low_95,high_95"
    assert len(lines) == 5


FLAT = "\n".join(["day,sold", *(f"2024-01-{d:02},5" for d in range(1, 31))]) + "\n"
SHORT = "\n".join(["day,sold", *(f"2024-01-{d:02},{d}" for d in range(1, 21))]) + "\n"


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (SHORT, ("--target", "sold", "--horizon", 2),
         "s.csv: which column holds the times? There are: day, sold"),
        (SHORT, ("--time", "day", "--horizon", 2),
         "s.csv: which column is to be forecast? There are: day, sold"),
        (SHORT, SALES, "s.csv: how many steps are to be forecast?"),
        (SHORT, (*SALES, "--horizon", 12),
         "s.csv: 20 steps: too few to learn from, and to be tested on, with a horizon "
         "of 12: expected more than 48"),
        ("day,sold\n2024-01-01,5\n", (*SALES, "--horizon", 1),
         "s.csv: 1 step: too few to learn from, and to be tested on, with a horizon of "
         "1: expected more than 4"),
        (FLAT, (*SALES, "--horizon", 2),
         "s.csv: column 'sold' never changes: there is nothing to forecast"),
        (SHORT, (*SALES, "--horizon", 2, "--season", 7, "--lags", 3),
         "--lags 3: shorter than a season of 7 steps"),
        (SHORT, (*SALES, "--horizon", 2, "--model", "gpt"),
         "--model gpt: not a network for --task forecast"),
        (SHORT, (*SALES, "--horizon", 2, "--hidden", "8"),
         "--hidden 8: --model linear has no hidden layers"),
        (SHORT, (*SALES, "--horizon", 2, "--tokens", "words"),
         "--tokens: --task forecast goes on from the end of series and has no use for "
         "it"),
        (SHORT, ("--time", "day", "--target", "sould", "--horizon", 2),
         "s.csv: no column 'sould' among 'day', 'sold'"),
        (SHORT.replace("2024-01-07", "2024-01-06"), (*SALES, "--horizon", 2),
         "s.csv: line 8: 2024-01-06 a second time, after line 7: expected one row for "
         "each time"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_trained(
    content: str, words: tuple[Any, ...], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(content)
    found = call("train", path, *words, "--out", tmp_path / "run")
    assert found.exit_code != 0 and message in found.stderr.replace("\n", " ")
    assert not (tmp_path / "run").exists()


def test_a_horizon_that_was_not_learned_is_refused(
    run: tuple[Path, dict[str, Any]],
) -> None:
    found = call("predict", run[0], "--horizon", 7)
    assert "a horizon of 7: the network was made for 6" in found.stderr
