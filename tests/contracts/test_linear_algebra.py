"""``linalg``, ``einsum`` and ``tensordot``: values, declarations, gradients."""

from __future__ import annotations

from typing import Any

import pytest

import chainrule as cr
from chainrule.compiler.registry import ENGINES
from tests.contracts.linear_algebra import functions
from tests.contracts.samples import Sample
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
