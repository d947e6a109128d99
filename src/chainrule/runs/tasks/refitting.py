"""Training once more, on all data, for what predictions are made by.

The scores of a network are of data that it has not seen. What it is then asked for
comes after these data, which are the newest that it could have learned from: so another
one of its kind is trained on them too, and is the one that predicts.

Place on the road: above the frame of a task. It must not know any task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ... import training
from .. import report
from .task import TaskRun, fitted, prepared


@dataclass(frozen=True)
class Refitting:
    """The same training again, with other data: from new weights, by the same schedule,
    ended after as many epochs as the kept weights took.

    Arguments:
        first: the run that was trained, whose network is measured.
        second: the one on all data.
        epochs: how many it takes.
    """

    first: TaskRun
    second: TaskRun
    epochs: int

    @classmethod
    def after(cls, run: TaskRun, history: training.History) -> Refitting | None:
        """What follows the training of a run; None of a task that predicts by the
        network that is measured.
        """
        corpus = run.task.whole(run.corpus)
        if corpus is None:
            return None
        words = replace(run.settings.training, patience=None)
        settings = replace(run.settings, training=words, watch=False)
        second = prepared(run.task, run.folder, settings, corpus, resume=False)
        second.measured = run.model
        kept = report.kept_weights(history, run.settings, run.task.monitors)
        return cls(run, second, kept["epoch"])

    def learn(self, progress: Any = None) -> bool:
        """Trains, and saves the network, which is the run's ``refitted`` then.

        Arguments:
            progress: as of ``fit``.

        Returns:
            Whether it came to its end, and was not stopped by Ctrl-C.
        """
        second = self.second
        if fitted(second, progress, epochs=self.epochs).stopped == "interrupted":
            return False
        second.task.settle(second)
        second.model.save(second.folder.refitted)
        self.first.refitted = second.model
        return True
