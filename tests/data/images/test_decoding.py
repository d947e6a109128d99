"""Every kind of image becomes one form; what is no image is one clear error."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.data.images import decoding
from chainrule.errors import DataError
from tests.data.image_files import picture

SIZE = (8, 10)


def stored(folder: Path, image: Image.Image, name: str = "x.png", **options) -> Path:
    image.save(folder / name, **options)
    return folder / name


def flat(mode: str, colour, folder: Path, name: str = "x.png") -> np.ndarray:
    """The one colour that an image of one colour has after decoding to three."""
    path = stored(folder, Image.new(mode, (20, 16), colour), name)
    found = decoding.decode(path, SIZE, 3)
    assert found.shape == (*SIZE, 3) and found.dtype == np.uint8
    assert (found == found[0, 0]).all()
    return found[0, 0].tolist()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), [10, 20, 30]),
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("RGBA", (10, 20, 30, 255), [10, 20, 30]),
        ("RGBA", (10, 20, 30, 0), [255, 255, 255]),
        ("LA", (40, 0), [255, 255, 255]),
        ("I;16", 0x4DFF, [0x4D, 0x4D, 0x4D]),
    ],
)
def test_modes_become_colours(mode, colour, expected, tmp_path) -> None:
    assert flat(mode, colour, tmp_path) == expected


def test_other_formats_become_colours(tmp_path) -> None:
    assert flat("CMYK", (0, 255, 255, 0), tmp_path, "x.tif") == [255, 0, 0]
    assert flat("I;16", 0x4D00, tmp_path, "x.tiff") == [0x4D] * 3
    image = Image.new("P", (20, 16), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    path = stored(tmp_path, image, "x.gif")
    assert decoding.decode(path, SIZE, 3)[0, 0].tolist() == [9, 8, 7]
    path = stored(tmp_path, image, "y.png", transparency=1)
    assert decoding.decode(path, SIZE, 3)[0, 0].tolist() == [255] * 3
    assert decoding.decode(path, SIZE, 1).shape == (*SIZE, 1)


def test_of_several_frames_the_first_is_taken(tmp_path) -> None:
    frames = [Image.new("L", (20, 16), grey) for grey in (50, 200)]
    path = stored(tmp_path, frames[0], "x.gif", save_all=True, append_images=frames[1:])
    assert decoding.decode(path, SIZE, 1).max() == 50


def test_the_middle_of_an_image_is_kept_in_its_proportions(tmp_path) -> None:
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 255
    path = stored(tmp_path, Image.fromarray(image))
    assert (decoding.decode(path, (10, 10), 3) == 255).all()


def test_a_turned_photograph_is_turned_upright(tmp_path) -> None:
    image = np.zeros((16, 16), np.uint8)
    image[:8] = 255  # white above; turned a quarter it lies at one side
    turned = Image.Exif()
    turned[0x0112] = 6
    path = stored(tmp_path, Image.fromarray(image), "x.jpg", exif=turned, quality=95)
    upright = decoding.decode(path, (16, 16), 1)[..., 0]
    assert upright[:, 12].min() > 200 and upright[:, 3].max() < 50
    path = stored(tmp_path, Image.new("L", (30, 20)), "y.jpg", exif=turned)
    assert decoding.describe(path) == (30, 20, False)


def test_what_is_no_whole_image_is_named(tmp_path) -> None:
    whole = stored(tmp_path, Image.fromarray(picture(0, 0, (64, 64)))).read_bytes()
    cases = {
        "half.png": whole[: len(whole) // 2],
        "nothing.png": b"",
        "text.jpg": b"hello",
        "damaged.png": whole[:80] + bytes(20) + whole[100:],
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: a damaged or incomplete image: "):
            decoding.decode(tmp_path / name, SIZE, 3)
    with pytest.raises(DataError, match="a damaged or incomplete image: No such file"):
        decoding.decode(tmp_path / "missing.png", SIZE, 3)
    with pytest.raises(DataError, match="floating-point numbers"):
        decoding.decode(stored(tmp_path, Image.new("F", (9, 9)), "x.tif"), SIZE, 3)


def test_a_huge_image_is_refused_before_it_is_read(tmp_path, monkeypatch) -> None:
    path = stored(tmp_path, Image.new("L", (300, 200)))
    monkeypatch.setattr(decoding, "MOST_POINTS", 50_000)
    with pytest.raises(DataError, match="more than 0 million pixels"):
        decoding.decode(path, SIZE, 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match="an image of more than"):
            decoding.decode(path, SIZE, 1)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a.png", True),
        ("a.JPeG", True),
        (".a.png", False),
        ("a.txt", False),
        ("png", False),
    ],
)
def test_images_are_known_by_their_names(name, is_one) -> None:
    assert decoding.is_image(Path("folder") / name) is is_one
