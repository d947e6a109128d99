"""Sequences of many lengths come in batches of few sizes, each of them once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import data, losses, nn
from chainrule.data.buckets import best_sizes
from chainrule.errors import ArgumentError, ChainruleError, DataError
from chainrule.training import evaluate, fit, loop, predict
from chainrule.training.callbacks import Callback, Checkpoint
from tests.training.test_loop import same_weights

RNG = np.random.default_rng(0)
LENGTHS = np.concatenate([np.arange(1, 56), RNG.integers(1, 56, 150)])
SEQUENCES = [RNG.normal(size=(n, 3)).astype(np.float32) for n in LENGTHS]
LABELS = np.array([int(each[:, 0].mean() > 0) for each in SEQUENCES])
EXAMPLES = data.bucket_by_length(SEQUENCES, LABELS)


class Net(nn.Module):
    """A recurrent network that takes lengths."""

    def __init__(self) -> None:
        self.recurrent, self.out = nn.GRU(3, 6), nn.Linear(6, 2)

    def forward(self, x: Any, lengths: Any) -> Any:
        _, last = self.recurrent(x, lengths=lengths)
        return self.out(last[-1] if len(last.shape) > 2 else last)


def numbered(lengths: Any, **settings: Any) -> data.Dataset:
    """Sequence i consists of the number i + 1."""
    sequences = [np.full(n, i + 1) for i, n in enumerate(lengths)]
    return data.bucket_by_length(sequences, np.arange(len(lengths)) * 0.5, **settings)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.integers(1, 9),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
)
def test_every_sequence_comes_once_whole_and_padded_with_zeros(
    lengths: list[int], batch_size: int, buckets: int, shuffle: bool, drop: bool
) -> None:
    if not sum(lengths) or (drop and len(lengths) < batch_size):
        return
    examples = numbered(lengths, buckets=buckets)
    seen = []
    made = data.batches(examples, batch_size, shuffle=shuffle, seed=3, drop_last=drop)
    for (x, real), targets in made:
        for row, length, target in zip(x, real, targets, strict=True):  # type: ignore[arg-type]
            number = int(2 * target)
            assert length == lengths[number]
            assert (row[:length] == number + 1).all() and not row[length:].any()
            seen.append(number)
    assert len(set(seen)) == len(seen)
    full = len(lengths) // batch_size * batch_size
    assert len(seen) == (full if drop else len(lengths))


def test_55_lengths_are_a_handful_of_sizes() -> None:
    shapes, padding = set(), 0
    for (x, lengths), _ in data.batches(EXAMPLES, 16, seed=1):
        shapes.add(x.shape)
        padding += x.shape[0] * x.shape[1] - int(lengths.sum())
    assert len(shapes) <= 5
    assert padding < 0.35 * LENGTHS.sum()  # all to the longest would be near 100 %


def test_order_is_determined_by_seed_and_epoch_and_can_be_resumed() -> None:
    def rows(**settings: Any) -> list[list[float]]:
        made = data.batches(numbered(LENGTHS), 16, **settings)
        return [targets.tolist() for _, targets in made]  # type: ignore[union-attr]

    whole = rows(seed=5, epoch=2)
    assert whole == rows(seed=5, epoch=2)
    assert whole != rows(seed=5, epoch=3) and whole != rows(seed=6, epoch=2)
    for start in (1, 7, len(whole)):
        assert rows(seed=5, epoch=2, start_batch=start) == whole[start:]
    lengths = [LENGTHS[int(2 * batch[0])] for batch in whole]
    assert lengths != sorted(lengths)  # batches are shuffled, not only rows


def test_what_drop_last_leaves_out_is_not_always_the_longest() -> None:
    lengths = np.arange(1, 14)
    left_out = set()
    for epoch in range(8):
        made = data.batches(numbered(lengths), 4, epoch=epoch, drop_last=True)
        seen = {int(2 * t) for _, targets in made for t in targets}  # type: ignore[union-attr]
        left_out |= set(range(13)) - seen
    assert len(left_out) > 3


@given(st.lists(st.integers(1, 25), min_size=1, max_size=40), st.integers(1, 4))
def test_sizes_are_those_with_the_least_padding(lengths: list[int], count: int) -> None:
    known = np.unique(lengths)

    def padded(sizes: Any) -> int:
        return sum(min(s for s in sizes if s >= n) for n in lengths)

    least = min(
        padded([*chosen, known[-1]])
        for some in range(min(count, len(known)))
        for chosen in itertools.combinations(known[:-1], some)
    )
    sizes = best_sizes(np.array(lengths), count)
    assert len(sizes) <= count and padded(sizes) == least


def test_very_many_lengths_are_no_burden() -> None:
    sizes = best_sizes(np.arange(1, 200_000), 4)
    assert len(sizes) == 4 and sizes[-1] == 199_999


def test_sizes_may_be_given() -> None:
    examples = numbered([1, 2, 3, 7], buckets=[4, 8, 16])
    sizes = {x.shape[1] for (x, _), _ in data.batches(examples, 1)}
    assert sizes == {4, 8}


def test_targets_of_steps_are_padded_like_their_sequences() -> None:
    words = [[1, 2, 3], [4], [5, 6]]
    tags = [[0, 1, 0], [2], [1, 1]]
    examples = data.bucket_by_length(words, tags, buckets=1)
    (x, lengths), targets = next(data.batches(examples, 3, shuffle=False))
    assert x.tolist() == [[1, 2, 3], [4, 0, 0], [5, 6, 0]]
    assert lengths.tolist() == [3, 1, 2]
    assert targets.tolist() == [[0, 1, 0], [2, -1, -1], [1, 1, -1]]  # type: ignore[union-attr]


def test_steps_are_tagged_and_padding_does_not_count() -> None:
    tags = [(each[:, 0] > 0).astype(int) for each in SEQUENCES]
    examples = data.bucket_by_length(SEQUENCES, tags)

    class Tagger(nn.Module):
        def __init__(self) -> None:
            self.out = nn.Linear(3, 2)

        def forward(self, x: Any, lengths: Any) -> Any:
            return self.out(x)

    def loss(outputs: Any, targets: Any) -> Any:
        return losses.cross_entropy(outputs, targets, ignore_index=-1)

    model = Tagger()
    history = fit(
        model, examples, loss=loss, metrics=["accuracy"], epochs=30, progress=False,
        optimizer=cr.optim.Adam(model.parameters(), lr=0.05),
    )  # fmt: skip
    assert history["accuracy"][-1] > 0.95


def test_subsets_and_splits_keep_their_buckets() -> None:
    split = data.train_test_split(EXAMPLES, test=0.3)
    for part in split:
        shapes = {x.shape for (x, _), _ in data.batches(part, 16)}
        assert len(shapes) <= 5
    assert len(split.train) + len(split.test) == len(SEQUENCES)


def test_fit_compiles_a_handful_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = loop.training_step

    def noted(*args: Any) -> Any:
        made.append(real(*args))
        return made[-1]

    monkeypatch.setattr(loop, "training_step", noted)
    model = Net()
    history = fit(model, EXAMPLES, epochs=3, engine="numpy", progress=False)
    assert len(made[0].specialisations) <= 5 and len(history) == 3
    assert predict(model, EXAMPLES).shape == (len(SEQUENCES), 2)


def test_outputs_do_not_depend_on_what_a_sequence_is_padded_to() -> None:
    cr.manual_seed(0)
    model = Net()
    together = predict(model, EXAMPLES)
    finely = data.bucket_by_length(SEQUENCES, LABELS, buckets=[9, 21, 33, 45, 60])
    alone = predict(model, finely, batch_size=7)
    np.testing.assert_allclose(together, alone, rtol=2e-5, atol=1e-6)
    one, other = evaluate(model, EXAMPLES), evaluate(model, EXAMPLES, batch_size=9)
    assert one["accuracy"] == other["accuracy"]


def test_a_run_over_buckets_resumes_with_the_same_bits(tmp_path: Path) -> None:
    def run(stop: int | None, resume: Any, folder: Path) -> nn.Module:
        class Stop(Callback):
            def on_batch_end(self, run: Any) -> None:
                if run.step == stop:
                    run.stop("here")

        cr.manual_seed(0)
        model = Net()
        fit(model, EXAMPLES, epochs=2, resume=resume, engine="numpy", progress=False,
            callbacks=[Checkpoint(folder, every_steps=1), Stop()])  # fmt: skip
        return model

    whole = run(None, None, tmp_path / "whole")
    run(4, None, tmp_path / "part")
    assert same_weights(run(None, "auto", tmp_path / "part"), whole)


MISTAKES: list[tuple[Callable[[], Any], type[ChainruleError], str]] = [
    (
        lambda: data.bucket_by_length([]),
        DataError,
        "bucket_by_length: 'sequences': sequences: no examples",
    ),
    (
        lambda: data.bucket_by_length("abc"),
        ArgumentError,
        "bucket_by_length: 'sequences': sequences: expected a list of sequences, got "
        "str",
    ),
    (
        lambda: data.bucket_by_length([["a", "b"], ["c"]]),
        DataError,
        "bucket_by_length: 'sequences': sequences: sequence 0 (2,) of <U1: expected "
        "numbers",
    ),
    (
        lambda: data.bucket_by_length([np.ones((2, 3)), np.ones((4, 2))]),
        DataError,
        "bucket_by_length: 'sequences': sequences: sequence 1 (4, 2) beside (2, 3): "
        "sequences may differ in their length alone",
    ),
    (
        lambda: data.bucket_by_length([[1.0, np.nan], [2.0]]),
        DataError,
        "bucket_by_length: 'sequences': sequences: sequence 0 (2,): nan at row 1: "
        "every value must be finite",
    ),
    (
        lambda: data.bucket_by_length([[1, 2], [3]], [[0, 1], [0, 1, 1]]),
        DataError,
        "bucket_by_length: 'sequences': sequence 1 has 1 step and 3 targets: expected "
        "one target for each step, or one for the sequence",
    ),
    (
        lambda: data.bucket_by_length([[1, 2], [3]], [0, 1, 1]),
        DataError,
        "Dataset 'sequences': inputs (2, 2) and targets (3,): 2 ≠ 3; every example "
        "needs one row in each",
    ),
    (
        lambda: data.bucket_by_length([[1, 2], [3]], [0, 1], buckets=[1]),
        ArgumentError,
        "bucket_by_length: buckets=[1]: 'sequences' has a sequence of 2 steps, which "
        "fits in none",
    ),
    (
        lambda: data.bucket_by_length([[1, 2], [3]], [0, 1], buckets=0),
        ArgumentError,
        "bucket_by_length: buckets=0: expected a number of buckets, or their sizes",
    ),
    (
        lambda: data.bucket_by_length([[1, 2], [3]], [0, 1], buckets="4"),
        ArgumentError,
        "bucket_by_length: buckets='4': expected a number of buckets, or their sizes",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "kind", "what"), MISTAKES, ids=[m[2] for m in MISTAKES]
)
def test_a_mistake_is_one_clear_error(
    mistake: Callable[[], Any], kind: type[ChainruleError], what: str
) -> None:
    with pytest.raises(kind) as caught:
        mistake()
    assert caught.value.what == what
