"""``--task language``: a network that learns to write like a text.

Place on the road: a task. The text is cut in three parts in its own order, as the end
of a book is the honest test of its beginning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import data, models
from ...data.text.packing import whole_windows
from ...errors import ArgumentError, DataError
from ...models.language import LENGTH
from ...models.perplexity import BEFORE
from ...random_numbers import Generator
from ...wording import counted, spaced
from ..settings import Network, Settings, Source, Training
from .ngrams import NGram
from .task import (
    Corpus,
    Task,
    TaskRun,
    epochs_within,
    sizes_refused,
    trained,
)

Array = np.ndarray[Any, np.dtype[Any]]

#: What --tokens may be, and what the tokenizer of that name is called.
TOKENS = {
    "characters": "characters",
    "bytes": "bytes",
    "words": "words",
    "bpe": "byte pairs",
}

#: How many words and byte pairs there are unless it is said, at most.
WORDS, PAIRS = 10_000, 1024

#: More different characters than this are rather bytes.
MOST_CHARACTERS = 1000

#: Steps of a whole training, about, and epochs at least and at most.
STEPS, EPOCHS = 3000, (2, 60)

#: How many tokens a network writes to show what it can, and how.
SAMPLE, TEMPERATURE = 400, 0.7


@dataclass(frozen=True)
class Text:
    """A part of a text, and the tokens that it was cut into."""

    text: str
    ids: Array


class Language(Task):
    """Learns what follows in a text."""

    name = "language"
    what = "writes on"
    score = ("bits_per_character", True)
    networks = ("lstm", "gru", "gpt")
    takes = frozenset(("tokens", "vocabulary", "length"))

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The text, its parts, and the tokenizer of the first of them."""
        path = Path(str(source.file))
        text = data.read_text(path)
        tokens = asked.get("tokens") or _usual_tokens(text)
        train, validation, test = _parts(text, path.name, source.test, asked)
        tokenizer = _tokenizer(tokens, asked, train, text)
        cut = [Text(part, tokenizer.encode(part)) for part in (train, validation, test)]
        few = min(len(part.ids) for part in cut if part.text)
        if few < 2:
            raise DataError(
                f"{path.name}: {counted(len(text), 'character')}: too few to learn "
                "from, and to be tested on",
                fix="a longer text",
            )
        return Corpus(
            path.name,
            f"{spaced(len(text))} characters, "
            f"{spaced(sum(len(part.ids) for part in cut))} tokens: "
            f"{len(tokenizer)} {tokenizer.kind}",
            cut[0],
            cut[1] if cut[1].text else None,
            cut[2],
            _notes(cut, tokenizer),
            {"tokens": tokens, "tokenizer": tokenizer},
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the length of the text on two cores."""
        model = asked.get("model", self.networks[0])
        gpt, count = model == "gpt", len(corpus.train.ids)
        hidden = asked.get("hidden") or _usual_hidden(gpt, count)
        if len(set(hidden)) != 1:
            why = f"all layers of {model} have one size"
            raise sizes_refused(hidden, why, len(hidden))
        if gpt and hidden[0] % _heads(hidden[0]):
            raise ArgumentError(f"--hidden {hidden[0]}: expected an even number")
        length = min(asked.get("length", 2 * LENGTH if gpt else LENGTH), count // 4)
        size = min(32, max(1, count // (20 * max(1, length))))
        rows = asked.get("batch_size", size)
        if length < 1 or rows * length + length > count:
            raise DataError(
                f"{corpus.title}: {counted(count, 'token')} to learn from: too few for "
                f"a batch of {rows} × {max(1, length)} tokens",
                fix="a longer text, a smaller --length or --batch-size",
            )
        steps = max(1, (count - length) // (rows * length))
        words = trained(
            asked,
            epochs=epochs_within(EPOCHS, STEPS / steps),
            batch_size=rows,
            lr=2e-3 if gpt else 4e-3,
            patience=10,
            **({"optimizer": "adamw", "weight_decay": 0.1} if gpt else {}),
        )
        few = count < 300_000
        vocabulary = len(corpus.made["tokenizer"])
        net = Network(
            vocabulary,
            vocabulary,
            tuple(hidden),
            activation="gelu" if gpt else "tanh",
            dropout=asked.get("dropout", 0.2 if few else 0.1 * (not gpt)),
            model=model,
        )
        size_asked = asked.get("vocabulary")
        details = {
            "tokens": corpus.made["tokens"],
            "vocabulary": size_asked,
            "length": length,
        }
        return net, words, details

    def build(self, settings: Settings, corpus: Corpus) -> models.LanguageModel:
        """The tokenizer and its network."""
        words, details = settings.network, settings.details or {}
        return models.language_model(
            corpus.made["tokenizer"],
            words.model,
            width=words.hidden[0],
            num_layers=len(words.hidden),
            num_heads=_heads(words.hidden[0]),
            length=details["length"],
            dropout=words.dropout,
        )

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """Predicting the next token, in rows or windows of the text."""
        words, details = run.settings.training, run.settings.details or {}
        learning = models.NextToken(run.model, words.batch_size)
        ids = run.corpus.train.ids
        batches = learning.batches(ids, details["length"], words.seed)
        held_out = None
        if run.corpus.validation is not None:
            longest = run.model.network.longest or 2 * BEFORE
            inputs, following = whole_windows(run.corpus.validation.ids, longest)
            held_out = data.Dataset(inputs, following, name="validation", task="none")
        return learning, batches, held_out

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """Perplexity and bits per character of a whole text."""
        return _scores(model.evaluate_tokens(part.ids))

    def part_of(self, path: Path, model: Any, settings: Settings) -> Text:
        """All of another text, cut by the model's tokenizer."""
        text = data.read_text(path)
        return Text(text, model.tokenizer.encode(text))

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``1.982 bits per character, perplexity 3.95``"""
        return (
            f"{measured['bits_per_character']:.3f} bits per character, perplexity "
            f"{measured['perplexity']:.4g}"
        )

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """Tables of counts: of single tokens, and of the order that knows most of the
        validation data.
        """
        table = NGram(run.corpus.train.ids, len(run.model.tokenizer))
        test = run.corpus.test
        chosen = table.order
        if run.corpus.validation is not None:
            means = [e.mean() for e in table.nats(run.corpus.validation.ids)]
            chosen = int(np.argmin(means)) + 1
        nats = table.nats(test.ids)
        letters = len(run.model.tokenizer.decode(test.ids[1:]))
        named = {"how frequent each token is": 1, f"{chosen}-grams": chosen}
        return {
            name: _scores(
                models.TextScore(len(test.ids) - 1, letters, float(nats[n - 1].sum()))
            )
            for name, n in named.items()
        }

    def draw(self, run: TaskRun) -> list[str]:
        """A page that the network has written."""
        text = run.folder.path / "sample.txt"
        text.write_text(_written(run) + "\n", encoding="utf-8")
        return [text.name]

    def sample(self, run: TaskRun) -> list[str]:
        """A few lines of it."""
        lines = (run.folder.path / "sample.txt").read_text(encoding="utf-8").split("\n")
        return [line[:88] for line in lines[:8]]

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Writing, and measuring."""
        prompt = run.corpus.train.text.split("\n")[0][:20].strip() or "A"
        folder = str(run.folder)
        return [
            ("write on", ("generate", folder, "--prompt", prompt)),
            ("another text", ("evaluate", folder, "other.txt")),
        ]


TASK = Language()


def _usual_tokens(text: str) -> str:
    return "characters" if len(set(text)) <= MOST_CHARACTERS else "bytes"


def _parts(
    text: str, name: str, test: float, asked: Mapping[str, Any]
) -> tuple[str, str, str]:
    """What is trained on, validated on and tested on, one after the other."""
    validation = asked.get("validation", 0.1)
    last = len(text) - math.ceil(test * len(text))
    border = last - math.ceil(validation * last)
    if border < 2 or len(text) - last < 2:
        raise DataError(
            f"{name}: {counted(len(text), 'character')}: too few to learn from, and "
            "to be tested on",
            fix="a longer text",
        )
    return text[:border], text[border:last], text[last:]


def _tokenizer(
    tokens: str, asked: Mapping[str, Any], train: str, text: str
) -> data.Tokenizer:
    """The tokenizer of a text. Its characters are those of the whole, so that the last
    part has none that nobody knows; words and pairs are those of the first part."""
    size = asked.get("vocabulary")
    if tokens in ("characters", "bytes") and size is not None:
        raise ArgumentError(
            f"--vocabulary {size}: the number of {tokens} is what it is",
            fix="leave --vocabulary out, or --tokens words or bpe",
        )
    if tokens == "characters":
        return data.Characters.fit(text)
    if tokens == "words":
        return data.Words.fit(train, WORDS if size is None else size)
    if tokens == "bpe":
        return data.BytePairs.fit(train, PAIRS if size is None else size)
    return data.Bytes()


def _notes(cut: list[Text], tokenizer: data.Tokenizer) -> tuple[str, ...]:
    if "unknown" not in tokenizer.special:
        return ()
    unknown = [int((part.ids == tokenizer.unknown).sum()) for part in cut]
    total = max(1, sum(len(part.ids) for part in cut))
    return (f"{100 * sum(unknown) / total:.1f} % of the words are unknown: rare ones",)


def _usual_hidden(gpt: bool, tokens: int) -> tuple[int, ...]:
    """Sizes that learn a text in minutes on two cores."""
    if gpt:
        return (128,) * 4 if tokens >= 100_000 else (64,) * 2
    return (256,) * 2 if tokens >= 300_000 else (128,)


def _heads(width: int) -> int:
    """How many heads a block has: 4, or fewer where they do not divide its width."""
    return next(each for each in (4, 2, 1) if width % each == 0)


def _scores(score: models.TextScore) -> dict[str, Any]:
    return {
        "loss": score.loss,
        "perplexity": score.perplexity,
        "bits_per_character": score.bits_per_character,
        "tokens": score.tokens,
        "characters": score.characters,
        "unknown": score.unknown,
    }


def _written(run: TaskRun) -> str:
    source = Generator(run.settings.training.seed)
    written: str = run.model.generate(
        "", SAMPLE, temperature=TEMPERATURE, generator=source
    )
    return written.strip("\n")
