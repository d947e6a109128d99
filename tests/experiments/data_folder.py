"""The mark of tests that read the folder of data."""

from __future__ import annotations

import pytest

import chainrule as cr

WITH_DATA = pytest.mark.skipif(
    cr.config.data_folder is None, reason="CHAINRULE_DATA names no folder of data"
)
