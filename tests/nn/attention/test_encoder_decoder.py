"""The attention of recurrent decoders, and memories that are projected once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, OptionError, ShapeError
from tests.agreement import each_engine

Array = Any
rng = np.random.default_rng(0)
Q, M = rng.normal(size=(3, 4)), rng.normal(size=(3, 5, 6))
LENGTHS = np.array([5, 2, 3])


def softmax(e: Array) -> Array:
    p = np.exp(e - e.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def bahdanau() -> nn.BahdanauAttention:
    cr.manual_seed(0)
    return nn.BahdanauAttention(4, 6, 7, dtype="float64")


def luong() -> nn.LuongAttention:
    cr.manual_seed(0)
    return nn.LuongAttention(4, 6, dtype="float64")


each_kind = pytest.mark.parametrize("make", [bahdanau, luong])


def test_additive_attention_is_its_formula() -> None:
    layer = bahdanau()
    context, weights = layer(Q, M)
    w, u, b = (
        layer.query_proj.weight.array,
        layer.memory_proj.weight.array,
        np.asarray(layer.memory_proj.bias.array),  # type: ignore[union-attr]
    )
    for n in range(3):
        e = [layer.weight.array @ np.tanh(w @ Q[n] + u @ h + b) for h in M[n]]
        alpha = softmax(np.array(e))
        np.testing.assert_allclose(weights.numpy()[n], alpha, atol=1e-12)
        np.testing.assert_allclose(context.numpy()[n], alpha @ M[n], atol=1e-12)


def test_multiplicative_attention_is_its_formula() -> None:
    layer = luong()
    assert layer.memory_proj is not None
    w = layer.memory_proj.weight.array
    context, weights = layer(Q, M)
    dot = nn.LuongAttention(6, 6, "dot", dtype="float64")
    own_context, own_weights = dot(M[:, 0], M)
    for n in range(3):
        alpha = softmax(M[n] @ w.T @ Q[n])
        np.testing.assert_allclose(weights.numpy()[n], alpha, atol=1e-12)
        np.testing.assert_allclose(context.numpy()[n], alpha @ M[n], atol=1e-12)
        alpha = softmax(M[n] @ M[n, 0])
        np.testing.assert_allclose(own_weights.numpy()[n], alpha, atol=1e-12)
        np.testing.assert_allclose(own_context.numpy()[n], alpha @ M[n], atol=1e-12)


@each_kind
@each_engine
def test_what_lies_behind_the_end_of_a_memory_has_no_effect(
    make: Any, engine: str
) -> None:
    layer = make()
    other = M.copy()
    for row, length in zip(other, LENGTHS, strict=True):
        row[length:] = 1e6
    attend = cr.compile(lambda q, m: layer(q, m, LENGTHS), engine=engine)
    context, weights = attend(Q, M)
    for here, there in zip((context, weights), attend(Q, other), strict=True):
        assert (here.numpy() == there.numpy()).all()
    real = np.arange(5) < LENGTHS[:, None]
    assert (weights.numpy()[~real] == 0).all()
    np.testing.assert_allclose(weights.numpy().sum(-1), 1, atol=1e-12)
    for n, length in enumerate(LENGTHS):
        alone = layer(Q[n : n + 1], M[n : n + 1, :length])[0]
        np.testing.assert_allclose(context.numpy()[n], alone.numpy()[0], atol=1e-12)


@each_kind
def test_many_queries_at_once_are_each_by_itself(make: Any) -> None:
    layer = make()
    queries = rng.normal(size=(3, 2, 4))
    context, weights = layer(queries, M, LENGTHS, keys=layer.keys(M))
    assert context.shape == (3, 2, 6) and weights.shape == (3, 2, 5)
    for t in range(2):
        one = layer(queries[:, t], M, LENGTHS)
        np.testing.assert_allclose(context.numpy()[:, t], one[0].numpy(), atol=1e-12)
        np.testing.assert_allclose(weights.numpy()[:, t], one[1].numpy(), atol=1e-12)


@each_kind
def test_a_memory_without_steps_gives_0(make: Any) -> None:
    context, weights = make()(Q, M, [5, 0, 5])
    assert not context.numpy()[1].any() and not weights.numpy()[1].any()


@each_kind
def test_gradients_are_those_of_finite_differences(make: Any) -> None:
    layer = make()
    cr.check_gradients(lambda q, m: layer(q, m, LENGTHS)[0], Q, M)


@each_kind
def test_a_layer_comes_back_from_its_file(make: Any, tmp_path: Path) -> None:
    layer = make()
    layer.save(tmp_path / "attention.safetensors")
    again: Any = cr.load(tmp_path / "attention.safetensors")
    assert repr(again) == repr(layer)
    assert (again(Q, M)[0].numpy() == layer(Q, M)[0].numpy()).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: nn.LuongAttention(4, 6, "dot"),
            ArgumentError,
            "LuongAttention: score='dot' of queries of 4 and a memory of 6: a product "
            "of two vectors needs one size",
        ),
        (lambda: nn.LuongAttention(4, 4, "Dot"), OptionError, "score of LuongAttent"),
        (
            lambda: luong()(Q[:2], M),
            ShapeError,
            "LuongAttention: query (2, 1, 4) and memory (3, 5, 6): expected (N, Q) or "
            "(N, T, Q), and (N, S, E) of the same N sequences",
        ),
        (
            lambda: bahdanau()(M[:, 0], M),
            ShapeError,
            "BahdanauAttention: x (3, 6): 6 ≠ 4; the last axis of the query must have "
            "query_size elements",
        ),
    ],
)
def test_what_does_not_fit_is_named(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


# Memories that are projected once. ----------------------------------------------------


@pytest.mark.parametrize("rotary", [None, nn.RotaryPositions(4)])
def test_a_remembered_memory_is_attended_to_as_the_memory_itself(rotary: Any) -> None:
    cr.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, rotary=rotary, dtype="float64")
    x, memory = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8))
    known = layer.remember(memory)
    found = layer(x, known, lengths=[5, 2]).numpy()
    np.testing.assert_allclose(found, layer(x, memory, lengths=[5, 2]).numpy())


@pytest.mark.parametrize("norm_first", [False, True])
def test_weights_of_a_decoder_block_average_the_memory(norm_first: bool) -> None:
    """With values that are the place in the memory, a block without its other parts
    returns the mean place, which the weights give as well.
    """
    cr.manual_seed(0)
    block = nn.TransformerDecoderLayer(4, 2, 8, norm_first=norm_first, dtype="float64")
    x, memory = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    weights = block.memory_weights(x, memory, memory_lengths=[5, 2]).numpy()
    assert weights.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(weights.sum(-1), 1)
    assert not weights[1, :, :, 2:].any()
    part = block.multihead_attn
    values = part.remember(memory).values.numpy()  # (N, heads, S, 2)
    joined = np.swapaxes(weights @ values, 1, 2).reshape(2, 3, 4)
    seen: list[Any] = []
    original = part.out_proj.forward
    part.out_proj.forward = lambda y: seen.append(y) or original(y)  # type: ignore
    block(x, memory, memory_lengths=[5, 2])
    np.testing.assert_allclose(seen[0].numpy(), joined, atol=1e-12)


def test_a_cache_goes_on_with_the_rows_that_are_selected() -> None:
    layer = nn.MultiheadAttention(4, 2, dtype="float64")
    x = rng.normal(size=(3, 4, 4))
    cache = layer.new_cache(3, 5)
    layer(x[:, :3], causal=True, cache=cache)
    cache.select(np.array([2, 0, 2]))
    last = layer(x[[2, 0, 2], 3:], causal=True, cache=cache)
    whole = layer(x[[2, 0, 2]], causal=True)[:, 3:]
    np.testing.assert_allclose(last.numpy(), whole.numpy(), atol=1e-12)
