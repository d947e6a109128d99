"""The grammar of schedules finds what a pass has done wrong, and names the pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.config import config
from chainrule.engines.native.plan import finish
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import (
    Access,
    Local,
    Product,
    Schedule,
    Scope,
    Special,
    Step,
    Sweep,
)
from chainrule.engines.native.plan.verify import InvalidSchedule, verify

X = np.ones((8, 32), np.float32)
W = np.ones((32, 16), np.float32)


def dense(x: Any, w: Any) -> Any:
    return cr.cumsum(cr.softmax(cr.tanh(x @ w)), 0)


def planned() -> Schedule:
    """A product with tanh, a sweep over rows, and a special kernel."""
    schedule = fuse(plan(run_passes(cr.trace(dense, X, W))))
    product, sweep, special = schedule.kernels
    assert isinstance(product, Product)
    assert isinstance(sweep, Sweep)
    assert isinstance(special, Special)
    return schedule


def changed(schedule: Schedule, number: int, **fields: Any) -> Schedule:
    """The schedule with another kernel in this place."""
    kernels = list(schedule.kernels)
    kernels[number] = replace(kernels[number], **fields)
    return replace(schedule, kernels=kernels)


def with_access(schedule: Schedule, **fields: Any) -> Schedule:
    """What the sweep reads, read otherwise."""
    sweep = schedule.kernels[1]
    assert isinstance(sweep, Sweep)

    def change(argument: Any) -> Any:
        return replace(argument, **fields) if isinstance(argument, Access) else argument

    steps = [step.mapped(change) for step in sweep.steps]
    return changed(schedule, 1, steps=steps)


def dropped(schedule: Schedule) -> Schedule:
    return replace(schedule, kernels=schedule.kernels[1:])


def out_of_order(schedule: Schedule) -> Schedule:
    return replace(schedule, kernels=schedule.kernels[::-1])


def without_a_result(schedule: Schedule) -> Schedule:
    return replace(schedule, kernels=schedule.kernels[:-1])


def of_another_dtype(schedule: Schedule) -> Schedule:
    return with_access(schedule, dtype=np.dtype("float64"))


def out_of_bounds(schedule: Schedule) -> Schedule:
    return with_access(schedule, offset=1)


def before_its_buffer(schedule: Schedule) -> Schedule:
    return with_access(schedule, offset=-1)


def without_a_buffer(schedule: Schedule) -> Schedule:
    return with_access(schedule, buffer=1000)


def of_too_few_axes(schedule: Schedule) -> Schedule:
    return with_access(schedule, strides=(1,))


def with_a_factor_beyond_its_buffer(schedule: Schedule) -> Schedule:
    product = schedule.kernels[0]
    assert isinstance(product, Product)
    return changed(schedule, 0, b=replace(product.b, offset=1))


def of_a_later_step(schedule: Schedule) -> Schedule:
    product = schedule.kernels[0]
    assert isinstance(product, Product)
    first, *rest = product.steps
    wrong = [replace(each, arguments=(Local(len(rest)),)) for each in rest]
    return changed(schedule, 0, steps=[first, *wrong])


def of_a_column(schedule: Schedule) -> Schedule:
    sweep = schedule.kernels[1]
    assert isinstance(sweep, Sweep)
    first, *rest = sweep.steps
    wrong = replace(first, scope=Scope.COLUMN_REDUCTION)
    return changed(schedule, 1, steps=[wrong, *rest])


def of_a_point_for_a_row(schedule: Schedule) -> Schedule:
    sweep = schedule.kernels[1]
    assert isinstance(sweep, Sweep)
    steps = [
        replace(each, scope=Scope.ROW) if each.scope is Scope.POINT else each
        for each in sweep.steps[-1:]
    ]
    return changed(schedule, 1, steps=[*sweep.steps[:-1], *steps])


def without_arguments(schedule: Schedule) -> Schedule:
    sweep = schedule.kernels[1]
    assert isinstance(sweep, Sweep)
    steps = [Step(each.call, ()) for each in sweep.steps]
    return changed(schedule, 1, steps=steps)


def that_is_not_there(schedule: Schedule) -> Schedule:
    sweep = schedule.kernels[1]
    assert isinstance(sweep, Sweep)
    return changed(schedule, 1, stores=[(99, sweep.stores[0][1])])


def written_by_many_points(schedule: Schedule) -> Schedule:
    sweep = schedule.kernels[1]
    assert isinstance(sweep, Sweep)
    number, access = sweep.stores[0]
    return changed(schedule, 1, stores=[(number, replace(access, strides=(1, 1)))])


def over_an_input(schedule: Schedule) -> Schedule:
    sweep = schedule.kernels[1]
    assert isinstance(sweep, Sweep)
    number, access = sweep.stores[0]
    return changed(schedule, 1, stores=[(number, replace(access, buffer=0))])


def of_another_size(schedule: Schedule) -> Schedule:
    special = schedule.kernels[2]
    assert isinstance(special, Special)
    ((buffer, _),) = special.inputs
    return changed(schedule, 2, inputs=((buffer, (8, 17)),))


FAULTS: dict[str, Callable[[Schedule], Schedule]] = {
    "which no earlier kernel writes": dropped,
    "no kernel writes": without_a_result,
    "holds float32, not float64": of_another_dtype,
    "is walked from 1 to 128 of 128": out_of_bounds,
    "is walked from -1 to 126 of 128": before_its_buffer,
    "no buffer has the number 1000": without_a_buffer,
    "is walked by 1 strides": of_too_few_axes,
    "is walked from 1 to 512 of 512": with_a_factor_beyond_its_buffer,
    "which is not earlier": of_a_later_step,
    "uses the sum of a column": of_a_column,
    "of a row uses step": of_a_point_for_a_row,
    "has no arguments": without_arguments,
    "stores step 99": that_is_not_there,
    "more than once": written_by_many_points,
    "which is given": over_an_input,
    "elements, not (8, 17)": of_another_size,
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_planted_fault_is_found(words: str) -> None:
    with pytest.raises(InvalidSchedule) as raised:
        verify(FAULTS[words](planned()), "a pass")
    assert words in str(raised.value)
    assert "after a pass" in str(raised.value)


def test_kernels_in_another_order_are_found() -> None:
    with pytest.raises(InvalidSchedule, match="no earlier kernel writes"):
        verify(out_of_order(planned()))


def test_what_the_engine_plans_is_right() -> None:
    verify(planned())


def test_with_debug_the_pass_that_made_a_fault_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def careless(schedule: Schedule) -> Schedule:
        return replace(schedule, kernels=schedule.kernels[1:])

    monkeypatch.setattr(finish, "STAGES", (*finish.STAGES, careless))
    config.debug = True
    with pytest.raises(InvalidSchedule, match="after careless"):
        planned()
