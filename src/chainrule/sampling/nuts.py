"""The No-U-Turn sampler, as one compiled loop over leapfrog steps.

Place on the road: part of ``sampling``, a sampler. A trajectory doubles until it turns
back: 1, 2, 4, … steps forward or backward in time, and every chain decides for itself
when it has enough. So that no chain waits for another, the loop is not over draws but
over leapfrog steps: in each of them every chain makes its own next step, wherever in
its own tree it is, and where a tree is finished the chain begins the next.

No tree is kept. Of a subtree of 2ʲ steps the momenta at the j left edges of unfinished
smaller subtrees are enough to find every turn inside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Array
from ..nn.arguments import number_within, positive_size
from ..ops.elementwise import absolute, exp, log1p, maximum, minimum, where
from ..ops.indexing import take
from ..random_numbers import Generator
from . import adaptation, dynamics
from .draws import Draws
from .dynamics import Phase
from .running import Sampler

#: A tree that has doubled so often and not turned is far too long a way.
MOST_DOUBLINGS = 15


def nuts(
    log_density: Callable[[Any], Any],
    start: Any,
    *,
    draws: int = 1000,
    warmup: int = 1000,
    chains: int | None = 4,
    target_accept: float = 0.8,
    max_depth: int = 10,
    step_size: float | None = None,
    adapt_mass: bool = True,
    seed: int = 0,
    warn: bool = True,
) -> Draws:
    """Draws from a density by the No-U-Turn sampler: Hamiltonian Monte Carlo whose
    trajectories are as long as they should be.

    Formula: from q with a momentum p ~ N(0, M) a trajectory of leapfrog steps doubles,
    forward or backward in time by the toss of a coin, until for its ends p₋, p₊ and the
    sum ρ of its momenta (less half of both ends)

        ρᵀ M⁻¹ p₋ ≤ 0  or  ρᵀ M⁻¹ p₊ ≤ 0,

    or a part of it that doubling has made would have turned. The draw is a point of it,
    with probability ∝ exp(−H), those of the last half preferred.

    Arguments:
        log_density: a function of one point, (…), that returns log p + a constant: one
            number, written with operators of ``cr``.
        start: the point from which all chains start, (…); with ``chains=None`` one for
            each, (chains, …). Where they start apart, R̂ says more.
        draws: of each chain.
        warmup: iterations before, in which step size and masses are found; see
            ``adaptation.py``. They are not among the draws.
        chains: how many there are, side by side.
        target_accept: δ, the acceptance probability that the step size is chosen for:
            the larger, the smaller the steps.
        max_depth: how often a trajectory doubles at most.
        step_size: the first step size; without, one is looked for.
        adapt_mass: whether masses are found; otherwise all are 1.
        seed: of the chains: the same numbers for the same seed.
        warn: whether what is wrong with the draws is warned of; ``draws.problems()``
            has it in any case.

    Returns:
        The draws, with what is known of them: ``print(draws.summary())``.

    Raises:
        ArgumentError, ShapeError, DTypeError: for arguments that make no sense.
        NumericsError: for a density that is not finite at the start, or is none.

    Warns:
        UserWarning: for trajectories that diverged, chains that do not agree, and too
            few effective draws.

    Source: Hoffman & Gelman, The No-U-Turn sampler (2014); Betancourt, A conceptual
    introduction to Hamiltonian Monte Carlo (2017), appendix A, for the weights and the
    criterion; Phan, Pradhan & Jankowiak, Composable effects for flexible and
    accelerated probabilistic programming in NumPyro (2019), for the edges.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import sampling
        >>> scale = cr.tensor([1.0, 0.1])
        >>> draws = sampling.nuts(
        ...     lambda q: -0.5 * ((q / scale) ** 2).sum(), cr.zeros(2), warmup=500
        ... )
        >>> draws.values.shape
        (4, 1000, 2)
        >>> draws.values.std(axis=(0, 1)).round(1)
        array([1. , 0.1], dtype=float32)
    """
    sampler = _NUTS(
        "nuts", log_density, start, chains,
        warmup=warmup, target=target_accept, step_size=step_size,
        adapt_mass=adapt_mass, seed=seed, max_depth=max_depth,
    )  # fmt: skip
    found = sampler.run(draws)
    if warn:
        found.warn()
    return found


class _NUTS(Sampler):
    """The loop over leapfrog steps, and where every chain is in it."""

    def __init__(self, *args: Any, max_depth: int = 10, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_depth = positive_size(self.where, "max_depth", max_depth)
        number_within(
            self.where, "max_depth", max_depth, 1, MOST_DOUBLINGS,
            f"a whole number from 1 to {MOST_DOUBLINGS}",
        )  # fmt: skip
        self.edges = max(1, self.max_depth - 1)
        self.writes, self.checks = edges_of(self.max_depth)

    def noise(self, source: Generator, steps: int) -> Any:
        """Random numbers for so many leapfrog steps: a momentum, and three choices."""
        chains, size = self.density.rows.shape
        kind = self.density.rows.dtype
        return (
            source.normal((steps, chains, size), dtype=kind),
            source.uniform((steps, chains, 3), dtype=kind),
        )

    def begin(self, known: dict[str, Any], first: tuple[Any, Any], noise: Any) -> Any:
        """The carry at the beginning of the first tree of every chain."""
        rows, (value, slope) = self.density.rows, first
        p = dynamics.momentum(noise[0], known["inverse_mass"])
        here = Phase(rows, p, slope, value)
        chains, size = rows.shape
        zeros = np.zeros(chains, rows.dtype)
        whole = np.zeros(chains, np.int32)
        edges = np.zeros((chains, self.edges, size), rows.dtype)
        energy = dynamics.energy(here, known["inverse_mass"])
        chosen = {"q": rows, "slope": slope, "value": value, "energy": energy}
        return {
            "known": known,
            "iteration": whole,
            "here": tuple(here)[:3],
            "there": tuple(here)[:3],
            "energy": energy,
            "sign": _sign(noise[1][:, 2]),
            "size": whole + 1,
            "tree": {"sum": p, "weight": zeros, "chosen": chosen},
            "leaf": whole,
            "part": {"sum": 0 * p, "weight": zeros - np.inf, "chosen": chosen},
            "edges": edges,
            "sums": edges,
            "acceptance": zeros,
            "leaves": whole,
        }

    def step(self, carry: Any, noise: Any) -> tuple[Any, Any]:
        """One leapfrog step of every chain, and what follows from it."""
        normal, unit = noise
        known, sign = carry["known"], carry["sign"]
        inverse_mass = known["inverse_mass"]
        size = exp(known["log_step"])
        leaf = dynamics.leapfrog(
            self.density,
            _phase(carry["here"]),
            (sign * size)[:, None],
            inverse_mass,
        )
        found = dynamics.energy(leaf, inverse_mass)
        weight = carry["energy"] - found
        diverged = weight < -dynamics.MOST_ENERGY
        part = _with_leaf(carry["part"], leaf, found, weight, unit[:, 0])
        edges, sums = self._noted(carry, leaf.p, part["sum"])
        turned = self._turned(carry["leaf"], edges, sums, leaf.p, part, inverse_mass)
        stopped = diverged | turned
        whole = ~stopped & (carry["leaf"] + 1 == carry["size"])
        tree = _joined(carry["tree"], part, whole, unit[:, 1])
        there = _phase(carry["there"])
        around = _turning(leaf.p, there.p, tree["sum"], inverse_mass)
        last = carry["size"] >= 2 ** (self.max_depth - 1)
        ended = stopped | (whole & (around | last))
        leaves = carry["leaves"] + 1
        acceptance = carry["acceptance"] + minimum(1.0, exp(minimum(weight, 0.0)))
        mean = acceptance / leaves.astype(acceptance.dtype)
        chosen = tree["chosen"]
        emitted = {
            "ended": ended,
            "q": chosen["q"],
            "value": chosen["value"],
            "energy": chosen["energy"],
            "acceptance": mean,
            "leaves": leaves,
            "diverged": diverged,
            "full": ended & whole & ~around,
            "log_step": known["log_step"],
        }
        known = adaptation.adapted(
            known, self.plan, self.target, carry["iteration"], ended, mean, chosen["q"]
        )
        gone = {
            "known": known,
            "here": tuple(leaf)[:3],
            "tree": tree,
            "part": part,
            "edges": edges,
            "sums": sums,
            "acceptance": acceptance,
            "leaves": leaves,
        }
        return _going_on({**carry, **gone}, ended, whole, normal, unit[:, 2]), emitted

    def _noted(self, carry: Any, p: Any, sums: Any) -> tuple[Any, Any]:
        """The edges of unfinished subtrees, with this leaf where it is one."""
        writes = take(self.writes, carry["leaf"])[:, :, None]
        return (
            where(writes, p[:, None, :], carry["edges"]),
            where(writes, sums[:, None, :], carry["sums"]),
        )

    def _turned(
        self, leaf: Any, edges: Any, sums: Any, p: Any, part: Any, inverse_mass: Any
    ) -> Any:
        """Whether a subtree that this leaf finishes has turned."""
        between = part["sum"][:, None, :] - sums + edges
        mass = inverse_mass[:, None, :]
        turning = _turning(edges, p[:, None, :], between, mass)
        return (turning & take(self.checks, leaf)).any(axis=1)


def edges_of(max_depth: int) -> tuple[Array, Array]:
    """Of every leaf of the largest subtree: which edge it becomes, and with which edges
    it finishes a subtree. Both (leaves, edges).

    A leaf of even number is the left edge of subtrees; it takes the place that the
    number of ones in leaf // 2 says. One of odd number ends as many subtrees as there
    are ones at its end in binary, those with the last edges up to that place.

    Example:
        >>> writes, checks = edges_of(4)
        >>> checks.astype(int).tolist()[:4]  # 1 ends 0–1; 3 ends 0–3 and 2–3
        [[0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]]
    """
    count, edges = 2 ** (max_depth - 1), max(1, max_depth - 1)
    writes = np.zeros((count, edges), bool)
    checks = np.zeros((count, edges), bool)
    for leaf in range(count):
        last = (leaf >> 1).bit_count()
        if leaf % 2 == 0:
            writes[leaf, last] = True
        else:
            finished = (~leaf & (leaf + 1)).bit_length() - 1
            checks[leaf, last - finished + 1 : last + 1] = True
    return writes, checks


def _phase(end: Any) -> Phase:
    """An end of a trajectory; its density is of no use any more."""
    q, p, slope = end
    return Phase(q, p, slope, None)


def _sign(unit: Any) -> Any:
    """Forward or backward in time, ±1."""
    return where(unit < 0.5, -1.0, 1.0)


def _turning(p: Any, other: Any, sums: Any, inverse_mass: Any) -> Any:
    """Whether the ends of a trajectory come closer again."""
    way = inverse_mass * (sums - 0.5 * (p + other))
    return ((p * way).sum(axis=-1) <= 0.0) | ((other * way).sum(axis=-1) <= 0.0)


def _log_sum(a: Any, b: Any) -> Any:
    """log(eᵃ + eᵇ), for a finite b."""
    return maximum(a, b) + log1p(exp(-absolute(a - b)))


def _with_leaf(part: Any, leaf: Phase, energy: Any, weight: Any, unit: Any) -> Any:
    """A subtree with one leaf more, chosen in the share of its weight."""
    total = _log_sum(part["weight"], weight)
    takes = unit < exp(weight - total)
    new = {"q": leaf.q, "slope": leaf.slope, "value": leaf.value, "energy": energy}
    return {
        "sum": part["sum"] + leaf.p,
        "weight": total,
        "chosen": _instead(takes, new, part["chosen"]),
    }


def _joined(tree: Any, part: Any, whole: Any, unit: Any) -> Any:
    """A tree with its new half, whose choice is preferred by their weights."""
    takes = whole & (unit < exp(minimum(part["weight"] - tree["weight"], 0.0)))
    return {
        "sum": where(whole[:, None], tree["sum"] + part["sum"], tree["sum"]),
        "weight": where(
            whole, _log_sum(tree["weight"], part["weight"]), tree["weight"]
        ),
        "chosen": _instead(takes, part["chosen"], tree["chosen"]),
    }


def _instead(takes: Any, new: Any, old: Any) -> Any:
    """The new point where it is taken."""
    return {
        name: where(
            takes[:, None] if len(new[name].shape) == 2 else takes, new[name], old[name]
        )
        for name in old
    }


def _going_on(carry: Any, ended: Any, whole: Any, normal: Any, unit: Any) -> Any:
    """The carry after a leaf: at the next one, at the first of another half, or at the
    beginning of a new tree.

    Arguments:
        carry: with the leaf in it.
        ended: (chains,), whether the tree is finished.
        whole: (chains,), whether the half is.
        normal: (chains, D), for a new momentum.
        unit: (chains,), for a new direction.
    """
    chosen, inverse_mass = carry["tree"]["chosen"], carry["known"]["inverse_mass"]
    p = dynamics.momentum(normal, inverse_mass)
    anew = Phase(chosen["q"], p, chosen["slope"], chosen["value"])
    energy = dynamics.energy(anew, inverse_mass)
    ahead, between = _sign(unit), ended | whole
    here, there = _ends(carry, whole & (ahead != carry["sign"]), ended, tuple(anew)[:3])
    half = where(whole, 2 * carry["size"], carry["size"])
    return {
        **carry,
        "iteration": carry["iteration"] + ended.astype("int32"),
        "here": here,
        "there": there,
        "energy": where(ended, energy, carry["energy"]),
        "sign": where(between, ahead, carry["sign"]),
        "size": where(ended, 1, half),
        "tree": {
            "sum": where(ended[:, None], p, carry["tree"]["sum"]),
            "weight": where(ended, 0.0, carry["tree"]["weight"]),
            "chosen": chosen,
        },
        "leaf": where(between, 0, carry["leaf"] + 1),
        "part": {
            "sum": where(between[:, None], 0.0, carry["part"]["sum"]),
            "weight": where(between, -math.inf, carry["part"]["weight"]),
            "chosen": carry["part"]["chosen"],
        },
        "acceptance": where(ended, 0.0, carry["acceptance"]),
        "leaves": where(ended, 0, carry["leaves"]),
    }


def _ends(carry: Any, flips: Any, ended: Any, anew: Any) -> tuple[Any, Any]:
    """The end that moves on, and the other: of a new tree both are its beginning."""
    turned, over = flips[:, None], ended[:, None]
    pairs = zip(carry["here"], carry["there"], anew, strict=True)
    here, there = [], []
    for moving, resting, first in pairs:
        here.append(where(over, first, where(turned, resting, moving)))
        there.append(where(over, first, where(turned, moving, resting)))
    return tuple(here), tuple(there)
