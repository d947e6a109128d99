"""Data sets keep what they are given, number classes, and read lazily from disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.errors import ArgumentError, DataError, FileError

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    "inputs",
    [
        X,
        X.tolist(),
        X.astype(np.float32),
        X.astype(np.int16),
        X[::-1],
        np.asfortranarray(X),
        pd.DataFrame(X, columns=["a", "b"]),
        pl.DataFrame(X, schema=["a", "b"]),
        X.astype(object),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_array_like_gives_the_same_values(inputs: object) -> None:
    examples = data.Dataset(inputs, Y)
    expected = np.asarray(inputs, dtype=np.float64)
    np.testing.assert_array_equal(examples.inputs, expected)
    assert len(examples) == 6


def test_float64_and_float32_are_kept_without_a_copy() -> None:
    for dtype in (np.float32, np.float64):
        x = X.astype(dtype)
        assert np.shares_memory(data.Dataset(x, Y).inputs, x)


def test_frames_give_their_columns_as_feature_names() -> None:
    frame = pd.DataFrame(X, columns=["height", "age"])
    assert data.Dataset(frame, Y).feature_names == ("height", "age")


@pytest.mark.parametrize(
    ("targets", "task", "num_classes"),
    [
        (Y, "classification", 3),
        (Y.astype(np.uint8), "classification", 3),
        (Y > 0, "classification", 2),
        (list("abcabc"), "classification", 3),
        (pd.Series(list("abcabc"), dtype="category"), "classification", 3),
        (pl.Series(list("abcabc")), "classification", 3),
        (Y / 2, "regression", None),
        (X, "regression", None),
        (None, "none", None),
    ],
)
def test_the_task_is_recognised_from_the_targets(
    targets: object, task: str, num_classes: int | None
) -> None:
    examples = data.Dataset(X, targets)
    assert (examples.task, examples.num_classes) == (task, num_classes)


def test_integer_amounts_are_floats_when_regression_is_asked_for() -> None:
    examples = data.Dataset(X, [-5, 3, 3, 8, 9, 1000], task="regression")
    assert isinstance(examples.targets, np.ndarray)
    assert examples.targets.dtype == np.float64


def test_texts_are_numbered_in_alphabetical_order() -> None:
    examples = data.Dataset(X, ["dog", "cat", "dog", "ant", "cat", "ant"])
    assert examples.classes == ("ant", "cat", "dog")
    np.testing.assert_array_equal(examples.targets, [2, 1, 2, 0, 1, 0])


def test_class_distributions_are_targets_of_a_classification() -> None:
    rows = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert data.Dataset(X[:2], rows, classes=("a", "b")).num_classes == 2


@pytest.mark.parametrize(
    "index", [2, slice(1, 4), [4, 0, 4], Y > 0, np.array([5]), -1], ids=repr
)
def test_indexing_is_numpys(index: object) -> None:
    inputs, targets = data.Dataset(X, Y)[index]
    np.testing.assert_array_equal(inputs, X[index])
    np.testing.assert_array_equal(targets, Y[index])


def test_several_inputs_and_targets_stay_tuples() -> None:
    examples = data.Dataset((X, Y), (X[:, :1], Y / 2))
    inputs, targets = examples.take(np.array([3, 1]))
    assert [part.shape for part in inputs] == [(2, 2), (2,)]
    assert targets is not None
    assert [part.shape for part in targets] == [(2, 1), (2,)]


def test_a_subset_keeps_the_number_of_classes_of_the_whole() -> None:
    part = data.Dataset(X, Y).subset([0, 1, 3])
    assert (len(part), part.num_classes) == (3, 3)


def test_a_subset_of_one_class_is_allowed() -> None:
    assert len(data.Dataset(X, Y).subset(Y == 1)) == 2


def test_images_have_the_recorded_shape() -> None:
    examples = data.Dataset(np.arange(24.0).reshape(2, 12), image_shape=(2, 2, 3))
    assert examples.images().shape == (2, 2, 2, 3)
    with pytest.raises(DataError, match="does not hold images"):
        data.Dataset(X).images()


def test_the_repr_says_what_is_in_it() -> None:
    examples = data.Dataset(X, list("abcabc"), name="letters")
    assert repr(examples) == (
        "Dataset 'letters': 6 examples · inputs (2,) float64 · 3 classes: a, b, c"
    )


def test_as_dataset_takes_what_fit_takes() -> None:
    examples = data.Dataset(X, Y)
    split = data.Split(examples, examples.subset([0]))
    assert data.as_dataset(examples) is examples
    assert data.as_dataset(split) is examples
    assert data.as_dataset((X, Y)).task == "classification"
    assert data.as_dataset(X).task == "none"
    for wrong in ("digits", {"x": X}, (X, Y, Y, Y)):
        with pytest.raises(ArgumentError):
            data.as_dataset(wrong)


def test_a_split_unpacks_in_the_order_of_use() -> None:
    whole = data.Dataset(X, Y)
    assert list(data.Split(whole, whole)) == [whole, whole]
    assert len(list(data.Split(whole, whole, whole))) == 3


@given(
    st.integers(1, 30), st.integers(1, 7), st.sampled_from([np.nan, np.inf, -np.inf])
)
def test_the_first_bad_value_is_named_wherever_it_is(
    rows: int, columns: int, value: float
) -> None:
    x = np.zeros((rows, columns))
    x[rows // 2, columns // 2] = value
    x[-1, -1] = value
    place = f"row {rows // 2}, column {columns // 2}:"
    with pytest.raises(DataError, match=place):
        data.Dataset(x)


def test_a_bad_value_beyond_the_first_chunk_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chainrule.data.validation.CHUNK_ELEMENTS", 10)
    x = np.zeros((100, 3))
    x[97, 1] = np.nan
    with pytest.raises(DataError, match="row 97, column 1"):
        data.Dataset(x)


class TestMemoryMap:
    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path]:
        x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "y.npy", np.arange(50) % 4)
        return tmp_path / "x.npy", tmp_path / "y.npy"

    def test_batches_are_those_of_the_array_in_memory(
        self, files: tuple[Path, Path]
    ) -> None:
        mapped = data.memory_map(*files, classes=4)
        loaded = data.Dataset(np.load(files[0]), np.load(files[1]), classes=4)
        pairs = zip(data.batches(mapped, 8), data.batches(loaded, 8), strict=True)
        for (x, y), (u, v) in pairs:
            np.testing.assert_array_equal(x, u)
            np.testing.assert_array_equal(y, v)
            assert type(x) is np.ndarray

    def test_nothing_is_read_before_a_batch_is_taken(self, tmp_path: Path) -> None:
        x = np.zeros((50, 3))
        x[37, 1] = np.nan
        np.save(tmp_path / "x.npy", x)
        mapped = data.memory_map(tmp_path / "x.npy")
        in_order = data.batches(mapped, 10, shuffle=False)
        for _ in range(3):
            next(in_order)
        with pytest.raises(DataError, match="nan at row 37, column 1"):
            next(in_order)

    def test_a_subset_stays_on_disk_and_names_the_original_row(
        self, tmp_path: Path
    ) -> None:
        np.save(tmp_path / "x.npy", np.zeros((50, 3)))
        np.save(tmp_path / "y.npy", np.where(np.arange(50) == 37, 9, 1))
        part = data.memory_map(tmp_path / "x.npy", tmp_path / "y.npy", classes=4)
        part = part.subset(np.arange(30, 50)).subset(slice(5, None))
        assert part.lazy and len(part) == 15
        with pytest.raises(DataError, match="label 9 for 4 classes at row 37"):
            list(data.batches(part, 4))

    def test_the_number_of_classes_is_that_of_the_labels(
        self, files: tuple[Path, Path]
    ) -> None:
        assert data.memory_map(*files).num_classes == 4

    def test_broken_files_are_one_file_error(self, files: tuple[Path, Path]) -> None:
        whole = files[0].read_bytes()
        archive = files[0].with_suffix(".npz")
        np.savez(archive, x=np.zeros(3))
        objects = files[0].with_name("o.npy")
        np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
        for length in (0, 5, 60, 200):
            files[0].write_bytes(whole[:length])
            with pytest.raises(FileError, match=r"not a whole \.npy file"):
                data.memory_map(files[0])
        with pytest.raises(FileError, match="cannot be mapped"):
            data.memory_map(archive)
        with pytest.raises(FileError, match=r"not a whole \.npy file"):
            data.memory_map(objects)
        with pytest.raises(FileError, match="no such file"):
            data.memory_map("nowhere.npy")
