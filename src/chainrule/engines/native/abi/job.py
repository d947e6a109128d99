"""The memory of a pool of threads: which word of it says what.

Place on the road: between ``run.pool``, which owns the memory, and ``write.threads``,
whose machine code reads and writes it, and explains the protocol. Plain numbers.
"""

from __future__ import annotations

#: Offsets, in 64-bit words, of the fields of a pool; those that different threads write
#: at the same time are on cache lines of their own. ``YIELD`` and ``NAP`` have the
#: addresses of the system's ``sched_yield`` and ``nanosleep``, or 0; ``NAP_TIME`` is
#: the time to sleep, in seconds and nanoseconds.
TICKET, REMAINING, BUSY, STOP, FUNCTION, CONTEXT, PARTS = 0, 8, 16, 24, 32, 33, 34

YIELD, NAP, NAP_TIME = 35, 36, 37
WORDS = 40

#: The lower half of a ticket between two jobs: no part has this number, so nobody takes
#: one while the fields of the next job are being written.
CLOSED = 0xFFFFFFFF
