"""Whatever machine code depends on is in the fingerprint of a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.engines.native.plan import kernels
from chainrule.engines.native.plan.calls import Call
from chainrule.engines.native.plan.carries import CarrySlot, CarrySlots
from chainrule.engines.native.plan.convolution_spec import Axis, Correlation, Phase
from chainrule.engines.native.plan.fingerprint import IRRELEVANT, fingerprint
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernel_gradient_spec import KernelGradient
from chainrule.engines.native.plan.views import View
from chainrule.ops.control import Split

F32, I64 = np.dtype("float32"), np.dtype("int64")
CALL = Call("add", {"size": 3, "what": "x"}, (F32, F32), F32)
ACCESS = kernels.Access(1, (4, 1), 2, F32)
VIEW = View(1, (2, 3, 4), (12, 4, 1), 5)
STEP = kernels.Step(CALL, (ACCESS, kernels.Local(0)))
FUSED = ((2, 3), frozenset({1}), [STEP], [(0, ACCESS)])
AXIS = Axis(4, 3, 1, 1, 1, 4)
CORRELATION = Correlation(
    2, 1, 3, 4, (Phase((AXIS,), 0, ((0, 1, 2),)),), (12, 3), (16, 4), F32
)
GRADIENT = KernelGradient(2, 1, 3, 4, (AXIS,), (12, 3), (16, 4), F32)
WHOLE = (((0, (2, 3)),), ((1, (2, 3)),))
NODE = cr.tensor([1.0])
CARRIED = CarrySlots((CarrySlot("turns"),), ())
SCHEDULE = kernels.Schedule(
    [kernels.Sweep(*FUSED)], {0: kernels.Buffer("input", 0, F32, 6)}, [0], []
)
SAMPLES: tuple[Any, ...] = (
    SCHEDULE,
    SCHEDULE.buffers[0],
    CALL,
    ACCESS,
    VIEW,
    STEP,
    AXIS,
    CORRELATION,
    CORRELATION.phases[0],
    GRADIENT,
    kernels.Local(1),
    kernels.Immediate(1.0, F32),
    kernels.Coordinate((1, 0), 2),
    Split(1, 2, 3),
    kernels.Sweep(*FUSED),
    kernels.Product(*FUSED, VIEW, VIEW),
    kernels.Convolution(*FUSED, VIEW, VIEW, CORRELATION, False),
    kernels.Check(*WHOLE, 5, -5),
    kernels.Cumsum(*WHOLE, 0),
    kernels.ArgSort(*WHOLE, 0),
    kernels.Put(*WHOLE, 0),
    kernels.ScatterAdd(*WHOLE, 0, 5),
    kernels.ScatterAlong(*WHOLE, 0, 5),
    kernels.RandomBits(*WHOLE),
    kernels.RandomUniform(*WHOLE),
    kernels.NextState(*WHOLE),
    kernels.OverlapAdd(*WHOLE, (1, 1), (1, 1), (0, 0), F32, (2, 3, 4), (STEP,)),
    kernels.ConvolutionGradient(*WHOLE, GRADIENT, (0, 1)),
    kernels.Scan(
        *WHOLE,
        SCHEDULE,
        Split(1, 1, 1),
        4,
        False,
        CarrySlots((CarrySlot("turns"),), ()),
        0,
    ),
    kernels.Callback(*WHOLE, NODE),
)


def other(value: Any) -> Any:
    """Another value of the same sort."""
    match value:
        case bool():
            return not value
        case Enum():
            members: list[Any] = list(type(value))
            return members[value is members[0]]
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case np.dtype():
            return I64 if value == F32 else F32
        case dict():
            return {**value, 99: 1}
        case frozenset():
            return value | {99}
        case list():
            return [*value, 99]
        case CarrySlots():
            return CarrySlots(value.carries, (*value.written, 1))
        case tuple():
            return (*value, 99)
    if is_dataclass(value):
        first = fields(value)[0].name
        return replace(value, **{first: other(getattr(value, first))})  # type: ignore[type-var]
    return None


def concrete(kind: type) -> Iterator[type]:
    """The classes that have no further subclasses."""
    if not kind.__subclasses__():
        yield kind
    for each in kind.__subclasses__():
        yield from concrete(each)


def dataclasses_in(value: Any) -> Iterator[type]:
    """The classes of all dataclasses that a value is made of."""
    if is_dataclass(value):
        yield type(value)
        for each in fields(value):
            yield from dataclasses_in(getattr(value, each.name))
    elif isinstance(value, dict):
        yield from dataclasses_in([*value.values()])
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from dataclasses_in(each)


def test_there_is_a_sample_of_every_class() -> None:
    sampled = {type(each) for each in SAMPLES}
    assert {*concrete(kernels.Fused), *concrete(kernels.Special)} <= sampled
    assert set(dataclasses_in(SAMPLES)) <= sampled


FIELDS = [(sample, each.name) for sample in SAMPLES for each in fields(sample)]


@pytest.mark.parametrize(
    ("sample", "field"), FIELDS, ids=[f"{type(s).__name__}.{f}" for s, f in FIELDS]
)
def test_another_value_of_a_field_is_another_fingerprint(
    sample: Any, field: str
) -> None:
    changed = replace(sample, **{field: other(getattr(sample, field))})
    same = fingerprint(changed) == fingerprint(sample)
    assert same == ((type(sample).__name__, field) in IRRELEVANT)


def test_every_exception_is_a_field_and_has_a_reason() -> None:
    names = {(type(sample).__name__, field) for sample, field in FIELDS}
    assert IRRELEVANT.keys() <= names
    assert all(IRRELEVANT.values())


def test_kinds_with_equal_fields_differ() -> None:
    found = {fingerprint(kind(*WHOLE, 0)) for kind in (
        kernels.Cumsum, kernels.ArgSort, kernels.Put
    )}  # fmt: skip
    assert len(found) == 3


def test_numbers_that_compare_equal_differ() -> None:
    numbers = [0.0, -0.0, 0, False]
    found = {fingerprint(kernels.Immediate(each, F32)) for each in numbers}
    assert len(found) == len(numbers)


def test_what_cannot_be_read_in_full_is_refused() -> None:
    for value in (np.zeros(3), object()):
        call = Call("add", {"array": value}, (F32,), F32)
        with pytest.raises(TypeError, match="not read in full"):
            fingerprint(call)


def test_the_same_program_planned_twice_has_the_same_fingerprint() -> None:
    def f(x: Any, w: Any) -> Any:
        return cr.softmax(cr.tanh(x @ w)).sum(0)

    x, w = np.ones((8, 32), np.float32), np.ones((32, 16), np.float32)
    first, second, wider = (
        fuse(plan(run_passes(cr.trace(f, x, each)))).fingerprint()
        for each in (w, w, np.ones((32, 17), np.float32))
    )
    assert first == second != wider
