"""The algorithms of ``optim`` by what they are given."""

from __future__ import annotations

from chainrule import optim

#: The names of those that take gradients; the others evaluate the loss themselves.
TAKE_GRADIENTS = sorted(
    name for name, each in optim.ALGORITHMS.items() if issubclass(each, optim.Optimizer)
)
