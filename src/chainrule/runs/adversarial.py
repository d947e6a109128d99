"""Runs of generative adversarial networks: how they are made and trained, how well
their samples pass for data, and pictures of them.

Place on the road: beside ``feature_learning`` and ``feature_report``, for models that
have no codes and reconstruct nothing. It must not know where data come from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data, models, nn, pictures, training
from ..random_numbers import manual_seed
from ..wording import counted
from .sampling import SamplesOverTime
from .settings import Network, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

#: Samples and examples that are told apart, and images that are drawn.
COMPARED, SHOWN = 1000, 10

#: The games; the first is the default.
LOSSES = ("non_saturating", "minimax", "least_squares", "wasserstein")


def build(made: Network, image_shape: tuple[int, ...], loss: str) -> models.GAN:
    """The two networks, for rows of numbers, with their first weights.

    Arguments:
        made: the sizes: ``outputs`` is that of the noise, ``hidden`` those of layers or
            of convolutional stages.
        image_shape: of the data; empty for a table.
        loss: which game they play.
    """
    if made.model == "gan":
        return models.mlp_gan(
            made.inputs,
            made.outputs,
            made.hidden,
            loss=loss,
            output=nn.Sigmoid if image_shape else None,
            batch_norm=bool(image_shape),
        )
    plain: Any = models.dcgan(
        image_shape, made.outputs, made.hidden, loss=loss, output=None
    )
    return models.GAN(
        nn.Sequential(*plain.generator, nn.Flatten(), nn.Sigmoid()),
        nn.Sequential(nn.Unflatten(image_shape), *plain.discriminator),
        loss,
        latent=made.outputs,
    )


def learn(
    gan: models.GAN,
    settings: Settings,
    train: data.Dataset,
    held_out: data.Dataset | None,
    fitted: Mapping[str, Any],
    folder: Path,
) -> training.History:
    """Trains, and draws samples in the course of it.

    Arguments:
        gan, settings: of the run.
        train, held_out: inputs alone.
        fitted: what ``fit`` is given in any run.
        folder: of the run.
    """
    log = SamplesOverTime(gan, SHOWN, settings.training.seed)
    listeners = [log, *fitted["callbacks"]]
    history = training.fit(
        gan,
        train,
        validation=held_out,
        **{**fitted, "callbacks": listeners},
    )
    if settings.image_shape and log.samples:
        rows = [drawn for _, drawn in sorted(log.samples.items())]
        with pictures.windowless():
            figure = pictures.reconstructions(
                *(_images(drawn, settings) for drawn in rows),
                names=[f"epoch {epoch}" for epoch in sorted(log.samples)],
                values=_values(settings),
            )
            pictures.save(figure, folder / "samples_over_time.png")
    return history


# How well samples pass for data. ------------------------------------------------------


def told_apart(made: Array, real: Array) -> float:
    """The share of samples and examples whose nearest neighbour among all of them is of
    their own kind: ½ where they have one distribution, 1 where they are apart; less
    than ½ where samples are copies.

    Arguments:
        made, real: ``(N, D)`` each.

    Source: Lopez-Paz & Oquab, Revisiting classifier two-sample tests (2017).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(400, 2))
        >>> told_apart(x[:200], x[200:] + 9)
        1.0
        >>> 0.4 < told_apart(x[:200], x[200:]) < 0.6
        True
    """
    rows = np.concatenate([made, real]).astype(np.float64)
    lengths = (rows**2).sum(axis=1)
    apart = lengths[:, None] + lengths - 2 * rows @ rows.T
    np.fill_diagonal(apart, np.inf)
    kinds = np.arange(len(rows)) < len(made)
    return float((kinds[apart.argmin(axis=1)] == kinds).mean())


def measure(
    gan: models.GAN, dataset: data.Dataset, settings: Settings
) -> dict[str, Any]:
    """How well samples of the run's seed pass for examples.

    Returns:
        ``told_apart``: see there; ``discriminator_loss`` and ``generator_loss``.
    """
    real = _some(dataset)
    made = gan.sample(len(real), seed=settings.training.seed).numpy()
    losses = training.evaluate(gan, np.asarray(dataset[:][0]))
    found: dict[str, Any] = {"told_apart": told_apart(made, real)}
    found["discriminator_loss"] = losses["loss"]
    found["generator_loss"] = losses["generator_loss"]
    return found | {"examples": len(real)}


def scores(
    gan: models.GAN, settings: Settings, parts: Mapping[str, data.Dataset]
) -> dict[str, Any]:
    """The scores of a trained GAN, and beside them those of a Gaussian with the mean
    and covariance of the training data.

    Arguments:
        gan, settings: of the run.
        parts: "training", "test" and, where there are any, "validation" examples.
    """
    began = time.perf_counter()
    known = np.asarray(parts["training"][:][0], np.float64)
    rng = np.random.default_rng(settings.training.seed)
    root = np.linalg.cholesky(
        np.atleast_2d(np.cov(known, rowvar=False)) + 1e-6 * np.eye(known.shape[1])
    )
    noise = rng.normal(size=(COMPARED, known.shape[1]))
    drawn = known.mean(axis=0) + noise @ root.T
    if settings.image_shape:
        drawn = np.clip(drawn, 0, 1)
    entry: dict[str, Any] = {}
    found: dict[str, Any] = {"validation": None}
    for part in ("test", "validation"):
        if part in parts:
            found[part] = measure(gan, parts[part], settings)
            real = _some(parts[part])
            entry[part] = {"told_apart": told_apart(drawn[: len(real)], real)}
    seconds = round(time.perf_counter() - began, 3)
    return found | {"baselines": {"gaussian": {**entry, "seconds": seconds}}}


def in_words(measured: Mapping[str, Any]) -> str:
    """The score in a line.

    Example:
        >>> in_words({"told_apart": 0.714, "examples": 359})
        '71.4 % of samples and examples told apart; 50 % is best (359 examples of each)'
    """
    share = f"{100 * measured['told_apart']:.3g} %"
    each = counted(measured["examples"], "example")
    return f"{share} of samples and examples told apart; 50 % is best ({each} of each)"


def beside(measured: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """What a Gaussian reaches, and whether that is no worse: lines."""
    if "test" not in baseline:
        return []
    share = baseline["test"]["told_apart"]
    lines = [f"a Gaussian of the same mean and covariance {100 * share:.3g} %"]
    if abs(measured["told_apart"] - 0.5) >= abs(share - 0.5):
        lines.append("no better than a Gaussian")
    return lines


# Pictures. ----------------------------------------------------------------------------


def drawings(
    gan: models.GAN, settings: Settings, train: data.Dataset, test: data.Dataset
) -> dict[str, Callable[[], Figure]]:
    """File ↦ what draws it: samples beside the training images that are nearest; or
    rows of a table in the plane where the data are widest.

    Arguments:
        gan, settings: of the run.
        train, test: its data.
    """
    seed = settings.training.seed
    if not settings.image_shape:
        return {"samples_in_plane.png": lambda: _plane(gan, seed, train, test)}
    return {"nearest.png": lambda: _nearest(gan, seed, train, settings)}


def samples(gan: models.GAN, n: int) -> Array:
    """``(n, D)``, from the default generator."""
    return np.asarray(gan.sample(n).numpy())


def seeded_samples(gan: models.GAN, n: int, seed: int) -> Array:
    """``(n, D)``, those that ``chainrule sample`` draws with this seed."""
    manual_seed(seed)
    return samples(gan, n)


def _nearest(
    gan: models.GAN, seed: int, train: data.Dataset, settings: Settings
) -> Figure:
    """Samples and, below each, the training image that is nearest to it."""
    made = seeded_samples(gan, SHOWN, seed)
    known = np.asarray(train[:][0], np.float32)
    apart = (known**2).sum(axis=1) - 2 * made @ known.T
    return pictures.reconstructions(
        _images(made, settings),
        _images(known[apart.argmin(axis=1)], settings),
        names=("samples", "nearest of training"),
        values=_values(settings),
    )


def _plane(
    gan: models.GAN, seed: int, train: data.Dataset, test: data.Dataset
) -> Figure:
    """Test rows and samples, by the two widest directions of the training data."""
    known = np.asarray(train[:][0], np.float64)
    centre = known.mean(axis=0)
    real = _some(test)
    axes = np.linalg.svd(known[:5000] - centre, full_matrices=False)[2][:2].T
    panels = {"test data": real, "samples": seeded_samples(gan, len(real), seed)}
    placed = {name: _two((rows - centre) @ axes) for name, rows in panels.items()}
    return pictures.codes(placed, np.zeros(len(real), np.int64), ("",))


def _two(codes: Array) -> Array:
    """(N, 2): codes of one number with a 0 beside."""
    return codes if codes.shape[1] == 2 else np.pad(codes, ((0, 0), (0, 1)))


def _some(dataset: data.Dataset) -> Array:
    """Some evenly spaced examples."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, COMPARED).astype(np.int64))
    return np.asarray(dataset.take(rows)[0], np.float64)


def _images(rows: Array, settings: Settings) -> Array:
    return np.clip(rows, 0, 1).reshape(len(rows), *settings.image_shape)


def _values(settings: Settings) -> str:
    """Whether dark is 1, as ink on paper, or 0, as in photographs."""
    photographs = settings.source.folder is not None or settings.image_shape[-1] == 3
    return "light" if photographs else "ink"
