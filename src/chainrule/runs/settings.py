"""Everything a run was made with, and JSON text of it that can be read back.

Place on the road: below the commands. Nothing in a settings file is executed: each
value is checked to be of the type of its field. It must not know how a network is
built or trained.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from ..errors import ArgumentError

FORMAT = "chainrule.run/4"

#: The tasks that predict a column, or what an image shows.
PREDICTIONS = ("classification", "regression")

#: The task of a run without targets, and the models that it may train.
FEATURES = "features"
FEATURE_MODELS = ("autoencoder", "vae", "rbm", "dbn", "gan", "dcgan")

#: Those of them that make data and have no code of it.
GENERATORS = ("gan", "dcgan")

#: Those whose code has as many numbers as are asked for, behind hidden layers.
CODED = ("autoencoder", "vae")


class NewerFormat(ValueError):
    """What a later version of chainrule has written."""


def check_format(found: Any, expected: str, what: str) -> None:
    """That values are of the format which this version reads.

    Arguments:
        found: the format they have, as ``chainrule.run/4``.
        expected: the format they should have.
        what: they are.

    Raises:
        NewerFormat: they are of a later one.
        ValueError: they are of another one.
    """
    kind, _, number = expected.partition("/")
    own, _, its = str(found).partition("/")
    if own == kind and its.isdecimal() and int(its) > int(number):
        raise NewerFormat(
            f"{what} of format {found!r}, which a newer chainrule has written: this "
            f"one reads {expected!r}"
        )
    if found != expected:
        raise ValueError(f"expected {what} of format {expected!r}")


@dataclass(frozen=True)
class Source:
    """The data of a run: a named data set, a file, or a folder of images.

    Arguments:
        name: of the data set, or None.
        file: the path of a table, or None.
        folder: the path of a folder of images, or None.
        sha256: of the file, or of the names and sizes of the images, so that a resumed
            run learns from the same examples.
        size: height and width that images of a folder are resized to.
        skip_broken: whether images that cannot be read are left out.
        class_folders: whether the folders of images are their classes.
        target: the column to predict.
        task: as given by the user; None where it was recognised.
        drop: columns left out.
        categorical: columns of numbers that are categories, such as postcodes.
        keep: columns that are used although they look like identifiers.
        dates: the order of day, month and year where a column leaves it open.
        decimal: the sign before decimals where a column leaves it open.
        groups: the column whose rows of one value stay in one part.
        test: the part of the rows or images that is tested on.
    """

    name: str | None = None
    file: str | None = None
    folder: str | None = None
    sha256: str | None = None
    size: int | None = None
    skip_broken: bool = False
    class_folders: bool = True
    target: str | None = None
    task: str | None = None
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    dates: str | None = None
    decimal: str | None = None
    groups: str | None = None
    test: float = 0.2


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron, a network for images by its name, or a model that learns
    features.

    Arguments:
        inputs, outputs: how many numbers go in and come out; of a model that learns
            features, how many a code has.
        hidden: the sizes of the hidden layers of a perceptron.
        activation: the name of the function after each hidden layer.
        dropout: the part of hidden units that is silenced in training.
        model: ``"mlp"``, the name of a network for images, or one of
            ``FEATURE_MODELS``.
        mean, std: of each channel of the training images, where there is a name.
        members: how many perceptrons are trained side by side and answer together.
        average: of what, where there are several: "values" or "probabilities".
        visible: the units of the data in a Boltzmann machine, ``"Binary(784)"``; of a
            variational autoencoder their likelihood.
        labels: how many classes a belief net models together with the data.
        bayes: by which method it says how sure it is; "" where it does not.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...]
    activation: str = "relu"
    dropout: float = 0.0
    model: str = "mlp"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    members: int = 1
    average: str = "values"
    visible: str = ""
    labels: int = 0
    bayes: str = ""

    @property
    def learns_features(self) -> bool:
        """Whether it learns from inputs alone, what they have in common."""
        return self.model in FEATURE_MODELS

    @property
    def flat(self) -> bool:
        """Whether it takes rows of numbers, and not images."""
        return self.model == "mlp" or self.learns_features


@dataclass(frozen=True)
class Training:
    """How the network learned.

    Arguments:
        epochs: passes over the training data, at most.
        batch_size: examples in a step.
        optimizer, loss: their names.
        lr: the learning rate, the largest where it changes.
        schedule: how the learning rate changes.
        weight_decay: of AdamW; the weight of an L2 penalty of other optimizers.
        seed: of the weights, the order of the examples and dropout.
        validation: the part of the training data on which the best epoch is chosen.
        patience: epochs without improvement before training stops; None for never.
        engine: which engine ran the steps.
        augment: what happens to images that are trained on: flip, crop, rotate.
        threads: how many the engine used; part of the run, as sums of several threads
            are rounded in another order.
    """

    epochs: int
    batch_size: int
    optimizer: str
    loss: str
    lr: float
    schedule: str
    weight_decay: float
    seed: int
    validation: float
    patience: int | None
    engine: str
    threads: int
    augment: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """A run: its data, network and training, and how data become numbers.

    Arguments:
        source, network, training: see there.
        title: what the data are called.
        task: ``"classification"``, ``"regression"``, ``"features"``, or one that
            ``--task`` names.
        classes: the names of the classes; empty for regression.
        target: what is predicted; "" where features are learned.
        image_shape: ``(H, W, C)`` where the inputs are images; else empty.
        transform: ``TableTransform.to_json()`` where the inputs are a table's columns.
        baselines: whether those baselines are measured too that take a while.
        watch: whether histograms of every layer are kept and drawn.
        details: what such a task keeps besides.
        version: of chainrule.
    """

    source: Source
    network: Network
    training: Training
    title: str
    task: str
    target: str
    classes: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    transform: dict[str, Any] | None = None
    baselines: bool = False
    watch: bool = False
    version: str = ""
    details: dict[str, Any] | None = None

    def require_targets(self, what: str) -> None:
        """An error where the run learned features and predicts nothing.

        Arguments:
            what: is asked of it.

        Raises:
            ArgumentError: it did.
        """
        if self.network.learns_features:
            raise ArgumentError(
                f"{what}: the run learned features of {self.title} with --model "
                f"{self.network.model}, and no target",
                fix="chainrule encode gives the features of new data",
            )
        if self.task not in PREDICTIONS:
            raise ArgumentError(
                f"{what}: the run was trained with --task {self.task} on {self.title}, "
                "and has no columns",
                fix="chainrule evaluate RUN FILE; chainrule train --help says more",
            )

    def require_task(self, what: str, task: str, lacks: str) -> None:
        """An error where the run learned no task that ``--task`` names.

        Arguments:
            what: is asked of it.
            task: the one that is needed.
            lacks: what the run does or has not, in words.

        Raises:
            ArgumentError: it did.
        """
        if self.task != task:
            raise ArgumentError(
                f"{what}: the run learned {self.task} of {self.title}: it {lacks}",
                fix=f"a run of chainrule train book.txt --task {task}",
            )

    def require_features(self, what: str) -> None:
        """An error where the run learned to predict.

        Arguments:
            what: is asked of it.

        Raises:
            ArgumentError: it did.
        """
        if not self.network.learns_features:
            predicts = "chainrule predict; " * (self.task in PREDICTIONS)
            raise ArgumentError(
                f"{what}: the run learned {self.task} of "
                f"{self.target or self.title!r}: it has no code",
                fix=f"{predicts}a code is learned with --model autoencoder, vae, "
                "rbm or dbn",
            )
        if self.network.model in GENERATORS:
            raise ArgumentError(
                f"{what}: the run learned to make data like {self.title} with --model "
                f"{self.network.model}, and has no code of them",
                fix="chainrule sample; a code is learned with --model autoencoder, "
                "vae, rbm or dbn",
            )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, values: Any) -> Settings:
        """The inverse of ``to_json``.

        An entry that is missing, as it was not yet known when the run was made, has its
        default.

        Raises:
            NewerFormat: a later version has written them.
            ValueError: with a sentence on what is missing or wrong.
        """
        known = values.get("format") if isinstance(values, dict) else None
        check_format(known, FORMAT, "settings")
        rest = {key: value for key, value in values.items() if key != "format"}
        made = _read(cls, rest, "settings")
        return typing.cast(Settings, made)


def _read(kind: type[Any], values: Any, what: str) -> Any:
    """A dataclass from plain values, every one checked against its field's type."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{what} is not an object")
    kinds = typing.get_type_hints(kind)
    known = {each.name for each in fields(kind)}
    for name in values:
        if name not in known:
            raise ValueError(f"{what} has an unknown entry {name!r}")
    for each in fields(kind):
        if each.name not in values and each.default is MISSING:
            raise ValueError(f"{what} has no entry {each.name!r}")
    return kind(**{n: _value(kinds[n], v, f"{what}.{n}") for n, v in values.items()})


def _value(kind: Any, value: Any, what: str) -> Any:
    if hasattr(kind, "__dataclass_fields__"):
        return _read(kind, value, what)
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for option in options:
        plain = typing.get_origin(option) or option
        if plain is tuple and isinstance(value, list):
            inner = typing.get_args(option)[0]
            if all(_is(inner, each) for each in value):
                return tuple(value)
        elif _is(plain, value):
            return value
    raise ValueError(f"{what} is {value!r:.40}, of the wrong type")


def _is(kind: type[Any], value: Any) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
