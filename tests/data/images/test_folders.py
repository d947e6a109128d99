"""Folders of images become data sets whose images are read when they are needed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule import data, nn
from chainrule.data.images import decoding, folders
from chainrule.errors import ArgumentError, ChainruleError, DataError, FileError
from tests.data.image_files import KINDS, picture, write_folder


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "animals", each=10, kinds=3)


def test_each_class_has_its_share_of_every_part(animals) -> None:
    split = data.image_folder(animals, size=16, test=0.2, validation=0.25)
    assert split.validation is not None
    assert [len(part) for part in split] == [18, 6, 6]
    assert split.train.classes == KINDS
    for part, each in ((split.train, 6), (split.validation, 2), (split.test, 2)):
        assert np.bincount(part.targets).tolist() == [each] * 3
    assert split.train.image_shape == (16, 16, 3)
    assert "30 images of 3 classes" in repr(split)


def test_images_are_those_of_the_files(animals) -> None:
    split = data.image_folder(animals, size=(30, 36))
    whole = np.concatenate([split.train.images(), split.test.images()])
    assert whole.dtype == np.float32
    for kind in range(3):
        for number in (0, 5):
            expected = picture(kind, number) / np.float32(255)
            assert min(np.abs(each - expected).max() for each in whole) < 1e-6


def test_nothing_is_read_before_it_is_asked_for_and_no_file_twice(
    animals, monkeypatch
) -> None:
    read = []
    real = decoding.decode
    monkeypatch.setattr(
        folders, "decode", lambda p, *a: (read.append(p), real(p, *a))[1]
    )
    train = data.image_folder(animals, size=8).train
    assert read == []
    train.take(np.array([3, 5]))
    assert len(read) == 2
    for epoch in range(2):
        for _ in data.batches(train, 5, epoch=epoch):
            pass
    assert len(read) == len(set(read)) == len(train)


def test_batches_are_the_same_with_any_number_of_threads(animals) -> None:
    train = data.image_folder(animals, size=8).train
    found = []
    for threads in (1, 3):
        cr.config.threads = threads
        found.append([x for x, _ in data.batches(train, 7, seed=2, epoch=1)])
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


def test_flat_rows_are_the_images(animals) -> None:
    flat = data.load(animals).train
    deep = data.load(animals, flatten=False).train
    assert flat.image_shape == deep.image_shape == (30, 30, 3)
    assert flat.take(np.arange(2))[0].shape == (2, 2700)
    np.testing.assert_array_equal(flat.images(), deep.images())


def test_grey_images_have_one_channel_unless_asked(tmp_path) -> None:
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number in range(3):
            image = Image.fromarray(picture(0, number)[..., 0])
            image.save(tmp_path / kind / f"{number}.png")
    assert data.image_folder(tmp_path).train.image_shape == (30, 30, 1)
    assert data.image_folder(tmp_path, channels=3).train.image_shape == (30, 30, 3)


def test_large_images_are_brought_to_64_points(tmp_path) -> None:
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number in range(3):
            Image.new("RGB", (200, 100)).save(tmp_path / kind / f"{number}.png")
    assert data.image_folder(tmp_path).train.image_shape == (64, 64, 3)


@pytest.mark.parametrize("name", ["test", "val"])
def test_folders_can_part_the_images(tmp_path, name) -> None:
    write_folder(tmp_path / "train", each=8)
    write_folder(tmp_path / name, each=2)
    split = data.image_folder(tmp_path, size=8)
    assert (len(split.train), len(split.test), split.validation) == (16, 4, None)
    split = data.image_folder(tmp_path, size=8, validation=0.25)
    assert [len(part) for part in split] == [12, 4, 4]


def test_train_validation_and_test_folders(tmp_path) -> None:
    for name, each in (("train", 6), ("validation", 2), ("test", 3)):
        write_folder(tmp_path / name, each=each)
    assert [len(part) for part in data.image_folder(tmp_path, size=8)] == [12, 4, 6]


def test_a_network_learns_from_a_folder(animals) -> None:
    split = data.image_folder(animals, size=12)
    cr.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(432, 16), nn.ReLU(), nn.Linear(16, 3))
    history = cr.fit(model, split, epochs=40, engine="numpy", progress="none")
    assert history.last["accuracy"] > 0.9
    assert cr.evaluate(model, split.test, engine="numpy")["accuracy"] > 0.8


def test_broken_files_are_an_error_or_left_out(animals) -> None:
    (animals / "bars" / "000.png").write_bytes(b"no image")
    half = (animals / "discs" / "001.png").read_bytes()
    (animals / "discs" / "001.png").write_bytes(half[: len(half) // 2])
    with pytest.raises(DataError) as caught:
        data.image_folder(animals)
    assert "000.png: a damaged or incomplete image" in caught.value.what
    assert "skip_broken=True" in str(caught.value.fix)
    split = data.image_folder(animals, skip_broken=True)
    assert len(split.train) + len(split.test) == 28
    assert "2 other files left out" in split.description
    assert len(split.train.images()) == len(split.train)


def test_an_image_cut_off_at_its_end_is_named_when_it_is_read(animals) -> None:
    path = animals / "discs" / "001.png"
    Image.fromarray(
        np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    ).save(path)
    path.write_bytes(path.read_bytes()[:-4000])
    try:
        train = data.image_folder(animals).train
    except DataError as error:
        assert "001.png" in error.what
        return
    with pytest.raises(DataError, match=r"001\.png: a damaged or incomplete image"):
        for _ in data.batches(train, 4):
            pass


def empty_class(root: Path) -> None:
    (root / "empty").mkdir()


def one_class(root: Path) -> None:
    for kind in KINDS[1:]:
        shutil.rmtree(root / kind)


def loose(root: Path) -> None:
    for path in sorted(root.rglob("*.png")):
        path.rename(root / f"{path.parent.name}{path.name}")
    for kind in KINDS:
        shutil.rmtree(root / kind)


def nothing(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def gone(root: Path) -> None:
    shutil.rmtree(root)


def a_file(root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("x")


def unknown_class(root: Path) -> None:
    write_folder(root / "train", kinds=2)
    write_folder(root / "test", kinds=3)
    for kind in KINDS:
        shutil.rmtree(root / kind)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (empty_class, DataError, "no images in the folder of the class 'empty'"),
        (one_class, DataError, "one class alone, 'bars'"),
        (loose, DataError, "24 images and no folders in it"),
        (nothing, DataError, "no images and no folders in it"),
        (gone, FileError, "no such folder"),
        (a_file, FileError, "a file, not a folder"),
        (unknown_class, DataError, "the class 'stars' is not among those to train on"),
    ],
)
def test_folders_that_cannot_be_learned_from(animals, change, error, words) -> None:
    change(animals)
    with pytest.raises(error, match=words):
        data.image_folder(animals)


@pytest.mark.parametrize("change", [lambda root: None, loose, one_class, empty_class])
def test_images_without_labels_are_taken_from_any_depth(animals, change) -> None:
    change(animals)
    every = sorted(path for path in animals.rglob("*") if path.is_file())
    split = data.image_folder(animals, labels=False)
    assert split.train.targets is None and split.train.classes is None
    assert len(split.train) + len(split.test) == len(every) > 5
    assert split.description == f"{len(every)} images"


def test_images_without_labels_keep_the_parts_of_their_folder(animals) -> None:
    (animals / "train").mkdir()
    (animals / "test").mkdir()
    for kind in KINDS:
        (animals / kind).rename(animals / "train" / kind)
    shutil.copy(next(animals.rglob("*.png")), animals / "test" / "one.png")
    split = data.image_folder(animals, labels=False)
    assert (len(split.train), len(split.test)) == (30, 1)
    (animals / "test" / "one.png").unlink()
    with pytest.raises(DataError, match="no images in this folder or below it"):
        data.image_folder(animals, labels=False)


@pytest.mark.parametrize(
    "options",
    [{"size": 0}, {"size": 2.5}, {"size": (8, 8, 3)}, {"channels": 4}, {"test": 0.0}],
)
def test_options_that_make_no_sense(animals, options) -> None:
    with pytest.raises(ArgumentError):
        data.image_folder(animals, **options)


def test_hidden_files_and_folders_are_not_seen(animals) -> None:
    (animals / ".cache").mkdir()
    (animals / "__MACOSX").mkdir()
    (animals / "bars" / ".000.png").write_bytes(b"")
    (animals / "bars" / "notes.txt").write_text("")
    split = data.image_folder(animals)
    assert split.train.classes == KINDS
    assert "1 other file left out" in split.description


def test_errors_are_of_this_package(animals) -> None:
    (animals / "bars" / "000.png").write_bytes(b"no image")
    with pytest.raises(ChainruleError):
        data.load(animals)
