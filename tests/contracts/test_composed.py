"""Every public function of tensors: values, declarations, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.registry import ENGINES
from chainrule.ops.primitive import Primitive
from tests.contracts import arrays, composed, primitives
from tests.contracts.samples import Sample, node_of
from tests.contracts.test_primitives import check_values, leaves

SAMPLES = composed.all_samples()
for name, samples in arrays.all_samples().items():
    SAMPLES[name] = [*SAMPLES.get(name, []), *samples]

#: Where functions of tensors live.
ROOMS = ("chainrule.ops", "chainrule.arrays")

#: Functions of ``ops`` that make tensors from nothing, tested in test_tensor, and those
#: that prepare the arguments of a primitive in the other table: loops and windows.
ELSEWHERE = {"arange", "eye", "full", "ones", "zeros", "scan"}
ELSEWHERE |= {"convolution", "convolution_transposed", "windows", "overlap_add"}
#: Whose shapes depend on values, so that they are not traced: tests/test_arrays.
ELSEWHERE |= {"argwhere", "bincount", "flatnonzero", "nonzero", "unique"}

each_sample = pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param(name, sample, id=f"{name}-{number}-{sample.label}")
        for name, samples in SAMPLES.items()
        for number, sample in enumerate(samples)
    ],
)


def test_every_public_function_of_tensors_is_in_a_table() -> None:
    of_tensors = {
        name
        for name in cr.__all__
        if getattr(getattr(cr, name), "__module__", "").startswith(ROOMS)
        and not isinstance(getattr(cr, name), Primitive)
        and callable(getattr(cr, name))
    }
    public_primitives = {
        getattr(cr, name).name
        for name in cr.__all__
        if isinstance(getattr(cr, name), Primitive)
    }
    assert of_tensors - set(SAMPLES) - ELSEWHERE == set()
    assert set(SAMPLES) <= of_tensors
    assert public_primitives <= set(primitives.all_samples())


@each_sample
def test_declared_computed_and_numpy_agree(name: str, sample: Sample) -> None:
    check_values(lambda call: call, [sample])


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_compiled_declared_computed_and_numpy_agree(name: str, engine: str) -> None:
    """All samples of an operation in one program."""
    cr.config.debug = True
    check_values(lambda call: cr.compile(call, engine=engine), SAMPLES[name])


@each_sample
def test_gradients_agree_with_finite_differences(name: str, sample: Sample) -> None:
    if not sample.differentiable:
        assert sample.order == 0
        return
    fixed = [node_of(each) for each in sample.arrays]

    def of_floats(*chosen: Any) -> Any:
        arguments: list[Any] = list(fixed)
        for place, each in zip(sample.differentiable, chosen, strict=True):
            arguments[place] = each
        return [each for each in leaves(sample.call(*arguments)) if each.dtype == float]

    points = [sample.arrays[place] for place in sample.differentiable]
    cr.check_gradients(of_floats, *points, order=sample.order)


@pytest.mark.parametrize("function", [cr.norm, cr.std])
def test_a_root_has_gradient_zero_where_its_argument_is_zero(function: Any) -> None:
    x = cr.zeros(3)
    assert function(x).item() == 0.0
    np.testing.assert_array_equal(cr.grad(function)(x).numpy(), np.zeros(3))


def test_top_k_and_argmax_answer_the_first_of_equal_elements() -> None:
    x = cr.tensor([1.0, 3.0, 3.0, 2.0, 3.0])
    assert cr.top_k(x, 4)[1].numpy().tolist() == [1, 2, 4, 3]
    assert cr.argmax(x).item() == 1
    assert cr.argmin(-x).item() == 1
    assert cr.argsort(x).numpy().tolist() == [0, 3, 1, 2, 4]


def test_equal_elements_share_the_gradient_of_max() -> None:
    x = cr.tensor([[2.0, 5.0, 5.0], [1.0, 1.0, 1.0]])
    g = cr.grad(lambda x: cr.max(x, axis=1).sum())(x)
    np.testing.assert_allclose(g.numpy(), [[0, 0.5, 0.5], [1 / 3] * 3], rtol=1e-6)
