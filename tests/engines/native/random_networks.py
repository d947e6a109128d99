"""Random networks, trained for two steps: native code, NumPy and eager must agree.

``python -m tests.engines.native.random_networks 1000 [first]`` runs as many; a failure
prints its seed, which goes into ``PAST_FAILURES`` of ``test_random_networks``.

Most of the work is compilation, so networks are small; sizes are 0, 1, primes, and
multiples of the vectors' width and their neighbours.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from chainrule.random import default_generator

import chainrule as cr
from chainrule import nn, optim
from chainrule.config import config
from chainrule.engines.native.choose.processor import host
from chainrule.errors import ChainruleError

Function = Callable[..., Any]
Block = tuple[list[nn.Module], Function]
CHANNELS = [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 32, 33]
WIDTHS = [1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 32, 33, 48]
BATCHES = [1, 1, 2, 3, 4, 5, 7, 8, 16, 17]
#: Values with more elements than this are made smaller by pooling or a mean.
MOST = 20_000
#: A result is as right as another where it differs by so many times what a rounding of
#: input and parameters changes.
MOST_ROUNDINGS = 4


class Maker:
    """Chooses blocks that fit a shape; the same seed makes the same network."""

    def __init__(self, seed: int, dtype: str) -> None:
        self.pick = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.dtype = dtype

    def one(self, *choices: Any) -> Any:
        """One of them."""
        return self.pick.choice(choices)

    def size(self, sizes: list[int]) -> int:
        """A size; rarely 0."""
        return self.pick.choice(sizes)

    def activation(self) -> Function:
        """Some function of each element."""
        return self.one(
            cr.relu, cr.tanh, cr.sigmoid, cr.gelu, cr.silu, cr.softplus, cr.elu,
            lambda x: cr.leaky_relu(x, 0.1), lambda x: x, lambda x: cr.clip(x, -1, 1),
            lambda x: cr.where(x > 0.3, x, x * x), lambda x: cr.log_sigmoid(x),
            lambda x: cr.sin(x) * cr.exp(-x * x),
        )  # fmt: skip

    def constant(self, shape: tuple[int, ...]) -> Any:
        """Numbers that belong to the network."""
        return cr.tensor(self.numbers.uniform(-1, 1, shape).astype(self.dtype))

    def block(self, shape: tuple[int, ...]) -> Block:
        """One that takes values of this shape."""
        table = {2: ROWS, 3: SEQUENCES, 4: IMAGES, 5: VOLUMES}[len(shape)]
        return self.pick.choice(table)(self, shape)


def applied(*layers: nn.Module, then: Function = lambda x: x) -> Block:
    """Layers one after the other."""

    def f(x: Any, training: bool) -> Any:
        for layer in layers:
            told = {"training": training} if layer.depends_on_training else {}
            x = layer(x, **told)
        return then(x)

    return list(layers), f


def plain(f: Function) -> Block:
    """A function without parameters."""
    return [], lambda x, training: f(x)


# --- blocks of any shape (N, …, C) ---------------------------------------------------


def normalising(m: Maker, shape: tuple[int, ...]) -> Block:
    """Every kind of normalisation that fits."""
    c, rank = shape[-1], len(shape)
    batch = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    groups = [g for g in (1, 2, 3, 4, 8, c) if c % g == 0]
    kinds: list[Callable[[], nn.Module]] = [
        lambda: batch[rank](c, momentum=0.3, affine=m.one(True, True, False)),
        lambda: batch[rank](c),
        lambda: nn.LayerNorm(c, elementwise_affine=m.one(True, False)),
        lambda: nn.LayerNorm(shape[-2:] if rank > 2 else c),
        lambda: nn.RMSNorm(c),
        lambda: nn.GroupNorm(m.pick.choice(groups), c),
    ]
    if rank > 2:
        instance = [nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d]
        kinds.append(lambda: instance[rank - 3](c, affine=m.one(True, False)))
    return applied(m.pick.choice(kinds)(), then=m.activation())


def acting(m: Maker, shape: tuple[int, ...]) -> Block:
    """An activation, with or without parameters."""
    if m.pick.random() < 0.3:
        return applied(nn.PReLU(m.one(1, shape[-1])))
    return plain(m.activation())


def dropping(m: Maker, shape: tuple[int, ...]) -> Block:
    """Dropout of one kind or another."""
    spatial = {3: nn.Dropout1d, 4: nn.Dropout2d, 5: nn.Dropout3d}
    kinds = [nn.Dropout, nn.AlphaDropout, spatial.get(len(shape), nn.Dropout)]
    return applied(m.pick.choice(kinds)(m.one(0.1, 0.5)))


def residual(m: Maker, shape: tuple[int, ...]) -> Block:
    """y = x + f(x), f made of one or two blocks that keep the shape; else [x, f(x)]."""
    layers, f = m.block(shape)

    def g(x: Any, training: bool) -> Any:
        y = f(x, training)
        if y.shape == x.shape:
            return x + y * 0.5
        if y.ndim == x.ndim and y.shape[:-1] == x.shape[:-1]:
            return cr.concatenate([x, y], axis=-1)
        return y

    return layers, g


def branching(m: Maker, shape: tuple[int, ...]) -> Block:
    """Two blocks side by side, joined along the channels where they fit."""
    (one, f), (two, g) = m.block(shape), m.block(shape)

    def h(x: Any, training: bool) -> Any:
        a, b = f(x, training), g(x, training)
        if a.shape[:-1] == b.shape[:-1]:
            return cr.concatenate([a, b], axis=-1)
        return a + b.mean()

    return one + two, h


def viewing(m: Maker, shape: tuple[int, ...]) -> Block:
    """Strided, reversed, transposed and gathered values."""
    axis = m.pick.randrange(1, len(shape))
    many = shape[axis]
    step = m.one(2, 3)
    picked = m.numbers.integers(0, max(1, many), m.one(1, 2, many))
    whole = (slice(None),) * axis

    def shifted(x: Any) -> Any:
        return cr.concatenate(
            [x[(*whole, slice(1, None))], x[(*whole, slice(0, 1))]], axis
        )

    return plain(
        m.one(
            lambda x: x[(*whole, slice(None, None, step))],
            lambda x: x[(*whole, slice(None, None, -1))],
            lambda x: cr.take(x, picked, axis=axis),
            shifted,
            lambda x: cr.pad(
                x, [(0, 0)] * axis + [(1, 2)] + [(0, 0)] * (x.ndim - axis - 1)
            ),
            lambda x: cr.flip(x, axis) * x,
            lambda x: cr.cumsum(x, axis) * 0.3,
            lambda x: cr.sort(x, axis=axis),
            lambda x: cr.swapaxes(x, axis, -1).reshape(x.shape),
        )
    )


def averaging(m: Maker, shape: tuple[int, ...]) -> Block:
    """Reductions, whose result is broadcast back."""
    axes = tuple(
        sorted(m.pick.sample(range(len(shape)), m.pick.randint(1, len(shape))))
    )
    kinds: list[Function] = [
        lambda x: x - x.mean(axis=axes, keepdims=True),
        lambda x: x * cr.sigmoid(x.sum(axis=axes, keepdims=True) * 0.1),
        lambda x: x - x.max(axis=axes, keepdims=True),
        lambda x: x / (1.0 + (x * x).sum(axis=axes, keepdims=True)),
        lambda x: cr.softmax(x, axis=axes[0]) * x,
        lambda x: x - cr.logsumexp(x, axis=axes[-1], keepdims=True),
        lambda x: x / cr.sqrt(x.var(axis=axes, keepdims=True) + 1e-2),
    ]
    return plain(m.pick.choice(kinds))


# --- (N, D) --------------------------------------------------------------------------


def linear(m: Maker, shape: tuple[int, ...]) -> Block:
    """A product, of one kind or another."""
    n, many = shape[-1], m.size(WIDTHS)
    kinds = [
        lambda: nn.Linear(n, many, bias=m.one(True, True, False)),
        lambda: nn.Linear(n, many),
        lambda: nn.Maxout(n, many, pieces=m.one(2, 3)),
        lambda: nn.DropConnect(n, many, p=0.3),
    ]
    return applied(m.pick.choice(kinds)(), then=m.activation())


def bilinear(m: Maker, shape: tuple[int, ...]) -> Block:
    """x A xᵀ B and the like: products of what was computed."""
    a = m.constant((shape[-1], shape[-1])) * 0.3
    return plain(
        m.one(
            lambda x: (x @ a) @ cr.swapaxes(x, -1, -2) @ x * 0.1,
            lambda x: cr.tanh(x @ a) @ a.T,
            lambda x: cr.softmax(x @ cr.swapaxes(x, -1, -2)) @ x,
            lambda x: x @ cr.sin(a) + x,
        )
    )


def unfolded(m: Maker, shape: tuple[int, ...]) -> Block:
    """Rows as sequences or images."""
    n = shape[-1]
    factors = [d for d in range(1, n + 1) if n % d == 0] or [1]
    a = m.pick.choice(factors)
    b = m.pick.choice([d for d in factors if n % (a * d) == 0] or [1])
    to = m.one((a, n // max(1, a)), (a, b, n // max(1, a * b)))
    return applied(nn.Unflatten(to))


def recursion(m: Maker, shape: tuple[int, ...]) -> Block:
    """A scan of our own over the first axis, weights inside, some reversed."""
    d = shape[-1]
    w = cr.parameter(m.numbers.uniform(-0.4, 0.4, (d, d)).astype(m.dtype))
    back, again = m.one(True, False), m.one(True, False, False)
    act, kind = m.activation(), m.pick.randrange(3)

    class Holder(nn.Module):
        def __init__(self) -> None:
            self.w = w

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        h = cr.tanh(h @ w.T + x) if kind else h * 0.5 + act(x)
        c = c * 0.9 + h * x if kind < 2 else cr.maximum(c, h)
        return (h, c), (h + c if kind else h)

    def f(x: Any, training: bool) -> Any:
        start = cr.zeros(x.shape[1:], dtype=x.dtype)
        (h, _), out = cr.scan(step, (start, start), x, reverse=back, recompute=again)
        return out + h

    return [Holder()], f


# --- (N, T, D) -----------------------------------------------------------------------


def recurrent(m: Maker, shape: tuple[int, ...]) -> Block:
    """RNN, LSTM, GRU: layers, directions, lengths, the last or all steps."""
    n, t, d = shape
    kind = m.one(nn.RNN, nn.LSTM, nn.GRU)
    extra = {"peepholes": m.one(True, False)} if kind is nn.LSTM else {}
    if kind is nn.RNN:
        extra = {"nonlinearity": m.one("tanh", "relu")}
    options = {
        "bidirectional": m.one(True, False),
        "dropout": m.one(0.0, 0.3),
        "bias": m.one(True, True, False),
    }
    many, deep = m.size([1, 2, 5, 8, 16, 17]), m.one(1, 1, 2)
    layer = kind(d, many, deep, **options, **extra)
    lengths = m.numbers.integers(0, t + 1, n) if m.pick.random() < 0.5 else None
    last = m.one(True, False)

    def f(x: Any, training: bool) -> Any:
        output, state = layer(x, lengths=lengths, training=training)
        state = state[0] if isinstance(state, tuple) else state
        return state.mean(axis=0) if last else output

    return [layer], f


def attending(m: Maker, shape: tuple[int, ...]) -> Block:
    """Attention with masks; a Transformer's block."""
    n, t, d = shape
    heads = m.pick.choice([h for h in (1, 2, 3, 4) if d % h == 0])
    options: dict[str, Any] = {"causal": m.one(True, False)}
    if m.pick.random() < 0.4:
        options["lengths"] = m.numbers.integers(0, t + 1, n)
    if m.pick.random() < 0.4:
        options["mask"] = m.numbers.random((t, t)) < 0.7
    rotary = None
    if d // heads % 2 == 0 and m.pick.random() < 0.4:
        rotary = nn.RotaryPositions(d // heads)
    layer: nn.Module
    if m.pick.random() < 0.5:
        layer = nn.MultiheadAttention(d, heads, m.one(0.0, 0.2), rotary=rotary)
    else:
        layer = nn.TransformerEncoderLayer(
            d, heads, m.size(WIDTHS), m.one(0.0, 0.2), m.one("relu", "gelu", "silu"),
            m.one(True, False), rotary=rotary,
        )  # fmt: skip
    return [layer], lambda x, training: layer(x, training=training, **options)


def embedding(m: Maker, shape: tuple[int, ...]) -> Block:
    """Rows of a table by numbers; positions; a tied product."""
    n, t, d = shape
    layer = nn.Embedding(m.one(1, 5, 33), d, padding_idx=m.one(None, 0))
    ids = m.numbers.integers(0, layer.num_embeddings, (n, t))
    positions = m.one(nn.SinusoidalPositions, lambda d: nn.LearnedPositions(t + 1, d))(
        d
    )
    tied = m.one(True, False)

    def f(x: Any, training: bool) -> Any:
        x = positions(x + layer(ids))
        return x @ layer.weight.T if tied else x

    return [layer, positions], f


def flattened(m: Maker, shape: tuple[int, ...]) -> Block:
    """Any value as rows."""
    kinds = [nn.Flatten(), nn.GlobalAvgPool(), nn.GlobalMaxPool()]
    return applied(m.pick.choice(kinds))


def locally_connected(m: Maker, shape: tuple[int, ...]) -> Block:
    """Kernels of their own for every place."""
    axes = len(shape) - 2
    kind = [nn.LocallyConnected1d, nn.LocallyConnected2d][axes - 1]
    layer = kind(
        shape[-1], m.one(1, 3, 4), shape[1:-1], m.one(1, 2, 3), m.one(1, 2), m.one(0, 1)
    )
    return applied(layer, then=m.activation())


# --- convolutions and pooling --------------------------------------------------------


def convolving(m: Maker, shape: tuple[int, ...]) -> Block:
    """A convolution, or a transposed one, with any settings."""
    axes, c = len(shape) - 2, shape[-1]
    many = m.size(CHANNELS)
    groups = m.pick.choice([g for g in (1, 1, 1, 2, 3, c) if c % g == 0])
    many = -(-many // groups) * groups
    kernel = tuple(m.one(1, 1, 2, 3, 3, 5) for _ in range(axes))
    stride = tuple(m.one(1, 1, 2, 3) for _ in range(axes))
    bias = m.one(True, False)
    layer: nn.Module
    if m.pick.random() < 0.25:
        kind = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d][axes - 1]
        layer = kind(
            c, many, kernel, stride, tuple(m.one(0, 0, k // 2) for k in kernel),
            tuple(m.pick.randrange(s) for s in stride), groups, bias, m.one(1, 1, 2),
        )  # fmt: skip
    else:
        kind = [nn.Conv1d, nn.Conv2d, nn.Conv3d][axes - 1]
        padding = m.one(0, "same", [(m.one(0, 1, 2), m.one(0, 1)) for _ in kernel])
        dilation = tuple(m.one(1, 1, 1, 2) for _ in range(axes))
        layer = kind(c, many, kernel, stride, padding, dilation, groups, bias)
    return applied(layer, then=m.activation())


def pooling(m: Maker, shape: tuple[int, ...]) -> Block:
    """Windows, overlapping or not, or parts of the image."""
    axes = len(shape) - 2
    largest = [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d][axes - 1]
    average = [nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d][axes - 1]
    kernel, stride = m.one(1, 2, 2, 3), m.one(None, None, 1, 2, 3)
    pads, ceil = m.one(0, 0, kernel // 2), m.one(True, False)
    kinds: list[Callable[[], nn.Module]] = [
        lambda: largest(kernel, stride, pads, m.one(1, 1, 2), ceil),
        lambda: average(kernel, stride, pads, ceil, m.one(True, False)),
    ]
    if axes < 3:
        power = [nn.LPPool1d, nn.LPPool2d][axes - 1]
        adaptive = [
            [nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d],
            [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d],
        ][axes - 1]
        kinds += [
            lambda: power(m.one(2.0, 3.0), kernel, stride, pads, ceil),
            lambda: m.pick.choice(adaptive)(m.one(1, 2, 3)),
        ]
    return applied(m.pick.choice(kinds)())


def spatial(m: Maker, shape: tuple[int, ...]) -> Block:
    """What else there is for images and sequences."""
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(shape) - 2]
    kinds: list[Callable[[], nn.Module]] = [
        lambda: nn.Upsample(scale_factor=m.one(1.5, 2), mode=m.one("nearest", mode)),
        lambda: nn.Subsample(2, extra_channels=m.one(0, 3)),
        lambda: nn.LocalResponseNorm(m.one(1, 3, 5)),
    ]
    if len(shape) == 4:
        kinds.append(lambda: nn.LocalContrastNorm(m.one(3, 5), floor=0.1))
    return applied(m.pick.choice(kinds)())


def windowed(m: Maker, shape: tuple[int, ...]) -> Block:
    """Windows and their adjoint, with something in between."""
    axes = len(shape) - 2
    kernel, stride, dilation = m.one(1, 2, 3), m.one(1, 2, 3), m.one(1, 1, 2)
    act, size = m.activation(), shape[1:-1]
    places = tuple(range(axes + 1, 2 * axes + 1))

    def back(x: Any) -> Any:
        return cr.overlap_add(
            act(cr.windows(x, kernel, stride, dilation)), size, stride, dilation
        )

    def over(x: Any) -> Any:
        seen = cr.windows(x, kernel, stride, dilation)
        return act(seen).mean(axis=places) + seen.max(axis=places)

    return plain(m.one(back, over))


def merged(m: Maker, shape: tuple[int, ...]) -> Block:
    """Places as steps of a sequence, or a volume's as an image's."""
    if len(shape) == 4:
        return plain(lambda x: x.reshape((x.shape[0], -1, x.shape[-1])))
    return plain(lambda x: x.reshape((x.shape[0], x.shape[1], -1, x.shape[-1])))


ANY = [normalising, normalising, acting, dropping, residual, residual, branching,
       viewing, averaging]  # fmt: skip
ROWS = [*ANY, linear, linear, linear, bilinear, unfolded, unfolded, recursion]
SPACE = [convolving] * 5 + [pooling] * 2 + [spatial, windowed]
SEQUENCES = [*ANY, *SPACE, recurrent, recurrent, recurrent, attending, attending,
             embedding, linear, bilinear, recursion, flattened,
             locally_connected]  # fmt: skip
IMAGES = [*ANY, *SPACE, *SPACE, locally_connected, flattened, merged]
VOLUMES = [*ANY, *SPACE, flattened, merged]


# --- a network -----------------------------------------------------------------------


class Network(nn.Module):
    """Random blocks, each made for the shape that the ones before it give."""

    depends_on_training = True

    def __init__(self, seed: int, dtype: str) -> None:
        m = Maker(seed, dtype)
        cr.manual_seed(seed)
        shape = self._first_shape(m)
        self.x = cr.tensor(m.numbers.uniform(-1, 1, shape).astype(dtype))
        self.trains = m.pick.random() < 0.75
        self.layers: list[nn.Module] = []
        self._blocks: list[Function] = []
        value = self.x
        for _ in range(m.pick.randint(1, 6)):
            value = self._add(m, value)
        self.weights = m.constant(value.shape)
        self.optimizer = self._optimizer(m)

    @staticmethod
    def _first_shape(m: Maker) -> tuple[int, ...]:
        n = 0 if m.pick.random() < 0.02 else m.size(BATCHES)
        rank = m.one(2, 3, 3, 4, 4, 4, 5)
        top = {2: 0, 3: 20, 4: 13, 5: 6}[rank]
        places = [m.pick.randint(1, top) for _ in range(rank - 2)]
        return (n, *places, m.size(CHANNELS if rank > 2 else WIDTHS))

    def _add(self, m: Maker, value: Any) -> Any:
        """One block more, if it fits; what it computes."""
        try:
            layers, f = m.block(value.shape)
            found = f(value, True)
        except ChainruleError:
            return value
        if found.size > MOST or found.ndim not in (2, 3, 4, 5):
            return value
        self.layers += layers
        self._blocks.append(f)
        return cr.tensor(np.array(found.value))

    def _optimizer(self, m: Maker) -> optim.Optimizer | None:
        p = self.parameters()
        kinds: list[Callable[[], optim.Optimizer]] = [
            lambda: optim.SGD(p, lr=0.05),
            lambda: optim.SGD(
                p, lr=0.05, transforms=[optim.ClipNorm(0.5), optim.L2(0.01)]
            ),
            lambda: optim.Momentum(p, lr=0.05),
            lambda: optim.Nesterov(p, lr=0.05),
            lambda: optim.Adagrad(p, lr=0.01, initial_accumulator_value=0.1),
            lambda: optim.RMSProp(p, lr=0.001, eps=1e-2),
            lambda: optim.Adam(p, lr=0.001, eps=1e-2),
            lambda: optim.AdamW(p, lr=0.001, eps=1e-2),
        ]
        return m.pick.choice(kinds)() if p else None

    def forward(self, x: Any, training: bool = False) -> Any:
        for f in self._blocks:
            x = f(x, training)
        return x

    def step(self, x: Any) -> dict[str, list[Any]]:
        """Outputs, gradients and an update."""
        x = x * 1.0
        y = self(x, training=self.trains)
        loss = (y * self.weights).sum() + 0.1 * (y * y).sum()
        gradients = cr.backprop(loss)
        found = {
            each: gradients[each]
            if each in gradients
            else cr.zeros(each.shape, each.dtype)
            for each in [x, *self.parameters()]
        }
        if self.optimizer is not None:
            self.optimizer.step(found)
        return {"results": [y, loss], "gradients": list(found.values())}


Results = dict[str, list[Any]]


def results(seed: int, dtype: str, engine: str | None, moved: int = 0) -> Results:
    """Everything that two steps of a network compute; eager without an engine. Its
    input and parameters are moved by a rounding, in another way for each ``moved``.
    """
    config.dtype = dtype
    network = Network(seed, dtype)
    if moved:
        random_signs = np.random.default_rng(moved)
        for each in [network.x, *network.parameters()]:
            signs = random_signs.choice([-1, 1], each.shape)
            value = each.numpy() * (1 + signs * np.finfo(dtype).eps)
            if each is network.x:
                network.x = cr.tensor(value.astype(dtype))
            else:
                each.assign(value.astype(dtype))
    cr.manual_seed(seed)
    step = network.step if engine is None else cr.compile(network.step, engine=engine)
    found: Results = {}
    for turn in ("first", "second"):
        for what, values in step(network.x).items():
            found[f"{turn} {what}"] = [np.array(each.numpy()) for each in values]
    found["variables"] = [each.array.copy() for _, each in network.named_variables()]
    if network.optimizer is not None:
        state = network.optimizer.state_dict().values()
        found["optimizer"] = [np.array(each) for each in state]
    found["random state"] = [np.array(default_generator.state.array)]
    return found


def differing(
    found: Results, expected: Results, close: float, moved: Sequence[Results] = ()
) -> list[str]:
    """Where results differ: by more than ``close`` times the largest value of a group.

    A gradient that is 0 but for rounding, such as that of a bias in front of a
    normalisation, is so measured by the others. Results may differ by as much as those
    of the same network whose input and parameters are ``moved`` by a rounding: an RMS
    norm of one channel, x / √(x² + ε), makes a difference of 10⁻⁷ one of 10⁻¹.
    """
    wrong = []
    for name, group in expected.items():
        floats = [each for each in group if each.dtype.kind == "f" and each.size]
        finite = [np.abs(each[np.isfinite(each)]).max(initial=0) for each in floats]
        room = close * max([1e-30, *map(float, finite)])
        for other in moved:
            for a, b in zip(other[name], group, strict=True):
                far = np.abs(a.astype(float) - b)
                room = max(
                    room, MOST_ROUNDINGS * far.max(initial=0, where=far < np.inf)
                )
        for i, (a, b) in enumerate(zip(found[name], group, strict=True)):
            alike = (a.shape, a.dtype) == (b.shape, b.dtype)
            if not alike or not np.allclose(a, b, rtol=0, atol=room, equal_nan=True):
                far = np.abs(a.astype(float) - b).max() if a.shape == b.shape else "?"
                wrong.append(f"{name} {i} {b.shape}: by {far}, {room:.1e} is allowed")
    return wrong


def identical(found: Results, expected: Results) -> list[str]:
    """Where results are not the same to the bit."""
    return [
        f"{name} {i} is not the same to the bit"
        for name, group in expected.items()
        for i, (a, b) in enumerate(zip(found[name], group, strict=True))
        if a.tobytes() != b.tobytes()
    ]


def differences(seed: int) -> list[str]:
    """What is wrong with the network of this seed, natively.

    Its seed also says how it is run: guarded, for older processors, or with one, two
    and three threads, which must not change a bit.
    """
    choice = random.Random(~seed)
    dtype = choice.choice(["float32", "float64"])
    close = 1e-9 if dtype == "float64" else 2e-4
    how = choice.choice(["plain", "guarded", "guarded", "avx2", "baseline", "threads"])
    kept = {"dtype": dtype, "debug": config.debug or how == "guarded"}
    if how in ("avx2", "baseline") and available(how):
        kept["processor"] = how
    with config.using(**kept), np.errstate(all="ignore"):
        expected = results(seed, dtype, None)
        wrong = []
        for engine in ("numpy", "native"):
            found = results(seed, dtype, engine)
            differs = differing(found, expected, close)
            if differs:  # the network may be ill-conditioned
                moved = [results(seed, dtype, None, i) for i in (1, 2, 3)]
                differs = differing(found, expected, close, moved)
            wrong += [f"{engine}: {each}" for each in differs]
        if how == "threads":
            one, two, three = (with_threads(seed, dtype, n) for n in (1, 2, 3))
            wrong += [f"2 threads: {each}" for each in identical(two, one)]
            wrong += [f"3 threads: {each}" for each in identical(three, one)]
    return [f"{dtype} {how}: {each}" for each in wrong]


def with_threads(seed: int, dtype: str, threads: int) -> Results:
    """The native results with so many threads."""
    with config.using(threads=threads):
        return results(seed, dtype, "native")


def available(processor: str) -> bool:
    """Whether code for such a processor runs on this one."""
    with config.using(processor=processor):
        try:
            host()
        except ChainruleError:
            return False
    return True


def main(count: int, first: int = 0) -> int:
    """Runs so many networks; answers how many differ."""
    failures = 0
    for seed in range(first, first + count):
        wrong = differences(seed)
        if wrong:
            failures += 1
            sys.stdout.write(f"seed {seed}: {'; '.join(wrong[:4])}\n")
    sys.stdout.write(f"{count} networks, {failures} differ\n")
    return failures


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:] or ["1000"]))))
