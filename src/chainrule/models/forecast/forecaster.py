"""Networks that forecast time series: quantiles of all steps ahead, at once.

Read from top to bottom: the network, what it is trained to do, and how series become
windows and answers become forecasts. The shape of a value stands at the right of the
line that makes it: N windows, L steps of the past and H ahead, C channels, F features,
Q numbers a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from ... import losses, nn
from ...compiler.compile import compile
from ...data.datasets import Dataset
from ...data.series.series import Series
from ...errors import ArgumentError, DataError, unknown_option
from ...graph import Array
from ...nn.arguments import positive_size
from ...ops.elementwise import where
from ...ops.movement import concatenate
from ...wording import counted
from ..tcn import TCN
from .prediction import LEVELS, ForecastModel
from .windows import PLAIN, Shape, Windows, joined, statistics, windows_of

#: What reads the window.
NETWORKS = ("lstm", "tcn", "mlp", "linear")

#: What is answered for a step: quantiles, or mean and deviation of a normal value.
OUTPUTS = ("quantiles", "gaussian")

#: Windows that are answered in one call.
BATCH = 256


class Forecaster(nn.Module, ForecastModel):
    """A network that reads the last L steps of a series and forecasts the next H.

    Formula: features = LSTM(z) or TCN(z) at the last step, MLP(z), or z itself;
    answer = V (features ⊕ covariates ahead) + b; quantiles of step h:
    level + unit · (naiveₕ + answerₕ), with z, level and unit as ``windows`` says and
    naive the seasonal naive forecast. V begins with 0: at first the network forecasts
    as the seasonal naive does, and learns what that leaves.

    Shapes: windows (N, L + H, C) → answers (N, H, Q).

    Arguments:
        lags: L; ``Forecaster.of`` finds it and the sizes in series.
        horizon: H.
        season: m, at most L.
        model: "lstm", "tcn", "mlp" or "linear".
        hidden: sizes of layers or blocks; all of one size in an LSTM.
        output: "quantiles", or "gaussian".
        levels: of the quantiles.
        dropout: between layers, in training.
        past, known: means and deviations of the covariates.
        frequency: the name of what a step is; series of another are refused. Empty: of
            any, as are series without dates.
        stretch: by how much quantiles are moved away from the median; ``calibrate``
            finds it.

    Raises:
        OptionError: for another network or output.
        ArgumentError: for sizes below 1, lags shorter than a season, or levels that are
            not in order between 0 and 1.

    Source: direct quantile forecasts: Wen et al., A multi-horizon quantile recurrent
        forecaster (2017); LSTM: Hochreiter & Schmidhuber (1997); TCN: Bai, Kolter &
        Koltun (2018).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> cr.manual_seed(0)
        >>> series = data.load_series("airline")
        >>> forecaster = models.Forecaster.of(series, horizon=12, model="linear")
        >>> history = cr.fit(
        ...     models.Forecasting(forecaster), forecaster.examples(series[:-12]),
        ...     optimizer=cr.optim.Adam(lr=0.01), epochs=20, progress=False,
        ... )
        >>> forecaster.predict(series[:-12])
        Forecast of 'airline': 12 steps, 1960-01-01 to 1960-12-01
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(
        self,
        lags: int,
        horizon: int,
        season: int = 1,
        model: str = "lstm",
        hidden: Sequence[int] = (32,),
        *,
        output: str = "quantiles",
        levels: Sequence[float] = LEVELS,
        dropout: float = 0.0,
        past: Sequence[Sequence[float]] = (),
        known: Sequence[Sequence[float]] = (),
        frequency: str = "",
        stretch: float = 1.0,
        dtype: DTypeLike | None = None,
    ) -> None:
        if model not in NETWORKS:
            raise unknown_option("model", model, NETWORKS)
        if output not in OUTPUTS:
            raise unknown_option("output", output, OUTPUTS)
        self.shape = Shape(
            positive_size("Forecaster", "lags", lags),
            positive_size("Forecaster", "horizon", horizon),
            positive_size("Forecaster", "season", season),
            tuple((float(a), float(b)) for a, b in past),
            tuple((float(a), float(b)) for a, b in known),
            str(frequency),
        )
        if season > lags:
            raise ArgumentError(
                f"Forecaster: lags={lags} with season={season}: a window must hold a "
                "season",
                fix=f"lags={2 * season}",
            )
        rising = len(levels) and np.all(np.diff(levels) > 0)
        if not rising or levels[0] <= 0 or levels[-1] >= 1:
            raise ArgumentError(
                f"Forecaster: levels={tuple(levels)}: expected numbers between 0 and "
                "1, in order"
            )
        self.model, self.output = model, output
        self.hidden = tuple(positive_size("Forecaster", "hidden", h) for h in hidden)
        self.levels = tuple(map(float, levels))
        self.stretch = float(stretch)
        self.body, features = _body(
            model, self.shape, self.hidden, float(dropout), dtype
        )
        self.dropout = nn.Dropout(dropout)
        ahead = horizon * (len(self.shape.known))
        per_step = len(levels) if output == "quantiles" else 2
        self.head = nn.Linear(
            features + ahead, horizon * per_step, weight_init="zeros", dtype=dtype
        )

    @classmethod
    def of(
        cls,
        series: Series | Sequence[Series],
        horizon: int,
        *,
        lags: int | None = None,
        season: int | None = None,
        **options: Any,
    ) -> Self:
        """A network for the frequency and the covariates of series.

        Arguments:
            series: that it will be trained on.
            horizon: H.
            lags: two seasons, or three horizons, whichever is more, when not given; at
                most what leaves some windows of the shortest series.
            season: the usual one of their frequency when not given; 1 for none.
            **options: what else the class takes.

        Raises:
            DataError: no series, or one too short for lags and horizon.
        """
        several = _several(series)
        m = several[0].frequency.season if season is None else season
        m = positive_size("Forecaster", "season", m)
        H = positive_size("Forecaster", "horizon", horizon)
        step = several[0].frequency.name
        shortest = min(map(len, several))
        if lags is None:
            lags = max(m, min(max(2 * m, 3 * H), (shortest - H) // 2))
        if shortest < lags + H or lags < 1:
            short = min(several, key=len)
            name = f" {short.name!r}" * bool(short.name)
            raise DataError(
                f"Forecaster: series{name} has {counted(shortest, 'step')}: too few "
                f"for {lags} lags and a horizon of {H}",
                fix="a smaller horizon or season, or more of the series",
            )
        return cls(
            lags,
            H,
            m,
            past=statistics([each.past for each in several]),
            known=statistics([each.known for each in several]),
            frequency="" if step == PLAIN else step,
            **options,
        )

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "lags": self.shape.lags,
            "horizon": self.shape.horizon,
            "season": self.shape.season,
            "model": self.model,
            "hidden": list(self.hidden),
            "output": self.output,
            "levels": list(self.levels),
            "dropout": self.dropout.p,
            "past": [list(each) for each in self.shape.past],
            "known": [list(each) for each in self.shape.known],
            "frequency": self.shape.frequency,
            "stretch": self.stretch,
        }

    def describe_settings(self) -> str:
        """``lstm, 36 lags → 12 steps, season=12``"""
        lags, H, m = self.shape.lags, self.shape.horizon, self.shape.season
        return f"{self.model}, {lags} lags → {H} steps, season={m}"

    def forward(self, x: Any, training: bool = False) -> Any:
        """The answers to windows: what is added to the seasonal naive forecast."""
        L, H = self.shape.lags, self.shape.horizon
        z = x[:, :L]  # (N, L, C)
        if self.model == "lstm":
            h, _ = self.body(z, training=training)
            features = h[:, -1]  # (N, F)
        elif self.model == "tcn":
            features = self.body(z, training=training)[:, -1]  # (N, F)
        else:
            flat = z.reshape(z.shape[0], -1)  # (N, L·C)
            features = self.body(flat, training=training)
        features = self.dropout(features, training=training)
        if self.shape.known:
            known = x[:, L:, 2 + len(self.shape.past) :]  # (N, H, K)
            features = concatenate([features, known.reshape(x.shape[0], -1)], axis=-1)
        return self.head(features).reshape(x.shape[0], H, -1)  # (N, H, Q)

    # Series to windows, and forecasts back. ------------------------------------------

    def windows(
        self,
        series: Series | Sequence[Series],
        first: int | Sequence[int] | None = None,
    ) -> Windows:
        """All windows of series whose horizon lies within them.

        Arguments:
            series: with L + H steps or more each; shorter ones have no window.
            first: the first origin, of all or of each; L when not given.
        """
        several, L = _several(series), self.shape.lags
        given = [first] * len(several) if isinstance(first, int | None) else first
        made = []
        for each, place in zip(several, given, strict=True):
            start = L if place is None else max(place, L)
            origins = np.arange(start, len(each) - self.shape.horizon + 1)
            if len(origins):
                made.append(windows_of(each, origins, self.shape))
        if not made:
            raise DataError(
                f"Forecaster: no window: every series is shorter than "
                f"{L + self.shape.horizon} steps, which lags and horizon need"
            )
        return joined(made)

    def examples(
        self,
        series: Series | Sequence[Series],
        first: int | Sequence[int] | None = None,
    ) -> Dataset:
        """The windows as examples for ``cr.fit``: (N, L + H, C + 2), with what came,
        and whether it is known, in the last two channels.

        Arguments:
            series, first: as of ``windows``.
        """
        made = self.windows(series, first)
        known = ~np.isnan(made.targets)
        some = known.any(axis=1)
        N, L = len(made), self.shape.lags
        answers = np.zeros((N, made.inputs.shape[1], 2), np.float32)
        answers[:, L:, 0] = np.where(known, made.targets, 0.0)
        answers[:, L:, 1] = known
        return Dataset(np.concatenate([made.inputs, answers], axis=2)[some])

    def _steps(self, horizon: int | None) -> int:
        most = self.shape.horizon
        steps = most if horizon is None else super()._steps(horizon)
        if steps > most:
            raise ArgumentError(
                f"Forecaster: a horizon of {steps}: the network was made for {most}",
                fix=f"train one with a horizon of {steps}",
            )
        return steps

    def _predict(
        self, series: Sequence[Series], horizon: int, levels: Array
    ) -> list[Array]:
        made = joined([windows_of(each, [len(each)], self.shape) for each in series])
        z = self._told(made, levels)
        found = made.level[:, :, None] + made.unit[:, :, None] * z
        return list(found[:, :horizon])

    def calibrate(
        self,
        series: Series | Sequence[Series],
        first: int | Sequence[int] | None = None,
    ) -> float:
        """Finds how far quantiles have to lie from the median for intervals to hold
        what they should, on series that were not trained on; never less than learned.

        Formula: of each interval [l, u] around the median m, the share of its quantile
        of max((m − y) / (m − l), (y − m) / (u − m)) over all that came; ``stretch`` is
        the mean of these, or 1 if that is more.

        Arguments:
            series, first: as of ``windows``.

        Returns:
            ``stretch``.

        Source: conformal prediction: Vovk, Gammerman & Shafer (2005); of quantiles:
            Romano, Patterson & Candès (2019).
        """
        made = self.windows(series, first)
        known = ~np.isnan(made.targets)
        self.stretch = 1.0
        levels = np.array(self.levels if self.output == "quantiles" else LEVELS)
        told = self._told(made, levels)[known]  # (n, Q)
        came, middle = made.targets[known], told[:, int(np.argmin(abs(levels - 0.5)))]
        found = []
        for low in range(len(levels) // 2):
            below = np.maximum(middle - told[:, low], 1e-9)
            above = np.maximum(told[:, -1 - low] - middle, 1e-9)
            reach = np.maximum((middle - came) / below, (came - middle) / above)
            found.append(np.quantile(reach, levels[-1 - low] - levels[low]))
        self.stretch = float(max(1.0, np.mean(found))) if found else 1.0
        return self.stretch

    def _told(self, made: Windows, levels: Array) -> Array:
        """(N, H, Q) quantiles after windows, in their units."""
        pieces = [
            self._answers(np.ascontiguousarray(made.inputs[i : i + BATCH])).numpy()
            for i in range(0, len(made), BATCH)
        ]
        answers = np.concatenate(pieces).astype(np.float64)  # (N, H, Q)
        naive = made.inputs[:, self.shape.lags :, 0].astype(np.float64)
        return np.asarray(naive[:, :, None] + self._quantiles(answers, levels))

    @compile
    def _answers(self, x: Any) -> Any:
        return self(x)

    def _quantiles(self, answers: Array, levels: Array) -> Array:
        """(N, H, Q) answers of these levels, in rising order."""
        if self.output == "gaussian":
            from scipy.special import ndtri

            mean, spread = answers[:, :, :1], np.exp(0.5 * answers[:, :, 1:])
            return np.asarray(mean + self.stretch * spread * ndtri(levels))
        places = []
        for level in levels:
            near = int(np.argmin(np.abs(np.array(self.levels) - level)))
            if abs(self.levels[near] - level) > 1e-9:
                raise ArgumentError(
                    f"Forecaster: level {level:g}: the network learned "
                    + ", ".join(f"{each:g}" for each in self.levels),
                    fix=f"train one with level {level:g} among its levels, or with "
                    'output="gaussian"',
                )
            places.append(near)
        rising = np.sort(answers, axis=2)
        half = int(np.argmin(np.abs(np.array(self.levels) - 0.5)))
        middle = rising[:, :, half : half + 1]
        return np.asarray(middle + self.stretch * (rising - middle))[:, :, places]


class Forecasting(nn.Module):
    """What a forecaster is trained to do: a module that returns its own loss.

    Formula: the pinball loss of its quantiles, averaged over levels and steps; or of
    normal values the negative log-likelihood, averaged over steps: in the units of the
    windows, over what was observed.

    ``cr.fit(models.Forecasting(forecaster), forecaster.examples(series))`` trains the
    forecaster.

    Arguments:
        forecaster: the network.

    Example:
        >>> from chainrule import models
        >>> models.Forecasting(models.Forecaster(12, 3)).outputs_loss
        True
    """

    outputs_loss: ClassVar[bool] = True
    depends_on_training: ClassVar[bool] = True

    def __init__(self, forecaster: Forecaster) -> None:
        if not isinstance(forecaster, Forecaster):
            raise ArgumentError(
                f"Forecasting: {type(forecaster).__name__}: expected a Forecaster",
                fix="models.Forecasting(models.Forecaster.of(series, horizon=12))",
            )
        self.forecaster = forecaster

    def settings(self) -> dict[str, Any]:
        """The forecaster."""
        return {"forecaster": self.forecaster}

    def describe_settings(self) -> str:
        """Empty: the forecaster is printed below it."""
        return ""

    def forward(self, x: Any, training: bool = False) -> Any:
        """The loss of windows with what came, as ``examples`` makes them."""
        made, L = self.forecaster, self.forecaster.shape.lags
        answers = made(x[:, :, :-2], training=training)  # (N, H, Q)
        naive, came, known = x[:, L:, 0], x[:, L:, -2], x[:, L:, -1] > 0  # (N, H)
        left = where(known, came - naive, 0.0)
        if made.output == "gaussian":
            mean = where(known, answers[:, :, 0], 0.0)
            spread = where(known, answers[:, :, 1], 0.0)
            return losses.gaussian_nll((mean, spread), left, per="element")
        told = where(known[:, :, None], answers, 0.0)
        return losses.pinball(told, left, made.levels)


def _body(
    model: str,
    shape: Shape,
    hidden: Sequence[int],
    dropout: float,
    dtype: DTypeLike | None,
) -> tuple[Any, int]:
    """What reads a window, and how many features it makes."""
    if model == "linear":
        return nn.Sequential(), shape.lags * shape.channels
    if not hidden:
        raise ArgumentError(
            f"Forecaster: hidden=() with model={model!r}: expected a size",
            fix='hidden=(32,), or model="linear"',
        )
    if model == "lstm":
        if len(set(hidden)) > 1:
            raise ArgumentError(
                f"Forecaster: hidden={tuple(hidden)}: all layers of an LSTM have one "
                "size here"
            )
        between = dropout if len(hidden) > 1 else 0.0
        return (
            nn.LSTM(shape.channels, hidden[0], len(hidden), dropout=between,
                    forget_bias=1.0, dtype=dtype),
            hidden[0],
        )  # fmt: skip
    if model == "tcn":
        return TCN(shape.channels, hidden, 3, dropout, dtype=dtype), hidden[-1]
    layers: list[nn.Module] = []
    for before, after in zip(
        [shape.lags * shape.channels, *hidden[:-1]], hidden, strict=True
    ):
        layers += [nn.Linear(before, after, weight_init="he_normal", dtype=dtype)]
        layers += [nn.ReLU()]
    return nn.Sequential(*layers), hidden[-1]


def _several(series: Series | Sequence[Series]) -> list[Series]:
    found = [series] if isinstance(series, Series) else list(series)
    if not found:
        raise DataError("Forecaster: no series: expected one or more")
    return found
