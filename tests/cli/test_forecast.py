"""``chainrule train sales.csv --time date --target amount --horizon 12``."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.runs.tasks import task
from chainrule.training import callbacks
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


def weekly(path: Path, weeks: int = 40) -> Path:
    """A shop that is counted once a week."""
    days = np.datetime64("2024-01-01") + 7 * np.arange(weeks)
    rows = [f"{day},A,{5 + number % 3},1" for number, day in enumerate(days)]
    path.write_text("\n".join(["day,shop,sold,open", *rows]) + "\n")
    return path


def test_values_of_another_frequency_are_refused(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path = weekly(tmp_path / "weekly.csv")
    for command in ("predict", "evaluate"):
        found = call(command, run[0], path)
        assert found.exit_code != 0
        assert (
            "series 'A' has a value every week: the network learned from one every day"
            in found.stderr.replace("\n", " ")
        )


def test_series_that_are_too_short_to_be_measured_are_named(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path = sales(tmp_path)
    short = [f"2024-01-{day:02},C,{day},1" for day in range(1, 21)]
    path.write_text(path.read_text() + "\n".join(short) + "\n")
    found = call_well("evaluate", run[0], path)
    said = "left out: 'C' (20 steps): the network reads 18 steps and forecasts 6"
    assert f"warning: {said}" in found.stderr
    values = json.loads(call_well("evaluate", run[0], path, "--json").stdout)
    assert values["left_out"] == said


def test_a_little_more_than_three_horizons_are_learned_from(tmp_path: Path) -> None:
    for steps, enough in ((18, False), (19, True)):
        lines = [f"2024-01-{day:02},{day % 5}" for day in range(1, steps + 1)]
        path = tmp_path / "s.csv"
        path.write_text("\n".join(["day,sold", *lines]) + "\n")
        out = tmp_path / f"run{steps}"
        words = (*SALES, "--horizon", 6, *TINY, "--out", out)
        assert (call("train", path, *words).exit_code == 0) == enough


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
         "of 12: expected more than 36"),
        ("day,sold\n2024-01-01,5\n", (*SALES, "--horizon", 1),
         "s.csv: 1 step: too few to learn from, and to be tested on, with a horizon of "
         "1: expected more than 3"),
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


# All data. ---------------------------------------------------------------------------


def ramp(path: Path, last: float) -> Path:
    """Sixty days of a series; what the last twelve, the test part, are raised by."""
    rng = np.random.default_rng(0)
    values = 50 + 9 * np.sin(2 * np.pi * np.arange(60) / 7) + rng.normal(size=60)
    values[-12:] += last
    days = np.datetime64("2024-01-01") + np.arange(60)
    lines = [f"{day},{value:.3f}" for day, value in zip(days, values, strict=True)]
    path.write_text("\n".join(["day,sold", *lines]) + "\n")
    return path


def model_of(run: Path, name: str) -> dict[str, Any]:
    return {n: np.asarray(v) for n, v in cr.load(run / name).state_dict().items()}  # type: ignore[attr-defined]


def test_forecasts_are_of_a_network_that_has_learned_from_the_last_part_too(
    tmp_path: Path,
) -> None:
    """What is measured has not seen it, what predicts has: as a training of the same
    kind on all data, of as many epochs as the kept weights took.
    """
    words = (*SALES, "--horizon", 4, "--season", 7, "--model", "mlp", *TINY)
    said = {}
    for name, last in (("a", 0.0), ("b", 30.0)):
        path = ramp(tmp_path / f"{name}.csv", last)
        out = tmp_path / name
        said[name] = json.loads(call_well("train", path, *words, "--out", out).stdout)
    one, two = tmp_path / "a", tmp_path / "b"
    for name, value in model_of(one, "model.safetensors").items():
        np.testing.assert_array_equal(value, model_of(two, "model.safetensors")[name])
    refitted = model_of(one, "refitted.safetensors")
    changed = [
        (value != model_of(two, "refitted.safetensors")[name]).any()
        for name, value in refitted.items()
    ]
    assert any(changed)

    network: Any = cr.load(two / "refitted.safetensors")
    measured: Any = cr.load(two / "model.safetensors")
    assert network.stretch == measured.stretch
    series = cr.data.read_series(tmp_path / "b.csv", "day", "sold")
    told = network.predict(list(series))[0]
    rows = list(csv.DictReader(call_well("predict", two).output.splitlines()))
    found = [float(row["predicted_sold"]) for row in rows]
    np.testing.assert_allclose(found, told.median, rtol=1e-6)
    evaluated = json.loads(call_well("evaluate", two, "--json").stdout)
    assert evaluated["mase"] == said["b"]["test"]["mase"]


def test_the_second_training_has_the_epochs_of_the_kept_weights(tmp_path: Path) -> None:
    words = (*SALES, "--horizon", 4, "--season", 7, "--epochs", 30, "--patience", 2)
    path, out = ramp(tmp_path / "a.csv", 0.0), tmp_path / "run"
    found = call_well("train", path, *words, "--lr", 0.3, "--out", out)
    epoch = json.loads((out / "metrics.json").read_text())["kept"]["epoch"]
    assert epoch < 30
    assert (
        f"\nrefit    on all data, {epoch} epoch{'s' * (epoch > 1)}, for predictions; "
        "scores are those of the network before\n"
    ) in found.output
    assert "model.safetensors, refitted.safetensors, settings.json" in found.output


def test_a_run_that_is_stopped_in_its_second_training_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*SALES, "--horizon", 4, "--season", 7, *TINY)
    path = ramp(tmp_path / "a.csv", 0.0)
    whole, half = tmp_path / "whole", tmp_path / "half"
    call_well("train", path, *words, "--out", whole)

    class Stop(callbacks.Callback):
        def on_epoch_end(self, run: Any) -> None:
            if not run.has_validation:
                run.stop("interrupted")

    fit = task.training.fit
    monkeypatch.setattr(
        task.training,
        "fit",
        lambda *a, **k: fit(*a, **{**k, "callbacks": [Stop(), *k["callbacks"]]}),
    )
    found = call("train", path, *words, "--out", half)
    assert (found.exit_code, found.stderr) == (
        130,
        f"stopped in the training on all data; everything is kept in {half}\n"
        f"  resume     chainrule train --resume {half}\n",
    )
    assert not (half / "refitted.safetensors").exists()
    monkeypatch.setattr(task.training, "fit", fit)
    call_well("train", "--resume", half, "--json")
    for name in ("model.safetensors", "refitted.safetensors"):
        for key, value in model_of(whole, name).items():
            np.testing.assert_array_equal(value, model_of(half, name)[key])


def test_a_horizon_that_was_not_learned_is_refused(
    run: tuple[Path, dict[str, Any]],
) -> None:
    found = call("predict", run[0], "--horizon", 7)
    assert "a horizon of 7: the network was made for 6" in found.stderr


# What is kept, left out and not defined. ---------------------------------------------


def test_the_series_that_are_read_are_not_replaced(
    run: tuple[Path, dict[str, Any]],
) -> None:
    path = run[0].parent / "sales.csv"
    before = path.read_bytes()
    for words in ((), (path,)):
        found = call("predict", run[0], *words, "--out", path)
        assert found.exit_code != 0
        assert "the file that is read, which would be lost" in found.stderr
    assert path.read_bytes() == before


def test_forecasts_go_to_a_file_and_to_a_program_at_once(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "forecast.csv"
    found = call_well("predict", run[0], "--json", "--out", out)
    lines = json.loads(found.output)["predictions"]
    assert len(lines) == 13 and out.read_text().splitlines() == lines


def test_forecasts_of_a_run_that_was_stopped_say_so(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    stopped = tmp_path / "stopped"
    shutil.copytree(run[0], stopped)
    (stopped / "metrics.json").unlink()
    found = call_well("predict", stopped)
    assert found.stderr == (
        f"warning: the training of {stopped} was stopped before its end; "
        f"chainrule train --resume {stopped} goes on\n"
    )


def test_a_finished_run_without_its_model_is_to_be_trained_anew(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    robbed = tmp_path / "robbed"
    shutil.copytree(run[0], robbed)
    (robbed / "model.safetensors").unlink()
    for command in ("predict", "evaluate"):
        found = call(command, robbed)
        assert found.exit_code != 0 and "--resume" not in found.stderr
        assert (
            "this run is finished, but its file model.safetensors is missing"
            in found.stderr
        )
        assert "train anew" in found.stderr


def test_names_of_series_are_cells_that_every_reader_takes(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    names = ('11" pipes', 'a "b", c', "two\nlines")
    told = call_well("predict", run[0], sales(tmp_path, 90, names), "--horizon", 1)
    rows = list(csv.DictReader(io.StringIO(told.stdout, newline="")))
    assert [row["shop"] for row in rows] == sorted(names)


def test_scores_are_undefined_where_the_naive_forecast_had_no_error(
    tmp_path: Path,
) -> None:
    path, out = tmp_path / "sales.csv", tmp_path / "run"
    days = np.datetime64("2024-01-01") + np.arange(100)
    lines = [f"{day},{max(0, n - 79)}" for n, day in enumerate(days)]
    path.write_text("\n".join(["day,sold", *lines]) + "\n")
    words = ("train", path, *SALES, "--horizon", 5, "--epochs", 2, "--out", out)
    for said in (call_well(*words), call_well("evaluate", out)):
        assert ": MASE and pinball not defined, MAE" in said.stdout
        assert "nan" not in said.output and "no better than" not in said.output
        assert "warning: MASE and pinball are not defined: " in said.stderr
        assert said.stderr.count("warning") == 1
    assert json.loads(call_well("evaluate", out, "--json").stdout)["mase"] is None
    assert "not defined" in call_well("runs", "--in", tmp_path).stdout


def test_series_that_are_too_short_are_left_out_and_named(tmp_path: Path) -> None:
    path, out = tmp_path / "sales.csv", tmp_path / "run"
    rng = np.random.default_rng(0)
    lines = [
        f"{np.datetime64('2024-01-01') + day},{shop},{rng.normal():.3f}"
        for shop, days in (("A", 200), ("B", 25), ("C", 10))
        for day in range(days)
    ]
    path.write_text("\n".join(["day,shop,sold", *lines]) + "\n")
    words = (*SALES, "--series", "shop", "--horizon", 5, "--epochs", 2, "--out", out)
    said = call_well("train", path, *words).stdout
    assert "sales.csv: 1 series, 200 steps of a day, 2024-01-01 to 2024-07-18" in said
    assert (
        "left out: 'B' (25 steps), 'C' (10 steps), too short to learn from with 15 "
        "lags; fewer --lags may keep more" in said
    )
    told = call_well("predict", out)
    assert told.stderr == (
        "warning: left out: 'C' (10 steps): the network reads 15 steps\n"
    )
    shops = [line.split(",")[0] for line in told.stdout.splitlines()[1:]]
    assert shops == ["A"] * 5 + ["B"] * 5
    assert (out / "forecast.csv").read_text() == told.stdout
