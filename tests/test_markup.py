"""What notebooks show is static and well-formed, and says what the text says."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from chainrule import data, nn
from chainrule.markup import html_table
from chainrule.training.history import History

ROWS = [{"epoch": i, "loss": -0.5 / i, "accuracy": 0.5} for i in range(1, 4)]
HISTORY = History(ROWS, "early stopping: x < y", {"kept_epoch": 2})
SUMMARY = nn.Sequential(nn.Linear(3, 2), nn.ReLU()).summary((3,))
TABLE = data.read_table(
    {
        "a": [1.0, np.nan, 3, 4, 5],
        "<c>": ["x", None, "&", "x", "y"],
        "y": [1, 2, 3, 4, 9],
    },
    target="y",
    task="regression",
)


def cells(shown: Any) -> list[list[str]]:
    """The table of an HTML form, as texts."""
    tree = ElementTree.fromstring(shown._repr_html_())
    return [[cell.text or "" for cell in row] for row in tree.iter("tr")]


@pytest.mark.parametrize("shown", [HISTORY, SUMMARY, TABLE, History()])
def test_an_html_form_is_well_formed_and_static(shown: Any) -> None:
    tree = ElementTree.fromstring(shown._repr_html_())
    tags = {element.tag for element in tree.iter()}
    assert tags <= {
        "div",
        "strong",
        "small",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    attributes = {name for element in tree.iter() for name in element.attrib}
    assert attributes <= {"style"}


def test_a_history_shows_the_rows_of_its_text_and_the_kept_epoch_in_bold() -> None:
    text = repr(HISTORY).splitlines()
    assert cells(HISTORY) == [line.split() for line in text[1:]]
    html = HISTORY._repr_html_()
    assert "stopping: x &lt; y; the model has the weights of epoch 2" in html
    (bold,) = re.findall(r'<tr style="font-weight:bold">.*', html)
    assert ">2<" in bold
    assert len(cells(History([{"epoch": i, "loss": 1.0} for i in range(500)]))) < 20


def test_a_summary_shows_the_cells_of_its_text() -> None:
    text = [re.split(r"\s{2,}", line) for line in str(SUMMARY).splitlines()]
    text = [line for line in text if "─" not in line[0]]
    assert [[c for c in row if c] for row in cells(SUMMARY)] == text


def test_a_table_shows_how_each_column_was_read_and_its_first_values() -> None:
    assert cells(TABLE) == [
        ["column", "kind", "first values"],
        ["a", "numeric", "1, , 3, 4"],
        ["<c>", "categorical", "x, , &, x"],
        ["y", "target, regression", "1, 2, 3, 4"],
    ]
    assert "Table &#x27;table&#x27;: 5 rows" in TABLE._repr_html_()
    assert "regression, as asked." in TABLE._repr_html_()


def test_texts_are_escaped() -> None:
    written = html_table(["<a>"], [["&", "</td>"]], title="<t>", notes=["<n>"])
    tree = ElementTree.fromstring(written)
    assert [e.text for e in tree.iter() if e.text and e.text.strip()] == [
        "<t>", "<a>", "&", "</td>", "<n>",
    ]  # fmt: skip


def test_a_frame_of_a_history_has_its_columns() -> None:
    frame = pd.DataFrame(HISTORY)
    assert list(frame.columns) == ["epoch", "loss", "accuracy"]
    assert frame["loss"].tolist() == HISTORY["loss"] and len(frame) == 3
    by_epoch = HISTORY.to_pandas()
    assert by_epoch.index.name == "epoch" and by_epoch.index.tolist() == [1, 2, 3]
    assert by_epoch.loc[2, "loss"] == -0.25
    assert list(HISTORY) == ROWS and len(History().to_pandas()) == 0


def test_columns_that_some_epochs_lack_are_gaps() -> None:
    rows = [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5, "extra": 3.0}]
    frame = History(rows).to_pandas()
    assert np.isnan(frame.loc[1, "extra"]) and frame.loc[2, "extra"] == 3.0
