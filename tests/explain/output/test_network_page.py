"""The page of a network: its layers, its columns by name, everything drawn at once."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.explain.words import source_lines

COLUMNS = ["age", "sex = female", "sex = male"]
CLASSES = ("goes", "stays")


def opened(hidden: tuple[int, ...] = (64, 32), **names: Any) -> Any:
    cr.manual_seed(0)
    layers: list[nn.Module] = []
    width = 3
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    model = nn.Sequential(*layers, nn.Linear(width, 2))
    x = np.array([[0.5, 1.0, 0.0]], dtype=np.float32)
    return cr.explain(model, x, np.array([1]), **names)


def drawn(found: Any, last: int | None = None) -> list[str]:
    """The names of the nodes of a drawing."""
    return re.findall(r'class="cr-name" y="[^"]*">([^<]*)<', found.svg(last))


def test_a_network_is_drawn_by_its_inputs_parameters_and_layers() -> None:
    assert sorted(drawn(opened((4,)))) == sorted(
        ["x", "y", "L", "W⁽¹⁾", "b⁽¹⁾", "z⁽¹⁾", "a⁽¹⁾", "W⁽²⁾", "b⁽²⁾", "z⁽²⁾"]
    )


def test_nodes_are_joined_across_what_is_not_drawn() -> None:
    found = opened((4,))
    wording, shown = found._picture(None)
    names = [wording.name(node) for node in shown.nodes]
    edges = {(names[a], names[b]) for a, b in shown.edges}
    assert edges == {
        ("x", "z⁽¹⁾"), ("W⁽¹⁾", "z⁽¹⁾"), ("b⁽¹⁾", "z⁽¹⁾"), ("z⁽¹⁾", "a⁽¹⁾"),
        ("a⁽¹⁾", "z⁽²⁾"), ("W⁽²⁾", "z⁽²⁾"), ("b⁽²⁾", "z⁽²⁾"), ("z⁽²⁾", "L"),
        ("y", "L"),
    }  # fmt: skip


def test_a_number_of_nodes_shows_the_operations_themselves() -> None:
    found = opened((4,))
    assert len(drawn(found, last=12)) == 12
    assert len(found.nodes) > 12


def test_a_tabular_network_fits_1280_pixels() -> None:
    """Made smaller by at most the factor that keeps its letters legible."""
    found = opened((128, 64))
    width = float(re.findall(r'<svg [^>]*width="(\d+)"', found.svg())[0])
    assert 0.7 * width < 1280 - 370 - 2 * 16
    page = found.html()
    assert "max-width: 100%" in page
    least = float(re.findall(r'style="min-width: (\d+)px"', page)[0])
    assert least < 1280 - 370 - 2 * 16


def test_of_many_layers_the_first_and_the_last_are_kept() -> None:
    names = drawn(opened((2,) * 40))
    assert len(names) == 80
    for kept in ("x", "W⁽¹⁾", "z⁽¹⁾", "W⁽¹⁰⁾", "L", "z⁽⁴¹⁾"):
        assert kept in names
    assert "z⁽²⁰⁾" not in names
    assert "the first 60 and the last 20 of" in opened((2,) * 40).html()


def test_columns_and_classes_are_called_by_their_names() -> None:
    found = opened(feature_names=COLUMNS, class_names=CLASSES)
    assert "x[sex = female]" in found.explain("x", 1)
    assert "W⁽¹⁾[0, sex = female]" in found.explain("W1", 1)
    assert "[stays]" in found.explain("z3", 1)
    page = found.html()
    assert '"at": "[sex = female]"' in page
    assert '"at": "[stays]"' in page


def test_a_fitted_model_names_its_classes_by_itself() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    x = np.eye(2, dtype=np.float32)
    labels = np.array(["no", "yes"])
    cr.fit(model, cr.data.Dataset(x, labels), epochs=1, progress="none")
    found = cr.explain(model, x[:1], np.array([1]))
    assert "[yes]" in found.explain("z1", 1)


def test_another_number_of_names_than_columns_is_refused() -> None:
    with pytest.raises(ArgumentError) as raised:
        opened(feature_names=["a", "b"])
    assert raised.value.what == (
        "explain: 2 feature_names for x (1, 3): one name for each entry of its last "
        "axis"
    )


def test_facts_stand_above_the_text_and_in_the_page() -> None:
    found = opened()
    found.facts = [("column", "value"), ("sex", "female")]
    assert "\n\ncolumn  value\nsex     female\n\nlayer 1" in found.text()
    assert '"facts": [["column", "value"], ["sex", "female"]]' in found.html()


def test_derivatives_of_dense_layers_are_those_of_the_textbook() -> None:
    page = opened((4,)).html()
    for sentence in (
        "= δ⁽¹⁾ᵀ x",
        "= δ⁽²⁾ᵀ a⁽¹⁾",
        "= δ⁽²⁾ W⁽²⁾",
        "cross_entropy(z⁽²⁾, y)",
    ):
        assert sentence in page


@pytest.mark.parametrize(
    ("file", "foreign"),
    [
        ("/v/lib/python3.12/site-packages/click/core.py", True),
        ("C:\\Python\\Lib\\site-packages\\IPython\\core.py", True),
        ("/usr/lib/python3/dist-packages/x.py", True),
        (subprocess.__file__, True),
        ("<frozen runpy>", True),
        ("/project/train.py", False),
        ("<ipython-input-3-abc>", False),
    ],
)
def test_lines_of_packages_are_told_from_the_readers_own(file, foreign) -> None:
    assert source_lines.is_foreign(file) is foreign


def test_no_line_of_a_foreign_package_is_shown(monkeypatch) -> None:
    found = opened()
    here = Path(__file__).name
    assert here in found.html(last=30)
    assert here in cr.explain(found.root).text()
    monkeypatch.setattr(source_lines, "is_foreign", lambda file: True)
    for text in (found.html(), found.html(last=30), cr.explain(found.root).text()):
        assert here not in text


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no browser to open the page with")
def test_a_browser_opens_the_page_with_everything_drawn(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    found = opened((4,))
    found.facts = [("column", "value"), ("sex", "female")]
    found.save(path)
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri(),
        ],
        capture_output=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    shown = done.stdout
    if done.returncode != 0 or "</html>" not in shown:
        pytest.skip("the browser does not run here")
    classes = re.findall(r'class="(cr-node[^"]*)"', shown)
    assert sum("cr-known" in each for each in classes) == 10
    assert sum("cr-derived" in each for each in classes) == 9  # not y
    assert not any("cr-current" in each for each in classes)
    assert "<td>sex</td><td>female</td>" in shown
    assert "Every value and every derivative is drawn." in shown
