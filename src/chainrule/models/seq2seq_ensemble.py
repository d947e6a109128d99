"""Several sequence-to-sequence networks that write one target together.

Place on the road: above ``seq2seq``, beside ``decoding``, which takes them as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any

from .. import nn
from ..errors import ArgumentError
from ..ops.composed import log_softmax, logsumexp, stack
from .seq2seq import EncoderDecoder, Memory


class Seq2SeqEnsemble(EncoderDecoder):
    """Several networks that write one target together, each trained by itself.

    Formula: p(yₜ | y₁ … yₜ₋₁, x) = 1/M Σₘ pₘ(yₜ | y₁ … yₜ₋₁, x);  logits = ln p.

    Shapes: those of its members.

    Arguments:
        members: two networks or more, of either family, with the same vocabularies.

    Raises:
        ArgumentError: for fewer, or other vocabularies; in a call, for ``training``.

    Source: Sutskever, Vinyals & Le (2014), section 3.

    Example:
        >>> from chainrule import models
        >>> members = [models.Seq2Seq(5, 3, hidden_size=8) for _ in range(2)]
        >>> together = models.Seq2SeqEnsemble(members)
        >>> found = models.decode(together, [[1, 2], [4, 0, 3]], beam=2, max_length=4)
        >>> [len(each.tokens) < 4 for each in found]
        [True, True]
    """

    def __init__(self, members: Sequence[EncoderDecoder]) -> None:
        several = list(members)
        for each in several:
            if not isinstance(each, EncoderDecoder):
                raise ArgumentError(
                    f"Seq2SeqEnsemble: a member is a {type(each).__name__}: expected "
                    "networks that read a sequence and write another",
                    fix="models.Seq2Seq(…) or models.Transformer(…)",
                )
        sizes = {(m.source_vocabulary, m.target_vocabulary) for m in several}
        if len(several) < 2 or len(sizes) > 1:
            raise ArgumentError(
                f"Seq2SeqEnsemble: {len(several)} members with {len(sizes)} sizes of "
                "vocabularies: expected two or more, with the same",
                fix="Seq2SeqEnsemble([model, other])",
            )
        super().__init__(*sizes.pop())
        self.members = several
        self._counts = [len(each.new_caches(1, 1)) for each in several]
        limits = [m.max_length for m in several if m.max_length is not None]
        self.max_length = min(limits, default=None)

    def settings(self) -> dict[str, Any]:
        """The members."""
        return {"members": list(self.members)}

    def encode(
        self, source: Any, lengths: Any = None, training: bool = False
    ) -> tuple[Memory, Any]:
        """The memory and the state of every member."""
        each = [m.encode(source, lengths, training) for m in self.members]
        memories, states = zip(*each, strict=True)
        return Memory(memories, None, memories[0].lengths), states

    def forward(
        self, source: Any, lengths: Any, target: Any, training: bool = False
    ) -> Any:
        """ln p of every token of a target and of its end."""
        if training:
            raise ArgumentError(
                "Seq2SeqEnsemble: its members are not trained together: they would "
                "become alike",
                fix="for member in members: cr.fit(models.TeacherForcing(member), …)",
            )
        return _mean([m(source, lengths, target) for m in self.members])

    def attention_maps(self, source: Any, lengths: Any, target: Any) -> Any:
        """The mean of those of all members."""
        maps = [m.attention_maps(source, lengths, target) for m in self.members]
        return stack(maps).mean(axis=0)

    def next(
        self, ids: Any, memory: Memory, state: Any, caches: Any
    ) -> tuple[Any, Any]:
        """ln p of what follows these tokens, and the next state of every member."""
        logits, states, own = [], [], iter(caches)
        parts = zip(self.members, memory.states, state, self._counts, strict=True)
        for m, known, before, count in parts:
            said, after = m.next(ids, known, before, list(islice(own, count)))
            logits.append(said)
            states.append(after)
        return _mean(logits), tuple(states)

    def new_caches(self, rows: int, max_length: int) -> list[nn.KeyValueCache]:
        """Those of all members, one after the other."""
        return [c for m in self.members for c in m.new_caches(rows, max_length)]


def _mean(logits: Sequence[Any]) -> Any:
    """The logarithms of the mean of some probabilities."""
    each = stack([log_softmax(x) for x in logits])  # (M, …, V + 1)
    return logsumexp(each, axis=0) - math.log(len(logits))
