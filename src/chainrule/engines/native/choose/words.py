"""What a sum of products reads at a time: numbers, or words of two bfloat16.

Place on the road: below the choices for products and convolutions. bfloat16 lie in
memory in words of two that are neighbours along the sum; a word is as large as a
float32, so tiles, panels and strides are those of float32, of half as many terms.
"""

from __future__ import annotations

from enum import Enum

from ..plan.kernels import Contraction, ConvolutionGradient
from .processor import Host


class Words(Enum):
    """What a step of the sum reads of a factor."""

    #: A number, of the result's own dtype.
    NUMBERS = "numbers"
    #: Two bfloat16, which one instruction multiplies and adds.
    PAIRS = "pairs"
    #: The same, on a processor without such an instruction.
    PAIRS_APART = "pairs, apart"


def words_of(kernel: Contraction | ConvolutionGradient, host: Host) -> Words:
    """What a kernel reads, and how this processor multiplies it."""
    if not kernel.pairs:
        return Words.NUMBERS
    return Words.PAIRS if host.multiplies_pairs else Words.PAIRS_APART
