"""Texts as vectors and classes: pools in closed form, and what models learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, optim
from chainrule.errors import ArgumentError, DataError, OptionError
from chainrule.models.text_classifier import NETWORKS, POOLINGS, Pool

rng = np.random.default_rng(0)
H = rng.normal(size=(3, 6, 4))
LENGTHS = np.array([6, 2, 0])
WORDS = ["the", "film", "was", "a", "plot", "cast", "long", "story"]


def reviews(count: int) -> tuple[list[str], list[str]]:
    """Words of no meaning around one or two that decide."""
    texts, labels = [], []
    for number in range(count):
        label = ("bad", "good")[number % 2]
        telling = {"good": ["superb", "moving"], "bad": ["dull", "awful"]}[label]
        words = [*rng.choice(WORDS, rng.integers(1, 9)), rng.choice(telling)]
        rng.shuffle(words)
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


def small(network: str, pooling: str | None = None) -> models.TextClassifier:
    cr.manual_seed(0)
    texts, labels = reviews(40)
    return models.TextClassifier.of(
        texts, labels, network=network, pooling=pooling, width=8, hidden_size=6
    )


def test_pools_are_those_of_the_real_steps() -> None:
    cases = {
        "mean": [H[0].mean(0), H[1, :2].mean(0), np.zeros(4)],
        "max": [H[0].max(0), H[1, :2].max(0), np.zeros(4)],
        "last": [H[0, 5], H[1, 1], np.zeros(4)],
    }
    for kind, wanted in cases.items():
        found = Pool(kind, 4, dtype="float64")(H, LENGTHS).numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-15)


def test_attention_weighs_steps_by_a_softmax_of_the_real_ones() -> None:
    pool = Pool("attention", 4, dtype="float64")
    pool.query.assign(rng.normal(size=4))
    w, b = pool.hidden.weight.numpy(), pool.hidden.bias.numpy()
    for row, length in enumerate(LENGTHS[:2]):
        h = H[row, :length]
        u = np.exp(np.tanh(h @ w.T + b) @ pool.query.numpy())
        wanted = (u / u.sum()) @ h
        np.testing.assert_allclose(pool(H, LENGTHS).numpy()[row], wanted, atol=1e-14)
    assert not pool(H, LENGTHS).numpy()[2].any()


def test_the_last_of_two_directions_is_where_each_has_read_all() -> None:
    layer = cr.nn.GRU(4, 3, bidirectional=True, dtype="float64")
    output, state = layer(H, lengths=LENGTHS)
    found = Pool("last", 6, 2, dtype="float64")(output, LENGTHS).numpy()
    wanted = cr.nn.LastStep()((output, state), LENGTHS).numpy()
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("network", NETWORKS)
def test_padding_changes_nothing(network: str) -> None:
    model = small(network)
    ids = model.rows(["the film was superb", ""])
    for text in ids:
        vectors = [
            model.vector(np.pad(text, (0, room - len(text)))[None], [len(text)]).numpy()
            for room in (5, 12)
        ]
        np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


@pytest.mark.parametrize(
    ("network", "pooling"),
    [("convolution", None), ("gru", "last"), ("embeddings", "attention")],
)
def test_a_classifier_learns_what_words_tell(network: str, pooling: str | None) -> None:
    texts, labels = reviews(120)
    model = small(network, pooling)
    cr.fit(
        model,
        model.examples(texts, labels, buckets=1),
        optimizer=optim.Adam(lr=0.02),
        epochs=15,
        batch_size=40,
        progress=False,
    )
    new, wanted = reviews(60)
    assert np.mean(np.array(model.classify(new)) == wanted) > 0.95


def test_texts_of_any_length_and_of_unknown_words_have_a_vector() -> None:
    model = small("lstm")
    vectors = model.embed(["", "zzz qqq", "superb " * 20])
    assert vectors.shape == (3, 12) and np.isfinite(vectors).all()
    assert not vectors[0].any() and vectors[1].any()
    assert model.classify([]) == []


def test_no_row_of_the_last_weights_counts_longer_than_its_bound() -> None:
    model = small("embeddings", "mean")
    row = model.embedding.weight.numpy()[2] * 100
    model.output.weight.assign(np.stack([row, row / 1e6]))
    model.output.bias.assign([0.0, 0.0])
    v = model.vector([[3]], [1]).numpy()[0]
    wanted = [v @ row * 3 / np.linalg.norm(row), v @ row / 1e6]
    np.testing.assert_allclose(model([[3]], [1]).numpy()[0], wanted, rtol=1e-4)


def test_a_saved_classifier_says_the_same(tmp_path: Path) -> None:
    model = small("convolution")
    texts, _ = reviews(5)
    model.save(tmp_path / "model.safetensors")
    again = cr.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.logits(texts), model.logits(texts))
    assert again.classes == ("bad", "good") and again.class_names == ("bad", "good")


def test_words_that_stand_once_are_unknown_but_where_all_do() -> None:
    model = models.TextClassifier.of(["a b", "a c"], [0, 1], width=4)
    assert model.tokenizer.tokens == ("<pad>", "<unknown>", "a")
    model = models.TextClassifier.of(["a", "b"], [0, 1], width=4)
    assert model.tokenizer.tokens == ("<pad>", "<unknown>", "a", "b")


def test_what_is_no_text_or_class_is_named() -> None:
    of = models.TextClassifier.of
    with pytest.raises(DataError, match=r"classes \['x'\]: expected two or more"):
        of(["a", "b"], ["x", "x"])
    with pytest.raises(DataError, match="2 texts and 1 labels: expected one label for"):
        of(["a", "b"], ["x"])
    with pytest.raises(ArgumentError, match="one text, 'a b': expected a list"):
        small("gru").classify("a b")
    with pytest.raises(OptionError, match="network 'cnn'"):
        small("cnn")
    with pytest.raises(OptionError, match="pooling 'sum'"):
        small("gru", "sum")
    with pytest.raises(ArgumentError, match="pooling='mean' of a convolution"):
        small("convolution", "mean")
    with pytest.raises(
        DataError, match="label 'ugly' of text 1: it is none of the cla"
    ):
        small("gru").examples(["a", "b"], ["good", "ugly"])
    with pytest.raises(ArgumentError, match="expected one with 'pad' and 'unknown'"):
        models.TextClassifier(data.Words(("a",)), ["x", "y"])
    assert set(POOLINGS) == {"attention", "mean", "max", "last"}
