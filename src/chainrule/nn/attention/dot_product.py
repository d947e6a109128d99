"""Scaled dot-product attention: ``cr.attention``.

Place on the road: a function below ``MultiheadAttention``, written with public
operators only. If there are few scores, they are computed at once. If there are many,
they are computed in strips of some queries by all keys, one strip after the other in a
loop, so that memory grows with the length of a sequence and not with its square. The
backward pass of the loop recomputes each strip (Dao et al., 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import dtypes, shapes
from ...errors import ArgumentError, DTypeError, ShapeError
from ...foreign import advised
from ...graph import Node
from ...ops.arrays import lift
from ...ops.composed import swapaxes
from ...ops.control import scan
from ...ops.creation import arange
from ...ops.elementwise import exp, stop_gradient, where
from ...ops.matmul import matmul
from ...ops.movement import broadcast_to, concatenate, reshape
from ...ops.philox import random_uniform
from ...ops.reduction import max as max_
from ...ops.reduction import sum as sum_
from ...random_numbers import default_generator
from ..arguments import number_within
from ..lengths import checked_lengths

#: The most scores of one head that are computed at once instead of in strips.
MAX_SCORES_AT_ONCE = 512 * 512
#: The number of scores of a strip, and the limits of its number of queries.
STRIP_SCORES, MIN_STRIP_ROWS, MAX_STRIP_ROWS = 1 << 18, 16, 256
#: Causal attention is cut into parts of queries, each with only the keys that it may
#: attend to, so that most of the masked scores are never computed. These are the most
#: parts, and the fewest queries in one.
MAX_CAUSAL_PARTS, MIN_CAUSAL_ROWS = 4, 64
#: The score of a masked key: its exponential is 0. It is not −∞, which
#: ``check_numerics`` would report as an error.
MASKED = -1e30
PROBABILITY = "a probability from 0 to less than 1"


@advised("models.FUNCTION")
def attention(
    query: Any,
    key: Any,
    value: Any,
    *,
    causal: bool = False,
    mask: Any = None,
    lengths: Any = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Any:
    """Scaled dot-product attention: an average of the values, weighted by how well
    their keys match the query.

    Formula: Y = softmax(s Q Kᵀ + M) V, with s = 1/√d, and M = 0 where a query may
    attend to a key and −∞ where it may not. A query that may attend to no key gets 0.

    Shapes: query (…, T, d), key (…, S, d), value (…, S, e) → (…, T, e); leading axes,
    such as samples and heads, broadcast.

    Memory: up to 512 × 512 scores of a head are computed at once. More are computed in
    strips of some queries, and again in the backward pass, so that memory grows with
    T and S and not with T · S.

    Arguments:
        causal: whether query i attends to the keys 0 … i only.
        mask: bools, True where a query may attend to a key, or floats that are added
            to the scores, such as a bias for distances; broadcast to (…, T, S).
        lengths: how many keys each sample has, (N,), with N the first leading axis;
            the keys after them are padding, which is ignored.
        scale: s.
        dropout: the probability of dropping a weight; for training only.

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: for queries that are not floats, and masks of integers.
        BoundsError: for a length above S.

    Source: Vaswani et al., Attention is all you need (2017), eq. 1; in strips: Rabe &
    Staats (2021), Dao et al., FlashAttention (2022).

    Example:
        >>> import chainrule as cr
        >>> q, k = cr.tensor([[0.0, 0.0]]), cr.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> cr.attention(q, k, [[1.0], [3.0]]).numpy()
        array([[2.]], dtype=float32)
    """
    q, k, v = _floats(query, key, value)
    lead = _leading(q, k, v)
    p = number_within("attention", "dropout", dropout, 0, 1, PROBABILITY)
    if p == 1:
        raise ArgumentError(f"attention: dropout={dropout!r}: expected {PROBABILITY}")
    queries, keys = q.shape[-2], k.shape[-2]
    masks = _masks(mask, lengths, lead, queries, keys)
    rule, q = Rule(causal, p), q * _scale(scale, q)
    if queries * keys <= MAX_SCORES_AT_ONCE or queries <= MIN_STRIP_ROWS:
        return _at_once(q, k, v, masks, rule)
    return _in_strips(q, k, v, masks, rule, lead)


def attention_weights(
    query: Any,
    key: Any,
    *,
    causal: bool = False,
    mask: Any = None,
    lengths: Any = None,
    scale: float | None = None,
) -> Any:
    """All weights of ``attention``, for inspection: softmax(s Q Kᵀ + M).

    Shapes: query (…, T, d), key (…, S, d) → (…, T, S).

    Arguments:
        causal, mask, lengths, scale: as for ``attention``.

    Source: Vaswani et al. (2017), figures 3 to 5.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.nn.attention.dot_product import attention_weights
        >>> attention_weights(cr.zeros((2, 4)), cr.zeros((2, 4)), causal=True).numpy()
        array([[1. , 0. ],
               [0.5, 0.5]], dtype=float32)
    """
    q, k, _ = _floats(query, key, key)
    lead = _leading(q, k, k)
    queries, keys = q.shape[-2], k.shape[-2]
    masks = _masks(mask, lengths, lead, queries, keys)
    scores = _scores(q * _scale(scale, q), k, masks, Rule(causal, 0.0))
    terms, total = softmax_terms(scores)
    return broadcast_to(terms / total, (*lead, queries, keys))


@dataclass(frozen=True)
class Rule:
    """The options that are the same for every query.

    Attributes:
        causal: as for ``attention``.
        p: the probability of dropping a weight.
    """

    causal: bool
    p: float


# The arguments. ----------------------------------------------------------------------


def _floats(query: Any, key: Any, value: Any) -> list[Any]:
    """The three as tensors of one floating-point dtype with at least two axes."""
    nodes = lift([query, key, value])
    for name, node in zip(("query", "key", "value"), nodes, strict=True):
        if not dtypes.is_float(node.dtype):
            raise DTypeError(
                f"attention: {name} {node.shape} is {node.dtype}: expected floats",
                fix=f"{name}.astype('float32'); ids become vectors with nn.Embedding",
            )
        if len(node.shape) < 2:
            raise ShapeError(
                f"attention: {name} {node.shape}: expected (…, steps, features)"
            )
    dtype = dtypes.promote(
        nodes[0].dtype, dtypes.promote(nodes[1].dtype, nodes[2].dtype)
    )
    return [node.astype(dtype) for node in nodes]  # type: ignore[attr-defined]


def _leading(q: Node, k: Node, v: Node) -> tuple[int, ...]:
    """The leading axes of all three, broadcast."""
    shown = f"attention: query {q.shape}, key {k.shape}, value {v.shape}"
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"{shown}: {q.shape[-1]} ≠ {k.shape[-1]}; the last axes of query and key "
            "must be equal"
        )
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"{shown}: {k.shape[-2]} ≠ {v.shape[-2]}; there must be a value for every "
            "key"
        )
    leading = [node.shape[:-2] for node in (q, k, v)]
    names = [f"query {q.shape}", f"key {k.shape}", f"value {v.shape}"]
    return shapes.broadcast("attention", leading, names)


def _scale(scale: float | None, q: Any) -> float:
    """s."""
    return 1.0 / math.sqrt(max(1, q.shape[-1])) if scale is None else float(scale)


def _masks(
    mask: Any, lengths: Any, lead: tuple[int, ...], queries: int, keys: int
) -> list[Any]:
    """The user's mask, and that of the lengths, as far as they are given."""
    masks = []
    if mask is not None:
        masks.append(_mask(mask, (*lead, queries, keys)))
    if lengths is not None:
        masks.append(_length_mask(lengths, lead, keys))
    return masks


def _mask(mask: Any, scores: tuple[int, ...]) -> Any:
    """A mask that broadcasts to the scores' shape."""
    (node,) = lift([mask])
    if node.dtype != dtypes.bool_ and not dtypes.is_float(node.dtype):
        raise DTypeError(
            f"attention: mask {node.shape} is {node.dtype}: expected bools, True where "
            "a query may attend to a key, or floats that are added to the scores",
            fix="mask.astype('bool')",
        )
    names = [f"mask {node.shape}", f"scores {scores}"]
    if shapes.broadcast("attention", [node.shape, scores], names) != scores:
        raise ShapeError(
            f"attention: mask {node.shape} for scores {scores}: a mask must broadcast "
            "to (…, queries, keys)"
        )
    return reshape(node, (1,) * (len(scores) - len(node.shape)) + node.shape)


def _length_mask(lengths: Any, lead: tuple[int, ...], keys: int) -> Any:
    """A mask that hides the padding after the end of each sequence: (N, 1, …, 1, S)."""
    samples = lead[0] if lead else 1
    known = checked_lengths("attention:", lengths, samples, keys)
    return arange(keys) < reshape(known, (*lead[:1], *(1,) * (len(lead[1:]) + 2)))


# One strip, or all. ------------------------------------------------------------------


def _scores(q: Any, k: Any, masks: Sequence[Any], rule: Rule, first: Any = 0) -> Any:
    """Q Kᵀ + M; ``first`` is the position of the first query."""
    scores = matmul(q, swapaxes(k, -1, -2))
    for mask in masks:
        if mask.dtype == dtypes.bool_:
            scores = where(mask, scores, MASKED)
        else:
            scores = scores + mask.astype(scores.dtype)
    if not rule.causal:
        return scores
    rows = arange(q.shape[-2], dtype="int32") + first
    later = arange(k.shape[-2], dtype="int32") > reshape(rows, (-1, 1))
    return scores + where(later, MASKED, 0.0).astype(scores.dtype)


def softmax_terms(scores: Any) -> tuple[Any, Any]:
    """eˢ⁻ᵐ and its sums over the keys, with m the largest score of each query.

    For a query that may attend to no key the terms are 0, and the sum is taken as 1, so
    that the terms can be divided by it.

    Example:
        >>> import chainrule as cr
        >>> terms, total = softmax_terms(cr.tensor([[0.0, 0.0, MASKED]]))
        >>> (terms / total).numpy()
        array([[0.5, 0.5, 0. ]], dtype=float32)
    """
    largest = stop_gradient(max_(scores, axis=-1, keepdims=True))
    terms = exp(scores - where(largest > MASKED / 2, largest, 0.0))
    total = sum_(terms, axis=-1, keepdims=True)
    return terms, where(total == 0.0, 1.0, total)


def _attend(
    q: Any,
    k: Any,
    v: Any,
    masks: Sequence[Any],
    rule: Rule,
    first: Any = 0,
    state: Any = None,
) -> Any:
    """The attention of some queries.

    The product with V is divided by the sums, not the terms: the backward pass then
    needs no sums over keys, as Σⱼ ∂L/∂wᵢⱼ wᵢⱼ = Σₑ ∂L/∂yᵢₑ yᵢₑ (Dao et al., 2022,
    eq. 4).
    """
    terms, total = softmax_terms(_scores(q, k, masks, rule, first))
    if rule.p:
        if state is None:
            unit = default_generator.uniform(terms.shape, dtype=terms.dtype)
        else:
            unit = random_uniform(state, shape=terms.shape, dtype=terms.dtype)
        terms = where(unit < 1.0 - rule.p, terms * (1.0 / (1.0 - rule.p)), 0.0)
    return matmul(terms, v) / total


def _at_once(q: Any, k: Any, v: Any, masks: Sequence[Any], rule: Rule) -> Any:
    """All queries, without a loop."""
    parts = _parts(q.shape[-2], k.shape[-2], MIN_CAUSAL_ROWS, rule.causal)
    outputs = [
        _attend(
            q[..., start:stop, :],
            k[..., :end, :],
            v[..., :end, :],
            [_cut(mask, start, stop, end) for mask in masks],
            rule,
            start,
        )
        for start, stop, end in parts
    ]
    return concatenate(outputs, axis=-2)


# In strips. --------------------------------------------------------------------------


def _in_strips(
    q: Any, k: Any, v: Any, masks: Sequence[Any], rule: Rule, lead: tuple[int, ...]
) -> Any:
    """A loop over heads around a loop over strips of queries.

    Keys and values are elements of the outer loop's sequences, so that their gradients
    are outputs of each head and nothing is carried from one head to the next.
    """
    heads = math.prod(lead)
    queries, keys = q.shape[-2], k.shape[-2]

    def flat(x: Any) -> Any:
        return reshape(broadcast_to(x, (*lead, *x.shape[-2:])), (heads, *x.shape[-2:]))

    shared = [math.prod(mask.shape[:-2]) == 1 for mask in masks]
    common = [reshape(m, m.shape[-2:]) for m, s in zip(masks, shared, strict=True) if s]
    own = [flat(m) for m, s in zip(masks, shared, strict=True) if not s]
    rows = STRIP_SCORES // keys // MIN_STRIP_ROWS * MIN_STRIP_ROWS
    rows = max(MIN_STRIP_ROWS, min(MAX_STRIP_ROWS, rows, queries))
    strips = -(-queries // rows)
    states = None
    if rule.p:
        states = default_generator.bits((heads, strips, 4))

    def head(carry: Any, x: Any) -> Any:
        q1, k1, v1, own1, states1 = x
        parts = []
        for start, stop, end in _parts(queries, keys, rows, rule.causal):
            strip = slice(start // rows, -(-stop // rows))
            parts.append(
                _one_head(
                    q1[start:stop],
                    k1[:end],
                    v1[:end],
                    [_cut(m, start, stop, end) for m in (*common, *own1)],
                    rule,
                    (rows, start),
                    None if states1 is None else states1[strip],
                )
            )
        return carry, concatenate(parts)

    heads_of = (flat(q), flat(k), flat(v), own, states)
    _, y = scan(head, (), heads_of, recompute=True)
    return reshape(y, (*lead, queries, v.shape[-1]))


def _parts(
    queries: int, keys: int, rows: int, causal: bool
) -> list[tuple[int, int, int]]:
    """Ranges of queries, in whole strips of ``rows``, and how many keys each needs."""
    if not causal:
        return [(0, queries, keys)]
    strips = -(-queries // rows)
    step = -(-strips // min(MAX_CAUSAL_PARTS, strips)) * rows
    starts = range(0, queries, step)
    stops = [min(queries, start + step) for start in starts]
    return [(a, b, min(keys, b)) for a, b in zip(starts, stops, strict=True)]


def _cut(mask: Any, start: int, stop: int, end: int) -> Any:
    """A mask (…, T or 1, S or 1) for some queries and the first keys."""
    if mask.shape[-2] != 1:
        mask = mask[..., start:stop, :]
    return mask if mask.shape[-1] == 1 else mask[..., :end]


def _one_head(
    q: Any,
    k: Any,
    v: Any,
    masks: Sequence[Any],
    rule: Rule,
    position: tuple[int, int],
    states: Any,
) -> Any:
    """The strips of one head, one after the other; the last may be shorter.

    Arguments:
        position: how many queries a strip has, and the position of the first query.
        states: a random state for each strip; None without dropout.
    """
    rows, start = position
    whole = q.shape[0] // rows

    def blocks(x: Any) -> Any:
        return reshape(x[: whole * rows], (whole, rows, *x.shape[1:]))

    fixed = [mask.shape[0] == 1 for mask in masks]
    moving = [blocks(m) for m, f in zip(masks, fixed, strict=True) if not f]
    still = [m for m, f in zip(masks, fixed, strict=True) if f]
    firsts = arange(start, start + whole * rows, rows, dtype="int32")

    def strip(carry: Any, x: Any) -> Any:
        q1, first, moving1, state = x
        return carry, _attend(q1, k, v, [*still, *moving1], rule, first, state)

    outputs = []
    if whole:
        of_strips = None if states is None else states[:whole]
        strips = (blocks(q), firsts, moving, of_strips)
        _, y = scan(strip, (), strips, recompute=True)
        outputs.append(reshape(y, (whole * rows, v.shape[-1])))
    if whole * rows < q.shape[0]:
        rest = [
            m if f else m[whole * rows :] for m, f in zip(masks, fixed, strict=True)
        ]
        state = None if states is None else states[whole]
        at = start + whole * rows
        outputs.append(_attend(q[whole * rows :], k, v, rest, rule, at, state))
    return concatenate(outputs)
