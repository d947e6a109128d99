"""Types, as LLVM spells them.

Place on the road: below the values that have them. Pointers are untyped.
"""

from __future__ import annotations

from collections.abc import Sequence


class Type:
    """A type, as it is spelled.

    Attributes:
        width: the bits of an integer.
        element, count: what a vector or an array has, and of how many.
    """

    width: int
    element: Type
    count: int

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Type) and self.text == other.text)

    def __hash__(self) -> int:
        return hash(self.text)


class IntType(Type):
    """An integer of so many bits."""

    def __init__(self, width: int) -> None:
        super().__init__(f"i{width}")
        self.width = width


class FloatType(Type):
    """float32."""

    def __init__(self) -> None:
        super().__init__("float")


class DoubleType(Type):
    """float64."""

    def __init__(self) -> None:
        super().__init__("double")


class BFloatType(Type):
    """bfloat16, of registers that are multiplied; elsewhere it is its bits."""

    def __init__(self) -> None:
        super().__init__("bfloat")


class VoidType(Type):
    """Nothing, as what a function returns."""

    def __init__(self) -> None:
        super().__init__("void")


class PointerType(Type):
    """An address."""

    def __init__(self) -> None:
        super().__init__("ptr")


class VectorType(Type):
    """Several numbers in one register."""

    def __init__(self, element: Type, count: int) -> None:
        super().__init__(f"<{count} x {element.text}>")
        self.element, self.count = element, count


class ArrayType(Type):
    """Several values in memory, one behind the other."""

    def __init__(self, element: Type, count: int) -> None:
        super().__init__(f"[{count} x {element.text}]")
        self.element, self.count = element, count


class FunctionType(Type):
    """What a function takes, and what it returns."""

    def __init__(self, result: Type, arguments: Sequence[Type]) -> None:
        super().__init__(f"{result.text} ({', '.join(map(str, arguments))})")
        self.result, self.arguments = result, tuple(arguments)


VOID, POINTER, I1 = VoidType(), PointerType(), IntType(1)
