"""Sequence to sequence with attention (Bahdanau, Cho & Bengio 2015), GRUs.

Sources and targets of 20 tokens, batch 64; a bidirectional GRU of 2 · 128 cells reads,
one of 256 writes, looking back at the source for every token; vectors of 128; Adam. A
target is given as it is read, behind its beginning, and as it is to be written. The
numbers of a batch are one array, source and read target side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Work, training

SUMMARY = "seq2seq: GRUs of 256, attention, 20 → 20 tokens, batch 64, Adam: one step"
MEASURE = "step"
TOLERANCE = 1e-3
STEPS, BATCH, TOKENS, WIDTH, HIDDEN = 20, 64, 40, 128, 256
HALF, RATE = HIDDEN // 2, 1e-3


def shapes() -> dict[str, tuple[int, ...]]:
    """The weights by name, matrices (out, in); the names are those of the modules."""
    made: dict[str, tuple[int, ...]] = {"source_embedding.weight": (TOKENS, WIDTH)}
    for way in ("", "_reverse"):
        made |= {
            f"encoder.weight_ih_l0{way}": (3 * HALF, WIDTH),
            f"encoder.weight_hh_l0{way}": (3 * HALF, HALF),
            f"encoder.bias_ih_l0{way}": (3 * HALF,),
            f"encoder.bias_hh_l0{way}": (3 * HALF,),
        }
    return made | {
        "cell.weight_ih": (3 * HIDDEN, WIDTH + HIDDEN),
        "cell.weight_hh": (3 * HIDDEN, HIDDEN),
        "cell.bias_ih": (3 * HIDDEN,),
        "cell.bias_hh": (3 * HIDDEN,),
        "bridge.weight": (HIDDEN, HIDDEN),
        "bridge.bias": (HIDDEN,),
        "target_embedding.weight": (TOKENS + 1, WIDTH),
        "attention.query_proj.weight": (HIDDEN, HIDDEN),
        "attention.memory_proj.weight": (HIDDEN, HIDDEN),
        "attention.memory_proj.bias": (HIDDEN,),
        "attention.weight": (HIDDEN,),
        "readout.weight": (HIDDEN, 2 * HIDDEN),
        "readout.bias": (HIDDEN,),
        "output.weight": (TOKENS + 1, HIDDEN),
        "output.bias": (TOKENS + 1,),
    }


def problem(batches: int = 4) -> training.Problem:
    """Targets are sources backwards, every token another one; the end is ``TOKENS``."""
    generator = np.random.default_rng(1)
    bound = 1 / np.sqrt(HIDDEN)
    weights: dict[str, NDArray[np.float32]] = {
        name: generator.uniform(-bound, bound, shape).astype(np.float32)
        for name, shape in shapes().items()
    }
    renamed = generator.permutation(TOKENS)
    inputs, targets = [], []
    for _ in range(batches):
        source = generator.integers(TOKENS, size=(BATCH, STEPS))
        written = renamed[source[:, ::-1]]
        ends = np.full((BATCH, 1), TOKENS)
        inputs.append(np.concatenate([source, ends, written], axis=1))
        targets.append(np.concatenate([written, ends], axis=1))
    read = 2 * 3 * HALF * (WIDTH + HALF) + HIDDEN**2
    attend = HIDDEN**2 + 2 * STEPS * HIDDEN
    write = 3 * HIDDEN * (WIDTH + 2 * HIDDEN) + attend + 2 * HIDDEN**2
    write += HIDDEN * (TOKENS + 1)
    sample = STEPS * read + HIDDEN**2 + (STEPS + 1) * write
    return training.Problem(
        inputs, targets, weights, "adam", RATE, 3 * 2 * BATCH * sample
    )


def in_chainrule(problem: training.Problem) -> Work:
    """The library's own model."""
    from chainrule import losses, models, nn

    class Network(nn.Module):
        """Its logits, from the one array."""

        def __init__(self) -> None:
            self.model = models.Seq2Seq(TOKENS, TOKENS, HIDDEN, WIDTH)

        def forward(self, x: Any, training: bool = False) -> Any:
            source, target = x[:, :STEPS], x[:, STEPS + 1 :]
            return self.model(source, None, target, training=training)

    network = Network()
    network.model.load_state_dict(problem.weights)
    return training.in_chainrule(network, losses.cross_entropy, problem)


def in_torch(problem: training.Problem, compiled: bool = False) -> Work:
    """``nn.GRU`` and a loop around ``nn.GRUCell``, as the tutorials have it."""
    import torch
    from torch import nn

    class Attention(nn.Module):  # type: ignore[misc]
        """Weights by a small network, and the average."""

        def __init__(self) -> None:
            super().__init__()
            self.query_proj = nn.Linear(HIDDEN, HIDDEN, bias=False)
            self.memory_proj = nn.Linear(HIDDEN, HIDDEN)
            self.weight = nn.Parameter(torch.zeros(HIDDEN))

        def forward(self, query: Any, memory: Any, keys: Any) -> Any:
            hidden = torch.tanh(self.query_proj(query)[:, None] + keys)
            alpha = torch.softmax(hidden @ self.weight, dim=1)
            return torch.bmm(alpha[:, None], memory)[:, 0]

    class Network(nn.Module):  # type: ignore[misc]
        """Logits of every token of the target, and of its end."""

        def __init__(self) -> None:
            super().__init__()
            self.source_embedding = nn.Embedding(TOKENS, WIDTH)
            self.encoder = nn.GRU(WIDTH, HALF, bidirectional=True, batch_first=True)
            self.cell = nn.GRUCell(WIDTH + HIDDEN, HIDDEN)
            self.bridge = nn.Linear(HIDDEN, HIDDEN)
            self.target_embedding = nn.Embedding(TOKENS + 1, WIDTH)
            self.attention = Attention()
            self.readout = nn.Linear(2 * HIDDEN, HIDDEN)
            self.output = nn.Linear(HIDDEN, TOKENS + 1)

        def forward(self, x: Any) -> Any:
            memory, ends = self.encoder(self.source_embedding(x[:, :STEPS]))
            s = torch.tanh(self.bridge(torch.cat([ends[0], ends[1]], dim=1)))
            keys = self.attention.memory_proj(memory)
            written = []
            for y in self.target_embedding(x[:, STEPS:]).unbind(1):
                context = self.attention(s, memory, keys)
                s = self.cell(torch.cat([y, context], dim=1), s)
                written.append(torch.cat([s, context], dim=1))
            out = torch.tanh(self.readout(torch.stack(written, dim=1)))
            return self.output(out)

    network = Network()
    network.load_state_dict(
        {n: torch.from_numpy(a) for n, a in problem.weights.items()}
    )

    def loss_of(logits: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())

    return training.in_torch(network, loss_of, problem, compiled)


def compiled_in_torch(problem: training.Problem) -> Work:
    """The same with ``torch.compile``."""
    return in_torch(problem, compiled=True)


def in_jax(problem: training.Problem) -> Work:
    """``lax.scan`` three times; what does not depend on a state is before and after."""
    import jax
    import optax
    from jax import lax
    from jax import numpy as jnp

    def gru(z: Any, h: Any, u: Any, bias: Any) -> Any:
        zr, zu, zn = jnp.split(z, 3, axis=-1)
        br, bu, bn = jnp.split(h @ u.T + bias, 3, axis=-1)
        n = jnp.tanh(zn + jax.nn.sigmoid(zr + br) * bn)
        return n + jax.nn.sigmoid(zu + bu) * (h - n)

    def read(w: Any, x: Any, way: str) -> Any:
        u, bias = (w[f"encoder.{n}_hh_l0{way}"] for n in ("weight", "bias"))
        z = x @ w[f"encoder.weight_ih_l0{way}"].T + w[f"encoder.bias_ih_l0{way}"]

        def step(h: Any, z: Any) -> Any:
            h = gru(z, h, u, bias)
            return h, h

        start = jnp.zeros((x.shape[0], HALF))
        last, states = lax.scan(step, start, z.swapaxes(0, 1), reverse=bool(way))
        return last, states.swapaxes(0, 1)

    def loss_of(w: Any, x: Any, y: Any) -> Any:
        embedded = w["source_embedding.weight"][x[:, :STEPS]]
        (one, there), (other, back) = (read(w, embedded, n) for n in ("", "_reverse"))
        memory = jnp.concatenate([there, back], axis=-1)
        ends = jnp.concatenate([one, other], axis=-1)
        keys = memory @ w["attention.memory_proj.weight"].T
        keys = keys + w["attention.memory_proj.bias"]
        token, fed = jnp.split(w["cell.weight_ih"], [WIDTH], axis=1)
        z = w["target_embedding.weight"][x[:, STEPS:]] @ token.T + w["cell.bias_ih"]

        def step(s: Any, z: Any) -> Any:
            query = s @ w["attention.query_proj.weight"].T
            hidden = jnp.tanh(query[:, None] + keys)
            alpha = jax.nn.softmax(hidden @ w["attention.weight"])
            context = jnp.einsum("ns,nsd->nd", alpha, memory)
            z = z + context @ fed.T
            s = gru(z, s, w["cell.weight_hh"], w["cell.bias_hh"])
            return s, jnp.concatenate([s, context], axis=-1)

        start = jnp.tanh(ends @ w["bridge.weight"].T + w["bridge.bias"])
        _, written = lax.scan(step, start, z.swapaxes(0, 1))
        out = jnp.tanh(written @ w["readout.weight"].T + w["readout.bias"])
        logits = (out @ w["output.weight"].T + w["output.bias"]).swapaxes(0, 1)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return training.in_jax(loss_of, problem.weights, problem)


BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "torch-compile": compiled_in_torch,
    "jax": in_jax,
}
