"""Taggers: what they learn, read and refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, models, optim
from chainrule.data.buckets import padded_batches
from chainrule.errors import ArgumentError, DataError
from chainrule.models import tagging

rng = np.random.default_rng(0)
NAMES = ["Anna", "Bo", "Carl", "Dora"]
VERBS = ["sees", "hears", "likes", "helps"]


def sentences(count: int) -> list[data.Sentence]:
    """A name or two, a verb, a name or two; names side by side are one span."""
    made = []
    for _ in range(count):
        names = [rng.choice(NAMES, rng.integers(1, 3)).tolist() for _ in range(2)]
        words = [*names[0], rng.choice(VERBS).item(), *names[1], "."]
        tags = ["I-PER"] * len(words)
        tags[len(names[0])] = tags[-1] = "O"
        made.append(data.Sentence(tuple(words), tags=tuple(tags)))
    return made


def small(given: list[data.Sentence], **options: Any) -> models.Tagger:
    cr.manual_seed(0)
    sizes = {"width": 8, "filters": 8, "hidden_size": 12, "character_width": 6}
    return models.Tagger.of(given, **{**sizes, "feature_width": 4, **options})


@pytest.fixture(scope="module")
def trained() -> models.Tagger:
    given = sentences(80)
    tagger = small(given, dropout=0.1)
    cr.fit(
        models.Tagging(tagger),
        tagger.examples(given, buckets=1),
        optimizer=optim.Adam(lr=0.02),
        epochs=12,
        batch_size=16,
        progress=False,
    )
    return tagger


def test_a_tagger_learns_spans_and_writes_them_as_it_read_them(
    trained: models.Tagger,
) -> None:
    new = sentences(30)
    said = trained.tag(new)
    assert data.span_scores([each.tags or () for each in new], said).f1 == 1
    assert trained.scheme == "IOB1" and "S-PER" in trained.tags
    assert {tag for row in said for tag in row} == {"I-PER", "O"}


def test_an_unknown_word_is_known_by_its_look(trained: models.Tagger) -> None:
    """A name by its capital, whose letters and whole were never seen."""
    assert trained.tag([["Ümit", "sees", "Zoltan", "."]]) == [["I-PER", "O"] * 2]


def test_sentences_of_any_length_take_a_program_for_each_doubling(
    trained: models.Tagger,
) -> None:
    rows = [["Anna"] * length for length in (0, 1, 7, 8, 9, 16, 3)]
    found = trained.tag(rows)
    assert [len(each) for each in found] == [len(row) for row in rows]
    shapes = {x.shape for _, x, _ in padded_batches(trained.rows(rows))}
    assert shapes == {(32, steps, 2 + tagging.CHARACTERS) for steps in (8, 16)}
    one_by_one = [trained.tag([row])[0] for row in rows]
    assert one_by_one == found


def test_no_tags_are_said_that_cannot_follow_each_other() -> None:
    given = sentences(4)
    tagger = small(given)  # untrained: scores are anything
    words = tuple(rng.choice(NAMES + VERBS, 40).tolist())
    states = tagger._best(np.stack(tagger.rows([words])), [40]).numpy()[0]
    tags = [tagger.tags[state] for state in states]
    assert tags == tagging.rewritten(tags, "IOBES")


def test_words_seen_once_are_read_as_unknown_half_of_the_time() -> None:
    rare = data.Sentence(("Zed",), tags=("O",))
    tagger = small([*sentences(9), rare])
    assert tagger.words.index("zed") >= tagger.frequent
    row = np.stack(tagger.rows([rare] * 400)[:1] * 400)
    seen, told = (
        tagger.vectors(row, training=training).numpy()[:, 0, :8]
        for training in (False, True)
    )
    other = (told != seen).any(axis=1)
    assert 0.4 < other.mean() < 0.6
    unknown = tagger.embedding.weight.numpy()[tagging.UNKNOWN]
    np.testing.assert_array_equal(told[other], np.tile(unknown, (other.sum(), 1)))


def test_the_loss_is_that_of_the_right_row_of_tags() -> None:
    given = sentences(3)
    tagger = small(given)
    (x, lengths), _ = next(data.batches(tagger.examples(given, buckets=1), 3))
    scores = tagger(x[:, :, :-1], lengths)
    wanted = losses.crf(scores, x[:, :, -1], tagger.crf.chain(), lengths=lengths)
    assert models.Tagging(tagger)(x, lengths).item() == wanted.item()


def test_a_saved_tagger_says_the_same(trained: models.Tagger, tmp_path: Path) -> None:
    trained.save(tmp_path / "tagger.safetensors")
    again = cr.load(tmp_path / "tagger.safetensors")
    new = sentences(5)
    assert again.tag(new) == trained.tag(new)


def test_tags_of_words_are_kept_as_they_are_and_columns_are_features() -> None:
    given = [data.Sentence(("a", "b"), (("X", "Y"),), ("DET", "NN"))] * 4
    tagger = small(given)
    assert tagger.scheme is None and tagger.features == (("X", "Y"),)
    assert not tagger.crf.forbidden
    assert {*tagger.tag(given)[0]} <= {"DET", "NN"}
    unknown = data.Sentence(("a",), (("Z",),))
    assert tagger.rows([unknown])[0][0, 2] == tagging.UNKNOWN


def test_long_words_are_read_from_both_ends() -> None:
    tagger = small(sentences(2))
    word = "Anna" + "x" * 50 + "likes"
    letters = tagger.rows([[word]])[0][0, 2:]
    assert len(letters) == tagging.CHARACTERS
    read = "Anna" + "x" * 6 + "x" * 5 + "likes"
    np.testing.assert_array_equal(letters, tagger.rows([[read]])[0][0, 2:])


def test_what_a_tagger_cannot_read_is_named() -> None:
    given = sentences(3)
    tagger = small(given)
    with pytest.raises(DataError, match="no sentences: expected some with tags"):
        models.Tagger.of([])
    with pytest.raises(DataError, match="sentence 1 has no tags"):
        models.Tagger.of([given[0], data.Sentence(("a",))])
    odd = data.Sentence(("a",), (("X",),), ("O",))
    with pytest.raises(DataError, match="sentence 1 has 1 columns between word and "):
        models.Tagger.of([given[0], odd])
    with pytest.raises(DataError, match="a sentence with 1 columns between word and"):
        tagger.tag([odd])
    with pytest.raises(DataError, match="tag 'B-LOC': it is none of the 5 that were"):
        tagger.examples([data.Sentence(("a",), tags=("B-LOC",))])
    with pytest.raises(ArgumentError, match="Tagging: LSTM: expected a Tagger"):
        models.Tagging(cr.nn.LSTM(2, 2))  # type: ignore[arg-type]
