"""Training in turns: a game, whose players learn by losses of their own.

Place on the road: beside ``step``, for an ``nn.Game``. Each player has an optimizer of
its own, which is given the gradients of that player's loss for that player's
parameters, and no others. It must not know of epochs or callbacks.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .. import nn
from ..backprop import backprop
from ..compiler.compile import compile
from ..variable import Parameter
from ..wording import counted
from .objective import GameObjective
from .player_optimizers import PlayerOptimizers
from .step import Check, Probe, check_reached, watched_call

#: In so many steps each player has its turn: longer trainings are not looked through.
MANY_STEPS = 10_000


class GameStep:
    """A training step of a game: every turn's loss, backward pass and update, as one
    compiled function. It returns what ``training_step``'s function does, with the loss
    of the first player.

    Which players move in which step is the game's to say; there is a compiled function
    for each such choice.

    Arguments:
        model: the game.
        objective, metrics, optimizer, check, engine, probes: as those of
            ``training_step``.
    """

    def __init__(
        self,
        model: nn.Game,
        objective: GameObjective,
        metrics: Sequence[Any],
        optimizer: PlayerOptimizers,
        check: Check,
        engine: str | None,
        probes: Sequence[Probe] = (),
    ) -> None:
        self.model, self.objective, self.optimizer = model, objective, optimizer
        self.metrics, self.probes = metrics, probes
        self._engine, self._begun = engine, False
        self._compiled: dict[tuple[str, ...], Any] = {}

    def __call__(self, inputs: Any, targets: Any) -> Any:
        """One step."""
        if not self._begun:
            self.model.check(*self._data(inputs, targets))
            self._begun = True
        due = self._due()
        if due not in self._compiled:
            self._compiled[due] = compile(self._of(due), engine=self._engine)
        return self._compiled[due](inputs, targets)

    def function(self, inputs: Any, targets: Any) -> Any:
        """The same, operation by operation."""
        return self._of(self._due())(inputs, targets)

    def _due(self) -> tuple[str, ...]:
        """Who moves in the next step."""
        return tuple(self.model.due(self.optimizer.num_steps + 1))

    def _data(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        given = self.objective.arguments(inputs, targets)
        return given if isinstance(given, tuple) else (given,)

    def _of(self, due: Sequence[str]) -> Any:
        """The step in which these players move."""
        model, optimizer, probes = self.model, self.optimizer, self.probes

        def step(inputs: Any, targets: Any) -> Any:
            before = {w: w.read() for w in model.parameters()} if probes else {}
            losses: dict[str, Any] = {}
            gradients: dict[Parameter, Any] = {}
            waiting = set(due)
            with watched_call(model, probes):
                turns = model.turns(*self._data(inputs, targets), training=True)
                for player, value in turns:
                    losses[player] = self.objective.of(player, value)
                    if player in waiting:
                        gradients |= self._move(player, losses[player])
                    waiting.discard(player)
                    if not waiting:  # the turns of others would change nothing
                        break
            optimizer.count()
            measured = [
                each.measure(losses, None) if each.key in losses else None
                for each in self.metrics
            ]
            probed = [probe.measure(gradients, before) for probe in probes]
            return losses[model.players[0]], measured, probed

        return step

    def _move(self, player: str, loss: Any) -> dict[Parameter, Any]:
        """Changes a player by its loss; the gradients of its parameters, by which it
        was changed. A player all of whose parameters are frozen stays as it is.
        """
        own = self.optimizer.by_player[player]
        part = getattr(self.model, player)
        found = backprop(loss)
        check_reached(part, own, found)
        gradients = {w: found[w] for w in part.parameters() if w in found}
        moved = [w for w in own.parameters if not w.frozen]
        if moved:
            own.step({w: gradients[w] for w in moved})
        return gradients


def warn_of_idle_players(model: nn.Game, steps: int) -> None:
    """A warning for a player that has no turn in a training.

    Arguments:
        model: the game.
        steps: how many there are.
    """
    if steps > MANY_STEPS:
        return
    idle = dict.fromkeys(model.players)
    for step in range(1, steps + 1):
        for player in model.due(step):
            idle.pop(player, None)
        if not idle:
            return
    for player in idle:
        warnings.warn(
            f"fit: {player} of {type(model).__name__} has no turn in "
            f"{counted(steps, 'step')} and stays as it is: more epochs, smaller "
            "batches, or a smaller critic_steps= of a GAN",
            stacklevel=5,
        )
