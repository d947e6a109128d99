"""Forecasts: closed forms, exponential smoothing, networks, and looking no further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import checks, data, losses, models, optim
from chainrule.errors import ArgumentError, ChainruleError, DataError
from chainrule.models.forecast.scores import naive_error
from chainrule.models.forecast.smoothing import Smoothing, State, fitted, smooth

rng = np.random.default_rng(0)
WAVE = data.Series.of(10 + np.sin(np.arange(60) * np.pi / 2) + 0.1 * np.arange(60))


@pytest.fixture(autouse=True)
def _numbers_of_this_test() -> None:
    """The same random numbers, whichever tests ran before."""
    global rng
    rng = np.random.default_rng(0)


# The loss of quantiles. --------------------------------------------------------------


def test_the_least_pinball_loss_is_at_the_quantiles() -> None:
    y = rng.exponential(size=20_000)
    levels = (0.1, 0.5, 0.9)
    right = np.quantile(y, levels)

    def loss(told: Any) -> float:
        told = np.broadcast_to(told, (len(y), 3))
        return float(losses.pinball(told, y, levels).item())

    for shift in (-0.05, 0.05):
        for column in range(3):
            other = right.copy()
            other[column] += shift
            assert loss(other) > loss(right)
    assert losses.pinball(y[:, None], y * 0 + 1).item() == pytest.approx(
        losses.l1(y, y * 0 + 1).item() / 2
    )


def test_the_gradient_of_the_pinball_loss_is_that_of_differences() -> None:
    a, y = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2))
    checks.check_gradients(lambda a: losses.pinball(a, y, (0.1, 0.5, 0.8)), a)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.pinball(np.ones((2, 1)), np.ones(2), (1.0,)),
         "pinball: levels=(1.0,): expected numbers between 0 and 1"),
        (lambda: losses.pinball(np.ones((2, 3)), np.ones(2), (0.1, 0.9)),
         "pinball: predictions (2, 3) with targets (2,) and 2 levels: expected "
         "predictions (2, 2)"),
    ],
)  # fmt: skip
def test_wrong_levels_are_errors(call: Any, message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert caught.value.what == message


# The last value, and that of a season ago. -------------------------------------------


def test_naive_forecasts_have_the_coverage_of_a_random_walk() -> None:
    steps = rng.normal(size=(400, 220))
    walks = [data.Series.of(each) for each in np.cumsum(steps, axis=1)]
    found = models.backtest(models.Naive(), walks, 10, start=210, season=1)
    inside = found.scores.coverage
    assert inside[0.8] == pytest.approx(0.8, abs=0.03)
    assert inside[0.95] == pytest.approx(0.95, abs=0.02)
    growth = found.mase_by_step()  # E|sum of h steps| = sqrt(h) E|step|
    np.testing.assert_allclose(growth, np.sqrt(np.arange(1, 11)), rtol=0.15)


def test_a_gap_is_filled_by_what_was_known_before() -> None:
    series = data.Series.of([1.0, 2.0, 3.0, np.nan, 5.0, np.nan])
    assert models.SeasonalNaive(2).predict(series, 3).median.tolist() == [5, 2, 5]
    assert models.Naive().predict(series, 1).median.tolist() == [5]


def test_scores_are_those_of_their_definitions() -> None:
    series = data.Series.of([1.0, 3.0, 2.0, 4.0])
    forecast = models.Forecast(
        series, (0.1, 0.5, 0.9), np.array([[1, 2, 3], [1, 2, 6]])
    )
    unit = naive_error(series, 1)
    assert unit == pytest.approx(5 / 3)
    found = models.forecast_scores([forecast], [np.array([2.5, 5.0])], [unit])
    assert found.mase == pytest.approx((0.5 + 3) / 2 / unit)
    lost = [0.1 * 1.5, 0.5 * 0.5, 0.1 * 0.5, 0.1 * 4, 0.5 * 3, 0.1 * 1]
    assert found.pinball == pytest.approx(np.mean(lost) / unit)
    assert found.coverage == {0.8: 1.0}
    assert (found.mae, found.rmse) == (1.75, pytest.approx(np.sqrt(9.25 / 2)))


# Exponential smoothing. --------------------------------------------------------------


def test_simple_smoothing_is_a_weighted_mean_of_the_past() -> None:
    y, alpha = rng.normal(size=30), 0.3
    numbers = Smoothing(None, None, alpha, 0, 0, 1, State(0.5, 0.0, ()))
    _, _, state = smooth(y.tolist(), numbers)
    weights = alpha * (1 - alpha) ** np.arange(30)[::-1]
    assert state.level == pytest.approx(weights @ y + (1 - alpha) ** 30 * 0.5)


def test_holt_winters_continues_a_line_with_seasons_exactly() -> None:
    t = np.arange(48.0)
    season = np.array([3.0, -1.0, -4.0, 2.0])
    for values, kind in (
        (50 + 2 * t + season[np.arange(48) % 4], "add"),
        ((50 + 2 * t) * (1 + 0.1 * season[np.arange(48) % 4]), "mul"),
    ):
        series = data.Series.of(values)
        model = models.ExponentialSmoothing.fit(series[:40], season=4)
        assert model.form(series) == ("add", kind)
        told = model.predict(series[:40], 8)
        np.testing.assert_allclose(told.median, values[40:], rtol=2e-3)


@pytest.mark.parametrize(
    ("trend", "kind"), [(None, None), ("add", "add"), ("add", "mul"), ("damped", "mul")]
)
def test_smoothing_has_the_errors_of_statsmodels_or_less(
    trend: str | None, kind: str | None
) -> None:
    ets = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    y = data.load_series("airline").values
    numbers, total = fitted(y, 12, trend, kind, True)
    other = ets.ETSModel(
        y, error="add", trend="add" if trend else None, damped_trend=trend == "damped",
        seasonal=kind, seasonal_periods=12 if kind else None,
    )  # fmt: skip
    start = numbers.start
    parameters = {
        "smoothing_level": numbers.alpha, "smoothing_trend": numbers.beta,
        "smoothing_seasonal": numbers.gamma, "damping_trend": numbers.phi,
        "initial_level": start.level, "initial_trend": start.trend,
        **{f"initial_seasonal.{i}": s for i, s in enumerate(start.season[::-1])},
    }  # fmt: skip
    known = [parameters[name] for name in other.param_names if name in parameters]
    assert other.smooth(known).sse == pytest.approx(total, rel=1e-6)
    assert total <= 1.01 * other.fit(disp=False).sse


def test_missing_values_count_as_expected() -> None:
    y = data.load_series("airline").values.copy()
    y[[20, 57, 100]] = np.nan
    series = data.Series.of(y)
    model = models.ExponentialSmoothing.fit(series[:132], season=12, seasonal="mul")
    error = np.abs(model.predict(series[:132], 12).median - y[132:])
    assert error.mean() < 25


# Networks. ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["lstm", "tcn", "mlp", "linear"])
def test_an_untrained_network_forecasts_as_the_seasonal_naive(model: str) -> None:
    forecaster = models.Forecaster.of(
        WAVE, horizon=6, season=4, model=model, hidden=(8,)
    )
    told = forecaster.predict(WAVE)
    naive = models.SeasonalNaive(4).predict(WAVE, 6)
    np.testing.assert_allclose(told.median, naive.median, rtol=1e-6)


@pytest.mark.parametrize("model", ["lstm", "tcn", "mlp", "linear"])
@pytest.mark.parametrize("output", ["quantiles", "gaussian"])
def test_every_network_has_the_gradients_of_differences(
    model: str, output: str
) -> None:
    cr.manual_seed(1)
    forecaster = models.Forecaster.of(
        WAVE, 3, lags=6, season=4, model=model, hidden=(4,), output=output,
        dtype="float64",
    )  # fmt: skip
    x = cr.tensor(np.asarray(forecaster.examples(WAVE).inputs[:5], np.float64))
    learning = models.Forecasting(forecaster)
    for parameter in forecaster.parameters():
        parameter.assign(rng.normal(size=parameter.shape) * 0.3)
    gradients = cr.backprop(learning(x))
    for parameter in forecaster.parameters():
        here, way = parameter.array.copy(), rng.normal(size=parameter.shape)
        sides = []
        for sign in (1, -1):
            parameter.assign(here + sign * 1e-6 * way)
            sides.append(float(learning(x).item()))
        parameter.assign(here)
        along = (sides[0] - sides[1]) / 2e-6
        slope = (np.asarray(gradients[parameter].numpy()) * way).sum()
        assert slope == pytest.approx(along, abs=1e-6)


def trained(series: Any, epochs: int = 60, **options: Any) -> models.Forecaster:
    cr.manual_seed(0)
    forecaster = models.Forecaster.of(series, **options)
    cr.fit(
        models.Forecasting(forecaster), forecaster.examples(series),
        optimizer=optim.Adam(lr=0.01), epochs=epochs, progress=False,
    )  # fmt: skip
    return forecaster


@pytest.mark.parametrize("output", ["quantiles", "gaussian"])
def test_a_linear_network_finds_an_autoregression_and_its_noise(output: str) -> None:
    y = np.zeros(3000)
    for t in range(1, len(y)):
        y[t] = 0.3 * y[t - 1] + rng.normal()
    series = data.Series.of(y)
    forecaster = trained(
        series[:2000], 60, horizon=1, lags=12, season=1, model="linear", output=output
    )
    found = models.backtest(forecaster, series, 1, start=2000, season=1)
    best = np.mean(np.abs(y[2000:] - 0.3 * y[1999:-1]))
    assert found.scores.mae == pytest.approx(best, rel=0.08)
    assert found.scores.coverage[0.8] == pytest.approx(0.8, abs=0.05)
    naive = models.backtest(models.Naive(), series, 1, start=2000, season=1)
    assert found.mase < naive.mase


@pytest.mark.parametrize("output", ["quantiles", "gaussian"])
def test_intervals_that_are_too_narrow_are_stretched_to_what_they_should_hold(
    output: str,
) -> None:
    walk = data.Series.of(np.cumsum(rng.normal(size=600)))
    forecaster = trained(
        walk[:90], 150, horizon=3, lags=12, season=1, model="mlp", output=output
    )
    narrow = models.backtest(forecaster, walk, 3, start=350, season=1).scores
    stretch = forecaster.calibrate(walk[:350], first=102)
    wide = models.backtest(forecaster, walk, 3, start=350, season=1).scores
    assert stretch > 1.5 and narrow.coverage[0.8] < 0.65
    assert wide.coverage[0.8] == pytest.approx(0.8, abs=0.1)
    assert wide.mae == pytest.approx(narrow.mae)


def test_scale_and_level_of_a_series_do_not_matter() -> None:
    forecaster = trained(WAVE, 5, horizon=4, season=4, model="mlp", hidden=(8,))
    told = forecaster.predict(WAVE).quantiles
    moved = data.Series.of(1e6 + 1e3 * WAVE.values)
    other = (forecaster.predict(moved).quantiles - 1e6) / 1e3
    np.testing.assert_allclose(other, told, rtol=1e-4)


def test_a_forecast_sees_nothing_of_what_comes() -> None:
    forecaster = trained(WAVE[:40], 5, horizon=4, season=4, model="tcn", hidden=(8, 8))
    series = data.Series.of(WAVE.values.copy())
    before = models.backtest(forecaster, series, 4, start=40, season=4).forecasts[0]
    series.values[40:] = 1e9
    after = models.backtest(forecaster, series, 4, start=40, season=4).forecasts[0]
    np.testing.assert_array_equal(before.quantiles, after.quantiles)


def test_a_window_of_a_tcn_sees_only_its_past() -> None:
    tcn = models.TCN(2, [5, 5], kernel_size=2, dtype="float64")
    x = rng.normal(size=(1, 20, 2))
    y = tcn(x).numpy()
    other = x.copy()
    other[:, 12] += 1
    moved = np.flatnonzero(np.abs(tcn(other).numpy() - y).sum(axis=(0, 2)))
    assert moved.min() == 12 and moved.max() < 12 + tcn.reach == 19


def test_covariates_that_are_known_ahead_are_used() -> None:
    flag = rng.integers(0, 2, 400).astype(float)
    values = 5 + 3 * flag + 0.1 * rng.normal(size=400)
    series = data.Series.of(values, known=flag)
    told = trained(series[:300], 60, horizon=2, lags=20, season=1, model="linear")
    blind = data.Series.of(values)
    guess = trained(blind[:300], 60, horizon=2, lags=20, season=1, model="linear")
    scores = [
        models.backtest(model, each, 2, start=300, season=1).scores.mae
        for model, each in ((told, series), (guess, blind))
    ]
    assert scores[0] < 0.4 * scores[1]
    with pytest.raises(DataError) as caught:
        told.predict(series)
    assert caught.value.what == (
        "Forecaster: series: covariates are known for 0 steps after its end: expected "
        "2, as many as are forecast"
    )


def test_gaps_and_constant_parts_are_no_obstacle() -> None:
    values = WAVE.values.copy()
    values[[5, 17, 18, 40]] = np.nan
    values[44:56] = 3.0
    series = data.Series.of(values)
    forecaster = trained(series, 5, horizon=4, season=4, model="lstm", hidden=(8,))
    assert np.isfinite(forecaster.predict(series).quantiles).all()
    flat = data.Series.of(np.full(30, 7.0))
    np.testing.assert_array_equal(forecaster.predict(flat).quantiles, 7.0)
    assert np.isnan(models.backtest(models.Naive(), flat, 2, start=20).mase)


def test_a_saved_forecaster_says_the_same(tmp_path: Path) -> None:
    forecaster = trained(
        WAVE, 2, horizon=3, season=4, model="tcn", hidden=(4, 4), output="gaussian"
    )
    forecaster.save(tmp_path / "model.safetensors")
    other: Any = cr.load(tmp_path / "model.safetensors")
    levels = (0.2, 0.5)
    np.testing.assert_array_equal(
        other.predict(WAVE, 2, levels).quantiles,
        forecaster.predict(WAVE, 2, levels).quantiles,
    )
    assert repr(other.shape) == repr(forecaster.shape)


SHORT = data.Series.of(np.arange(10.0), name="a")
DAILY = data.Series.of(np.arange(10.0), np.datetime64("2024-01-01") + np.arange(10))


def test_a_network_learns_the_frequency_and_takes_series_without_dates() -> None:
    forecaster = models.Forecaster.of(DAILY, 1, season=1)
    assert forecaster.settings()["frequency"] == "day"
    told = forecaster.predict(SHORT)
    np.testing.assert_array_equal(told.median, forecaster.predict(DAILY).median)
    assert models.Forecaster.of(SHORT, 1).settings()["frequency"] == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: models.Forecaster.of(SHORT, 12),
         "Forecaster: series 'a' has 10 steps: too few for 1 lags and a horizon of 12"),
        (lambda: models.Forecaster.of([], 12),
         "Forecaster: no series: expected one or more"),
        (lambda: models.Forecaster(4, 2, 6),
         "Forecaster: lags=4 with season=6: a window must hold a season"),
        (lambda: models.Forecaster(4, 2, levels=(0.9, 0.1)),
         "Forecaster: levels=(0.9, 0.1): expected numbers between 0 and 1, in order"),
        (lambda: models.Forecaster(4, 2, hidden=(4, 5)),
         "Forecaster: hidden=(4, 5): all layers of an LSTM have one size here"),
        (lambda: models.Forecaster(4, 2).predict(SHORT, 3),
         "Forecaster: a horizon of 3: the network was made for 2"),
        (lambda: models.Forecaster(20, 2).predict(SHORT),
         "Forecaster: series 'a' has 10 steps to go on from: the network reads 20"),
        (lambda: models.Forecaster(4, 2).predict(SHORT, levels=(0.3,)),
         "Forecaster: level 0.3: the network learned 0.025, 0.1, 0.5, 0.9, 0.975"),
        (lambda: models.Forecaster(4, 2, known=[(0, 1)]).predict(SHORT),
         "Forecaster: series 'a' has 0 known covariates: the network was made for 1"),
        (lambda: models.Forecaster(4, 2, frequency="month").predict(DAILY),
         "Forecaster: series has a value every day: the network learned from one every "
         "month"),
        (lambda: models.SeasonalNaive(12).predict(SHORT),
         "SeasonalNaive(12): series 'a' has 10 steps, less than a season"),
        (lambda: models.ExponentialSmoothing.fit(SHORT[:3]),
         "ExponentialSmoothing: series 'a' has 3 values: expected four or more"),
        (lambda: models.ExponentialSmoothing.fit(SHORT, season=2, seasonal="mul"),
         "ExponentialSmoothing: series 'a' has values that are not above 0: seasons "
         "cannot be factors"),
        (lambda: models.backtest(models.Naive(), SHORT, 12),
         "backtest: series 'a' has 10 steps: too few for a forecast of 12 from step 7 "
         "on"),
        (lambda: models.Naive().predict(SHORT).interval(0.5),
         "Forecast: quantile 0.25: known are 0.025, 0.1, 0.5, 0.9, 0.975"),
        (lambda: models.TCN(1, []), "TCN: channels=(): expected one size or more, one "
         "for each block"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(call: Any, message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert caught.value.what == message


def test_forecasting_takes_a_forecaster() -> None:
    with pytest.raises(ArgumentError, match="Forecasting: TCN: expected a Forecaster"):
        models.Forecasting(models.TCN(1, [2]))  # type: ignore[arg-type]
