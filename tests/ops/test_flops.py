"""Floating-point operations are counted as documented, once for every table of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops.flops import flops

X = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x @ x.T, 2 * 2 * 3 * 2),
        (lambda x: cr.exp(x), 6),
        (lambda x: x + 1.0, 6),
        (lambda x: x.sum(), 6),
        (lambda x: x.max(axis=0), 6),
        (lambda x: x.reshape(3, 2), 0),
        (lambda x: x.T, 0),
        (lambda x: x.astype("float64"), 0),
        (lambda x: x > 0, 0),
        (lambda x: cr.where(x > 0, x, 2.0), 0),
        (lambda x: cr.arange(6) + 1, 0),
        (lambda x: cr.convolution(x[None], cr.zeros((4, 2, 3))), 2 * 4 * (2 * 3)),
    ],
)
def test_an_operation_is_counted_as_documented(
    f: Callable[[Any], Any], expected: int
) -> None:
    assert flops(f(cr.tensor(X))) == expected


def test_a_loop_has_the_operations_of_its_body_for_every_step() -> None:
    graph = cr.trace(lambda xs: cr.scan(lambda h, x: (h * x, h), 1.0, xs)[0], X[0])
    assert sum(map(flops, graph.operations)) == 3


@pytest.mark.parametrize("f", [lambda x: cr.exp(x) @ x.T, lambda x: (x * x).sum(0)])
def test_a_report_of_a_compiled_function_counts_the_same(f: Any) -> None:
    graph = cr.trace(f, X)
    report = cr.compile(f, engine="numpy").explain(X)
    assert report.flops == sum(map(flops, graph.operations))
