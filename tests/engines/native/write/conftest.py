"""What tests of generated code need of the processor."""

from __future__ import annotations

import pytest

from chainrule.engines.native.choose.processor import host


@pytest.fixture
def unit() -> None:
    """Only where this processor has a unit for small matrices."""
    if not host().multiplies_matrices:
        pytest.skip("this processor has no unit for small matrices")
