"""What a search found, in pictures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chainrule import pictures
from chainrule.runs.settings import Network, Settings, Source, Training
from chainrule.tuning import report
from chainrule.tuning.choice import Score
from chainrule.tuning.space import Candidate

TRAINING = Training(
    4, 8, "adam", "cross_entropy", 0.01, "constant", 0.0, 0, 0.0, None, "numpy", 1
)


def title(scores: Sequence[Score], task: str) -> str:
    settings = Settings(Source(), Network(4, 3, ()), TRAINING, "t", task, "price")
    errors = report.Errors(settings)
    with pictures.windowless():
        ax = report.picture(scores, scores[-1], scores[0], errors)
    return ax.get_title()


@pytest.mark.parametrize(
    ("task", "error"),
    [("classification", "error rate 3.16 %"), ("regression", "RMSE of price 0.03158")],
)
def test_the_picture_names_all_layers_of_the_chosen_network(task, error) -> None:
    sizes: list[tuple[int, ...]] = [(8,), (16,), (16, 16)]
    scores = [Score(Candidate(each, 0.01, 0, 0), 9, (0.03158,) * 3) for each in sizes]
    assert title(scores, task) == f"Chosen: 16, 16 hidden units, {error}"
    assert title(scores[:2], task) == f"Chosen: 16 hidden units, {error}"


def test_where_rates_differ_the_picture_names_the_chosen_rate() -> None:
    rates = (0.1, 0.003)
    scores = [Score(Candidate((16,), r, 0, 0), 9, (0.05, 0.05)) for r in rates]
    assert title(scores, "classification") == (
        "Chosen: learning rate 0.003, error rate 5 %"
    )
