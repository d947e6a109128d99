"""One operation of a traced example, to be done for all examples at once.

A value that differs between the examples has an axis more than in the trace, always the
first: the batch axis. All others are the same for every example, and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..graph import Graph, Node
from ..ops.movement import broadcast_to, reshape
from ..ops.primitive import Primitive
from ..shapes import Shape


class Batched(NamedTuple):
    """A node, and whether it has a batch axis: of several results, which of them."""

    node: Node
    batched: bool | tuple[bool, ...]


#: A graph's results for all examples, from those of its inputs and their number.
Replay = Callable[[Graph, Sequence[Batched], int], list[Batched]]


@dataclass(frozen=True)
class Application:
    """An operation, and its operands for all examples.

    Attributes:
        node: the operation on one example.
        given: its operands now.
        size: the number of examples.
        replay: how the body of a loop is done for all examples.
    """

    node: Node
    given: tuple[Batched, ...]
    size: int
    replay: Replay

    @property
    def params(self) -> Mapping[str, Any]:
        """The static arguments of the operation on one example."""
        return self.node.params

    def batched(self, place: int) -> bool:
        """Whether an operand differs between the examples."""
        return bool(self.given[place].batched)

    def own(self, place: int) -> Shape:
        """The shape of an operand of one example."""
        return self.node.inputs[place].shape

    def raw(self, place: int) -> Node:
        """An operand, with a batch axis or without."""
        return self.given[place].node

    def full(self, place: int) -> Any:
        """An operand with a batch axis: repeated along it where all share it."""
        return repeated(self.raw(place), self.size, self.batched(place))

    def wide(self, place: int, rank: int) -> Any:
        """An operand that broadcasts with others of ``rank`` axes behind the batch's:
        axes of length 1 are put between.
        """
        x, shape = self.raw(place), self.own(place)
        if not self.batched(place) or len(shape) == rank:
            return x
        return reshape(x, (self.size, *(1,) * (rank - len(shape)), *shape))

    def apply(self, *operands: Any, **params: Any) -> Any:
        """The operation on other operands, with some static arguments replaced."""
        op = self.node.op
        assert isinstance(op, Primitive)
        return op(*operands, **{**self.params, **params})


#: How an operation is done for all examples: its result, with a batch axis.
Rule = Callable[[Application], Any]


def repeated(x: Node, size: int, batched: bool) -> Any:
    """``x`` with a batch axis, along which it is repeated unless it has one."""
    return x if batched else broadcast_to(x, (size, *x.shape))
