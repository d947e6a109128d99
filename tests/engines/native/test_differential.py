"""The native engine computes what the NumPy engine computes, on random programs.

These are the first of them; ``python -m tests.engines.native.random_programs 10000``
tries more, as long as one likes.
"""

from __future__ import annotations

import pytest

from chainrule.config import config
from tests.engines.native.random_programs import differences

#: Seeds of programs that were once wrong.
PAST_FAILURES: tuple[int, ...] = (147, 348, 528, 673)


@pytest.mark.parametrize("block", range(10))
def test_random_programs_agree_and_stay_within_their_buffers(block: int) -> None:
    config.debug = True  # every load and store is checked
    found = {seed: differences(seed) for seed in range(block * 30, block * 30 + 30)}
    assert not {seed: wrong for seed, wrong in found.items() if wrong}


@pytest.mark.parametrize("seed", PAST_FAILURES)
def test_what_was_once_wrong_stays_right(seed: int) -> None:
    assert not differences(seed)
