"""Answers for one example at a time: what an application waits for.

An image through LeNet, one of 224×224 through ResNet-18 (He et al. 2016), a step of an
LSTM, and the next token of a GPT that has kept the keys and values of those before it.
Weights are the same for all and nothing is learned, so batch normalisation uses its
running averages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Work, convolutional, gpt, lenet, lstm, resnet
from .convolutional import Layers
from .operations import fingerprint

SUMMARY = "inference, batch 1: the time of one call"
MEASURE = "step"
CASES = ("LeNet", "ResNet-18 224×224", "LSTM-256 step", "GPT token")
TOLERANCE = 1e-3
STEPS = 64  # of the LSTM, in a pass
Array = NDArray[Any]


def resnet18() -> Layers:
    """The layers, as in the paper's table 1."""
    made: Layers = [("conv", 64, 7, 2, 3, False), ("norm",), ("relu",)]
    made.append(("pool", 3, 2, 1))
    for filters in (64, 128, 256, 512):
        for number in range(2):
            changes = filters > 64 and number == 0
            made.append(resnet.block(filters, 2 if changes else 1, not changes))
    return [*made, ("mean",), ("linear", 1000)]


NETWORKS: dict[str, tuple[Layers, tuple[int, ...]]] = {
    "LeNet": (lenet.LAYERS, (28, 28, 1)),
    "ResNet-18 224×224": (resnet18(), (224, 224, 3)),
}


@dataclass(frozen=True)
class Problem:
    """What is asked, one after the other; ``weights`` by name."""

    case: str
    inputs: list[Array]
    weights: dict[str, NDArray[np.float32]]
    arithmetic: int

    @property
    def steps(self) -> int:
        """Calls in a pass."""
        return len(self.inputs)

    def operations(self) -> int:
        """The multiplications and additions of a call."""
        return self.arithmetic

    def traffic(self) -> tuple[int, int]:
        """The weights are read."""
        return sum(each.nbytes for each in self.weights.values()), 0


def problem(case: str) -> Problem:
    """The problem of a case."""
    if case in NETWORKS:
        layers, shape = NETWORKS[case]
        training = convolutional.problem(layers, shape, batch=1, rate=0.0)
        survey = convolutional.Survey(np.random.default_rng(0))
        after = survey.of(layers, (1, *shape), first=True)
        assert after[0] == 1
        return Problem(case, training.inputs, training.weights, survey.forward)
    if case.startswith("LSTM"):
        given = lstm.problem(1)
        x = given.inputs[0][:1, :STEPS]
        steps = [np.ascontiguousarray(x[:, t]) for t in range(STEPS)]
        products = 2 * 4 * lstm.CELLS * (lstm.INPUTS + lstm.CELLS)
        return Problem(case, steps, given.weights, products)
    given = gpt.problem(1)
    tokens = [given.inputs[0][:1, t : t + 1].copy() for t in range(gpt.TOKENS)]
    dense = gpt.LAYERS * 12 * gpt.WIDTH**2 + gpt.VOCABULARY * gpt.WIDTH
    seen = gpt.LAYERS * 2 * gpt.WIDTH * gpt.TOKENS // 2
    return Problem(case, tokens, given.weights, 2 * (dense + seen))


class Answers:
    """Calls to be timed. ``begin`` is called before each pass: it forgets the past;
    ``read`` makes an array of an answer."""

    def __init__(
        self,
        call: Callable[[Any], Any],
        inputs: Sequence[Any],
        read: Callable[[Any], Any],
        begin: Callable[[], Any] = lambda: None,
    ) -> None:
        self.call, self.inputs, self.read, self.begin = call, inputs, read, begin

    def __call__(self, passes: int) -> list[float]:
        """All inputs, so many times."""
        call = self.call
        for _ in range(passes):
            self.begin()
            for x in self.inputs:
                call(x)
        return []

    def losses(self) -> list[float]:
        """The last answer of a pass, in a few numbers."""
        self.begin()
        for x in self.inputs:
            answer = self.call(x)
        return fingerprint(np.asarray(self.read(answer)))


# chainrule.
# ----------------------------------------------------------------------------


def in_chainrule(problem: Problem) -> Work:
    """Compiled calls of the library's own layers."""
    import chainrule as cr

    inputs = [cr.tensor(x) for x in problem.inputs]
    read = lambda answer: answer.numpy()  # noqa: E731
    if problem.case in NETWORKS:
        layers, _ = NETWORKS[problem.case]
        model = convolutional.model_in_chainrule(layers, problem)
        return Answers(cr.compile(lambda x: model(x)), inputs, read)
    if problem.case.startswith("LSTM"):
        return lstm_in_chainrule(problem, inputs)
    model = gpt.model_in_chainrule(problem.weights)
    caches = model.blocks.new_caches(1, gpt.TOKENS)
    call = cr.compile(lambda ids: model(ids, caches=caches))

    def begin() -> None:
        for cache in caches:
            cache.clear()

    return Answers(call, inputs, read, begin)


def lstm_in_chainrule(problem: Problem, inputs: list[Any]) -> Work:
    """``nn.LSTMCell``; its state goes from call to call."""
    import chainrule as cr
    from chainrule import nn

    cell = nn.LSTMCell(lstm.INPUTS, lstm.CELLS)
    cell.weight_ih.assign(cr.tensor(problem.weights["input"]))
    cell.weight_hh.assign(cr.tensor(problem.weights["hidden"]))
    cell.bias_ih.assign(cr.tensor(problem.weights["bias"]))
    cell.bias_hh.assign(cr.zeros((4 * lstm.CELLS,)))
    step = cr.compile(lambda x, h, c: cell(x, (h, c)))
    zeros = cr.zeros((1, lstm.CELLS))
    state = [zeros, zeros]

    def call(x: Any) -> Any:
        state[:] = step(x, *state)
        return state[0]

    def begin() -> None:
        state[:] = zeros, zeros

    return Answers(call, inputs, lambda answer: answer.numpy(), begin)


# PyTorch.
# ----------------------------------------------------------------------------


def in_torch(problem: Problem, compiled: bool = False, last: bool = False) -> Work:
    """Modules in evaluation mode, under ``inference_mode`` or ``no_grad``."""
    import torch

    quiet = torch.no_grad() if compiled else torch.inference_mode()
    read = lambda answer: answer.numpy()  # noqa: E731
    if problem.case in NETWORKS:
        from .training import images_in_torch

        layers, _ = NETWORKS[problem.case]
        model = convolutional.model_in_torch(layers, problem).eval()
        if last:
            model = model.to(memory_format=torch.channels_last)
        call = torch.compile(model) if compiled else model
        images = [images_in_torch(torch.from_numpy(x), last) for x in problem.inputs]
        return Answers(quiet(lambda x: call(x)), images, read)
    inputs = [torch.from_numpy(x) for x in problem.inputs]
    if problem.case.startswith("LSTM"):
        return lstm_in_torch(problem, inputs, compiled, quiet)
    return gpt_in_torch(problem, inputs, compiled, quiet)


def lstm_in_torch(
    problem: Problem, inputs: list[Any], compiled: bool, quiet: Any
) -> Work:
    """``nn.LSTMCell``."""
    import torch

    cell = torch.nn.LSTMCell(lstm.INPUTS, lstm.CELLS)
    weights = {name: torch.from_numpy(a) for name, a in problem.weights.items()}
    with torch.no_grad():
        cell.weight_ih.copy_(weights["input"])
        cell.weight_hh.copy_(weights["hidden"])
        cell.bias_ih.copy_(weights["bias"])
        cell.bias_hh.zero_()
    step = torch.compile(cell) if compiled else cell
    zeros = torch.zeros(1, lstm.CELLS)
    state = [zeros, zeros]

    def call(x: Any) -> Any:
        state[:] = step(x, tuple(state))
        return state[0]

    def begin() -> None:
        state[:] = zeros, zeros

    return Answers(quiet(call), inputs, lambda answer: answer.numpy(), begin)


def gpt_in_torch(
    problem: Problem, inputs: list[Any], compiled: bool, quiet: Any
) -> Work:
    """Keys and values in tensors of a fixed size. Eagerly, attention looks at those
    that are there; compiled, at all of them through a mask, so that one program does
    for every length.
    """
    import torch
    from torch.nn import functional as F

    w = {name: torch.from_numpy(a) for name, a in problem.weights.items()}
    kept = torch.zeros(gpt.LAYERS, 2, 1, gpt.HEADS, gpt.TOKENS, gpt.HEAD)
    places = torch.arange(gpt.TOKENS)
    width = (gpt.WIDTH,)

    def dense(name: str, x: Any) -> Any:
        return F.linear(x, w[name], w[f"{name}_bias"])

    def norm(name: str, x: Any) -> Any:
        return F.layer_norm(x, width, w[name], w[f"{name}_bias"])

    def attended(layer: int, q: Any, kv: Any, at: Any) -> Any:
        if not compiled:
            kept[layer, :, :, :, at] = kv
            k, v = kept[layer, :, :, :, : at + 1]
            return F.scaled_dot_product_attention(q, k, v)
        kept[layer].index_copy_(3, at, kv.unsqueeze(3))
        mask = (places <= at)[None, None, None]
        return F.scaled_dot_product_attention(q, *kept[layer], attn_mask=mask)

    def forward(tokens: Any, at: Any) -> Any:
        x = w["tokens"][tokens] + w["positions"][at]
        for layer in range(gpt.LAYERS):
            qkv = dense(f"{layer}.qkv", norm(f"{layer}.norm1", x))
            q, *kv = qkv.view(3, 1, gpt.HEADS, gpt.HEAD)
            mixed = attended(layer, q.unsqueeze(2), torch.stack(kv), at)
            x = x + dense(f"{layer}.project", mixed.view(1, 1, gpt.WIDTH))
            hidden = F.gelu(dense(f"{layer}.expand", norm(f"{layer}.norm2", x)))
            x = x + dense(f"{layer}.contract", hidden)
        return norm("norm", x) @ w["tokens"].T

    step = torch.compile(forward) if compiled else forward
    numbers = [torch.tensor([n]) if compiled else n for n in range(gpt.TOKENS)]
    pairs = list(zip(inputs, numbers, strict=True))
    call = quiet(lambda pair: step(*pair))
    return Answers(call, pairs, lambda answer: answer.numpy())


# JAX.
# ----------------------------------------------------------------------------


def in_jax(problem: Problem) -> Work:
    """Jitted functions of weights and inputs, state donated."""
    import jax

    weights = {name: jax.numpy.array(a) for name, a in problem.weights.items()}
    inputs = [jax.numpy.array(x) for x in problem.inputs]
    if problem.case in NETWORKS:
        forward = convolutional.forward_in_jax(NETWORKS[problem.case][0], True)
        network = jax.jit(lambda w, x: forward(iter(w), x))
        given = list(weights.values())
        return Answers(
            lambda x: jax.block_until_ready(network(given, x)), inputs, np.asarray
        )
    if problem.case.startswith("LSTM"):
        zeros = jax.numpy.zeros((1, lstm.CELLS))
        start: Any = (zeros, zeros)
        step = jax.jit(lstm_step_in_jax)
    else:
        shape = gpt.LAYERS, 2, 1, gpt.HEADS, gpt.TOKENS, gpt.HEAD
        start = jax.numpy.zeros(shape), jax.numpy.zeros((), int)
        step = jax.jit(gpt_step_in_jax)
    state = [start]

    def call(x: Any) -> Any:
        state[0], answer = jax.block_until_ready(step(weights, state[0], x))
        return answer

    def begin() -> None:
        state[0] = start

    return Answers(call, inputs, np.asarray, begin)


def lstm_step_in_jax(w: Any, state: Any, x: Any) -> Any:
    """((h′, c′), h′)."""
    from . import jax_networks

    h, c = state
    z = x @ w["input"].T + w["bias"] + h @ w["hidden"].T
    h, c = jax_networks.lstm_gates(z, c)
    return (h, c), h


def gpt_step_in_jax(w: Any, state: Any, tokens: Any) -> Any:
    """((keys and values, place + 1), logits)."""
    import jax
    from jax import numpy as jnp

    from . import jax_networks

    kept, at = state
    seen = jnp.arange(gpt.TOKENS) <= at

    norm = functools.partial(jax_networks.layer_norm, w)
    dense = functools.partial(jax_networks.dense, w)

    x = w["tokens"][tokens] + w["positions"][at]
    for layer in range(gpt.LAYERS):
        qkv = dense(f"{layer}.qkv", norm(f"{layer}.norm1", x))
        q, k, v = qkv.reshape(3, 1, gpt.HEADS, gpt.HEAD)
        kept = kept.at[layer, :, :, :, at].set(jnp.stack([k, v]))
        keys, values = kept[layer]
        scores = jnp.einsum("nhd,nhkd->nhk", q, keys) / np.sqrt(gpt.HEAD)
        shares = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf))
        mixed = jnp.einsum("nhk,nhkd->nhd", shares, values).reshape(x.shape)
        x = x + dense(f"{layer}.project", mixed)
        wide = dense(f"{layer}.expand", norm(f"{layer}.norm2", x))
        x = x + dense(f"{layer}.contract", jax.nn.gelu(wide, approximate=False))
    return (kept, at + 1), norm("norm", x) @ w["tokens"].T


BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "torch-last": functools.partial(in_torch, last=True),
    "torch-compile": functools.partial(in_torch, compiled=True),
    "jax": in_jax,
}
