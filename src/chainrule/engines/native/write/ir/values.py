"""What instructions use and make, functions, and modules: their text.

Place on the road: between the types and the builder. A value knows how it is spelled
where it is used, and an instruction is a line of its block from the moment it is made,
so that a module's text is its lines, one below the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from ctypes import c_float
from typing import Any

from .kinds import (
    POINTER,
    ArrayType,
    DoubleType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    Type,
)

# Values. ----------------------------------------------------------------------------


class Value:
    """Something with a type that can be used: ``text`` is how that is spelled."""

    __slots__ = ("text", "type")

    def __init__(self, kind: Type, text: str) -> None:
        self.type, self.text = kind, text

    def __str__(self) -> str:
        return f"{self.type.text} {self.text}"


#: The constant that may have any value.
Undefined = object()


class Constant(Value):
    """A value that is known: a number, of vectors also one for all lanes or a list, of
    arrays bytes, None for nothing but zeros, or ``Undefined``.
    """

    __slots__ = ("constant",)

    def __init__(self, kind: Type, constant: Any) -> None:
        super().__init__(kind, _spelled(kind, constant))
        self.constant = constant


def _spelled(kind: Type, value: Any) -> str:
    if isinstance(kind, IntType) and value is not None:
        return str(int(value))
    if value is None:
        return "null" if isinstance(kind, PointerType) else "zeroinitializer"
    if value is Undefined:
        return "undef"
    if isinstance(kind, FloatType):
        value = c_float(value).value
    if isinstance(kind, (FloatType, DoubleType)):
        (bits,) = struct.unpack("<Q", struct.pack("<d", value))
        return f"0x{bits:016x}"
    if isinstance(kind, ArrayType):
        return 'c"' + "".join(f"\\{byte:02x}" for byte in value) + '"'
    element = kind.element
    if not isinstance(value, Sequence):
        return f"splat ({element.text} {_spelled(element, value)})"
    return f"<{', '.join(f'{element.text} {_spelled(element, v)}' for v in value)}>"


class Address(Value):
    """An address that was computed from another one."""

    __slots__ = ("pointer",)

    def __init__(self, kind: Type, text: str, pointer: Value) -> None:
        super().__init__(kind, text)
        self.pointer = pointer


class Local(Value):
    """The address of a local variable."""

    __slots__ = ("allocated_type",)

    def __init__(self, text: str, allocated_type: Type) -> None:
        super().__init__(POINTER, text)
        self.allocated_type = allocated_type


class Phi(Value):
    """A value that depends on the block from which this one was reached."""

    __slots__ = ("incoming",)

    def __init__(self, kind: Type, text: str) -> None:
        super().__init__(kind, text)
        self.incoming: list[str] = []

    def add_incoming(self, value: Value, block: Block) -> None:
        """What it is behind one of the blocks."""
        self.incoming.append(f"[{value.text}, {block.text}]")

    def line(self) -> str:
        """The instruction."""
        return f"{self.text} = phi {self.type.text} {', '.join(self.incoming)}"


class Switch:
    """A jump to the block of one of several integers."""

    def __init__(self, value: Value, default: Block) -> None:
        self.head, self.cases = f"switch {value}, label {default.text}", list[str]()

    def add_case(self, value: Value, block: Block) -> None:
        """Where it goes for one of them."""
        self.cases.append(f"{value}, label {block.text}")

    def line(self) -> str:
        """The instruction."""
        return f"{self.head} [{' '.join(self.cases)}]"


# Functions and modules. -------------------------------------------------------------


class Block:
    """Instructions that are run one after the other: the last one leaves it."""

    def __init__(self, function: Function, text: str) -> None:
        self.function, self.text = function, text
        self.instructions: list[Any] = []
        self.is_terminated = False

    def lines(self) -> Iterator[str]:
        """Its text."""
        yield f"{self.text[1:]}:"
        for each in self.instructions:
            yield each if isinstance(each, str) else each.line()


class Function(Value):
    """A function of a module; without blocks, one that is found elsewhere.

    Attributes:
        args: its arguments.
        linkage: who sees it, such as "internal".
        attributes: what LLVM is told of it.
    """

    __slots__ = (
        *("module", "function_type", "name", "args", "blocks", "linkage"),
        *("attributes", "names"),
    )

    def __init__(self, module: Module, kind: FunctionType, name: str) -> None:
        super().__init__(POINTER, f'@"{name}"')
        self.module, self.function_type, self.name = module, kind, name
        pairs = enumerate(kind.arguments)
        self.args = [Value(each, f"%argument.{i}") for i, each in pairs]
        self.blocks: list[Block] = []
        self.linkage, self.attributes, self.names = "", list[str](), 0
        module.add(self)
        module.functions.append(self)

    @property
    def entry_basic_block(self) -> Block:
        """The one it begins with."""
        return self.blocks[0]

    def append_basic_block(self, name: str = "") -> Block:
        """A new block behind the others."""
        self.blocks.append(Block(self, self.new_name(name)))
        return self.blocks[-1]

    def new_name(self, name: str) -> str:
        """A name that no other value of the function has."""
        self.names += 1
        return f"%{name}.{self.names}"

    def lines(self) -> Iterator[str]:
        """Its text."""
        kind, arguments = self.function_type, ", ".join(map(str, self.args))
        head = f"{kind.result.text} {self.text}({arguments})"
        if not self.blocks:
            yield f"declare {head}"
            return
        words = ("define", self.linkage, head, *self.attributes, "{")
        yield " ".join(filter(None, words))
        for block in self.blocks:
            yield from block.lines()
        yield "}"


class GlobalVariable(Value):
    """Memory of a module.

    Attributes:
        value_type: what is there.
        initializer: what is there at first.
        linkage: who sees it.
        global_constant: whether it is never written.
        align: a number of bytes that divides its address.
    """

    __slots__ = (
        *("name", "value_type", "initializer", "linkage", "global_constant"),
        "align",
    )

    def __init__(self, module: Module, kind: Type, name: str) -> None:
        super().__init__(POINTER, f'@"{name}"')
        self.name, self.value_type, self.linkage = name, kind, ""
        self.initializer = Constant(kind, None)
        self.global_constant, self.align = False, 0
        module.add(self)

    def lines(self) -> Iterator[str]:
        """Its text."""
        what = "constant" if self.global_constant else "global"
        align = f", align {self.align}" if self.align else ""
        yield f"{self.text} = {self.linkage} {what} {self.initializer}{align}"


class Module:
    """Functions and memory that are compiled together.

    Attributes:
        globals: name ↦ function or memory.
        functions: those that are written here, and those that are called.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.globals: dict[str, Any] = {}
        self.functions: list[Function] = []

    def add(self, found: Function | GlobalVariable) -> None:
        """Makes a name known.

        Raises:
            ValueError: for one that is known.
        """
        if found.name in self.globals:
            raise ValueError(f"{self.name}: {found.name} is there already")
        self.globals[found.name] = found

    def declared(self, name: str, kind: FunctionType) -> Function:
        """A function by its name, which is found elsewhere if it is new."""
        return self.globals.get(name) or Function(self, kind, name)

    def __str__(self) -> str:
        lines = [f'; ModuleID = "{self.name}"', LAYOUT]
        for each in self.globals.values():
            lines += each.lines()
        return "\n".join([*lines, WEIGHTS])


#: Every module's first lines: what it is for is said where it is compiled.
LAYOUT = 'target triple = "unknown-unknown-unknown"\ntarget datalayout = ""'
#: Its last ones: how often branches are taken that seldom are, and that mostly are.
WEIGHTS = (
    '!0 = !{!"branch_weights", i32 1, i32 99}\n'
    '!1 = !{!"branch_weights", i32 99, i32 1}\n'
)
