"""The programs of one function, for all the kinds of arguments that it is called with.

Place on the road: below the compiler, which looks here in every call. A function that
meets new lengths all the time would fill the memory with programs, so there is a most;
what was not called for long makes room. Nothing here knows what a program is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Program = TypeVar("Program")

#: The most kinds of arguments whose programs are kept.
MOST_KINDS = 256
#: The most programs of one kind, for different values of what was captured.
MOST_OF_A_KIND = 8

#: What tells apart the arguments that need programs of their own.
Signature = tuple[Any, ...]


@dataclass(slots=True)
class Kind(Generic[Program]):
    """The programs for arguments of one kind.

    Attributes:
        programs: for different captured values; the last one that was called is first.
        called: whether a call has found them since they were made, or passed over.
    """

    programs: list[Program]
    called: bool = False


#: All that a function has been compiled for; whoever waits longest to go is first.
Kinds = dict[Signature, Kind[Program]]


def keep(kinds: Kinds[Program], signature: Signature, kind: list[Program]) -> Program:
    """Keeps the programs of one kind, and answers the first; others make room.

    Those that were called are passed over once, and go to the end of the queue: so a
    call has nothing to do but to leave a mark (the algorithm of the second chance).
    """
    known = kinds.get(signature)
    if known is not None:
        known.programs = kind[:MOST_OF_A_KIND]
        return kind[0]
    while len(kinds) >= MOST_KINDS:
        oldest = next(iter(kinds))
        found = kinds.pop(oldest)
        if found.called:
            found.called = False
            kinds[oldest] = found
    kinds[signature] = Kind(kind[:MOST_OF_A_KIND])
    return kind[0]
