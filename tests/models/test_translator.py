"""Texts in, texts out: tokenizers on both sides of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, pictures
from chainrule.errors import ArgumentError, DataError, ShapeError

LETTERS = data.Characters("abc", special=["unknown"])
PHONEMES = data.Words(["AH", "B", "K"], special=(), split="blanks")


def speaker(**options: Any) -> models.Translator:
    cr.manual_seed(0)
    cr.config.engine = "numpy"
    if options:
        model: Any = models.Transformer(4, 3, 8, 1, 2, 8, **options)
    else:
        model = models.Seq2Seq(4, 3, hidden_size=16)
    return models.Translator(model, LETTERS, PHONEMES)


def trained() -> models.Translator:
    made = speaker()
    pairs = made.pairs([("cab", "K AH B"), ("ba", "B AH"), ("a", "AH")] * 20)
    optimizer = cr.optim.Adam(made.parameters(), lr=0.02)
    task = models.TeacherForcing(made.model)
    cr.fit(task, pairs, optimizer=optimizer, epochs=20, progress=False)
    return made


def test_texts_become_texts_and_say_what_they_looked_at(tmp_path: Path) -> None:
    made = trained()
    wanted = ["K AH B", "B AH", "AH"]
    assert made.translate(["cab", "ba", "a"]) == wanted
    assert made.translate(["cab", "ba", "a"], beam=3) == wanted
    weights, source, target = made.attention("cab")
    assert (source, target) == (list("cab"), ["K", "AH", "B"])
    assert weights.shape == (4, 3)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    other = made.attention("cab", "B AH")
    assert other.target == ["B", "AH"] and other.weights.shape == (3, 3)
    made.save(tmp_path / "speaker.safetensors")
    again: Any = cr.load(tmp_path / "speaker.safetensors")
    assert again.translate(["cab", "ba", "a"]) == wanted
    assert again.source == LETTERS and again.target == PHONEMES
    assert "4 characters → 3 words" in repr(again)


def test_scores_count_each_source_once_and_all_of_its_targets() -> None:
    made = trained()
    pairs = [("cab", "K AH B"), ("ba", "B AH"), ("ba", "AH B B"), ("a", "K")]
    scores = made.score(pairs)
    assert scores.exact_match == pytest.approx(2 / 3)  # "a" is AH, and not K
    assert scores.token_error_rate == pytest.approx(1 / (3 + 2 + 1))
    # "K" for "AH": one character replaced and one removed, of 6 + 4 + 1
    assert scores.character_error_rate == pytest.approx(2 / 11)
    assert scores.pairs == 4
    logp, right, count = 0.0, 0, 0
    for source, target in pairs:
        y = PHONEMES.encode(target)
        logits = made(LETTERS.encode(source)[None], None, y[None])
        labels = [*y, 3]
        each = cr.log_softmax(logits).numpy()[0]
        logp += sum(each[t, k] for t, k in enumerate(labels))
        right += int((each.argmax(-1) == labels).sum())
        count += len(labels)
    assert scores.loss == pytest.approx(-logp / count, rel=1e-5)
    assert scores.token_accuracy == pytest.approx(right / count)


def test_scoring_cuts_each_text_once(encoded: list[str]) -> None:
    pairs = [("a", "K"), ("cab", "K AH B"), ("a", "AH")]
    speaker().score(pairs)
    assert sorted(encoded) == sorted(text for pair in pairs for text in pair)


def test_pairs_may_be_tokens() -> None:
    made, texts = speaker(), [("cab", "K AH B"), ("ba", "B AH")]
    cut = [(LETTERS.encode(one), PHONEMES.encode(two)) for one, two in texts]
    for one, two in zip(made.pairs(texts).inputs, made.pairs(cut).inputs, strict=True):
        np.testing.assert_array_equal(one[:], two[:])
    with pytest.raises(DataError, match="source 0 is empty"):
        made.pairs([(LETTERS.encode(""), PHONEMES.encode("AH"))])


def test_unknown_characters_are_read_as_unknown_and_named() -> None:
    made = speaker()
    assert made.unknown("back-cab") == ["k", "-"]
    assert made.translate(["kab"], max_length=3) == made.translate(
        ["-ab"], max_length=3
    )
    words = data.Words(["be", "to"], special=["unknown"])
    model = models.Seq2Seq(3, 3, hidden_size=2)
    assert models.Translator(model, words, PHONEMES).unknown("to see, to be") == [
        "see",
        ",",
    ]
    strict = models.Translator(models.Seq2Seq(3, 3, hidden_size=2),
                               data.Characters("abc"), PHONEMES)  # fmt: skip
    assert strict.unknown("xyz") == []
    with pytest.raises(DataError, match="'x' at line 1, place 1"):
        strict.translate(["xyz"])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: models.Translator(models.Seq2Seq(5, 3, 4), LETTERS, PHONEMES),
            ArgumentError,
            "Translator: source: a tokenizer of 4 tokens for a model with "
            "source_vocabulary=5: both must be equal",
        ),
        (
            lambda: speaker().translate(["a", ""]),
            DataError,
            "Translator: text 1 is empty: ''",
        ),
        (
            lambda: speaker(max_length=5).translate(["abcabc"]),
            DataError,
            "Translator: text 0: 6 tokens: the model takes at most 5: 'abcabc' …",
        ),
        (
            lambda: speaker(max_length=3).pairs([("a", "AH"), ("a", "AH B K")]),
            DataError,
            "Translator: target 1: 3 tokens: the model takes at most 2: 'AH B K' …",
        ),
        (
            lambda: speaker().pairs([("a", "")]),
            DataError,
            "Translator: target 0 is empty: ''",
        ),
    ],
)
def test_what_cannot_be_translated_is_named(
    call: Any, error: Any, message: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


# Pictures. ----------------------------------------------------------------------------


def test_a_map_of_attention_has_a_row_for_each_token_and_one_for_the_end() -> None:
    weights = np.array([[0.9, 0.1], [0.0, 1.0], [0.5, 0.5]])
    with pictures.windowless():
        ax = pictures.attention_map(weights, ["long", "b"], ["X", "Y"], "title")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["long", "b"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["X", "Y", "end"]
    assert ax.get_xlabel() == "title"
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), weights)
    assert image.get_clim() == (0, 1)


@pytest.mark.parametrize("count", [1, 4])
def test_several_maps_stand_in_rows_of_three(count: int) -> None:
    maps = [np.eye(3)[:, :2]] * count
    with pictures.windowless():
        figure = pictures.attention_maps(maps, ["ab"] * count, ["cd"] * count)
    assert len(figure.axes) == count


def test_maps_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError) as caught:
        pictures.attention_map(np.eye(3), ["a", "b"], ["c", "d", "e"])
    assert (
        "attention_map: weights (3, 3) of 2 tokens that were read and 3 that were "
        "written: expected a column and a row for each, and perhaps a last row for "
        "the end" in str(caught.value)
    )
    with pytest.raises(ShapeError, match="attention_maps: 0 maps, 0 sources"):
        pictures.attention_maps([], [], [])
