"""The optimizers of a game: one for each player, each given that player's parameters.

Place on the road: below the steps and checkpoints. It must not know of losses, epochs
or callbacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import nn, optim
from ..errors import ArgumentError
from ..optim.parameter_groups import Params, count_text
from ..variable import Parameter, Variable


class PlayerOptimizers(optim.Updater):
    """The optimizers of a game, one for each player, saved and resumed as one.

    Arguments:
        by_player: player ↦ optimizer, bound to that player's parameters.

    Attributes:
        by_player: the same.
    """

    def __init__(self, by_player: Mapping[str, optim.Optimizer]) -> None:
        self.by_player = dict(by_player)
        self._count = Variable(0, name="step")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of all players."""
        return tuple(w for each in self.by_player.values() for w in each.parameters)

    @property
    def num_steps(self) -> int:
        """How many steps have been done, in each of which some players moved."""
        return int(self._count.item())

    def count(self) -> None:
        """One step more."""
        self._count.assign(self._count + 1)

    def _bind(self, params: Params) -> None:
        raise ArgumentError(
            "PlayerOptimizers: its optimizers are bound to their players already"
        )

    def _variables(self) -> dict[str, Variable]:
        named = {
            f"{player}.{name}": variable
            for player, each in self.by_player.items()
            for name, variable in each._variables().items()
        }
        return {"step": self._count, **named}

    def _options(self) -> list[dict[str, Any]]:
        return [one for each in self.by_player.values() for one in each._options()]

    def _set_options(self, options: Sequence[Mapping[str, Any]]) -> None:
        start = 0
        for each in self.by_player.values():
            end = start + len(each.groups)
            each._set_options(options[start:end])
            start = end

    def __repr__(self) -> str:
        return "; ".join(f"{name}: {each!r}" for name, each in self.by_player.items())


def player_optimizers(optimizer: Any, game: nn.Game) -> PlayerOptimizers:
    """The optimizers of a game, from what ``fit`` is given.

    Arguments:
        optimizer: a name or a specification, of which each player gets one of its own,
            or these by player; None for Adam.
        game: whose players they train.

    Raises:
        ArgumentError: for players that there are not, or are left out; for an optimizer
            of other parameters than its player's, or one that evaluates the loss.

    Example:
        >>> from chainrule import models, optim
        >>> gan = models.mlp_gan(2, latent=2, hidden=(8,))
        >>> player_optimizers(optim.SGD(lr=0.1), gan)  # doctest: +NORMALIZE_WHITESPACE
        discriminator: SGD(lr=0.1; 4 parameters, 33 numbers); generator: SGD(lr=0.1; 4
        parameters, 42 numbers)
    """
    name = type(game).__name__
    if not isinstance(optimizer, Mapping):
        if isinstance(optimizer, optim.Updater) and optimizer.is_bound:
            raise ArgumentError(
                f"fit: optimizer={type(optimizer).__name__} of "
                f"{count_text(optimizer.parameters)} for {name}, whose players "
                f"{' and '.join(game.players)} have an optimizer each",
                fix="optim.Adam(lr=2e-4), without parameters, for all; or "
                + _example(game),
            )
        optimizer = dict.fromkeys(game.players, optimizer)
    if set(optimizer) != set(game.players):
        raise ArgumentError(
            f"fit: optimizer= of {', '.join(map(str, optimizer)) or 'nobody'}: the "
            f"players of {name} are {' and '.join(game.players)}",
            fix=_example(game),
        )
    return PlayerOptimizers(
        {p: _of_player(p, optimizer[p], getattr(game, p)) for p in game.players}
    )


def _example(game: nn.Game) -> str:
    each = ", ".join(f'"{player}": optim.Adam(lr=2e-4)' for player in game.players)
    return f"optimizer={{{each}}}"


def _of_player(player: str, given: Any, part: nn.Module) -> optim.Optimizer:
    """One player's optimizer, bound."""
    own = part.parameters()
    if not own:
        raise ArgumentError(
            f"fit: {player} has no parameters: there is nothing to train",
            fix="keep layers and parameters in attributes of the model",
        )
    if given is None or isinstance(given, str):
        given = optim.by_name(given or "adam", own)
    if not isinstance(given, optim.Updater):
        raise ArgumentError(
            f"fit: optimizer={given!r} of {player}: expected a name or an optimizer",
            fix="optim.Adam(lr=2e-4)",
        )
    if not isinstance(given, optim.Optimizer):
        raise ArgumentError(
            f"fit: {type(given).__name__} of {player}: it looks for the least value of "
            "one loss, and a game has none",
            fix="optim.Adam(lr=2e-4), or another optimizer that takes a learning rate",
        )
    if not given.is_bound:
        return given.bound_to(own)
    if set(given.parameters) - set(own):
        raise ArgumentError(
            f"fit: the optimizer of {player} has parameters of another part: nobody "
            "but their own player may move them",
            fix="optim.Adam(lr=2e-4), which is given those of its player",
        )
    return given
