"""Every primitive: what it declares, what it computes on each engine, its gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import tree
from chainrule.compiler.registry import ENGINES
from chainrule.errors import DTypeError
from chainrule.ops.primitive import REGISTRY
from tests.contracts.primitives import RULELESS, all_samples
from tests.contracts.samples import Array, Sample, node_of

SAMPLES = all_samples()
DTYPES = {"f": ("float32", "float64"), "i": ("int32", "int64"), "u": ("uint8",),
          "b": ("bool",)}  # fmt: skip

each_sample = pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param(name, sample, id=f"{name}-{number}-{sample.label}")
        for name, samples in SAMPLES.items()
        for number, sample in enumerate(samples)
    ],
)


def leaves(result: Any) -> list[Any]:
    """The tensors of a result."""
    return tree.flatten(result)[0]


def variants(sample: Sample) -> list[tuple[Array, ...]]:
    """The operands in every dtype that the operation takes."""
    found = [sample.arrays]
    for kind in sample.kinds:
        for dtype in DTYPES[kind]:
            if kind in "ub" and any(
                (sample.arrays[i] < 0).any() for i in sample.casting
            ):
                arrays = [
                    np.abs(a) if a.dtype.kind == "f" else a for a in sample.arrays
                ]
            else:
                arrays = list(sample.arrays)
            for place in sample.casting:
                arrays[place] = arrays[place].astype(dtype)
            found.append(tuple(arrays))
    return found


def agree(result: Any, declared: Any, expected: Any) -> None:
    """The declared shape and dtype are the computed ones, and the value is NumPy's."""
    value = np.asarray(result.numpy())
    assert (value.shape, value.dtype) == (declared.shape, declared.dtype)
    if expected is None:
        return
    expected = np.asarray(expected)
    assert value.shape == expected.shape
    if value.dtype.kind == "f":
        close = {"float32": 2e-6, "float64": 1e-13}[str(value.dtype)]
        np.testing.assert_allclose(value, expected, rtol=close, atol=close)
    else:
        np.testing.assert_array_equal(value, expected.astype(value.dtype))


def test_every_primitive_has_samples() -> None:
    assert set(SAMPLES) == set(REGISTRY)
    assert all(SAMPLES.values())


def test_primitives_without_a_rule_are_those_without_a_derivative() -> None:
    assert {p.name for p in REGISTRY.values() if p.backward is None} == set(RULELESS)


def test_every_primitive_says_in_a_line_what_it_is() -> None:
    assert all(p.summary and "\n" not in p.summary for p in REGISTRY.values())


@each_sample
def test_a_sample_uses_its_primitive(name: str, sample: Sample) -> None:
    graph = cr.trace(sample.call, *sample.arrays)
    assert name in {node.op.name for node in graph.operations}


def reference(sample: Sample, arrays: tuple[Array, ...], results: Any) -> list[Any]:
    """NumPy's answer, in float64 where integers become floats (its may be float16)."""
    if sample.expected is None:
        return [None] * len(results)
    if results[0].dtype.kind == "f" and all(a.dtype.kind in "iub" for a in arrays):
        arrays = tuple(each.astype(np.float64) for each in arrays)
    with np.errstate(all="ignore"):
        found = sample.expected(*arrays)
    return list(found) if isinstance(found, tuple) else [found]


def check_values(prepare: Callable[[Any], Any], samples: Sequence[Sample]) -> None:
    """Every variant of every sample, in one call of the prepared function."""
    cases = [(each, arrays) for each in samples for arrays in variants(each)]

    def everything(arguments: Any) -> Any:
        pairs = zip(cases, arguments, strict=True)
        return [leaves(sample.call(*given)) for (sample, _), given in pairs]

    declared = cr.trace(everything, [arrays for _, arrays in cases]).outputs
    given = [[node_of(each) for each in arrays] for _, arrays in cases]
    answers = prepare(everything)(given)
    nodes = iter(declared)
    for (sample, arrays), results in zip(cases, answers, strict=True):
        expected = reference(sample, arrays, results)
        for result, value in zip(results, expected, strict=True):
            agree(result, next(nodes), value)


@each_sample
def test_declared_computed_and_numpy_agree(name: str, sample: Sample) -> None:
    check_values(lambda call: call, [sample])


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_compiled_declared_computed_and_numpy_agree(name: str, engine: str) -> None:
    """All samples of an operation in one program."""
    cr.config.debug = True
    check_values(lambda call: cr.compile(call, engine=engine), SAMPLES[name])


@pytest.mark.parametrize(
    ("name", "dtypes"),
    [
        *((name, ["bool"]) for name in ("negative", "sign")),
        *((name, ["bool", "bool"]) for name in (
            "subtract", "power", "remainder", "floor_divide", "matmul")),
        *((name, ["uint64", "int64"]) for name in (
            "add", "multiply", "maximum", "less", "equal", "matmul")),
        ("where", ["int64", "float32", "float32"]),
        ("normal_index", ["float32"]),
        ("take", ["float32", "float32"]),
        ("take_along_axis", ["float32", "bool"]),
        ("overlap_add", ["bool"]),
        ("random_bits", ["int64"]),
        ("next_state", ["float32"]),
    ],
)  # fmt: skip
def test_a_dtype_that_is_not_taken_is_an_error_that_names_the_operation(
    name: str, dtypes: list[str]
) -> None:
    params: dict[str, dict[str, Any]] = {
        "normal_index": {"size": 2, "what": "normal_index"},
        "take": {"axis": 0},
        "take_along_axis": {"axis": 0},
        "overlap_add": {"size": (4,), "stride": (1,), "dilation": (1,)},
        "random_bits": {"shape": (2,)},
    }
    operands = [node_of(np.ones((4, 4), dtype)) for dtype in dtypes]
    call = getattr(cr, name) if name in ("where", "matmul") else REGISTRY[name]
    with pytest.raises(DTypeError, match=name):
        call(*operands, **params.get(name, {}))
    with pytest.raises(DTypeError, match=name):
        cr.trace(lambda *xs: call(*xs, **params.get(name, {})), *operands)


@each_sample
def test_gradients_agree_with_finite_differences_to_second_order(
    name: str, sample: Sample
) -> None:
    if not sample.differentiable:
        assert name in RULELESS or sample.order == 0
        return
    fixed = [node_of(each) for each in sample.arrays]

    def of_floats(*chosen: Any) -> Any:
        arguments: list[Any] = list(fixed)
        for place, each in zip(sample.differentiable, chosen, strict=True):
            arguments[place] = each
        return sample.call(*arguments)

    points = [sample.arrays[place] for place in sample.differentiable]
    cr.check_gradients(of_floats, *points, order=sample.order)


@pytest.mark.parametrize("name", sorted(RULELESS))
def test_no_gradient_flows_through_a_primitive_without_a_rule(name: str) -> None:
    sample = SAMPLES[name][-1]
    given = [node_of(each) for each in sample.arrays]
    result = leaves(sample.call(*given))[0]
    if result.dtype.kind != "f" or any(each.dtype.kind != "f" for each in given):
        return
    grads = cr.backprop((result * 1.0).sum() + sum(each.sum() for each in given))
    for each in given:
        np.testing.assert_array_equal(grads[each].numpy(), np.ones(each.shape))
