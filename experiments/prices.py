"""Prices of shares: the naive forecast wins, as it should.

The closing price of Google on 1047 days from 2004 to 2008, which comes with matplotlib,
ten working days ahead; and the monthly prices of ten companies and indices from 1990 to
2019, from the same source, a year ahead. Networks learn from the first 70 %. If markets
use what is known, the price is about a random walk, and nothing forecasts it better
than the last value: a network that does so on a test of this kind has most likely seen
what it should not.

    chainrule experiment prices [--quick] [--seed 0]

Found by others: of exchange rates, no model of economics is better than the random walk
(Meese & Rogoff, 1983).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import data, models, pictures

from .forecasting import NETWORKS, network
from .record import Clock, Options, Published, Record, save_small

SUMMARY = "share prices: the last value beside networks and smoothing"
DATA = "prices in matplotlib"
PUBLISHED = (Published("exchange rates", "random walk wins", "Meese & Rogoff, 1983"),)
TEST = 0.3


def google() -> data.Series:
    """The closing prices of Google, a step a working day."""
    with np.load(_folder() / "goog.npz") as file:
        table = file["price_data"]
    return data.Series.of(table["adj_close"], table["date"], name="Google, daily")


def shares() -> list[data.Series]:
    """Monthly prices, those of the first of each month."""
    lines = (_folder() / "Stocks.csv").read_text(encoding="utf-8").splitlines()
    rows = [row for row in csv.reader(lines[1:]) if row]
    names, found = rows[0][1:], []
    months = [row for row in rows[1:] if row[0].endswith("-01")]
    for place, name in enumerate(names, 1):
        there = [(row[0], float(row[place])) for row in months if row[place]]
        if len(there) > 150:
            times, values = zip(*there, strict=True)
            found.append(data.Series.of(values, list(times), name=name))
    return found


def _folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "sample_data"


def compared(
    series: data.Series, horizon: int, options: Options
) -> dict[str, models.Backtest]:
    """name ↦ a backtest, of the last value, smoothing and the networks."""
    begin, sizes = round((1 - TEST) * len(series)), (1, horizon)
    smooth = models.ExponentialSmoothing.fit(series[:begin], season=1)
    simple = {"the last value": models.Naive(), "smoothing": smooth}
    found = {
        name: models.backtest(model, series, horizon, start=begin, season=1)
        for name, model in simple.items()
    }
    kinds = list(NETWORKS)[:2] if options.quick else list(NETWORKS)
    for kind in kinds:
        found[kind] = network(series, kind, sizes, begin, options)[1]
    return found


def draw(found: dict[str, models.Backtest], options: Options) -> str:
    """The error of each step ahead, and a forecast beside what came."""
    figure = pictures.new_figure(10, 3.8)
    left, right = figure.subplots(1, 2)
    for name, told in found.items():
        errors = told.mase_by_step()
        thick = 3 if name == "the last value" else 1.2
        left.plot(np.arange(1, len(errors) + 1), errors, label=name, lw=thick)
    left.set(xlabel="working days ahead", ylabel="mean absolute scaled error")
    left.legend(frameon=False, fontsize="small")
    told = found["the last value"]
    middle = len(told.forecasts) // 2
    told.forecasts[middle].plot(told.truths[middle], 60, right)
    right.set_title("the last value, and its intervals")
    figure.tight_layout(rect=(0, pictures.legend_below(figure), 1, 1))
    save_small(figure, options.picture("prices.png"), 80)
    return "prices.png"


def run(options: Options) -> Record:
    """Daily prices by every model, monthly ones as well if there is time."""
    clock = Clock()
    daily = compared(google(), 10, options)
    measured = {f"daily, MASE of {name}": told.mase for name, told in daily.items()}
    learned = {k: t.mase for k, t in daily.items() if k in NETWORKS}
    measured["daily, best network / last value"] = (
        min(learned.values()) / daily["the last value"].mase
    )
    settings: dict[str, Any] = {k: str(t.scores) for k, t in daily.items()}
    if not options.quick:
        wins = []
        for each in shares():
            told = compared(each, 12, options)
            last = told.pop("the last value").mase
            wins.append({k: t.mase / last for k, t in told.items()})
            settings[each.name] = wins[-1]
        for name in wins[0]:
            ratios = [row[name] for row in wins]
            measured[f"monthly, MASE of {name} / last value"] = float(np.mean(ratios))
    return Record(
        "prices",
        SUMMARY,
        measured=measured,
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        settings=settings,
        pictures=[draw(daily, options)],
    )
