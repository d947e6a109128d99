"""The attention of recurrent decoders: Bahdanau's, by a small network, and Luong's, by
a product.

A decoder's state is compared with every step of what an encoder read, the memory; the
better a step matches, the more it counts in an average of all: the context.

Place on the road: layers above ``dot_product``; models of sequences are made of them.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import DTypeLike

from ...errors import ArgumentError, ShapeError, unknown_option
from ...initializers import uniform
from ...ops.composed import expand_dims, swapaxes
from ...ops.elementwise import tanh, where
from ...ops.matmul import matmul
from ...ops.reduction import sum as sum_
from ..arguments import features, new_parameter, positive_size
from ..lengths import real_steps
from ..linear import Linear
from ..module import Module
from .dot_product import MASKED, softmax_terms

#: What Luong's attention compares a query with: the memory, or its projection.
SCORES = ("dot", "general")


class _MemoryAttention(Module):
    """What both kinds share: the mask and the average. Each defines ``keys`` and
    ``scores``.
    """

    query_size: int
    memory_size: int

    def keys(self, memory: Any) -> Any:
        """What queries are compared with: the memory (N, S, E), projected. It is the
        same for every query, so a loop over queries computes it once.
        """
        raise ArgumentError(f"{type(self).__name__}: keys is not defined")

    def scores(self, query: Any, keys: Any) -> Any:
        """How well every query (N, T, Q) matches every key: (N, T, S)."""
        raise ArgumentError(f"{type(self).__name__}: scores is not defined")

    def forward(
        self, query: Any, memory: Any, lengths: Any = None, *, keys: Any = None
    ) -> tuple[Any, Any]:
        """The context of each query, and the weights of its average.

        Arguments:
            query: (N, Q), one for each sequence, or (N, T, Q).
            memory: (N, S, E).
            lengths: how many steps of each memory are real, (N,); all if not given. A
                query of a memory without steps gets 0.
            keys: ``self.keys(memory)``, where it is known already.

        Returns:
            ``(context, weights)``: (N, E) and (N, S), or (N, T, E) and (N, T, S).

        Raises:
            ShapeError: if the shapes do not fit.
        """
        name = type(self).__name__
        m = self._features("memory", memory, self.memory_size)
        q = self._features("query", query, self.query_size)
        single = len(q.shape) == 2
        q = expand_dims(q, 1) if single else q
        if len(m.shape) != 3 or len(q.shape) != 3 or len(q) != len(m):
            raise ShapeError(
                f"{name}: query {q.shape} and memory {m.shape}: expected (N, Q) or "
                "(N, T, Q), and (N, S, E) of the same N sequences"
            )
        z = self.scores(q, self.keys(m) if keys is None else keys)  # (N, T, S)
        if lengths is not None:
            samples, steps = m.shape[:2]
            real = real_steps(f"{name}: memory", lengths, samples, steps)
            z = where(expand_dims(real, 1), z, MASKED)
        terms, total = softmax_terms(z)
        weights = terms / total
        context = matmul(weights, m)  # (N, T, E)
        return (context[:, 0], weights[:, 0]) if single else (context, weights)

    def _features(self, what: str, x: Any, size: int) -> Any:
        name = type(self).__name__
        rule = f"the last axis of the {what} must have {what}_size elements"
        return features(name, x, size, rule, f"{name}(…, {what}_size={{}})")


class BahdanauAttention(_MemoryAttention):
    """Additive attention: a small network says how well a state matches a step.

    Formula: eⱼ = vᵀ tanh(W q + U hⱼ); α = softmax(e); c = Σⱼ αⱼ hⱼ, with the query q,
    and hⱼ the steps of the memory.

    Shapes: query (N, Q), memory (N, S, E) → context (N, E) and weights (N, S); of T
    queries at once, (N, T, Q) → (N, T, E) and (N, T, S). ``query_proj`` W is a
    ``Linear`` Q → ``size``, ``memory_proj`` U one E → ``size``, ``weight`` v (size,).

    Initial values: W and U as of ``Linear``, v from U(±1/√size).

    Arguments:
        query_size, memory_size: Q and E.
        size: how many hidden units compare the two.

    Raises:
        ArgumentError: for a size below 1.
        ShapeError: in a call, if the shapes do not fit.

    Source: Bahdanau, Cho & Bengio, Neural machine translation by jointly learning to
    align and translate (2015), eq. 5 and 6, and A.1.2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> attention = nn.BahdanauAttention(8, 6, size=16)
        >>> context, weights = attention(cr.zeros((2, 8)), cr.zeros((2, 5, 6)), [5, 2])
        >>> context.shape, weights.numpy()[1].tolist()
        ((2, 6), [0.5, 0.5, 0.0, 0.0, 0.0])
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        size: int,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        name = "BahdanauAttention"
        self.query_size = positive_size(name, "query_size", query_size)
        self.memory_size = positive_size(name, "memory_size", memory_size)
        self.size = positive_size(name, "size", size)
        self.query_proj = Linear(query_size, size, bias=False, dtype=dtype)
        self.memory_proj = Linear(memory_size, size, dtype=dtype)
        init = uniform(-1 / math.sqrt(size), 1 / math.sqrt(size))
        self.weight = new_parameter("weight", (size,), init, dtype)

    def settings(self) -> dict[str, Any]:
        """The sizes."""
        return {
            "query_size": self.query_size,
            "memory_size": self.memory_size,
            "size": self.size,
        }

    def describe_settings(self) -> str:
        """``8 and 6 → 16``"""
        return f"{self.query_size} and {self.memory_size} → {self.size}"

    def keys(self, memory: Any) -> Any:
        """U h, (N, S, size)."""
        return self.memory_proj(memory)

    def scores(self, query: Any, keys: Any) -> Any:
        """vᵀ tanh(W q + U h), (N, T, S)."""
        q = expand_dims(self.query_proj(query), 2)  # (N, T, 1, size)
        hidden = tanh(q + expand_dims(keys, 1))  # (N, T, S, size)
        return sum_(hidden * self.weight, axis=-1)


class LuongAttention(_MemoryAttention):
    """Multiplicative attention: the product of a state and a step says how well they
    match.

    Formula: eⱼ = qᵀ hⱼ ("dot"), or qᵀ W hⱼ ("general"); α = softmax(e); c = Σⱼ αⱼ hⱼ,
    with the query q, and hⱼ the steps of the memory.

    Shapes: query (N, Q), memory (N, S, E) → context (N, E) and weights (N, S); of T
    queries at once, (N, T, Q) → (N, T, E) and (N, T, S). ``memory_proj`` W is a
    ``Linear`` E → Q without a bias, of "general" alone.

    Initial values: W as of ``Linear``.

    Arguments:
        query_size, memory_size: Q and E, equal for "dot".
        score: "dot" or "general".

    Raises:
        ArgumentError: for a size below 1, or "dot" of two sizes.
        OptionError: for another score.
        ShapeError: in a call, if the shapes do not fit.

    Source: Luong, Pham & Manning, Effective approaches to attention-based neural
    machine translation (2015), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> attention = nn.LuongAttention(2, 2, "dot")
        >>> memory = cr.tensor([[[0.0, 1.0], [9.0, 0.0]]])
        >>> context, weights = attention(cr.tensor([[9.0, 0.0]]), memory)
        >>> context.numpy().round(2), weights.numpy().round(2)
        (array([[9., 0.]], dtype=float32), array([[0., 1.]], dtype=float32))
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        score: str = "general",
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        name = "LuongAttention"
        self.query_size = positive_size(name, "query_size", query_size)
        self.memory_size = positive_size(name, "memory_size", memory_size)
        if score not in SCORES:
            raise unknown_option("score of LuongAttention", score, SCORES)
        if score == "dot" and query_size != memory_size:
            raise ArgumentError(
                f"LuongAttention: score='dot' of queries of {query_size} and a memory "
                f"of {memory_size}: a product of two vectors needs one size",
                fix="score='general'",
            )
        self.score = score
        self.memory_proj = (
            Linear(memory_size, query_size, bias=False, dtype=dtype)
            if score == "general"
            else None
        )

    def settings(self) -> dict[str, Any]:
        """The sizes, and the score."""
        return {
            "query_size": self.query_size,
            "memory_size": self.memory_size,
            "score": self.score,
        }

    def describe_settings(self) -> str:
        """``8 and 6, 'general'``"""
        return f"{self.query_size} and {self.memory_size}, {self.score!r}"

    def keys(self, memory: Any) -> Any:
        """W h, (N, S, Q); the memory itself for "dot"."""
        return memory if self.memory_proj is None else self.memory_proj(memory)

    def scores(self, query: Any, keys: Any) -> Any:
        """qᵀ W h, (N, T, S)."""
        return matmul(query, swapaxes(keys, 1, 2))
