"""The builder: instructions, one method each, written into blocks.

Place on the road: above the values that it makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from .kinds import I1, POINTER, VOID, FunctionType, Type, VectorType
from .values import (
    Address,
    Block,
    Constant,
    Function,
    Local,
    Module,
    Phi,
    Switch,
    Value,
)

EQUAL = {"==": "eq", "!=": "ne"}
SIGNED = {**EQUAL, "<": "slt", "<=": "sle", ">": "sgt", ">=": "sge"}
UNSIGNED = {**EQUAL, "<": "ult", "<=": "ule", ">": "ugt", ">=": "uge"}
#: Of floats: false for NaN, and true for NaN.
ORDERED = {
    "==": "oeq",
    "!=": "one",
    "<": "olt",
    "<=": "ole",
    ">": "ogt",
    ">=": "oge",
    "ord": "ord",
}
UNORDERED = {
    "==": "ueq",
    "!=": "une",
    "<": "ult",
    "<=": "ule",
    ">": "ugt",
    ">=": "uge",
    "uno": "uno",
}


class IRBuilder:
    """Writes instructions at the end of a block, or at another place of it."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._place: int | None = None

    @property
    def function(self) -> Function:
        """Where the block is."""
        return self.block.function

    @property
    def module(self) -> Module:
        """Where the function is."""
        return self.block.function.module

    # Places. --------------------------------------------------------------------

    def append_basic_block(self, name: str = "") -> Block:
        """A new block of the function."""
        return self.block.function.append_basic_block(name)

    def position_at_end(self, block: Block) -> None:
        """Goes on behind the instructions of a block."""
        self.block, self._place = block, None

    def position_at_start(self, block: Block) -> None:
        """Goes on before them."""
        self.block, self._place = block, 0

    @contextmanager
    def goto_entry_block(self) -> Iterator[None]:
        """Writes at the end of the function's first block meanwhile."""
        before = self.block, self._place
        self.block = self.function.entry_basic_block
        self._place = len(self.block.instructions) - self.block.is_terminated
        yield
        self.block, self._place = before

    def _write(self, line: Any) -> None:
        if self._place is None:
            self.block.instructions.append(line)
        else:
            self.block.instructions.insert(self._place, line)
            self._place += 1

    def _value(self, kind: Type, text: str) -> Value:
        value = Value(kind, self.block.function.new_name(""))
        self._write(f"{value.text} = {text}")
        return value

    # Branches. ------------------------------------------------------------------

    def _leave(self, line: Any) -> None:
        self._write(line)
        self.block.is_terminated = True

    def branch(self, block: Block) -> None:
        """Goes to a block."""
        self._leave(f"br label {block.text}")

    def cbranch(
        self, condition: Value, then: Block, other: Block, likely: bool | None = None
    ) -> None:
        """Goes to one of two blocks; ``likely`` says which, where it is known."""
        weights = "" if likely is None else f", !prof !{int(likely)}"
        targets = f"label {then.text}, label {other.text}"
        self._leave(f"br {condition}, {targets}{weights}")

    def switch(self, value: Value, default: Block) -> Switch:
        """Goes to the block of one of several integers."""
        found = Switch(value, default)
        self._leave(found)
        return found

    def ret(self, value: Value) -> None:
        """Ends the function with a value."""
        self._leave(f"ret {value}")

    def ret_void(self) -> None:
        """Ends a function that returns nothing."""
        self._leave("ret void")

    @contextmanager
    def if_then(self, condition: Value, likely: bool | None = None) -> Iterator[None]:
        """What is written meanwhile is run where the condition holds."""
        then, after = self.append_basic_block("then"), self.append_basic_block("after")
        self.cbranch(condition, then, after, likely)
        with self._within(then, after):
            yield
        self.position_at_end(after)

    @contextmanager
    def if_else(
        self, condition: Value
    ) -> Iterator[tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
        """What is run where the condition holds, and what is run elsewhere: two
        contexts to write them in.
        """
        names = ("then", "otherwise", "after")
        then, other, after = map(self.append_basic_block, names)
        self.cbranch(condition, then, other)
        yield self._within(then, after), self._within(other, after)
        self.position_at_end(after)

    @contextmanager
    def _within(self, block: Block, after: Block) -> Iterator[None]:
        self.position_at_end(block)
        yield
        if not self.block.is_terminated:
            self.branch(after)

    def phi(self, kind: Type, name: str = "") -> Phi:
        """A value that depends on where this block was reached from."""
        found = Phi(kind, self.function.new_name(name))
        self._write(found)
        return found

    # Numbers: of integers, and of floats. -----------------------------------------

    def _binary(self, operation: str, x: Value, y: Value) -> Value:
        return self._value(x.type, f"{operation} {x}, {y.text}")

    def add(self, x: Value, y: Value) -> Value:
        """x + y."""
        return self._binary("add", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        """x − y."""
        return self._binary("sub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        """x · y."""
        return self._binary("mul", x, y)

    def sdiv(self, x: Value, y: Value) -> Value:
        """x / y, towards 0."""
        return self._binary("sdiv", x, y)

    def udiv(self, x: Value, y: Value) -> Value:
        """x / y, of integers without sign."""
        return self._binary("udiv", x, y)

    def srem(self, x: Value, y: Value) -> Value:
        """What x / y leaves."""
        return self._binary("srem", x, y)

    def urem(self, x: Value, y: Value) -> Value:
        """What x / y leaves, of integers without sign."""
        return self._binary("urem", x, y)

    def shl(self, x: Value, y: Value) -> Value:
        """The bits moved up by y."""
        return self._binary("shl", x, y)

    def lshr(self, x: Value, y: Value) -> Value:
        """The bits moved down by y, zeros behind them."""
        return self._binary("lshr", x, y)

    def ashr(self, x: Value, y: Value) -> Value:
        """The bits moved down by y, copies of the sign behind them."""
        return self._binary("ashr", x, y)

    def and_(self, x: Value, y: Value) -> Value:
        """Bits that both have."""
        return self._binary("and", x, y)

    def or_(self, x: Value, y: Value) -> Value:
        """Bits that either has."""
        return self._binary("or", x, y)

    def xor(self, x: Value, y: Value) -> Value:
        """Bits that one has."""
        return self._binary("xor", x, y)

    def neg(self, x: Value) -> Value:
        """−x."""
        return self.sub(Constant(x.type, 0), x)

    def not_(self, x: Value) -> Value:
        """The bits that x has not."""
        return self.xor(x, Constant(x.type, -1))

    def fadd(self, x: Value, y: Value) -> Value:
        """x + y, of floats."""
        return self._binary("fadd", x, y)

    def fsub(self, x: Value, y: Value) -> Value:
        """x − y, of floats."""
        return self._binary("fsub", x, y)

    def fmul(self, x: Value, y: Value) -> Value:
        """x · y, of floats."""
        return self._binary("fmul", x, y)

    def fdiv(self, x: Value, y: Value) -> Value:
        """x / y, of floats."""
        return self._binary("fdiv", x, y)

    def fneg(self, x: Value) -> Value:
        """−x, of floats."""
        return self._value(x.type, f"fneg {x}")

    def _compared(self, what: str, x: Value, y: Value) -> Value:
        kind = x.type
        bits = VectorType(I1, kind.count) if isinstance(kind, VectorType) else I1
        return self._value(bits, f"{what} {x}, {y.text}")

    def icmp_signed(self, how: str, x: Value, y: Value) -> Value:
        """``x how y``, such as ``x < y``."""
        return self._compared(f"icmp {SIGNED[how]}", x, y)

    def icmp_unsigned(self, how: str, x: Value, y: Value) -> Value:
        """The same of integers without sign."""
        return self._compared(f"icmp {UNSIGNED[how]}", x, y)

    def fcmp_ordered(self, how: str, x: Value, y: Value) -> Value:
        """The same of floats; false for NaN."""
        return self._compared(f"fcmp {ORDERED[how]}", x, y)

    def fcmp_unordered(self, how: str, x: Value, y: Value) -> Value:
        """The same of floats; true for NaN."""
        return self._compared(f"fcmp {UNORDERED[how]}", x, y)

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        """x where the condition holds, else y."""
        return self._value(x.type, f"select {condition}, {x}, {y}")

    # Other types. ---------------------------------------------------------------

    def _cast(self, operation: str, x: Value, kind: Type) -> Value:
        if x.type == kind:
            return x
        return self._value(kind, f"{operation} {x} to {kind.text}")

    def trunc(self, x: Value, kind: Type) -> Value:
        """The lower bits."""
        return self._cast("trunc", x, kind)

    def zext(self, x: Value, kind: Type) -> Value:
        """More bits, which are 0."""
        return self._cast("zext", x, kind)

    def sext(self, x: Value, kind: Type) -> Value:
        """More bits, which are copies of the sign."""
        return self._cast("sext", x, kind)

    def fptrunc(self, x: Value, kind: Type) -> Value:
        """A float of fewer bits."""
        return self._cast("fptrunc", x, kind)

    def fpext(self, x: Value, kind: Type) -> Value:
        """A float of more bits."""
        return self._cast("fpext", x, kind)

    def sitofp(self, x: Value, kind: Type) -> Value:
        """A float from an integer."""
        return self._cast("sitofp", x, kind)

    def uitofp(self, x: Value, kind: Type) -> Value:
        """A float from an integer without sign."""
        return self._cast("uitofp", x, kind)

    def fptosi(self, x: Value, kind: Type) -> Value:
        """An integer from a float, towards 0."""
        return self._cast("fptosi", x, kind)

    def bitcast(self, x: Value, kind: Type) -> Value:
        """The same bits as another type."""
        return self._cast("bitcast", x, kind)

    def ptrtoint(self, x: Value, kind: Type) -> Value:
        """An address as a number."""
        return self._cast("ptrtoint", x, kind)

    def inttoptr(self, x: Value, kind: Type) -> Value:
        """A number as an address."""
        return self._cast("inttoptr", x, kind)

    # Parts of vectors. ------------------------------------------------------------

    def extract_element(self, x: Value, lane: Value) -> Value:
        """A lane."""
        return self._value(x.type.element, f"extractelement {x}, {lane}")

    def insert_element(self, x: Value, value: Value, lane: Value) -> Value:
        """The vector with another value in a lane."""
        return self._value(x.type, f"insertelement {x}, {value}, {lane}")

    def shuffle_vector(self, x: Value, y: Value, lanes: Value) -> Value:
        """Some lanes of two vectors."""
        kind = VectorType(x.type.element, lanes.type.count)
        return self._value(kind, f"shufflevector {x}, {y}, {lanes}")

    # Memory. --------------------------------------------------------------------

    def alloca(self, kind: Type, align: int = 0) -> Local:
        """A local variable's address: a multiple of ``align``, or of the type's."""
        found = Local(self.function.new_name("local"), kind)
        self._write(f"{found.text} = alloca {kind.text}{_aligned(align)}")
        return found

    def gep(self, pointer: Value, position: Value, element: Type) -> Address:
        """The address of an element at a position; of several for a vector of these."""
        at = position.type
        kind: Type = POINTER
        if isinstance(at, VectorType):
            kind = VectorType(POINTER, at.count)
        found = Address(kind, self.function.new_name(""), pointer)
        self._write(
            f"{found.text} = getelementptr {element.text}, {pointer}, {position}"
        )
        return found

    def load(self, pointer: Value, kind: Type, align: int = 0) -> Value:
        """Reads memory; the address is a multiple of ``align``, or of the type's."""
        return self._value(kind, f"load {kind.text}, {pointer}{_aligned(align)}")

    def store(self, value: Value, pointer: Value, align: int = 0) -> None:
        """Writes memory."""
        self._write(f"store {value}, {pointer}{_aligned(align)}")

    # What threads share: one 64-bit word. -----------------------------------------

    def load_atomic(self, pointer: Value, order: str, kind: Type) -> Value:
        """Reads a word of eight bytes."""
        text = f"load atomic {kind.text}, {pointer} {order}, align 8"
        return self._value(kind, text)

    def store_atomic(self, value: Value, pointer: Value, order: str) -> None:
        """Writes a word."""
        self._write(f"store atomic {value}, {pointer} {order}, align 8")

    def exchanged(self, pointer: Value, old: Value, new: Value) -> Value:
        """Writes a word if the old one is there; whether it was."""
        text = f"cmpxchg {pointer}, {old}, {new} acq_rel acquire"
        pair = self._value(Type(f"{{ {old.type.text}, i1 }}"), text)
        return self._value(I1, f"extractvalue {pair}, 1")

    def atomic_rmw(self, operation: str, pointer: Value, x: Value, order: str) -> None:
        """Changes a word by an operation."""
        kind = x.type
        self._value(kind, f"atomicrmw {operation} {pointer}, {x} {order}")

    # Calls. -----------------------------------------------------------------------

    def call(
        self,
        function: Value,
        arguments: Sequence[Value],
        kind: FunctionType | None = None,
    ) -> Value:
        """Calls a function; ``kind`` is that of one whose address was computed.
        Functions of other modules are declared in this one.
        """
        if kind is None:
            assert isinstance(function, Function), "of what kind is it?"
            kind = function.function_type
        for each in (function, *arguments):
            if isinstance(each, Function):
                self.module.declared(each.name, each.function_type)
        spelled = ", ".join([f"{each.type.text} {each.text}" for each in arguments])
        return self._called(kind.result, f"{function.text}({spelled})")

    def asm(
        self, kind: FunctionType, constraint: str, arguments: Sequence[Value]
    ) -> Value:
        """No instruction at all, of which LLVM knows only the constraint."""
        spelled = ", ".join(map(str, arguments))
        return self._called(kind.result, f'asm "", "{constraint}"({spelled})')

    def _called(self, result: Type, what: str) -> Value:
        text = f"call {result.text} {what}"
        if result == VOID:
            self._write(text)
            return Value(VOID, "")
        return self._value(result, text)


def _aligned(align: int) -> str:
    return f", align {align}" if align else ""
