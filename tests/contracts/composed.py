"""Samples of the public functions of ``chainrule.ops`` that are not primitives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from tests.contracts.samples import (
    LAYOUTS,
    Array,
    Sample,
    Values,
    along_axis,
    binary,
    laid_out,
    reductions,
    unary,
)


def exp_sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """ln Σ eˣ, as it is written."""
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def shares(x: Array, axis: int = -1) -> Array:
    """softmax, as it is written."""
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def elementwise() -> dict[str, list[Sample]]:
    """Activations and other functions of one element."""
    bounds = {"away": (0.0, -1.0, 1.0)}
    return {
        "square": list(unary(cr.square, np.square)),
        "log_sigmoid": list(unary(cr.log_sigmoid, lambda x: -np.log1p(np.exp(-x)),
                                  kinds="f")),
        "leaky_relu": list(unary(lambda x: cr.leaky_relu(x, 0.1),
                                 lambda x: np.where(x > 0, x, 0.1 * x), away=(0.0,))),
        "elu": list(unary(lambda x: cr.elu(x, 0.7),
                          lambda x: np.where(x > 0, x, 0.7 * np.expm1(1.0 * x)),
                          away=(0.0,), order=1, kinds="f")),
        "silu": list(unary(cr.silu, lambda x: x / (1 + np.exp(-1.0 * x)))),
        "clip": [
            *unary(lambda x: cr.clip(x, -1.0, 1.0), lambda x: np.clip(x, -1, 1),
                   kinds="f", **bounds),
            *unary(lambda x: cr.clip(x, low=1), lambda x: np.clip(x, 1, None),
                   kinds="fi", **bounds),
            *unary(lambda x: cr.clip(x, high=1), lambda x: np.clip(x, None, 1),
                   kinds="fi", **bounds),
        ],
    }  # fmt: skip


def powers() -> list[Sample]:
    """xⁿ for the exponents that are rewritten, and for those that are not."""
    values = Values(1300, 0.3)
    found = [
        Sample(
            lambda x, n=n: x**n,
            (values((2, 3)),),
            lambda x, n=n: np.power(x, n),
            "fiu" if isinstance(n, int) and n >= 0 else "f",
            label=str(n),
        )
        for n in (0, 1, 2, 3, 4, 0.5, 1.5, -1, -2, -0.5)
    ]
    found += unary(lambda x: cr.power(2.0, x), lambda x: np.power(2.0, x), kinds="f")
    found += binary(cr.power, np.power, low=(0.2, -2.0), kinds="f")
    return found


def statistics() -> dict[str, list[Sample]]:
    """Reductions that are made of others."""

    def squares(x: Array, axis: Any, keepdims: bool) -> Array:
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))

    def spread(function: Any) -> Any:
        return lambda x, axis, keepdims: function(x, axis=axis, keepdims=keepdims)

    return {
        "mean": list(reductions(cr.mean, np.mean, empty=False)),
        "var": list(reductions(cr.var, spread(np.var), empty=False)),
        "std": [
            *along_axis(cr.std, lambda x, axis: np.std(x, axis), empty=False, order=0),
            *(
                Sample(lambda x: cr.std(x, 1, ddof=1), (Values(7)((3, 5)),),
                       lambda x: np.std(x, 1, ddof=1), "fi"),
            ),
        ],
        "norm": list(reductions(cr.norm, squares, empty=True, kinds="f", low=0.2)),
        "logsumexp": list(reductions(cr.logsumexp, exp_sum, empty=False)),
        "any": list(reductions(cr.any, np.any, empty=True, order=0)),
        "all": list(reductions(cr.all, np.all, empty=True, order=0)),
        "softmax": list(along_axis(cr.softmax, shares, empty=False)),
        "log_softmax": list(
            along_axis(cr.log_softmax, lambda x, axis: np.log(shares(x, axis)),
                       empty=False)
        ),
        "cumprod": list(along_axis(cr.cumprod, np.cumprod)),
        "sort": list(along_axis(cr.sort, np.sort)),
    }  # fmt: skip


def shaped(
    call: Callable[..., Any],
    expected: Callable[..., Any],
    *shapes: tuple[int, ...],
    kinds: str = "fiub",
    order: int = 2,
) -> list[Sample]:
    """Samples of one call on operands of several shapes and layouts."""
    values = Values(1000)
    found = [Sample(call, (values(s),), expected, kinds, order=order) for s in shapes]
    for layout in LAYOUTS[1:]:
        arrays = (laid_out(values(shapes[-1]), layout),)
        found.append(Sample(call, arrays, expected, kinds, order=order, label=layout))
    return found


def several(
    call: Callable[..., Any], expected: Callable[..., Any], *shapes: tuple[int, ...]
) -> Sample:
    """A sample of a function of a list of tensors."""
    values = Values(1100)
    return Sample(
        lambda *xs: call(xs),
        tuple(values(s) for s in shapes),
        lambda *xs: expected(xs),
        "fiub",
        label=str(shapes),
    )


def rearranging() -> dict[str, list[Sample]]:
    """Movement as users call it."""
    return {
        "reshape": shaped(lambda x: cr.reshape(x, (-1, 2)), lambda x: x.reshape(-1, 2),
                          (2,), (0, 2), (3, 4)),
        "transpose": [
            *shaped(cr.transpose, np.transpose, (), (0,), (2, 3, 5)),
            *shaped(lambda x: cr.transpose(x, (-1, 0)), lambda x: x.T, (2, 3)),
        ],
        "broadcast_to": shaped(lambda x: cr.broadcast_to(x, (2, 3, 4)),
                               lambda x: np.broadcast_to(x, (2, 3, 4)),
                               (), (1,), (3, 1)),
        "expand_dims": shaped(lambda x: cr.expand_dims(x, -1),
                              lambda x: np.expand_dims(x, -1), (), (0,), (2, 3)),
        "squeeze": [
            *shaped(cr.squeeze, np.squeeze, (), (1, 1), (2, 1, 3)),
            *shaped(lambda x: cr.squeeze(x, -2), lambda x: x.squeeze(-2), (2, 1, 3)),
        ],
        "swapaxes": shaped(lambda x: cr.swapaxes(x, 0, -1),
                           lambda x: np.swapaxes(x, 0, -1), (1,), (0, 2), (2, 3, 5)),
        "flip": [
            *shaped(cr.flip, np.flip, (), (0, 2), (2, 3)),
            *shaped(lambda x: cr.flip(x, -1), lambda x: np.flip(x, -1), (2, 3)),
        ],
        "pad": shaped(lambda x: cr.pad(x, [(1, 0), (0, 2)], value=3.0),
                      lambda x: np.pad(x, [(1, 0), (0, 2)], constant_values=3),
                      (1, 1), (0, 2), (2, 3), kinds="fiu"),
        "split": [
            *shaped(lambda x: tuple(cr.split(x, 3)), lambda x: tuple(np.split(x, 3)),
                    (3,), (0, 2), (6, 2)),
            *shaped(lambda x: tuple(cr.split(x, [1, 4], -1)),
                    lambda x: tuple(np.split(x, [1, 4], -1)), (5,), (2, 3)),
        ],
        "concatenate": [
            several(lambda xs: cr.concatenate(xs, -1),
                    lambda xs: np.concatenate(xs, -1), (2, 3), (2, 1), (2, 0)),
            several(cr.concatenate, np.concatenate, (4,)),
        ],
        "stack": [
            several(cr.stack, np.stack, (2, 3), (2, 3)),
            several(lambda xs: cr.stack(xs, -1), lambda xs: np.stack(xs, -1), (), ()),
        ],
    }  # fmt: skip


def selecting() -> dict[str, list[Sample]]:
    """Look-ups, and what answers several results."""
    v = Values(1200)
    index = np.array([[1, 0], [-1, 1]])
    rows: dict[str, Any] = {"cast": (0,), "kinds": "fiub"}

    def largest(x: Array, k: int, axis: int) -> tuple[Array, Array]:
        order = np.argsort(-x.astype(float), axis=axis, kind="stable")
        order = np.take(order, range(k), axis)
        return np.take_along_axis(x, order, axis), order

    return {
        "take": [
            Sample(lambda x, i: cr.take(x, i, axis=-1), (v((3, 2)), index),
                   lambda x, i: np.take(x, i, -1), **rows),
        ],
        "take_along_axis": [
            Sample(lambda x, i: cr.take_along_axis(x, i, axis=0), (v((3, 2)), index),
                   lambda x, i: np.take_along_axis(x, i, 0), **rows),
        ],
        "scatter_add": [
            Sample(lambda x, i: cr.scatter_add(x, i, 4), (v((2, 2, 3)), index),
                   lambda x, i: np.stack([x[i % 4 == j].sum(0) for j in range(4)]),
                   cast=(0,), kinds="fi"),
        ],
        "put": [
            Sample(lambda x, u: cr.put(x, [[2, -1], [1, 0]], u, axis=-1),
                   (v((3, 4)), v((3, 2, 2))),
                   lambda x, u: u.reshape(3, 4)[:, [3, 2, 0, 1]], kinds="fiub"),
        ],
        "top_k": [
            Sample(lambda x, k=k, a=axis: cr.top_k(x, k, a), (v(shape),),
                   lambda x, k=k, a=axis: largest(x, k, a), "fiu")
            for shape, k, axis in [((7,), 3, 0), ((2, 5), 5, -1), ((3, 2), 0, 0)]
        ],
        "one_hot": [
            Sample(lambda i: cr.one_hot(i, 4), (np.array(labels, np.int64),),
                   lambda i: np.eye(4)[i.astype(int)], "", order=0)
            for labels in ([0, 3, 1], [[2], [2]], 1)
        ],
        "outer": [Sample(cr.outer, (v((n,)), v((m,))), np.outer, "fiu")
                  for n, m in [(1, 1), (3, 2), (0, 4)]],
        "matmul": [
            Sample(cr.matmul, (v(a), v(b)), np.matmul, "fiu", label=f"{a} {b}")
            for a, b in [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 5)), ((0,), (0,)),
                         ((4, 2, 3), (3,)), ((3,), (4, 3, 2))]
        ],
        "where": [
            Sample(lambda x: cr.where(x > 0, x, 0.5), (v((3, 2)),),
                   lambda x: np.where(x > 0, x, 0.5), "f")
        ],
    }  # fmt: skip


def all_samples() -> dict[str, list[Sample]]:
    """Public name → samples of the function of that name."""
    found: dict[str, list[Sample]] = {
        **elementwise(),
        "power": powers(),
        **statistics(),
        **rearranging(),
        **selecting(),
    }
    for name in ("sum", "prod", "max", "min", "argmax", "argmin", "cumsum", "argsort"):
        found[name] = []  # in the table of primitives, called by their public names
    return found
