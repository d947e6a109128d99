"""``Translator``: a sequence-to-sequence network with the tokenizers of both sides,
from text to text.

Place on the road: above ``seq2seq`` and ``decoding``, which know numbers alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import nn
from ..compiler.compile import compile
from ..data.batching import batches as data_batches
from ..data.buckets import bucket_pairs
from ..data.datasets import Dataset
from ..data.text.edits import error_rates
from ..data.text.kinds import tokenizer_from_json
from ..data.text.tokenizers import Tokenizer
from ..errors import ArgumentError, DataError
from ..graph import Array
from ..losses import cross_entropy
from .decoding import Decoded, decode
from .seq2seq import NOTHING, EncoderDecoder, labels_of

#: How many pairs are scored together.
SCORED = 64


class AttentionMap(NamedTuple):
    """What a translation looked at; ``pictures.attention_map(*it)`` draws it.

    Attributes:
        weights: (T + 1, S): of each token that was written, and of its end.
        source, target: the tokens, as texts.
    """

    weights: Array
    source: list[str]
    target: list[str]


class TranslationScores(NamedTuple):
    """How well pairs are translated.

    Attributes:
        loss: of each token given the true ones before it, in nats.
        token_accuracy: the share of tokens that are then the likeliest, ends included.
        exact_match: the share of translations that are a target of their source.
        token_error_rate: edits for each token of the nearest target.
        character_error_rate: edits for each of its characters.
        pairs: how many there were.
    """

    loss: float
    token_accuracy: float
    exact_match: float
    token_error_rate: float
    character_error_rate: float
    pairs: int


class Translator(nn.Module):
    """Texts in, texts out: a network, and what turns texts into its numbers and back.

    Arguments:
        model: a ``Seq2Seq`` or a ``Transformer``.
        source, target: the tokenizers of both sides, or their JSON forms as texts, of
            as many tokens as the model has. A source tokenizer with "unknown" reads
            whatever it is given.

    Raises:
        ArgumentError: for tokenizers of other sizes than the model's vocabularies.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> cr.manual_seed(0)
        >>> letters = data.Characters("abc", special=["unknown"])
        >>> phonemes = data.Words(["AH", "B", "K"], special=(), split="blanks")
        >>> model = models.Seq2Seq(4, 3, hidden_size=8)
        >>> speaker = models.Translator(model, letters, phonemes)
        >>> pairs = speaker.pairs([("cab", "K AH B"), ("ba", "B AH")] * 20)
        >>> history = cr.fit(models.TeacherForcing(model), pairs, epochs=40,
        ...                  optimizer=cr.optim.Adam(lr=0.02), progress=False)
        >>> speaker.translate(["cab", "ba"])
        ['K AH B', 'B AH']
        >>> speaker.attention("ba").weights.shape
        (3, 2)
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(
        self,
        model: EncoderDecoder,
        source: Tokenizer | str,
        target: Tokenizer | str,
    ) -> None:
        self.source, self.target = _tokenizer(source), _tokenizer(target)
        sizes = (
            ("source", self.source, model.source_vocabulary),
            ("target", self.target, model.target_vocabulary),
        )
        for name, tokenizer, size in sizes:
            if len(tokenizer) != size:
                raise ArgumentError(
                    f"Translator: {name}: a tokenizer of {len(tokenizer)} tokens for a "
                    f"model with {name}_vocabulary={size}: both must be equal",
                    fix=f"{name}_vocabulary=len(tokenizer)",
                )
        self.model = model

    def settings(self) -> dict[str, Any]:
        """The network, and the tokenizers as JSON."""
        return {
            "model": self.model,
            "source": json.dumps(self.source.to_json()),
            "target": json.dumps(self.target.to_json()),
        }

    def describe_settings(self) -> str:
        """``27 characters → 39 words``"""
        source, target = self.source, self.target
        return f"{len(source)} {source.kind} → {len(target)} {target.kind}"

    def forward(
        self, source: Any, lengths: Any, target: Any, training: bool = False
    ) -> Any:
        """The network's logits, from numbers."""
        return self.model(source, lengths, target, training=training)

    def pairs(
        self,
        pairs: Iterable[tuple[str | Array, str | Array]],
        *,
        buckets: int = 8,
        name: str = "pairs",
    ) -> Dataset:
        """Pairs as examples for ``fit``, see ``data.bucket_pairs``.

        Arguments:
            pairs: of texts, or of their tokens.
            buckets, name: as of ``data.bucket_pairs``.

        Raises:
            DataError: for a text without tokens, or with too many for the model.
        """
        sources, targets = [], []
        for number, (source, target) in enumerate(pairs):
            sources.append(self._encoded(self.source, source, f"source {number}"))
            targets.append(self._encoded(self.target, target, f"target {number}", 1))
        return bucket_pairs(sources, targets, buckets=buckets, name=name)

    def translate(self, texts: Iterable[str], **options: Any) -> list[str]:
        """The translation of each text.

        Arguments:
            texts: of any length.
            options: as of ``decode``: ``beam``, ``length_penalty`` and others.

        Raises:
            DataError: for an empty text, or one with too many tokens for the model.
        """
        return [
            self.target.decode(each.tokens) for each in self.search(texts, **options)
        ]

    def search(self, texts: Iterable[str | Array], **options: Any) -> list[Decoded]:
        """The tokens of each translation, with their probability: what ``decode``
        answers.

        Arguments:
            texts: or their tokens.
            options: as of ``decode``.
        """
        sources = [
            self._encoded(self.source, text, f"text {number}")
            for number, text in enumerate(texts)
        ]
        return decode(self.model, sources, **options)

    def score(
        self, pairs: Sequence[tuple[str, str]], **options: Any
    ) -> TranslationScores:
        """How well the targets of pairs are found.

        Each source is translated once; all of its targets among the pairs count as
        right.

        Arguments:
            pairs: sources and targets.
            options: as of ``decode``.
        """
        cut = [
            (
                self._encoded(self.source, source, f"source {number}"),
                self._encoded(self.target, target, f"target {number}", 1),
            )
            for number, (source, target) in enumerate(pairs)
        ]
        rows: dict[str, list[int]] = {}
        for number, (source, _) in enumerate(pairs):
            rows.setdefault(source, []).append(number)
        found = self.search((cut[each[0]][0] for each in rows.values()), **options)
        wanted = [[cut[row][1].tolist() for row in each] for each in rows.values()]
        rates = error_rates([each.tokens for each in found], wanted)
        texts = [self.target.decode(each.tokens) for each in found]
        targets = [[pairs[row][1] for row in each] for each in rows.values()]
        letters = error_rates(texts, targets)
        order = sorted(range(len(pairs)), key=lambda row: sum(map(len, pairs[row])))
        nats, right, tokens = self._given_the_truth([cut[row] for row in order])
        return TranslationScores(
            nats / tokens,
            right / tokens,
            1 - rates.sequences,
            rates.tokens,
            letters.tokens,
            len(pairs),
        )

    def _given_the_truth(self, pairs: Sequence[tuple[Array, Array]]) -> Array:
        """Nats, tokens that are likeliest, and all tokens, summed over pairs of tokens,
        those that are about as long beside each other.
        """
        examples = self.pairs(pairs, buckets=2)

        @compile
        def sums(source: Any, sizes: Any, target: Any, lengths: Any) -> Any:
            logits = self(source, sizes, target)
            labels = labels_of(target, lengths, self.model.end)
            real = labels != NOTHING
            nats = cross_entropy(logits, labels, ignore_index=NOTHING, reduction="sum")
            right = (logits.argmax(axis=-1) == labels) & real
            return nats, right.sum(), real.sum()

        batches = data_batches(examples, SCORED, shuffle=False)
        found = [[part.item() for part in sums(*batch[0])] for batch in batches]
        total: Array = np.array(found).sum(axis=0)
        return total

    def unknown(self, text: str) -> list[str]:
        """The characters or words of a text that its tokenizer does not know, each
        once; for messages.

        Example:
            >>> from chainrule import data, models
            >>> letters = data.Characters("abc", special=["unknown"])
            >>> model = models.Seq2Seq(4, 4, hidden_size=2)
            >>> models.Translator(model, letters, letters).unknown("back, cab")
            ['k', ',', ' ']
        """
        if "unknown" not in self.source.special:
            return []
        cut = getattr(self.source, "cut", list)
        known = set(self.source.tokens)
        return [each for each in dict.fromkeys(cut(text)) if each not in known]

    def attention(self, text: str, target: str | None = None) -> AttentionMap:
        """What each token of a translation looked at.

        Arguments:
            text: the source.
            target: the translation; the likeliest one when not given.
        """
        source = self._encoded(self.source, text, "text")
        if target is None:
            written = np.array(decode(self.model, [source])[0].tokens, np.int64)
        else:
            written = self._encoded(self.target, target, "target", 1)
        maps = self.model.attention_maps(source[None], [len(source)], written[None])
        return AttentionMap(
            np.asarray(maps.numpy())[0],
            [self.source.tokens[each] for each in source],
            [self.target.tokens[each] for each in written],
        )

    def _encoded(
        self, tokenizer: Tokenizer, text: str | Array, what: str, more: int = 0
    ) -> Array:
        """The tokens of a text, if it is one; at least one, and not too many."""
        ids = tokenizer.encode(text) if isinstance(text, str) else text
        most = self.model.max_length
        if not ids.size:
            raise DataError(f"Translator: {what} is empty: {text[:40]!r}")
        if most is not None and len(ids) + more > most:
            raise DataError(
                f"Translator: {what}: {len(ids)} tokens: the model takes at most "
                f"{most - more}: {text[:40]!r} …",
                fix="a shorter text, or a model with a larger max_length",
            )
        return ids


def _tokenizer(given: Tokenizer | str) -> Tokenizer:
    return tokenizer_from_json(json.loads(given)) if isinstance(given, str) else given
