"""Where a loop's carries live, so that none is copied from step to step.

Place on the road: ``fuse`` asks, when it meets a ``scan``; the loop's lowering obeys.
A carry lives

- in its **history**, where the loop emits the carry as every step meets it: a step
  writes the next carry to where the next step meets it;
- in what is **emitted**, where a step emits the carry that it hands on: the next step
  reads it there;
- else in two places **in turns**.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ....graph import Graph

HISTORY, EMITTED, TURNS = "history", "emitted", "turns"


class Place(NamedTuple):
    """Where a carry lives: which kind of place, and which result of the loop it is."""

    kind: str
    result: int = -1


class Places(NamedTuple):
    """The places of all carries, and the results that a step still has to write itself,
    behind the carries.
    """

    carries: tuple[Place, ...]
    written: tuple[int, ...]


def places(body: Graph, split: Any) -> tuple[Graph, Places]:
    """Where the carries live, and the body without the results that this yields."""
    met = body.inputs[split.outside :][: split.carry]
    emitted = dict(enumerate(body.outputs[split.carry :], start=split.carry))
    found: list[Place] = []
    for before, after in zip(met, body.outputs, strict=False):
        place = Place(TURNS)
        for number, node in emitted.items():
            if node is before:
                place = Place(HISTORY, number)
                break
            if node is after and place.kind == TURNS:
                place = Place(EMITTED, number)
        emitted.pop(place.result, None)
        found.append(place)
    outputs = [*body.outputs[: split.carry], *emitted.values()]
    shorter = Graph(body.inputs, outputs, name=body.name)
    return shorter, Places(tuple(found), tuple(emitted))
