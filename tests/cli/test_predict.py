"""``chainrule predict``, ``evaluate`` and ``explain``: a trained run put to use."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr


def rows_of(text: str) -> list[dict[str, str]]:
    """A CSV text as dictionaries."""
    return list(csv.DictReader(io.StringIO(text)))


def test_amounts_are_predicted_in_the_units_of_the_table(chainrule, houses) -> None:
    rows = rows_of(chainrule("predict", houses, "new.csv").stdout)
    prices = [float(row["predicted_price"]) for row in rows]
    assert prices[0] == pytest.approx(327_000, rel=0.1)
    assert len(prices) == 3


def test_classes_are_predicted_with_the_probability_of_each(chainrule, kinds) -> None:
    rows = rows_of(chainrule("predict", kinds, "kinds.csv").stdout)
    assert list(rows[0]) == ["row", "predicted_kind", "p_large", "p_small"]
    probabilities = [[float(row["p_large"]), float(row["p_small"])] for row in rows]
    assert np.allclose(np.sum(probabilities, axis=1), 1, atol=1e-5)
    truth = [row["kind"] for row in rows_of(Path("kinds.csv").read_text())]
    right = [row["predicted_kind"] for row in rows]
    assert np.mean([a == b for a, b in zip(truth, right, strict=True)]) > 0.9


def test_the_order_of_columns_and_further_columns_do_not_matter(
    chainrule, houses
) -> None:
    plain = chainrule("predict", houses, "new.csv").stdout
    Path("other.csv").write_text(
        "city,note,rooms,area\nRome,x,3,100\nOslo,y,,50\nParis,z,4,120\n"
    )
    assert chainrule("predict", houses, "other.csv").stdout == plain


def test_a_named_table_takes_files_in_the_original_units(chainrule) -> None:
    from sklearn.datasets import load_iris

    chainrule("train", "iris", "--epochs", 20, "--quiet", "--out", "o")
    iris = load_iris()
    with Path("flowers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*iris.feature_names, "class"])
        for features, label in zip(iris.data, iris.target, strict=True):
            writer.writerow([*features, iris.target_names[label]])
    measured = json.loads(chainrule("evaluate", "o", "flowers.csv", "--json").stdout)
    assert measured["examples"] == 150
    assert measured["accuracy"] > 0.9


def test_images_are_predicted_from_pixels(chainrule, digits) -> None:
    test = cr.data.load("digits").test
    pixels = np.asarray(test.inputs)[:50]
    np.save("pixels.npy", pixels)
    names = ",".join(f"pixel{number}" for number in range(64))
    np.savetxt("pixels.csv", pixels, "%.6f", ",", header=names, comments="")
    as_array = chainrule("predict", digits, "pixels.npy").stdout
    assert chainrule("predict", digits, "pixels.csv").stdout == as_array
    guesses = [row["predicted_class"] for row in rows_of(as_array)]
    assert np.mean(np.array(guesses, int) == np.asarray(test.targets)[:50]) > 0.8


def test_rows_have_numbers_or_the_columns_that_are_kept(chainrule, houses) -> None:
    Path("named.csv").write_text(
        'id,name,area,rooms,city\n007,"a, b",100,3,Rome\n12,,50,,Oslo\n'
    )
    rows = rows_of(chainrule("predict", houses, "named.csv").stdout)
    assert [row["row"] for row in rows] == ["1", "2"]
    words = ("predict", houses, "named.csv", "--keep", "id,name,area")
    kept = rows_of(chainrule(*words).stdout)
    assert list(kept[0]) == ["id", "name", "area", "predicted_price"]
    assert [list(row.values())[:3] for row in kept] == [
        ["007", "a, b", "100"],
        ["12", "", "50"],
    ]
    assert [row["predicted_price"] for row in kept] == [
        row["predicted_price"] for row in rows
    ]
    answer = json.loads(chainrule(*words, "--json").stdout)
    assert answer["kept"]["name"] == ["a, b", ""]
    refused = chainrule("predict", houses, "named.csv", "--keep", "nmae")
    assert refused.exit_code == 2
    assert "no column 'nmae'" in refused.stderr
    assert "did you mean 'name'?" in refused.stderr


def test_what_training_did_not_have_is_said_on_stderr(chainrule, houses) -> None:
    rows = "".join(f"{100 + n},3,Rome\n" for n in range(40))
    text = f"area,rooms,city\n{rows},2,Lima\n9000,2,Lima\n-500,2,Kiel\n"
    Path("odd.csv").write_text(text)
    result = chainrule("predict", houses, "odd.csv")
    fitted = json.loads((houses / "settings.json").read_text())["transform"]
    area = next(rule for rule in fitted["columns"] if rule["name"] == "area")
    assert result.stderr.splitlines() == [
        "warning: 'area': 1 gap, and there was none in training (row 41)",
        f"warning: 'area': 2 values far outside {area['low']:g} to {area['high']:g}, "
        "the range of training: 9000, -500 (rows 42, 43)",
        "warning: 'city': 3 values never seen in training: 'Lima', 'Kiel' "
        "(rows 41, 42, 43)",
    ]
    assert len(rows_of(result.stdout)) == 43
    answer = json.loads(chainrule("predict", houses, "odd.csv", "--json").stdout)
    assert [f"warning: {line}" for line in answer["warnings"]] == (
        result.stderr.splitlines()
    )
    assert chainrule("predict", houses, "houses.csv").stderr == ""


def test_a_file_is_predicted_in_parts_with_the_same_result(
    chainrule, kinds, monkeypatch
) -> None:
    from chainrule.data.tables import arrow_files, csv_files

    whole = chainrule("predict", kinds, "kinds.csv").stdout
    monkeypatch.setattr(arrow_files, "BLOCK", 1000)
    assert chainrule("predict", kinds, "kinds.csv").stdout == whole
    assert chainrule("predict", kinds, "kinds.csv", "--out", "p.csv").stdout == (
        "300 predictions in p.csv\n"
    )
    assert Path("p.csv").read_text() == whole
    monkeypatch.setattr(arrow_files, "available", lambda: False)
    monkeypatch.setattr(csv_files, "read_rows", partial(csv_files.read_rows, cells=40))
    assert chainrule("predict", kinds, "kinds.csv").stdout == whole


def test_a_mistake_in_a_late_part_leaves_no_file(chainrule, kinds, monkeypatch) -> None:
    from chainrule.data.tables import arrow_files

    monkeypatch.setattr(arrow_files, "BLOCK", 1000)
    Path("bad.csv").write_text(Path("kinds.csv").read_text() + "big,1,Rome,large\n")
    result = chainrule("predict", kinds, "bad.csv", "--out", "p.csv")
    assert result.exit_code == 2
    assert "'big' at line 302 is not a number" in result.stderr
    assert not Path("p.csv").exists()


def test_a_file_without_rows_is_one_sentence(chainrule, houses) -> None:
    Path("none.csv").write_text("area,rooms,city\n")
    result = chainrule("predict", houses, "none.csv")
    assert result.exit_code == 2
    assert result.stderr.startswith("DataError: none.csv: a header and no rows\n")


def test_out_writes_the_same_table_to_a_file(chainrule, houses) -> None:
    printed = chainrule("predict", houses, "new.csv").stdout
    result = chainrule("predict", houses, "new.csv", "--out", "p.csv")
    assert result.stdout == "3 predictions in p.csv\n"
    assert Path("p.csv").read_text() == printed


def test_json_holds_the_same_predictions(chainrule, houses, kinds) -> None:
    answer = json.loads(chainrule("predict", houses, "new.csv", "--json").stdout)
    printed = rows_of(chainrule("predict", houses, "new.csv").stdout)
    assert answer["predictions"] == pytest.approx(
        [float(row["predicted_price"]) for row in printed], rel=1e-6
    )
    answer = json.loads(chainrule("predict", kinds, "new.csv", "--json").stdout)
    assert answer["classes"] == ["large", "small"]
    assert len(answer["probabilities"]) == len(answer["predictions"]) == 3


def test_latest_is_the_newest_run(chainrule) -> None:
    chainrule("train", "houses.csv", "--target", "price", "--epochs", 1, "--quiet")
    result = chainrule("predict", "latest", "new.csv")
    assert result.stdout.startswith("row,predicted_price\n1,")


def test_evaluate_repeats_what_training_measured(chainrule, digits) -> None:
    metrics = json.loads((digits / "metrics.json").read_text())["test"]
    answer = json.loads(chainrule("evaluate", digits, "--json").stdout)
    assert answer["data"] == "digits/test"
    assert {key: answer[key] for key in metrics} == metrics
    said = chainrule("evaluate", digits).stdout
    assert f"({metrics['correct']} of 359 correct)" in said
    head = said.splitlines()
    assert "the commonest class (" in head[1]
    assert "logistic regression" in head[1]
    if "no better than" in head[2]:
        del head[2]
    assert head[2].split() == ["class", "examples", "recall", "precision"]
    assert len(head) == 13  # the scores, those of baselines, a head, ten classes


def test_evaluate_takes_rows_of_one_class_alone(chainrule, kinds) -> None:
    Path("one.csv").write_text("area,rooms,city,kind\n190,3,Rome,large\n")
    answer = json.loads(chainrule("evaluate", kinds, "one.csv", "--json").stdout)
    assert (answer["examples"], answer["accuracy"]) == (1, 1.0)
    assert answer["baselines"]["commonest_class"]["test"]["examples"] == 1
    assert "logistic_regression" not in answer["baselines"]  # it is not stored


def test_evaluate_says_which_baselines_other_data_are_not_measured_by(
    chainrule, houses, kinds
) -> None:
    own = {"kinds": "logistic regression", "houses": "ridge regression"}
    for run, table in ((kinds, "kinds.csv"), (houses, "houses.csv")):
        name = own[run.name]
        said = chainrule("evaluate", run, table).stdout.splitlines()
        assert (
            f"  of the training data; a run does not keep {name}: not measured here"
            in (said[2:4])
        )
        assert name not in said[1]
        assert "not measured here" not in chainrule("evaluate", run).stdout


def test_explain_shows_every_layer_of_the_lecture(chainrule, digits) -> None:
    said = chainrule("explain", digits, "--row", 5).stdout
    assert said.startswith("digits, row 5 of the test data: class ")
    for sign in ("z⁽¹⁾", "a⁽¹⁾", "δ⁽¹⁾", "∇W⁽¹⁾", "∇b⁽¹⁾", "δ⁽²⁾", "∇W⁽²⁾"):
        assert sign in said
    graph = chainrule("explain", digits, "--graph").stdout
    assert "forward" in graph
    assert "backward" in graph


@pytest.mark.parametrize(
    ("name", "start"), [("x.html", "<!doctype html"), ("x.svg", "<svg"), ("x.txt", "S")]
)
def test_explain_writes_pages_drawings_and_text(chainrule, kinds, name, start) -> None:
    result = chainrule("explain", kinds, "--out", name)
    assert result.exit_code == 0, result.stderr
    assert Path(name).read_text(encoding="utf-8").lower().startswith(start.lower())


def test_explain_as_json(chainrule, houses) -> None:
    answer = json.loads(chainrule("explain", houses, "--json").stdout)
    assert answer["row"] == 0
    assert "δ⁽¹⁾" in answer["text"]


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_explain_compiled_shows_what_a_training_step_is_compiled_to(
    chainrule, houses, engine
) -> None:
    words = ("explain", houses, "--compiled", "--engine", engine)
    result = chainrule(*words)
    assert result.exit_code == 0, result.output
    said = result.stdout
    assert said.startswith(f"a training step of {houses}, 16 examples\n\nstep(inputs: ")
    assert f"engine {engine}\n" in said
    assert "\n  share common subexpressions " in said
    assert " a call\n" in said
    answer = json.loads(chainrule(*words, "--json").stdout)
    assert answer["engine"] == engine
    assert answer["timing"]["seconds"] > 0
    assert len(answer["kernels"]) > 1


def test_explain_compiled_goes_with_no_other_output(chainrule, houses) -> None:
    for words, named in ((("--graph",), "--graph"), (("--out", "x.html"), "--out")):
        result = chainrule("explain", houses, "--compiled", *words)
        assert result.exit_code != 0
        assert f"--compiled beside {named}: one at a time" in result.output
