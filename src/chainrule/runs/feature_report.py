"""How well features describe data, and pictures of them, those of PCA beside.

Place on the road: beside ``report``, which does the same for predictions, above
``feature_models``. Errors are of inputs as the model has them: pixels from 0 to 1, and
columns of a table that are scaled to mean 0 and deviation 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data, pictures, training
from ..pictures import amount
from ..random_numbers import default_generator, manual_seed
from ..training import metrics
from ..wording import counted, signed
from . import adversarial, feature_models, variational
from .feature_learning import first_rows
from .report import draw_watched
from .settings import CODED, GENERATORS, Settings
from .sources import Examples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

#: Examples that PCA is fitted on, and that are drawn as points.
FITTED_ON, POINTS = 20_000, 2000

#: Images beside their reconstructions; samples, and the steps of their chains.
SHOWN, DRAWN, STEPS = 10, 100, 1000

#: More samples than this are too small to see in one picture.
MOST_DRAWN = 400


@dataclass(frozen=True)
class PrincipalComponents:
    """PCA of training inputs: the best linear code.

    Arguments:
        mean: (D,).
        components: (K, D), orthonormal.
        seconds: that it took.
    """

    mean: Array
    components: Array
    seconds: float = 0.0

    @classmethod
    def fit(cls, inputs: Array, number: int) -> PrincipalComponents:
        """The first components of inputs ``(N, D)``, as many as there are at most."""
        from sklearn.decomposition import PCA

        began = time.perf_counter()
        pca = PCA(min(number, *inputs.shape), random_state=0).fit(inputs)
        spent = time.perf_counter() - began
        return cls(np.asarray(pca.mean_), np.asarray(pca.components_), spent)

    def encode(self, inputs: Array) -> Array:
        """(N, D) → (N, K)"""
        codes: Array = (inputs - self.mean) @ self.components.T
        return codes

    def reconstruct(self, inputs: Array) -> Array:
        """(N, D) → (N, D)"""
        made: Array = self.encode(inputs) @ self.components + self.mean
        return made


def components_of(settings: Settings, examples: Examples) -> PrincipalComponents:
    """What a model is compared with: as many components as the code of an autoencoder
    has numbers; beside a machine, as many as such a code usually has: with one for each
    hidden unit PCA would copy its inputs.
    """
    made = settings.network
    number = made.outputs
    if made.model not in CODED:
        number = min(number, feature_models.usual_code(made.inputs))
    return PrincipalComponents.fit(first_rows(examples.train, FITTED_ON), number)


def scores(
    model: Any, settings: Settings, examples: Examples, pca: PrincipalComponents
) -> dict[str, Any]:
    """The scores of a trained model in ``metrics.json``, and PCA's beside."""
    parts = {"test": examples.test}
    if examples.validation is not None:
        parts["validation"] = examples.validation
    if settings.network.model in GENERATORS:
        known = {"training": examples.train, **parts}
        return adversarial.scores(model, settings, known)
    found: dict[str, Any] = {"validation": None, "baselines": {}}
    found |= {part: measure(model, each, settings) for part, each in parts.items()}
    entry: dict[str, Any] = {"components": len(pca.components)}
    for part, dataset in parts.items():
        inputs = np.asarray(dataset[:][0])
        entry[part] = _errors(inputs, pca.reconstruct(inputs))
    found["baselines"]["pca"] = {**entry, "seconds": round(pca.seconds, 3)}
    if settings.network.model == "vae":
        named = {"training": examples.train, **parts}
        shown = {part: first_rows(dataset) for part, dataset in named.items()}
        found["bound"] = variational.bounds(model, shown)
    if settings.network.model == "rbm":
        named = {"training": examples.train, **parts}
        found["free_energy"] = {
            part: feature_models.free_energy(model, first_rows(dataset))
            for part, dataset in named.items()
        }
    return found


def measure(model: Any, dataset: data.Dataset, settings: Settings) -> dict[str, Any]:
    """How well a model describes examples.

    Returns:
        ``reconstruction_error``: the squared error of an example, summed over its
        numbers, in the mean; ``explained``: the share of the variance that it leaves
        out of that error; of a belief net with classes also its accuracy.
    """
    if settings.network.model in GENERATORS:
        return adversarial.measure(model, dataset, settings)
    inputs, targets = dataset[:]
    inputs = np.asarray(inputs)
    measured = _errors(inputs, feature_models.reconstruct(model, inputs))
    if settings.network.labels and targets is not None:
        labels = np.asarray(targets)
        measured["accuracy"] = metrics.accuracy(
            feature_models.logits(model, inputs), labels
        )
    return measured


def _errors(inputs: Array, made: Array) -> dict[str, Any]:
    """Of examples ``(N, D)`` and their reconstructions."""
    error = float(((inputs - made) ** 2).sum(axis=1, dtype=np.float64).mean())
    spread = inputs.astype(np.float64).var(axis=0).sum()
    found: dict[str, Any] = {"reconstruction_error": error}
    if spread > 0:
        found["explained"] = 1 - error / float(spread)
    return {**found, "examples": len(inputs)}


def in_words(measured: Mapping[str, Any]) -> str:
    """The scores in a line.

    Example:
        >>> in_words({"reconstruction_error": 2.5, "explained": 0.9, "examples": 40})
        'reconstruction error 2.5 (90 % of the variance explained, 40 examples)'
        >>> in_words({"reconstruction_error": 2.5, "explained": -0.6, "examples": 40})
        'reconstruction error 2.5 (worse than the mean, 40 examples)'
    """
    if "told_apart" in measured:
        return adversarial.in_words(measured)
    notes = []
    if measured.get("explained", 0) < 0:
        notes.append("worse than the mean")
    elif "explained" in measured:
        notes.append(f"{100 * measured['explained']:.3g} % of the variance explained")
    notes.append(counted(measured["examples"], "example"))
    words = f"reconstruction error {amount(measured['reconstruction_error'])} "
    words += f"({', '.join(notes)})"
    if "accuracy" in measured:
        words += f"; accuracy {100 * measured['accuracy']:.4g} %"
    return words


def beside(measured: Mapping[str, Any], baselines: Mapping[str, Any]) -> list[str]:
    """What PCA reaches, and whether that is no worse: lines."""
    if "gaussian" in baselines:
        return adversarial.beside(measured, baselines["gaussian"])
    entry = baselines.get("pca", {})
    if "test" not in entry:
        return []
    error = entry["test"]["reconstruction_error"]
    lines = [f"PCA, {counted(entry['components'], 'component')} {amount(error)}"]
    if measured["reconstruction_error"] >= error:
        lines.append("no better than PCA")
    return lines


def energies_in_words(energies: Mapping[str, float]) -> str:
    """The free energies of the parts in a line.

    Example:
        >>> energies_in_words({"training": -25.71, "test": -25.9})
        'free energy −25.71 of training data, −25.90 of test data'
    """
    listed = [
        f"{signed(f'{value:.2f}')} of {part} data" for part, value in energies.items()
    ]
    return f"free energy {', '.join(listed)}"


def draw_all(
    folder: Path,
    settings: Settings,
    model: Any,
    history: training.History,
    examples: Examples,
    pca: PrincipalComponents,
) -> list[str]:
    """Draws every picture that fits the run into its folder.

    Arguments:
        folder: of the run.
        settings, model, history, examples: of the run.
        pca: what the model is compared with.

    Returns:
        The names of the files.
    """
    files = []
    if history.epochs:
        as_drawn(history, settings).plot(folder / "training_curve.png")
        files.append("training_curve.png")
    files += draw_watched(folder, history)
    drawn: dict[str, Callable[[], Figure]] = {}
    generates_only = settings.network.model in GENERATORS
    if generates_only:
        over_time = folder / "samples_over_time.png"
        files += [over_time.name] * over_time.is_file()
        drawn |= adversarial.drawings(model, settings, examples.train, examples.test)
    else:
        drawn["codes.png"] = lambda: _codes(model, pca, examples.test, settings)
    if settings.image_shape and not generates_only:
        weights = feature_models.first_weights(model)
        drawn["first_layer_features.png"] = lambda: pictures.features(
            weights, settings.image_shape
        )
        drawn["reconstructions.png"] = lambda: _reconstructions(
            model, pca, examples.test, settings
        )
    if settings.image_shape:
        if settings.network.model == "vae" and settings.network.outputs == 2:
            drawn["latent_grid.png"] = lambda: variational.draw_codes(
                model, settings.image_shape, _values(settings)
            )
        if feature_models.MODELS[settings.network.model].generates:
            drawn["samples.png"] = lambda: draw_samples(
                new_samples(model, settings, DRAWN, STEPS), settings
            )
    with pictures.windowless():
        for file, draw in drawn.items():
            pictures.save(draw(), folder / file)
            files.append(file)
    return files


def as_drawn(history: training.History, settings: Settings) -> training.History:
    """A history with names for what contrastive divergence measures: in training which
    way to go, on validation data how well they are reconstructed. Each layer of a
    belief net has a curve of its own.

    Arguments:
        history, settings: of a run.
    """
    if settings.network.model in (*CODED, *GENERATORS):
        return history
    layers = list(dict.fromkeys(row.get("layer") for row in history.epochs))
    rows = []
    for row in history.epochs:
        where = f"layer {layers.index(row['layer']) + 1}: " if "layer" in row else ""
        names = {
            "loss": f"{where}contrastive divergence",
            "validation_loss": "validation_reconstruction loss",
        }
        rows.append({names.get(name, name): value for name, value in row.items()})
    return training.History(rows, history.stopped, history.settings)


def _codes(
    model: Any, pca: PrincipalComponents, test: data.Dataset, settings: Settings
) -> Figure:
    """Where the model puts test examples in two dimensions, and where PCA does."""
    rows = np.unique(np.linspace(0, len(test) - 1, POINTS).astype(np.int64))
    shown = test.subset(rows)
    inputs = np.asarray(shown[:][0])
    found = feature_models.encode(model, inputs)
    labels, names = np.zeros(len(rows), np.int64), test.classes or ("",)
    if shown.targets is not None and test.task == "classification":
        labels = np.asarray(shown.targets)
    width = found.shape[1]
    what = "codes" if width <= 2 else f"widest plane of codes of {width}"
    panels = {
        f"{settings.title}, {settings.network.model}: {what}": in_the_plane(found),
        "the first components of PCA": in_the_plane(pca.encode(inputs)[:, :2]),
    }
    return pictures.codes(panels, labels, names)


def in_the_plane(codes: Array) -> Array:
    """``(N, 2)``: codes of two numbers as they are, others by their first two principal
    components.
    """
    if codes.shape[1] == 1:
        return np.concatenate([codes, np.zeros_like(codes)], axis=1)
    if codes.shape[1] == 2 or len(codes) < 2:
        return codes[:, :2]
    return PrincipalComponents.fit(codes, 2).encode(codes)


def _images(rows: Array, settings: Settings) -> Array:
    return np.clip(rows, 0, 1).reshape(len(rows), *settings.image_shape)


def _values(settings: Settings) -> str:
    """Whether dark is 1, as ink on paper, or 0, as in photographs."""
    photographs = settings.source.folder is not None or settings.image_shape[-1] == 3
    return "light" if photographs else "ink"


def _reconstructions(
    model: Any, pca: PrincipalComponents, test: data.Dataset, settings: Settings
) -> Figure:
    """Images, what the model makes of their codes, and what PCA does."""
    rows = np.linspace(0, len(test) - 1, min(SHOWN, len(test))).astype(np.int64)
    inputs = np.asarray(test.take(rows)[0])
    made = {
        "test images": inputs,
        settings.network.model: feature_models.reconstruct(model, inputs),
    }
    made[f"PCA, {len(pca.components)}"] = pca.reconstruct(inputs)
    return pictures.reconstructions(
        *(_images(row, settings) for row in made.values()),
        names=tuple(made),
        values=_values(settings),
    )


def new_samples(
    model: Any,
    settings: Settings,
    n: int,
    steps: int,
    label: int | None = None,
    seed: int | None = None,
) -> Array:
    """``(n, D)``: samples of a model; the same every time for one seed, that of the run
    when not given.
    """
    manual_seed(settings.training.seed if seed is None else seed)
    return feature_models.samples(model, n, steps, label)


def as_table(drawn: Array, settings: Settings) -> dict[str, Array]:
    """Samples as columns of the table that a run learned from: categories drawn with
    their probabilities; amounts in their units, within the range of the training rows,
    and whole numbers where all of those were.

    Arguments:
        drawn: ``(n, D)``, as ``TableTransform.transform`` scales the columns, with the
            probabilities of binary units.
    """
    fitted = data.TableTransform.from_json(settings.transform)
    columns: dict[str, Array] = {}
    place = 0
    for rule in fitted.columns:
        width = len(rule.features)
        own = drawn[:, place : place + width - rule.missing].astype(np.float64)
        place += width
        if rule.categories:
            words: Array = np.array(rule.categories, dtype=object)
            chances = np.clip(own, 0, 1)  # those of a GAN or a VAE are not bounded
            columns[rule.name] = words[_drawn_categories(chances, rule.kind)]
            continue
        amounts = own[:, 0] * rule.std + rule.mean
        if rule.low is not None and rule.high is not None:
            amounts = np.clip(amounts, rule.low, rule.high)
        if rule.kind == "date":
            days = np.datetime64("1970-01-01") + amounts.round().astype(np.int64)
            columns[rule.name] = days.astype(str).astype(object)
        else:
            columns[rule.name] = amounts.round() if rule.whole else amounts
    return columns


def drawn_classes(model: Any, drawn: Array, settings: Settings) -> Array:
    """``(n,)``: the name of a class for each sample of a belief net that learned
    classes, drawn with the probabilities that it gives them.
    """
    logits = feature_models.logits(model, drawn).astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    names: Array = np.array(settings.classes, dtype=object)
    return names[_drawn_categories(powers, "categorical")]


def _drawn_categories(probabilities: Array, kind: str) -> Array:
    """``(n,)``: the number of a category, drawn with the probabilities ``(n, K)`` of
    units that do not know of each other, whatever their sum; of yes or no that of yes,
    ``(n, 1)``.
    """
    chance = default_generator.uniform((len(probabilities), 1), dtype="float64").numpy()
    if kind == "boolean":
        yes: Array = (chance < probabilities)[:, 0].astype(np.int64)
        return yes
    heights = np.cumsum(probabilities, axis=1)
    number: Array = (chance * heights[:, -1:] >= heights[:, :-1]).sum(axis=1)
    return number


def draw_samples(drawn: Array, settings: Settings, label: str | None = None) -> Figure:
    """Samples as a picture, of very many the first.

    Arguments:
        drawn: ``(n, D)``.
        settings: of the run.
        label: the class of which they are.
    """
    what = counted(len(drawn), "sample")
    if len(drawn) > MOST_DRAWN:
        what = f"the first {MOST_DRAWN} of {what}"
    if label is not None:
        what += f" of {label}"
    return pictures.image_grid(
        _images(drawn[:MOST_DRAWN], settings),
        values=_values(settings),
        title=f"{what}, {settings.network.model}, {settings.title}",
    )
