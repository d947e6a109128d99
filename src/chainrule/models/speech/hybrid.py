"""The hybrid: a network says how probable each state is, Bayes' rule how probable the
sound is in each, hidden Markov models which words fit best.

Read from top to bottom: the recogniser, what its network is trained to do, and how the
states of frames are found that it is trained on. The shape of a value stands at the
right of the line that makes it: N recordings, T frames, D features, K states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ... import losses, nn
from ...data.audio.features import SpeechFeatures
from ...data.audio.recordings import Recording
from ...errors import ArgumentError
from ...graph import Array
from ...ops import composed
from ...training.callbacks import Callback
from ...training.run import Run
from ...variable import Variable
from .network import AcousticNetwork
from .recogniser import (
    SoundExamples,
    StateRecogniser,
)
from .states import stays


class HybridRecogniser(StateRecogniser):
    """A network for the states of words, turned around by Bayes' rule.

    Formula: the network gives p(s | o), a softmax over states. Hidden Markov models
    need p(o | s) = p(s | o) p(o) / p(s), and p(o) is alike for all states of a frame:
    what counts is ln p(s | o) − ln p(s), with the prior p(s) counted in training. The
    words are those of the best path, see ``StateRecogniser``.

    Shapes: x (N, T, D), lengths (N,) → logits (N, T, K), K = 1 + words · states.

    Arguments:
        words: that it knows; ``HybridRecogniser.of`` finds them in recordings.
        features: what it hears.
        states: of each word, in a row.
        connected: whether several words may be said in a recording.
        network: that gives logits; ``AcousticNetwork`` when not given.
        options: of that network: ``width``, ``recurrent``, ``dropout``, ``masked``.

    Attributes:
        log_prior: ln p(s), (K,).

    Raises:
        ArgumentError: as ``WordStates``.

    Source: Bourlard & Morgan, Connectionist speech recognition (1994); deep: Dahl, Yu,
    Deng & Acero (2012).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> recordings = data.read_recordings("recordings")  # doctest: +SKIP
        >>> model = models.HybridRecogniser.of(recordings)  # doctest: +SKIP
        >>> examples = model.examples(recordings)  # doctest: +SKIP
        >>> history = cr.fit(
        ...     models.SpeechTraining(model), examples, epochs=15,
        ...     callbacks=[models.Realign(model, examples)],
        ... )  # doctest: +SKIP
        >>> model.recognise(["seven.wav"])  # doctest: +SKIP
        [('seven',)]
    """

    def __init__(
        self,
        words: Sequence[str],
        features: SpeechFeatures | str,
        *,
        states: int = 6,
        connected: bool = False,
        network: nn.Module | None = None,
        **options: Any,
    ) -> None:
        super().__init__(words, features, states, connected)
        count = self.states.count
        if network is None:
            network = AcousticNetwork(self.features.size, count, **options)
        self.network = network
        self.log_prior = Variable(np.full(count, -np.log(count)), name="log_prior")

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().settings(), "network": self.network}

    def forward(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """The logits of every state in every frame."""
        return self.network(x, lengths, training=training)

    def state_scores(self, x: Any, lengths: Any) -> Any:
        """ln p(s | o) − ln p(s): the scaled likelihood, by Bayes' rule."""
        posterior = composed.log_softmax(self(x, lengths))  # (N, T, K)
        return posterior - self.log_prior.astype(posterior.dtype)

    def loss(self, x: Any, lengths: Any, targets: Any, training: bool = False) -> Any:
        """The cross-entropy of the states of frames, (N, T), −1 behind the end."""
        logits = self(x, lengths, training=training)  # (N, T, K)
        return losses.cross_entropy(logits, targets, ignore_index=-1)

    # Recordings to examples. ---------------------------------------------------------

    def examples(
        self,
        recordings: Sequence[Recording],
        buckets: int = 4,
        name: str = "recordings",
    ) -> SoundExamples:
        """Recordings as examples for ``cr.fit``: features, lengths, states of frames.

        The states are a flat start: those of the words, dealt out evenly. ``Realign``
        moves them while the network is trained.

        Arguments:
            recordings: with words that are known.
            buckets: how many sizes they are padded to.
            name: what messages call them.

        Raises:
            DataError: a recording with fewer frames than its words have states.
        """
        heard, said = self.heard(recordings), [each.words for each in recordings]
        self.check_lengths(heard, said, [each.name for each in recordings])
        pairs = zip(said, heard, strict=True)
        flat = [self.states.flat(words, len(x)) for words, x in pairs]
        return SoundExamples(heard, said, flat, buckets, name)

    def count(self, states: Array, visits: Array) -> None:
        """Sets priors, and how probable it is to stay, by the states of all frames.

        Formula: p(s) = (frames in s + 1) / Σ (… + 1); see ``stays``.

        Arguments:
            states: of all frames.
            visits: how often each state was entered, (K,).
        """
        frames = np.bincount(states, minlength=self.states.count).astype(float)
        self.log_prior.assign(np.log((frames + 1) / (frames + 1).sum()))
        self.log_stay.assign(stays(frames, visits))


class Realign(Callback):
    """Finds anew which state each frame is in, after some epochs.

    At first words are cut into states of one length. A network that was trained on that
    says which states fit better, by a forced alignment; it is trained on those, and
    asked again. Priors and transitions are counted each time.

    Arguments:
        recogniser: that is trained.
        examples: of ``recogniser.examples(recordings)``; their states are changed.
        held_out: those that it is validated on, aligned too, and not counted.
        epochs: after which of them.

    Source: Viterbi training: Juang & Rabiner (1990); of hybrids: Franzini, Lee & Waibel
    (1990).

    Example:
        >>> from chainrule import models
        >>> models.Realign(model, examples)  # doctest: +SKIP
    """

    order = -10  # before others measure

    def __init__(
        self,
        recogniser: HybridRecogniser,
        examples: SoundExamples,
        held_out: SoundExamples | None = None,
        *,
        epochs: Sequence[int] = (1, 2, 3, 5, 7, 10, 14),
    ) -> None:
        frames = getattr(examples, "frames", None)
        if frames is None or not isinstance(recogniser, HybridRecogniser):
            raise ArgumentError(
                f"Realign: {type(recogniser).__name__} and {type(examples).__name__}: "
                "expected a HybridRecogniser and its examples",
                fix="examples = model.examples(recordings)",
            )
        self.recogniser, self.epochs = recogniser, tuple(epochs)
        self.targets = frames
        self.every = [examples] if held_out is None else [examples, held_out]
        self.states = [each.frames.steps for each in self.every if each.frames]
        self._resumed = False

    def on_fit_start(self, run: Run) -> None:
        """Priors of the flat start, unless a checkpoint was read."""
        if not self._resumed:
            self._count()
        self._resumed = False

    def on_epoch_end(self, run: Run) -> None:
        """Aligns anew, where it is time."""
        if run.row["epoch"] in self.epochs:
            self.realign()

    def realign(self) -> float:
        """The states of all frames, anew; returns the share of frames that moved."""
        before = self.targets.steps.copy()
        for each, states in zip(self.every, self.states, strict=True):
            found = self.recogniser.aligned(each.sounds.sequences(), each.said)
            states[:] = np.concatenate([path.states for path in found])
        self._count()
        return float((self.targets.steps != before).mean())

    def _count(self) -> None:
        states, starts = self.targets.steps, self.targets.starts
        enters = np.ones(len(states), bool)
        enters[1:] = states[1:] != states[:-1]
        enters[starts[starts < len(states)]] = True
        count = self.recogniser.states.count
        self.recogniser.count(states, np.bincount(states[enters], minlength=count))

    def state_dict(self) -> dict[str, Any]:
        """The states of all frames."""
        return {"states": np.concatenate(self.states)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned."""
        start = 0
        for states in self.states:
            states[:] = state["states"][start : start + len(states)]
            start += len(states)
        self._resumed = True
