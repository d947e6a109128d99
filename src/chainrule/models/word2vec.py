"""Skip-gram and CBOW: vectors of words that tell a word's neighbours from others.

Read from top to bottom: what a text is turned into, the model with its two ways to
read a window and two ways to ask for a word, and how it is trained. The shape of a
value stands at the right of the line that makes it: S stretches of text at once, B
centres in each, J = B + 2 · window places with those around them, N drawn words, D
numbers a word, V words.

A stretch is what one step learns from. All words of it stand against all centres in one
product, a matrix in which the windows are a band; and all against the same drawn words.
So a step reads and changes as many rows of the tables as there are words in a stretch,
not as there are pairs in its windows, and its work is products of matrices.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import nn
from ..backprop import backprop
from ..compiler.compile import compile
from ..errors import ArgumentError, NumericsError, unknown_option
from ..graph import Array
from ..initializers import uniform
from ..nn.arguments import positive_size
from ..ops.elementwise import maximum, softplus
from ..ops.indexing import take
from ..ops.movement import reshape
from ..optim import SGD
from ..random_numbers import manual_seed
from ..training.environment import environment
from ..training.epochs import EpochLoop
from ..training.history import History
from ..training.run import Run
from ..training.tally import Tally

#: How the words of a window are read, and how the word in its middle is asked for.
READINGS, OUTPUTS = ("skip-gram", "cbow"), ("negative", "tree")
#: The most centres of a stretch, and words that are drawn for it.
CENTRES, DRAWN = 64, 64
#: The power of the counts that words are drawn by, and the last rate in parts of the
#: first: both word2vec's.
NOISE_POWER, LAST_RATE = 0.75, 0.004


class Stretches:
    """A text as numbers: words, and which sentence each belongs to.

    Each epoch it is made anew into stretches. Frequent words are left out at random
    (of a word with the share f of the text, √(t / f) + t / f is kept), so that what
    stays in a window comes from farther away; and each centre's window reaches a
    random number of words, 1 to ``window``, so that near words count more.

    A stretch has ``centres`` centres, 64 where the text has many words: so many that
    none of them is to be expected there more than once. What a step adds up for one
    word would else be a step too far.

    Arguments:
        words: word numbers, (T,).
        sentences: the number of each word's sentence, (T,), ascending.
        counts: how often each word occurs, (V,).
        sample: t; 0 keeps all.

    Source: Mikolov et al., Distributed representations of words and phrases and their
    compositionality (2013), section 2.3; the formula is that of its program.
    """

    def __init__(
        self, words: Array, sentences: Array, counts: Array, sample: float = 1e-3
    ) -> None:
        self.words, self.sentences = words.astype(np.int32), sentences.astype(np.int32)
        share = counts / counts.sum()
        rare = np.ones_like(share)
        wanted = (np.sqrt(sample / share) + sample / share) if sample else rare
        self.kept = np.minimum(1.0, wanted)
        self.expected = float((self.kept * counts).sum())
        commonest = float((self.kept * counts).max() / self.expected)
        self.centres = max(1, min(CENTRES, int(1.0 / commonest)))

    @property
    def identity(self) -> dict[str, Any]:
        """What tells one text from another, for checkpoints: its length, a checksum."""
        checksum = zlib.crc32(
            self.sentences.tobytes(), zlib.crc32(self.words.tobytes())
        )
        checksum = zlib.crc32(self.kept.tobytes(), checksum)
        return {"shapes": [[len(self.words)]], "checksum": checksum}

    def of_epoch(self, window: int, seed: int = 0, epoch: int = 0) -> Iterator[Array]:
        """The stretches of one epoch, (3, J) int32 each: words, their sentences (−1
        where there is no word), and how far the window of each reaches.

        Seed and epoch determine what is left out and how far windows reach.
        """
        bits = np.random.Philox(key=np.array([seed, epoch], np.uint64))
        drawn = (bits.random_raw(len(self.words)) >> np.uint64(11)) * 2.0**-53
        kept = np.flatnonzero(drawn < self.kept[self.words])
        reach = bits.random_raw(len(kept)) % np.uint64(window) + np.uint64(1)
        centres = self.centres
        rest = -len(kept) % centres
        flat = np.zeros((3, window + len(kept) + rest + window), np.int32)
        flat[1] = -1
        flat[:, window : window + len(kept)] = (
            self.words[kept],
            self.sentences[kept],
            reach,
        )
        size = centres + 2 * window
        for start in range(0, len(kept) + rest, centres):
            yield flat[:, start : start + size]


class Word2Vec(nn.Module):
    """Vectors of words from their neighbours, by skip-gram or CBOW, with negative
    sampling or hierarchical softmax; a module that returns its loss.

    Formula. A centre c has the words w of its window around it, not farther than its
    reach and in the same sentence. Skip-gram reads each, h = v(w); CBOW reads their
    mean, h = v̄. Of each h it is asked which word stands in the middle::

        negative   −ln σ(u(c)ᵀ h) − Σ_{k words n drawn from q} ln σ(−u(n)ᵀ h)
        tree       −ln p(c | h)        as ``nn.HierarchicalSoftmax``

    with q ∝ count^¾. The loss is the sum over all h of a stretch, as in the papers each
    pair is a step: a mean would make the rate depend on a stretch's length.

    All h of a stretch are compared with the same ``drawn`` words, each counting for k /
    drawn of a word of their own: the same expected loss, as one product.

    Shapes: (S, 3, J) integers, from ``Stretches.of_epoch`` → one number, the mean over
    the stretches; ``vectors.weight`` (V, D).

    Initial values: v uniform in ±1 / 2D, u and the tree's weight 0.

    Arguments:
        counts: how often each word occurs, (V,).
        size: D.
        window: the longest reach to either side.
        reading: "skip-gram" or "cbow".
        output: "negative" or "tree".
        negatives: k.
        drawn: how many words are drawn for a stretch.
        words: the words themselves, (V,), to be kept with their vectors.
        dtype: of the parameters.

    Raises:
        OptionError: for another reading or output.
        DataError: for fewer than two words.
        ArgumentError: sizes below 1; in a call, stretches that are no longer than two
            windows.

    Source: Mikolov, Chen, Corrado & Dean, Efficient estimation of word representations
    in vector space (2013); Mikolov, Sutskever, Chen, Corrado & Dean, Distributed
    representations of words and phrases and their compositionality (2013). Negative
    words that pairs share, as products: Ji, Satish, Li & Dubey (2016).

    Example:
        >>> from chainrule import models
        >>> net = models.Word2Vec([9, 5, 3], size=8, window=2)
        >>> words, sentences, reach = [[0, 1, 0, 2, 0, 1]], [[0] * 6], [[2] * 6]
        >>> loss = net(np.stack([words, sentences, reach], 1))
        >>> round(float(loss.item() / np.log(2)), 3)  # 8 pairs, 5 drawn for each
        48.0
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        counts: Any,
        size: int = 100,
        window: int = 5,
        reading: str = "skip-gram",
        output: str = "negative",
        *,
        negatives: int = 5,
        drawn: int = DRAWN,
        words: Sequence[str] = (),
        dtype: DTypeLike | None = None,
    ) -> None:
        if reading not in READINGS:
            raise unknown_option("reading of Word2Vec", reading, READINGS)
        if output not in OUTPUTS:
            raise unknown_option("output of Word2Vec", output, OUTPUTS)
        self.reading, self.output = reading, output
        self.window = positive_size("Word2Vec", "window", window)
        self.negatives = positive_size("Word2Vec", "negatives", negatives)
        self.drawn = positive_size("Word2Vec", "drawn", drawn)
        size = positive_size("Word2Vec", "size", size)
        self.sampler = nn.ClassSampler(counts, NOISE_POWER)
        count, edge = len(self.sampler.counts), 0.5 / size
        self.words = tuple(words)
        if len(self.words) not in (0, count):
            raise ArgumentError(
                f"Word2Vec: {len(self.words)} words, {count} counts: expected a count "
                "for each"
            )
        self.vectors = nn.Embedding(
            count, size, weight_init=uniform(-edge, edge), dtype=dtype
        )
        self.outputs: nn.Embedding | nn.HierarchicalSoftmax
        if output == "negative":
            self.outputs = nn.Embedding(count, size, weight_init="zeros", dtype=dtype)
        else:
            counted = self.sampler.counts
            self.outputs = nn.HierarchicalSoftmax(size, counted, dtype=dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "counts": list(self.sampler.counts),
            "size": self.vectors.embedding_dim,
            "window": self.window,
            "reading": self.reading,
            "output": self.output,
            "negatives": self.negatives,
            "drawn": self.drawn,
            "words": list(self.words),
        }

    def describe_settings(self) -> str:
        """``14221 words, 100 numbers each, skip-gram, negative``"""
        sizes = f"{self.vectors.num_embeddings} words"
        each = f"{self.vectors.embedding_dim} numbers each"
        return f"{sizes}, {each}, {self.reading}, {self.output}"

    def forward(self, stretches: Any) -> Any:
        """The sum of the losses of all pairs, as a mean over the stretches."""
        words, sentences, reach = (take(stretches, k, axis=1) for k in range(3))
        places = words.shape[1]
        if places <= 2 * self.window:
            raise ArgumentError(
                f"Word2Vec: stretches of {places} places: expected more than two "
                f"windows of {self.window}",
                fix="Stretches(…).of_epoch(window)",
            )
        middle = slice(self.window, places - self.window)
        h = self.vectors(words)  # (S, J, D)
        asked = _in_window(sentences, reach, middle).astype(h.dtype)  # (S, J, B)
        if self.output == "tree":
            return self._by_tree(h, asked, words[:, middle]) / words.shape[0]
        if self.reading == "cbow":
            h, asked = _means(h, asked)  # (S, B, D), (S, B, B)
        return self._by_negatives(h, asked, words[:, middle]) / words.shape[0]

    def _by_negatives(self, h: Any, asked: Any, centres: Any) -> Any:
        """Each h against all centres, of which some are asked for, and drawn words."""
        stretches = centres.shape[0]
        others = reshape(self.sampler(stretches * self.drawn), (stretches, -1))
        right = h @ self.outputs(centres).transpose(0, 2, 1)  # (S, H, B)
        wrong = h @ self.outputs(others).transpose(0, 2, 1)  # (S, H, N)
        each = asked.sum(axis=2, keepdims=True) * (self.negatives / self.drawn)
        return (asked * softplus(-right)).sum() + (each * softplus(wrong)).sum()

    def _by_tree(self, h: Any, asked: Any, centres: Any) -> Any:
        """Each centre's path, asked of the words of its window or of their mean."""
        tree: Any = self.outputs
        stretches, count = centres.shape
        if self.reading == "cbow":
            inputs, own = _means(h, asked)
            inputs, weight = inputs[:, :, None], own.sum(axis=1)[:, :, None]  # (S,B,1)
        else:
            near = _places(count, self.window)  # (B, C), C = 2 · window
            inputs = take(h, near, axis=1)  # (S, B, C, D)
            flat = near * count + np.arange(count)[:, None]
            weight = take(reshape(asked, (stretches, -1)), flat, axis=1)  # (S, B, C)
        inputs = reshape(inputs, (stretches * count, -1, h.shape[-1]))
        losses = tree.surprise(inputs, reshape(centres, (-1,)))
        return (losses * reshape(weight, losses.shape)).sum()


def _in_window(sentences: Any, reach: Any, middle: slice) -> Any:
    """Where place j is in the window of centre i: a band, (S, J, B)."""
    places = np.arange(sentences.shape[1])
    apart = np.abs(places[:, None] - places[None, middle]).astype(np.int32)  # (J, B)
    near = (apart <= reach[:, None, middle]) & (apart > 0)
    own = sentences[:, None, middle]
    return near & (sentences[:, :, None] == own) & (own >= 0)


def _places(count: int, window: int) -> Array:
    """The places around each centre, (B, 2 · window)."""
    steps = [step for step in range(2 * window + 1) if step != window]
    places: Array = np.arange(count)[:, None] + np.array(steps)
    return places


def _means(h: Any, asked: Any) -> tuple[Any, Any]:
    """The mean of each window, (S, B, D); and that it is asked for its own centre, if
    there is anything in it, (S, B, B).
    """
    many = asked.sum(axis=1)[:, :, None]  # (S, B, 1)
    own = np.eye(asked.shape[2], dtype=h.dtype)
    mean = (asked.transpose(0, 2, 1) @ h) / maximum(many, 1.0)
    return mean, own * (many > 0.0).astype(h.dtype)


def train(
    net: Word2Vec,
    text: Stretches,
    *,
    epochs: int = 5,
    lr: float = 0.025,
    seed: int = 0,
    engine: str | None = None,
    callbacks: Sequence[Any] = (),
    resume: Any = None,
) -> History:
    """Trains a net by stochastic gradient descent, one stretch a step, with a rate that
    falls linearly.

    The same seed, and state of the default generator, from which words are drawn, give
    the same bits on any number of threads. A step is one compiled call,
    which changes the rows of the stretch in place. ``cr.fit(net, data.Stream(…))``
    learns the same, and checks every batch between two steps.

    Ctrl-C finishes the step and returns the history, ``stopped`` "interrupted".

    Arguments:
        net, text: what is trained, and on what.
        epochs: how often the text is read.
        lr: the first rate; the last is 0.004 of it. A run that is resumed goes on to
            the bit with the ``epochs`` and ``lr`` that it began with.
        seed: of what is left out and how far windows reach, 0 to 2⁶⁴ − 1.
        engine: the engine of ``cr.compile``.
        callbacks, resume: as of ``cr.fit``.

    Returns:
        The history; its loss is per word.

    Raises:
        NumericsError: when vectors have become infinite.
        FileError, StateError: as of ``cr.fit``, where it is resumed.
    """
    run = Run(
        model=net,
        optimizer=SGD(net.parameters(), lr=1.0),
        history=History(),
        tally=Tally(()),
        epochs=epochs,
        num_batches=None,
        seed=seed,
        batch_size=text.centres,
        data_identity=text.identity,
        engine=engine,
    )
    run.history.settings = {
        "loss": type(net).__name__,
        "optimizer": f"SGD(lr={lr:g}, falling to {LAST_RATE * lr:g})",
        "epochs": epochs,
        "batch_size": text.centres,
        "seed": seed,
        "environment": environment(),
    }
    return _Reading(run, net, text, lr, callbacks).train(resume)


class _Reading(EpochLoop):
    """The loop of ``train``: an epoch reads the text once."""

    def __init__(
        self,
        run: Run,
        net: Word2Vec,
        text: Stretches,
        lr: float,
        callbacks: Sequence[Any],
    ) -> None:
        super().__init__(run, callbacks)
        self.net, self.text, self.lr = net, text, lr
        optimizer: Any = run.optimizer

        @functools.partial(compile, engine=run.engine)
        def step(stretch: Any, rate: Any) -> Any:
            loss = net(stretch[None])
            optimizer.step(backprop(loss * rate))
            return loss

        self.step = step

    def epoch(self) -> None:
        """The stretches from ``run.batch`` on."""
        run, text, step = self.run, self.text, self.step
        centres = text.centres
        listeners = self.announce.listeners["on_batch_end"]
        total = run.epochs * max(1.0, text.expected)
        stretches = text.of_epoch(self.net.window, run.seed, run.epoch - 1)
        for stretch in islice(stretches, run.batch, None):
            left = 1.0 - run.step * centres / total
            rate = np.float32(self.lr * max(LAST_RATE, left))
            run.loss = float(step(stretch, rate).value) / centres
            run.batch += 1
            run.step += 1
            run.tally.add(run.loss, centres, centres, ())
            for listener in listeners:
                listener(run)
            if self.stopping():
                return
        self.check()
        self.complete({"epoch": run.epoch, "loss": run.tally.mean_loss()})

    def check(self) -> None:
        """Refuses vectors that have become infinite, before they are kept."""
        run = self.run
        if not math.isfinite(run.tally.loss):
            raise NumericsError(
                f"Word2Vec: epoch {run.epoch}: the loss is {run.tally.loss}: vectors "
                "have become infinite",
                fix=f"a smaller rate than lr={self.lr:g}",
            )


def loss_per_word(
    net: Word2Vec, text: Stretches, *, seed: int = 0, engine: str | None = None
) -> float:
    """The loss of a text that is not learned from, per centre; what is thinned out and
    drawn depends on the seed alone.

    Arguments:
        net, text, seed, engine: as of ``train``.
    """
    manual_seed(seed)
    measure = compile(lambda stretch: net(stretch[None]), engine=engine)
    losses = [float(measure(s).value) for s in text.of_epoch(net.window, seed)]
    return sum(losses) / max(1, len(losses) * text.centres)
