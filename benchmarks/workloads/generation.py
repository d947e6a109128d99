"""Writing: 256 tokens, each the likeliest after all before it.

The GPT of ``gpt`` with room for 320 tokens, and two LSTMs of 256 above each other, both
over 65 characters; one sequence, and 32 side by side. Keys and values, or the state,
are kept between tokens. Weights are random, so what is written means nothing; it is the
same for all.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Work, gpt

SUMMARY = "generation of 256 tokens, greedy, keys and values or the state kept"
MEASURE = "step"
CASES = ("GPT, batch 1", "GPT, batch 32", "LSTM, batch 1", "LSTM, batch 32")
TOLERANCE = 1e-3
TOKENS, ROOM, CELLS, RECURRENT = 256, 320, 256, 2
PROMPT = 8


@dataclass(frozen=True)
class Problem:
    """What is continued, (B, 8); ``weights`` by name."""

    case: str
    prompt: NDArray[np.int64]
    weights: dict[str, NDArray[np.float32]]

    @property
    def steps(self) -> int:
        """One text, or one batch of them, in a pass."""
        return 1

    @property
    def is_gpt(self) -> bool:
        """Whether the network is the GPT."""
        return self.case.startswith("GPT")

    def operations(self) -> int:
        """Those of every token: products with all weights, and attention to half of
        what there is in the end.
        """
        size = sum(w.size for name, w in self.weights.items() if w.ndim == 2)
        table = CELLS * gpt.VOCABULARY if not self.is_gpt else ROOM * gpt.WIDTH
        seen = gpt.LAYERS * 2 * gpt.WIDTH * TOKENS // 2 if self.is_gpt else 0
        return 2 * len(self.prompt) * TOKENS * (size - table + seen)

    def traffic(self) -> tuple[int, int]:
        """All weights are read for every token, unless a cache holds them."""
        return sum(each.nbytes for each in self.weights.values()), 0


def problem(case: str) -> Problem:
    """The problem of a case."""
    rng = np.random.default_rng(0)
    batch = int(case.rpartition(" ")[2])
    prompt = rng.integers(0, gpt.VOCABULARY, (batch, PROMPT))
    if case.startswith("GPT"):
        weights = gpt.initial(rng)
        positions = 0.02 * rng.standard_normal((ROOM, gpt.WIDTH))
        spread = 4.0 * weights["tokens"]  # so that one token is clearly the likeliest
        return Problem(case, prompt, weights | {
            "positions": positions.astype(np.float32), "tokens": spread,
        })  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {
        "embedding.weight": (gpt.VOCABULARY, CELLS),
        "output.weight": (gpt.VOCABULARY, CELLS),
        "output.bias": (gpt.VOCABULARY,),
    }
    for layer in range(RECURRENT):
        for part in ("ih", "hh"):
            shapes[f"recurrence.weight_{part}_l{layer}"] = (4 * CELLS, CELLS)
            shapes[f"recurrence.bias_{part}_l{layer}"] = (4 * CELLS,)
    made = {n: rng.uniform(-0.2, 0.2, s).astype(np.float32) for n, s in shapes.items()}
    return Problem(case, prompt, made)


class Writing:
    """Texts to be written; ``write`` answers the new tokens, (B, 256)."""

    def __init__(self, write: Any) -> None:
        self.write = write

    def __call__(self, passes: int) -> list[float]:
        """So many times."""
        for _ in range(passes):
            self.write()
        return []

    def losses(self) -> list[float]:
        """The mean of what is written: the same for the same tokens."""
        return [float(np.asarray(self.write()).mean())]


def in_chainrule(problem: Problem) -> Work:
    """``models.GPT`` and ``models.TokenRNN``, by what writes for all networks."""
    from chainrule import models
    from chainrule.models.generation import Sampling, write

    network: Any
    if problem.is_gpt:
        network = models.GPT(gpt.VOCABULARY, ROOM, gpt.LAYERS, gpt.HEADS, gpt.WIDTH)
        network.load_state_dict(_named(problem.weights))
    else:
        network = models.TokenRNN(gpt.VOCABULARY, CELLS, RECURRENT)
        network.load_state_dict(problem.weights)
    greedy = Sampling(temperature=0)

    def once() -> Any:
        made = write(network, problem.prompt, TOKENS, greedy)
        return np.stack(list(made), axis=1)

    return Writing(once)


def in_torch(problem: Problem) -> Work:
    """PyTorch's own layers, with caches of keys and values of one's own."""
    import torch

    prompt = torch.from_numpy(problem.prompt)
    weights = {name: torch.from_numpy(a) for name, a in problem.weights.items()}
    make = _gpt_in_torch if problem.is_gpt else _lstm_in_torch

    def once() -> Any:
        with torch.inference_mode():
            begin, following = make(weights, len(prompt))
            last, made = begin(prompt), []
            for number in range(TOKENS):
                made.append(last)
                if number + 1 < TOKENS:
                    last = following(last)
            return torch.cat(made, dim=1).numpy()

    return Writing(once)


def _named(weights: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The library's names of the weights of the GPT."""
    state = {}
    for name, array in weights.items():
        number, _, rest = name.rpartition(".")
        block = f"blocks.layers.{number}." if number else ""
        state[block + gpt.CHAINRULE[rest]] = array
    return state


def _lstm_in_torch(weights: Any, batch: int) -> Any:
    """(prompt) → the next token, (token) → the next token."""
    import torch
    from torch.nn import functional as F

    lstm = torch.nn.LSTM(CELLS, CELLS, RECURRENT, batch_first=True)
    own = dict(lstm.named_parameters())
    for name, parameter in own.items():
        parameter.copy_(weights[f"recurrence.{name}"])
    state: Any = None

    def step(ids: Any) -> Any:
        nonlocal state
        h, state = lstm(F.embedding(ids, weights["embedding.weight"]), state)
        logits = F.linear(h[:, -1], weights["output.weight"], weights["output.bias"])
        return logits.argmax(-1, keepdim=True)

    return step, step


def _gpt_in_torch(w: Any, batch: int) -> Any:
    """The same; keys and values lie in arrays that are long enough."""
    import torch
    from torch.nn import functional as F

    shape = (gpt.LAYERS, 2, batch, gpt.HEADS, ROOM, gpt.HEAD)
    kept, at = torch.zeros(shape), 0

    def norm(name: str, x: Any) -> Any:
        return F.layer_norm(x, (gpt.WIDTH,), w[name], w[f"{name}_bias"])

    def dense(name: str, x: Any) -> Any:
        return F.linear(x, w[name], w[f"{name}_bias"])

    def step(ids: Any) -> Any:
        nonlocal at
        n, t = ids.shape
        x = F.embedding(ids, w["tokens"]) + w["positions"][at : at + t]
        for layer in range(gpt.LAYERS):
            qkv = dense(f"{layer}.qkv", norm(f"{layer}.norm1", x))
            q, k, v = qkv.view(n, t, 3, gpt.HEADS, gpt.HEAD).permute(2, 0, 3, 1, 4)
            kept[layer, 0, :, :, at : at + t] = k
            kept[layer, 1, :, :, at : at + t] = v
            keys, values = kept[layer, :, :, :, : at + t]
            y = F.scaled_dot_product_attention(q, keys, values, is_causal=t > 1)
            x = x + dense(f"{layer}.project", y.transpose(1, 2).reshape(x.shape))
            wide = F.gelu(dense(f"{layer}.expand", norm(f"{layer}.norm2", x)))
            x = x + dense(f"{layer}.contract", wide)
        at += t
        logits = norm("norm", x[:, -1]) @ w["tokens"].T
        return logits.argmax(-1, keepdim=True)

    return step, step


def in_jax(problem: Problem) -> Work:
    """JAX: two compiled functions, of the prompt and of all that follows; keys and
    values lie in arrays that are long enough.
    """
    import jax
    from jax import numpy as jnp

    weights = {name: jnp.asarray(a) for name, a in problem.weights.items()}
    make = _gpt_in_jax if problem.is_gpt else _lstm_in_jax
    empty, step = make(weights, len(problem.prompt))
    begin = jax.jit(step)

    @jax.jit
    def go_on(state: Any, last: Any) -> Any:
        def following(carry: Any, _: Any) -> Any:
            carry = step(*carry)
            return carry, carry[1]

        return jax.lax.scan(following, (state, last), length=TOKENS - 1)[1]

    def once() -> Any:
        state, first = begin(empty, problem.prompt.astype(np.int32))
        rest = go_on(state, first)
        return np.concatenate([first, np.asarray(rest)[:, :, 0].T], axis=1)

    return Writing(once)


def _lstm_in_jax(w: Any, batch: int) -> Any:
    """The first state, and (state, tokens) → the next state and token."""
    import jax
    from jax import numpy as jnp

    from . import jax_networks

    def layer(number: int, x: Any, state: Any) -> Any:
        ih, hh, b, c = (
            w[f"recurrence.{each}_l{number}"]
            for each in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )

        def cell(state: Any, z: Any) -> Any:
            h, memory = state
            h, memory = jax_networks.lstm_gates(z + h @ hh.T + c, memory)
            return (h, memory), h

        state, h = jax.lax.scan(cell, state, (x @ ih.T + b).swapaxes(0, 1))
        return state, h.swapaxes(0, 1)

    def step(states: Any, ids: Any) -> Any:
        x, after = w["embedding.weight"][ids], []
        for number, state in enumerate(states):
            state, x = layer(number, x, state)
            after.append(state)
        logits = x[:, -1] @ w["output.weight"].T + w["output.bias"]
        return after, logits.argmax(-1, keepdims=True).astype(np.int32)

    zeros = jnp.zeros((batch, CELLS), np.float32)
    return [(zeros, zeros)] * RECURRENT, step


def _gpt_in_jax(w: Any, batch: int) -> Any:
    """The same; the state is keys, values and how many there are."""
    import jax
    from jax import numpy as jnp

    from . import jax_networks

    norm = functools.partial(jax_networks.layer_norm, w)
    dense = functools.partial(jax_networks.dense, w)

    def step(state: Any, ids: Any) -> Any:
        kept, at = state
        kept, (n, t) = list(kept), ids.shape
        places = jax.lax.dynamic_slice_in_dim(w["positions"], at, t)
        x = w["tokens"][ids] + places
        seen = jnp.arange(ROOM) <= at + jnp.arange(t)[:, None]
        for layer in range(gpt.LAYERS):
            qkv = dense(f"{layer}.qkv", norm(f"{layer}.norm1", x))
            split = qkv.reshape(n, t, 3, gpt.HEADS, gpt.HEAD)
            q, *own = split.transpose(2, 0, 3, 1, 4)
            keys, values = kept[layer] = tuple(
                jax.lax.dynamic_update_slice_in_dim(old, new, at, axis=2)
                for old, new in zip(kept[layer], own, strict=True)
            )
            scores = jnp.einsum("nhqd,nhkd->nhqk", q, keys) / np.sqrt(gpt.HEAD)
            shares = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf))
            mixed = jnp.einsum("nhqk,nhkd->nqhd", shares, values).reshape(x.shape)
            x = x + dense(f"{layer}.project", mixed)
            wide = dense(f"{layer}.expand", norm(f"{layer}.norm2", x))
            wide = jax.nn.gelu(wide, approximate=False)
            x = x + dense(f"{layer}.contract", wide)
        logits = norm("norm", x[:, -1]) @ w["tokens"].T
        return (kept, at + t), logits.argmax(-1, keepdims=True).astype(np.int32)

    zeros = jnp.zeros((batch, gpt.HEADS, ROOM, gpt.HEAD), np.float32)
    return ([(zeros, zeros)] * gpt.LAYERS, 0), step


def in_transformers(problem: Problem) -> Work | None:
    """Hugging Face's GPT-2 and its ``generate``; it has no LSTM."""
    if not problem.is_gpt:
        return None
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"n_embd": gpt.WIDTH, "n_layer": gpt.LAYERS, "n_head": gpt.HEADS}
    config = GPT2Config(
        vocab_size=gpt.VOCABULARY,
        n_positions=ROOM,
        activation_function="gelu",
        bos_token_id=None,
        eos_token_id=None,
        **sizes,
    )
    model = GPT2LMHeadModel(config).eval()
    state = {}
    for name, array in problem.weights.items():
        number, _, rest = name.rpartition(".")
        matrix = rest in ("qkv", "project", "expand", "contract")
        own = f"h.{number}.{IN_GPT2[rest]}" if number else IN_GPT2[rest]
        state[f"transformer.{own}"] = torch.tensor(array.T if matrix else array)
    model.load_state_dict(state, strict=False)
    prompt = torch.from_numpy(problem.prompt)

    def once() -> Any:
        with torch.inference_mode():
            made = model.generate(
                prompt,
                max_new_tokens=TOKENS,
                do_sample=False,
                pad_token_id=gpt.VOCABULARY,
            )
        return made[:, prompt.shape[1] :].numpy()

    return Writing(once)


#: The names of GPT-2's weights at Hugging Face; those of its matrices are (in, out).
IN_GPT2 = {
    "tokens": "wte.weight",
    "positions": "wpe.weight",
    "norm1": "ln_1.weight",
    "norm1_bias": "ln_1.bias",
    "qkv": "attn.c_attn.weight",
    "qkv_bias": "attn.c_attn.bias",
    "project": "attn.c_proj.weight",
    "project_bias": "attn.c_proj.bias",
    "norm2": "ln_2.weight",
    "norm2_bias": "ln_2.bias",
    "expand": "mlp.c_fc.weight",
    "expand_bias": "mlp.c_fc.bias",
    "contract": "mlp.c_proj.weight",
    "contract_bias": "mlp.c_proj.bias",
    "norm": "ln_f.weight",
    "norm_bias": "ln_f.bias",
}

BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "jax": in_jax,
    "transformers": in_transformers,
}
