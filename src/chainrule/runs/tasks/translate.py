"""``--task translate``: a network that turns one text into another.

Place on the road: a task. Its file has a pair a line, source and target, parted by a
tab. Sources are split, not lines, so that none is in two parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ... import data, models, pictures
from ...data.text.pairs import TextPair, read_pairs
from ...data.text.reading import read_lines
from ...errors import ArgumentError, DataError
from ...graph import Array
from ...models.seq2seq import ATTENTIONS
from ...wording import counted, spaced
from ..settings import Network, Settings, Source, Training
from .task import (
    Corpus,
    Task,
    TaskRun,
    epochs_within,
    sizes_refused,
    trained,
)

#: What --tokens may be, and what the tokenizer of that name is called.
TOKENS = {
    "characters": "characters",
    "bytes": "bytes",
    "words": "words",
    "bpe": "byte pairs",
}
#: How many words and byte pairs there are unless it is said, at most.
WORDS, PAIRS = 10_000, 2048
#: A side with no more different words than this, several a text, is one of symbols.
SYMBOLS = 200
#: Texts up to so many characters on average are cut into these.
SHORT = 24

#: Steps of a whole training, about, and epochs at least and at most.
STEPS, EPOCHS = 6000, (3, 100)
SMOOTHING, BEAM = 0.1, 4
#: Translations that are kept and shown, pairs whose attention is drawn, and the most
#: pairs that are translated to be scored.
EXAMPLES, SHOWN, DRAWN, MOST_SCORED = 50, 6, 6, 2000
#: Sources are read together in batches of this size.
BATCH = 64


class Cut:
    """The tokenizers of both sides, and what they make of the pairs to learn from:
    once, however often it is asked for.
    """

    def __init__(
        self, tokenizers: tuple[data.Tokenizer, data.Tokenizer], pairs: list[TextPair]
    ) -> None:
        self.tokenizers = tokenizers
        self.pairs = pairs

    @cached_property
    def tokens(self) -> list[tuple[Array, Array]]:
        """The tokens of both texts of each pair."""
        first, second = self.tokenizers
        return [(first.encode(one), second.encode(two)) for one, two in self.pairs]

    def longest(self) -> int:
        """The most tokens of a text, its end included."""
        return 1 + max(len(each) for pair in self.tokens for each in pair)


class Translate(Task):
    """Learns what texts become."""

    name = "translate"
    what = "turns texts into others"
    score = ("token_error_rate", True)
    networks = ("gru", "lstm", "transformer")
    takes = frozenset(("tokens", "vocabulary", "attention"))
    answers = frozenset(("text", "beam"))
    reads_tables = True

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The pairs, their parts, and the tokenizers of the first of them."""
        path = Path(str(source.file))
        pairs = read_pairs(path)
        train, validation, test = _parts(pairs, path.name, source.test, asked)
        kind = asked.get("tokens")
        size = asked.get("vocabulary")
        cut = (
            _tokenizer([pair.source for pair in train], kind, size),
            _tokenizer([pair.target for pair in train], kind, size),
        )
        different = len({pair.source for pair in pairs})
        notes = [_unknown_in_words(cut, train, test)]
        if different < len(pairs):
            notes.append(
                f"{spaced(different)} different sources; all targets of a source are "
                "right, and in one part"
            )
        return Corpus(
            path.name,
            f"{spaced(len(pairs))} pairs: {len(cut[0])} {cut[0].kind} → {len(cut[1])} "
            f"{cut[1].kind}",
            train,
            validation or None,
            test,
            tuple(note for note in notes if note),
            Cut(cut, train),
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the number of pairs on two cores."""
        model = asked.get("model", self.networks[0])
        if model == "transformer" and asked.get("attention"):
            raise ArgumentError(
                f"--attention {asked['attention']}: a transformer has an attention of "
                "its own",
                fix="leave --attention out, or --model gru or lstm",
            )
        hidden = asked.get("hidden") or _usual_hidden(model, len(corpus.train))
        if len(set(hidden)) != 1:
            why = f"all layers of a {model} have one size here"
            raise sizes_refused(hidden, why, len(hidden))
        if hidden[0] % 2:
            raise ArgumentError(f"--hidden {hidden[0]}: expected an even number")
        size = min(BATCH, max(1, len(corpus.train) // 20))
        rows = asked.get("batch_size", size)
        steps = data.num_batches(len(corpus.train), rows)
        words = trained(
            asked,
            epochs=epochs_within(EPOCHS, STEPS / steps),
            batch_size=rows,
            lr=1e-3 if model == "transformer" else 2e-3,
            patience=10,
        )
        source, target = corpus.made.tokenizers
        made = Network(
            len(source),
            len(target),
            tuple(hidden),
            activation="relu" if model == "transformer" else "tanh",
            dropout=asked.get("dropout", 0.1 if model == "transformer" else 0.3),
            model=model,
        )
        details = {name: asked.get(name) for name in ("tokens", "vocabulary")}
        if model == "transformer":
            details["max_length"] = max(32, 2 * corpus.made.longest())
        else:
            details["attention"] = asked.get("attention", ATTENTIONS[0])
        return made, words, details

    def build(self, settings: Settings, corpus: Corpus) -> models.Translator:
        """The tokenizers and their network."""
        words, details = settings.network, settings.details or {}
        size, layers = words.hidden[0], len(words.hidden)
        made: models.Seq2Seq | models.Transformer
        if words.model == "transformer":
            made = models.Transformer(
                words.inputs, words.outputs, size, layers, _heads(size),
                dropout=words.dropout, norm_first=True,
                max_length=details["max_length"],
            )  # fmt: skip
        else:
            made = models.Seq2Seq(
                words.inputs, words.outputs, size, size // 2, layers,
                details["attention"], words.model, words.dropout,
            )  # fmt: skip
        return models.Translator(made, *corpus.made.tokenizers)

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """Writing each token of a target, given the true ones before it."""
        learning = models.TeacherForcing(run.model.model, SMOOTHING)
        buckets = min(5, 1 + len(run.corpus.train) // 1000)
        cut = run.corpus.made.tokens
        examples = run.model.pairs(cut, buckets=buckets, name="training")
        held_out = None
        if run.corpus.validation is not None:
            ordered = sorted(run.corpus.validation, key=lambda pair: len(pair.source))
            held_out = run.model.pairs(ordered, buckets=2, name="validation")
        return learning, examples, held_out

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """Errors of translations, and of tokens given the true ones before them."""
        scores = model.score(part[:MOST_SCORED], beam=_beam(model))
        return dict(scores._asdict())

    def part_of(self, path: Path, model: Any, settings: Settings) -> Any:
        """All pairs of another file."""
        return read_pairs(path)

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``exact 71.2 %, token errors 9.9 %, character errors 8.0 %``"""
        return ", ".join(
            f"{name} {100 * measured[key]:.1f} %"
            for name, key in (
                ("exact", "exact_match"),
                ("token errors", "token_error_rate"),
                ("character errors", "character_error_rate"),
            )
        )

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """The source as it is, and the most frequent target for all."""
        targets: dict[str, list[str]] = {}
        for source, target in run.corpus.test[:MOST_SCORED]:
            targets.setdefault(source, []).append(target)
        written = [pair.target for pair in run.corpus.train]
        usual = max(dict.fromkeys(written), key=written.count)
        guesses = {"the source as it is": None, f"always {usual!r}": usual}
        found = {}
        for name, guess in guesses.items():
            texts = [source if guess is None else guess for source in targets]
            found[name] = _rates(run.model.target, texts, list(targets.values()))
        return {name: rates for name, rates in found.items() if rates}

    def draw(self, run: TaskRun) -> list[str]:
        """Translations of test sources, and what some of them looked at."""
        chosen = run.corpus.test[:EXAMPLES]
        found = run.model.translate(
            [pair.source for pair in chosen], beam=_beam(run.model)
        )
        lines = [
            f"{pair.source}\t{text}\t{pair.target}\n"
            for pair, text in zip(chosen, found, strict=True)
        ]
        path = run.folder.path / "translations.tsv"
        path.write_text("source\tfound\ttarget\n" + "".join(lines), encoding="utf-8")
        maps = [run.model.attention(pair.source) for pair in chosen[:DRAWN]]
        maps = [each for each in maps if each.target]
        if not maps:
            return [path.name]
        with pictures.windowless():
            weights, sources, targets = zip(*maps, strict=True)
            figure = pictures.attention_maps(weights, sources, targets)
        pictures.save(figure, run.folder.path / "attention.png")
        return [path.name, "attention.png"]

    def sample(self, run: TaskRun) -> list[str]:
        """A few of them."""
        text = (run.folder.path / "translations.tsv").read_text(encoding="utf-8")
        cells = [line.split("\t") for line in text.splitlines()[1 : SHOWN + 1]]
        return [
            f"{source} → {found}" + ("" if found == target else f"   ({target})")
            for source, found, target in cells
        ]

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Translating, and measuring."""
        folder, text = str(run.folder), run.corpus.test[0].source
        return [
            ("one text", ("predict", folder, "--text", text)),
            ("a file with a text a line", ("predict", folder, "sources.txt")),
            ("other pairs", ("evaluate", folder, "other.tsv")),
        ]

    def answer(
        self, model: Any, settings: Settings, asked: Mapping[str, Any]
    ) -> tuple[Iterator[str], list[str]]:
        """The translation of a text, or of each line of a file; and what there is in
        them that the model has never seen.
        """
        if "text" in asked:
            lines = [(0, str(asked["text"]))]
        else:
            lines = read_lines(asked["data"])
        every = [each for _, line in lines for each in model.unknown(line.strip())]
        unknown = list(dict.fromkeys(every))
        shown = ", ".join(map(repr, unknown[:8])) + ", …" * (len(unknown) > 8)
        remarks = [f"never seen in training: {shown}"] if unknown else []
        return _translated(model, lines, asked), remarks


def _translated(
    model: Any, lines: Sequence[tuple[int, str]], asked: Mapping[str, Any]
) -> Iterator[str]:
    """The translation of each line, a batch at a time."""
    beam = asked.get("beam", _beam(model))
    name = Path(asked.get("data", "")).name
    for number, line in lines:
        where = f"predict: {name}: line {number}" if number else "predict: --text"
        _check_line(model, line, where)
    texts = [line.strip() for _, line in lines]
    for first in range(0, len(texts), BATCH):
        yield from model.translate(texts[first : first + BATCH], beam=beam)


TASK = Translate()


def _rates(
    tokenizer: data.Tokenizer, texts: Sequence[str], references: Sequence[list[str]]
) -> dict[str, float]:
    """Errors of texts; nothing where there are characters that no target has."""
    wanted = [[tokenizer.encode(t).tolist() for t in each] for each in references]
    try:
        tokens = [tokenizer.encode(text).tolist() for text in texts]
    except DataError:
        return {}
    rates = data.error_rates(tokens, wanted)
    return {
        "exact_match": 1 - rates.sequences,
        "token_error_rate": rates.tokens,
        "character_error_rate": data.error_rates(texts, references).tokens,
    }


def _beam(model: Any) -> int:
    return min(BEAM, len(model.target))


def _check_line(model: Any, line: str, where: str) -> None:
    """An error for a line that cannot be translated."""
    if not line.strip():
        raise DataError(f"{where}: an empty line: there is nothing to translate")
    count, most = len(model.source.encode(line.strip())), model.model.max_length
    if most is not None and count > most:
        raise DataError(
            f"{where}: {counted(count, 'token')}: the model reads at most {most}",
            fix="cut it into parts, a line each",
        )


def _parts(
    pairs: Sequence[TextPair], name: str, test: float, asked: Mapping[str, Any]
) -> tuple[list[TextPair], list[TextPair], list[TextPair]]:
    """What is trained on, validated on and tested on, by sources."""
    sources = list(dict.fromkeys(pair.source for pair in pairs))
    order = np.random.default_rng(asked.get("seed", 0)).permutation(len(sources))
    last = max(1, round(test * len(sources)))
    seen = round(asked.get("validation", 0.1) * len(sources))
    if len(sources) - last - seen < 2:
        raise DataError(
            f"{name}: {counted(len(sources), 'different source')}: too few to learn "
            "from, and to be tested on",
            fix="more pairs",
        )
    part = {sources[row]: (2 if n < last else 1 if n < last + seen else 0)
            for n, row in enumerate(order)}  # fmt: skip
    parts: tuple[list[TextPair], ...] = ([], [], [])
    place = {sources[row]: n for n, row in enumerate(order)}
    for pair in sorted(pairs, key=lambda pair: place[pair.source]):
        parts[part[pair.source]].append(pair)
    return parts[0], parts[1], parts[2]


def _tokenizer(
    texts: Sequence[str], tokens: str | None, size: int | None
) -> data.Tokenizer:
    """The tokenizer of one side."""
    cut = [text.split() for text in texts]
    words = {word for each in cut for word in each}
    symbols = len(words) <= SYMBOLS and len(words) < sum(map(len, cut)) / 4
    if tokens is None and symbols and any(len(each) > 1 for each in cut):
        return data.Words.fit(texts, split="blanks")
    if tokens is None:
        short = sum(map(len, texts)) <= SHORT * len(texts)
        tokens = "characters" if short else "words"
    if tokens in ("characters", "bytes") and size is not None:
        raise ArgumentError(
            f"--vocabulary {size}: the number of {tokens} is what it is",
            fix="leave --vocabulary out, or --tokens words or bpe",
        )
    if tokens == "characters":
        return data.Characters.fit(texts, special=["unknown"])
    if tokens == "bytes":
        return data.Bytes()
    if tokens == "bpe":
        return data.BytePairs.fit(texts, PAIRS if size is None else size)
    return data.Words.fit(texts, WORDS if size is None else size)


def _unknown_in_words(
    cut: Sequence[data.Tokenizer], train: Sequence[TextPair], test: Sequence[TextPair]
) -> str:
    """A note on what the tests have that training has not."""
    found, total = 0, 0
    for side, tokenizer in enumerate(cut):
        if "unknown" in tokenizer.special:
            ids = [tokenizer.encode(pair[side]) for pair in test]
            found += sum(int((each == tokenizer.unknown).sum()) for each in ids)
            total += sum(map(len, ids))
    return f"{100 * found / total:.1f} % of the test's tokens are unknown" * (found > 0)


def _usual_hidden(model: str, pairs: int) -> tuple[int, ...]:
    """Sizes that learn so many pairs in minutes on two cores."""
    if model == "transformer":
        return (128,) * 3 if pairs >= 10_000 else (64,) * 2
    return (256,) if pairs >= 10_000 else (128,)


def _heads(width: int) -> int:
    """How many heads a block has: 4, or fewer where they do not divide its width."""
    return next(each for each in (4, 2, 1) if width % each == 0)
