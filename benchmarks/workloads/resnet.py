"""ResNet-20 for small images (He et al. 2016, section 4.2).

Three stages of three blocks with 16, 32 and 64 filters of 3 × 3; the first convolution
of a later stage has stride 2, and so has the 1 × 1 convolution beside it (shortcut B).
"""

from __future__ import annotations

from . import convolutional, training
from .convolutional import Layers

SUMMARY = "ResNet-20 on 32×32×3, batch 32, SGD: one step"
MEASURE = "step"
TOLERANCE = 1e-3  # the variances of twenty layers, in float32


def block(filters: int, stride: int, same: bool) -> tuple[object, ...]:
    """Two convolutions, and what leads around them."""
    body: Layers = [
        ("conv", filters, 3, stride, 1, False),
        ("norm",),
        ("relu",),
        ("conv", filters, 3, 1, 1, False),
        ("norm",),
    ]
    shortcut: Layers = [("conv", filters, 1, stride, 0, False), ("norm",)]
    return "residual", body, [] if same else shortcut


def layers(blocks: int = 3) -> Layers:
    """6 · blocks + 2 layers with weights, beside the shortcuts."""
    made: Layers = [("conv", 16, 3, 1, 1, False), ("norm",), ("relu",)]
    for stage, filters in enumerate((16, 32, 64)):
        for number in range(blocks):
            changes = stage > 0 and number == 0
            made.append(block(filters, 2 if changes else 1, not changes))
    return [*made, ("mean",), ("linear", 10)]


LAYERS = layers()
BUILDERS = convolutional.builders(LAYERS)


def problem() -> training.Problem:
    """Batches of 32 images."""
    return convolutional.problem(LAYERS, (32, 32, 3), batch=32, rate=0.01)
