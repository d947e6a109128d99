"""Fan charts: one legend for a whole figure, below all that is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import pictures

PAST = np.sin(np.arange(30.0))
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
AHEAD = np.linspace(0, 1, 6)[:, None] + np.array([-2.0, -1, 0, 1, 2])


def entries(figure: Any) -> list[str]:
    (legend,) = figure.legends
    return [each.get_text() for each in legend.get_texts()]


def assert_legend_is_free(figure: Any) -> None:
    """It lies within the figure, and below axes with their labels and titles."""
    renderer = figure.canvas.get_renderer()
    box = figure.legends[0].get_window_extent(renderer)
    whole = figure.bbox
    assert box.x0 >= 0 and box.x1 <= whole.x1 and box.y0 >= 0
    for ax in figure.axes:
        assert ax.get_legend() is None
        assert box.y1 <= ax.get_tightbbox(renderer).y0


@pytest.fixture(autouse=True)
def no_window() -> Any:
    """Figures belong to no window."""
    with pictures.windowless():
        yield


def drawn(figure: Any) -> Any:
    """The figure, once all its parts have their places."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize("count", [3, 5, 13])
def test_the_legend_of_a_chart_stands_below_it(count: int) -> None:
    levels = np.linspace(0.02, 0.98, count)
    bands = np.sort(np.random.default_rng(0).normal(size=(4, count)), axis=1)
    ax = pictures.fan_chart(PAST, bands, levels, truth=np.ones(4), title="sales")
    figure = drawn(ax.figure)
    names = entries(figure)
    assert names[:3] == ["observed", "what came", "median"]
    assert len(names) == 3 + count // 2
    assert_legend_is_free(figure)


def test_charts_of_one_figure_have_one_legend() -> None:
    figure = pictures.new_figure(8, 6)
    for place, ax in enumerate(figure.subplots(2, 2).ravel()):
        truth = np.ones(6) if place == 1 else None
        pictures.fan_chart(PAST, AHEAD, LEVELS, truth=truth, ax=ax)
        assert ax.get_legend() is None
    figure.tight_layout(rect=(0, pictures.legend_below(figure), 1, 1))
    drawn(figure)
    assert entries(figure) == ["observed", "median", "95 %", "80 %", "what came"]
    assert_legend_is_free(figure)


def test_what_has_a_legend_of_its_own_is_in_no_other() -> None:
    figure = pictures.new_figure(8, 3)
    left, right = figure.subplots(1, 2)
    left.bar([0, 1], [1, 2], label="errors")
    left.legend()
    pictures.fan_chart(PAST, AHEAD, LEVELS, ax=right)
    pictures.legend_below(figure)
    assert entries(figure) == ["observed", "median", "95 %", "80 %"]


def test_the_legend_has_the_colours_that_bands_have_above_each_other() -> None:
    ax = pictures.fan_chart(PAST, AHEAD, LEVELS)
    outer, inner = (each.get_facecolor()[0] for each in ax.collections)
    assert outer[3] == inner[3] == 1.0
    assert (inner[:3] < outer[:3]).all() and (outer[:3] < 1.0).all()
