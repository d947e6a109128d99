"""GPT: a stack of causal Transformer blocks that predicts the next token.

Read from top to bottom: the network, what it starts from, and how it writes text. The
shape of a value stands at the right of the line that makes it: N sequences, T steps,
D features, V tokens.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import dtypes, nn
from ..arrays.searching import top_k as largest
from ..compiler.compile import compile
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Array
from ..initializers import normal
from ..nn.arguments import awaiting_values, number_within, positive_size
from ..ops.arrays import lift
from ..ops.elementwise import where
from ..ops.reduction import argmax
from ..ops.reduction import min as min_
from ..random_numbers import Generator, default_generator
from ..tensor import Tensor, tensor


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
            "vocabulary": self.embedding.num_embeddings,
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
        generator: Generator | None = None,
    ) -> Array:
        """Continues sequences, token by token; keys and values are computed once.

        The prompt compiles a program for its length; all further tokens share one.

        Arguments:
            prompt: the tokens to continue, (N, T) or (T,).
            steps: how many tokens to add.
            temperature: what the logits are divided by: below 1 the likely becomes
                likelier; 0 takes the likeliest token.
            top_k: draw from the k most probable tokens; from all when not given.
            generator: of random numbers; the default one when not given.

        Returns:
            The prompt with the new tokens behind it, integers (N, T + steps).

        Raises:
            ArgumentError: where prompt and steps exceed ``max_length``.
        """
        ids = self._prompt(prompt, steps)
        heat = number_within("generate", "temperature", temperature, 0)
        if top_k is not None:
            top_k = positive_size("generate", "top_k", top_k)
            top_k = min(top_k, self.embedding.num_embeddings)
        source = default_generator if generator is None else generator
        rows = np.atleast_2d(ids)
        with _Borrowed(self, len(rows)) as writer:
            for _ in range(steps):
                fresh = rows[:, writer.length :]
                following = writer.next(fresh, heat, heat == 0, top_k, source)
                writer.length += fresh.shape[1]
                rows = np.concatenate([rows, following.numpy()[:, None]], axis=1)
        return rows.reshape(*ids.shape[:-1], -1)

    def _prompt(self, prompt: Any, steps: int) -> Array:
        (node,) = lift([prompt])
        shape = node.shape
        if not dtypes.is_integer(node.dtype):
            raise DTypeError(
                f"generate: prompt {shape} of {node.dtype}: a token is an integer",
                fix="prompt.astype('int64')",
            )
        if len(shape) not in (1, 2) or 0 in shape:
            raise ShapeError(
                f"generate: prompt {shape}: expected (tokens,) or (sequences, tokens), "
                "with at least one token to continue"
            )
        count = positive_size("generate", "steps", steps)
        if shape[-1] + count > self.max_length:
            raise ArgumentError(
                f"generate: prompt {shape} and {count} steps: {shape[-1] + count} "
                f"tokens, but max_length is {self.max_length}",
                fix="fewer steps, or only the end of the prompt: "
                f"prompt[..., -{max(1, self.max_length - count)}:]",
            )
        return np.asarray(tensor(node).numpy(), np.int64)


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


# Writing. ----------------------------------------------------------------------------


class _Writer:
    """The key-value caches of a model for some sequences, and its compiled step.

    The model is not kept alive by them.
    """

    def __init__(self, model: GPT, batch: int) -> None:
        self.model = weakref.ref(model)
        self.caches = model.blocks.new_caches(batch, model.max_length)
        self.next = compile(self._next)
        self.length = 0

    def _next(
        self, ids: Any, heat: Any, greedy: bool, top_k: int | None, source: Generator
    ) -> Tensor:
        """The tokens that follow these, one for each sequence."""
        model = self.model()
        assert model is not None
        logits = model(ids, caches=self.caches)[:, -1]  # (N, V)
        if greedy:
            likeliest: Tensor = argmax(logits, axis=-1)
            return likeliest
        if top_k is not None:
            least = min_(largest(logits, top_k)[0], axis=-1, keepdims=True)
            logits = where(logits < least, -math.inf, logits)
        drawn: Tensor = source.categorical(logits / heat)
        return drawn


#: Writers that wait for the next call, by model and number of sequences.
_waiting: weakref.WeakKeyDictionary[GPT, dict[int, _Writer]] = (
    weakref.WeakKeyDictionary()
)


class _Borrowed:
    """A writer for one call; two calls at the same time have two."""

    def __init__(self, model: GPT, batch: int) -> None:
        self.model, self.batch = model, batch

    def __enter__(self) -> _Writer:
        waiting = _waiting.setdefault(self.model, {}).pop(self.batch, None)
        self.writer = _Writer(self.model, self.batch) if waiting is None else waiting
        for cache in self.writer.caches:
            cache.clear()
        self.writer.length = 0
        return self.writer

    def __exit__(self, *error: object) -> None:
        _waiting.setdefault(self.model, {})[self.batch] = self.writer
