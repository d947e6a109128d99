"""A recurrent network through time: numbers are those of backpropagation by hand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn
from chainrule.errors import ArgumentError

N, T, D, H, C = 3, 5, 2, 4, 3
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, D))
Y = rng.normal(size=(N, T, C))
LABELS = rng.integers(0, C, (N, T))


def rnn(*after: Any) -> Any:
    """A plain network in float64."""
    layer = nn.RNN(D, H, dtype="float64")
    return nn.Sequential(layer, *(after or (nn.AllSteps(), linear())))


def linear() -> Any:
    return nn.Linear(H, C, dtype="float64")


def by_hand(model: Any) -> dict[str, Any]:
    """The lecture's equations: L = ½ Σ ‖ŷₜ − yₜ‖² / N, and back through time."""
    values = model.state_dict()
    W, U = values["0.weight_ih_l0"], values["0.weight_hh_l0"]
    b = values["0.bias_ih_l0"] + values["0.bias_hh_l0"]
    V, d = values["2.weight"], values["2.bias"]
    h = np.zeros((T + 1, N, H))
    for t in range(T):
        h[t] = np.tanh(X[:, t] @ W.T + h[t - 1] @ U.T + b)  # h[-1] is 0
    y = h[:T] @ V.T + d
    e = (y - Y.transpose(1, 0, 2)) / N
    back, whole = np.zeros((T, N, H)), np.zeros((T, N, H))
    for t in range(T)[::-1]:
        if t < T - 1:
            back[t] = (whole[t + 1] * (1 - h[t + 1] ** 2)) @ U
        whole[t] = e[t] @ V + back[t]
    met = np.concatenate([np.zeros((1, N, H)), h[: T - 1]])
    added = [(whole[t] * (1 - h[t] ** 2)).T @ met[t] for t in range(T)]
    return {"h": h[:T], "y": y, "e": e, "back": back, "whole": whole, "U": added}


def loss(outputs: Any, targets: Any) -> Any:
    """½ Σ (ŷ − y)² over the steps, the mean over the sequences."""
    return 0.5 * ((outputs - targets) ** 2).sum() / outputs.shape[0]


def test_every_number_is_that_of_backpropagation_through_time_by_hand() -> None:
    model = rnn()
    wanted = by_hand(model)
    for example in range(N):
        movie = cr.explain(model, X, Y, loss=loss).through_time(example)
        (state,) = movie.states
        for found, name in (
            (state.values, "h"), (state.gradients, "whole"), (state.back, "back")
        ):  # fmt: skip
            np.testing.assert_allclose(
                found, wanted[name][:, example], rtol=1e-10, atol=1e-14
            )
        for t, column in enumerate(movie.columns):
            np.testing.assert_allclose(column.output, wanted["y"][t, example], 1e-10)
            np.testing.assert_allclose(column.error, wanted["e"][t, example], 1e-10)
            np.testing.assert_array_equal(column.x, X[example, t])
    sizes = [np.linalg.norm(each) for each in wanted["U"]]
    np.testing.assert_allclose(movie.weights["0.weight_hh_l0"], sizes, rtol=1e-10)


def test_what_the_steps_add_is_the_gradient_that_training_takes() -> None:
    model = nn.Sequential(nn.LSTM(D, H, 2, bidirectional=True), nn.AllSteps())
    out = nn.Linear(2 * H, C)
    found = cr.explain(nn.Sequential(*model, out), X, LABELS)
    movie = found.through_time()
    assert [(s.name, s.layer) for s in movie.states[::2]] == [
        ("h⁽¹⁾", "LSTM, layer 1, forward"),
        ("h⁽²⁾", "LSTM, layer 1, backward"),
        ("h⁽³⁾", "LSTM, layer 2, forward"),
        ("h⁽⁴⁾", "LSTM, layer 2, backward"),
    ]
    assert [s.level for s in movie.states] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert [s.reverse for s in movie.states] == [False, False, True, True] * 2
    # of the last h, all comes from above; the first of a backward loop has the last t
    for state in movie.states:
        assert not state.back[0 if state.reverse else -1].any()
        assert state.back[-1 if state.reverse else 0].any()


def test_losses_of_single_steps_have_the_whole_as_their_mean() -> None:
    model = rnn()
    each = [cr.explain(model, X, LABELS).through_time(n).columns for n in range(N)]
    found = [column.loss for columns in each for column in columns]
    whole = losses.cross_entropy(model(X), LABELS).item()
    assert np.mean(found) == pytest.approx(whole)  # type: ignore[arg-type]
    best = model(X).numpy()[0, 2].argmax()
    assert each[0][2].prediction.startswith(f"{best} (0.")
    assert each[0][2].target == str(LABELS[0, 2])


def test_where_the_loss_is_no_mean_over_steps_no_step_has_one() -> None:
    def spread(outputs: Any, targets: Any) -> Any:
        return (outputs - targets).max() ** 2

    movie = cr.explain(rnn(), X, Y, loss=spread).through_time()
    assert all(column.loss is None for column in movie.columns)
    assert "loss" not in movie.text().splitlines()[3]


def test_a_network_that_answers_once_loses_at_the_end() -> None:
    model = rnn(nn.LastStep(), linear())
    movie = cr.explain(model, X, LABELS[:, 0]).through_time(1)
    *before, last = movie.columns
    assert all(c.loss is None and c.output is None for c in before)
    np.testing.assert_allclose(last.output, model(X).numpy()[1])
    own = losses.cross_entropy(model(X[1:2]), LABELS[1:2, 0]).item()
    assert last.loss == pytest.approx(own)
    (state,) = movie.states
    assert all(size == 0 for size in state.own_sizes[:-1])


def test_as_many_classes_as_steps_are_no_steps() -> None:
    model = rnn(nn.LastStep(), nn.Linear(H, T, dtype="float64"))
    movie = cr.explain(model, X, LABELS[:, 0]).through_time()
    assert [c.output is None for c in movie.columns] == [True] * (T - 1) + [False]


class Writer(nn.Module):
    """An encoder, and a decoder of the reader's own that starts from its state."""

    def __init__(self) -> None:
        self.encoder, self.cell = nn.GRU(D, H), nn.GRUCell(C, H)
        self.out = nn.Linear(H, C)

    def forward(self, x: Any) -> Any:
        _, state = self.encoder(x)

        def step(carry: Any, _: Any) -> Any:
            y, h = carry
            h = self.cell(y, h)
            y = self.out(h)
            return (y, h), y

        start = cr.zeros((x.shape[0], C))
        _, written = cr.scan(step, (start, state[0]), length=3)
        return cr.swapaxes(written, 0, 1)


def test_a_loop_of_ones_own_stands_behind_the_encoder_that_it_starts_from() -> None:
    movie = cr.explain(Writer(), X, Y[:, :3]).through_time()
    assert [(s.level, s.start, len(s.values)) for s in movie.states] == [
        (1, 0, T), (1, T, 3), (1, T, 3),
    ]  # fmt: skip
    assert len(movie.columns) == T + 3
    assert [c.output is None for c in movie.columns] == [True] * T + [False] * 3
    assert [c.x is None for c in movie.columns] == [False] * T + [True] * 3
    assert movie.svg().count("<svg") == 1


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_page_holds_the_true_numbers_in_the_order_of_what_happens() -> None:
    model = rnn()
    wanted = by_hand(model)
    movie = cr.explain(model, X, Y, loss=loss).through_time(1)
    data = data_of(movie.html())
    ways = [(frame["way"], frame["column"]) for frame in data["frames"]]
    forward = [(way, t + 1) for t in range(T) for way in ("prediction", "error")]
    assert ways == forward + [("gradient", t + 1) for t in range(T)[::-1]]
    sizes = np.linalg.norm(wanted["whole"][:, 1], axis=1)
    own = np.linalg.norm((wanted["whole"] - wanted["back"])[:, 1], axis=1)
    back = np.linalg.norm(wanted["back"][:, 1], axis=1)
    for t, row in enumerate(data["rows"]):
        assert float(row[-1]["text"]) == pytest.approx(sizes[t], rel=1e-3)
        assert ways[row[-1]["frame"] - 1] == ("gradient", t + 1)
        e = wanted["e"][t, 1] * N
        assert float(row[3]["text"]) == pytest.approx(e @ e / 2, rel=1e-3)
    text = data["frames"][-1]["text"]
    found = [float(each) for each in re.findall(r"\d+\.\d+(?:e−\d+)?", text)]
    assert found == pytest.approx([sizes[0], own[0], back[0]], rel=1e-2)
    assert text.endswith("back from step 2")


def test_the_page_asks_for_nothing_and_is_small() -> None:
    text = cr.explain(rnn(), X, LABELS).through_time().html()
    assert "src=" not in text and "href=" not in text and "default-src 'none'" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert len(text) < 60_000
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
        assert word not in text


def test_three_kinds_of_lines_tell_the_three_ways_apart_without_colour() -> None:
    svg = cr.explain(rnn(), X, LABELS).through_time().svg()
    styles = dict(
        re.findall(r"path\.tt-arrow\.tt-(\w+) \{ (stroke-dasharray[^;]*)", svg)
    )
    assert set(styles) == {"error", "gradient"} and len(set(styles.values())) == 2


def test_long_sequences_show_their_last_steps() -> None:
    x = np.zeros((1, 40, D))
    model = rnn()
    found = cr.explain(model, x, np.zeros((1, 40), int))
    assert [c.number for c in found.through_time().shown] == list(range(29, 41))
    assert len(found.through_time(last=3).html()) < len(found.through_time().html())


def test_a_name_is_never_markup() -> None:
    names = ["<b>", "&", '"']
    text = cr.explain(rnn(), X, LABELS, class_names=names).through_time().html()
    assert "<b>" not in text.replace("<body>", "")


def test_files_are_written_by_their_ending(tmp_path: Path) -> None:
    movie = cr.explain(rnn(), X, LABELS).through_time()
    for ending, start in ((".html", "<!doctype"), (".svg", "<svg"), (".txt", "Seq")):
        path = tmp_path / f"rnn{ending}"
        movie.save(path)
        assert path.read_text(encoding="utf-8").startswith(start)
    with pytest.raises(ArgumentError, match=r"\.txt, \.svg or \.html"):
        movie.save(tmp_path / "rnn.gif")


def test_mistakes_say_what_to_do() -> None:
    with pytest.raises(ArgumentError) as caught:
        cr.explain(nn.Linear(D, C), X[:, 0], LABELS[:, 0]).through_time()
    assert caught.value.what == "through_time: Linear has no loop over time"
    with pytest.raises(ArgumentError) as caught:
        cr.explain(rnn(), X, LABELS).through_time(3)
    assert caught.value.what == "through_time: example=3: the batch has 3 sequences"
    assert caught.value.fix == "0 to 2"
    with pytest.raises(ArgumentError) as caught:
        cr.explain(rnn(), X, LABELS).through_time(last=0)
    assert caught.value.what == ("through_time: last=0: a drawing shows 1 to 200 steps")


NODE = shutil.which("node")
DRIVER = """
const page = require(process.argv[2]);
const row = [{text: "a", frame: 0}, {text: "b", frame: 2}, {text: "c", frame: 3}];
console.log(JSON.stringify({
  stages: [0, 1, 2, 3].map((frame) => page.stage(frame, 2)),
  start: page.stage(0, 0),
  row: page.rowAfter(row, 2),
  steps: ["#step=3", "#step=99", "#step=-1", "#step=end", ""]
    .map((hash) => page.readStep(hash, 9)),
  lines: [page.lineAfter([{text: "x"}], 1, false), page.lineAfter([], 0, false)],
}));
"""


@pytest.mark.skipif(NODE is None, reason="no JavaScript runtime for the page's script")
def test_a_step_shows_what_happened_until_then(tmp_path: Path) -> None:
    from importlib.resources import files

    script = files("chainrule.explain.output").joinpath("through_time.js")
    (tmp_path / "page.cjs").write_text(script.read_text("utf-8"), encoding="utf-8")
    (tmp_path / "drive.cjs").write_text(DRIVER, encoding="utf-8")
    done = subprocess.run(
        [str(NODE), str(tmp_path / "drive.cjs"), str(tmp_path / "page.cjs")],
        capture_output=True, encoding="utf-8", timeout=60, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["stages"] == ["before", "before", "now", "later"]
    assert found["start"] == "before" and found["row"] == ["a", "b", ""]
    assert found["steps"] == [3, 9, 0, 9, 9]
    assert found["lines"][0] == {"text": "x"}
    assert found["lines"][1]["text"].startswith("Press →")


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no browser to open the page with")
def test_a_browser_shows_the_fourth_step(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    cr.explain(rnn(), X, LABELS).through_time().save(path)
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
            f"{path.as_uri()}#step=4",
        ],
        capture_output=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    shown = done.stdout
    if done.returncode != 0 or "</html>" not in shown:
        pytest.skip("the browser does not run here")
    assert "step 4 of 15" in shown
    assert "tt-now" in shown and shown.count("tt-later") > 20
    assert "t = 2, error" in shown
