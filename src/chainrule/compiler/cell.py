"""A variable as an engine sees it: where its value is, and who may change it.

Place on the road: one half of the contract between the compiler and an engine (the
other is ``engine``). A program names the cells that it reads and updates;
``variable.Variable`` is what they are. Nothing here knows an engine.

The value of a cell is in one of two places:

- in NumPy's memory: ``array`` is the value, and ``residence`` is None;
- in memory of an engine, such as a device's: ``residence`` is the engine's handle of
  it, and ``array`` a copy that the handle fetches when someone first reads it.

So a training loop on a device moves nothing as long as nobody looks at a parameter, and
whoever does look (``w.numpy()``, a saved model, another engine) finds an array.

What an engine must do, and may rely on:

1. A run reads its cells when it starts, and sets the new values after everything has
   been computed: a run that fails has changed no cell.
2. A new value is set as ``array``, C-contiguous and shared with nobody, or as
   ``residence``. Setting either ends the other.
3. An engine may write into an ``array`` in place if it set this array itself and the
   cell is not ``lent``. It tells nobody.
4. Because of 3, a copy of ``array`` may be out of date by the next run. An engine that
   wants to use its copy again sets it as the cell's ``residence``.
5. As long as ``graph.changes.last`` is the same object, every cell has the array or
   residence that it had, and none has been lent: an engine that remembers it need not
   look at its cells again.
"""

from __future__ import annotations

from typing import Protocol

from ..graph import Array
from ..variable import Residence


class Cell(Protocol):
    """A variable: where a program finds a value and leaves the next one."""

    @property
    def array(self) -> Array:
        """The value in NumPy's memory; fetched where it is elsewhere."""

    @array.setter
    def array(self, array: Array) -> None: ...

    @property
    def residence(self) -> Residence | None:
        """The engine's handle of a value that is elsewhere, or None."""

    @residence.setter
    def residence(self, residence: Residence) -> None: ...

    @property
    def lent(self) -> bool:
        """Whether a node of a graph, or an array that a user got, may share the memory
        of ``array``.
        """
