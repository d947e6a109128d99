"""What convolutions are cut into, and what all ways of cutting them share.

Place on the road: below ``choose.convolution`` and ``choose.matrix_convolution``, which
choose.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..plan.convolution_spec import Correlation
from .words import Words

#: From this many images on, each is worked on as a whole.
MANY_IMAGES = 8


@dataclass(frozen=True)
class Blocks:
    """How a correlation is cut.

    Attributes:
        lanes, vectors: a panel of weights is ``lanes · vectors`` outputs wide.
        columns: the pixels of a tile, along the last spatial axis.
        strip: how many results of the first spatial axis are computed at a time.
        shared: into how many pieces the panels are divided, where images are few.
        words: what is read at a time.
    """

    lanes: int
    vectors: int
    columns: int
    strip: int
    shared: int
    words: Words = Words.NUMBERS

    @property
    def width(self) -> int:
        """Outputs of a panel."""
        return self.lanes * self.vectors

    def __str__(self) -> str:
        return f"tile {self.columns}×{self.width}, strips of {self.strip}"


def panels_of(spec: Correlation, blocks: Blocks) -> int:
    """Panels of one group."""
    return -(-spec.outputs // blocks.width)


def panel_elements(spec: Correlation, blocks: Blocks) -> int:
    """The size of all panels together."""
    rows = spec.taps * spec.inputs
    return spec.groups * panels_of(spec, blocks) * rows * blocks.width


def largest_counts(spec: Correlation) -> tuple[int, ...]:
    """How many results the largest phase has along each axis."""
    return tuple(
        max(phase.axes[i].count for phase in spec.phases)
        for i in range(len(spec.phases[0].axes))
    )


def units_of(spec: Correlation, blocks: Blocks) -> int:
    """Into how many pieces the work can be divided."""
    strips = -(-largest_counts(spec)[0] // blocks.strip)
    return spec.batch * strips * blocks.shared
