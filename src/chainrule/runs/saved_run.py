"""``load_run``: a run of ``chainrule train`` in Python, ready to be used.

Place on the road: above the parts of a run, below the commands. The network alone,
without the columns and classes that its numbers stand for, is ``cr.load``'s business.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import numpy as np

from .. import data
from ..errors import ArgumentError
from ..explain.layers import NetworkExplanation
from ..foreign import Settled
from ..loading import load
from ..nn import Ensemble, Module
from ..training import History
from ..wording import counted
from . import feature_models, feature_report, new_data, report, sources
from .example import Example, explained, of_dataset, of_new
from .folder import RunFolder
from .importance import Importance, measure_importance
from .predictions import Predictions, predict
from .settings import Settings

Array = np.ndarray[Any, np.dtype[Any]]


def load_run(path: str | os.PathLike[str]) -> SavedRun:
    """A trained run, ready to predict, with its preprocessing and its classes.

    Arguments:
        path: the folder that ``chainrule train`` made; ``"latest"`` for the newest one
            in the folder ``runs``.

    Returns:
        The run: ``run.predict(frame)``, ``run.evaluate(table)``, ``run.explain(row)``;
        ``run.model``, ``run.history``, ``run.settings``, ``run.metrics``.

    Raises:
        FileError: there is no such run, it has no network yet, or it is damaged.

    Example:
        >>> import chainrule as cr, os, subprocess, sys, tempfile
        >>> out = os.path.join(tempfile.mkdtemp(), "iris")
        >>> words = ["train", "iris", "--epochs", "20", "--out", out, "--quiet"]
        >>> _ = subprocess.run([sys.executable, "-m", "chainrule", *words],
        ...                    capture_output=True, check=True)
        >>> run = cr.load_run(out)
        >>> run.columns[:2]
        ('sepal length (cm)', 'sepal width (cm)')
        >>> flower = dict(zip(run.columns, ([5.1], [3.5], [1.4], [0.2])))
        >>> run.predict(flower).labels.tolist()
        ['setosa']
    """
    folder = RunFolder.find(os.fspath(path))
    return SavedRun(folder, folder.read_settings())


class SavedRun(Settled):
    """What ``load_run`` returns: a network with its preprocessing and its classes.

    Data are given as they are in files: a pandas or Polars frame, a dictionary of
    columns, the path of a CSV or Parquet file; for a network for images, the path of an
    image, a list of such, a folder of them, or an array of pixels from 0 to 1.

    Attributes:
        path: the folder.
        settings: everything the run was made with: ``settings.training.lr`` …
    """

    def __init__(self, folder: RunFolder, settings: Settings) -> None:
        self.folder = folder
        self.path = folder.path
        self.settings = settings

    @cached_property
    def model(self) -> Module:
        """The network alone: numbers in, numbers out."""
        return load(self.folder.model)

    @cached_property
    def history(self) -> History:
        """The numbers of every epoch."""
        return History.from_json(self.folder.history)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The scores on test and validation data, beside those of baselines; empty for
        a run that was stopped.
        """
        return self.folder.read_metrics()

    @property
    def task(self) -> str:
        """``"classification"``, ``"regression"`` or ``"features"``."""
        return self.settings.task

    @property
    def target(self) -> str:
        """What is predicted; "" where features were learned."""
        return self.settings.target

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty for amounts."""
        return self.settings.classes

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the network was trained on; empty where it takes images."""
        if self.settings.transform is None:
            return ()
        fitted = data.TableTransform.from_json(self.settings.transform)
        return tuple(rule.name for rule in fitted.columns)

    @cached_property
    def examples(self) -> sources.Examples:
        """The run's own data, split as it was: ``.train``, ``.validation``, ``.test``.

        Raises:
            FileError: the file or folder is gone, or has changed.
        """
        return sources.of_run(self.settings)

    def predict(self, new: Any) -> Predictions:
        """The predictions for new rows or images.

        Arguments:
            new: a frame, a dictionary of columns, a file; or images. Columns that the
                network did not learn from are not looked at.

        Returns:
            ``.labels`` and ``.probabilities``, or ``.values`` for amounts;
            ``pandas.DataFrame(predictions.to_dict())`` is a table of them.

        Raises:
            DataError: a column is missing, or holds other things than in training.
            FileError: a file cannot be read.
            ArgumentError: the run learned features.
        """
        self.settings.require_targets("predict")
        files, inputs = self._inputs(new)
        examples = data.Dataset(inputs, name=new_data.name_of(new))
        return predict(self.model, examples, self.settings, files)

    def encode(self, new: Any = None) -> Array:
        """The codes of rows or images, of a run that learned features.

        Arguments:
            new: as of ``predict``; the run's own test examples when not given.

        Returns:
            ``(N, K)``: the codes of an autoencoder, the probabilities of a machine's or
            a belief net's hidden units.

        Raises:
            ArgumentError: the run learned to predict.
        """
        self.settings.require_features("encode")
        inputs = self.examples.test.inputs if new is None else self._inputs(new)[1]
        return feature_models.encode(self.model, inputs)

    def _inputs(self, new: Any) -> tuple[tuple[str, ...], Any]:
        images = new_data.new_images(self.settings, new)
        if images is not None:
            return tuple(images[0]), images[1]
        return (), new_data.new_inputs(self.settings, new)[0]

    def evaluate(self, known: Any = None) -> dict[str, Any]:
        """The scores on rows whose target is known, beside those of baselines.

        Arguments:
            known: a frame, a dictionary of columns or a file, the target among the
                columns; or a folder of images, one folder a class. Without it, the test
                data that the run set aside.

        Returns:
            As ``metrics["test"]``: accuracy, F1, cross-entropy and the confusion
            matrix; or RMSE, MAE and R², ``baselines`` beside them. Of features the
            reconstruction error, for which no targets are needed.
        """
        examples = self._known(known)
        if self.settings.network.learns_features:
            return feature_report.measure(self.model, examples, self.settings)
        said = predict(self.model, examples, self.settings)
        measured = report.measure(said, np.asarray(examples.targets))
        stored = self.metrics.get("baselines", {})
        if known is not None:
            constants = report.constant_baselines(stored, self.settings)
            stored = report.measure_baselines(
                constants, {"test": examples}, self.settings
            )
        return {**measured, "baselines": stored}

    def _known(self, known: Any) -> data.Dataset:
        if known is None:
            return self.examples.test
        if isinstance(known, str) and known in data.names():
            return new_data.named_examples(self.settings, known)
        return new_data.new_examples(self.settings, known)

    def explain(self, row: Any = 0, target: Any = None) -> NetworkExplanation:
        """One example through the network and back: z, a, δ, ∇W and ∇b of each layer.

        Arguments:
            row: the number of a test example; or a new one: a dictionary, a frame or
                file of one row, an image.
            target: of a new example: its class or amount. Where it is not known, the
                class that the network predicts is taken, or the mean of the training
                data.

        Returns:
            The explanation; ``.save("page.html")`` writes it as a page. Of an ensemble
            the first member is opened, while the prediction is that of all.
        """
        self.settings.require_targets("explain")
        example = self.example(row, target)
        title = f"{self.path.name}, {example.name}: {example.verdict(self.model)}"
        if isinstance(self.model, Ensemble):
            title += f"; shown: network 1 of {self.model.members}"
        return explained(self.model, example, title)

    def importance(
        self, known: Any = None, *, repeats: int = 10, seed: int = 0
    ) -> Importance:
        """Which columns of a table the network's predictions rest on.

        Each column is shuffled among the rows, and the score gets worse by what the
        network owed to it; beside it stands how strongly the column moves predictions,
        gradient × input. Both with their standard deviations.

        Arguments:
            known: rows whose target is known; the validation data of the run when not
                given, or its test data where it had none. At most 2000 rows are used.
            repeats: how often each column is shuffled.
            seed: of the shuffles.

        Raises:
            ArgumentError: the network takes images, which have no columns.
        """
        self.settings.require_targets("importance")
        if known is not None:
            part, examples = "given", self._known(known)
        elif self.examples.validation is not None:
            part, examples = "validation", self.examples.validation
        else:
            part, examples = "test", self.examples.test
        return measure_importance(
            self.model, examples, self.settings, part, repeats, seed
        )

    def example(self, row: Any = 0, target: Any = None) -> Example:
        """One example as ``explain`` takes it: its inputs, target and columns.

        Arguments:
            row, target: as of ``explain``.
        """
        if isinstance(row, (int, np.integer)) and not isinstance(row, bool):
            if target is not None:
                raise ArgumentError(
                    f"explain: row {row} of the test data has a target of its own",
                    fix="leave target out",
                )
            return of_dataset(self.settings, self.examples.test, int(row), "test")
        return of_new(self.settings, self.model, row, target)

    def __repr__(self) -> str:
        settings = self.settings
        kind = f"{settings.task} of {settings.target!r}"
        if settings.network.learns_features:
            kind = f"features of {settings.title}, {settings.network.model}"
        lines = [f"run {self.path}: {kind}"]
        if self.columns:
            lines.append(
                f"  from {counted(len(self.columns), 'column')} of {settings.title}"
            )
        if self.metrics:
            test = self.metrics["test"]
            learns = settings.network.learns_features
            words = feature_report.in_words(test) if learns else ""
            lines.append(f"  test {words or report.in_words(test, settings)}")
        return "\n".join(lines)
