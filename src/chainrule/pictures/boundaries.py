"""Pictures of what is predicted everywhere in a plane: classes, or amounts.

Place on the road: among the pictures. What predicts is asked by ``predict_proba``,
``predict`` or a call, whatever it is; nothing else is known of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, NumericsError, ShapeError
from ..wording import counted
from .figures import BLUE, Array, Margins, axes_of, percent, plain_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: One colour a class, after Okabe and Ito; with more classes they come again.
COLOURS = (
    *(BLUE, "#E69F00", "#009E73", "#CC79A7"),
    *("#D55E00", "#56B4E9", "#F0E442", "#999999"),
)

#: Points along each side of the plane at which the model is asked.
GRID = 200

#: Points that the model is asked about at once.
ROWS = 10_000

#: More points are drawn small, without a frame, and so that one sees through them.
FEW = 2000

MARGINS = Margins(left=0.75, right=0.2)

#: Classes, or amounts.
TASKS = ("classification", "regression")


def decision_boundary(
    model: Any,
    x: Any,
    y: Any,
    *,
    classes: Sequence[str] | None = None,
    columns: Sequence[int] | None = None,
    task: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """What a model predicts everywhere in the plane of its two inputs, and the points.

    Of classes, each place has the colour of the most probable class, the fuller the
    more probable, and a line runs where two are equally so. Of amounts, the surface is
    shaded and has contour lines. Points have the colour of what they truly are.

    Arguments:
        model: a network; a function; or an estimator with ``predict_proba`` or
            ``predict``. The outputs of a network for classes are taken to be logits,
            ``(N, K)``; or ``(N,)`` or ``(N, 1)``, for the second of two classes.
        x: ``(N, D)``, what is predicted from; an array or a data frame.
        y: ``(N,)`` or ``(N, 1)``: classes or amounts.
        classes: the names of the classes.
        columns: the two columns that span the plane, where there are more; the others
            are held at their mean.
        task: ``"classification"`` or ``"regression"``. Without it, floats are amounts
            unless all are 0 or 1.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes; the title says how many points are right, or the error.

    Raises:
        ShapeError: shapes that do not fit each other, or more than two columns.
        ArgumentError: a model that cannot be asked, or columns that are not there.
        NumericsError: inputs or predictions that are not finite.

    Example:
        >>> from chainrule import nn, pictures
        >>> x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
        >>> with pictures.windowless():
        ...     ax = decision_boundary(lambda x: 5 * x[:, 0], x, x[:, 0] > 0)
        >>> ax.get_title()
        '50 of 50 points right (100 %)'
    """
    points, targets = _checked(x, y)
    shown = _columns(points.shape[1], columns)
    kind = _task(task, targets)
    ax = axes_of(ax, 6.4, 5.0, MARGINS)
    plane = _Plane(points, shown, x)
    if kind == "classification":
        _classes(ax, model, plane, targets, classes)
    else:
        _amounts(ax, model, plane, targets)
    names = plane.names
    ax.set(xlim=plane.limits[0], ylim=plane.limits[1])
    ax.set(xlabel=names[0], ylabel=names[1])
    plain_frame(ax)
    return ax


def _checked(x: Any, y: Any) -> tuple[Array, Array]:
    """Inputs as numbers and targets as a row."""
    points, targets = np.asarray(x), np.asarray(y)
    flat = targets.reshape(-1) if targets.ndim == 2 and targets.shape[1] == 1 else None
    row = targets if flat is None else flat
    if points.ndim != 2 or row.shape != points.shape[:1] or not points.size:
        raise ShapeError(
            f"decision_boundary: x {points.shape}, y {targets.shape}: expected (N, 2) "
            "and (N,)"
        )
    if points.dtype.kind not in "f":
        points = points.astype(np.float32)
    if not np.isfinite(points).all():
        raise NumericsError("decision_boundary: x holds NaN or infinity")
    if row.dtype.kind == "f" and not np.isfinite(row).all():
        raise NumericsError("decision_boundary: y holds NaN or infinity")
    return points, row


def _columns(width: int, columns: Sequence[int] | None) -> tuple[int, int]:
    """The two columns that are drawn."""
    if columns is None:
        if width != 2:
            raise ShapeError(
                f"decision_boundary: x has {counted(width, 'column')}: a plane has two",
                fix="columns=(0, 1) draws two of them, the others held at their mean"
                if width > 2
                else None,
            )
        return 0, 1
    chosen = tuple(columns)
    if len(set(chosen)) != 2 or not all(0 <= each < width for each in chosen):
        raise ArgumentError(
            f"decision_boundary: columns={chosen}: expected two different numbers of "
            f"columns, from 0 to {width - 1}"
        )
    return chosen[0], chosen[1]


def _task(task: str | None, targets: Array) -> str:
    if task is None:
        binary = bool(np.isin(targets, (0, 1)).all())
        return TASKS[targets.dtype.kind == "f" and not binary]
    if task not in TASKS:
        raise ArgumentError(
            f"decision_boundary: task={task!r}: expected 'classification' or "
            "'regression'"
        )
    return task


class _Plane:
    """The places at which a model is asked.

    Arguments:
        points: ``(N, D)``.
        shown: the two columns that span the plane.
        source: what the points were given as; a data frame is asked with one.
    """

    def __init__(self, points: Array, shown: tuple[int, int], source: Any) -> None:
        self.points, self.shown = points, points[:, shown]
        self.frame = source if hasattr(source, "iloc") else None
        low, high = self.shown.min(axis=0), self.shown.max(axis=0)
        room = 0.1 * np.where(high > low, high - low, 10.0)
        low, high = low - room, high + room
        self.limits = [(float(low[i]), float(high[i])) for i in (0, 1)]
        self.axes = [np.linspace(*limits, GRID) for limits in self.limits]
        rows = np.tile(points.mean(axis=0, dtype=np.float64), (GRID * GRID, 1))
        rows[:, shown] = np.stack(np.meshgrid(*self.axes), axis=-1).reshape(-1, 2)
        self.rows = rows.astype(points.dtype)
        named = getattr(source, "columns", None)
        self.names = [
            str(named[each]) if named is not None else f"x{each + 1}" for each in shown
        ]

    def ask(self, predict: Any, rows: Array) -> Array:
        """What a function says of rows, a part of them at a time."""
        parts = [rows[i : i + ROWS] for i in range(0, len(rows), ROWS)]
        if self.frame is not None:
            wrap = type(self.frame)
            parts = [wrap(part, columns=self.frame.columns) for part in parts]
        arrays = []
        for part in parts:
            said = predict(part)
            array = np.asarray(said.numpy() if hasattr(said, "numpy") else said)
            if array.ndim not in (1, 2) or len(array) != len(part):
                raise ShapeError(
                    f"decision_boundary: the model's outputs {array.shape} for x "
                    f"{part.shape}: expected (N,) or (N, K)"
                )
            arrays.append(array)
        found = np.concatenate(arrays)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise NumericsError("decision_boundary: the model predicts NaN or infinity")
        return found


def _classes(
    ax: Axes, model: Any, plane: _Plane, targets: Array, names: Sequence[str] | None
) -> None:
    """Shades, boundaries and points of classes."""
    shares, known = _shares(model, plane, plane.rows, targets)
    guessed = known[_shares(model, plane, plane.points, targets)[0].argmax(axis=1)]
    if names is None:
        names = getattr(model, "class_names", None) or [str(each) for each in known]
    if len(names) != len(known):
        raise ArgumentError(
            f"decision_boundary: {counted(len(names), 'name')} for "
            f"{counted(len(known), 'class', 'classes')}"
        )
    ax.imshow(
        _shades(shares).reshape(GRID, GRID, 3),
        extent=(*plane.limits[0], *plane.limits[1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    _boundaries(ax, plane, shares)
    for number, name in enumerate(names):
        of_it = plane.shown[targets == known[number]]
        _points(ax, of_it, len(targets), name, COLOURS[number % len(COLOURS)])
    right = int(np.sum(guessed == targets))
    share = percent(right / len(targets))
    ax.set_title(f"{right} of {counted(len(targets), 'point')} right ({share})")
    few = len(targets) <= FEW
    ax.legend(
        loc="best" if few else "upper right",  # where it covers no point
        framealpha=0.85,
        fontsize=8,
        markerscale=1 if few else 3,
    )


def _shares(
    model: Any, plane: _Plane, rows: Array, targets: Array
) -> tuple[Array, Array]:
    """``(N, K)``: probabilities of classes, and what the K classes are in ``y``."""
    present = np.unique(targets)
    if hasattr(model, "predict_proba"):
        shares = plane.ask(model.predict_proba, rows)
        known = np.asarray(getattr(model, "classes_", np.arange(shares.shape[1])))
        return shares.astype(np.float64), known
    if hasattr(model, "predict"):
        said = plane.ask(model.predict, rows)
        known = np.asarray(getattr(model, "classes_", present))
        return (said.reshape(-1, 1) == known).astype(np.float64), known
    logits = plane.ask(_callable(model), rows).astype(np.float64)
    if logits.ndim == 1 or logits.shape[1] == 1:
        second = logits.reshape(-1)
        logits = np.stack([np.zeros_like(second), second], axis=1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    known = np.arange(logits.shape[1])
    if targets.dtype.kind not in "fiub" or not np.isin(present, known).all():
        if len(present) != len(known):
            held = counted(len(present), "class", "classes")
            raise ArgumentError(
                f"decision_boundary: y holds {held}, the model has {len(known)}"
            )
        known = present
    return powers / powers.sum(axis=1, keepdims=True), known


def _callable(model: Any) -> Any:
    if not callable(model):
        raise ArgumentError(
            f"decision_boundary: model is of type {type(model).__name__}: expected a "
            "network, a function, or an estimator with predict or predict_proba"
        )
    return model


def _shades(shares: Array) -> Array:
    """``(N, 3)``: the colour of the most probable class, white where all are equal."""
    from matplotlib.colors import to_rgb

    count = shares.shape[1]
    colours = np.array([to_rgb(COLOURS[n % len(COLOURS)]) for n in range(count)])
    sure = (shares.max(axis=1, keepdims=True) - 1 / count) / max(1e-9, 1 - 1 / count)
    strength = 0.1 + 0.55 * np.clip(sure, 0, 1)
    shades: Array = 1 - strength * (1 - colours[shares.argmax(axis=1)])
    return shades


def _boundaries(ax: Axes, plane: _Plane, shares: Array) -> None:
    """A line around the part of the plane of each class; of two, one for both."""
    count = shares.shape[1]
    for number in range(count if count > 2 else count - 1):
        others = np.delete(shares, number, axis=1).max(axis=1)
        lead = (shares[:, number] - others).reshape(GRID, GRID)
        if lead.min() < 0 < lead.max():
            ax.contour(*plane.axes, lead, levels=[0], colors="#222222", linewidths=1.2)


def _amounts(ax: Axes, model: Any, plane: _Plane, targets: Array) -> None:
    """A surface with its contour lines, and points in the same colours."""
    predict = model.predict if hasattr(model, "predict") else _callable(model)
    surface = _column(plane.ask(predict, plane.rows))
    guessed = _column(plane.ask(predict, plane.points))
    true = targets.astype(np.float64)
    low, high = min(surface.min(), true.min()), max(surface.max(), true.max())
    scale = {"vmin": low, "vmax": high if high > low else low + 1, "cmap": "viridis"}
    shaded = ax.imshow(
        surface.reshape(GRID, GRID),
        extent=(*plane.limits[0], *plane.limits[1]),
        origin="lower",
        aspect="auto",
        **scale,
    )
    if surface.min() < surface.max():
        lines: dict[str, Any] = {
            "levels": 9,
            "colors": "white",
            "linewidths": 0.6,
            "alpha": 0.8,
        }
        ax.contour(*plane.axes, surface.reshape(GRID, GRID), **lines)
    _points(ax, plane.shown, len(true), "", true, **scale)
    ax.figure.colorbar(shaded, ax=ax, label="amount")
    error = float(np.sqrt(np.mean((guessed - true) ** 2)))
    ax.set_title(f"{counted(len(true), 'point')}: RMSE {error:.4g}")


def _column(said: Array) -> Array:
    """One amount for every row."""
    if said.ndim == 2 and said.shape[1] != 1:
        raise ShapeError(
            f"decision_boundary: the model's outputs {said.shape}: a surface has one "
            "amount for each row",
            fix="task='classification' if they are classes",
        )
    return said.reshape(-1).astype(np.float64)


def _points(
    ax: Axes, points: Array, count: int, label: str, colour: Any, **scale: Any
) -> None:
    """Points with a frame, smaller where there are many."""
    ax.scatter(
        points[:, 0],
        points[:, 1],
        c=colour if scale else [colour],
        s=float(np.clip(6000 / count, 5, 36)),
        edgecolors="white" if count <= FEW else "none",
        linewidths=0.6,
        alpha=1.0 if count <= FEW else 0.6,
        label=label or None,
        **scale,
    )
