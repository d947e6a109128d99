"""A label that is a name means the same output, in whatever data it comes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import chainrule as cr
from chainrule import data, nn, optim, saving
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DataError,
    FileError,
    ShapeError,
    StateError,
)
from chainrule.training import evaluate, fit, predict
from chainrule.training.callbacks import Checkpoint, EarlyStopping

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)).astype(np.float32)
K = X.argmax(1)
NAMES = np.array(["a", "b", "c"])[K]
WITHOUT_A = K > 0


def trained(targets: Any = NAMES, **settings: Any) -> nn.Module:
    cr.manual_seed(0)
    model = nn.Linear(3, 3)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    fit(model, (X, targets), epochs=40, optimizer=optimizer, progress=False, **settings)
    return model


MODEL = trained()


def accuracy(examples: Any, model: nn.Module = MODEL) -> float:
    return float(evaluate(model, examples)["accuracy"])


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "array of texts": lambda names: names,
    "list": list,
    "objects": lambda names: names.astype(object),
    "np.str_ objects": lambda names: np.array(list(names), dtype=object),
    "categorical": lambda names: pd.Categorical(names),
    "series of categories": lambda names: pd.Series(names, dtype="category"),
    "categories in another order": lambda names: pd.Categorical(
        names, categories=["c", "a", "b"]
    ),
    "pandas texts": lambda names: pd.Series(names, dtype="string"),
    "polars": lambda names: pl.Series(list(names)),
    "polars categories": lambda names: pl.Series(list(names), dtype=pl.Categorical),
    "variable-width texts": lambda names: names.astype(np.dtypes.StringDType()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_set_without_a_class_is_scored_as_its_numbers_are(form: str) -> None:
    part = (X[WITHOUT_A], FORMS[form](NAMES[WITHOUT_A]))
    assert accuracy(part) == accuracy((X[WITHOUT_A], K[WITHOUT_A])) > 0.9


SOURCES: dict[str, Callable[[], Any]] = {
    "pair": lambda: (X[WITHOUT_A], NAMES[WITHOUT_A]),
    "data set": lambda: data.Dataset(X[WITHOUT_A], NAMES[WITHOUT_A]),
    "subset": lambda: data.Dataset(X, NAMES).subset(WITHOUT_A),
    "stream of texts": lambda: data.Stream([(X[WITHOUT_A], NAMES[WITHOUT_A])]),
    "stream of other numbers": lambda: data.Stream(
        [(X[WITHOUT_A], 2 - K[WITHOUT_A])], classes=("c", "b")
    ),
    "other numbers with names": lambda: data.Dataset(
        X[WITHOUT_A], 2 - K[WITHOUT_A], classes=("c", "b")
    ),
    "more names than labels": lambda: data.Dataset(
        X[WITHOUT_A], K[WITHOUT_A] + 1, classes=("z", "a", "b", "c")
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_of_data_counts_by_the_models_names(source: str) -> None:
    assert accuracy(SOURCES[source]()) == accuracy((X[WITHOUT_A], K[WITHOUT_A])) > 0.9


def test_labels_on_disk_count_by_the_models_names(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", 2 - K)
    mapped = data.memory_map(
        tmp_path / "x.npy", tmp_path / "y.npy", classes=("c", "b", "a")
    )
    assert accuracy(mapped) == accuracy((X, K))
    assert accuracy(mapped.subset(WITHOUT_A)) == accuracy((X[WITHOUT_A], K[WITHOUT_A]))


def test_validation_and_early_stopping_see_the_right_classes() -> None:
    cr.manual_seed(0)
    model, stopping = nn.Linear(3, 3), EarlyStopping("validation_accuracy", 100)
    history = fit(
        model, (X, NAMES), validation=(X[WITHOUT_A], NAMES[WITHOUT_A]), epochs=20,
        optimizer="adam", callbacks=[stopping], progress=False,
    )  # fmt: skip
    cr.manual_seed(0)
    twin = nn.Linear(3, 3)
    numbers = fit(
        twin, (X, K), validation=(X[WITHOUT_A], K[WITHOUT_A]), epochs=20,
        optimizer="adam", progress=False,
        callbacks=[EarlyStopping("validation_accuracy", 100)],
    )  # fmt: skip
    assert history["validation_accuracy"] == numbers["validation_accuracy"]
    assert model.class_names == ("a", "b", "c") and twin.class_names is None


def test_training_goes_on_with_a_part_that_lacks_a_class() -> None:
    model = trained()
    fit(model, (X[WITHOUT_A], NAMES[WITHOUT_A]), epochs=1, progress=False)
    assert model.class_names == ("a", "b", "c")
    assert accuracy((X[WITHOUT_A], K[WITHOUT_A]), model) > 0.9


def test_confusion_counts_stand_at_the_models_classes() -> None:
    part = (X[WITHOUT_A], NAMES[WITHOUT_A])
    counts = evaluate(MODEL, part, metrics=["confusion_matrix"])["confusion_matrix"]
    assert counts[0].sum() == 0 and counts[1:].sum() == WITHOUT_A.sum()


@pytest.mark.parametrize("digits", [True, False])
def test_texts_that_spell_numbers_are_names_too(digits: bool) -> None:
    names = np.array([str(k + (0 if digits else 7)) for k in K])
    model = trained(names)
    assert model.class_names == (("0", "1", "2") if digits else ("7", "8", "9"))
    assert accuracy((X[WITHOUT_A], names[WITHOUT_A]), model) > 0.9


def test_numbers_and_booleans_name_no_classes() -> None:
    for labels in (K, K.astype(object), K.astype("uint8"), K % 2 == 0):
        assert trained(labels).class_names is None


def test_objects_are_labels_of_the_kind_that_they_all_are() -> None:
    def read(labels: Any) -> Any:
        return data.Dataset(X[:4], labels)

    assert read(np.array([0, 2, 1, 0], object)).num_classes == 3
    assert read(pd.Series([0, 2, 1, 0], dtype="Int64")).num_classes == 3
    assert read(np.array([True, False, True, True], object)).num_classes == 2
    assert read(pd.Series([True, False, True, True], dtype="boolean")).num_classes == 2
    assert read(np.array([0, 2.5, 1, 0], object)).task == "regression"


def test_predicted_labels_are_names_or_numbers() -> None:
    assert (predict(MODEL, X, labels=True) == NAMES).mean() > 0.9
    assert predict(trained(K), X, labels=True).dtype == np.int64


def test_files_keep_the_names(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    MODEL.save(path)
    assert cr.load(path).class_names == ("a", "b", "c")
    own = nn.Linear(3, 3)
    own.load(path)
    assert accuracy((X[WITHOUT_A], NAMES[WITHOUT_A]), own) > 0.9
    assert MODEL.astype("float64").class_names == ("a", "b", "c")


def test_a_model_without_names_has_the_same_file_as_ever(tmp_path: Path) -> None:
    nn.Linear(3, 3).save(tmp_path / "model.safetensors")
    assert "class_names" not in saving.read(tmp_path / "model.safetensors")[1]


def test_a_damaged_list_of_names_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for names in (["a"], ["a", "a"], [1, 2], "ab", {"a": 1}):
        arrays = MODEL.state_dict()
        MODEL.save(path)
        settings = {**saving.read(path)[1], "class_names": names}
        saving.write(path, arrays, settings)
        for load in (cr.load, nn.Linear(3, 3).load):
            with pytest.raises(FileError, match="class_names"):
                load(path)


def test_a_resumed_run_has_the_names_and_refuses_others(tmp_path: Path) -> None:
    def go(names: Any, epochs: int) -> nn.Module:
        cr.manual_seed(0)
        model = nn.Linear(3, 3)
        fit(
            model, data.Dataset(X, K, classes=names), epochs=epochs, resume="auto",
            callbacks=[Checkpoint(tmp_path)], progress=False,
        )  # fmt: skip
        return model

    go(("a", "b", "c"), 1)
    assert go(("a", "b", "c"), 2).class_names == ("a", "b", "c")
    with pytest.raises(StateError, match="class_names is"):
        go(("c", "b", "a"), 3)


D = np.where(WITHOUT_A, NAMES, "d")
MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: evaluate(MODEL, (X, np.where(K == 2, "e", D))),
        "Dataset 'evaluation data': targets (90,): labels 'd', 'e', first at row 0: "
        "none of the 3 classes that the model knows: 'a', 'b', 'c'",
    ),
    (
        lambda: fit(nn.Linear(3, 3), (X, NAMES), validation=(X, D), progress=False),
        "Dataset 'validation': targets (90,): label 'd', first at row 2: none of the 3 "
        "classes that the model knows: 'a', 'b', 'c'",
    ),
    (
        lambda: fit(trained(), (X, D), progress=False),
        "Dataset 'data': targets (90,): label 'd', first at row 2: none of the 3 "
        "classes that the model knows: 'a', 'b', 'c'",
    ),
    (
        lambda: evaluate(MODEL, data.Stream([(X, D)])),
        "Dataset 'stream, batch 0': targets (90,): label 'd', first at row 2: none of "
        "the 3 classes: 'a', 'b', 'c'",
    ),
    (
        lambda: evaluate(nn.Linear(3, 3), (X, NAMES)),
        "Dataset 'evaluation data': targets (90,): texts, and the model knows no class "
        "names: which of its outputs 'a' means is not known",
    ),
    (
        lambda: evaluate(nn.Linear(3, 3), data.Dataset(X, NAMES)),
        "Dataset 'data': targets (90,): texts, and the model knows no class names: "
        "which of its outputs 'a' means is not known",
    ),
    (
        lambda: fit(trained(K), (X, K), validation=(X, NAMES), progress=False),
        "Dataset 'validation': targets (90,): texts, and the model knows no class "
        "names: which of its outputs 'a' means is not known",
    ),
    (
        lambda: evaluate(MODEL, (X, K + 1)),
        "Dataset 'evaluation data': targets: label 3 for 3 classes at row 0: labels go "
        "from 0 to 2",
    ),
    (
        lambda: data.Dataset(X[:3], np.array(["a", None, "b"], dtype=object)),
        "Dataset 'data': targets (3,): no value at row 1, among texts",
    ),
    (
        lambda: data.Dataset(X[:3], np.array(["a", "b", np.nan], dtype=object)),
        "Dataset 'data': targets (3,): no value at row 2, among texts",
    ),
    (
        lambda: setattr(nn.Linear(3, 3), "class_names", "abc"),
        "class_names='abc': expected two or more texts, one for each output",
    ),
    (
        lambda: setattr(nn.Linear(3, 3), "class_names", ["a", "a"]),
        "class_names: 'a' stands there twice",
    ),
    (
        lambda: predict(nn.Linear(3, 1), X, labels=True),
        "predict: labels=True of outputs (90, 1): expected one output for each class",
    ),
]


@pytest.mark.parametrize(("mistake", "what"), MISTAKES, ids=[m[1] for m in MISTAKES])
def test_a_label_that_means_nothing_is_one_error(
    mistake: Callable[[], Any], what: str
) -> None:
    with pytest.raises(ChainruleError, match=f"^{re.escape(what)}") as caught:
        mistake()
    assert isinstance(caught.value, DataError | ArgumentError | ShapeError)
    assert caught.value.what == what


def test_the_cures_work() -> None:
    model = nn.Linear(3, 3)
    model.class_names = ["a", "b", "c"]
    assert "accuracy" in evaluate(model, (X, NAMES))
    model = trained()
    model.class_names = None
    fit(model, (X, np.where(K == 0, "z", NAMES)), epochs=1, progress=False)
    assert model.class_names == ("b", "c", "z")


def test_several_targets_are_counted_by_name_where_they_were_texts() -> None:
    both = data.Dataset(X[:3], (["c", "b", "c"], np.array([0, 1, 0])))
    numbers = both.with_class_names(("a", "b", "c")).targets
    assert isinstance(numbers, tuple)
    assert [each.tolist() for each in numbers] == [[2, 1, 2], [0, 1, 0]]
