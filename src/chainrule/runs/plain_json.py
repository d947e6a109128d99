"""JSON text that every reader takes.

Place on the road: below the folder of a run and below what commands print.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def as_json(values: Any) -> str:
    """JSON that every reader takes: arrays as lists, NaN and infinities as null."""
    return json.dumps(_plain(values), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
