"""Networks compute natively what they compute eagerly, step after step.

These are the first of them; ``python -m tests.engines.native.random_networks 1000``
tries more.
"""

from __future__ import annotations

import pytest

from tests.engines.native.random_networks import differences

#: Seeds of networks that were once wrong. 54, 1017: the gradient of a maximum with
#: ``keepdims``. 1002, 1049, 1536: a product with three or four columns, for vectors of
#: two numbers.
PAST_FAILURES = (54, 1002, 1017, 1049, 1536)


@pytest.mark.parametrize("block", range(5))
def test_random_networks_train_natively_as_eagerly(block: int) -> None:
    found = {seed: differences(seed) for seed in range(block * 5, block * 5 + 5)}
    assert not {seed: wrong for seed, wrong in found.items() if wrong}


@pytest.mark.parametrize("seed", PAST_FAILURES)
def test_what_was_once_wrong_stays_right(seed: int) -> None:
    assert not differences(seed)
