"""The arena: blocks that are alive together never overlap, others share."""

from __future__ import annotations

import numpy as np

from chainrule.engines.native.choose.memory import Block, place
from chainrule.engines.native.choose.processor import CACHE_LINE


def test_blocks_alive_together_never_overlap() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        blocks = []
        for _ in range(30):
            first = int(rng.integers(0, 40))
            last = first + int(rng.integers(0, 10))
            blocks.append(Block(int(rng.integers(0, 1000)), first, last))
        offsets, size = place(blocks)
        for i, a in enumerate(blocks):
            assert offsets[i] % CACHE_LINE == 0
            assert offsets[i] + a.size <= size
            for j, b in enumerate(blocks[:i]):
                together = a.first <= b.last and b.first <= a.last
                if together and a.size and b.size:
                    assert (
                        offsets[i] + a.size <= offsets[j]
                        or offsets[j] + b.size <= offsets[i]
                    )


def test_a_chain_of_equal_blocks_needs_two_places() -> None:
    blocks = [Block(256, i, i + 1) for i in range(100)]
    assert place(blocks)[1] == 512
