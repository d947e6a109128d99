"""Patches: parts of the images as they are, drawn alike from everywhere."""

from collections.abc import Callable

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import ChainruleError

PLANE = np.arange(30.0).reshape(5, 6)


def test_a_patch_is_a_part_of_the_image() -> None:
    drawn = data.random_patches([PLANE], (2, 3), count=50)
    steps = np.array([[0, 1, 2], [6, 7, 8]])
    np.testing.assert_array_equal(drawn - drawn[:, :1, :1], np.tile(steps, (50, 1, 1)))


def test_every_place_of_every_image_is_drawn() -> None:
    images = [PLANE, 100 + PLANE.T]
    corners = data.random_patches(images, (4, 4), count=2000)[:, 0, 0]
    places = {*PLANE[:2, :3].ravel(), *(100 + PLANE.T[:3, :2]).ravel()}
    found, counts = np.unique(corners, return_counts=True)
    assert set(found) == places
    assert counts.min() > 120 and counts.max() < 220  # of 167 each, σ = 12


def test_channels_stay_last_and_the_seed_decides() -> None:
    photograph = np.stack([PLANE, -PLANE, 2 * PLANE], axis=-1)
    drawn = data.random_patches(photograph[None], (3, 2), count=7, seed=4)
    assert drawn.shape == (7, 3, 2, 3)
    np.testing.assert_array_equal(drawn[..., 1], -drawn[..., 0])
    again = data.random_patches(photograph[None], (3, 2), count=7, seed=4)
    np.testing.assert_array_equal(again, drawn)


MESSAGES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: data.random_patches([PLANE], (6, 6), 3),
        "random_patches: an image (5, 6) for patches of (6, 6): expected (H, W) or "
        "(H, W, C), not smaller than a patch",
    ),
    (
        lambda: data.random_patches([PLANE], 6, 3),  # type: ignore[arg-type]
        "random_patches: size=6, count=3: expected (h, w) and a number, whole and at "
        "least 1 each",
    ),
    (
        lambda: data.random_patches([PLANE], (2, 2), 5.5),  # type: ignore[arg-type]
        "random_patches: size=(2, 2), count=5.5: expected (h, w) and a number, whole "
        "and at least 1 each",
    ),
    (
        lambda: data.random_patches([PLANE], (2, 2.5), 3),  # type: ignore[arg-type]
        "random_patches: size=(2, 2.5), count=3: expected (h, w) and a number, whole "
        "and at least 1 each",
    ),
    (lambda: data.random_patches([], (2, 2), 3), "random_patches: no images"),
    (
        lambda: data.random_patches([PLANE, PLANE.astype(int)], (2, 2), 3),
        "random_patches: images differ in channels or dtype: () float64 and () int64",
    ),
]


@pytest.mark.parametrize(("wrong", "what"), MESSAGES)
def test_what_no_patches_can_be_drawn_from_is_said(
    wrong: Callable[[], object], what: str
) -> None:
    with pytest.raises(ChainruleError) as caught:
        wrong()
    assert caught.value.what == what
