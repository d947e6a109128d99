"""Snapshots: everything a step changes, as arrays by name.

Place on the road: beneath checkpoints and the search for a NaN. Parameters, other
variables of the model, the optimizer's state and the random generators: restoring
them gives exactly the same next step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..errors import StateError
from ..graph import Array
from ..nn.module import Module
from ..random_numbers import Generator, default_generator

if TYPE_CHECKING:  # most trainings need one of the two
    from ..optim import Minimizer, Optimizer
    from .player_optimizers import PlayerOptimizers

    #: What trains, by gradients that it is given or by the loss itself: ``Updater``.
    AnyOptimizer: TypeAlias = Optimizer | Minimizer | PlayerOptimizers

#: The name of the default generator's state.
RANDOM = "random"


def generators(model: Module) -> Iterator[tuple[str, Generator]]:
    """Every generator that the model may draw from: the default one, and its own."""
    yield RANDOM, default_generator
    seen = {id(default_generator)}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Generator) and id(value) not in seen:
                seen.add(id(value))
                yield f"{RANDOM}.{path}.{name}", value


def capture(model: Module, optimizer: AnyOptimizer) -> dict[str, Array]:
    """Copies of all values, by name: "model.…", "optimizer.…", "random"."""
    arrays = {f"model.{name}": a for name, a in model.state_dict().items()}
    arrays |= {f"optimizer.{name}": a for name, a in optimizer.state_dict().items()}
    for name, generator in generators(model):
        arrays[name] = generator.state.array.copy()
    return arrays


def restore(
    model: Module, optimizer: AnyOptimizer, arrays: Mapping[str, Array]
) -> None:
    """Puts back what ``capture`` returned; after an error nothing has changed.

    Raises:
        StateError, ShapeError: when it is of another model or optimizer.
    """
    before = capture(model, optimizer)
    try:
        _put(model, optimizer, arrays)
    except Exception:
        _put(model, optimizer, before)
        raise


def _put(model: Module, optimizer: AnyOptimizer, arrays: Mapping[str, Array]) -> None:
    model.load_state_dict(part(arrays, "model"))
    optimizer.load_state_dict(part(arrays, "optimizer"))
    for name, generator in generators(model):
        if name not in arrays:
            raise StateError(f"resume: the state of generator {name!r} is missing")
        generator.state.assign(np.array(arrays[name]))


def part(arrays: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The entries of one owner, without its prefix.

    Example:
        >>> part({"model.weight": 1, "optimizer.step": 2}, "model")
        {'weight': 1}
    """
    prefix = f"{owner}."
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
