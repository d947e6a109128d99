"""Strips: rows of images copied to scratch memory, with zeros around them.

Place on the road: below the convolutions of ``matrix`` and ``matrix_gradient``, whose
registers read whole lines of neighbours: what lies outside of an image has to be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...plan.convolution_spec import Axis
from .. import ir
from ..emit import address, clear, copy, index, linear, loop


@dataclass(frozen=True)
class Strips:
    """What is copied, and to where.

    Attributes:
        axes: two spatial axes, for the size of the images.
        strides: of images, rows and pixels.
        inputs: the words of a pixel, which are neighbours.
        left, pitch: the columns of a strip before an image's first, and in all.
        element, size: a word's type, and its bytes.
    """

    axes: Sequence[Axis]
    strides: tuple[int, ...]
    inputs: int
    left: int
    pitch: int
    element: ir.Type
    size: int

    def at(
        self, b: ir.IRBuilder, strip: ir.Value, line: ir.Value, column: ir.Value
    ) -> ir.Value:
        """Where a pixel of a strip is."""
        terms = [(line, self.pitch * self.inputs), (column, self.inputs)]
        return address(b, strip, self.element, linear(b, 0, terms))

    def copy(
        self,
        b: ir.IRBuilder,
        x: ir.Value,
        image: ir.Value,
        first: ir.Value,
        strip: ir.Value,
        height: int,
    ) -> None:
        """Copies ``height`` rows of an image, from its row ``first`` on, which may lie
        outside of it."""
        with loop(b, 0, height, name="line") as line:
            row = b.add(first, line)
            there = b.and_(
                b.icmp_signed(">=", row, index(0)),
                b.icmp_signed("<", row, index(self.axes[0].size)),
            )
            with b.if_else(there) as (then, otherwise):
                with then:
                    self._line(b, x, image, row, self.at(b, strip, line, index(0)))
                with otherwise:
                    whole = index(self.pitch * self.inputs * self.size)
                    clear(b, self.at(b, strip, line, index(0)), whole)

    def _line(
        self,
        b: ir.IRBuilder,
        x: ir.Value,
        image: ir.Value,
        row: ir.Value,
        target: ir.Value,
    ) -> None:
        """A row of an image, and zeros on both sides."""
        by_image, by_row, by_pixel = self.strides
        pixels = min(self.axes[1].size, self.pitch - self.left)
        behind, pixel = self.left + pixels, self.inputs * self.size

        def place(column: ir.Value) -> ir.Value:
            return address(b, target, self.element, b.mul(column, index(self.inputs)))

        for at, count in ((0, self.left), (behind, self.pitch - behind)):
            if count:
                clear(b, place(index(at)), index(count * pixel))
        begin = linear(b, 0, [(image, by_image), (row, by_row)])
        if by_pixel == self.inputs or pixels == 1:
            source = address(b, x, self.element, begin)
            copy(b, place(index(self.left)), source, index(pixels * pixel))
            return
        with loop(b, 0, pixels, name="pixel") as i:
            where = b.add(begin, b.mul(i, index(by_pixel)))
            source = address(b, x, self.element, where)
            copy(b, place(b.add(i, index(self.left))), source, index(pixel))
