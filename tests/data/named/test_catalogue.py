"""Named data sets are the published ones: shapes, ranges, splits and known figures."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule import data
from chainrule.config import config
from chainrule.data.datasets import Split
from chainrule.data.named import image_sets, uci
from chainrule.errors import ArgumentError, FileError, OptionError

SIZES = {
    "digits": (1438, 359, (64,), 10),
    "iris": (120, 30, (4,), 3),
    "wine": (142, 36, (13,), 3),
    "breast-cancer": (455, 114, (30,), 2),
    "diabetes": (354, 88, (10,), None),
    "mnist": (60000, 10000, (784,), 10),
    "fashion-mnist": (60000, 10000, (784,), 10),
    "cifar-10": (10000, 10000, (3072,), 10),  # one of its five batches
    "usps": (7291, 2007, (256,), 10),
    "optdigits": (3823, 1797, (64,), 10),
    "pendigits": (7494, 3498, (16,), 10),
    "uci/boston": (455, 51, (13,), None),
    "uci/concrete": (927, 103, (8,), None),
    "uci/energy": (691, 77, (8,), None),
    "uci/kin8nm": (7373, 819, (8,), None),
    "uci/naval": (10741, 1193, (16,), None),
    "uci/power": (8611, 957, (4,), None),
    "uci/protein": (41157, 4573, (9,), None),
    "uci/wine-red": (1439, 160, (11,), None),
    "uci/yacht": (277, 31, (6,), None),
}
EMBEDDED = ("digits", "iris", "wine", "breast-cancer", "diabetes")


def arrays(split: Split) -> list[np.ndarray]:
    parts = (
        split.train.inputs,
        split.train.targets,
        split.test.inputs,
        split.test.targets,
    )
    return [np.asarray(part) for part in parts]


def test_the_catalogue_is_complete() -> None:
    assert set(data.names()) == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_sizes_ranges_and_origin(name: str, request: pytest.FixtureRequest) -> None:
    if name not in EMBEDDED:
        request.getfixturevalue("real_data")
    split = data.load(name)
    n, m, shape, classes = SIZES[name]
    x, y, u, v = arrays(split)
    assert (x.shape, u.shape) == ((n, *shape), (m, *shape))
    assert x.dtype == u.dtype == np.float32
    assert split.train.num_classes == split.test.num_classes == classes
    assert split.source and split.licence and split.description and split.published
    assert name in repr(split)
    if split.train.image_shape is not None:
        assert (x.min(), x.max()) == (0, 1)
        assert split.train.images().shape == (n, *split.train.image_shape)
    else:
        np.testing.assert_allclose(x.mean(0), 0, atol=1e-4)
    if classes is None:
        assert y.shape == (n, 1) and y.dtype == np.float32
        assert abs(y.std() - 1) < 1e-4
        assert split.transform is not None
    else:
        assert set(np.unique(y)) == set(range(classes)) and v.dtype == np.int64


def in_a_fresh_process(code: str) -> str:
    """What a program prints that has imported nothing before."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return done.stdout.strip()


def test_a_part_is_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from chainrule import data;"
        "x = data.load('digits').test.inputs;"
        "print(hashlib.sha256(x.tobytes()).hexdigest())"
    )
    here = np.asarray(data.load("digits").test.inputs)
    assert in_a_fresh_process(code) == hashlib.sha256(here.tobytes()).hexdigest()


def test_importing_the_room_imports_no_heavy_package() -> None:
    heavy = ["sklearn", "pandas", "polars", "pyarrow", "matplotlib", "rich", "scipy"]
    code = (
        f"import sys, chainrule.data; print([m for m in {heavy} if m in sys.modules])"
    )
    assert in_a_fresh_process(code) == "[]"


def test_embedded_sets_need_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "data_folder", None)
    for name in EMBEDDED:
        data.load(name)


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x, y, u, v = arrays(data.load("digits"))
    ours = {(row.tobytes(), label) for row, label in zip(x, y, strict=True)}
    ours |= {(row.tobytes(), label) for row, label in zip(u, v, strict=True)}
    theirs = (bunch.data / 16).astype(np.float32)
    assert ours == {(r.tobytes(), t) for r, t in zip(theirs, bunch.target, strict=True)}


def test_images_can_be_had_unflattened() -> None:
    flat, whole = data.load("digits"), data.load("digits", flatten=False)
    assert np.asarray(whole.train.inputs).shape == (1438, 8, 8, 1)
    np.testing.assert_array_equal(whole.train.images(), flat.train.images())


def test_validation_is_taken_from_the_training_part() -> None:
    whole, parted = data.load("digits"), data.load("digits", validation=0.1)
    assert parted.validation is not None
    assert len(parted.train) + len(parted.validation) == len(whole.train)
    np.testing.assert_array_equal(parted.test.inputs, whole.test.inputs)
    assert parted.validation.name == "digits/validation"


def test_the_transformation_gives_the_original_units_back() -> None:
    raw = data.load("diabetes", standardise=False)
    scaled = data.load("diabetes")
    assert scaled.transform is not None and raw.transform is None
    np.testing.assert_allclose(
        scaled.transform.inverse_target(np.asarray(scaled.test.targets)),
        raw.test.targets,
        rtol=1e-5,
    )


def test_least_squares_on_diabetes_has_the_published_r2() -> None:
    x, y, u, v = arrays(data.load("diabetes", standardise=False))
    x, y = np.concatenate([x, u]).astype(np.float64), np.concatenate([y, v])
    design = np.column_stack([x, np.ones(len(x))])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert round(1 - float(residual.var() / y.var()), 3) == 0.518


@pytest.mark.usefixtures("real_data")
class TestRealFiles:
    def test_mnist_has_its_known_mean_and_deviation(self) -> None:
        x = np.asarray(data.load("mnist").train.inputs)
        assert round(float(x.mean(dtype=np.float64)), 4) == 0.1307
        assert round(float(x.std(dtype=np.float64)), 4) == 0.3081

    def test_optdigits_test_part_is_the_digits_of_scikit_learn(self) -> None:
        from sklearn.datasets import load_digits

        u = np.asarray(data.load("optdigits").test.inputs)
        np.testing.assert_array_equal(u * 16, load_digits().data)

    @pytest.mark.parametrize(
        ("name", "accuracy"),
        [("pendigits", 97.74), ("optdigits", 98.00), ("usps", 94.37)],
    )
    def test_the_nearest_neighbour_has_its_published_accuracy(
        self, name: str, accuracy: float
    ) -> None:
        x, y, u, v = arrays(data.load(name, standardise=False))
        x, u = x.astype(np.float64), u.astype(np.float64)
        nearest = np.argmin((x**2).sum(1) - 2 * u @ x.T, axis=1)
        assert round(100 * float(np.mean(y[nearest] == v)), 2) == accuracy

    @pytest.mark.parametrize("name", uci.TABLES)
    def test_splits_are_the_published_lists(self, name: str, real_data: Path) -> None:
        table = uci.TABLES[name]
        folder = real_data / "uci-regression" / table.folder
        n = sum(SIZES[name][:2])
        for split in (0, 1, table.num_splits - 1):
            listed = np.loadtxt(folder / f"index_test_{split}.txt").astype(int)
            np.testing.assert_array_equal(uci.published_rows(n, split)[1], listed)
        target = int(float((folder / "index_target.txt").read_text()))
        assert table.num_features == target

    def test_another_split_holds_other_rows(self) -> None:
        first = data.load("uci/yacht", split=0, standardise=False).test.inputs
        other = data.load("uci/yacht", split=1, standardise=False).test.inputs
        assert not np.array_equal(first, other)

    def test_a_raw_copy_without_gz_is_read_too(
        self, real_data: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import gzip

        packed = real_data / "uci-regression/yacht/data.txt.gz"
        path = own_cache / "data/uci-regression/yacht/data.txt"
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.decompress(packed.read_bytes()))
        expected = data.load("uci/yacht").train.inputs
        monkeypatch.setattr(config, "data_folder", None)
        np.testing.assert_array_equal(data.load("uci/yacht").train.inputs, expected)


def test_the_idx_format_is_read_and_checked() -> None:
    content = b"\0\0\x08\x02" + bytes([0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))
    assert image_sets.read_idx(content, "f").tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(FileError, match="truncated"):
        image_sets.read_idx(content[:-1], "f")
    for wrong in (b"", b"\0\0", b"\0\0\x0d" + content[3:], content[:7], b"text file"):
        with pytest.raises(FileError, match="not an idx file"):
            image_sets.read_idx(wrong, "f")


def test_usps_is_read_from_the_original_h5_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    h5py = pytest.importorskip("h5py")
    import io

    buffer = io.BytesIO()
    pixels = np.linspace(0, 1, 512).reshape(2, 256)
    with h5py.File(buffer, "w") as file:
        for part in ("train", "test"):
            file[f"{part}/data"] = pixels
            file[f"{part}/target"] = np.array([3, 4])
    monkeypatch.setattr(config, "data_folder", None)
    monkeypatch.setattr(image_sets, "read_content", lambda file: buffer.getvalue())
    (x, y), _ = image_sets.load_usps()
    assert x.shape == (2, 16, 16, 1) and y.tolist() == [3, 4]
    np.testing.assert_allclose(x.reshape(2, 256), pixels, atol=1e-7)


def test_wrong_names_and_splits_are_one_error() -> None:
    with pytest.raises(OptionError, match="unknown data set 'mnst'") as caught:
        data.load("mnst")
    assert caught.value.fix == "did you mean 'mnist'?"
    with pytest.raises(OptionError) as caught:
        data.load("houses.csv")
    assert caught.value.fix == "data.read_table('houses.csv', target=...) reads a file"
    with pytest.raises(ArgumentError, match="from 0 to 4"):
        data.load("uci/protein", split=5)
    with pytest.raises(ArgumentError, match="it has one split only"):
        data.load("iris", split=1)
