"""Forecasts of five series, beside forecasts that cost nothing.

Airline passengers, CO₂ on Mauna Loa, electrical equipment, the sea at Niño 1+2 (a step
a month, twelve ahead) and sunspots (a step a year, six ahead, a season of eleven): the
last 30 % of each are tested on, from every step of them, by models that have seen only
what was before. Each network is trained on the rest without its last 15 %, which choose
the epoch; then all of the rest trains it again, for as many epochs. The network with
the least pinball loss on these 15 % is the one whose test counts; the others stand in
the settings.

    chainrule experiment forecasting [--quick] [--seed 0]

MASE is the mean absolute error by that of a season ago within the training part
(Hyndman & Koehler, 2006): below 1 a forecast of up to twelve steps is better than the
naive one was there. Beside it stand the last value, the value of a season ago, and
exponential smoothing, its form chosen by AICc.

Found by others: in the M4 competition of 100 000 series no purely learned method was
better than a mean of three smoothings, and the best was a network between smoothed
seasons (Makridakis, Spiliotis & Assimakopoulos, 2018). No figure of these five series
by this protocol is known here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, optim, pictures
from chainrule.training.callbacks import EarlyStopping

from .record import Clock, Options, Published, Record, save_small

SUMMARY = "networks beside naive forecasts and smoothing, five series, rolling origin"
DATA = "series of the package"
PUBLISHED = (
    Published("better than a season ago was", "MASE < 1", "Hyndman & Koehler, 2006"),
)
#: Series ↦ the steps of a season, and how many are forecast.
SERIES = {
    "airline": (12, 12),
    "co2": (12, 12),
    "electrical-equipment": (12, 12),
    "el-nino": (12, 12),
    "sunspots": (11, 6),
}
NETWORKS: dict[str, dict[str, Any]] = {
    "linear": {"hidden": (), "lr": 1e-2},
    "mlp": {"hidden": (64,), "lr": 3e-3},
    "lstm": {"hidden": (32,), "lr": 3e-3},
    "tcn": {"hidden": (16, 16, 16, 16), "lr": 3e-3},
}
TEST, HELD, STEPS, BATCH_SIZE = 0.3, 0.15, 1500, 32
QUICK_STEPS = 300


def learned(
    series: data.Series, held: data.Series | None, steps: int, kind: str,
    sizes: tuple[int, int], seed: int, first: int = 0,
) -> tuple[models.Forecaster, float, int]:  # fmt: skip
    """A network, its loss on what was held out, and the epochs that it took.

    Arguments:
        series: that it learns from.
        held: the same and what follows, from step ``first`` on to choose the epoch by;
            None to learn for as long as is said.
        steps: of training.
        kind: of the network.
        sizes: the steps of a season, and of a forecast.
        seed: of weights and order.
        first: where what is held out begins.
    """
    cr.manual_seed(seed)
    season, horizon = sizes
    about = NETWORKS[kind]
    made = models.Forecaster.of(
        series, horizon, season=season, model=kind, hidden=about["hidden"]
    )
    examples = made.examples(series)
    in_epoch = -(-len(examples) // BATCH_SIZE)
    epochs = max(1, steps // in_epoch)
    rate = optim.OneCycle(about["lr"], epochs * in_epoch)
    stop = [] if held is None else [EarlyStopping("validation_loss", epochs // 4 + 1)]
    history = cr.fit(
        models.Forecasting(made),
        examples,
        validation=None if held is None else made.examples(held, first),
        optimizer=optim.Adam(lr=rate, transforms=[optim.ClipNorm(1.0)]),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        callbacks=stop,
        seed=seed,
        progress=False,
    )
    if held is None:
        return made, float("nan"), epochs
    losses = history["validation_loss"]
    return made, min(losses), in_epoch * (1 + int(np.argmin(losses)))


def naive(series: data.Series, sizes: tuple[int, int], begin: int) -> dict[str, Any]:
    """name ↦ a backtest of what costs nothing, from a step on."""
    season, horizon = sizes
    simple = {
        "the last value": models.Naive(),
        "a season ago": models.SeasonalNaive(season),
        "smoothing": models.ExponentialSmoothing.fit(series[:begin], season=season),
    }
    return {
        name: models.backtest(model, series, horizon, start=begin, season=season)
        for name, model in simple.items()
    }


def network(
    series: data.Series, kind: str, sizes: tuple[int, int], begin: int, options: Options
) -> tuple[float, models.Backtest]:
    """The loss of a network on what was held out, and its backtest from a step on."""
    steps = QUICK_STEPS if options.quick else STEPS
    season, horizon = sizes
    middle = begin - max(2 * horizon, round(HELD * begin))
    _, loss, best = learned(
        series[:middle], series[:begin], steps, kind, sizes, options.seed, middle
    )
    made, _, _ = learned(series[:begin], None, best, kind, sizes, options.seed)
    told = models.backtest(made, series, horizon, start=begin, season=season)
    return loss, told


def draw(shown: dict[str, models.Backtest], table: Any, options: Options) -> str:
    """A forecast of each series beside what came, and MASE of all."""
    figure = pictures.new_figure(10, 9)
    axes = figure.subplots(3, 2).ravel()
    for (name, told), ax in zip(shown.items(), axes, strict=False):
        middle = told.forecasts[len(told.forecasts) // 2]
        middle.plot(told.truths[len(told.forecasts) // 2], 48, ax)
        ax.set_title(name)
    for ax in axes[len(shown) : -1]:
        ax.axis("off")
    ax = axes[-1]
    names = list(next(iter(table.values())))
    places = np.arange(len(table))
    for number, name in enumerate(names):
        values = [row[name] for row in table.values()]
        ax.bar(places + 0.2 * number - 0.3, values, 0.2, label=name)
    ax.axhline(1, color="#777777", lw=0.8)
    ax.set_xticks(places, list(table), rotation=20, fontsize="small")
    ax.set_title("MASE")
    ax.set_ylim(top=1.3 * ax.get_ylim()[1])  # for the legend, above the bars
    ax.legend(frameon=False, fontsize="small", loc="upper left", ncols=2)
    figure.tight_layout(rect=(0, pictures.legend_below(figure), 1, 1))
    save_small(figure, options.picture("forecasting.png"), 70)
    return "forecasting.png"


def run(options: Options) -> Record:
    """Every series by every network."""
    clock = Clock()
    measured: dict[str, float] = {}
    shown: dict[str, models.Backtest] = {}
    table: dict[str, dict[str, float]] = {}
    settings: dict[str, Any] = {}
    names = list(SERIES)[:1] if options.quick else list(SERIES)
    kinds = list(NETWORKS)[:2] if options.quick else list(NETWORKS)
    for name in names:
        series, sizes = data.load_series(name), SERIES[name]
        begin = round((1 - TEST) * len(series))
        beside = naive(series, sizes, begin)
        found = {kind: network(series, kind, sizes, begin, options) for kind in kinds}
        best = min(found, key=lambda kind: found[kind][0])
        shown[name] = found[best][1]
        every = {**beside, **{kind: told for kind, (_, told) in found.items()}}
        settings[name] = {
            "chosen": best,
            **{k: str(t.scores) for k, t in every.items()},
        }
        table[name] = {k: t.mase for k, t in beside.items()}
        table[name]["network"] = shown[name].mase
        measured[f"{name}, MASE"] = shown[name].mase
    for name in names:
        for each in ("a season ago", "smoothing"):
            measured[f"{name}, MASE of {each}"] = table[name][each]
        for share, inside in shown[name].scores.coverage.items():
            measured[f"{name}, within {100 * share:.0f} %"] = 100 * inside
    return Record(
        "forecasting",
        SUMMARY,
        measured=measured,
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        settings=settings,
        pictures=[draw(shown, table, options)],
    )
