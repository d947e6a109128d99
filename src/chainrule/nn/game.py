"""``Game``: a module whose parts learn by losses of their own, in turns.

Place on the road: beside the containers; the base of what is no minimisation of one
loss. It must not know of optimizers: who trains it makes the moves.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from .module import Module


class Game(Module):
    """A module of several players, each a part of it with a loss of its own.

    A subclass names its players and writes ``turns``, which yields whose turn it is and
    that player's loss. Whoever trains the game moves that player before it asks for
    the next turn, so a loss that comes later is computed with the new weights. Of each
    loss only the gradients of the parameters of its own player are ever looked at: no
    other part can be changed by it, whatever the loss was computed from.

    ``cr.fit(game, data)`` gives each player an optimizer of its own; all turns of a
    step are one compiled call. The history's ``loss`` is that of the first player, and
    each other player has a column.

    Calling it returns the losses by player.

    Class attributes:
        players: the names of the parts, in the order of their turns.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, optim
        >>> class Chase(nn.Game):
        ...     players = ("hare", "hound")
        ...     def __init__(self):
        ...         self.hare, self.hound = nn.Linear(1, 1), nn.Linear(1, 1)
        ...     def turns(self, x, training=False):
        ...         yield "hare", -cr.abs(self.hare(x) - self.hound(x)).mean()
        ...         yield "hound", ((self.hare(x) - self.hound(x)) ** 2).mean()
        >>> x = cr.ones((8, 1)).numpy()
        >>> how = {"hare": optim.SGD(lr=0.1), "hound": optim.SGD(lr=0.4)}
        >>> history = cr.fit(Chase(), x, optimizer=how, epochs=3, progress=False)
        >>> [column for column in history.columns if "loss" in column]
        ['loss', 'hound_loss']
    """

    outputs_loss: ClassVar[bool] = True
    players: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def turns(self, *data: Any, **mode: Any) -> Iterator[tuple[str, Any]]:
        """One step: each player's name and loss, in the order of ``players``.

        Arguments:
            data: a batch: the inputs and, where the data has them, the targets.
            mode: ``training``, whether the players are moved.
        """

    def due(self, step: int) -> tuple[str, ...]:
        """Who moves in a step: all, unless a game says otherwise.

        Arguments:
            step: its number, from 1.
        """
        return self.players

    def check(self, *data: Any) -> None:
        """Looks at the first batch before training, to refuse it or to warn: nothing,
        unless a game has something to say.

        Arguments:
            data: arrays, as ``turns`` is given them.
        """

    def forward(self, *data: Any, training: bool = False) -> dict[str, Any]:
        """The loss of each player, without a move."""
        return dict(self.turns(*data, training=training))
