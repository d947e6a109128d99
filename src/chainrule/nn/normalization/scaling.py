"""The last step of batch and instance normalisation: learned scale and offset."""

from __future__ import annotations

from typing import Any

from ...ops.elementwise import sqrt


def scaled(centred: Any, var: Any, weight: Any, bias: Any) -> Any:
    """γ (x − μ) / √(σ² + ε) + β, with one factor for each feature."""
    factor = (1.0 if weight is None else weight) / sqrt(var)
    y = centred * factor
    return y if bias is None else y + bias
