"""Hidden Markov models whose states have mixtures of Gaussians, learned by EM.

Read from top to bottom: the recogniser, one iteration, and how mixtures grow. The shape
of a value stands at the right of the line that makes it: N recordings, T frames, D
features, P places of a row of states, K states, M Gaussians of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ...backprop import backprop
from ...compiler.compile import compile
from ...data.audio.features import SpeechFeatures
from ...data.audio.recordings import Recording
from ...data.buckets import padded_batches
from ...errors import ArgumentError
from ...graph import Array
from ...nn.chains.bands import Band, band_log_partition
from ...ops import composed
from ...ops.arrays import lift
from ...ops.elementwise import alias, exp, log
from ...variable import Variable
from .recogniser import StateRecogniser
from .states import stays

#: The least variance: of what every feature has in all recordings.
LEAST_VARIANCE = 0.02

#: The weight of a Gaussian that has not been made yet.
UNUSED = 1e-30


class GaussianRecogniser(StateRecogniser):
    """Words as hidden Markov models with mixtures of Gaussians: what networks are
    measured beside.

    Formula: p(o | s) = Σₘ wₛₘ N(o; μₛₘ, diag σ²ₛₘ).

    Arguments:
        words: that it knows; ``GaussianRecogniser.of`` finds them in recordings.
        features: what it hears.
        states: of each word, in a row.
        connected: whether several words may be said in a recording.
        mixtures: M, Gaussians of each state.

    Attributes:
        means, variances: (K, M, D).
        log_weights: ln w, (K, M).

    Source: Rabiner (1989), sections III and IV; the growing of mixtures: Young et al.,
    The HTK book.

    Example:
        >>> from chainrule import data, models
        >>> recordings = data.read_recordings("recordings")  # doctest: +SKIP
        >>> model = models.GaussianRecogniser.of(recordings)  # doctest: +SKIP
        >>> likelihoods = model.learn(recordings)  # doctest: +SKIP
        >>> model.recognise(["seven.wav"])  # doctest: +SKIP
        [('seven',)]
    """

    hears: ClassVar[Mapping[str, Any]] = {"kind": "mfcc", "deltas": True}

    def __init__(
        self,
        words: Sequence[str],
        features: SpeechFeatures | str,
        *,
        states: int = 6,
        connected: bool = False,
        mixtures: int = 4,
    ) -> None:
        super().__init__(words, features, states, connected)
        if mixtures < 1:
            raise ArgumentError(
                f"GaussianRecogniser: mixtures={mixtures}: expected 1 or more"
            )
        self.mixtures = mixtures
        shape = self.states.count, mixtures, self.features.size
        self.means = Variable(np.zeros(shape), name="means")
        self.variances = Variable(np.ones(shape), name="variances")
        first = np.full(shape[:2], -math.log(mixtures))
        self.log_weights = Variable(first, name="log_weights")

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().settings(), "mixtures": self.mixtures}

    def forward(self, x: Any, lengths: Any) -> Any:
        """ln p(o | s) of every frame and state, (N, T, K)."""
        return self.state_scores(x, lengths)

    def state_scores(self, x: Any, lengths: Any) -> Any:
        """ln p(o | s), (N, T, K)."""
        parts = log_densities(x, self.means, self.variances, self.log_weights)
        return composed.logsumexp(parts, axis=-1)

    def learn(
        self, recordings: Sequence[Recording], iterations: int = 4
    ) -> list[float]:
        """Learns from recordings by expectation–maximization, from a flat start.

        Each state begins with one Gaussian; after some iterations every Gaussian is
        split in two, until there are M.

        Arguments:
            recordings: with words that are known.
            iterations: before each split, and at the end.

        Returns:
            ln p(recordings) a frame, before each iteration; it never falls but where
            Gaussians were split, or held at the least variance.

        Raises:
            DataError: a recording with fewer frames than its words have states.

        Source: Baum, Petrie, Soules & Weiss (1970); Dempster, Laird & Rubin (1977).
        """
        heard, said = self.heard(recordings), [each.words for each in recordings]
        self.check_lengths(heard, said, [each.name for each in recordings])
        return self.learn_from(heard, said, iterations)

    def learn_from(
        self, heard: Sequence[Array], said: Sequence[Sequence[str]], iterations: int = 4
    ) -> list[float]:
        """``learn``, from features (T, D) and the words of each."""
        self.check_lengths(heard, said)
        self._flat_start(heard, said)
        found, sizes = [], _sizes(self.mixtures)
        for number, size in enumerate(sizes):
            if number:
                self._split(size)
            found += [self.iterate(heard, said) for _ in range(iterations)]
        return found

    def iterate(self, heard: Sequence[Array], said: Sequence[Sequence[str]]) -> float:
        """One iteration of expectation–maximization; ln p a frame, before it."""
        rows = [self.states.row(words) for words in said]
        width = max(map(len, rows))
        stay = self.log_stay.numpy()
        visits = np.zeros(self.states.count)
        totals: list[Any] = [0.0] * 4
        for numbers, x, lengths in padded_batches(heard):
            own = [rows[number] for number in numbers]
            own += [own[0]] * (len(lengths) - len(own))
            band = self.states.bands(own, stay, width)
            placed = _places(own, width, self.states.count)
            sums = self._expected(x, lengths, placed, *band)
            # ln p a recording, Σ r, Σ r o, Σ r o², visits
            for place, each in enumerate(sums[:4]):
                value = each.numpy()
                if place == 0:
                    value = value[: len(numbers)].sum()
                totals[place] = totals[place] + value
            visits += sums[4].numpy()
        self._maximise(*totals[1:])
        self.log_stay.assign(stays(totals[1].sum(axis=1), visits))
        return float(totals[0]) / sum(map(len, heard))

    @compile
    def _expected(self, x: Any, lengths: Any, placed: Any, *band: Any) -> Any:
        """The expectation: sums over all frames of a batch, weighted by how probable
        each Gaussian is to have made each.
        """
        samples, steps, size = x.shape
        x = x.astype("float64")
        parts = log_densities(x, self.means, self.variances, self.log_weights)
        scores = composed.logsumexp(parts, axis=-1)  # (N, T, K)
        in_row = scores @ placed.transpose(0, 2, 1)  # (N, T, P)
        at, stay = alias(in_row), alias(lift([band[0]])[0])
        total = band_log_partition(at, Band(stay, *band[1:]), lengths)
        gradients = backprop(total.sum())
        gamma, stayed = gradients[at], gradients[stay]  # (N, T, P), (N, P)
        shares = exp(parts - scores[..., None])  # (N, T, K, M)
        r = (gamma @ placed)[..., None] * shares
        flat = r.reshape(samples * steps, -1).T  # (K · M, N · T)
        frames = x.reshape(samples * steps, size)
        shape = (*self.log_weights.shape, size)
        entered = (gamma.sum(axis=1) - stayed)[:, :, None] * placed
        return (
            total,
            r.sum(axis=(0, 1)),
            (flat @ frames).reshape(shape),
            (flat @ (frames * frames)).reshape(shape),
            entered.sum(axis=(0, 1)),
        )

    def _maximise(self, weight: Array, first: Array, second: Array) -> None:
        """The maximization: weights, means and variances of what was expected."""
        share = np.maximum(weight, 1e-10)[..., None]
        seen = weight[..., None] > 1.0  # a Gaussian of less than a frame stays
        means = np.where(seen, first / share, self.means.numpy())
        variances = np.where(seen, second / share - means**2, self.variances.numpy())
        self.means.assign(means)
        self.variances.assign(np.maximum(variances, self._floor))
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-10)
        used = self.log_weights.numpy() > math.log(UNUSED) / 2
        shares = np.where(used, np.maximum(weight / total, 1e-5), UNUSED)
        self.log_weights.assign(np.log(shares))

    _floor: Any = LEAST_VARIANCE

    def _flat_start(
        self, heard: Sequence[Array], said: Sequence[Sequence[str]]
    ) -> None:
        """One Gaussian of each state, from words cut into states of one length."""
        states = np.concatenate(
            [self.states.flat(w, len(x)) for w, x in zip(said, heard, strict=True)]
        )
        frames = np.concatenate(heard).astype(np.float64)
        self._floor = LEAST_VARIANCE * frames.var(axis=0)
        shape = self.means.shape
        means, variances = np.zeros(shape), np.ones(shape)
        for state in range(self.states.count):
            own = frames[states == state]
            own = own if len(own) > 1 else frames
            means[state] = own.mean(axis=0)
            variances[state] = np.maximum(own.var(axis=0), self._floor)
        self.means.assign(means)
        self.variances.assign(variances)
        self._use(1)

    def _use(self, size: int) -> None:
        """The first Gaussians of every state count alike, the others hardly."""
        weights = np.full(self.log_weights.shape, UNUSED)
        weights[:, :size] = 1 / size
        self.log_weights.assign(np.log(weights))

    def _split(self, size: int) -> None:
        """The Gaussians with the largest weights become two, apart by 0.4 σ."""
        means, variances = self.means.numpy().copy(), self.variances.numpy().copy()
        weights = np.exp(self.log_weights.numpy())
        used = int((weights > math.sqrt(UNUSED)).sum(axis=1).max())
        for new in range(used, size):
            largest = weights[:, :new].argmax(axis=1)
            at = np.arange(len(means)), largest
            apart = 0.2 * np.sqrt(variances[at])
            means[:, new] = means[at] + apart
            means[at] = means[at] - apart
            variances[:, new] = variances[at]
            weights[:, new] = weights[at] = weights[at] / 2
        self.means.assign(means)
        self.variances.assign(variances)
        self.log_weights.assign(np.log(weights))


def log_densities(x: Any, means: Any, variances: Any, log_weights: Any) -> Any:
    """ln (w N(o; μ, diag σ²)) of every frame and Gaussian, by products of matrices.

    Formula: ln w − ½ Σ_d [ln 2πσ² + μ²/σ²] + Σ_d [o μ/σ² − ½ o²/σ²].

    Shapes: x (N, T, D), means and variances (K, M, D), weights (K, M) → (N, T, K, M).

    Example:
        >>> import chainrule as cr
        >>> one = cr.ones((1, 1, 2))
        >>> z = log_densities(cr.zeros((1, 1, 2)), 0 * one, one, cr.zeros((1, 1)))
        >>> round(z.item(), 4)  # −ln 2π
        -1.8379
    """
    samples, steps, size = x.shape
    count, mixtures, _ = means.shape
    kind = x.dtype
    precision = 1.0 / variances
    spread = log(2 * math.pi * variances) + means * means * precision
    constant = log_weights - 0.5 * spread.sum(axis=-1)  # (K, M)
    frames = x.reshape(samples * steps, size)
    linear = (means * precision).reshape(count * mixtures, size).astype(kind)
    square = (0.5 * precision).reshape(count * mixtures, size).astype(kind)
    z = frames @ linear.T - (frames * frames) @ square.T
    z = z + constant.reshape(count * mixtures).astype(kind)
    return z.reshape(samples, steps, count, mixtures)


def _places(rows: Sequence[Array], width: int, count: int) -> Array:
    """Which state each place of a row is, as 0 and 1: (N, P, K)."""
    placed = np.zeros((len(rows), width, count))
    for n, row in enumerate(rows):
        placed[n, np.arange(len(row)), row] = 1.0
    return placed


def _sizes(mixtures: int) -> list[int]:
    """1, 2, 4 … up to the number of Gaussians.

    Example:
        >>> _sizes(6)
        [1, 2, 4, 6]
    """
    sizes = [1]
    while sizes[-1] < mixtures:
        sizes.append(min(2 * sizes[-1], mixtures))
    return sizes
