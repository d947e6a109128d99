"""Changed images depend on seed, epoch and row alone; evaluation sees none."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn
from chainrule.data.augmentation import rotated
from chainrule.errors import ArgumentError, DataError

SOURCE = np.random.default_rng(0)
IMAGES = SOURCE.uniform(size=(23, 6, 7, 3)).astype(np.float32)
LABELS = np.arange(23) % 3
ALL = data.Augmentation(flip=True, crop=2, rotate=15.0)


def dataset(augmentation=ALL, flat: bool = False) -> data.Dataset:
    inputs = IMAGES.reshape(23, -1) if flat else IMAGES
    made = data.Dataset(inputs, LABELS, image_shape=(6, 7, 3))
    return made.augmented(augmentation)


def epoch(
    source: data.Dataset, batch_size: int = 4, **settings
) -> dict[int, np.ndarray]:
    """Row ↦ its image in an epoch."""
    order = data.epoch_order(
        len(source), settings.get("seed", 0), settings.get("epoch", 0)
    )
    parts = [x for x, _ in data.batches(source, batch_size, **settings)]
    return dict(zip(order.tolist(), np.concatenate(parts), strict=True))


def test_an_example_looks_the_same_in_batches_of_any_size() -> None:
    small, large = epoch(dataset(), 4), epoch(dataset(), 9)
    for row in range(23):
        np.testing.assert_array_equal(small[row], large[row])


def test_seed_and_epoch_change_the_images_and_nothing_else_does() -> None:
    first = epoch(dataset())
    again, later = epoch(dataset()), epoch(dataset(), epoch=1)
    other = epoch(dataset(), seed=1)
    np.testing.assert_array_equal(first[5], again[5])
    assert sum(np.array_equal(first[row], later[row]) for row in range(23)) < 4
    assert sum(np.array_equal(first[row], other[row]) for row in range(23)) < 4


def test_an_epoch_can_be_gone_on_with_in_its_middle() -> None:
    whole = [x for x, _ in data.batches(dataset(), 4, epoch=3)]
    rest = [x for x, _ in data.batches(dataset(), 4, epoch=3, start_batch=2)]
    for first, second in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(first, second)


def test_batches_in_the_order_of_the_data_are_not_changed() -> None:
    found = np.concatenate([x for x, _ in data.batches(dataset(), 4, shuffle=False)])
    np.testing.assert_array_equal(found, IMAGES)
    np.testing.assert_array_equal(dataset().inputs, IMAGES)


def test_of_a_split_only_the_training_part_is_changed() -> None:
    split = data.Split(dataset(None), dataset(None), dataset(None), name="all")
    changed = split.augmented(ALL)
    assert [part.augmentation for part in changed] == [ALL, None, None]
    assert changed.name == "all" and split.train.augmentation is None


def test_flat_images_are_changed_as_images() -> None:
    flat, deep = epoch(dataset(flat=True)), epoch(dataset())
    for row in range(23):
        np.testing.assert_array_equal(flat[row].reshape(6, 7, 3), deep[row])


def test_every_second_image_is_mirrored() -> None:
    flipped = data.Augmentation(flip=True)
    draws = flipped.draws(4000, seed=0, epoch=0)
    images = np.broadcast_to(np.array([0.0, 1.0])[:, None], (4000, 1, 2, 1))
    turned = (flipped(images, draws)[:, 0, 0, 0] == 1.0).mean()
    assert 0.47 < turned < 0.53


def test_all_places_of_a_crop_are_equally_likely_and_edges_go_on() -> None:
    moved = data.Augmentation(crop=1)
    image = np.zeros((1, 3, 3, 1))
    image[0, 1, 1] = 1
    draws = moved.draws(9000, seed=0, epoch=0)
    found = moved(np.repeat(image, 9000, axis=0), draws)
    counts = found.sum(axis=0)[..., 0]
    assert counts.sum() == 9000 and (np.abs(counts - 1000) < 150).all()
    ones = moved(np.ones((50, 3, 3, 1)), draws[:50])
    assert (ones == 1).all()


def test_a_rotation_by_nothing_changes_nothing_and_by_a_quarter_turns() -> None:
    square = SOURCE.uniform(size=(2, 5, 5, 2))
    np.testing.assert_allclose(rotated(square, np.zeros(2)), square, atol=1e-12)
    turned = rotated(square, np.full(2, np.pi / 2))
    np.testing.assert_allclose(turned, np.rot90(square, 1, (1, 2)), atol=1e-12)


def test_angles_stay_within_their_bound() -> None:
    """A line through the middle, turned by at most 10°, stays within a sector."""
    image = np.zeros((200, 21, 21, 1))
    image[:, 10] = 1
    turned = data.Augmentation(rotate=10.0)
    found = turned(image, turned.draws(200, 0, 0))[:, :, 16, 0]
    middle = (found * np.arange(21)).sum(axis=1) / found.sum(axis=1) - 10
    assert np.abs(middle).max() < 6 * np.tan(np.radians(10)) + 0.2
    assert middle.min() < -0.5 and middle.max() > 0.5


def test_training_sees_changed_images_and_evaluation_does_not() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(126, 3))
    plain, changed = dataset(None), dataset()
    history = cr.fit(model, changed, validation=plain, epochs=1, batch_size=8,
                     engine="numpy", progress="none")  # fmt: skip
    seen = cr.evaluate(model, changed, engine="numpy")
    assert seen["loss"] == pytest.approx(history.last["validation_loss"], rel=1e-5)


def test_what_is_said_of_it() -> None:
    assert str(ALL) == "flip, crop 2, rotate 15°"
    assert str(data.Augmentation()) == "none"


@pytest.mark.parametrize(
    "options",
    [{"crop": -1}, {"crop": 1.5}, {"crop": True}, {"rotate": -1}, {"rotate": 200}],
)
def test_amounts_that_make_no_sense(options) -> None:
    with pytest.raises(ArgumentError):
        data.Augmentation(**options)


def test_only_images_are_changed() -> None:
    with pytest.raises(DataError, match="augmented: Dataset 'data' does not hold"):
        data.Dataset(np.ones((3, 4)), [0, 1, 0]).augmented(ALL)
    with pytest.raises(DataError, match="nothing of them would be left"):
        next(iter(data.batches(dataset(data.Augmentation(crop=7)), 4)))
