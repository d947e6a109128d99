"""Random programs, run on the native and on the NumPy engine: both must agree.

``python -m tests.engines.native.random_programs 100000`` runs as many; a failure prints
its seed, which goes into ``PAST_FAILURES`` of ``test_differential``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.errors import ArgumentError, BoundsError, ShapeError

Values = list[Any]
SIZES = [0, 1, 2, 3, 5, 7, 10, 16, 17, 31, 32, 33, 64, 67, 100]


def normalised(x: Any, axis: int) -> Any:
    """x with mean 0 and variance 1 along an axis."""
    if not x.ndim:
        return x
    spread = cr.sqrt(x.var(axis=axis, keepdims=True) + 1e-3)
    return (x - x.mean(axis=axis, keepdims=True)) / spread


def whole(x: Any) -> Any:
    """Integers: an order that another rounding does not change, with many ties. Values
    that programs often have (1, eˣ of 0, …) are away from where the integer changes.
    """
    return (x * 8 + 0.37).astype("int32")


def recurrence(x: Any) -> Any:
    """A loop with a carry and an emitted sequence."""
    return cr.tanh(cr.scan(lambda c, r: (c * 0.5 + r, c * r), x[0] * 0, x)[1])


def rows(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of a tensor with axes; single numbers stay as they are."""
    return lambda x: f(x) if x.ndim else x


ONE: list[Callable[[Any], Any]] = [
    cr.tanh, cr.sin, cr.cos, cr.sigmoid, cr.softplus, cr.erf, cr.relu, cr.logsumexp,
    lambda x: cr.exp(-x * x),
    lambda x: cr.log1p(x * x),
    lambda x: cr.expm1(x * 0.1),
    rows(cr.softmax),
    rows(lambda x: cr.log_softmax(x, axis=0)),
    lambda x: normalised(x, -1),
    lambda x: normalised(x, 0),
    rows(lambda x: x.sum(axis=0) * 0.2),
    rows(lambda x: x.sum(axis=-1, keepdims=True) * 0.1),
    lambda x: x.mean(),
    rows(lambda x: x.max(axis=-1)),
    rows(lambda x: x.min(axis=0, keepdims=True)),
    rows(lambda x: cr.clip(x, -1.0, 1.0).prod(axis=-1)),  # beyond ±∞ order matters
    lambda x: x.T,
    lambda x: x.reshape(-1),
    lambda x: x[::-1] if x.ndim else x[None],
    lambda x: x[..., None],
    rows(lambda x: x[..., 1::2]),
    lambda x: cr.where(x > 0, x, 0.1 * x),
    rows(lambda x: x.cumsum(0) * 0.3),
    rows(cr.sort),
    lambda x: cr.floor(x * 3 + 0.37) * 0.3,
    rows(lambda x: cr.take(x, [0, -1, 0], axis=-1)),
    lambda x: cr.pad(x, [(1, 2)] * x.ndim, value=0.5),
    rows(recurrence),
    rows(lambda x: cr.take_along_axis(x, whole(x).argmax(-1, keepdims=True), -1)),
    rows(lambda x: cr.argsort(whole(x), axis=0).astype("float32") * 0.1),
    cr.stop_gradient,
    lambda x: whole(x).astype("float32") * 0.1,
    lambda x: cr.reshape(cr.transpose(x), x.shape),
    rows(lambda x: whole(x).argmin(axis=-1).astype("float32") * 0.3),
    lambda x: cr.isfinite(x).astype("float32"),
    rows(lambda x: cr.scatter_add(x, cr.tensor(np.arange(x.shape[0]) % 2), 2)),
]  # fmt: skip

TWO: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x * 0.5 + y * 0.5,
    lambda x, y: cr.tanh(x) * y,
    lambda x, y: (x - y) / (1 + x * x),
    cr.maximum,
    cr.minimum,
    lambda x, y: x.reshape(-1, 1) @ y.reshape(1, -1) * 0.3,
    lambda x, y: x @ y * 0.3 if x.ndim and y.ndim else x,
    lambda x, y: cr.tanh(x @ y.T + 0.1) if min(x.ndim, y.ndim) > 1 else y,
    lambda x, y: cr.relu(cr.swapaxes(x, -1, -2) @ y) if min(x.ndim, y.ndim) > 1 else x,
    lambda x, y: cr.concatenate([x.reshape(-1), y.reshape(-1) * 2]),
    lambda x, y: cr.where(x > y, x, y * 0.5),
    lambda x, y: cr.concatenate([x, cr.exp(-y * y)], axis=0),
]


def run_steps(program: list[tuple[int, int, int]], values: Values) -> Values:
    """Every value that a program makes; steps that do not fit are left out."""
    for operation, a, b in program:
        usable = [each for each in values if each.size <= 5000 and each.ndim <= 3]
        if not usable:
            break
        x = usable[-1 - a % min(len(usable), 3)]
        y = usable[b % len(usable)]
        try:
            if operation < len(ONE):
                values.append(ONE[operation](x))
            else:
                values.append(TWO[operation - len(ONE)](x, y))
        except (ShapeError, ArgumentError, BoundsError):
            continue
    return values


def step_of(program: Any, w: Any, training: bool) -> Callable[..., Any]:
    """A program as a function: all its values, or a loss, gradients and an update."""

    def step(x: Any, y: Any) -> Any:
        values = run_steps(program, [x * 1.0, y + 0.0, w.read()])
        if not training:
            return tuple(values)
        floats = [each for each in values if each.dtype.kind == "f"]
        loss = sum(v.mean() if v.size else v.sum() for v in floats)
        gradients = cr.backprop(loss)
        w.assign(w - 0.1 * gradients[w])
        return values[-1], loss, gradients[values[0]]

    return step


def differences(seed: int) -> list[str]:
    """What the engines disagree on, for the program with this seed."""
    choice, rng = random.Random(seed), np.random.default_rng(seed)
    dtype = choice.choice(["float32", "float64"])
    operations = len(ONE) + len(TWO)
    program = [
        (choice.randrange(operations), choice.getrandbits(20), choice.getrandbits(20))
        for _ in range(choice.randrange(1, 14))
    ]
    shapes = [
        tuple(choice.choice(SIZES) for _ in range(choice.randrange(4)))
        for _ in range(2)
    ]
    if any(np.prod(shape) > 20_000 for shape in shapes):
        return []
    cr.config.dtype = dtype
    x, y = (cr.tensor(rng.uniform(-1, 1, shape).astype(dtype)) for shape in shapes)
    start = rng.uniform(-1, 1, shapes[0]).astype(dtype)
    w, v = cr.parameter(start), cr.parameter(start)
    training = choice.random() < 0.6
    reference = cr.compile(step_of(program, w, training), engine="numpy")
    native = cr.compile(step_of(program, v, training), engine="native")
    try:
        expected = reference(x, y)
    except (ShapeError, BoundsError):  # of an axis without elements
        return []
    found = native(x, y)
    wrong = [
        f"result {i}: {a.shape} {a.dtype}"
        for i, (a, b) in enumerate(zip(found, expected, strict=True))
        if not agree(a.numpy(), b.numpy())
    ]
    return wrong + ([] if agree(v.array, w.array) else ["the updated variable"])


def agree(found: Any, expected: Any) -> bool:
    """Whether a value is the expected one, up to rounding in another order."""
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return False
    if found.dtype.kind != "f":
        return bool(np.array_equal(found, expected))
    close = 3e-4 if found.dtype.itemsize == 4 else 1e-6
    return bool(np.allclose(found, expected, rtol=close, atol=close, equal_nan=True))


def main(count: int) -> int:
    """Runs so many programs; answers how many differ."""
    cr.config.debug = True  # every load and store is checked
    failures = 0
    for seed in range(count):
        wrong = differences(seed)
        if wrong:
            failures += 1
            sys.stdout.write(f"seed {seed}: {', '.join(wrong)}\n")
    sys.stdout.write(f"{count} programs, {failures} differ\n")
    return failures


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)))
