"""The order of an epoch is a function of seed and epoch; resuming loses nothing."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.errors import ArgumentError, DataError

sizes = st.integers(1, 60)


@given(sizes, st.integers(0, 2**64 - 1), st.integers(0, 1000))
def test_an_order_is_a_permutation_and_repeats(n: int, seed: int, epoch: int) -> None:
    order = data.epoch_order(n, seed, epoch)
    assert sorted(order.tolist()) == list(range(n))
    np.testing.assert_array_equal(order, data.epoch_order(n, seed, epoch))


def test_the_order_is_pinned_so_that_old_runs_can_be_resumed() -> None:
    assert data.epoch_order(8, seed=0, epoch=0).tolist() == PINNED[0]
    assert data.epoch_order(8, seed=3, epoch=5).tolist() == PINNED[1]


PINNED = ([0, 2, 1, 5, 4, 3, 6, 7], [0, 6, 2, 1, 3, 4, 7, 5])


def test_seed_and_epoch_both_change_the_order() -> None:
    orders = {
        tuple(data.epoch_order(50, seed, epoch))
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(orders) == 16


def test_every_place_is_equally_likely() -> None:
    n, epochs = 5, 4000
    counts = np.zeros((n, n))
    for epoch in range(epochs):
        counts[np.arange(n), data.epoch_order(n, 1, epoch)] += 1
    expected = epochs / n
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert chi2 < 40  # 16 degrees of freedom: exceeded by chance once in a thousand


def numbered(n: int) -> data.Dataset:
    return data.Dataset(np.arange(n, dtype=np.float64).reshape(n, 1))


def rows(batch_iterator: Iterator[tuple[object, object]]) -> list[list[float]]:
    return [np.asarray(x).ravel().tolist() for x, _ in batch_iterator]


@given(sizes, st.integers(1, 70), st.booleans(), st.booleans())
def test_an_epoch_has_every_example_once(
    n: int, batch_size: int, shuffle: bool, drop_last: bool
) -> None:
    count = data.num_batches(n, batch_size, drop_last)
    if count == 0:
        return
    made = rows(
        data.batches(numbered(n), batch_size, shuffle=shuffle, drop_last=drop_last)
    )
    assert len(made) == count
    assert all(len(batch) == batch_size for batch in made[:-1])
    flat = [row for batch in made for row in batch]
    assert len(set(flat)) == len(flat)
    assert len(flat) == (count * batch_size if drop_last else n)


@given(sizes, st.integers(1, 20), st.integers(0, 5), st.data())
def test_a_resumed_epoch_goes_on_with_the_same_batches(
    n: int, batch_size: int, epoch: int, draw: st.DataObject
) -> None:
    whole = rows(data.batches(numbered(n), batch_size, seed=7, epoch=epoch))
    start = draw.draw(st.integers(0, len(whole)))
    rest = data.batches(numbered(n), batch_size, seed=7, epoch=epoch, start_batch=start)
    assert rows(rest) == whole[start:]


def test_batches_without_shuffling_lie_as_the_data() -> None:
    assert rows(data.batches(numbered(5), 3, shuffle=False)) == [[0, 1, 2], [3, 4]]


def test_an_example_that_would_be_alone_joins_the_batch_before() -> None:
    assert rows(data.batches(numbered(5), 2, shuffle=False)) == [[0, 1], [2, 3, 4]]
    for n in range(2, 60):
        for size in range(2, 20):
            lengths = [len(batch) for batch in rows(data.batches(numbered(n), size))]
            assert min(lengths) >= 2
            assert len(set(lengths)) <= 2  # no more programs than there were
    assert rows(data.batches(numbered(3), 1, shuffle=False)) == [[0], [1], [2]]
    assert rows(data.batches(numbered(1), 8)) == [[0]]
    assert rows(data.batches(numbered(5), 2, shuffle=False, drop_last=True)) == [
        [0, 1],
        [2, 3],
    ]


def test_a_batch_is_a_copy() -> None:
    examples = numbered(4)
    x, _ = next(data.batches(examples, 4, shuffle=False))
    assert isinstance(x, np.ndarray)
    x[:] = -1
    np.testing.assert_array_equal(examples.inputs, [[0], [1], [2], [3]])


class TestStream:
    def make(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for number in range(4):
            yield np.full((2, 1), 10.0 * epoch + number), np.array([0, number % 2])

    def test_batches_are_those_of_the_function(self) -> None:
        stream = data.Stream(self.make, length=4)
        assert len(stream) == 4
        assert [batch[0] for batch in rows(data.batches(stream, epoch=2))] == [
            20, 21, 22, 23,
        ]  # fmt: skip

    def test_resuming_skips(self) -> None:
        rest = data.batches(data.Stream(self.make), epoch=1, start_batch=3)
        assert rows(rest) == [[13, 13]]

    def test_resuming_at_the_end_of_an_epoch_gives_no_batch(self) -> None:
        assert rows(data.batches(data.Stream(self.make), start_batch=4)) == []

    def test_a_list_of_batches_can_be_iterated_over_again(self) -> None:
        stream = data.Stream(
            [(np.ones((2, 1)), np.ones(2)), [np.ones((3, 1)), np.ones(3)]]
        )
        for epoch in range(2):
            assert [len(x) for x, _ in stream.batches(epoch)] == [2, 3]
        assert len(stream) == 2

    def test_inputs_alone_have_no_targets(self) -> None:
        assert next(iter(data.Stream([np.ones((2, 1))])))[1] is None

    def test_a_generator_is_refused(self) -> None:
        with pytest.raises(ArgumentError, match="ends after one epoch"):
            data.Stream(self.make(0))

    def test_an_iterator_that_is_used_up_is_noticed(self) -> None:
        once = self.make(0)
        stream = data.Stream(lambda epoch: once)
        list(stream.batches(0))
        with pytest.raises(DataError, match="no batch in epoch 1"):
            list(stream.batches(1))

    @pytest.mark.parametrize(
        ("batch", "message"),
        [
            ((np.array([[np.nan]]), None), "batch 0.*nan at row 0, column 0"),
            ((np.ones((2, 1)), np.ones(3)), "2 ≠ 3"),
            ((np.ones((2, 1)), np.array([1, 3])), "label 3 for 3 classes at row 1"),
            ((np.ones((2, 1)), *[np.ones(2)] * 3), "expected .inputs, targets."),
            ({"x": 1}, "expected .inputs, targets."),
        ],
    )
    def test_a_bad_batch_is_named(self, batch: object, message: str) -> None:
        with pytest.raises(DataError, match=message):
            list(data.Stream([batch], classes=3))

    def test_texts_need_declared_classes(self) -> None:
        batch = (np.ones((2, 1)), ["a", "b"])
        with pytest.raises(DataError, match="does not see all classes"):
            list(data.Stream([batch]))
        ((_, labels),) = list(data.Stream([batch], classes=("a", "b")))
        np.testing.assert_array_equal(labels, [0, 1])

    def test_a_mapped_batch_is_checked_too(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        np.save(tmp_path / "x.npy", np.full((4, 1), np.inf))
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        with pytest.raises(DataError, match="inf at row 0"):
            list(data.Stream([mapped]))


def test_batches_are_made_of_whatever_fit_takes() -> None:
    x, y = np.arange(6.0).reshape(6, 1), np.array([0, 1, 0, 1, 0, 1])
    known = [a.tolist() for a, _ in data.batches(data.Dataset(x, y), 4)]
    assert [a.tolist() for a, _ in data.batches((x, y), 4)] == known
    assert [(a.tolist(), b) for a, b in data.batches(x, 4)] == [
        (a, None) for a in known
    ]
