"""Tables: kinds and tasks are recognised, transformed, saved and applied again."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainrule import data
from chainrule.errors import ArgumentError, DataError, OptionError

Write = Callable[..., Path]
RANDOM = np.random.default_rng(0)


def houses(n: int = 60) -> dict[str, list[object]]:
    """A table with every kind of column."""
    areas = np.random.default_rng(1).normal(90, 20, n)
    return {
        "id": list(range(n)),
        "area": [float(a) if i % 7 else None for i, a in enumerate(areas)],
        "town": [("Rome", "Oslo", None)[i % 3] for i in range(n)],
        "garden": [bool(i % 2) for i in range(n)],
        "built": [f"19{50 + i % 40}-06-01" for i in range(n)],
        "owner": [f"owner {i}" for i in range(n)],
        "country": ["here"] * n,
        "price": [100 + 2.5 * i for i in range(n)],
    }  # fmt: skip


class TestRecognition:
    def test_every_kind_is_recognised_and_every_choice_is_said(self) -> None:
        table = data.read_table(houses(), "price")
        assert table.kinds == {
            "area": "numeric",
            "town": "categorical",
            "garden": "boolean",
            "built": "date",
        }
        assert table.explanation == (
            "'price' holds 60 different numbers (100 to 247.5): regression; "
            "task='classification' changes that. "
            "'id' is left out: it counts the rows; keep=('id',) uses it. "
            "'owner' is left out: 60 different texts in 60 rows, an identifier; "
            "keep=('owner',) uses it. "
            "'country' is left out: it is 'here' in every row."
        )
        assert "1 numeric, 1 categorical, 1 boolean, 1 date → 'price'" in repr(table)

    @pytest.mark.parametrize(
        ("target", "task"),
        [
            (["a", "b", "a", "c"] * 10, "classification"),
            ([True, False] * 20, "classification"),
            (["yes", "no"] * 20, "classification"),
            ([0, 1] * 20, "classification"),
            ([3, 4, 5, 6, 7, 8, 5, 6] * 5, "classification"),
            (list(range(40)), "regression"),
            (list(range(10)) * 4, "regression"),
            ([0.5, 1.5] * 20, "regression"),
            ([-3, 800, 21, 13, 9, 10, 77, 54] * 5, "classification"),
        ],
    )
    def test_the_task_is_recognised(self, target: list[object], task: str) -> None:
        frame = {"x": RANDOM.normal(size=40), "y": target}
        table = data.read_table(frame, "y")
        assert table.task == task and task in table.explanation
        assert table.dataset().task == task

    def test_the_task_can_be_chosen(self) -> None:
        frame = {"x": RANDOM.normal(size=40), "y": [0, 1] * 20}
        table = data.read_table(frame, "y", task="regression")
        assert table.task == "regression"
        assert table.explanation == "'y' is predicted by regression, as asked."

    def test_kinds_and_columns_can_be_chosen(self) -> None:
        table = data.read_table(
            houses(), "price", kinds={"id": "numeric"}, drop=("town", "built")
        )
        assert list(table.kinds) == ["id", "area", "garden"]

    def test_rows_without_a_target_are_left_out_aloud(self) -> None:
        frame = {"x": [1, 2, 3, 4], "y": [1.5, None, 3.5, 2.5]}
        table = data.read_table(frame, "y")
        assert len(table) == 3
        assert table.notes[0] == "1 row is left out: without a value of 'y'."

    def test_a_table_of_inputs_alone_has_no_task(self) -> None:
        table = data.read_table({"x": [1, 2, 4], "c": ["a", "b", "a"]})
        assert table.dataset().targets is None and table.task == "none"

    def test_many_categories_are_cut_to_the_most_frequent(self) -> None:
        texts = [f"c{min(i % 150, 149)}" for i in range(600)] + ["c7"] * 50
        frame = {"c": texts, "y": RANDOM.normal(size=650)}
        table = data.read_table(frame, "y")
        assert len(table.transform.feature_names) == 100
        assert "c=c7" in table.transform.feature_names
        assert "'c' keeps its 100 most frequent categories." in table.notes


class TestTransform:
    def test_numbers_are_standardised_and_missing_ones_marked(self) -> None:
        fitted = data.TableTransform.fit({"a": [1.0, 3.0, None, 5.0]})
        assert fitted.feature_names == ("a", "a is missing")
        scaled = fitted.transform({"a": [3.0, None, 3 + (8 / 3) ** 0.5]})
        np.testing.assert_allclose(scaled, [[0, 0], [0, 1], [1, 0]], atol=1e-7)

    def test_categories_become_one_hot_and_missing_is_one_of_them(self) -> None:
        fitted = data.TableTransform.fit({"c": ["b", "a", None, "10", "9"]})
        assert fitted.feature_names == ("c=9", "c=10", "c=a", "c=b", "c is missing")
        rows = fitted.transform({"c": ["a", None, "never seen"]})
        assert rows.tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]

    def test_a_category_has_one_name_in_every_format(self) -> None:
        fitted = data.TableTransform.fit({"c": [1, 2, 2]}, kinds={"c": "categorical"})
        assert fitted.feature_names == ("c=1", "c=2")
        assert fitted.transform({"c": ["2", "1"]}).tolist() == [[0, 1], [1, 0]]

    def test_booleans_in_every_spelling(self) -> None:
        fitted = data.TableTransform.fit({"b": ["Yes", "no", "yes", None]})
        rows = fitted.transform({"b": ["NO", "true", 1, None]})
        np.testing.assert_allclose(
            rows, [[0, 0], [1, 0], [1, 0], [2 / 3, 1]], atol=1e-7
        )

    def test_further_columns_their_order_and_the_target_do_not_matter(self) -> None:
        table = data.read_table(houses(), "price")
        new = {"zzz": [1], "built": ["1960-06-01"], "garden": [True], "town": ["Rome"],
               "area": [80.0]}  # fmt: skip
        assert table.transform.transform(new).shape == (1, 7)

    def test_predictions_come_back_in_the_units_of_the_table(self) -> None:
        table = data.read_table(houses(), "price")
        targets = table.dataset().targets
        assert isinstance(targets, np.ndarray) and targets.shape == (60, 1)
        np.testing.assert_allclose([targets.mean(), targets.std()], [0, 1], atol=1e-6)
        back = table.transform.inverse_target(targets)
        np.testing.assert_allclose(back.ravel(), houses()["price"], rtol=1e-6)

    def test_labels_come_back_as_the_names_of_the_classes(self) -> None:
        frame = {"x": [1, 2, 4, 8], "y": ["b", "a", "b", "a"]}
        table = data.read_table(frame, "y")
        np.testing.assert_array_equal(table.dataset().targets, [1, 0, 1, 0])
        back = table.transform.inverse_target(np.array([1, 0]))
        assert back.tolist() == ["b", "a"]

    def test_classes_of_numbers_are_in_numerical_order(self) -> None:
        frame = {"x": RANDOM.normal(size=60), "y": [9, 10, 11] * 20}
        assert data.read_table(frame, "y").transform.classes == ("9", "10", "11")

    def test_json_gives_back_the_same_transformation(self, write: Write) -> None:
        fitted = data.read_table(houses(), "price").transform
        text = json.dumps(fitted.to_json(), allow_nan=False)
        again = data.TableTransform.from_json(json.loads(text))
        assert again == fitted
        path = write(pd.DataFrame(houses()).to_csv(index=False))
        np.testing.assert_array_equal(again.transform(path), fitted.transform(houses()))
        np.testing.assert_array_equal(
            again.transform_target(path), fitted.transform_target(houses())
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"format": "other"},
            {"columns": 3},
            {"columns": [{"name": "a"}]},
            {"columns": [{"name": "a", "kind": "magic"}]},
            {"columns": [{"name": "a", "kind": "numeric", "std": 0.0}]},
            {"columns": [{"name": "a", "kind": "numeric", "mean": "0"}]},
            {"columns": [{"name": "a", "kind": "numeric", "surprise": 1}]},
            {"columns": [{"name": "a", "kind": "categorical", "categories": [1]}]},
            {"target": {"name": "y", "task": "dance"}},
            {"target": []},
        ],
    )
    def test_json_of_another_kind_is_one_error(self, change: dict[str, object]) -> None:
        values = data.TableTransform.fit({"a": [1, 2]}).to_json() | change
        with pytest.raises(DataError, match="not a table transform"):
            data.TableTransform.from_json(values)

    @example([0.0, 5e-324])  # half of the least number there is: 0
    @given(
        st.lists(
            st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(0.0)),
            min_size=2,
            max_size=30,
        )
    )
    def test_any_column_of_numbers_becomes_finite_numbers(
        self, values: list[float | None]
    ) -> None:
        try:
            fitted = data.TableTransform.fit({"a": values})
        except DataError as error:
            assert "no column is left" in error.what or "no rows" in error.what
        else:
            assert np.isfinite(fitted.transform({"a": values})).all()


class TestSplit:
    def test_the_transformation_is_fitted_on_the_training_part_alone(self) -> None:
        split = data.read_table(houses(), "price").split(0.25, 0.25)
        assert [len(part) for part in split] == [30, 15, 15]
        x = np.asarray(split.train.inputs)
        assert abs(x[:, 0].mean()) < 1e-6
        assert abs(np.asarray(split.test.inputs)[:, 0].mean()) > 1e-6
        assert split.train.feature_names == split.test.feature_names
        assert isinstance(split.transform, data.TableTransform)

    def test_classes_are_shared_out_evenly_and_known_to_all_parts(self) -> None:
        frame = {"x": RANDOM.normal(size=100), "y": ["a"] * 80 + ["b"] * 20}
        split = data.read_table(frame, "y").split(0.2)
        assert np.bincount(np.asarray(split.test.targets)).tolist() == [16, 4]
        assert split.train.classes == split.test.classes == ("a", "b")

    def test_the_seed_decides(self) -> None:
        table = data.read_table(houses(), "price")
        first, again, other = (table.split(seed=s).test.targets for s in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_a_real_table_is_learned_by_least_squares(self, tmp_path: Path) -> None:
        from sklearn.datasets import load_diabetes

        frame = load_diabetes(as_frame=True, scaled=False).frame
        frame.to_csv(tmp_path / "diabetes.csv", index=False)
        split = data.read_table(tmp_path / "diabetes.csv", "target").split()
        x, y = np.asarray(split.train.inputs), np.asarray(split.train.targets)
        weight = np.linalg.lstsq(x, y, rcond=None)[0]
        error = np.asarray(split.test.inputs) @ weight - np.asarray(split.test.targets)
        assert 0.35 < 1 - error.var() / np.asarray(split.test.targets).var() < 0.65


def test_wrong_arguments_are_one_error() -> None:
    with pytest.raises(OptionError, match="unknown task 'classify'"):
        data.read_table(houses(), "price", task="classify")
    with pytest.raises(OptionError, match="unknown kind of column 'area'"):
        data.read_table(houses(), "price", kinds={"area": "number"})
    with pytest.raises(DataError, match="no column 'aera'"):
        data.read_table(houses(), "price", drop=("aera",))
    with pytest.raises(ArgumentError, match="the target 'price' is not an input"):
        data.read_table(houses(), "price", drop=("price",))
    with pytest.raises(ArgumentError, match="without a target"):
        data.read_table(houses(), task="regression")
    with pytest.raises(ArgumentError, match="fitted without a target"):
        data.TableTransform.fit({"a": [1, 2]}).inverse_target(np.zeros(1))
    with pytest.raises(ArgumentError, match="expected a path, frame or mapping"):
        data.read_table([[1, 2]], "price")


def test_a_rule_keeps_gaps_range_and_words_of_its_column() -> None:
    frame = {
        "a": [3.0, None, 1.5, 9.0],
        "b": ["Yes", "no", None, "no"],
        "c": ["x", None, "y", "x"],
        "d": ["2020-01-02", "2020-01-01", None, None],
    }
    a, b, c, d = data.TableTransform.fit(frame).columns
    assert (a.gaps, a.low, a.high) == (1, 1.5, 9.0)
    assert (b.gaps, b.low, b.high, b.categories) == (1, 0.0, 1.0, ("no", "Yes"))
    assert (c.gaps, c.low, c.categories) == (1, None, ("x", "y"))
    assert (d.gaps, d.low, d.high) == (2, 18262.0, 18263.0)


@pytest.mark.parametrize(
    "change", [{"low": "1"}, {"high": float("nan")}, {"gaps": None}, {"form": 3}]
)
def test_a_rule_with_a_damaged_range_is_refused(change: dict[str, object]) -> None:
    values = data.TableTransform.fit({"a": [1, 2]}).to_json()
    values["columns"][0] |= change
    with pytest.raises(DataError, match="not a table transform"):
        data.TableTransform.from_json(values)
