"""The plan of many runs in one call: which word of it says what.

Place on the road: between ``run.repetition``, which writes a plan down, and
``write.repetition``, whose machine code reads it. Plain numbers.
"""

from __future__ import annotations

#: Words of a plan, 64 bits each: how many runs are done; where the rows are, and how
#: many of them a run gets; how many inputs are read by rows, and how many outputs there
#: are. Behind these, of every such input, ``INPUT`` words: where all its rows lie,
#: where those of a run go, and the bytes of a row. Then, of every output, ``OUTPUT``
#: words: where its address is kept, and its bytes.
DONE, ROWS, BATCH, INPUTS, OUTPUTS, HEAD = range(6)
INPUT, OUTPUT = 3, 2

#: The name of the function: ``(entrance, objects, table, plan, until) → status``.
REPEAT = "chainrule_repeat"
