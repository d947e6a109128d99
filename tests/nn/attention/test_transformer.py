"""Transformer blocks and stacks: their formulas, options, and files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import erf

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, OptionError
from tests.agreement import assert_agrees, each_engine
from tests.nn.attention.test_attention import heads_formula, randomised

Array = Any
rng = np.random.default_rng(0)
X, M = rng.normal(size=(2, 5, 6)), rng.normal(size=(2, 7, 6))
F = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def normed(layer: nn.LayerNorm, x: Array) -> Array:
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    assert layer.weight is not None
    y = y * layer.weight.array
    return y if layer.bias is None else y + layer.bias.array


def affine(layer: nn.Linear, x: Array) -> Array:
    y = x @ layer.weight.array.T
    return y if layer.bias is None else y + layer.bias.array


def block_formula(
    block: Any, x: Array, memory: Array | None = None, causal: bool = False
) -> Array:
    def look(y: Array) -> Array:
        return heads_formula(block.self_attn, y, y, y, causal=causal)

    def think(y: Array) -> Array:
        return affine(block.linear2, F[block.activation](affine(block.linear1, y)))

    parts = [(look, block.norm1), (think, block.norm2)]
    if memory is not None:
        there = lambda y: heads_formula(block.multihead_attn, y, memory, memory)  # noqa: E731
        parts = [parts[0], (there, block.norm2), (think, block.norm3)]
    for part, norm in parts:
        if block.norm_first:
            x = x + part(normed(norm, x))
        else:
            x = normed(norm, x + part(x))
    return x


OPTIONS: list[dict[str, Any]] = [
    {},
    {"norm_first": True, "activation": "gelu"},
    {"norm_first": True, "activation": "silu", "bias": False},
]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
def test_an_encoder_block_is_its_formula(options: Any, causal: bool) -> None:
    block = nn.TransformerEncoderLayer(6, 2, 8, dtype="float64", **options)
    found = randomised(block)(X, causal=causal).numpy()
    np.testing.assert_allclose(found, block_formula(block, X, None, causal), atol=1e-9)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_decoder_block_is_its_formula(options: Any) -> None:
    block = nn.TransformerDecoderLayer(6, 2, 8, dtype="float64", **options)
    found = randomised(block)(X, M).numpy()
    np.testing.assert_allclose(found, block_formula(block, X, M, True), atol=1e-9)


@each_engine
@pytest.mark.parametrize("norm_first", [False, True])
def test_compiled_gradients_of_a_block_are_the_eager_ones(
    engine: str, norm_first: bool
) -> None:
    block = nn.TransformerDecoderLayer(
        6, 2, 8, 0.0, "gelu", norm_first, dtype="float64"
    )

    def gradients(x: Any, memory: Any) -> list[Any]:
        loss = (block(x, memory, training=True) ** 2).sum()
        grads = cr.backprop(loss)
        return [grads[each] for each in block.parameters()]

    found = cr.compile(gradients, engine=engine)(X, M)
    for one, wanted in zip(found, gradients(X, M), strict=True):
        scale = np.abs(wanted.numpy()).max()
        np.testing.assert_allclose(one, wanted, rtol=1e-11, atol=1e-12 * (1 + scale))


def test_gradients_of_a_block_are_right() -> None:
    block = nn.TransformerDecoderLayer(4, 2, 6, activation="gelu", dtype="float64")
    cr.check_gradients(block, X[..., :4], M[..., :4], order=1)


def test_padding_changes_nothing_in_front_of_it() -> None:
    block = nn.TransformerEncoderLayer(6, 2, 8, dtype="float64")
    other = X.copy()
    other[1, 3:] = rng.normal(size=(2, 6))
    one, two = (block(x, lengths=[5, 3]).numpy() for x in (X, other))
    assert (one[1, :3] == two[1, :3]).all()
    assert not (block(X).numpy()[1, :3] == block(other).numpy()[1, :3]).any()


def test_a_stack_is_its_blocks_one_after_the_other() -> None:
    block = nn.TransformerEncoderLayer(6, 2, 8, dtype="float64")
    stack = nn.TransformerEncoder(block, 3, nn.LayerNorm(6, dtype="float64"))
    x = X
    for each in stack.layers:
        x = block_formula(each, x)
    found = stack(X).numpy()
    np.testing.assert_allclose(found, normed(stack.norm, x), atol=1e-9)
    weights = [each.linear1.weight.numpy() for each in stack.layers]
    assert not (weights[0] == weights[1]).any()  # first values of their own
    assert weights[2].dtype == np.float64


def test_a_decoder_stack_hands_the_memory_to_every_block() -> None:
    stack = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(6, 2, 8, dtype="float64"), 2
    )
    x = block_formula(
        stack.layers[1], block_formula(stack.layers[0], X, M, True), M, True
    )
    np.testing.assert_allclose(stack(X, M).numpy(), x, atol=1e-9)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_decoder_with_caches_goes_step_by_step(engine: str) -> None:
    stack = nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 8), 2)
    x, memory = X.astype("float32"), M.astype("float32")
    caches = stack.new_caches(2, 5)
    step = cr.compile(lambda x, m: stack(x, m, caches=caches), engine=engine)
    found = np.concatenate([step(x[:, t : t + 1], memory) for t in range(5)], 1)
    np.testing.assert_allclose(found, stack(x, memory), rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_training_alone() -> None:
    block = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.5)
    x = X.astype("float32")
    assert (block(x).numpy() == block(x).numpy()).all()
    assert not (block(x, training=True).numpy() == block(x).numpy()).all()


@pytest.mark.parametrize("options", OPTIONS)
def test_a_saved_stack_is_loaded(tmp_path: Any, options: Any) -> None:
    block = nn.TransformerEncoderLayer(8, 2, 5, rotary=nn.RotaryPositions(4), **options)
    stack = nn.TransformerEncoder(block, 2, nn.LayerNorm(8))
    stack.save(tmp_path / "stack.safetensors")
    again = cr.load(tmp_path / "stack.safetensors")
    x = rng.normal(size=(1, 4, 8)).astype("float32")
    assert (again(x).numpy() == stack(x).numpy()).all()


def test_a_saved_decoder_is_loaded(tmp_path: Any) -> None:
    block = nn.TransformerDecoderLayer(6, 3, 5, 0.2, "silu", True, False)
    stack = nn.TransformerDecoder(block, 2, nn.LayerNorm(6))
    stack.save(tmp_path / "stack.safetensors")
    again = cr.load(tmp_path / "stack.safetensors")
    x, memory = X.astype("float32"), M.astype("float32")
    assert (again(x, memory).numpy() == stack(x, memory).numpy()).all()
    assert again.layers[1].settings() == block.settings()


@each_engine
def test_an_encoder_predicts_the_same_compiled(engine: str) -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8), 1)
    x = X.astype("float32")
    found = cr.compile(lambda x: stack(x), engine=engine)(x)
    assert_agrees(found, stack(x), engine) if engine == "numpy" else (
        np.testing.assert_allclose(found, stack(x), rtol=1e-5, atol=1e-5)
    )


def test_mistakes_are_named() -> None:
    with pytest.raises(OptionError, match="activation of TransformerEncoderLayer"):
        nn.TransformerEncoderLayer(6, 2, activation="geglu")
    block = nn.TransformerDecoderLayer(6, 2)
    with pytest.raises(ArgumentError, match="expected a TransformerEncoderLayer"):
        nn.TransformerEncoder(block, 2)  # type: ignore[arg-type]
    stack = nn.TransformerDecoder(block, 2)
    with pytest.raises(ArgumentError, match="1 caches for 2 layers"):
        stack(X, M, caches=stack.new_caches(2, 5)[:1])
