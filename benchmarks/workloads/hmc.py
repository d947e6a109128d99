"""Hamiltonian Monte Carlo over the weights of a small network, four chains.

A network D-50-1 with tanh, N rows, y ~ N(f, 0.5²) and weights ~ N(0, 1)::

    log p = −2 Σ (y − f)² − ½ Σ w²

Trajectories of 50 leapfrog steps of one size with masses of 1, nothing adapted: every
library does the same work, and draws its own momenta. What is compared is the mean of
log p after a while, to a twentieth. A step is one leapfrog step of all four chains.

Each is used by what its users call: ``sampling.hmc``, whose call traces and looks up
what is compiled; the kernels of numpyro and blackjax in one ``jax.lax.scan``, compiled
once. PyTorch has no sampler; it is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMMARY = "HMC over a network's weights, 4 chains, 50 steps a draw: one leapfrog step"
MEASURE = "step"
CASES = ("1-50-1, 100 rows", "13-50-1, 455 rows")
TOLERANCE = 0.05
CHAINS, LEAPFROG, DRAWS, HIDDEN = 4, 50, 40, 50
STEP_SIZE = 0.005
#: Passes after which log p is looked at, from where on it is averaged.
SETTLED, AVERAGED = 2, 4
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Rows, and the points that the chains start from."""

    x: Array
    y: Array
    starts: Array

    @property
    def steps(self) -> int:
        """Leapfrog steps in a pass."""
        return DRAWS * LEAPFROG

    def operations(self) -> int:
        """Of every chain x Wᵀ, h v, and the gradients by W, by v and by h."""
        rows, inputs = self.x.shape
        return CHAINS * rows * HIDDEN * 2 * (2 * inputs + 3)

    def traffic(self) -> tuple[int, int]:
        """The weights and momenta are read and written."""
        return 2 * self.starts.nbytes, 2 * self.starts.nbytes


def problem(case: str = CASES[1]) -> Problem:
    """A network's own function, and noise."""
    generator = np.random.default_rng(1)
    inputs, rows = int(case.split("-")[0]), int(case.split()[1])
    x = generator.standard_normal((rows, inputs))
    hidden = np.tanh(x @ generator.standard_normal((inputs, HIDDEN)))
    y = hidden @ generator.standard_normal((HIDDEN, 1))
    y = y / y.std() + 0.5 * generator.standard_normal((rows, 1))
    size = HIDDEN * (inputs + 2) + 1
    starts = 0.1 * generator.standard_normal((CHAINS, size))
    return Problem(x.astype("f4"), y.astype("f4"), starts.astype("f4"))


@dataclass
class Sampler:
    """Chains that go on.

    Attributes:
        run: the chains' log p (draws, chains) or (chains, draws), of a pass.
    """

    run: Callable[[], Any]

    def __call__(self, passes: int) -> list[float]:
        """So many passes."""
        for _ in range(passes):
            self.run()
        return []

    def losses(self) -> list[float]:
        """The mean of log p, once the chains have settled."""
        self(SETTLED)
        return [float(np.mean([np.mean(self.run()) for _ in range(AVERAGED)]))]


def density(library: Any, x: Any, y: Any) -> Callable[[Any], Any]:
    """log p of one vector of weights."""
    inputs = x.shape[1]
    first = inputs * HIDDEN

    def log_density(w: Any) -> Any:
        weight = w[:first].reshape((HIDDEN, inputs))
        bias, out = w[first : first + HIDDEN], w[first + HIDDEN : -1]
        hidden = library.tanh(x @ weight.T + bias)
        rest = hidden @ out.reshape((HIDDEN, 1)) + w[-1] - y
        return -2.0 * (rest * rest).sum() - 0.5 * (w * w).sum()

    return log_density


def chainrule(problem: Problem) -> Sampler:
    """chainrule: a call of the sampler for every pass."""
    import chainrule as cr
    from chainrule import sampling

    log_density = density(cr, cr.tensor(problem.x), cr.tensor(problem.y))
    places, seeds = problem.starts, iter(range(1 << 30))

    def run() -> Any:
        nonlocal places
        draws = sampling.hmc(
            log_density, places, chains=None, draws=DRAWS, warmup=0, seed=next(seeds),
            leapfrog_steps=LEAPFROG, step_size=STEP_SIZE, jitter=0.0, adapt_mass=False,
            warn=False,
        )  # fmt: skip
        places = draws.values[:, -1]
        return draws.log_density

    return Sampler(run)


def torch_eager(problem: Problem) -> Sampler:
    """PyTorch, by hand: the chains an axis in front, the gradient by autograd."""
    import torch

    torch.manual_seed(0)
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    inputs = x.shape[1]
    first = inputs * HIDDEN

    def log_density(w: Any) -> Any:
        weight = w[:, :first].reshape(CHAINS, HIDDEN, inputs)
        bias, out = w[:, None, first : first + HIDDEN], w[:, first + HIDDEN : -1, None]
        hidden = torch.tanh(torch.baddbmm(bias, x.expand(CHAINS, -1, -1), weight.mT))
        rest = torch.baddbmm(w[:, None, -1:] - y, hidden, out)
        return -2.0 * (rest * rest).sum((1, 2)) - 0.5 * (w * w).sum(1)

    def slope(w: Any) -> Any:
        w.requires_grad_(True)
        value = log_density(w)
        (gradient,) = torch.autograd.grad(value.sum(), w)
        w.requires_grad_(False)
        return value.detach(), gradient

    q = torch.from_numpy(problem.starts.copy())
    value, gradient = slope(q)

    def run() -> Any:
        nonlocal q, value, gradient
        found = []
        for _ in range(DRAWS):
            p = torch.randn_like(q)
            before = value - 0.5 * (p * p).sum(1)
            new, v, g = q.clone(), value, gradient
            for _ in range(LEAPFROG):
                p.add_(g, alpha=STEP_SIZE / 2)
                new.add_(p, alpha=STEP_SIZE)
                v, g = slope(new)
                p.add_(g, alpha=STEP_SIZE / 2)
            gained = v - 0.5 * (p * p).sum(1) - before
            takes = torch.rand(CHAINS) < gained.exp()
            q = torch.where(takes[:, None], new, q)
            value = torch.where(takes, v, value)
            gradient = torch.where(takes[:, None], g, gradient)
            found.append(value)
        return torch.stack(found).numpy()

    return Sampler(run)


def numpyro(problem: Problem) -> Sampler:
    """numpyro: its kernel, chains by rows of keys, all draws of a pass in one scan;
    ``MCMC.run`` compiles anew in every call.
    """
    import jax
    import jax.numpy as jnp
    from numpyro.infer import HMC

    log_density = density(jnp, jnp.asarray(problem.x), jnp.asarray(problem.y))
    kernel = HMC(
        potential_fn=lambda w: -log_density(w), step_size=STEP_SIZE, num_steps=LEAPFROG,
        trajectory_length=None, adapt_step_size=False, adapt_mass_matrix=False,
    )  # fmt: skip
    keys = jax.random.split(jax.random.key(0), CHAINS)
    state = kernel.init(keys, 0, jnp.asarray(problem.starts), (), {})

    def go(state: Any) -> Any:
        def one(state: Any, _: Any) -> Any:
            state = kernel.sample(state, (), {})
            return state, state.potential_energy

        return jax.lax.scan(one, state, None, length=DRAWS)

    compiled = jax.jit(go)

    def run() -> Any:
        nonlocal state
        state, found = compiled(state)
        return -np.asarray(found)

    return Sampler(run)


def blackjax(problem: Problem) -> Sampler:
    """blackjax: its kernel, chains by vmap, all draws of a pass in one scan."""
    import blackjax
    import jax
    import jax.numpy as jnp

    log_density = density(jnp, jnp.asarray(problem.x), jnp.asarray(problem.y))
    kernel = blackjax.hmc(
        log_density, step_size=STEP_SIZE, num_integration_steps=LEAPFROG,
        inverse_mass_matrix=jnp.ones(problem.starts.shape[1]),
    )  # fmt: skip
    state = jax.vmap(kernel.init)(jnp.asarray(problem.starts))
    key = jax.random.key(0)

    def go(state: Any, key: Any) -> Any:
        def one(state: Any, key: Any) -> Any:
            state, _ = jax.vmap(kernel.step)(jax.random.split(key, CHAINS), state)
            return state, state.logdensity

        key, used = jax.random.split(key)
        state, found = jax.lax.scan(one, state, jax.random.split(used, DRAWS))
        return state, key, found

    compiled = jax.jit(go, donate_argnums=0)

    def run() -> Any:
        nonlocal state, key
        state, key, found = compiled(state, key)
        return np.asarray(found)

    return Sampler(run)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "numpyro": numpyro,
    "blackjax": blackjax,
}
