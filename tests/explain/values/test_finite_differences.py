"""Finite differences inside a graph, and the sums that they stand beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.values.chain_rule_sums import Ledger
from chainrule.graph import in_order

RNG = np.random.default_rng(0)


def leaf(*shape: int, dtype: Any = np.float32) -> Any:
    return cr.tensor(RNG.uniform(0.3, 1.5, shape).astype(dtype))


def recurrent() -> Any:
    w = leaf()
    last, hs = cr.scan(lambda h, x: (cr.tanh(w * h + x), h * x), leaf(2), leaf(4, 2))
    return (last * last).sum() + hs.mean()


GRAPHS: dict[str, Callable[[], Any]] = {
    "products and shared nodes": lambda: (lambda x: (x * x + cr.exp(x)).sum())(leaf(3)),
    "matrix product": lambda: cr.tanh(leaf(2, 3) @ leaf(3, 2)).sum(),
    "broadcasting": lambda: ((leaf(4, 1) - leaf(3)) ** 2).mean(),
    "softmax": lambda: (cr.log_softmax(leaf(2, 3)) * leaf(2, 3)).sum(),
    "division and logarithm": lambda: (cr.log(leaf(3)) / leaf(3)).sum(),
    "movement": lambda: cr.concatenate([leaf(2, 2).T, leaf(1, 2)])[1:].prod(),
    "indexing": lambda: (cr.take(leaf(4), [1, 1, 3]) * leaf(3)).sum(),
    "casts": lambda: (leaf(3).astype("float64") * leaf(3).astype("float64")).sum(),
    "scan": recurrent,
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_derivative_agrees_with_its_finite_difference(
    graph: Callable[[], Any],
) -> None:
    found = cr.explain(graph())
    checked = 0
    for node in found.nodes:
        if not found.has_gradient(node):
            continue
        gradient = found.gradient(node).reshape(-1)
        for entry in range(min(3, gradient.size)):
            difference = found.difference(node, entry)
            assert difference.value == pytest.approx(
                gradient[entry], rel=2e-4, abs=2e-6
            )
            assert difference.verdict(float(gradient[entry]))[1]
            checked += 1
    assert checked > 3


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_terms_of_each_sum_add_up_to_the_gradient(graph: Callable[[], Any]) -> None:
    root = graph()
    ledger = Ledger(in_order([root]), root)
    for node in ledger.nodes:
        gradient, terms = ledger.gradient(node), ledger.terms(node)
        if gradient is None or not terms:
            continue
        total = sum(term.part.astype(np.float64) for term in terms)
        np.testing.assert_allclose(total, gradient, rtol=1e-5, atol=1e-7)
        for term in terms:
            factors = ledger.factors(term.user, node)
            if factors is not None and term.gradient is not None:
                product = term.gradient.reshape(-1) @ factors
                np.testing.assert_allclose(
                    product, term.part.reshape(-1), rtol=1e-5, atol=1e-7
                )


def test_a_kink_is_called_a_kink() -> None:
    x = cr.tensor(0.0)
    y = cr.relu(x)
    difference = cr.explain(y).difference("x")
    assert difference.kink and difference.value == pytest.approx(0.5)
    assert "a kink: the slopes on both sides differ" in cr.explain(y)["x"]


def test_a_stopped_gradient_stops_the_difference_too() -> None:
    x = cr.tensor(2.0)
    y = x * cr.stop_gradient(x)
    assert cr.explain(y).difference("x").value == pytest.approx(2.0)


def test_a_very_small_value_gets_a_step_of_its_own_size() -> None:
    x = cr.tensor(1e-9, dtype="float64")
    y = cr.log(x)
    difference = cr.explain(y).difference("x")
    assert difference.value == pytest.approx(1e9, rel=1e-4)
    assert difference.step < 1e-9


def test_random_numbers_keep_their_values() -> None:
    x = cr.tensor([1.0, 2.0, 3.0])
    noise = cr.random.Generator(1).uniform((3,))
    found = cr.explain((x * noise).sum())
    assert found.difference("x", 2).value == pytest.approx(noise.numpy()[2], rel=1e-5)


def test_a_wrong_gradient_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.ops.primitive import REGISTRY

    tanh = REGISTRY["tanh"]
    monkeypatch.setattr(tanh, "backward", lambda g, y, x: (g * (1.0 + y * y),))
    x = cr.tensor(0.5)
    y = cr.tanh(x)
    found = cr.explain(y)
    verdict = found.difference("x").verdict(float(found.gradient("x")))
    assert verdict == ("differs", False)
    assert "differs" in found.html()
