"""GPT: a stack of causal Transformer blocks that predicts the next token.

Read from top to bottom: the network, what it starts from, and what it keeps of what it
has read; how it writes stands in ``generation``. The shape of a value stands at the
right of the line that makes it: N sequences, T steps, D features, V tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import nn
from ..graph import Array
from ..initializers import normal
from ..nn.arguments import awaiting_values, positive_size
from ..random_numbers import Generator
from .generation import Memory, Sampling, checked_prompt, write

#: Keys and values of more bytes than this come from memory for every token.
LARGE_MEMORY = 4 << 20


class GPT(nn.Module):
    """A language model: logits of the next token, for every step of a sequence.

    Formula: h = W[id] + P[t]; h ← block(h), causal and norm first, several times;
    logits = LN(h) Wᵀ, with the table W of the input ("tied").

    Shapes: integers (N, T) → (N, T, vocabulary).

    Initial values: N(0, 0.02²), of the products in front of a shortcut
    N(0, 0.02² / (2 · num_layers)); biases 0.

    Arguments:
        vocabulary: how many tokens there are.
        max_length: the longest sequence.
        num_layers, num_heads, width: of the stack; those of GPT-2 small when not given.
        dropout: in training.
        bias: whether products and norms have biases.

    Raises:
        BoundsError: in a call, for a token outside of the vocabulary.
        ShapeError: in a call, for a longer sequence.

    Source: Radford et al., Language models are unsupervised multitask learners (2019);
    tied weights: Press & Wolf (2017).

    Example:
        >>> import numpy as np
        >>> from chainrule import models
        >>> gpt = models.GPT(65, 128, num_layers=2, num_heads=2, width=16)
        >>> gpt(np.zeros((4, 10), int)).shape
        (4, 10, 65)
        >>> gpt.generate([[1, 2, 3]], 5).shape
        (1, 8)
    """

    depends_on_training: ClassVar[bool] = True
    options_elsewhere: ClassVar[str] = "models.GPT"

    def __init__(
        self,
        vocabulary: int,
        max_length: int,
        num_layers: int = 12,
        num_heads: int = 12,
        width: int = 768,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.max_length = positive_size("GPT", "max_length", max_length)
        self.embedding = nn.Embedding(vocabulary, width, dtype=dtype)
        self.positions = nn.LearnedPositions(max_length, width, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        block = nn.TransformerEncoderLayer(
            width, num_heads, 4 * width, dropout, "gelu", True, bias, dtype=dtype
        )
        norm = nn.LayerNorm(width, bias=bias, dtype=dtype)
        self.blocks = nn.TransformerEncoder(block, num_layers, norm)
        if not awaiting_values():
            self._draw()

    def _draw(self) -> None:
        """The first values of all matrices."""
        shortcuts = 2 * len(self.blocks.layers)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                before = name.endswith(("out_proj.weight", "linear2.weight"))
                std = 0.02 / math.sqrt(shortcuts) if before else 0.02
                weight.assign(normal(std=std)(weight.shape, dtype=weight.dtype))

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        block = self.blocks.layers[0].settings()
        return {
            "vocabulary": self.vocabulary,
            "max_length": self.max_length,
            "num_layers": len(self.blocks.layers),
            "num_heads": block["nhead"],
            "width": block["d_model"],
            "dropout": self.dropout.p,
            "bias": block["bias"],
        }

    def forward(
        self,
        ids: Any,
        *,
        caches: Sequence[nn.KeyValueCache] | None = None,
        training: bool = False,
    ) -> Any:
        """The logits of what follows every step.

        Arguments:
            caches: the steps before these, from ``blocks.new_caches``.
        """
        start = 0 if caches is None else caches[0].length.read()
        x = self.embedding(ids)  # (N, T, D)
        x = self.positions(x, start)  # (N, T, D)
        x = self.dropout(x, training=training)
        x = self.blocks(x, causal=True, caches=caches, training=training)
        return self.embedding.logits(x)  # (N, T, V)

    def generate(
        self,
        prompt: Any,
        steps: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: Generator | None = None,
    ) -> Array:
        """Continues sequences, token by token; keys and values are computed once.

        A sequence may grow beyond ``max_length``: whenever the memory is full, the
        older half of it is forgotten.

        Arguments:
            prompt: the tokens to continue, (N, T) or (T,).
            steps: how many tokens to add.
            temperature: what the logits are divided by: below 1 the likely becomes
                likelier; 0 takes the likeliest token.
            top_k: draw from the k most probable tokens; from all when not given.
            top_p: draw from the fewest tokens that have this probability together.
            generator: of random numbers; the default one when not given.

        Returns:
            The prompt with the new tokens behind it, integers (N, T + steps).
        """
        ids = checked_prompt(prompt)
        rules = Sampling(temperature, top_k, top_p)
        rows = np.atleast_2d(ids)
        written = write(self, rows, steps, rules, generator)
        rows = np.concatenate([rows, np.stack(list(written), axis=1)], axis=1)
        return rows.reshape(*ids.shape[:-1], -1)

    # What generation asks for. -------------------------------------------------------

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.embedding.num_embeddings

    @property
    def longest(self) -> int:
        """How many tokens it can look back on."""
        return self.max_length

    def new_memory(self, batch: int) -> KeysAndValues:
        """Caches of all blocks for some sequences."""
        return KeysAndValues(self.blocks.new_caches(batch, self.max_length))

    def read(self, ids: Any, memory: KeysAndValues) -> Any:
        """The logits of what follows these tokens, after those of the memory."""
        return self(ids, caches=memory.caches)


class KeysAndValues(Memory):
    """The keys and values of all blocks: what a GPT keeps of what it has read.

    A large memory, that of many sequences, is read from one to four quarters of it, as
    it fills: attention then waits for memory, and half of it would be read for nothing.

    Arguments:
        caches: one of each block.
    """

    def __init__(self, caches: Sequence[nn.KeyValueCache]) -> None:
        self.caches = caches

    def clear(self) -> None:
        """Forgets all tokens."""
        for cache in self.caches:
            cache.clear()

    def room(self, tokens: int) -> int | None:
        """The quarters that hold so many tokens."""
        size = sum(
            2 * math.prod(c.keys.shape) * c.keys.dtype.itemsize for c in self.caches
        )
        if size <= LARGE_MEMORY:
            return None
        quarter = -(-self.caches[0].max_length // 4)
        return quarter * -(-tokens // quarter)

    def within(self, room: int) -> KeysAndValues:
        """The first steps of all caches."""
        return KeysAndValues([cache.within(room) for cache in self.caches])


def gpt_size(
    vocabulary: int, max_length: int, num_layers: int, width: int, bias: bool = True
) -> int:
    """How many numbers a ``GPT`` trains, without making it.

    Formula: D (V + T) + L (12 D² + 13 D) + 2 D; without biases L (12 D² + 2 D) + D.

    Example:
        >>> from chainrule.models.gpt import gpt_size
        >>> gpt_size(50257, 1024, 12, 768)  # GPT-2 small
        124439808
    """
    block = 12 * width**2 + (13 if bias else 2) * width
    norm = (2 if bias else 1) * width
    return width * (vocabulary + max_length) + num_layers * block + norm
