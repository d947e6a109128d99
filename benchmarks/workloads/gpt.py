"""A small GPT (Radford et al. 2018, 2019): which character comes next.

4 layers of width 128 with 4 heads, 128 characters of 65 kinds, batch 16, Adam. A layer
normalisation comes before attention and before the network of 4 · 128 GELUs; positions
are learned; the output weights are those of the embedding (Press and Wolf 2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Work, training

SUMMARY = "GPT: 4 layers, width 128, 4 heads, 128 tokens, batch 16, Adam: one step"
MEASURE = "step"
TOLERANCE = 1e-3
LAYERS, WIDTH, HEADS, TOKENS, BATCH, VOCABULARY = 4, 128, 4, 128, 16, 65
RATE = 3e-4
HEAD = WIDTH // HEADS


def shapes() -> dict[str, tuple[int, ...]]:
    """The weights by name, matrices (out, in)."""
    made: dict[str, tuple[int, ...]] = {
        "tokens": (VOCABULARY, WIDTH),
        "positions": (TOKENS, WIDTH),
    }
    for number in range(LAYERS):
        made |= {
            f"{number}.norm1": (WIDTH,),
            f"{number}.norm1_bias": (WIDTH,),
            f"{number}.qkv": (3 * WIDTH, WIDTH),
            f"{number}.qkv_bias": (3 * WIDTH,),
            f"{number}.project": (WIDTH, WIDTH),
            f"{number}.project_bias": (WIDTH,),
            f"{number}.norm2": (WIDTH,),
            f"{number}.norm2_bias": (WIDTH,),
            f"{number}.expand": (4 * WIDTH, WIDTH),
            f"{number}.expand_bias": (4 * WIDTH,),
            f"{number}.contract": (WIDTH, 4 * WIDTH),
            f"{number}.contract_bias": (WIDTH,),
        }
    return made | {"norm": (WIDTH,), "norm_bias": (WIDTH,)}


def initial(generator: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """N(0, 0.02²); scales of the normalisations 1, biases 0."""
    weights = {}
    for name, shape in shapes().items():
        array = 0.02 * generator.standard_normal(shape)
        if name.endswith("bias"):
            array = np.zeros(shape)
        elif "norm" in name:
            array = np.ones(shape)
        weights[name] = array.astype(np.float32)
    return weights


def problem(batches: int = 4) -> training.Problem:
    """Text of a language in which each character allows eight to follow."""
    generator = np.random.default_rng(1)
    follow = generator.integers(VOCABULARY, size=(VOCABULARY, 8))
    inputs, targets = [], []
    for _ in range(batches):
        text = np.empty((BATCH, TOKENS + 1), np.int64)
        text[:, 0] = generator.integers(VOCABULARY, size=BATCH)
        for place in range(TOKENS):
            chosen = generator.integers(8, size=BATCH)
            text[:, place + 1] = follow[text[:, place], chosen]
        inputs.append(np.ascontiguousarray(text[:, :-1]))
        targets.append(np.ascontiguousarray(text[:, 1:]))
    places = BATCH * TOKENS
    dense = LAYERS * 12 * WIDTH**2 + VOCABULARY * WIDTH
    # Scores and mixtures of values, of which the causal mask leaves half.
    attention = LAYERS * 2 * TOKENS * WIDTH // 2
    arithmetic = 3 * 2 * places * (dense + attention)
    return training.Problem(
        inputs, targets, initial(generator), "adam", RATE, arithmetic
    )


#: The library's names of the weights: before the blocks, in a block, after them.
CHAINRULE = {
    "tokens": "embedding.weight",
    "positions": "positions.weight",
    "norm1": "norm1.weight",
    "norm1_bias": "norm1.bias",
    "qkv": "self_attn.in_proj_weight",
    "qkv_bias": "self_attn.in_proj_bias",
    "project": "self_attn.out_proj.weight",
    "project_bias": "self_attn.out_proj.bias",
    "norm2": "norm2.weight",
    "norm2_bias": "norm2.bias",
    "expand": "linear1.weight",
    "expand_bias": "linear1.bias",
    "contract": "linear2.weight",
    "contract_bias": "linear2.bias",
    "norm": "blocks.norm.weight",
    "norm_bias": "blocks.norm.bias",
}


def in_chainrule(problem: training.Problem) -> Work:
    """The library's own model."""
    from chainrule import losses

    model = model_in_chainrule(problem.weights)
    return training.in_chainrule(model, losses.cross_entropy, problem)


def model_in_chainrule(weights: dict[str, NDArray[np.float32]]) -> Any:
    """``models.GPT`` with the given weights."""
    from chainrule import models

    model = models.GPT(
        VOCABULARY, TOKENS, num_layers=LAYERS, num_heads=HEADS, width=WIDTH
    )
    state = {}
    for name, array in weights.items():
        number, _, rest = name.rpartition(".")
        block = f"blocks.layers.{number}." if number else ""
        state[block + CHAINRULE[rest]] = array
    model.load_state_dict(state)
    return model


def in_torch(problem: training.Problem, compiled: bool = False) -> Work:
    """Modules of one's own, with the library's fused attention."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):  # type: ignore[misc]
        """Attention and a network, each after a normalisation, each added."""

        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(WIDTH)
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
            self.project = nn.Linear(WIDTH, WIDTH)
            self.norm2 = nn.LayerNorm(WIDTH)
            self.expand = nn.Linear(WIDTH, 4 * WIDTH)
            self.contract = nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            n, t, _ = x.shape
            qkv = self.qkv(self.norm1(x)).view(n, t, 3, HEADS, HEAD)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(mixed.transpose(1, 2).reshape(n, t, WIDTH))
            hidden = F.gelu(self.expand(self.norm2(x)))
            return x + self.contract(hidden)

    class Network(nn.Module):  # type: ignore[misc]
        """Logits of the next character at each place."""

        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, WIDTH)
            self.positions = nn.Parameter(torch.zeros(TOKENS, WIDTH))
            self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.norm = nn.LayerNorm(WIDTH)

        def forward(self, tokens: Any) -> Any:
            x = self.tokens(tokens) + self.positions
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ self.tokens.weight.T

    model = Network()
    named = dict(model.named_parameters())
    with torch.no_grad():
        for name, array in problem.weights.items():
            named[name_in_torch(name)].copy_(torch.from_numpy(array))

    def loss_of(logits: Any, y: Any) -> Any:
        return F.cross_entropy(logits.view(-1, VOCABULARY), y.view(-1))

    return training.in_torch(model, loss_of, problem, compiled)


def name_in_torch(name: str) -> str:
    """What the parameter is called in the modules."""
    if name == "positions":
        return name
    number, _, rest = name.rpartition(".")
    block = f"blocks.{number}." if number else ""
    if rest.endswith("_bias"):
        return f"{block}{rest.removesuffix('_bias')}.bias"
    return f"{block}{rest}.weight"


def compiled_in_torch(problem: training.Problem) -> Work:
    """The same with ``torch.compile``."""
    return in_torch(problem, compiled=True)


def in_jax(problem: training.Problem) -> Work:
    """Functions of a dictionary of weights."""
    import jax
    import optax
    from jax import numpy as jnp

    from .jax_networks import dense
    from .jax_networks import layer_norm as norm

    causal = np.tril(np.ones((TOKENS, TOKENS), bool))

    def loss_of(w: Any, tokens: Any, y: Any) -> Any:
        x = w["tokens"][tokens] + w["positions"]
        for number in range(LAYERS):
            qkv = dense(w, f"{number}.qkv", norm(w, f"{number}.norm1", x))
            split = qkv.reshape(*tokens.shape, 3, HEADS, HEAD)
            q, k, v = split.transpose(2, 0, 3, 1, 4)
            scores = jnp.einsum("nhqd,nhkd->nhqk", q, k) / np.sqrt(HEAD)
            shares = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf))
            mixed = jnp.einsum("nhqk,nhkd->nqhd", shares, v).reshape(x.shape)
            x = x + dense(w, f"{number}.project", mixed)
            wide = dense(w, f"{number}.expand", norm(w, f"{number}.norm2", x))
            x = x + dense(w, f"{number}.contract", jax.nn.gelu(wide, approximate=False))
        logits = norm(w, "norm", x) @ w["tokens"].T
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return training.in_jax(loss_of, problem.weights, problem)


BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "torch-compile": compiled_in_torch,
    "jax": in_jax,
}
