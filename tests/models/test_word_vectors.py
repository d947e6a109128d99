"""Vectors of words: learned from texts, asked, measured, kept in files, and put into
networks.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import chainrule as cr
from chainrule import data, models, nn, pictures
from chainrule.errors import ArgumentError, ChainruleError, DataError, FileError
from chainrule.models import WordVectors

WORDS = ["king", "queen", "man", "woman", "apple"]
#: Royalty, sex, fruit.
ROWS = np.array(
    [[1, 1, 0], [1, -1, 0], [0.1, 1, 0], [0.1, -1, 0], [0, 0.1, 1]], np.float32
)


def royal() -> WordVectors:
    return WordVectors(WORDS, ROWS)


def text(lines: int = 60) -> list[list[str]]:
    rng = np.random.default_rng(0)
    kinds = [("cat", "dog"), ("oak", "elm"), ("red", "blue")]
    frames = [("the", "runs"), ("tall", "grows"), ("paint", "wall")]
    made = []
    for kind in rng.integers(0, 3, lines):
        before, after = frames[kind]
        made.append([before, kinds[kind][rng.integers(0, 2)], after] * 3)
    return made


# Learning. ---------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["skip-gram", "cbow"])
def test_words_that_are_used_alike_are_nearest(reading: str) -> None:
    vectors = WordVectors.fit(
        text(), size=8, window=2, min_count=1, sample=0, epochs=10, reading=reading
    )
    assert len(vectors.losses) == 10
    assert vectors.losses[-1] < vectors.losses[0]
    for a, b in (("cat", "dog"), ("oak", "elm"), ("red", "blue")):
        assert vectors.similarity(a, b) > max(
            vectors.similarity(a, other)
            for other in ("cat", "oak", "red", "elm", "dog", "blue")
            if other not in (a, b)
        )


def test_a_file_is_cut_into_sentences_of_small_letters(tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    file.write_text("The cat. A cat!\n\nthe\nCAT? " * 9)
    vectors = WordVectors.fit(file, size=4, epochs=1)
    assert vectors.words == ("cat", "the", "a")
    assert vectors.counts is not None
    assert vectors.counts.tolist() == [27, 18, 9]
    again = WordVectors.fit(data.sentences(file.read_text()), size=4, epochs=1)
    np.testing.assert_array_equal(vectors.vectors, again.vectors)


def test_the_same_seed_gives_the_same_vectors_whatever_was_drawn_before() -> None:
    options = {"size": 4, "epochs": 1, "min_count": 1}
    first = WordVectors.fit(text(), seed=3, **options).vectors  # type: ignore[arg-type]
    cr.random.uniform(7)
    again = WordVectors.fit(text(), seed=3, **options).vectors  # type: ignore[arg-type]
    other = WordVectors.fit(text(), seed=4, **options).vectors  # type: ignore[arg-type]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ([], {}, "an empty text: no word to learn from"),
        ([[], []], {}, "an empty text: no word to learn from"),
        ([["one"] * 9], {}, "1 of 1 words occur min_count=5 times"),
        ([["one"]], {"min_count": 1}, "1 of 1 words occur min_count=1 times"),
        ([["a", "b"]] * 3, {}, "0 of 2 words occur min_count=5 times"),
        ([["a"], ["b"]] * 9, {}, "no sentence has two words"),
        (["a b c"], {}, "sentence 1 is 'a b c': expected a list of words"),
        ([["a", 3]], {}, "sentence 1: expected words that are texts"),
        (7, {}, "sentence 1 is None: expected a list of words"),
    ],
)
def test_texts_that_teach_nothing_are_named(
    given: object, options: dict[str, int], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        WordVectors.fit(given, **options)  # type: ignore[arg-type]


def test_a_fix_says_which_min_count_would_do() -> None:
    with pytest.raises(DataError, match=r"fix +min_count=3, or a longer text"):
        WordVectors.fit([["a", "b"]] * 3)


def test_bad_files_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes(b"one two\nthr\xe9e four\n")
    with pytest.raises(DataError, match=r"line 2: byte E9 .* is not UTF-8"):
        WordVectors.fit(file)
    file.write_bytes(b" \n")
    with pytest.raises(DataError, match="an empty file"):
        WordVectors.fit(file)
    with pytest.raises(FileError, match="no such file"):
        WordVectors.fit(tmp_path / "nothing.txt")


# Asking. -----------------------------------------------------------------------------


def test_nearest_words_are_those_with_the_largest_cosines() -> None:
    vectors = royal()
    found = vectors.nearest("king", 2)
    assert [word for word, _ in found] == ["man", "apple"]
    expected = (0.1 + 1) / (np.sqrt(2) * np.sqrt(1.01))
    assert found[0][1] == pytest.approx(expected, rel=1e-6)
    assert vectors.similarity("king", "man") == pytest.approx(expected, rel=1e-6)
    assert vectors.nearest([0, 0, 5], 1)[0][0] == "apple"
    assert len(vectors.nearest("king", 99)) == 4  # all others


def test_man_is_to_king_as_woman_is_to_queen() -> None:
    vectors = royal()
    assert vectors.analogy("man", "king", "woman")[0][0] == "queen"
    assert len(vectors.analogy("man", "king", "woman", 99)) == 2  # without the three


def test_it_is_a_collection_of_words() -> None:
    vectors = royal()
    assert len(vectors) == 5
    assert "king" in vectors and "duke" not in vectors
    assert list(vectors) == WORDS
    np.testing.assert_array_equal(vectors["queen"], ROWS[1])
    assert repr(vectors) == "WordVectors: 5 words, 3 numbers each"


def test_an_unknown_word_is_an_error_with_near_spellings() -> None:
    vectors = royal()
    for ask in (
        lambda: vectors["quen"],
        lambda: vectors.nearest("quen"),
        lambda: vectors.similarity("king", "quen"),
        lambda: vectors.analogy("man", "king", "quen"),
    ):
        with pytest.raises(DataError, match="'quen': not among the 5") as error:
            ask()
        assert "did you mean 'queen'?" in str(error.value)
    with pytest.raises(DataError, match="did you mean 'king'"):
        vectors["King"]
    with pytest.raises(DataError, match="'xyz': not among the 5 words"):
        vectors["xyz"]


def test_wrong_vectors_are_named() -> None:
    with pytest.raises(DataError, match="2 words, vectors"):
        WordVectors(["a", "b"], ROWS)
    with pytest.raises(DataError, match="the word 'a' is there twice"):
        WordVectors(["a", "a"], ROWS[:2])
    with pytest.raises(ArgumentError, match=r"a vector \(2,\): expected a word, or"):
        royal().nearest([1.0, 2.0])


# Measuring. --------------------------------------------------------------------------


def test_agreement_is_spearmans_rho_over_the_known_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text(
        "# by people\nking\tQueen\t7\nman\twoman\t6\nking\tapple\t1\n"
        "man\tking\t5\nking\tduke\t9\n"
    )
    found = royal().agreement(file)
    pairs = [("king", "queen"), ("man", "woman"), ("king", "apple"), ("man", "king")]
    cosines = [royal().similarity(a, b) for a, b in pairs]
    assert found.rho == pytest.approx(spearmanr(cosines, [7, 6, 1, 5]).statistic)
    assert (found.known, found.pairs) == (4, 5)
    assert str(found).endswith("over 4 of 5 pairs")
    with pytest.raises(DataError, match="1 of 1 pairs have both words"):
        royal().agreement([data.WordPair("king", "queen", 1.0)])


def test_analogies_are_counted_by_section(tmp_path: Path) -> None:
    file = tmp_path / "questions.txt"
    file.write_text(
        ": family\nman king woman queen\nMan King Woman Queen\nman king woman apple\n"
        ": other\nking queen man woman\nking queen duke duchess\n"
    )
    found = royal().solve(file)
    assert found.sections == {"family": (2, 3), "other": (1, 1)}
    assert (found.solved, found.known, found.analogies) == (3, 4, 5)
    assert str(found) == "75.0 % of 4 analogies, 5 in all"


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (data.read_word_pairs, "a\tb\t1\na\tb\n", "line 2: expected two words and a"),
        (data.read_word_pairs, "a\tb\tx\n", "line 1: expected two words and a number"),
        (
            data.read_analogies,
            ": s\na b c d\na b c\n",
            "line 3: 3 words: expected",
        ),
    ],
)
def test_wrong_lines_of_tests_are_named(
    read: object, content: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "test.txt"
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        read(file)  # type: ignore[operator]


# Files. ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin"])
def test_files_bring_back_every_bit(name: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    before = WordVectors(["a", "über", "日本", "<s>"], rows)
    before.save(tmp_path / name)
    again = WordVectors.load(tmp_path / name)
    assert again.words == before.words
    np.testing.assert_array_equal(again.vectors, before.vectors)


def test_files_of_other_programs_are_read(tmp_path: Path) -> None:
    file = tmp_path / "glove.txt"  # no first line, and a word with blanks
    file.write_text("the 1 0.5\nof 2 -1e-3\n. . . 0 0\n")
    words, rows = data.read_vectors(file)
    assert words == ["the", "of", ". . ."]
    np.testing.assert_array_equal(
        rows, np.array([[1, 0.5], [2, -1e-3], [0, 0]], np.float32)
    )
    packed = np.array([[1, 2], [3, 4]], np.float32)
    without_ends = b"2 2\none " + packed[0].tobytes() + b"two " + packed[1].tobytes()
    (tmp_path / "v.bin").write_bytes(without_ends)
    np.testing.assert_array_equal(data.read_vectors(tmp_path / "v.bin")[1], packed)


BINARY = b"2 2\none " + b"\0" * 8 + b"\ntwo " + b"\0" * 8 + b"\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.txt", b"3 2\na 1 2\nb 1 2\n", "2 lines of words: line 1 says 3"),
        ("v.txt", b"2 2\na 1 2\nb 1\n", "line 3: expected a word and 2 numbers"),
        ("v.txt", b"2 2\na 1 2\nb 1 x\n", "line 3: expected a word and 2 numbers"),
        ("v.txt", b"2 2\na 1 2\n 1 2\n", "line 3: the word is empty"),
        (
            "v.txt",
            b"2 2\na 1 2\n\xff 1 2\n",
            "line 3: byte FF of the word is not",
        ),
        (
            "v.txt",
            b"2 2\na 1 2\nb 1 nan\n",
            "vector 2, 'b': numbers that are not",
        ),
        ("v.txt", b"2 2\na 1 2\na 1 2\n", "the word 'a' is there twice"),
        ("v.txt", b"999999999 999999999\na 1 2\n", "can hold: the file is truncated"),
        ("v.txt", b"0 5\n", "0 words of 5 numbers: expected at least one"),
        ("v.txt", b"", "line 1: expected 'words numbers', or a word"),
        ("v.txt", b"hello\n", "line 1: expected 'words numbers', or a word"),
        ("v.bin", b"a 1 2\n", "no first line 'words numbers'"),
        ("v.bin", BINARY[:-11], "can hold: the file is truncated"),
        ("v.bin", b"999999999999 300\n" + BINARY, "can hold: the file is truncated"),
        ("v.bin", BINARY.replace(b"two", b"\xfe"), "word 2: byte FE of the word"),
        ("v.bin", BINARY.replace(b"two ", b"two_three"), "word 2 of 2: the file ends"),
        ("v.bin", BINARY + b"more", "bytes behind the last of 2 words"),
    ],
)
def test_wrong_files_are_named(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)):
        WordVectors.load(tmp_path / name)


@pytest.mark.parametrize("binary", [False, True])
def test_damaged_files_are_read_or_refused_and_nothing_else(
    binary: bool, tmp_path: Path
) -> None:
    file, rng = tmp_path / "v", np.random.default_rng(0)
    royal().save(file, binary=binary)
    whole = bytearray(file.read_bytes())
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        cut = rng.integers(1, len(whole) + 1) if rng.random() < 0.5 else len(whole)
        file.write_bytes(damaged[:cut])
        try:
            words, rows = data.read_vectors(file, binary=binary)
        except ChainruleError:
            refused += 1
        else:
            assert rows.shape[0] == len(words) <= len(whole)
    assert refused > 100


def test_a_file_longer_than_the_limit_is_not_read(tmp_path: Path) -> None:
    royal().save(tmp_path / "v.txt")
    with pytest.raises(FileError, match="more than 10 bytes"):
        data.read_vectors(tmp_path / "v.txt", limit=10)


def test_words_with_blanks_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="the word 'new york': a blank parts words"):
        WordVectors(["new york"], [[1.0]]).save(tmp_path / "v.txt")


# Networks and pictures. --------------------------------------------------------------


def test_a_layer_begins_with_the_vectors_of_a_tokenizers_words() -> None:
    words = data.Words.fit("king duke queen", special=("pad", "unknown"))
    cr.manual_seed(0)
    layer = royal().embedding(words.tokens)
    assert isinstance(layer, nn.Embedding)
    ids = words.encode("queen king")
    np.testing.assert_array_equal(layer(ids).numpy(), ROWS[[1, 0]])
    drawn = layer(words.encode("duke")).numpy()
    assert np.isfinite(drawn).all() and drawn.any()
    np.testing.assert_array_equal(royal().embedding().weight.array, ROWS)
    with pytest.raises(DataError, match="none of 1 words is among the 5"):
        royal().embedding(["duke"])


def test_a_map_names_each_word() -> None:
    with pictures.windowless():
        ax = royal().plot(4, "pca")
    assert [text.get_text() for text in ax.texts] == WORDS[:4]


def test_the_tests_of_the_literature_are_read_whole() -> None:
    folder = cr.config.data_folder
    if folder is None or not (folder / "wordsim").is_dir():
        pytest.skip("no data folder")
    assert len(data.read_word_pairs(folder / "wordsim/wordsim353.tsv")) == 353
    assert len(data.read_word_pairs(folder / "wordsim/simlex999.txt")) == 999
    assert len(data.read_analogies(folder / "wordsim/questions-words.txt")) == 19_544
    sentences = data.brown_sentences()
    assert len(sentences) == 57_340
    assert sum(map(len, sentences)) == 1_161_192
    assert sentences[0][:3] == ["the", "fulton", "county"]


def test_a_net_that_knows_its_words_has_vectors_of_them() -> None:
    net = models.Word2Vec([3, 2], 4, words=["a", "b"])
    found = WordVectors.of(net)
    assert found.words == ("a", "b")
    np.testing.assert_array_equal(found.vectors, net.vectors.weight.array)
    with pytest.raises(ArgumentError, match="the net knows no words"):
        WordVectors.of(models.Word2Vec([3, 2], 4))
    with pytest.raises(ArgumentError, match="1 words, 2 counts: expected a count"):
        models.Word2Vec([3, 2], 4, words=["a"])
