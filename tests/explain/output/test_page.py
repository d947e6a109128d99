"""The page: it stands alone, and its script steps forward and backward."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

SCRIPT = files("chainrule.explain.output").joinpath("page.js")


class Reader(HTMLParser):
    """Collects elements, the addresses they name, and the page's data."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_data = ("id", "data") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data += data


def lecture() -> Any:
    x, y, z = cr.tensor(1.0), cr.tensor(-3.0), cr.tensor(4.0)
    s = x + y
    f = s * z
    return cr.explain(f)


def read(page: str) -> tuple[Reader, dict[str, Any]]:
    reader = Reader()
    reader.feed(page)
    data: dict[str, Any] = json.loads(reader.data)
    return reader, data


def test_the_page_refers_to_nothing_outside_of_it() -> None:
    page = lecture().html()
    reader, _ = read(page)
    for tag, attributes in reader.elements:
        assert not {"src", "href", "srcset", "action"} & set(attributes), tag
        assert tag not in ("link", "iframe", "object", "img")
    rest = page.replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in rest and "https:" not in rest and "url(//" not in rest
    policy = next(a["content"] for t, a in reader.elements if "http-equiv" in a)
    assert policy is not None and policy.startswith("default-src 'none'")


def test_the_steps_are_the_values_inputs_first_and_then_the_derivatives() -> None:
    _, data = read(lecture().html())
    names = [node["name"] for node in data["nodes"]]
    steps = [(step["way"], names[step["node"]]) for step in data["steps"]]
    assert steps == [
        *(("forward", name) for name in "xyzsf"),
        *(("backward", name) for name in "fszyx"),
    ]


def test_each_node_carries_its_sum_and_a_finite_difference_that_agrees() -> None:
    _, data = read(lecture().html())
    rows = {node["name"]: node for node in data["nodes"]}
    assert rows["z"]["sum"] == "∂f/∂z = ∂f/∂f · ∂f/∂z = 1 · (−2) = −2"
    (entry,) = rows["z"]["entries"]
    assert (entry["delta"], entry["difference"]) == ("−2", "−2")
    assert entry["verdict"] == "agrees" and entry["agrees"]
    assert entry["rule"] == "(f at z + h  −  f at z − h) / 2h, with h = 4e−05"


def test_a_small_tensor_has_every_entry_and_a_large_one_its_steepest() -> None:
    small, large = cr.tensor(np.ones((2, 3))), cr.tensor(np.arange(50.0))
    found = cr.explain((small * small).sum() + (large * large).sum())
    _, data = read(found.html())
    rows = {node["name"]: node for node in data["nodes"]}
    assert [e["at"] for e in rows["small"]["entries"]][:4] == [
        "[0, 0]",
        "[0, 1]",
        "[0, 2]",
        "[1, 0]",
    ]
    assert len(rows["small"]["entries"]) == 6
    assert [e["at"] for e in rows["large"]["entries"]] == [
        "[46]",
        "[47]",
        "[48]",
        "[49]",
    ]
    assert len(rows["large"]["valueStrip"]) == 50
    assert all(re.fullmatch("#[0-9a-f]{6}", c) for c in rows["large"]["deltaStrip"])


def test_a_page_that_would_cost_too_much_says_what_it_left_out() -> None:
    wide = cr.tensor(np.ones((600, 600), np.float32))
    y = wide
    for _ in range(30):
        y = y + 1.0
    text = cr.explain((y * y).sum()).html()
    assert "not computed for this page: .difference(" in text


def test_the_script_names_no_way_to_turn_text_into_markup() -> None:
    script = (
        files("chainrule.explain.output")
        .joinpath("page.js")
        .read_text(encoding="utf-8")
    )
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
        assert word not in script
    assert "fetch(" not in script and "import(" not in script


NODE = shutil.which("node")
DRIVER = """
const page = require(process.argv[2]);
const data = JSON.parse(require("fs").readFileSync(process.argv[3], "utf-8"));
const last = data.steps.length;
const seen = [];
for (let count = 0; count <= last; count += 1) {
  const state = page.stateAfter(data.steps, count);
  seen.push({
    known: [...state.known], derived: [...state.derived],
    current: state.current && state.current.node,
    caption: page.captionAfter(data, count),
  });
}
const state = page.stateAfter(data.steps, 7);
console.log(JSON.stringify({
  seen,
  edge: page.edgeState({ from: 3, to: 4 }, state),
  forward: page.edgeState({ from: 0, to: 3 }, page.stateAfter(data.steps, 4)),
  hashes: ["#step=3", "#step=end&node=z", "#step=99", "#step=-1", "#node=q", "", "#%"]
    .map((hash) => page.readHash(hash, data.nodes, last)),
  lines: page.equationLines("∂f/∂x = " + "a".repeat(40) + " = 4"),
}));
"""


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the script's pure functions answer for the lecture's example."""
    if NODE is None:
        pytest.skip("no JavaScript runtime to run the page's script with")
    folder = tmp_path_factory.mktemp("page")
    script = (
        files("chainrule.explain.output")
        .joinpath("page.js")
        .read_text(encoding="utf-8")
    )
    (folder / "page.cjs").write_text(script, encoding="utf-8")
    (folder / "drive.cjs").write_text(DRIVER, encoding="utf-8")
    data = read(lecture().html())[1]
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    names = ["drive.cjs", "page.cjs", "data.json"]
    done = subprocess.run(
        [NODE, *(str(folder / name) for name in names)],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_each_step_reveals_one_number_forward_then_backward(driven: Any) -> None:
    known = [state["known"] for state in driven["seen"]]
    derived = [state["derived"] for state in driven["seen"]]
    assert known == [list(range(n)) for n in range(6)] + [list(range(5))] * 5
    assert derived == [[]] * 6 + [[4], [4, 3], [4, 3, 2], [4, 3, 2, 1], [4, 3, 2, 1, 0]]


def test_the_caption_says_what_was_just_computed(driven: Any) -> None:
    captions = [state["caption"]["text"] for state in driven["seen"]]
    assert captions[4] == "s = x + y = 1 + (−3) = −2"
    assert captions[7] == "∂f/∂s = ∂f/∂f · ∂f/∂s = 1 · 4 = 4"
    assert captions[0].startswith("Press →")


def test_an_edge_carries_values_on_and_derivatives_back(driven: Any) -> None:
    assert driven["forward"] == {"flowing": True, "returning": False, "passed": False}
    assert driven["edge"] == {"flowing": False, "returning": True, "passed": True}


def test_an_address_leads_to_a_step_and_a_node(driven: Any) -> None:
    assert driven["hashes"] == [
        {"step": 3, "node": None},
        {"step": 10, "node": 2},
        {"step": 10, "node": None},
        {"step": 0, "node": None},
        {"step": None, "node": None},
        {"step": None, "node": None},
        {"step": None, "node": None},
    ]


def test_a_long_equation_is_broken_at_its_equals_signs(driven: Any) -> None:
    assert driven["lines"] == ["∂f/∂x", "= " + "a" * 40, "= 4"]


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no browser to open the page with")
def test_a_browser_shows_the_seventh_step(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    lecture().html(path)
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"{path.as_uri()}#step=7",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    shown = done.stdout
    if done.returncode != 0 or "</html>" not in shown:
        pytest.skip("the browser does not run here")
    classes = re.findall(r'class="(cr-node[^"]*)"', shown)
    assert sum("cr-known" in each for each in classes) == 5
    assert sum("cr-derived" in each for each in classes) == 2
    assert sum("cr-current" in each for each in classes) == 1
    assert "step 7 of 10" in shown
    assert "∂f/∂s = ∂f/∂f · ∂f/∂s = 1 · 4 = 4" in shown
