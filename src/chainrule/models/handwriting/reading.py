"""``PenReader``: what a pen wrote, from the points that it passed.

Read from top to bottom: drawings as numbers, the network, what it is trained to do.
The shape of a value stands at the right of the line that makes it: N drawings, T
points, H units, K classes or characters.

Place on the road: above ``data.strokes``, whose drawings it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from ... import losses, nn
from ...compiler.compile import compile
from ...data.buckets import PaddedRows, best_sizes, padded_batches
from ...data.datasets import Dataset
from ...data.strokes.drawing import Drawing, redrawn
from ...errors import ArgumentError, DataError
from ...graph import Array
from ...nn.arguments import number_within
from ...ops.composed import log_softmax, softmax, stack
from ...ops.elementwise import cos, sin, sqrt
from ...ops.movement import concatenate
from ...random_numbers import default_generator
from ..text_classifier import Pool

#: Numbers of a point as the network takes it, and as its layers see it.
COLUMNS, SEEN = 3, 8

#: A pen's way of less than this, of the height of a drawing, has no direction.
STILL = 1e-3


class PenReader(nn.Module):
    """A bidirectional LSTM that says what a pen wrote: one of K classes, or a text.

    Formula: the points p of a drawing are moved and scaled into a box of height or
    width 2; a step sees (p, Δp, Δp / ‖Δp‖, whether the pen was lifted before it and
    will be behind it); h = both directions of L layers of an LSTM.
        one class   logits = V pool(h) + b, with attention as the pool
        a text      logitsₜ = V hₜ + b of K characters and a blank, read by CTC

    In training, every drawing is turned, slanted and stretched by chance, another way
    in every batch: writers who were never seen do that as well.

    Shapes: points (N, T, 3), as ``rows`` makes them, and lengths (N,) → (N, K), or
    (N, T, 1 + K) of texts.

    Arguments:
        symbols: the classes, or the characters of texts, each once;
            ``PenReader.of`` finds them in drawings.
        spells: whether it reads texts.
        hidden_size: H, of each direction.
        num_layers: how many layers stand above each other.
        dropout: between layers and before the output, in training.
        distortion: how much drawings are changed in training: the deviation of the
            angle in radians, of the slant, and of the logarithm of width and height.

    Raises:
        ArgumentError: for no symbols, one twice, or sizes out of range.

    Source: Graves et al., A novel connectionist system for unconstrained handwriting
    recognition (2009).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> cr.manual_seed(0)
        >>> one, minus = [[5, 0], [5, 9]], [[0, 5], [9, 5]]
        >>> drawings = [data.Drawing([one], "1"), data.Drawing([minus], "-")] * 8
        >>> reader = models.PenReader.of(drawings, hidden_size=8, num_layers=1)
        >>> history = cr.fit(models.PenReading(reader), reader.examples(drawings),
        ...                  optimizer=cr.optim.Adam(lr=0.02), epochs=15,
        ...                  progress=False)
        >>> reader.read([data.Drawing([[[1, 2], [1.5, 30]]])])
        ['1']
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        spells: bool = False,
        hidden_size: int = 64,
        num_layers: int = 2,
        dropout: float = 0.2,
        distortion: float = 0.15,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.symbols = tuple(symbols)
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise ArgumentError(
                f"PenReader: symbols {list(self.symbols)[:8]}: expected some, each "
                "once",
                fix="models.PenReader.of(drawings)",
            )
        self.spells = bool(spells)
        self.distortion = number_within("PenReader", "distortion", distortion, 0, 1)
        between = dropout if num_layers > 1 else 0.0
        self.lstm = nn.LSTM(
            SEEN, hidden_size, num_layers, bidirectional=True, dropout=between,
            forget_bias=1.0, dtype=dtype,
        )  # fmt: skip
        size = 2 * hidden_size
        self.pool = None if spells else Pool("attention", size, 2, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(size, len(self.symbols) + self.spells, dtype=dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "symbols": list(self.symbols),
            "spells": self.spells,
            "hidden_size": self.lstm.hidden_size,
            "num_layers": self.lstm.num_layers,
            "dropout": self.dropout.p,
            "distortion": self.distortion,
        }

    def describe_settings(self) -> str:
        """``10 classes, hidden_size=64``, or ``10 characters, …``"""
        what = "characters" if self.spells else "classes"
        return f"{len(self.symbols)} {what}, hidden_size={self.lstm.hidden_size}"

    def forward(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """The scores of every class, or of every character at every step."""
        points, up = x[:, :, :2], x[:, :, 2:]  # (N, T, 2), (N, T, 1)
        if training and self.distortion:
            points = points @ self._changes(x.shape[0], points.dtype)
        seen = self._seen(points, up)  # (N, T, SEEN)
        h, _ = self.lstm(seen, lengths=lengths, training=training)  # (N, T, 2H)
        if self.pool is not None:
            h = self.pool(h, lengths)  # (N, 2H)
        return self.output(self.dropout(h, training=training))

    def _seen(self, points: Any, up: Any) -> Any:
        """What the first layer sees of every point."""
        before = concatenate([points[:, :1], points[:, :-1]], axis=1)
        step = points - before  # (N, T, 2)
        length = sqrt((step * step).sum(axis=-1, keepdims=True) + STILL**2)
        lifted = concatenate([up[:, :1] * 0.0, up[:, :-1]], axis=1)
        return concatenate([points, step * 10.0, step / length, lifted, up], axis=-1)

    def _changes(self, samples: int, dtype: Any) -> Any:
        """A random matrix for each drawing, (N, 2, 2): slant and stretch, then turn."""
        z = default_generator.normal((4, samples), dtype=dtype) * self.distortion
        turn, slant, wide, high = z[0], z[1], 1.0 + z[2], 1.0 + z[3]
        c, s = cos(turn), sin(turn)
        rows = [c * wide, s * wide, slant * wide * c - s * high,
                slant * wide * s + c * high]  # fmt: skip
        return stack(rows, axis=-1).reshape(samples, 2, 2)

    # Drawings to numbers, and texts back. --------------------------------------------

    @classmethod
    def of(
        cls, drawings: Iterable[Drawing], *, spells: bool = False, **options: Any
    ) -> Self:
        """A reader for the labels of drawings.

        Arguments:
            drawings: with labels.
            spells: whether labels are texts, whose characters are learned; else each
                label is a class.
            **options: sizes, dropout and distortion, as of the class.

        Raises:
            DataError: no drawing, or one without a label.
        """
        labels = _labels(list(drawings))
        known = {c for each in labels for c in each} if spells else set(labels)
        return cls(sorted(known), spells=spells, **options)

    def rows(self, drawings: Iterable[Drawing]) -> list[Array]:
        """Drawings as numbers, ``(Tᵢ, 3)`` each: x and y in a box of height 2 around
        (0, 0), and whether the pen is lifted behind the point.

        The larger side is 2 where classes are told, the height of a text.
        """
        return [self._row(each) for each in drawings]

    def _row(self, drawing: Drawing) -> Array:
        points, size = drawing.points, drawing.size
        side = size.max() if not self.spells or not size[1] else size[1]
        middle = (points.max(axis=0) + points.min(axis=0)) / 2
        scaled = (points - middle) * (2 / side if side else 0.0)
        row = np.concatenate([scaled, drawing.lifts[:, None]], axis=1)
        return row.astype(np.float32)

    def examples(
        self, drawings: Sequence[Drawing], buckets: int = 4, name: str = "drawings"
    ) -> Dataset:
        """Drawings with labels as examples for ``cr.fit``, in a few sizes.

        Arguments:
            drawings: with labels.
            buckets: how many sizes they are padded to.
            name: what messages call them.

        Raises:
            DataError: no drawing, one without a label, a label with what the reader
                does not know, or with more characters than there are points.
        """
        rows = self.rows(drawings)
        numbers = self._numbers(drawings)
        lengths = np.array([len(each) for each in rows])
        sizes = best_sizes(lengths, buckets)
        bucket = np.searchsorted(sizes, lengths)
        longest = np.full(len(rows), max(map(len, numbers)))
        made = Dataset(
            (PaddedRows(rows, sizes[bucket], 0), lengths,
             PaddedRows(numbers, longest, -1)),
            name=name, task="none",
        )  # fmt: skip
        made.buckets = bucket
        return made

    def _numbers(self, drawings: Sequence[Drawing]) -> list[Array]:
        """The labels as the loss takes them: one class, or characters from 1 on."""
        first = int(self.spells)
        known = {symbol: n for n, symbol in enumerate(self.symbols, first)}
        found = []
        for place, label in enumerate(_labels(drawings)):
            parts = list(label) if self.spells else [label]
            for part in parts:
                if part not in known:
                    raise DataError(
                        f"PenReader: drawing {place}: label {label!r}: {part!r} is "
                        f"none of the {len(known)} that it was made for",
                        fix="PenReader.of(all drawings with their labels)",
                    )
            if self.spells and not 0 < len(parts) <= len(drawings[place]):
                raise DataError(
                    f"PenReader: drawing {place}: label {label!r} of {len(parts)} "
                    f"characters for {len(drawings[place])} points: expected one or "
                    "more, and a point for each"
                )
            found.append(np.array([known[part] for part in parts], np.int64))
        return found

    def read(
        self,
        drawings: Iterable[Drawing],
        *,
        beam_width: int | None = None,
        copies: int = 0,
    ) -> list[str]:
        """What is written in each drawing.

        Arguments:
            drawings: with or without labels.
            beam_width: of texts, how many beginnings are kept in the search; the best
                path when not given.
            copies: of single symbols, how many copies of each are read beside it; see
                ``probabilities``.
        """
        symbols = np.array(self.symbols, object)
        if not self.spells:
            p = self.probabilities(drawings, copies=copies)
            return list(symbols[p.argmax(axis=1)])
        rows = self.rows(drawings)
        found = [""] * len(rows)
        for numbers, x, lengths in padded_batches(rows):
            scores = self._scores(x, lengths)
            decoded = losses.ctc_decode(scores, lengths, beam_width=beam_width)
            for number, each in zip(numbers, decoded, strict=False):
                found[number] = "".join(symbols[np.array(each.labels, int) - 1])
        return found

    def probabilities(self, drawings: Iterable[Drawing], *, copies: int = 0) -> Array:
        """The probability of each class, (N, K).

        Arguments:
            drawings: with or without labels.
            copies: how many copies of each are read beside it, whose strokes come in
                another order and direction (``data.redrawn``); the mean of ln p
                counts. It helps a reader that has learned from such copies.

        Raises:
            ArgumentError: of a reader of texts.
        """
        if self.spells:
            raise ArgumentError(
                "PenReader: it reads texts, of which there are too many to list",
                fix="reader.read(drawings)",
            )
        rows = self.rows(redrawn(list(drawings), copies))
        found = np.zeros((len(rows), len(self.symbols)))
        for numbers, x, lengths in padded_batches(rows):
            p = log_softmax(self._scores(x, lengths), axis=-1).numpy()
            found[numbers] = p[: len(numbers)]
        several = found.reshape(1 + copies, -1, len(self.symbols))
        return np.asarray(softmax(several.mean(axis=0), axis=-1).numpy())

    @compile
    def _scores(self, x: Any, lengths: Any) -> Any:
        return self(x, lengths)


class PenReading(nn.Module):
    """What a reader is trained to do: a module that returns its own loss.

    Formula: the cross-entropy of the class, or ``losses.ctc`` of the text, averaged
    over drawings.

    ``cr.fit(models.PenReading(reader), reader.examples(drawings))`` trains the reader.

    Arguments:
        reader: the network.

    Source: Graves et al. (2006, 2009).

    Example:
        >>> from chainrule import models
        >>> models.PenReading(models.PenReader("01")).outputs_loss
        True
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(self, reader: PenReader) -> None:
        if not isinstance(reader, PenReader):
            raise ArgumentError(
                f"PenReading: {type(reader).__name__}: expected a PenReader",
                fix="models.PenReading(models.PenReader.of(drawings))",
            )
        self.reader = reader

    def settings(self) -> dict[str, Any]:
        """The reader."""
        return {"reader": self.reader}

    def describe_settings(self) -> str:
        """Empty: the reader is printed below it."""
        return ""

    def forward(self, x: Any, lengths: Any, labels: Any, training: bool = False) -> Any:
        """The loss of drawings with these labels."""
        scores = self.reader(x, lengths, training=training)
        if self.reader.spells:
            return losses.ctc(scores, labels, input_lengths=lengths)
        return losses.cross_entropy(scores, labels[:, 0])


def _labels(drawings: Sequence[Drawing]) -> list[str]:
    """The labels of drawings, every one of which has one."""
    if not drawings:
        raise DataError("PenReader: no drawings: expected some with labels")
    for number, each in enumerate(drawings):
        if each.label is None:
            raise DataError(
                f"PenReader: drawing {number} has no label",
                fix="data.Drawing(strokes, label), or data.read_drawings(file)",
            )
    return [str(each.label) for each in drawings]
