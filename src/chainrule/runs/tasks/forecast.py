"""``--task forecast``: a network that goes on from the end of time series.

Place on the road: a task. The file has a row for each time; its last part is tested on,
by forecasts from every time in it, beside forecasts that cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from ... import data, models, pictures
from ...data.series.series import SeriesSet
from ...data.tables.columns import read_columns
from ...data.tables.csv_files import csv_cell
from ...errors import ArgumentError, DataError
from ...wording import counted, spaced
from ..settings import Network, Settings, Source, Training
from .task import (
    Corpus,
    Task,
    TaskRun,
    epochs_within,
    sizes_refused,
    trained,
)

#: Steps of a whole training, about; epochs at least and at most; windows a step.
STEPS, EPOCHS = 2000, (10, 250)
BATCH = 32

#: Learning rates and sizes of layers, by the name of the network.
RATES = {"linear": 1e-2, "mlp": 3e-3, "lstm": 3e-3, "tcn": 3e-3}
HIDDEN = {"linear": (), "mlp": (64,), "lstm": (32,), "tcn": (16, 16, 16, 16)}

#: The most forecasts that are measured, series whose smoothing is, and that are drawn.
MOST, SMOOTHED, DRAWN = 1000, 20, 6

#: Shares of the intervals that are written, by the ends of their columns' names.
INTERVALS = {"80": 0.8, "95": 0.95}

#: What only this task is asked for.
OWN = ("time", "horizon", "season", "series", "lags", "covariates", "known", "output")


class Part(NamedTuple):
    """Series, the first step of each that is to be forecast, and in words which series
    of the file are not among them.
    """

    series: list[data.Series]
    first: list[int]
    left_out: str = ""


class ForecastTask(Task):
    """Learns what comes after what has been."""

    name = "forecast"
    what = "goes on from the end of series"
    score = ("mase", True)
    networks = ("linear", "mlp", "lstm", "tcn")
    takes = frozenset((*OWN, "target", "dates", "decimal"))
    reads_tables = True
    answers = frozenset(("horizon",))
    test = 0.2
    example = "sales.csv --time date --target amount --horizon 12"
    goes_on = True

    def is_meant(self, asked: Mapping[str, Any]) -> bool:
        """Whether there are options of this task alone."""
        return "task" not in asked and any(option in asked for option in OWN)

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The series, and where validation and test begin in each."""
        path = Path(str(source.file))
        found = _read(path, source.target, asked)
        if "horizon" not in asked:
            raise ArgumentError(
                f"{path.name}: how many steps are to be forecast?", fix="--horizon 12"
            )
        horizon = int(asked["horizon"])
        parts = _parts(found, horizon, source.test, asked)
        season, said = _season(parts[0], horizon, asked.get("season"))
        lags = _lags(parts[0], horizon, season, asked.get("lags"), path.name)
        train, held, test = _with_windows(parts, lags + horizon)
        why = f", too short to learn from with {counted(lags, 'lag')}"
        short = _left_out(found, test.series, f"{why}; fewer --lags may keep more")
        values = sum(map(len, test.series))
        frequency = found[0].frequency
        of = f" of a {frequency.name}" * (frequency.name != "step")
        number = counted(len(test.series), "series", "series")
        several = f"{number}, " * (len(found) > 1)
        return Corpus(
            path.name,
            f"{several}{spaced(values)} steps{of}, "
            f"{test.series[0].times[0]} to {test.series[0].times[-1]}",
            train,
            held,
            test,
            (*found.notes, *said, *([short] if short else [])),
            {"season": season, "lags": lags, "set": found},
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the number of windows."""
        model = asked.get("model", self.networks[0])
        hidden = tuple(asked.get("hidden", HIDDEN[model]))
        if model == "linear" and hidden:
            raise ArgumentError(
                f"--hidden {','.join(map(str, hidden))}: --model linear has no hidden "
                "layers",
                fix="--model mlp",
            )
        if model == "lstm" and len(set(hidden)) != 1:
            raise sizes_refused(hidden, "all layers of an lstm have one size", 1)
        horizon, lags = int(asked["horizon"]), corpus.made["lags"]
        windows = sum(max(0, len(s) - lags - horizon + 1) for s in corpus.train.series)
        size = asked.get("batch_size", BATCH)
        epochs = epochs_within(EPOCHS, STEPS / -(-windows // size))
        words = trained(
            asked,
            epochs=epochs,
            batch_size=size,
            lr=RATES[model],
            patience=max(10, epochs // 4),
        )
        output = asked.get("output", "quantiles")
        loss = "pinball" if output == "quantiles" else "gaussian_nll"
        net = Network(
            lags,
            horizon,
            hidden,
            dropout=asked.get("dropout", 0.0),
            model=model,
        )
        kept = ("time", "series", "covariates", "known", "dates", "decimal")
        details = {
            **{name: asked[name] for name in kept if name in asked},
            "horizon": horizon,
            "season": corpus.made["season"],
            "lags": lags,
            "output": output,
        }
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in details.items()}
        return net, replace(words, loss=loss), plain

    def build(self, settings: Settings, corpus: Corpus) -> models.Forecaster:
        """A network for the frequency and covariates of the training part."""
        words, details = settings.network, settings.details or {}
        return models.Forecaster.of(
            corpus.train.series,
            details["horizon"],
            lags=details["lags"],
            season=details["season"],
            model=words.model,
            hidden=words.hidden,
            output=details["output"],
            dropout=words.dropout,
        )

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """All windows of the training part, and those that end in the next."""
        corpus, made = run.corpus, run.model
        held = corpus.validation
        return (
            models.Forecasting(made),
            made.examples(corpus.train.series),
            None if held is None else made.examples(held.series, held.first),
        )

    def settle(self, run: TaskRun) -> None:
        """How wide intervals have to be, by the validation part; on all data, as wide
        as those of the network that was measured.
        """
        held = run.corpus.validation
        if run.measured is not None:
            run.model.stretch = run.measured.stretch
        elif held is not None:
            run.model.calibrate(held.series, held.first)

    def whole(self, corpus: Corpus) -> Corpus:
        """All series to their ends."""
        series = corpus.test.series
        return replace(corpus, train=Part(series, [0] * len(series)), validation=None)

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """Errors and coverage of forecasts from every time of a part."""
        found = _scores(model, part, model.shape.horizon, model.shape.season)
        if part.left_out:
            found["left_out"] = part.left_out
        return found

    def part_of(self, path: Path, model: Any, settings: Settings) -> Part:
        """All of another file that has enough before it."""
        series = list(_read(path, settings.target, settings.details or {}))
        least = model.shape.lags + model.shape.horizon
        long = [each for each in series if len(each) >= least]
        if not long:
            raise DataError(
                f"{path.name}: {counted(max(map(len, series)), 'step')}: too few to "
                f"forecast any: the network reads {model.shape.lags} and forecasts "
                f"{model.shape.horizon}"
            )
        reads = f": the network reads {counted(model.shape.lags, 'step')}"
        short = _left_out(series, long, f"{reads} and forecasts {model.shape.horizon}")
        return Part(long, [model.shape.lags] * len(long), short)

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``MASE 0.712, pinball 0.180, MAE 21.4; 78 % within 80 %, …``"""
        inside = ", ".join(
            f"{100 * measured[f'coverage_{name}']:.0f} % within {name} %"
            for name in INTERVALS
        )
        scaled = "MASE and pinball not defined"
        if measured["mase"] is not None:
            scaled = f"MASE {measured['mase']:.3f}, pinball {measured['pinball']:.3f}"
        return f"{scaled}, MAE {measured['mae']:.4g}; {inside}"

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """The last value, that of a season ago, and exponential smoothing."""
        part, (horizon, season) = run.corpus.test, _asked(run.settings)
        found = {
            "the last value": _scores(models.Naive(), part, horizon, season),
        }
        if season > 1:
            naive = models.SeasonalNaive(season)
            found["the value of a season ago"] = _scores(naive, part, horizon, season)
        if len(part.series) <= SMOOTHED:
            pairs = zip(part.series, part.first, strict=True)
            before = [s[:f] for s, f in pairs]
            ets = models.ExponentialSmoothing.fit(before, season=season)
            found["exponential smoothing"] = _scores(ets, part, horizon, season)
        return found

    def warnings(
        self, measured: Mapping[str, Any], baselines: Mapping[str, Any]
    ) -> list[str]:
        """That series are left out, that a forecast without any learning is better, or
        that nothing says so.
        """
        found = [measured["left_out"]] if "left_out" in measured else []
        if measured["mase"] is None:
            found.append(
                "MASE and pinball are not defined: they compare with errors of the "
                "naive forecast before the part that is measured, where it has none"
            )
            return found
        naive = [name for name in baselines if name.startswith("the ")]
        best = min(naive, key=lambda name: baselines[name]["mase"], default=None)
        if best is not None and baselines[best]["mase"] <= measured["mase"]:
            found.append(
                f"{best} is the better forecast: MASE {baselines[best]['mase']:.3f} "
                f"against {measured['mase']:.3f}; what the network learned is of no "
                "help"
            )
        return found

    def draw(self, run: TaskRun) -> list[str]:
        """Forecasts of the test part beside what came, and of what is to come."""
        part, (horizon, _) = run.corpus.test, _asked(run.settings)
        shown = min(DRAWN, len(part.series))
        before = [s[:-horizon] for s in part.series[:shown]]
        came = [s.values[-horizon:] for s in part.series[:shown]]
        names = ["backtest.png"]
        _draw(run.model.predict(before), came, run.folder.path / names[0])
        model = run.model if run.refitted is None else run.refitted
        ahead = [s for s in run.corpus.made["set"] if _goes_on(model, s)]
        if ahead:
            told = model.predict(ahead)
            lines = "".join(f"{x}\n" for x in _table(told, run.settings))
            (run.folder.path / "forecast.csv").write_text(lines, encoding="utf-8")
            _draw(told[:DRAWN], None, run.folder.path / "forecast.png")
            names += ["forecast.png", "forecast.csv"]
        return names

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Going on, and measuring."""
        folder = str(run.folder)
        return [
            ("what comes next", ("predict", folder)),
            ("from newer data", ("predict", folder, "newer.csv")),
            ("another file", ("evaluate", folder, "other.csv")),
        ]

    def answer(
        self, model: Any, settings: Settings, asked: Mapping[str, Any]
    ) -> tuple[Iterator[str], list[str]]:
        """A line for each step after the end of each series of the run's file, or of
        another one; and which are too short to go on from.
        """
        path = Path(asked.get("data") or str(settings.source.file))
        series = list(_read(path, settings.target, settings.details or {}))
        long = [each for each in series if len(each) >= model.shape.lags]
        told = model.predict(long or series, asked.get("horizon"))
        reads = f": the network reads {counted(model.shape.lags, 'step')}"
        short = _left_out(series, long, reads)
        return _table(told, settings), [short] if short else []


TASK = ForecastTask()


def _read(path: Path, target: str | None, asked: Mapping[str, Any]) -> SeriesSet:
    """The series of a file.

    Raises:
        ArgumentError: columns that are not named.
    """
    for option, given, what in (
        ("time", asked.get("time"), "holds the times"),
        ("target", target, "is to be forecast"),
    ):
        if not given:
            names = ", ".join(read_columns(path).names)
            raise ArgumentError(
                f"{path.name}: which column {what}? There are: {names}",
                fix=f"--{option} COLUMN",
            )
    found = data.read_series(
        path,
        str(asked["time"]),
        str(target),
        series=asked.get("series"),
        past=tuple(asked.get("covariates", ())),
        known=tuple(asked.get("known", ())),
        dates=asked.get("dates"),
        decimal=asked.get("decimal"),
    )
    known = [each.values[each.observed] for each in found]
    if max(map(len, found)) > 1 and not any(np.ptp(v) for v in known if len(v)):
        raise DataError(
            f"{path.name}: column {target!r} never changes: there is nothing to "
            "forecast"
        )
    return found


def _parts(
    found: SeriesSet, horizon: int, test: float, asked: Mapping[str, Any]
) -> tuple[Part, Part | None, Part]:
    """What is trained on, validated on and tested on: the past, and what follows."""
    share = asked.get("validation", 0.1)
    long, cuts = [], []
    for each in found:
        last = len(each) - max(horizon, round(test * len(each)))
        least = 2 * horizon if last > 6 * horizon else horizon
        seen = max(least, round(share * last)) if share else 0
        if last - seen > horizon:
            long.append(each)
            cuts.append((last - seen, last))
    if not long:
        raise DataError(
            f"{found.source}: {counted(max(map(len, found)), 'step')}: too few to "
            f"learn from, and to be tested on, with a horizon of {horizon}: expected "
            f"more than {(3 if share else 2) * horizon}",
            fix="a smaller --horizon, or a longer series",
        )
    train = Part([s[:a] for s, (a, _) in zip(long, cuts, strict=True)], [0] * len(long))
    held = Part([s[:b] for s, (_, b) in zip(long, cuts, strict=True)],
                [a for a, _ in cuts])  # fmt: skip
    return train, held if share else None, Part(long, [b for _, b in cuts])


def _with_windows(
    parts: tuple[Part, Part | None, Part], least: int
) -> tuple[Part, Part | None, Part]:
    """The same parts without series that have fewer steps to train on."""
    train, held, test = parts
    long = [place for place, each in enumerate(train.series) if len(each) >= least]

    def some(part: Part) -> Part:
        return Part([part.series[i] for i in long], [part.first[i] for i in long])

    return some(train), None if held is None else some(held), some(test)


def _left_out(
    every: Iterable[data.Series], kept: Sequence[data.Series], why: str
) -> str:
    """The series that are not kept, and why; empty where all are."""
    names = {each.name for each in kept}
    short = [each for each in every if each.name not in names]
    told = [f"{each.name!r} ({counted(len(each), 'step')})" for each in short[:8]]
    more = ", …" * (len(short) > len(told))
    return f"left out: {', '.join(told)}{more}{why}" if short else ""


def _season(
    train: Part, horizon: int, wanted: int | None
) -> tuple[int, tuple[str, ...]]:
    """How many steps a season has: the usual one, if it beats the last value in the
    training part.
    """
    if wanted is not None:
        return int(wanted), ()
    frequency = train.series[0].frequency
    usual = frequency.season
    if usual < 2:
        return 1, ()
    errors = []
    for model in (models.SeasonalNaive(usual), models.Naive()):
        long = [s for s in train.series if len(s) >= 2 * usual + horizon]
        if not long:
            return 1, (f"too short for a season of {usual} steps",)
        starts = [2 * usual] * len(long)
        errors.append(_scores(model, Part(long, starts), horizon, 1)["mase"])
    if None not in errors and errors[0] < errors[1]:
        return usual, (f"a season of {usual} steps",)
    return 1, (f"no season of {usual} steps in the data: --season {usual} assumes one",)


def _lags(train: Part, horizon: int, season: int, wanted: int | None, name: str) -> int:
    """How many steps a network reads, of which the training part has some windows."""
    most = max(map(len, train.series)) - horizon
    if wanted is not None:
        lags = int(wanted)
        if lags < season:
            raise ArgumentError(
                f"--lags {lags}: shorter than a season of {season} steps",
                fix=f"--lags {2 * season}, or --season 1",
            )
    else:
        lags = max(season, min(max(2 * season, 3 * horizon), most // 2))
    if lags > most:
        raise DataError(
            f"{name}: {counted(most + horizon, 'step')} to learn from: too few for "
            f"{counted(lags, 'lag')} and a horizon of {horizon}",
            fix="a smaller --horizon, --season or --lags, or a longer series",
        )
    return lags


def _asked(settings: Settings) -> tuple[int, int]:
    """The horizon and the season of a run."""
    details = settings.details or {}
    return details["horizon"], details["season"]


def _scores(model: Any, part: Part, horizon: int, season: int) -> dict[str, Any]:
    """Scores of forecasts from the times of a part, a thousand of them at most."""
    pairs = zip(part.series, part.first, strict=True)
    some = [(s, f) for s, f in pairs if len(s) >= f + horizon]
    origins = sum(len(s) - f - horizon + 1 for s, f in some)
    found = models.backtest(
        model,
        [s for s, _ in some],
        horizon,
        start=[f for _, f in some],
        stride=max(1, origins // MOST),
        season=season,
    ).scores
    return {
        "mase": _defined(found.mase),
        "pinball": _defined(found.pinball),
        "mae": found.mae,
        "rmse": found.rmse,
        **{f"coverage_{name}": found.coverage[s] for name, s in INTERVALS.items()},
        "forecasts": found.forecasts,
    }


def _defined(score: float) -> float | None:
    """A score in units of the naive forecast's error; None where that has no error."""
    return None if np.isnan(score) else score


def _goes_on(model: Any, series: data.Series) -> bool:
    """Whether all that is needed to go on from its end is known."""
    ahead = len(series.known) - len(series)
    if len(series) < model.shape.lags:
        return False
    return not model.shape.known or ahead >= model.shape.horizon


def _table(forecasts: Sequence[models.Forecast], settings: Settings) -> Iterator[str]:
    """Forecasts as the lines of a CSV table."""
    details = settings.details or {}
    columns = [details.get("series"), details["time"], f"predicted_{settings.target}"]
    ends = [f"{end}_{name}" for name in INTERVALS for end in ("low", "high")]
    yield ",".join(csv_cell(c) for c in [*columns, *ends] if c is not None)
    for each in forecasts:
        bands = [end for share in INTERVALS.values() for end in each.interval(share)]
        rows = zip(each.times, each.median, *bands, strict=True)
        for time, *numbers in rows:
            first = [each.history.name] if details.get("series") else []
            cells = [*first, str(time), *(f"{n:.7g}" for n in numbers)]
            yield ",".join(map(csv_cell, cells))


def _draw(forecasts: Sequence[models.Forecast], truths: Any, path: Path) -> None:
    """Fan charts, one below the other."""
    figure = pictures.new_figure(7.5, 3.2 * len(forecasts))
    axes = np.atleast_1d(cast(Any, figure.subplots(len(forecasts), 1)))
    for place, (each, ax) in enumerate(zip(forecasts, axes, strict=True)):
        steps = max(3 * len(each), 40)
        each.plot(None if truths is None else truths[place], steps, ax)
    figure.tight_layout(rect=(0, pictures.legend_below(figure), 1, 1))
    pictures.save(figure, path)
