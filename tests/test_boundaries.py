"""``pictures.decision_boundary`` draws what a model says, whatever kind it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

import chainrule as cr
from chainrule import nn, pictures
from chainrule.errors import ArgumentError, NumericsError, ShapeError
from chainrule.pictures import boundaries

POINTS = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)


def drawn(*values: Any, **options: Any) -> Axes:
    """A picture in no window, whose drawing must raise no warning."""
    with pictures.windowless():
        ax = pictures.decision_boundary(*values, **options)
        ax.figure.canvas.draw()
    return ax


def colour_at(ax: Axes, x: float, y: float) -> np.ndarray:
    """The shade at a place."""
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    shades = np.asarray(image.get_array())
    row = round((y - bottom) / (top - bottom) * (len(shades) - 1))
    column = round((x - left) / (right - left) * (len(shades) - 1))
    return np.asarray(shades[row, column])


def blue(shade: np.ndarray) -> bool:
    return bool(shade[2] > shade[0])


def layer() -> nn.Linear:
    """A layer whose logit is 4 x₁."""
    made = nn.Linear(2, 1)
    made.weight.assign([[4.0, 0.0]])
    made.bias.assign([0.0])
    return made


def two_outputs() -> nn.Linear:
    """The same with a logit for each class."""
    made = nn.Linear(2, 2)
    made.weight.assign([[-2.0, 0.0], [2.0, 0.0]])
    made.bias.assign([0.0, 0.0])
    return made


RIGHT = (POINTS[:, 0] > 0).astype(int)
MODELS = {
    "one logit": layer(),
    "a logit a class": two_outputs(),
    "a function": lambda x: 4.0 * x[:, 0],
    "predict_proba": LogisticRegression().fit(POINTS, RIGHT),
    "predict": SVC(kernel="linear").fit(POINTS, RIGHT),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_place_has_the_colour_of_its_class_whatever_predicts(name: str) -> None:
    ax = drawn(MODELS[name], POINTS, RIGHT)
    assert blue(colour_at(ax, -1, 0))
    assert not blue(colour_at(ax, 1, 0))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1"]
    found = float(np.mean(POINTS[:, 0] > 0))
    assert 0 < found < 1
    assert ax.get_title().split(" of ")[1].startswith("60 points right (")


def test_the_line_runs_where_both_classes_are_equally_probable() -> None:
    ax = drawn(layer(), POINTS, RIGHT)
    paths = [p for c in ax.collections for p in c.get_paths() if len(p.vertices) > 50]
    (line,) = [path.vertices for path in paths if np.ptp(path.vertices[:, 1]) > 1]
    np.testing.assert_allclose(line[:, 0], 0.0, atol=1e-6)
    assert ax.get_title() == "60 of 60 points right (100 %)"


def test_the_surer_the_fuller_is_the_colour() -> None:
    ax = drawn(layer(), POINTS, RIGHT)
    near, far = colour_at(ax, 0.05, 0), colour_at(ax, 1.5, 0)
    assert np.sum(1 - near) < 0.5 * np.sum(1 - far)


def test_texts_and_floats_of_0_and_1_are_classes_other_floats_are_amounts() -> None:
    texts = np.where(RIGHT == 1, "right", "left")
    assert " right (100 %)" in drawn(layer(), POINTS, texts).get_title()
    floats = RIGHT.astype(np.float32)[:, None]
    assert " right (100 %)" in drawn(layer(), POINTS, floats).get_title()
    surface = drawn(layer(), POINTS, 4 * POINTS[:, 0])
    assert surface.get_title() == "60 points: RMSE 0"
    asked = drawn(layer(), POINTS, floats, task="regression")
    assert asked.get_title().startswith("60 points: RMSE ")


def test_a_surface_and_its_points_share_one_scale() -> None:
    amounts = 3 * POINTS[:, 0] + POINTS[:, 1]
    ax = drawn(LinearRegression().fit(POINTS, amounts), POINTS, amounts)
    (image,) = ax.images
    scatter = ax.collections[-1]
    assert image.get_clim() == scatter.get_clim()
    low, high = image.get_clim()
    assert low <= amounts.min() < amounts.max() <= high


@pytest.mark.parametrize("count", [3, 9])
def test_many_classes_have_names_and_boundaries(count: int) -> None:
    cr.manual_seed(0)
    names = [f"class {number}" for number in range(count)]
    labels = np.arange(60) % count
    ax = drawn(nn.Linear(2, count), POINTS, labels, classes=names)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names


def test_names_of_classes_that_a_network_knows_are_shown() -> None:
    model = two_outputs()
    model.class_names = ("no", "yes")
    texts = drawn(model, POINTS, RIGHT).get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["no", "yes"]


def test_columns_that_are_not_shown_are_held_at_their_mean() -> None:
    x = np.column_stack([POINTS[:, 0], np.linspace(5, 7, 60), POINTS[:, 1]])
    asked: list[np.ndarray] = []

    def model(rows: np.ndarray) -> np.ndarray:
        asked.append(rows)
        return rows[:, 0]

    ax = drawn(model, x, RIGHT, columns=(0, 2))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x1", "x3")
    np.testing.assert_allclose(asked[0][:, 1], 6.0)
    np.testing.assert_allclose(asked[-1], x)  # the points themselves
    assert ax.get_title() == "60 of 60 points right (100 %)"


def test_a_data_frame_is_asked_with_its_columns() -> None:
    frame = pd.DataFrame(POINTS, columns=["length", "width"])
    model = LogisticRegression().fit(frame, RIGHT)  # warns of rows without names
    ax = drawn(model, frame, pd.Series(RIGHT))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")


@pytest.mark.parametrize("count", [1, 2, 3000])
def test_any_number_of_points_is_drawn_with_room_around_them(count: int) -> None:
    x = np.tile(POINTS, (50, 1))[:count]
    ax = drawn(layer(), x, (x[:, 0] > 0).astype(int))
    for limits, column in zip((ax.get_xlim(), ax.get_ylim()), x.T, strict=True):
        assert limits[0] < column.min() <= column.max() < limits[1]


def test_a_model_is_asked_about_a_part_of_the_plane_at_a_time() -> None:
    sizes: list[int] = []

    def model(rows: np.ndarray) -> np.ndarray:
        sizes.append(len(rows))
        return rows[:, 0]

    drawn(model, POINTS, RIGHT)
    assert max(sizes) <= boundaries.ROWS < boundaries.GRID**2 <= sum(sizes)


def wide(rows: np.ndarray) -> np.ndarray:
    return rows[:, :1] * np.ones(3)


MISTAKES: list[tuple[type[Exception], tuple[Any, ...], dict[str, Any], str]] = [
    (
        ShapeError,
        (wide, np.ones((5, 4)), np.ones(5)),
        {},
        "decision_boundary: x has 4 columns: a plane has two\n"
        "  fix        columns=(0, 1) draws two of them, the others held at their mean",
    ),
    (
        ShapeError,
        (wide, np.ones((5, 1)), np.ones(5)),
        {},
        "decision_boundary: x has 1 column: a plane has two",
    ),
    (
        ArgumentError,
        (wide, np.ones((5, 4)), np.ones(5)),
        {"columns": (1, 4)},
        "decision_boundary: columns=(1, 4): expected two different numbers of columns, "
        "from 0 to 3",
    ),
    (
        ShapeError,
        (wide, np.ones((5, 2)), np.ones(4)),
        {},
        "decision_boundary: x (5, 2), y (4,): expected (N, 2) and (N,)",
    ),
    (
        ShapeError,
        (wide, np.ones((0, 2)), np.ones(0)),
        {},
        "decision_boundary: x (0, 2), y (0,): expected (N, 2) and (N,)",
    ),
    (
        NumericsError,
        (wide, np.full((5, 2), np.nan), np.ones(5)),
        {},
        "decision_boundary: x holds NaN or infinity",
    ),
    (
        NumericsError,
        (lambda x: x[:, 0] / 0 * 0, np.ones((5, 2)), np.ones(5)),
        {},
        "decision_boundary: the model predicts NaN or infinity",
    ),
    (
        ArgumentError,
        (7, np.ones((5, 2)), np.ones(5)),
        {},
        "decision_boundary: model is of type int: expected a network, a function, or "
        "an estimator with predict or predict_proba",
    ),
    (
        ShapeError,
        (wide, np.ones((5, 2)), np.linspace(0, 2, 5)),
        {},
        "decision_boundary: the model's outputs (40000, 3): a surface has one amount "
        "for each row\n  fix        task='classification' if they are classes",
    ),
    (
        ShapeError,
        (np.sum, np.ones((5, 2)), np.ones(5)),
        {},
        "decision_boundary: the model's outputs () for x (10000, 2): expected (N,) or "
        "(N, K)",
    ),
    (
        ArgumentError,
        (wide, np.ones((5, 2)), list("abbab")),
        {},
        "decision_boundary: y holds 2 classes, the model has 3",
    ),
    (
        ArgumentError,
        (wide, np.ones((5, 2)), [0, 1, 2, 0, 1]),
        {"classes": ["a", "b"]},
        "decision_boundary: 2 names for 3 classes",
    ),
    (
        ArgumentError,
        (wide, np.ones((5, 2)), np.ones(5)),
        {"task": "clustering"},
        "decision_boundary: task='clustering': expected 'classification' or "
        "'regression'",
    ),
]


@pytest.mark.parametrize(("kind", "values", "options", "message"), MISTAKES)
def test_mistakes_are_named(
    kind: type[Exception], values: Any, options: Any, message: str
) -> None:
    with np.errstate(all="ignore"), pytest.raises(kind) as caught:
        drawn(*values, **options)
    what, _, fix = message.partition("\n  fix        ")
    assert (caught.value.what, caught.value.fix) == (what, fix or None)
