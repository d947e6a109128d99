"""Nodes: applications of operations, which together are the computational graph.

Place on the road: the thing that travels it. Tensor operators make nodes, ``backprop``
makes more of them, compiler passes rewrite them and engines run them. A node knows the
name of its operation and nothing of what that operation means: ``ops`` says so.

A node never changes, and is always younger than its inputs: sorting by age is a
topological order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, cast

from numpy.typing import NDArray

from ..dtypes import DType
from ..errors import SourceLine
from ..shapes import Shape
from .source import Position, source_line, user_position

Array = NDArray[Any]

#: The next age; a trace takes one too, to tell which nodes are older than it is.
ages = itertools.count()

#: The static arguments of a leaf.
NO_PARAMS: Mapping[str, Any] = MappingProxyType({})

#: The node on whose behalf nodes are being made, see ``on_behalf_of``.
_origin: ContextVar[Node | None] = ContextVar("origin", default=None)


class Operation(Protocol):
    """What the graph must know of an operation; ``ops.primitive`` has the rest."""

    @property
    def name(self) -> str:
        """The name in printed graphs."""


class ArrayType(NamedTuple):
    """Shape and dtype of one array."""

    shape: Shape
    dtype: DType


class Node:
    """One application of an operation to other nodes, or a leaf without an operation.

    Attributes:
        op: the operation; None for a leaf (an input, a constant, a variable's value).
        inputs: the nodes it is applied to.
        params: the operation's static arguments, such as ``axis``.
        shape, dtype: what the operation's rule declares of the value. Where the value
            is several arrays each is a tuple with one entry an array, which only
            ``types`` should read.
        value: the array; None while tracing, where only shapes are known.
        name: the name that the user gave, or "".
        owner: for a leaf that is the value of a variable, that variable.
        origin: for a node made by a backward rule, the forward node it belongs to.
        literal: whether it is a Python number that an operator turned into a node.
        position: where in the user's program it was made, for ``line``.
        age: larger than that of every node made before.

    A node made ``like`` another has its origin and position.
    """

    __slots__ = (
        "__weakref__",
        "age",
        "dtype",
        "inputs",
        "literal",
        "name",
        "op",
        "origin",
        "owner",
        "params",
        "position",
        "shape",
        "value",
    )  # fmt: skip

    #: The class of the nodes that operations make; ``tensor`` puts its own class here.
    kind: ClassVar[type[Node]]

    def __init__(
        self,
        op: Operation | None,
        inputs: tuple[Node, ...],
        params: Mapping[str, Any],
        shape: Shape,
        dtype: DType,
        value: Any = None,
        name: str = "",
        like: Node | None = None,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.value = value
        self.name = name
        self.owner: Node | None = None
        self.origin: Node | None = _origin.get() if like is None else like.origin
        self.literal = False
        self.age = next(ages)
        of = self.origin if like is None else like
        self.position: Position | None = user_position() if of is None else of.position

    @property
    def line(self) -> SourceLine | None:
        """The line of the user's program that made this node."""
        return source_line(self.position) if self.position else None

    @property
    def several(self) -> bool:
        """Whether the value is several arrays, as the results of a loop are."""
        dtype: object = self.dtype
        return type(dtype) is tuple

    @property
    def types(self) -> tuple[ArrayType, ...]:
        """Shape and dtype of every array of the value: mostly one, of a loop several.

        Example:
            >>> import chainrule as cr
            >>> cr.zeros((2, 3)).types
            (ArrayType(shape=(2, 3), dtype=dtype('float32')),)
        """
        if not self.several:
            return (ArrayType(self.shape, self.dtype),)
        shapes = cast(tuple[Shape, ...], self.shape)
        dtypes = cast(tuple[DType, ...], self.dtype)
        return tuple(map(ArrayType, shapes, dtypes))

    @property
    def is_leaf(self) -> bool:
        """Whether no operation made this node."""
        return self.op is None

    def read(self) -> Node:
        """The node that stands for this one in a new operation."""
        return self

    @property
    def label(self) -> str:
        """How messages name this node: the user's name for it, ``W.T``, or ""."""
        if self.op is not None and self.op.name == "transpose" and not self.name:
            return f"{self.inputs[0].name}.T" if self.inputs[0].name else ""
        return self.name

    def describe(self) -> str:
        """``"W (10, 512)"``: label and shape, as messages show an operand."""
        shape = str(self.shape)
        return f"{self.label} {shape}" if self.label else shape


Node.kind = Node


def computed_leaves(
    types: Sequence[tuple[Shape, DType]], arrays: Iterable[Array]
) -> list[Node]:
    """Leaves for the results of a compiled call, made at the line of its caller.

    Each is as ``Node.kind(None, (), NO_PARAMS, shape, dtype, array)`` makes it, in an
    eighth of the time: this runs for every result of every compiled call, and the
    call stack is searched once for all of them. A test compares the two, slot by slot.

    Arguments:
        types: shape and dtype of each array.
        arrays: the values.
    """
    kind, origin = Node.kind, _origin.get()
    position = user_position() if origin is None else origin.position
    leaves: list[Node] = []
    for array in arrays:
        node = object.__new__(kind)
        node.op = node.owner = None
        node.inputs, node.params, node.name = (), NO_PARAMS, ""
        node.shape, node.dtype = types[len(leaves)]
        node.value = array
        node.origin, node.position = origin, position
        node.literal = False
        node.age = next(ages)
        leaves.append(node)
    return leaves


@contextmanager
def on_behalf_of(node: Node) -> Iterator[None]:
    """Nodes made inside belong to the backward pass of ``node`` and carry its line."""
    token = _origin.set(node)
    try:
        yield
    finally:
        _origin.reset(token)
