"""``load_run``: a run in Python takes what its table holds, and answers likewise."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

import chainrule as cr
from chainrule.errors import ArgumentError, DataError, FileError
from chainrule.runs import SavedRun
from tests.cli.conftest import call_well


def test_frames_columns_and_files_are_predicted_alike(stays, table) -> None:
    frame = pd.read_csv(table)
    expected = stays.predict(str(table))
    assert expected.labels.dtype == np.int64  # as pandas has the column
    assert np.mean(expected.labels == frame.stays) > 0.9
    columns = {name: frame[name].tolist() for name in frame.columns}
    for given in (table, frame, pl.read_csv(table), columns):
        said = stays.predict(given)
        np.testing.assert_array_equal(said.labels, expected.labels)
        np.testing.assert_allclose(said.probabilities, expected.probabilities)
    np.testing.assert_allclose(expected.probabilities.sum(axis=1), 1)


def test_python_and_the_command_predict_the_same(stays, spent, table, tmp_path) -> None:
    for run in (stays, spent):
        out = tmp_path / "p.csv"
        call_well("predict", run.path, table, "--out", out)
        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        said = run.predict(table).to_dict()
        assert list(rows[0]) == ["row", *said]
        for name, values in said.items():
            written = [float(row[name]) for row in rows]
            np.testing.assert_allclose(written, values.astype(float), atol=1e-6,
                                       rtol=1e-6)  # fmt: skip


def test_amounts_are_in_the_units_of_the_table(spent, table) -> None:
    frame = pd.read_csv(table)
    values = spent.predict(frame).values
    assert 40 < values.mean() < 100
    assert spent.evaluate(frame)["rmse"] == pytest.approx(
        np.sqrt(np.mean((values - frame.spent) ** 2)), rel=1e-5
    )


def test_a_frame_is_made_of_predictions(stays, table) -> None:
    made = pd.DataFrame(stays.predict(table).to_dict())
    assert list(made.columns) == ["predicted_stays", "p_0", "p_1"]
    assert len(made) == 300


def test_evaluate_gives_the_scores_of_training_and_the_constants_of_others(
    stays, table
) -> None:
    own = stays.evaluate()
    stored = stays.metrics
    assert {name: own[name] for name in stored["test"]} == stored["test"]
    assert own["baselines"] == stored["baselines"]
    other = stays.evaluate(pd.read_csv(table).head(20))
    assert other["examples"] == 20
    assert list(other["baselines"]) == ["commonest_class"]


def test_a_run_knows_its_parts(stays, spent, table) -> None:
    assert (stays.task, stays.target, stays.classes) == (
        "classification", "stays", ("0", "1")
    )  # fmt: skip
    assert "number" not in spent.columns
    assert spent.classes == ()
    assert len(stays.history) == stays.metrics["epochs"]
    assert stays.settings.training.epochs == 12
    assert isinstance(stays.model, cr.nn.Module)
    parts = stays.examples
    sizes = [len(part) for part in (parts.train, parts.validation, parts.test)]
    assert sum(sizes) == 300
    assert repr(stays).startswith(f"run {stays.path}: classification of 'stays'\n")


def test_columns_of_a_row_are_read_back_from_its_numbers(stays, table) -> None:
    """Every kind of column: numbers, gaps, dates, booleans, categories."""
    known = set()
    with table.open(newline="") as file:
        for each in csv.DictReader(file):
            each["age"] = each["age"] or "missing"
            each["spent"] = f"{float(each['spent']):g}"
            known.add(tuple(each[name] for name in stays.columns))
    for row in range(60):
        columns = stays.example(row).columns
        assert tuple(name for name, _ in columns) == stays.columns
        assert tuple(value for _, value in columns) in known


def test_new_rows_are_explained_with_and_without_a_target(stays, spent) -> None:
    row = {"number": 5, "sex": "female", "age": None, "joined": "2020-01-11",
           "member": "no", "town": "Paris", "spent": 80.0}  # fmt: skip
    assert dict(stays.example(row).columns)["town"] == "another"
    opened = stays.explain(row)
    assert "true" not in opened.title
    assert "predicted '1' with probability" in opened.title
    opened = stays.explain({**row, "stays": 0})
    assert "stays '0', predicted '1' with probability" in opened.title
    assert opened.title.endswith("wrong; shown: network 1 of 8")
    assert stays.explain(row, target=0).title == opened.title
    del row["spent"], row["number"]
    row["stays"] = 1
    value = spent.predict({name: [each] for name, each in row.items()}).values[0]
    opened = spent.explain(row)
    assert f"spent predicted {value:.6g}; shown: network 1 of 8" in opened.title
    assert opened.layers[0].grad_W.any()


def test_images_in_files_folders_and_arrays_are_predicted_alike(tmp_path) -> None:
    source = np.random.default_rng(0)
    for name, level in (("dark", 30), ("light", 220)):
        (tmp_path / "all" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(source.normal(level, 9, (16, 16)), 0, 255)
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(tmp_path / "all" / name / f"{number}.png")
    words = ("--model", "mlp", "--size", 16, "--epochs", 60, "--dropout", 0)
    call_well("train", tmp_path / "all", *words, "--out", tmp_path / "r")
    run = cr.load_run(tmp_path / "r")
    folder = run.predict(tmp_path / "all" / "dark")
    assert set(folder.labels) == {"dark"}
    files = sorted((tmp_path / "all" / "dark").iterdir())
    assert run.predict(files[:3]).files == tuple(map(str, files[:3]))
    one = run.predict(str(files[0]))
    np.testing.assert_allclose(one.probabilities, folder.probabilities[:1], rtol=1e-5)
    channels = run.settings.image_shape[2]
    pixels = np.asarray(Image.open(files[0]), dtype=np.float32)[..., None] / 255
    array = np.repeat(pixels, channels, axis=2)
    for given in (array, array[None]):
        said = run.predict(given)
        np.testing.assert_allclose(said.probabilities, one.probabilities, rtol=1e-4)
    assert run.evaluate(tmp_path / "all")["accuracy"] > 0.9
    assert "dark" in run.explain(files[0]).title


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((3, 7)), "array (3, 7): the network was trained on columns with "
                           "names"),
        ({"sex": ["male"]}, "table: 6 columns of the training data missing: 'number', "
                            "'age', 'joined', 'member', 'town', 'spent'"),
        ("photo.jpg", "photo.jpg: images, but the network was trained on the columns "
                      "of a table"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_one_error(stays, given, message) -> None:
    with pytest.raises(DataError) as raised:
        stays.predict(given)
    assert raised.value.what == message


def test_mistakes_name_what_is_meant(stays, spent, table) -> None:
    with pytest.raises(ArgumentError, match=r"rows 0 to 59"):
        stays.explain(60)
    with pytest.raises(ArgumentError, match="has a target of its own"):
        stays.explain(3, target=1)
    with pytest.raises(DataError, match="explain: 300 rows: one example"):
        stays.explain(table)
    with pytest.raises(ArgumentError, match="trained for classification of 'stays'"):
        _ = stays.predict(table).values
    with pytest.raises(ArgumentError, match="trained for regression of 'spent'"):
        _ = spent.predict(table).labels


def test_the_file_of_a_network_and_the_folder_of_a_run_are_told_apart(stays) -> None:
    with pytest.raises(FileError) as raised:
        cr.load(stays.path)
    assert raised.value.what == (
        f"load: {stays.path}: the folder of a run, and not the file of a network"
    )
    assert str(raised.value.fix).startswith("cr.load_run(")
    with pytest.raises(FileError, match="a file, not the folder of a run"):
        cr.load_run(stays.path / "model.safetensors")
    with pytest.raises(FileError, match="no such run"):
        cr.load_run(Path("nowhere"))


def test_a_run_that_was_stopped_has_no_scores_yet(stays, tmp_path) -> None:
    for name in ("settings.json", "model.safetensors", "history.json"):
        (tmp_path / name).write_bytes((stays.path / name).read_bytes())
    run: SavedRun = cr.load_run(tmp_path)
    assert run.metrics == {}
    assert "accuracy" not in repr(run)


def test_explain_names_columns_and_classes_and_is_titled_with_row_and_truth(
    stays, tmp_path
) -> None:
    opened = stays.explain(4)
    example = stays.example(4)
    value = dict(example.columns)["sex"]
    assert f"[sex = {value}]" in opened.html()
    assert [row[:2] for row in opened.facts[1:]] == example.columns
    pulls = {name: float(pull.replace("−", "-")) for name, _, pull in opened.facts[1:]}
    whole = float((example.inputs * opened.gradient("x")).sum())
    assert sum(pulls.values()) == pytest.approx(whole, rel=0.02, abs=1e-3)
    assert opened.title.startswith("stays, row 4 of the test data: stays '")
    out = tmp_path / "page.html"
    call_well("explain", stays.path, "--row", 4, "--out", out)
    page = out.read_text(encoding="utf-8")
    assert f"<h1>{opened.title.replace(chr(39), '&#x27;')}</h1>" in page
    assert "site-packages" not in page
    assert "click" not in page.replace("clicked", "").lower().split("<script>")[0]


def test_latest_is_the_newest_run_that_was_trained(
    stays, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("trained", "begun"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        for file in ("settings.json", "model.safetensors"):
            (tmp_path / "runs" / name / file).write_bytes(
                (stays.path / file).read_bytes()
            )
    (tmp_path / "runs" / "begun" / "model.safetensors").unlink()
    assert cr.load_run("latest").path == Path("runs/trained")
    (tmp_path / "runs" / "trained" / "model.safetensors").unlink()
    with pytest.raises(FileError, match="there is no trained run in the folder 'runs'"):
        cr.load_run("latest")
