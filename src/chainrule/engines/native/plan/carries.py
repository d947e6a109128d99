"""Where a loop keeps its carries, so that none is copied from step to step.

Place on the road: asked for when a ``scan`` enters the plan; the code of the loop keeps
to it. A carry has one of three slots:

- its **history**, where the loop returns the carry as every step receives it: a step
  writes the next carry to where the next step reads it;
- what is **emitted**, where a step returns the carry that it passes on: the next step
  reads it there;
- two buffers of its own, used in **turns**, where neither is so.
"""

from __future__ import annotations

from typing import NamedTuple

from ....graph import Graph
from ....ops.control import Split

HISTORY, EMITTED, TURNS = "history", "emitted", "turns"


class CarrySlot(NamedTuple):
    """Where a carry is kept: a kind of slot, and which result of the loop it is."""

    kind: str
    result: int = -1


class CarrySlots(NamedTuple):
    """The slots of all carries, and the results that a step still has to write besides
    them.
    """

    carries: tuple[CarrySlot, ...]
    written: tuple[int, ...]


def carry_slots(body: Graph, split: Split) -> tuple[Graph, CarrySlots]:
    """The slots of the carries, and the body without the results that they provide."""
    received = body.inputs[split.outside :][: split.carry]
    emitted = dict(enumerate(body.outputs[split.carry :], start=split.carry))
    slots: list[CarrySlot] = []
    for before, after in zip(received, body.outputs, strict=False):
        slot = CarrySlot(TURNS)
        for number, node in emitted.items():
            if node is before:
                slot = CarrySlot(HISTORY, number)
                break
            if node is after and slot.kind == TURNS:
                slot = CarrySlot(EMITTED, number)
        emitted.pop(slot.result, None)
        slots.append(slot)
    outputs = [*body.outputs[: split.carry], *emitted.values()]
    shorter = Graph(body.inputs, outputs, name=body.name)
    return shorter, CarrySlots(tuple(slots), tuple(emitted))
