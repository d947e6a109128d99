"""What networks know of what they do not know.

Amounts: 20 points of y = x³ + ε, ε ~ N(0, 3²), x within 4 of 0, as probabilistic
backpropagation and deep ensembles were shown on; a hidden layer of 100 units learns
them by every method, and a band is drawn out to |x| = 6. Inside the data it should be
narrow, and widen where there are none. (Rectified units; for Laplace tanh, for its
linear prediction jumps at every kink.)

Classes: 784-256-128-10 on MNIST, by the same methods. Test accuracy, the logarithm of
the probability of what was right, and the expected calibration error (15 bins); 1000
test digits, rotated by up to 180°; and whether a picture is of Fashion-MNIST, told from
MNIST by the entropy of the averaged probabilities, and by the mutual information of
class and weights: the area under the curve of true over false alarms (AUROC), 0.5 for
none, 1 for all.

    chainrule experiment uncertainty [--quick] [--seed 0] [--resume]

The methods: Lakshminarayanan et al. (2017), Gal & Ghahramani (2016), Blundell et al.
(2015), Ritter et al. (2018). They show such pictures and curves; none gives these
numbers of this network.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import chainrule as cr
from chainrule import data, models, nn, optim, pictures
from chainrule.data.augmentation import rotated

from .record import Clock, Options, Record, Results, save_small

Array = np.ndarray[Any, np.dtype[Any]]

SUMMARY = "bands, calibration, rotated digits and pictures of clothes, by every method"
DATA = "mnist, fashion-mnist"
COLOURS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#D55E00")
ANGLES = tuple(range(0, 181, 15))
HIDDEN, EPOCHS, BATCH, RATE = (256, 128), 10, 128, 2e-3
MEMBERS, DROPOUT, DRAWS = 5, 0.2, 30
ROTATED = 1000
#: Predictions that a point of the calibration curve stands for, at least.
SHOWN = 20
#: What x of the cubic is divided by.
SPAN = 2.0
#: Deviations of the prior. With N(0, 0.3²) the divergence of 235 000 independent
#: weights outweighs 60 000 digits, and mean field learns little.
PRIOR, PRIOR_MEAN_FIELD = 0.3, 0.1

Make = Callable[..., models.Posterior]


def chain(sizes: tuple[int, ...], activation: Any, dropout: float = 0.0) -> Any:
    """A fully connected network."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), activation()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def methods(sizes: tuple[int, ...], activation: Any, std: float) -> dict[str, Make]:
    """Method ↦ what makes a posterior of such a network with a likelihood."""
    prior = models.GaussianPrior(std)

    def plain(noise: Any) -> models.Posterior:
        return models.MAP(chain(sizes, activation), noise, prior)

    def ensemble(noise: Any) -> models.Posterior:
        net = chain(sizes, activation)
        return models.DeepEnsemble(net, noise, members=MEMBERS)

    def dropout(noise: Any) -> models.Posterior:
        return models.MCDropout(chain(sizes, activation, DROPOUT), noise, prior)

    def mean_field(noise: Any) -> models.Posterior:
        narrow = models.GaussianPrior(min(std, PRIOR_MEAN_FIELD))
        own = narrow if sizes[0] > 1 else prior
        return models.MeanField(chain(sizes, activation), noise, own)

    def laplace(noise: Any) -> models.Posterior:
        structure = "last_layer" if sizes[0] > 1 else "full"
        net = chain(sizes, activation)
        return models.Laplace(net, noise, prior, structure=structure)

    return {
        "one network": plain,
        "deep ensemble": ensemble,
        "MC dropout": dropout,
        "mean field": mean_field,
        "Laplace": laplace,
    }


# A band. ------------------------------------------------------------------------------


def cubic(seed: int) -> tuple[Array, Array]:
    """20 points of x³ and noise of deviation 3."""
    source = np.random.default_rng(seed)
    x = source.uniform(-4.0, 4.0, 20)
    return x[:, None], x**3 + source.normal(0.0, 3.0, 20)


def bands(options: Options) -> tuple[dict[str, float], str]:
    """How much wider each band is away from the data; drawn."""
    x, y = cubic(options.seed)
    scale, grid = y.std(), np.linspace(-6.0, 6.0, 121)[:, None]
    found = {}
    figure = pictures.new_figure(12, 3.4)
    axes = figure.subplots(1, 4, sharey=True)
    sizes = (1, 100, 1)
    every = methods(sizes, nn.ReLU, 1.0)
    every["Laplace"] = methods(sizes, nn.Tanh, 1.0)["Laplace"]
    makers = list(every.items())[1:]
    for ax, (method, make), colour in zip(axes, makers, COLOURS[1:], strict=True):
        cr.manual_seed(options.seed)
        noise = models.GaussianLikelihood(precision=(scale / 3) ** 2, learned=False)
        posterior = make(noise)
        epochs = 300 if options.quick else 2000
        posterior.fit(
            x / SPAN, y / scale, epochs=epochs, batch_size=20, seed=options.seed,
            optimizer=optim.Adam(lr=optim.Cosine(0.02, epochs)), progress=False,
        )  # fmt: skip
        said = posterior.predict(grid / SPAN, num_draws=200)
        mean, known = scale * said.mean[:, 0], scale * said.epistemic[:, 0]
        inside = np.abs(grid[:, 0]) <= 3
        far = np.abs(grid[:, 0]) >= 5.5
        found[f"band outside over inside, {method}"] = float(
            known[far].mean() / known[inside].mean()
        )
        ax.plot(grid, grid**3, "k--", lw=1)
        total = scale * said.total[:, 0]
        for spread, shade in ((total, 0.15), (known, 0.3)):
            ax.fill_between(
                grid[:, 0], mean - 2 * spread, mean + 2 * spread,
                color=colour, alpha=shade, lw=0,
            )  # fmt: skip
        ax.plot(grid, mean, color=colour)
        ax.plot(x, y, "k.", ms=5)
        ax.set(title=method, ylim=(-200, 200), xlabel="x")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("y")
    figure.tight_layout()
    save_small(figure, options.picture("uncertainty-bands.png"), 80)
    return found, "uncertainty-bands.png"


# Digits. ------------------------------------------------------------------------------


def digits(quick: bool) -> tuple[Any, Any, Array]:
    """MNIST to train and to test on, and test images of Fashion-MNIST; pixels 0 … 1."""
    mnist, clothes = data.load("mnist"), data.load("fashion-mnist")
    count, tested = (2000, 500) if quick else (len(mnist.train), len(mnist.test))
    known = mnist.train.inputs[:count], mnist.train.targets[:count]
    asked = mnist.test.inputs[:tested], mnist.test.targets[:tested]
    return known, asked, clothes.test.inputs[:tested]


def learned(make: Make, x: Array, y: Array, options: Options) -> models.Posterior:
    """A posterior of digits."""
    cr.manual_seed(options.seed)
    posterior = make(models.CategoricalLikelihood())
    epochs = 3 if options.quick else EPOCHS
    steps = epochs * data.num_batches(len(x), BATCH)
    posterior.fit(
        x, y, epochs=epochs, batch_size=BATCH, seed=options.seed, progress=False,
        optimizer=optim.Adam(lr=optim.Cosine(RATE, steps)),
    )  # fmt: skip
    return posterior


def measure(options: Options, results: Results) -> None:
    """Every figure of every method that is not known yet."""
    (x, y), (asked, right), clothes = digits(options.quick)
    turned = asked[: 100 if options.quick else ROTATED]
    for method, make in methods((784, *HIDDEN, 10), nn.ReLU, PRIOR).items():
        if f"{method}: AUROC, mutual information" in results.found:
            continue
        posterior = learned(make, x, y, options)
        said = posterior.predict(asked, num_draws=DRAWS)
        curve = models.calibration(said.mean, right)
        results.keep(f"{method}: accuracy", float((said.labels == right).mean()))
        chosen = said.mean[np.arange(len(right)), right]
        results.keep(f"{method}: log-likelihood", float(np.log(chosen).mean()))
        results.keep(f"{method}: ECE", curve.expected_error)
        pairs = zip(curve.confidence, curve.accuracy, curve.counts, strict=True)
        for place, (sure, share, count) in enumerate(pairs):
            results.keep(f"{method}: bin {place}: confidence", float(sure))
            results.keep(f"{method}: bin {place}: accuracy", float(share))
            results.keep(f"{method}: bin {place}: count", float(count))
        for angle in ANGLES:
            images = np.asarray(turned).reshape(-1, 28, 28, 1)
            moved = rotated(images, np.full(len(images), np.deg2rad(angle)))
            seen = posterior.predict(moved.reshape(len(images), -1), num_draws=DRAWS)
            share = (seen.labels == right[: len(images)]).mean()
            results.keep(f"{method}: {angle}°: accuracy", float(share))
            results.keep(f"{method}: {angle}°: entropy", float(seen.total.mean()))
            results.keep(
                f"{method}: {angle}°: information", float(seen.epistemic.mean())
            )
        other = posterior.predict(clothes, num_draws=DRAWS)
        truth = np.repeat([0, 1], [len(said), len(other)])
        for name, kind in (("total", "entropy"), ("epistemic", "mutual information")):
            score = np.concatenate([getattr(said, name), getattr(other, name)])
            area = float(roc_auc_score(truth, score)) if np.ptp(score) else 0.5
            results.keep(f"{method}: AUROC, {kind}", area)


def draw_calibration(results: Results, options: Options) -> str:
    """Accuracy over confidence, and entropy and accuracy over the angle."""
    found = results.found
    names = [key.split(": ")[0] for key in found if key.endswith(": ECE")]
    figure = pictures.new_figure(12, 4)
    axes = figure.subplots(1, 3)
    for method, colour in zip(names, COLOURS, strict=False):
        places = [
            place
            for place in range(15)
            if found.get(f"{method}: bin {place}: count", 0) >= SHOWN
        ]
        bins = [
            [found[f"{method}: bin {place}: {what}"] for place in places]
            for what in ("confidence", "accuracy")
        ]
        axes[0].plot(*bins, ".-", color=colour, label=method)
        for ax, what in zip(axes[1:], ("accuracy", "entropy"), strict=True):
            values = [found[f"{method}: {angle}°: {what}"] for angle in ANGLES]
            ax.plot(ANGLES, values, ".-", color=colour, label=method)
    axes[0].plot([0, 1], [0, 1], "--", color="#888888", lw=1)
    axes[0].set(xlabel="confidence", ylabel="accuracy")
    axes[1].set(xlabel="rotated by, degrees", ylabel="accuracy")
    axes[2].set(xlabel="rotated by, degrees", ylabel="entropy, nats")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    save_small(figure, options.picture("uncertainty-digits.png"), 80)
    return "uncertainty-digits.png"


def run(options: Options) -> Record:
    """Measures what is not known yet, and draws all."""
    clock = Clock()
    results = Results(options.checkpoints)
    measure(options, results)
    wider, band = bands(options)
    order = ("ECE", "AUROC, mutual information", "AUROC, entropy", "accuracy",
             "log-likelihood")  # fmt: skip
    measured = {
        key: value
        for what in order
        for key, value in results.found.items()
        if key.endswith(f": {what}") and len(key.split(": ")) == 2
    }
    return Record(
        name="uncertainty",
        summary=SUMMARY,
        measured={**measured, **wider},
        published=(),
        seed=options.seed,
        seconds=clock.seconds,
        settings={
            "hidden": HIDDEN, "epochs": EPOCHS, "batch": BATCH, "rate": RATE,
            "members": MEMBERS, "dropout": DROPOUT, "draws": DRAWS,
            "prior": PRIOR, "prior, mean field": PRIOR_MEAN_FIELD,
            "everything": results.found,
        },
        pictures=[band, draw_calibration(results, options)],
    )  # fmt: skip
