"""Losses of pens for outputs and targets of any size: all finite, and their gradients.

    python -m tests.models.handwriting.fuzz 1000000

compares nothing: it looks for NaN and infinities in so many rows, of which the tests
look at the first thousands.
"""

from __future__ import annotations

import sys

import numpy as np

import chainrule as cr
from chainrule import models

COMPONENTS, ROWS = 3, 5000


@cr.compile
def step(f: object, y: object) -> object:
    """The loss of every row, and its gradient by the outputs and the targets."""
    density = models.BivariateMixture(COMPONENTS, least=1e-3)
    return cr.value_and_grad(
        lambda f, y: -density.log_prob(f, y).sum(), argnums=(0, 1)
    )(f, y), density.log_prob(f, y)


def numbers(source: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros, numbers about 1, and numbers of every size up to 10³⁰, of both signs."""
    sizes = 10.0 ** source.uniform(-30, 30, shape)
    usual = source.standard_normal(shape) * 10.0 ** source.integers(0, 3, shape)
    chosen = np.where(source.random(shape) < 0.5, usual, sizes)
    chosen[source.random(shape) < 0.05] = 0.0
    return (chosen * source.choice([-1.0, 1.0], shape)).astype(np.float32)


def wrong_rows(count: int, seed: int = 0) -> int:
    """How many of so many rows have a loss or gradient that is not finite."""
    source = np.random.default_rng(seed)
    wrong = 0
    for _ in range(-(-count // ROWS)):
        f = numbers(source, (ROWS, 6 * COMPONENTS))
        y = numbers(source, (ROWS, 2))
        (_, gradients), losses = step(f, y)
        found = [losses.numpy()[:, None], *(each.numpy() for each in gradients)]
        fine = np.isfinite(np.concatenate(found, axis=1)).all(axis=1)
        wrong += int((~fine).sum())
    return wrong


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    found = wrong_rows(asked)
    sys.stdout.write(f"{asked} rows, {found} with a loss or gradient not finite\n")
    sys.exit(bool(found))
