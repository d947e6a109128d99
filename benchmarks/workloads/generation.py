"""Writing: 256 tokens, each the likeliest after all before it.

The GPT of ``gpt`` with room for 320 tokens, and two LSTMs of 256 above each other, both
over 65 characters; one sequence, and 32 side by side. Keys and values, or the state,
are kept between tokens. Weights are random, so what is written means nothing; it is the
same for all.
"""

from __future__ import annotations

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


BUILDERS = {"chainrule": in_chainrule, "torch-eager": in_torch}
