"""History: columns, the best, text, JSON and back, and a picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.errors import ArgumentError, FileError, OptionError
from chainrule.training.formats import shown
from chainrule.training.history import History

ROWS = [
    {"epoch": 1, "loss": 0.9, "accuracy": 0.5, "validation_loss": 1.0, "seconds": 0.1},
    {"epoch": 2, "loss": 0.5, "accuracy": 0.8, "validation_loss": 0.7, "seconds": 0.1},
    {"epoch": 3, "loss": 0.3, "accuracy": 0.7, "validation_loss": math.nan,
     "seconds": 0.1, "learning_rate": 0.01},
]  # fmt: skip


def test_a_column_has_one_value_an_epoch() -> None:
    history = History(ROWS)
    assert history["loss"] == [0.9, 0.5, 0.3]
    assert history["learning_rate"] == [None, None, 0.01]
    assert history.columns[-1] == "learning_rate" and "loss" in history


@pytest.mark.parametrize(
    ("column", "epoch"), [("loss", 3), ("accuracy", 2), ("validation_loss", 2)]
)
def test_the_best_epoch_is_lowest_in_loss_and_highest_in_accuracy(
    column: str, epoch: int
) -> None:
    assert History(ROWS).best(column)["epoch"] == epoch


def test_an_unknown_column_is_an_error_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean 'validation_loss'"):
        History(ROWS)["val_loss"]
    with pytest.raises(ArgumentError, match="no epoch has a number"):
        History([{"loss": math.nan}]).best("loss")


def test_it_prints_as_a_table() -> None:
    text = repr(History(ROWS[:2], stopped="finished"))
    assert text == (
        "History: 2 epochs, finished\n"
        "epoch    loss  accuracy  validation_loss  seconds\n"
        "    1  0.9000    0.5000           1.0000     0.10\n"
        "    2  0.5000    0.8000           0.7000     0.10"
    )


def test_a_long_table_is_cut_in_the_middle() -> None:
    rows = [{"epoch": i + 1, "loss": 1.0} for i in range(500)]
    lines = repr(History(rows)).splitlines()
    assert len(lines) == 14
    assert lines[2].split()[0] == "1" and lines[-1].split()[0] == "500"
    assert lines[5].split() == ["…", "…"]


def test_json_gives_back_the_same_history(tmp_path: Path) -> None:
    matrix = [[1, 0], [0, 2]]
    history = History([{"epoch": 1, "loss": 0.1 + 0.2, "matrix": matrix}], "finished")
    assert History.from_json(history.to_json()) == history
    history.to_json(tmp_path / "history.json")
    assert History.from_json(tmp_path / "history.json") == history
    special = History([{"loss": math.inf, "accuracy": math.nan}])
    back = History.from_json(special.to_json()).last
    assert back["loss"] == math.inf and math.isnan(back["accuracy"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epochs": 3}', '{"epochs": [1]}'])
def test_a_file_that_holds_no_history_is_an_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "history.json"
    file.write_text(text)
    with pytest.raises(FileError, match="holds no history"):
        History.from_json(file)
    with pytest.raises(FileError, match="cannot be read"):
        History.from_json(tmp_path / "missing.json")


def test_it_draws_the_loss_and_every_metric(tmp_path: Path) -> None:
    figure = History(ROWS).plot(tmp_path / "curve.png")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["loss", "accuracy"]
    labels = [line.get_label() for line in figure.axes[0].lines[:2]]
    assert labels == ["training", "validation"]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ArgumentError, match="nothing to draw"):
        History().plot(tmp_path / "nothing.png")


def test_free_energy_has_no_best_and_a_twin_alone_is_drawn(tmp_path: Path) -> None:
    rows = [
        {"epoch": i, "free_energy": -i, "validation_free_energy": -i, "layer": "top",
         "validation_rebuilding_loss": 1 / i}
        for i in (1, 2)
    ]  # fmt: skip
    panels = History(rows).plot(tmp_path / "curve.png").axes
    titles = [(ax.get_title(loc="left"), ax.get_title(loc="right")) for ax in panels]
    assert titles == [
        ("free_energy", ""), ("rebuilding_loss", "best 0.5000, epoch 2")
    ]  # fmt: skip
    assert panels[1].lines[0].get_label() == "validation"


def test_a_loss_that_is_a_direction_is_drawn_apart_from_what_validation_measures(
    tmp_path: Path,
) -> None:
    x = np.eye(4, dtype="float32")[np.arange(40) % 4]
    learning = models.ContrastiveDivergence(models.RBM(4, 3))
    options = {"optimizer": "sgd", "epochs": 2, "progress": False}
    plain = cr.fit(learning, x, **options)
    assert plain.settings["loss_is_direction"]
    both = cr.fit(learning, x, validation=x, **options)
    titles = [
        [ax.get_title(loc="left") for ax in each.plot(tmp_path / "curve.png").axes]
        for each in (plain, both)
    ]
    assert titles == [["loss"], ["loss", "loss in training"]]
    assert len(both.plot(tmp_path / "curve.png").axes[1].lines) == 1


def test_it_draws_into_axes_that_it_is_given() -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert History(ROWS).plot(ax=ax) is ax.figure
    assert len(ax.lines) >= 2


def test_what_falls_over_many_orders_is_drawn_logarithmically(tmp_path: Path) -> None:
    falling = [10.0**-i for i in range(5)] + [0.0]
    rows = [
        {"epoch": i, "loss": falling[min(i, 4)], "gradient_norm": v, "step_length": v}
        for i, v in enumerate(falling)
    ]
    panels = History(rows).plot(tmp_path / "curve.png").axes
    scales = {ax.get_title(loc="left"): ax.get_yscale() for ax in panels}
    assert scales == {"loss": "log", "gradient_norm": "log", "step_length": "linear"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5000"), (1e-5, "1.00e−05"), (-0.25, "−0.2500"),
     (0.0, "0.0000"), (12345.678, "12346"),
     (math.nan, "nan"), (None, ""), (7, "7")],
)  # fmt: skip
def test_numbers_are_shown_short(value: float | None, text: str) -> None:
    assert shown(value) == text
