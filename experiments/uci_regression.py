"""Regression on the tables of the UCI repository: how far off, and how surprised.

One hidden layer of 50 rectified units, on the splits that most papers on uncertainty
use: boston, concrete, energy, wine-red and yacht, all twenty splits of each
(``uci-regression-all``: the four larger sets too; 100 units and five splits for
protein). Test RMSE in the units of the target, and the mean of log p(y | x, data), each
the mean over the splits ± its standard error.

Every method of ours is trained in the same way: Adam, batches of 32, a cosine schedule
from 0.01; noise with a precision that is learned, or, of the ensemble, a variance for
each row; a Gaussian prior. Its deviation (0.3 or 1) and the number of epochs (40 or
200) are chosen for every split by the log-likelihood of a fifth of its training rows;
then all training rows are learned. Dropout has p = 0.05, the ensemble five members.
Chains are drawn otherwise, w ~ N(0, 1): four of 500 draws after 500 more. Of
stochastic-gradient Langevin dynamics a draw is 100 batches, and the steps fall from
10⁻⁴ to 10⁻⁵ (of seven such pairs, chosen by a fifth of the training rows of one split
of boston, concrete, energy and yacht); of Hamiltonian Monte Carlo, of boston, energy
and yacht alone, it is 50 steps. All of it takes some 25 minutes of one processor.

    chainrule experiment uci-regression [--quick] [--seed 0] [--resume]

Published on these splits, in the columns that are drawn: probabilistic backpropagation
(Hernández-Lobato & Adams, 2015; ± is a standard error), Monte-Carlo dropout (Gal &
Ghahramani, 2016) and deep ensembles (Lakshminarayanan et al., 2017; 40 epochs), of
which the last two give ± a standard deviation over the splits, as Table 1 of the last
paper has them. Its fourth column, dropout with a grid search (2018), is not drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim, pictures
from chainrule.data.named.uci import TABLES

from .record import Clock, Options, Published, Record, Results, save_small

Array = np.ndarray[Any, np.dtype[Any]]

SUMMARY = "one hidden layer on UCI tables, RMSE and log-likelihood of every method"
DATA = "five tables of UCI"
TABLE_1 = "Lakshminarayanan et al., 2017, Table 1"
SETS = ("boston", "concrete", "energy", "wine-red", "yacht")
#: What others found, in the order of ``TABLES``, and how it is drawn.
COLUMNS = ("PBP, 2015", "dropout, 2016", "ensembles, 2017")
BATCH, RATE = 32, 0.01
#: Deviations of the prior, and epochs, to choose from.
STDS, EPOCHS = (0.3, 1.0), (40, 200)
MEMBERS, DROPOUT, DRAWS = 5, 0.05, 100

#: Steps of Langevin's chains, at first and at last, and how many make a draw.
LANGEVIN, THIN = (1e-4, 1e-5), 100

#: The sets that are learned by Hamiltonian Monte Carlo too.
HMC, SAMPLED = "HMC", ("boston", "energy", "yacht")

Make = Callable[[int, int, float], models.Posterior]


def network(inputs: int, hidden: int, outputs: int, dropout: float = 0.0) -> Any:
    """One hidden layer of rectified units."""
    layers: list[nn.Module] = [nn.Linear(inputs, hidden), nn.ReLU()]
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(hidden, outputs))


def _map(inputs: int, hidden: int, std: float) -> models.Posterior:
    return models.MAP(
        network(inputs, hidden, 1), models.GaussianLikelihood(), prior(std)
    )


def _ensemble(inputs: int, hidden: int, std: float) -> models.Posterior:
    noise = models.HeteroscedasticLikelihood()
    net = network(inputs, hidden, noise.num_outputs(1))
    return models.DeepEnsemble(net, noise, prior(std), members=MEMBERS)


def _dropout(inputs: int, hidden: int, std: float) -> models.Posterior:
    net = network(inputs, hidden, 1, DROPOUT)
    return models.MCDropout(net, models.GaussianLikelihood(), prior(std))


def _mean_field(inputs: int, hidden: int, std: float) -> models.Posterior:
    net = network(inputs, hidden, 1)
    return models.MeanField(net, models.GaussianLikelihood(), prior(std))


def _laplace(structure: str) -> Make:
    def make(inputs: int, hidden: int, std: float) -> models.Posterior:
        net, noise = network(inputs, hidden, 1), models.GaussianLikelihood()
        return models.Laplace(net, noise, prior(std), structure=structure)

    return make


def _langevin(inputs: int, hidden: int, std: float) -> models.Posterior:
    net, noise = network(inputs, hidden, 1), models.GaussianLikelihood()
    first, last = LANGEVIN
    return models.SGLD(
        net, noise, prior(std), step_size=first, final_step_size=last, thin=THIN
    )


def prior(std: float) -> models.GaussianPrior:
    """The prior of all weights."""
    return models.GaussianPrior(std)


#: Method ↦ what makes one of (inputs, hidden units, deviation of the prior).
METHODS: dict[str, Make] = {
    "MAP": _map,
    "deep ensemble": _ensemble,
    "MC dropout": _dropout,
    "mean field": _mean_field,
    "Laplace, last layer": _laplace("last_layer"),
    "Laplace, diagonal": _laplace("diagonal"),
    "Laplace, Kronecker": _laplace("kronecker"),
    "Langevin": _langevin,
}


def _hmc(inputs: int, hidden: int, std: float) -> models.Posterior:
    net = network(inputs, hidden, 1)
    return models.HMC(net, models.GaussianLikelihood(), prior(std))


def _short_hmc(inputs: int, hidden: int, std: float) -> models.Posterior:
    net, noise = network(inputs, hidden, 1), models.GaussianLikelihood()
    return models.HMC(
        net, noise, prior(std), draws=50, warmup=100, leapfrog_steps=20, chains=2
    )


CHAINS = (_hmc, _short_hmc, _langevin)


def methods(name: str, quick: bool) -> dict[str, Make]:
    """Those that learn a set."""
    if name not in SAMPLED:
        return METHODS
    return {**METHODS, HMC: _short_hmc if quick else _hmc}


def learned(
    make: Make, x: Array, y: Array, std: float, epochs: int, hidden: int, seed: int
) -> models.Posterior:
    """A posterior that has learned from scaled rows; chains have no epochs."""
    cr.manual_seed(seed)
    posterior = make(x.shape[1], hidden, std)
    if not epochs:
        with warnings.catch_warnings():  # R-hat is kept with the scores
            warnings.simplefilter("ignore", UserWarning)
            posterior.fit(x, y, seed=seed)
        return posterior
    steps = max(2, epochs * data.num_batches(len(x), BATCH))
    posterior.fit(
        x,
        y,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=optim.Adam(lr=optim.Cosine(RATE, steps)),
        seed=seed,
        progress=False,
    )
    return posterior


def scaled(x: Array, y: Array, rows: Array) -> tuple[Array, Array, float]:
    """All rows by the means and deviations of some, and the deviation of y."""
    deviation = x[rows].std(axis=0)
    deviation[deviation == 0] = 1.0
    inputs = (x - x[rows].mean(axis=0)) / deviation
    spread = float(y[rows].std())
    return inputs, (y - y[rows].mean()) / spread, spread


def scores(
    make: Make, name: str, split: int, seed: int, quick: bool
) -> dict[str, float]:
    """Test RMSE and log-likelihood on one split, in the units of the table; of chains
    the largest R-hat of a prediction as well.
    """
    parts = data.load(f"uci/{name}", split=split, standardise=False)
    count = len(parts.train)
    x = np.concatenate([parts.train.inputs, parts.test.inputs]).astype(np.float64)
    y = np.concatenate([parts.train.targets, parts.test.targets])[:, 0]
    hidden = 100 if name == "protein" else 50
    std, epochs = 1.0, 0 if make in CHAINS else 20
    if epochs and not quick:
        std, epochs = choice(make, x, y, count, hidden, seed)
    inputs, targets, spread = scaled(x, y, np.arange(count))
    posterior = learned(
        make, inputs[:count], targets[:count], std, epochs, hidden, seed
    )
    said = posterior.predict(inputs[count:], num_draws=DRAWS)
    errors = spread * (said.mean[:, 0] - targets[count:])
    surprise = posterior.log_predictive(
        inputs[count:], targets[count:], num_draws=DRAWS
    )
    rmse = float(np.sqrt(np.mean(errors**2)))
    found = {"RMSE": rmse, "log-likelihood": float(surprise.mean() - np.log(spread))}
    r_hat = getattr(posterior, "r_hat", None)
    if r_hat is not None:
        found["R-hat"] = float(np.max(r_hat))
    return found


def choice(
    make: Make, x: Array, y: Array, count: int, hidden: int, seed: int
) -> tuple[float, int]:
    """The prior's deviation and the epochs that suit a fifth of the training rows."""
    order = np.random.default_rng(seed).permutation(count)
    known, held = order[count // 5 :], order[: count // 5]
    inputs, targets, _ = scaled(x, y, known)
    found = {}
    for std in STDS:
        for epochs in EPOCHS:
            posterior = learned(
                make, inputs[known], targets[known], std, epochs, hidden, seed
            )
            said = posterior.log_predictive(inputs[held], targets[held])
            found[std, epochs] = said.mean()
    return max(found, key=found.__getitem__)


def measure(options: Options, results: Results, sets: Sequence[str]) -> None:
    """Every method on every split that is not known yet."""
    for name in sets:
        splits = 1 if options.quick else TABLES[f"uci/{name}"].num_splits
        for split in range(splits):
            for method, make in methods(name, options.quick).items():
                key = f"{name}, {method}, split {split}"
                if f"{key}: log-likelihood" in results.found:
                    continue
                found = scores(make, name, split, options.seed + split, options.quick)
                for figure, value in found.items():
                    results.keep(f"{key}: {figure}", value)


def table(results: Results) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """figure ↦ set ↦ method ↦ mean over the splits, and its standard error."""
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for key, value in results.found.items():
        rest, figure = key.split(": ")
        name, method = rest.rsplit(", ", 1)[0].split(", ", 1)
        of_set = values.setdefault(figure, {}).setdefault(name, {})
        of_set.setdefault(method, []).append(value)
    order = (*METHODS, HMC)
    return {
        figure: {
            name: {each: _mean(found[each]) for each in order if each in found}
            for name, found in sets.items()
        }
        for figure, sets in values.items()
    }


def _mean(values: Sequence[float]) -> tuple[float, float]:
    several = len(values) > 1
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if several else 0.0
    return float(np.mean(values)), float(error)


def draw(found: Any, options: Options, name: str) -> str:
    """A row of points for each figure: one group a set, ours and what was published."""
    sets = list(found["RMSE"])
    figure = pictures.new_figure(2.3 * max(len(sets), 2) + 2.2, 6)
    axes = figure.subplots(2, len(sets), squeeze=False)
    colours = dict(zip((*METHODS, HMC), pictures_colours(), strict=True))
    for row, what in enumerate(("RMSE", "log-likelihood")):
        for ax, each in zip(axes[row], sets, strict=True):
            for place, (method, (mean, error)) in enumerate(found[what][each].items()):
                ax.errorbar(
                    place, mean, error, fmt="o", color=colours[method],
                    label=method, capsize=2,
                )  # fmt: skip
            known = TABLES[f"uci/{each}"]
            numbers = known.rmse if what == "RMSE" else [-v for v in known.nll]
            for style, column, value in zip(
                (":", "--", "-."), COLUMNS, numbers, strict=False
            ):
                ax.axhline(value, ls=style, color="#888888", lw=1, label=column)
            ax.set_xticks([])
            ax.tick_params(labelsize=8)
            ax.spines[["top", "right"]].set_visible(False)
            if row == 0:
                ax.set_title(each, fontsize=10)
        axes[row][0].set_ylabel(what)
    handles, labels = axes[0][0].get_legend_handles_labels()
    columns = 5 if len(sets) > 2 else 3
    figure.legend(
        handles, labels, loc="lower center", ncols=columns, frameon=False, fontsize=8
    )
    figure.subplots_adjust(bottom=0.15, wspace=0.45, hspace=0.12, top=0.93)
    save_small(figure, options.picture(f"{name}.png"), 80)
    return f"{name}.png"


def published(name: str) -> str:
    """What others found of a set: RMSE and log-likelihood, one pair a column."""
    known = TABLES[f"uci/{name}"]
    pairs = list(zip(known.rmse, known.nll, strict=True))[: len(COLUMNS)]
    return "; ".join(f"{rmse:.2f}, {-nll:.2f}" for rmse, nll in pairs)


def pictures_colours() -> tuple[str, ...]:
    """One a method, told apart by those who see few colours too."""
    return (
        *("#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#882255"),
        *("#D55E00", "#999933", "#56B4E9"),
    )


def run(
    options: Options,
    name: str = "uci-regression",
    summary: str = SUMMARY,
    sets: Sequence[str] = SETS,
) -> Record:
    """Measures what is not known yet, and draws all."""
    clock = Clock()
    sets = ("yacht",) if options.quick else sets
    results = Results(options.checkpoints)
    measure(options, results, sets)
    found = table(results)
    means = np.array(
        [
            [of_set[method][0] for method in METHODS]
            for of_set in found["log-likelihood"].values()
        ]
    )  # (sets, methods)
    ranks = 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2).mean(axis=0)
    measured = {
        f"mean rank by log-likelihood, {method}": float(rank)
        for method, rank in zip(METHODS, ranks, strict=True)
    }
    measured |= {
        f"{each}, {method}: {what}": mean
        for each in found["RMSE"]
        for what in ("log-likelihood", "RMSE")
        for method, (mean, _) in found[what][each].items()
    }
    return Record(
        name=name,
        summary=summary,
        measured=measured,
        published=[
            Published(
                f"{each}: RMSE and log-likelihood of {'; '.join(COLUMNS)}",
                published(each),
                TABLE_1,
            )
            for each in found["RMSE"]
        ],
        seed=options.seed,
        seconds=clock.seconds,
        settings={
            "stds": STDS, "epochs": EPOCHS, "batch": BATCH, "rate": RATE,
            "members": MEMBERS, "dropout": DROPOUT, "draws": DRAWS,
            "mean and standard error": found,
            "each split": {key: round(each, 4) for key, each in results.found.items()},
        },
        pictures=[draw(found, options, name)],
    )  # fmt: skip
