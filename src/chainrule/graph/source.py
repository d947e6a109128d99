"""Where in the user's program a node was made.

Place on the road: below the nodes. A position is recorded for every node, so recording
it is two attribute reads; the line number is worked out only when someone asks for it.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType

from ..errors import SourceLine, own_files

#: A position in a program: the code object, and the instruction reached in it.
Position = tuple[CodeType, int]


def user_position() -> Position | None:
    """The innermost position on the call stack outside this package.

    It is where ``errors.user_line`` looks, as a position.
    """
    frame: FrameType | None = sys._getframe(2)  # this function and its caller are ours
    while frame is not None:
        code = frame.f_code
        if not own_files[code.co_filename]:
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def source_line(position: Position) -> SourceLine:
    """The file, line and function of a position."""
    code, instruction = position
    for first, end, line in code.co_lines():
        if first <= instruction < end and line is not None:
            return SourceLine(code.co_filename, line, code.co_name)
    return SourceLine(code.co_filename, code.co_firstlineno, code.co_name)
