"""``linalg``, ``einsum`` and ``tensordot``: values, declarations, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.registry import ENGINES
from tests.contracts.linear_algebra import functions
from tests.contracts.samples import Sample, node_of
from tests.contracts.test_primitives import check_values, leaves

SAMPLES = functions()

each_sample = pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param(name, sample, id=f"{name}-{number}-{sample.label}")
        for name, samples in SAMPLES.items()
        for number, sample in enumerate(samples)
    ],
)


def test_every_public_function_is_in_the_table() -> None:
    assert set(SAMPLES) == {*cr.linalg.__all__, "einsum", "tensordot"}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_declared_computed_and_numpy_agree(name: str) -> None:
    check_values(lambda call: call, SAMPLES[name])


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_compiled_declared_computed_and_numpy_agree(name: str, engine: str) -> None:
    """All samples of a function in one program."""
    cr.config.debug = True
    check_values(lambda call: cr.compile(call, engine=engine), SAMPLES[name])


@each_sample
def test_gradients_agree_with_finite_differences(name: str, sample: Sample) -> None:
    if sample.order == 0:
        return

    def of_floats(*arguments: Any) -> Any:
        return [each for each in leaves(sample.call(*arguments)) if each.dtype == float]

    cr.check_gradients(of_floats, *sample.arrays, order=sample.order)


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_compiled_gradients_are_those_of_eager_mode(name: str, engine: str) -> None:
    """First and second derivatives of the first sample."""
    chosen = [each for each in SAMPLES[name] if each.order == 2][:1]

    def first(arrays: Any) -> Any:
        return cr.grad(loss)(arrays)

    def loss(arrays: Any) -> Any:
        pairs = zip(chosen, arrays, strict=True)
        results = [leaves(sample.call(*given)) for sample, given in pairs]
        return sum(cr.sin(x).sum() for each in results for x in each)

    def second(arrays: Any) -> Any:
        def slope(arrays: Any) -> Any:
            return sum(cr.cos(g).sum() for each in first(arrays) for g in each)

        return cr.grad(slope)(arrays)

    if not chosen:
        return
    arrays = [[node_of(each) for each in sample.arrays] for sample in chosen]
    for derivative in (first, second):
        found = leaves(cr.compile(derivative, engine=engine)(arrays))
        for ours, eager in zip(found, leaves(derivative(arrays)), strict=True):
            np.testing.assert_allclose(ours.numpy(), eager.numpy(), 1e-9, 1e-9)
