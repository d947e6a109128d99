"""Skip-gram and CBOW: the loss of a stretch is the papers' sum over pairs, and a step
costs what the stretch touches.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, optim
from chainrule.config import config
from chainrule.errors import (
    ArgumentError,
    DataError,
    NumericsError,
    OptionError,
    StateError,
)
from chainrule.models.word2vec import train
from chainrule.training import History, Run
from chainrule.training.callbacks import Callback, Checkpoint

COUNTS = np.array([30.0, 20, 10, 8, 5, 5, 3, 2])
V, WINDOW, CENTRES = len(COUNTS), 2, 5
RNG = np.random.default_rng(0)
WAYS = [(r, o) for r in ("skip-gram", "cbow") for o in ("negative", "tree")]


def net(reading: str = "skip-gram", output: str = "negative") -> models.Word2Vec:
    cr.manual_seed(0)
    made = models.Word2Vec(COUNTS, 4, WINDOW, reading, output, dtype="float64", drawn=3)
    for parameter in made.parameters():
        parameter.assign(np.random.default_rng(1).normal(size=parameter.shape))
    return made


def stretch() -> np.ndarray:
    """Words of two sentences and a rest without words, and reaches of 1 and 2."""
    places = CENTRES + 2 * WINDOW
    words = RNG.integers(0, V, places)
    sentences = np.array([0, 0, 0, 0, 1, 1, 1, -1, -1])
    made: np.ndarray = np.stack([words, sentences, RNG.integers(1, 3, places)])
    return made


def softplus(z: np.ndarray | float) -> float:
    return float(np.logaddexp(0.0, z))


def windows(given: np.ndarray) -> list[tuple[int, list[int]]]:
    """Each centre's place, and those of its window: the papers' loop."""
    words, sentences, reach = given
    found = []
    for i in range(WINDOW, len(words) - WINDOW):
        near = range(i - reach[i], i + reach[i] + 1)
        inside = [j for j in near if j != i and sentences[j] == sentences[i] >= 0]
        found.append((i, inside))
    return found


def by_pairs(made: models.Word2Vec, given: np.ndarray, drawn: np.ndarray) -> float:
    """The loss, one pair after the other."""
    vectors, total = made.vectors.weight.array, 0.0
    for i, inside in windows(given):
        rows = [vectors[given[0, j]] for j in inside]
        if made.reading == "cbow" and rows:
            rows = [np.mean(rows, axis=0)]
        for h in rows:
            if made.output == "tree":
                p = made.outputs.log_probabilities(h[None]).numpy()  # type: ignore[union-attr]
                total -= p[0, given[0, i]]
                continue
            out = made.outputs.weight.array
            total += softplus(-out[given[0, i]] @ h)
            each = made.negatives / len(drawn)
            total += each * sum(softplus(out[n] @ h) for n in drawn)
    return total


@pytest.mark.parametrize(("reading", "output"), WAYS)
def test_the_loss_of_a_stretch_is_the_sum_over_its_pairs(
    reading: str, output: str
) -> None:
    made, given = net(reading, output), stretch()
    cr.manual_seed(5)
    drawn = made.sampler(3).numpy()
    cr.manual_seed(5)
    found = made(given[None]).item()
    np.testing.assert_allclose(found, by_pairs(made, given, drawn), rtol=1e-12)


@pytest.mark.parametrize(("reading", "output"), WAYS)
def test_gradients_agree_with_differences(reading: str, output: str) -> None:
    made, given = net(reading, output), stretch()

    def loss() -> cr.Tensor:
        cr.manual_seed(5)
        value: cr.Tensor = made(given[None])
        return value

    gradients, rng = cr.backprop(loss()), np.random.default_rng(2)
    for parameter in made.parameters():
        start = parameter.array.copy()
        along = rng.normal(size=start.shape)
        values = []
        for h in (1e-5, -1e-5):
            parameter.assign(start + h * along)
            values.append(loss().item())
        parameter.assign(start)
        measured = (values[0] - values[1]) / 2e-5
        declared = (gradients[parameter].numpy() * along).sum()
        np.testing.assert_allclose(declared, measured, rtol=1e-6)


def test_several_stretches_are_the_mean_of_each() -> None:
    made = net(output="tree")
    a, b = stretch(), stretch()
    both = made(np.stack([a, b])).item()
    np.testing.assert_allclose(both, (made(a[None]) + made(b[None])).item() / 2)


def test_a_step_changes_the_rows_of_its_stretch_alone() -> None:
    words = 500
    made = models.Word2Vec(np.ones(words), 4, WINDOW, drawn=3)
    made.outputs.weight.assign(np.ones((words, 4), np.float32))
    given = np.array([[7, 8, 9, 10, 11, 12, 13, 14, 15], [0] * 9, [2] * 9])
    optimizer = optim.SGD(made.parameters(), lr=0.1)
    before = made.vectors.weight.array.copy(), made.outputs.weight.array.copy()

    @cr.compile
    def step(stretches: cr.Tensor) -> None:
        optimizer.step(cr.backprop(made(stretches)))

    step(given[None])
    changed = (made.vectors.weight.array != before[0]).any(axis=1)
    assert changed.nonzero()[0].tolist() == list(range(7, 16))
    asked = (made.outputs.weight.array != before[1]).any(axis=1).sum()
    assert CENTRES <= asked <= CENTRES + 3


# A text as stretches. ----------------------------------------------------------------


def test_every_word_of_the_text_is_a_centre_once_and_neighbours_stay_beside_it() -> (
    None
):
    words, sentences = RNG.integers(0, V, 103), np.repeat(np.arange(4), [3, 50, 1, 49])
    text = models.Stretches(words, sentences, COUNTS, sample=0)
    made = [*text.of_epoch(WINDOW, seed=3)]
    assert text.centres == 2  # the commonest word is 30 of 83
    assert {each.shape for each in made} == {(3, 6)}
    inside = np.concatenate([each[:2, WINDOW:-WINDOW] for each in made], 1)
    np.testing.assert_array_equal(inside[0, :103], words)
    np.testing.assert_array_equal(inside[1, :103], sentences)
    assert (inside[1, 103:] == -1).all() and inside.shape[1] == 104
    for before, after in pairwise(made):
        np.testing.assert_array_equal(before[:, 2:], after[:, :-2])
    reaches = np.concatenate([each[2, WINDOW:-WINDOW] for each in made])[:103]
    assert set(reaches.tolist()) == {1, 2}


def test_frequent_words_are_thinned_out_as_the_formula_says() -> None:
    counts = np.array([900_000.0, 90_000, 9_000, 1_000])
    words = np.repeat(np.arange(4), [90_000, 9_000, 900, 100])
    text = models.Stretches(words, np.zeros(len(words)), counts, sample=1e-3)
    share = counts / counts.sum()
    expected = np.minimum(1, np.sqrt(1e-3 / share) + 1e-3 / share)
    made = np.concatenate([e[:, 1:-1] for e in text.of_epoch(1)], 1)
    found = np.bincount(made[0][made[1] >= 0], minlength=4)
    n = np.array([90_000, 9_000, 900, 100])
    spread = np.sqrt(n * expected * (1 - expected)) + 1e-9
    assert (np.abs(found - n * expected) < 4 * spread + 0.5).all()
    assert text.expected == pytest.approx((counts * expected).sum())


def test_seed_and_epoch_determine_what_is_seen() -> None:
    words = RNG.integers(0, V, 300)
    text = models.Stretches(words, np.zeros(300), COUNTS, sample=0.05)

    def seen(seed: int, epoch: int) -> bytes:
        return b"".join(e.tobytes() for e in text.of_epoch(2, seed, epoch))

    assert seen(1, 0) == seen(1, 0)
    assert len({seen(1, 0), seen(1, 1), seen(2, 0)}) == 3


# Training. ---------------------------------------------------------------------------


def pairs_text(sentences: int = 150) -> models.Stretches:
    """Word 2k stands beside word 2k + 1 and no other."""
    halves = np.random.default_rng(0).integers(0, V // 2, sentences)
    words = np.stack([2 * halves, 2 * halves + 1, 2 * halves], 1).reshape(-1)
    counts = np.bincount(words, minlength=V).astype(float)
    return models.Stretches(words, np.repeat(np.arange(sentences), 3), counts, 0)


@pytest.mark.parametrize(("reading", "output"), WAYS)
def test_words_of_the_same_neighbours_become_alike(reading: str, output: str) -> None:
    text = pairs_text(400)
    cr.manual_seed(0)
    made = models.Word2Vec(np.bincount(text.words, minlength=V), 8, 2, reading, output)
    losses = train(made, text, epochs=8, lr=0.2, seed=1)["loss"]
    assert losses[-1] < 0.7 * losses[0]
    h = made.vectors.weight.array
    if output == "tree":
        scores = made.outputs.log_probabilities(h).numpy()  # type: ignore[union-attr]
    else:
        scores = h @ made.outputs.weight.array.T
    best = scores.argmax(axis=1)
    assert (best // 2 == np.arange(V) // 2).all()


def test_fit_trains_it_too() -> None:
    text, made = pairs_text(), None
    cr.manual_seed(0)
    made = models.Word2Vec(np.bincount(text.words, minlength=V), 8, 2)
    stretches = np.stack([*text.of_epoch(2)])
    history = cr.fit(
        made, stretches, optimizer=optim.SGD(lr=0.1), batch_size=1, progress=False
    )
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def learned(threads: int) -> bytes:
    before, config.threads = config.threads, threads
    try:
        cr.manual_seed(3)
        made = models.Word2Vec(COUNTS, 32, 2)
        words = np.random.default_rng(0).integers(0, V, 2000)
        text = models.Stretches(words, np.arange(2000) // 50, COUNTS, 0)
        train(made, text, epochs=1, seed=4)
        return bytes(made.vectors.weight.array.tobytes())
    finally:
        config.threads = before


def test_the_same_seed_gives_the_same_bits_on_one_thread_and_on_two() -> None:
    assert learned(1) == learned(1) == learned(2)


class StopAt(Callback):
    """Ends a training after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch_end(self, run: Run) -> None:
        if run.step == self.step:
            run.stop("enough")


@pytest.mark.parametrize(("reading", "output"), WAYS)
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(
    reading: str, output: str, tmp_path: Path
) -> None:
    text = pairs_text()
    steps = sum(1 for _ in text.of_epoch(2, 5))

    def learn(*callbacks: Callback, **options: Any) -> tuple[models.Word2Vec, History]:
        cr.manual_seed(3)
        counts = np.bincount(text.words, minlength=V)
        made = models.Word2Vec(counts, 8, 2, reading, output)
        return made, train(
            made, text, epochs=4, lr=0.2, seed=5, callbacks=callbacks, **options
        )

    whole, told = learn()
    places = (steps - 1, steps, 2 * steps + 1)  # within an epoch, at its end, within
    for place in places:
        kept = Checkpoint(tmp_path / f"{reading}-{output}")
        _, half = learn(kept, StopAt(place), resume="auto")
        assert half.stopped == "enough" and len(half) == (place - 1) // steps
    made, history = learn(Checkpoint(kept.path), resume="auto")
    assert history["loss"] == told["loss"] and history.stopped == "finished"
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(made.state_dict()[name], value)


def test_a_training_is_gone_on_with_the_same_text_and_net_only(tmp_path: Path) -> None:
    def learn(sentences: int, seen: float = 90.0) -> History:
        made = models.Word2Vec(np.full(V, seen), 8, 2)
        kept = Checkpoint(tmp_path)
        return train(
            made, pairs_text(sentences), epochs=2, callbacks=[kept], resume="auto"
        )

    learn(150)
    with pytest.raises(StateError, match=r"resume: data is \(453,\) with checksum"):
        learn(151)
    with pytest.raises(StateError) as error:
        learn(150, 91.0)
    said = str(error.value)
    assert "resume: Word2Vec.counts is [91.0, 91.0," in said and len(said) < 400


def test_files_bring_back_what_was_saved(tmp_path: Path) -> None:
    made = net("cbow", "tree")
    made.save(tmp_path / "net.safetensors")
    again = cr.load(tmp_path / "net.safetensors")
    given = stretch()[None]
    assert again(given).item() == made(given).item()
    assert repr(again) == repr(made)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(OptionError, match="reading of Word2Vec"):
        models.Word2Vec(COUNTS, reading="skipgram")
    with pytest.raises(OptionError, match="output of Word2Vec"):
        models.Word2Vec(COUNTS, output="softmax")
    with pytest.raises(DataError, match="two classes or more"):
        models.Word2Vec([3])
    with pytest.raises(ArgumentError, match="stretches of 4 places: expected more"):
        net()(np.zeros((1, 3, 4), np.int32))


@pytest.mark.filterwarnings("ignore")
def test_a_rate_that_is_too_large_is_named() -> None:
    made = models.Word2Vec(COUNTS, 8, 2)
    with pytest.raises(NumericsError, match="epoch 1: the loss is"):
        train(made, pairs_text(), epochs=3, lr=1e30)


def test_its_tree_and_its_sampler_are_those_of_the_heads() -> None:
    made = net(output="tree")
    assert isinstance(made.outputs, nn.HierarchicalSoftmax)
    assert isinstance(made.sampler, nn.ClassSampler)
