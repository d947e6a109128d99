"""GANs where all is known: points around 8 and 25 places, and the best discriminator.

A ring of 8 and a grid of 5 × 5 Gaussians in the plane. Each of the four losses learns
both, five times from other random weights; of 2500 samples it is counted how many are
within 3σ of a mode, and a mode is found where at least a tenth of its fair share is.

Beside them a discriminator alone learns to tell two known densities on a line apart,
against a generator that stays as it is: its best answer is p / (p + q) everywhere.

    chainrule experiment gan-gaussians [--quick] [--seed 0] [--resume]

The ring has radius 2, the grid a distance of 2 between modes, and σ = 0.1 both; data
are divided by their deviation. Three hidden layers of 128 in both networks, 2 numbers
of noise, batches of 256, and Adam (β₁ = 0, β₂ = 0.9) with 1e-3 that falls along half a
cosine. The generator moves 4000 times for the ring and 8000 times for the grid; for
"wasserstein" half as often, with five moves of the critic for each, and λ = 0.1. There
are 100 000 points of each set.

Sources: Goodfellow et al., Generative adversarial nets (2014), proposition 1 and figure
1; Metz, Poole, Pfau & Sohl-Dickstein, Unrolled generative adversarial networks (2017),
section 3.1: the plain game on a ring of 8 jumps between modes; Gulrajani et al.,
Improved training of Wasserstein GANs (2017), figure 3: all of 8 and of 25.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import models, nn, optim, pictures
from chainrule.graph import Array

from .record import Clock, Options, Published, Record, Results, save_small

SUMMARY = "a ring of 8 and a grid of 25 Gaussians by four losses, 5 seeds each"
DATA = "made by chance"
PUBLISHED = (
    Published("plain game, ring", "jumps between modes", "Metz et al., 2017"),
    Published("gradient penalty", "8 of 8, 25 of 25", "Gulrajani et al., 2017"),
)
LOSSES = ("minimax", "non_saturating", "least_squares", "wasserstein")
SEEDS, POINTS, SAMPLES = 5, 100_000, 2500
SIGMA, LATENT, HIDDEN, BATCH = 0.1, 2, (128, 128, 128), 256
RATE, BETAS, PENALTY = 1e-3, (0.0, 0.9), 0.1

#: Moves of the generator, of "wasserstein" half as many.
STEPS = {"ring": 4000, "grid": 8000}

#: The modes of both sets, (M, 2).
ANGLES = np.arange(8) * np.pi / 4
MODES: dict[str, Array] = {
    "ring": 2.0 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1),
    "grid": 2.0 * np.stack(np.meshgrid(range(-2, 3), range(-2, 3)), -1).reshape(-1, 2),
}

#: Of the densities on a line that are told apart: means and deviations.
DATA_DENSITY, FIXED_DENSITY = (1.0, 0.5), (0.0, 1.0)


def points(name: str, n: int, rng: np.random.Generator) -> Array:
    """n points of a set, (n, 2)."""
    modes = MODES[name]
    near = modes[rng.integers(0, len(modes), n)]
    drawn: Array = (near + rng.normal(0, SIGMA, (n, 2))).astype(np.float32)
    return drawn


def counted(name: str, samples: Array) -> tuple[int, float]:
    """How many modes are found, and the share of samples within 3σ of one."""
    modes = MODES[name]
    apart = np.linalg.norm(samples[:, None] - modes[None], axis=2)  # (n, M)
    nearest, good = apart.argmin(axis=1), apart.min(axis=1) < 3 * SIGMA
    each = np.bincount(nearest[good], minlength=len(modes))
    fair = len(samples) / len(modes)
    return int((each >= 0.1 * fair).sum()), float(good.mean())


def learned(name: str, loss: str, seed: int, steps: int, hidden: Any) -> Array:
    """Samples of a GAN that has learned one of the sets, (SAMPLES, 2).

    Arguments:
        steps: moves of the generator.
        hidden: sizes of the hidden layers.
    """
    x = points(name, POINTS, np.random.default_rng(seed))
    scale = x.std()
    cr.manual_seed(seed)
    plain = models.mlp_gan(2, LATENT, hidden, loss=loss)
    gan = models.GAN(plain.generator, plain.discriminator, loss, penalty=PENALTY)
    moves = steps * gan.critic_steps
    how = {
        "generator": optim.Adam(lr=optim.Cosine(RATE, steps), betas=BETAS),
        "discriminator": optim.Adam(lr=optim.Cosine(RATE, moves), betas=BETAS),
    }
    in_epoch = len(x) // BATCH
    cr.fit(
        gan, x / scale, optimizer=how, epochs=max(1, round(moves / in_epoch)),
        batch_size=BATCH, drop_last=True, seed=seed, progress=False,
    )  # fmt: skip
    return np.asarray(gan.sample(SAMPLES, seed=seed).numpy() * scale)


def densities(x: Array) -> tuple[Array, Array]:
    """p and q on a line."""
    found = []
    for mean, std in (DATA_DENSITY, FIXED_DENSITY):
        found.append(np.exp(-0.5 * ((x - mean) / std) ** 2) / std)
    return found[0], found[1]


def told_apart(seed: int, steps: int) -> nn.Module:
    """The discriminator of data from p against a generator that makes q.

    Arguments:
        steps: of training.
    """
    mean, std = DATA_DENSITY
    x = np.random.default_rng(seed).normal(mean, std, (steps * BATCH, 1))
    cr.manual_seed(seed)
    generator = nn.Linear(1, 1)
    generator.weight.assign([[FIXED_DENSITY[1]]])
    generator.bias.assign([FIXED_DENSITY[0]])  # type: ignore[union-attr]
    generator.freeze()
    judge = nn.Sequential(
        nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
    )
    adam = optim.Adam(lr=optim.Cosine(1e-2, steps))
    gan = models.GAN(generator, judge)
    cr.fit(gan, x, optimizer=adam, epochs=1, batch_size=BATCH, progress=False)
    return judge


def draw_optimal(judge: nn.Module, options: Options) -> float:
    """The discriminator beside p / (p + q); the mean distance of the two, over what it
    is shown: half data, half fakes.
    """
    x = np.linspace(-3, 3, 241)
    p, q = densities(x)
    best = p / (p + q)
    found = cr.sigmoid(judge(x[:, None].astype(np.float32))).numpy()[:, 0]
    with pictures.windowless():
        figure = pictures.new_figure(7, 3.6)
        ax = figure.subplots()
        top = max(p.max(), q.max())
        ax.fill_between(x, p / top, color="#0072B2", alpha=0.25, label="p, the data")
        ax.fill_between(x, q / top, color="#D55E00", alpha=0.25, label="q, the fakes")
        ax.plot(x, best, color="black", linewidth=2.5, label="p / (p + q)")
        ax.plot(x, found, "--", color="#CC79A7", linewidth=2, label="D, learned")
        ax.set(xlabel="x", ylim=(-0.02, 1.05))
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
        save_small(figure, options.picture("gan-optimal-discriminator.png"), 120)
    return float(np.abs(found - best) @ (p + q) / (p + q).sum())


def draw(samples: dict[str, dict[str, Array]], options: Options) -> None:
    """Samples of every loss, of both sets."""
    with pictures.windowless():
        figure = pictures.new_figure(12, 6.2)
        panels = figure.subplots(2, 4)
        for row, (name, by_loss) in zip(panels, samples.items(), strict=True):
            for ax, (loss, drawn) in zip(row, by_loss.items(), strict=True):
                ax.plot(*drawn.T, ".", color="#0072B2", markersize=1.5, alpha=0.5)
                ax.plot(*MODES[name].T, "+", color="#D55E00", markersize=7)
                found, share = counted(name, drawn)
                ax.set_title(
                    f"{loss}: {found} of {len(MODES[name])}, {share:.0%}", fontsize=10
                )
                edge = 1.35 * np.abs(MODES[name]).max()
                ax.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=[], yticks=[])
                ax.set_aspect("equal")
        save_small(figure, options.picture("gan-gaussians.png"), 120)


def run(options: Options) -> Record:
    """Every loss on both sets with every seed; the best discriminator."""
    clock = Clock()
    seeds = 1 if options.quick else SEEDS
    hidden = (32, 32) if options.quick else HIDDEN
    results = Results(options.checkpoints)
    drawn: dict[str, dict[str, Array]] = {name: {} for name in MODES}
    measured: dict[str, float] = {}
    settings: dict[str, Any] = {"rate": RATE, "penalty": PENALTY}
    for name, modes in MODES.items():
        for loss in LOSSES:
            steps = STEPS[name] // (1 + (loss == "wasserstein"))
            steps = 150 if options.quick else steps
            settings[f"{name}, {loss}, moves of the generator"] = steps
            found, shares = [], []
            for seed in range(options.seed, options.seed + seeds):
                key = f"{name}, {loss}, seed {seed}"
                if f"{key}, modes" not in results.found or seed == options.seed:
                    began = Clock()
                    samples = learned(name, loss, seed, steps, hidden)
                    if seed == options.seed:
                        drawn[name][loss] = samples
                    number, share = counted(name, samples)
                    results.keep(f"{key}, modes", number)
                    results.keep(f"{key}, near a mode", share)
                    results.keep(f"{key}, seconds", began.seconds)
                found.append(results.found[f"{key}, modes"])
                shares.append(results.found[f"{key}, near a mode"])
            what = f"{name} of {len(modes)}, {loss}"
            measured[f"{what}, modes"] = statistics.mean(found)
            measured[f"{what}, near a mode"] = statistics.mean(shares)
            settings[f"{what}, modes, each seed"] = found
            settings[f"{what}, near a mode, each seed"] = shares
    judge = told_apart(options.seed, 200 if options.quick else 4000)
    measured["mean |D − p / (p + q)|"] = draw_optimal(judge, options)
    draw(drawn, options)
    return Record(
        "gan-gaussians",
        SUMMARY,
        measured,
        PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        settings=settings,
        pictures=["gan-gaussians.png", "gan-optimal-discriminator.png"],
    )
