"""How recognisers are trained and chosen: their loss, and their mistakes.

Place on the road: above the recognisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ... import nn
from ...data.audio.recordings import Recording
from ...data.text.edits import error_rates
from ...errors import ArgumentError
from ...training.callbacks import Callback
from ...training.run import Run
from .recogniser import Recogniser


class SpeechTraining(nn.Module):
    """What a recogniser is trained to do: a module that returns its own loss.

    ``cr.fit(models.SpeechTraining(model), model.examples(recordings))`` trains it: a
    hybrid to tell the states of frames, a ``CTCRecogniser`` the words in their order, a
    ``WordClassifier`` the one word.

    Arguments:
        recogniser: a model with a ``loss``.

    Example:
        >>> from chainrule import data, models
        >>> model = models.CTCRecogniser(["no", "yes"], data.SpeechFeatures())
        >>> models.SpeechTraining(model).outputs_loss
        True
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(self, recogniser: Any) -> None:
        if not hasattr(recogniser, "loss"):
            raise ArgumentError(
                f"SpeechTraining: {type(recogniser).__name__}: expected a recogniser "
                "that is trained by gradients",
                fix="models.HybridRecogniser, CTCRecogniser or WordClassifier; "
                "GaussianRecogniser.learn(recordings) needs none",
            )
        self.recogniser = recogniser

    def settings(self) -> dict[str, Any]:
        """The recogniser."""
        return {"recogniser": self.recogniser}

    def describe_settings(self) -> str:
        """Empty: the recogniser is printed below it."""
        return ""

    def forward(
        self, x: Any, lengths: Any, targets: Any, training: bool = False
    ) -> Any:
        """The loss of recordings."""
        return self.recogniser.loss(x, lengths, targets, training=training)


class WordErrors(Callback):
    """The word error rate of held-out recordings after every epoch:
    ``validation_word_error_rate``.

    Arguments:
        recogniser: that is trained.
        recordings: whose words are known.

    Example:
        >>> from chainrule import models
        >>> models.WordErrors(model, held_out)  # doctest: +SKIP
    """

    order = -5  # before others look at the column
    columns = ("validation_word_error_rate",)
    only_observes = True

    def __init__(self, recogniser: Recogniser, recordings: Sequence[Recording]) -> None:
        self.recogniser = recogniser
        self.heard = recogniser.heard(recordings)
        self.right = [[each.words] for each in recordings]

    def on_epoch_end(self, run: Run) -> None:
        """The column of the row of the epoch."""
        found = error_rates(self.recogniser.said(self.heard), self.right)
        run.row["validation_word_error_rate"] = found.tokens
