"""Adam for long tables. Place on the road: an algorithm of ``optim``."""

from __future__ import annotations

from typing import ClassVar

from .adam import Adam


class SparseAdam(Adam):
    """Adam that leaves those rows of a table alone that a batch does not look up.

    Formula::

        m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²          v̂ = v / (1 − β₂ᵗ)
        w ← w − η m̂ / (√v̂ + ε)

    for the rows that the batch looks up, with g their gradient and t the step.
    ``Adam`` itself moves every row in every step: where the gradient is 0, m is not,
    and it shrinks. Here such rows, and their m and v, wait until they are looked up
    again. A compiled step then costs as much as the tokens of the batch, however long
    the table is. A parameter that is not looked up by rows is trained by ``Adam``'s
    rule. Very large gradients count as they do there.

    Arguments:
        params: parameters or groups of them; without, a specification for ``cr.fit``.
        lr: η, a positive number or a schedule.
        betas: β₁ and β₂, each at least 0 and less than 1.
        eps: ε, positive.
        transforms: what is done to the gradients before the rule, in order.
        maximize: whether to climb, with −g in the place of g.

    Source: Kingma & Ba (2015), algorithm 1, on rows, as PyTorch's class of this name.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, optim
        >>> table = nn.Embedding(1000, 4)
        >>> before = table.weight.numpy().copy()
        >>> optimizer = optim.SparseAdam([table.weight], lr=0.1)
        >>> optimizer.step(cr.backprop(table([7, 7, 999]).sum()))
        >>> (table.weight.numpy() != before).any(axis=1).nonzero()
        (array([  7, 999]),)
    """

    by_rows: ClassVar[bool] = True
