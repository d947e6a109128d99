"""The native engine answers what the NumPy engine answers, on random programs."""

from __future__ import annotations

import pytest

from chainrule.config import config
from tests.engines.native.random_programs import differences

#: Seeds of programs that were once wrong.
PAST_FAILURES: tuple[int, ...] = (147, 348, 528, 673)


@pytest.mark.parametrize("block", range(16))
def test_random_programs_agree_and_stay_within_their_buffers(block: int) -> None:
    config.debug = True  # every load and store is checked
    found = {seed: differences(seed) for seed in range(block * 60, block * 60 + 60)}
    assert not {seed: wrong for seed, wrong in found.items() if wrong}


@pytest.mark.parametrize("seed", PAST_FAILURES)
def test_what_was_once_wrong_stays_right(seed: int) -> None:
    assert not differences(seed)
