"""Loops that carry values in registers: sums that run through nested loops.

Place on the road: below the tiles of convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import ir
from ..emit import I64, index

#: What a loop carries from one round to the next.
State = list[ir.Value]
#: (number of the round, state) → the new state.
Body = Callable[[ir.Value, State], State]


def carried(
    b: ir.IRBuilder,
    count: ir.Value | int,
    state: Sequence[ir.Value],
    body: Body,
    name: str = "t",
) -> State:
    """The state after ``count`` rounds."""
    if isinstance(count, ir.Constant):
        count = int(count.constant)
    if isinstance(count, int) and count <= 1:
        now = list(state)
        for number in range(count):
            now = body(index(number), now)
        return now
    stop = index(count) if isinstance(count, int) else count
    before = b.block
    head = b.append_basic_block(f"{name}.head")
    inside = b.append_basic_block(f"{name}.body")
    after = b.append_basic_block(f"{name}.after")
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(I64, name)
    i.add_incoming(index(0), before)
    phis = [b.phi(value.type) for value in state]
    for phi, value in zip(phis, state, strict=True):
        phi.add_incoming(value, before)
    b.cbranch(b.icmp_signed("<", i, stop), inside, after)
    b.position_at_end(inside)
    new = body(i, list(phis))
    i.add_incoming(b.add(i, index(1)), b.block)
    for phi, value in zip(phis, new, strict=True):
        phi.add_incoming(value, b.block)
    b.branch(head)
    b.position_at_end(after)
    return list(phis)
