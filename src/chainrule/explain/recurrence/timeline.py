"""What happens in a recurrent network, one thing after another, in words.

Beside the road, for ``explain``: predictions and errors step by step, then gradients
the other way. It knows nothing of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..words.numerals import norm, number, subscript
from .steps import Column, State

#: ("state", loop, t), ("output", t), ("error", t) or ("back", loop, t).
Event = tuple[Any, ...]


@dataclass(frozen=True)
class Frame:
    """One step of the page.

    Attributes:
        way: "prediction", "error" or "gradient".
        head, text: the line above the drawing.
        column: the number of the step of time.
    """

    way: str
    head: str
    text: str
    column: int


@dataclass
class Timeline:
    """The steps of the page, and which of them shows what.

    Attributes:
        frames: in order.
        at: what happens ↦ the number of its frame, from 1: ("state", loop, t),
            ("output", t), ("error", t), ("back", loop, t).
    """

    columns: Sequence[Column]
    states: Sequence[State]
    frames: list[Frame] = field(default_factory=list)
    at: dict[Event, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        order = [column.number - 1 for column in self.columns]
        if any(state.reverse for state in self.states):
            self._level_by_level(order)
        else:
            self._column_by_column(order)

    @property
    def loops(self) -> list[list[State]]:
        """The states of each loop."""
        found: dict[int, list[State]] = {}
        for state in self.states:
            found.setdefault(state.loop, []).append(state)
        return list(found.values())

    def _column_by_column(self, order: Sequence[int]) -> None:
        here = {t: self._present(t) for t in order}
        for t in order:
            self._add(
                "prediction", t, [("state", i, t) for i in here[t]] + [("output", t)]
            )
            self._error(t)
        for t in order[::-1]:
            self._add("gradient", t, [("back", i, t) for i in here[t]])

    def _level_by_level(self, order: Sequence[int]) -> None:
        """Where a loop reads backward, each loop is finished before the next begins."""
        loops = sorted(enumerate(self.loops), key=lambda pair: pair[1][0].level)
        for i, (state, *_) in loops:
            for t in order[::-1] if state.reverse else order:
                if i in self._present(t):
                    self._add("prediction", t, [("state", i, t)])
        for t in order:
            if self._column(t).prediction or self._column(t).output is not None:
                self._add("prediction", t, [("output", t)])
            self._error(t)
        for i, (state, *_) in loops[::-1]:
            for t in order if state.reverse else order[::-1]:
                if i in self._present(t):
                    self._add("gradient", t, [("back", i, t)])

    def _present(self, t: int) -> list[int]:
        """The loops that have a step in this column."""
        return [i for i, (state, *_) in enumerate(self.loops) if state.has(t)]

    def _column(self, t: int) -> Column:
        return self.columns[t - (self.columns[0].number - 1)]

    def _error(self, t: int) -> None:
        if self._column(t).loss is not None:
            self._add("error", t, [("error", t)])

    def _add(self, way: str, t: int, events: Sequence[Event]) -> None:
        head = f"t = {t + 1}, {way}  "
        words = {
            "prediction": self._predicted,
            "error": self._lost,
            "gradient": self._came_back,
        }[way]
        self.frames.append(Frame(way, head, words(self._column(t), events), t + 1))
        self.at |= dict.fromkeys(events, len(self.frames))

    def _predicted(self, column: Column, events: Sequence[Event]) -> str:
        """What is read, what state comes of it, and what is said."""
        words = []
        for state in self._states_of(events):
            name, place = state.name, column.number - 1 - state.start
            met = state.place_before(place)
            size = (
                f"{name}{column.mark}, of size {number(norm(state.values[place]), 3)}"
            )
            origin = (
                "" if met is None else f" and {name}{subscript(met + state.start + 1)}"
            )
            below = f"x{column.mark}" if state.level == 1 else "the states below"
            words.append(f"{size}, is made of {below}{origin}")
        if ("output", column.number - 1) in events and column.output is not None:
            said = column.prediction or f"{column.output.size} numbers"
            words.append(f"ŷ{column.mark} = {said}")
        return "; ".join(words)

    def _lost(self, column: Column, events: Sequence[Event]) -> str:
        target = f"the target is {column.target}: " if column.target else ""
        assert column.loss is not None
        slope = ""
        if column.error is not None:
            slope = f", ‖∂L/∂ŷ{column.mark}‖ = {number(norm(column.error), 3)}"
        return f"{target}L{column.mark} = {number(column.loss)}{slope}"

    def _came_back(self, column: Column, events: Sequence[Event]) -> str:
        """The size of a state's gradient, and where it came from."""
        words = []
        for state in self._states_of(events):
            place = column.number - 1 - state.start
            name = f"{state.name}{column.mark}"
            own = number(state.own_sizes[place], 3)
            text = (
                f"‖∂L/∂{name}‖ = {number(state.sizes[place], 3)}: {own} from this step"
            )
            after = state.place_after(place)
            if after is not None:
                back = number(state.back_sizes[place], 3)
                text += f", {back} back from step {after + state.start + 1}"
            words.append(text)
        return "; ".join(words)

    def _states_of(self, events: Sequence[Event]) -> Iterator[State]:
        for what, *where in events:
            if what in ("state", "back"):
                yield from self.loops[where[0]]
