"""The variables of a program, bound to the memory that machine code reads and writes.

Place on the road: beside the executable, on the engine's side of ``compiler.cell``. A
variable that is updated gets memory of this engine's own, which is then written in
place: an array that someone else may hold is copied, never written to.
"""

from __future__ import annotations

import ctypes

import numpy as np

from ....compiler.cell import Cell
from ....compiler.program import Program
from ....graph import Array
from .memory import is_owned, owned_copy

#: A variable, and the memory it gets after a run that has not failed.
Moved = tuple[Cell, Array]


class Variables:
    """The variables of a program and the arrays that it was last run with."""

    def __init__(self, program: Program) -> None:
        updated = {id(cell) for cell, _ in program.updates}
        self.cells = [cell for _, cell in program.variables]
        self._updated = [id(cell) in updated for cell in self.cells]
        self._bound: list[Array | None] = [None] * len(self.cells)

    def bind(self, objects: ctypes.Array[ctypes.c_size_t], first: int) -> list[Moved]:
        """Says where the variables are now, from the ``first`` of the objects on.

        Returns:
            The variables whose cells are to be given their new memory after the run.
        """
        moved: list[Moved] = []
        for number, cell in enumerate(self.cells):
            array = cell.array
            if array is self._bound[number] and not cell.lent:
                continue
            if self._updated[number]:
                if cell.lent or not is_owned(array):
                    array = owned_copy(array)
                    moved.append((cell, array))
            elif not array.flags.c_contiguous:
                array = np.ascontiguousarray(array)
            # In this order: if Ctrl-C comes between, the next run binds it again.
            self._bound[number] = None
            objects[first + number] = id(array)
            self._bound[number] = array
        return moved

    def unbind(self) -> None:
        """Forgets the arrays, after a run that has failed."""
        self._bound = [None] * len(self.cells)
