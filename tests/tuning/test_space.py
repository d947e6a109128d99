"""What is tried: the values of a range."""

from __future__ import annotations

import pytest

from chainrule.tuning.space import decades


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (3e-4, 0.3, (3e-4, 3e-3, 3e-2, 0.3)),
        (2.5e-3, 24.9, (2.5e-3, 2.5e-2, 0.25, 2.5)),
        (1e-308, 1e-306, (1e-308, 1e-307, 1e-306)),
    ],
)
def test_a_range_of_powers_of_ten_has_the_very_numbers(low, high, values) -> None:
    assert decades(low, high).values == values


def test_the_widest_range_of_all_floats_has_its_powers_of_ten() -> None:
    values = decades(5e-324, 1.7e308).values
    assert len(values) == 632
    assert 1e307 < values[-1] <= 1.7e308
