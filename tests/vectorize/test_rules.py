"""The rule of every primitive for a batch, compared with a loop over the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import tree
from chainrule.ops.primitive import REGISTRY, Kind, Primitive
from chainrule.vectorize.rules import RULES, rule_of
from tests.contracts.primitives import all_samples
from tests.contracts.samples import Array, Sample, node_of

SAMPLES = all_samples()
#: What is done for one example after the other: a state for every example is rare.
ONE_BY_ONE = {"next_state", "random_bits", "random_uniform"}
#: What ``replay`` does by itself.
LOOPS = {"scan", "project"}


def several(array: Array, count: int) -> Array:
    """Other values of the same kind, the sample's own first."""
    array = np.asarray(array)
    rng = np.random.default_rng(array.size + array.ndim)
    others = []
    for _ in range(count - 1):
        other = array
        if array.dtype.kind == "f":
            other = array * (1 + 0.02 * rng.random(array.shape))
        others.append(other)
    return np.stack([array, *others])


def permuted(array: Array) -> Array:
    """A batch whose integers are in another order in each example."""
    if array.dtype.kind != "i" or array.ndim < 2:
        return array
    rng = np.random.default_rng(0)
    return rng.permuted(array, axis=-1)


def leaves(result: Any) -> list[Any]:
    """The tensors of a result."""
    return tree.flatten(result)[0]


def test_every_primitive_has_a_rule_or_is_named_here() -> None:
    elementwise = {n for n, op in REGISTRY.items() if op.kind is Kind.ELEMENTWISE}
    assert set(RULES) | elementwise | ONE_BY_ONE | LOOPS == set(REGISTRY)
    assert not set(RULES) & (elementwise | ONE_BY_ONE | LOOPS)


def batches(sample: Sample) -> list[tuple[tuple[int | None, ...], list[Array]]]:
    """All operands in a batch, then each of several alone: (in_axes, arrays)."""
    full = [permuted(several(each, 3)) for each in sample.arrays]
    count = len(full)
    found: list[tuple[tuple[int | None, ...], list[Array]]] = [((0,) * count, full)]
    for alone in range(count) if count > 1 else ():
        axes = tuple(0 if i == alone else None for i in range(count))
        pairs = zip(full, sample.arrays, strict=True)
        given = [b if i == alone else np.asarray(a) for i, (b, a) in enumerate(pairs)]
        found.append((axes, given))
    return found


def in_a_loop(
    f: Callable[..., Any], axes: tuple[int | None, ...], arrays: list[Any]
) -> list[Array]:
    """The results of one example after the other, stacked."""
    rows = []
    for i in range(3):
        pairs = zip(axes, arrays, strict=True)
        given = [node_of(a if axis is None else a[i]) for axis, a in pairs]
        rows.append([each.numpy() for each in leaves(f(*given))])
    return [np.stack(each) for each in zip(*rows, strict=True)]


def close(found: list[Any], expected: list[Array], case: Any) -> None:
    """Equal but for rounding."""
    for result, wanted in zip(found, expected, strict=True):
        value = result.numpy()
        assert (value.shape, value.dtype) == (wanted.shape, wanted.dtype), case
        np.testing.assert_allclose(
            value, wanted, rtol=1e-9, atol=1e-11, err_msg=str(case)
        )


def some(samples: list[Sample], every: int) -> list[Sample]:
    """Every few of the samples, of which there are many."""
    return samples[::every]


def prepared(engine: str | None) -> Callable[..., Any]:
    """Eagerly, or compiled."""
    return cr.compile(engine=engine) if engine else lambda call: call


@pytest.mark.parametrize("engine", [None, "numpy", "native"])
@pytest.mark.parametrize("name", sorted(set(SAMPLES) - ONE_BY_ONE))
def test_a_primitive_for_a_batch_is_what_a_loop_computes(
    name: str, engine: str | None
) -> None:
    cr.config.debug = True
    cases = [
        (sample, axes, arrays)
        for sample in some(SAMPLES[name], 4 if engine else 1)
        for axes, arrays in batches(sample)
        if sample.arrays
    ]

    def everything(arguments: Any) -> Any:
        return [
            leaves(cr.vmap(sample.call, axes)(*given))
            for (sample, axes, _), given in zip(cases, arguments, strict=True)
        ]

    given = [[node_of(each) for each in arrays] for _, _, arrays in cases]
    answers = prepared(engine)(everything)(given)
    for (sample, axes, arrays), found in zip(cases, answers, strict=True):
        close(found, in_a_loop(sample.call, axes, arrays), (sample.label, axes))


def slopes(sample: Sample) -> Callable[..., Any]:
    """The gradient of a sum of a sample's results with uneven weights."""

    def of(*arguments: Any) -> Any:
        def number(*chosen: Any) -> Any:
            operands = list(arguments)
            for place, each in zip(sample.differentiable, chosen, strict=True):
                operands[place] = each
            total = 0.0
            for result in leaves(sample.call(*operands)):
                if result.dtype.kind == "f":
                    uneven = 0.3 + 0.1 * cr.arange(result.size, dtype=result.dtype)
                    squares = result * result * uneven.reshape(result.shape)
                    total = total + squares.sum()
            return total

        chosen = [arguments[place] for place in sample.differentiable]
        return cr.grad(number, tuple(range(len(chosen))))(*chosen)

    return of


@pytest.mark.parametrize("engine", [None, "native"])
@pytest.mark.parametrize(
    "name", sorted(n for n in SAMPLES if any(s.differentiable for s in SAMPLES[n]))
)
def test_the_gradients_of_a_batch_are_those_of_a_loop(
    name: str, engine: str | None
) -> None:
    cases = [
        (sample, axes, arrays)
        for sample in some(
            [s for s in SAMPLES[name] if s.differentiable], 4 if engine else 2
        )
        for axes, arrays in batches(sample)
    ]

    def everything(arguments: Any) -> Any:
        return [
            leaves(cr.vmap(slopes(sample), axes)(*given))
            for (sample, axes, _), given in zip(cases, arguments, strict=True)
        ]

    given = [[node_of(each) for each in arrays] for _, _, arrays in cases]
    answers = prepared(engine)(everything)(given)
    for (sample, axes, arrays), found in zip(cases, answers, strict=True):
        close(found, in_a_loop(slopes(sample), axes, arrays), (sample.label, axes))


def test_a_primitive_of_users_is_done_for_one_example_after_the_other() -> None:
    cumulative = Primitive(
        "test_cummax",
        "the largest so far",
        lambda x: (x.shape, x.dtype),
        np.maximum.accumulate,
        kind=Kind.ORDERED,
    )
    try:
        x = np.random.default_rng(0).random((3, 5))
        found = cr.vmap(cumulative)(x).numpy()
        np.testing.assert_array_equal(found, np.maximum.accumulate(x, axis=1))
        assert rule_of(cumulative).__name__ == "one_by_one"
    finally:
        del REGISTRY["test_cummax"]
