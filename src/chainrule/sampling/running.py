"""Chains side by side through their warm-up and their draws, some iterations a call.

Place on the road: part of ``sampling``, below the samplers, which say what one step of
their loop is. A call of compiled code makes many steps; what Python does between two
calls is to keep the draws.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..compiler.compile import compile
from ..errors import ArgumentError
from ..graph import Array
from ..nn.arguments import number_within, positive_size
from ..ops.control import scan
from ..random_numbers import Generator
from . import adaptation, dynamics
from .density import Density
from .draws import Draws

#: Steps in a call: so many that Python does not matter, so few that Ctrl-C is heard and
#: what they emit stays in the processor's cache.
MOST_STEPS, LEAST_STEPS, MOST_NUMBERS = 1024, 16, 1 << 19


class Sampler(ABC):
    """What Hamiltonian samplers have in common.

    Arguments:
        where: its name, as messages call it.
        log_density, start, chains: see ``Density``.
        warmup: iterations before the draws.
        target: the acceptance probability that step sizes are chosen for.
        step_size: the first one; None: one is looked for.
        adapt_mass: whether masses are found.
        seed: of all random numbers.
    """

    #: how many leapfrog steps a step of the loop is
    inner: int = 1

    def __init__(
        self,
        where: str,
        log_density: Callable[[Any], Any],
        start: Any,
        chains: int | None,
        *,
        warmup: int,
        target: float,
        step_size: float | None,
        adapt_mass: bool,
        seed: int,
    ) -> None:
        self.where = where
        iterations = number_of_warmup(where, warmup)
        rule = "a probability, from 0.05 to 0.999"
        self.target = number_within(where, "target_accept", target, 0.05, 0.999, rule)
        if step_size is not None:
            low, high = dynamics.LEAST_STEP, dynamics.MOST_STEP
            rule = "a number above 0"
            step_size = number_within(where, "step_size", step_size, low, high, rule)
        self.step_size = step_size
        self.source = Generator(seed)
        self.density = Density(where, log_density, start, chains)
        self.plan = adaptation.plan(iterations, bool(adapt_mass))

    @abstractmethod
    def noise(self, source: Generator, steps: int) -> Any:
        """Random numbers for so many steps of the loop."""

    @abstractmethod
    def begin(self, known: dict[str, Any], first: tuple[Any, Any], noise: Any) -> Any:
        """The carry of the loop before its first step; ``noise`` is that of one."""

    @abstractmethod
    def step(self, carry: Any, noise: Any) -> tuple[Any, Any]:
        """One step of the loop: the carry, and what it emits of every chain."""

    def run(self, draws: int) -> Draws:
        """The warm-up, and so many draws of every chain."""
        count = positive_size(self.where, "draws", draws)
        chains, size = self.density.rows.shape
        first = self.density.first()
        steps = self._first_steps(first)
        noise = tuple(each[0] for each in self.noise(self.source, 1))
        carry = self.begin(adaptation.beginning(steps, self.density.rows), first, noise)
        wanted = (count + self.plan.iterations) * max(self.inner, LEAST_STEPS)
        fitting = MOST_NUMBERS // (chains * size) * self.inner
        most = max(LEAST_STEPS, min(MOST_STEPS, fitting, wanted))
        length = max(1, most // self.inner)

        def go(carry: Any, source: Generator) -> Any:
            return scan(self.step, carry, self.noise(source, length))

        compiled = compile(go)
        kept = Kept(chains, self.plan.iterations, count)
        while not kept.full:
            carry, emitted = compiled(carry, self.source)
            kept.add({name: each.numpy() for name, each in emitted.items()})
        return self._draws(kept.arrays(), carry["known"])

    def _first_steps(self, first: tuple[Any, Any]) -> Array:
        if self.step_size is not None:
            return np.full(self.density.chains, self.step_size)
        return dynamics.first_steps(self.density, first, self.source, self.target)

    def _draws(self, found: Mapping[str, Array], known: Mapping[str, Any]) -> Draws:
        shape = self.density.shape
        masses = known["inverse_mass"].numpy()
        return Draws(
            sampler=self.where,
            values=found["q"].reshape(*found["q"].shape[:2], *shape),
            log_density=found["value"],
            energy=found["energy"],
            acceptance=found["acceptance"],
            leapfrog_steps=found["leaves"],
            diverged=found["diverged"],
            unfinished=found["full"],
            step_size=np.exp(found["log_step"][:, -1].astype(float)),
            inverse_mass=masses.reshape(len(masses), *shape),
        )


class Kept:
    """The draws of chains that do not finish their iterations together.

    Arguments:
        chains: how many there are.
        skipped: iterations of each that are no draws.
        wanted: draws of each.
    """

    def __init__(self, chains: int, skipped: int, wanted: int) -> None:
        self.skipped, self.wanted = skipped, wanted
        self.done = np.zeros(chains, int)
        self.found: dict[str, Array] = {}

    @property
    def full(self) -> bool:
        """Whether every chain has all its draws."""
        return bool((self.done >= self.skipped + self.wanted).all())

    def add(self, emitted: Mapping[str, Array]) -> None:
        """Keeps what was emitted at the ends of iterations, (steps, chains, …)."""
        ended = emitted["ended"]
        number = np.cumsum(ended, axis=0) - 1 + self.done - self.skipped
        step, chain = np.nonzero(ended & (number >= 0) & (number < self.wanted))
        for name, values in emitted.items():
            if name not in self.found:
                shape = (len(self.done), self.wanted, *values.shape[2:])
                self.found[name] = np.zeros(shape, values.dtype)
            self.found[name][chain, number[step, chain]] = values[step, chain]
        self.done += ended.sum(axis=0)

    def arrays(self) -> dict[str, Array]:
        """(chains, draws, …) each."""
        return self.found


def number_of_warmup(where: str, value: Any) -> int:
    """How many iterations come before the draws.

    Raises:
        ArgumentError: for anything but a whole number of at least 0.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ArgumentError(
            f"{where}: warmup={value!r}: expected a whole number of at least 0"
        )
    return int(value)
