"""``PenWriter``: a network that writes with a pen, point after point.

Read from top to bottom: the network and its window on the text, how likely drawings
are, and how it writes. The shape of a value stands at the right of the line that makes
it: N drawings, T points, H units, K components of the mixture, M of the window, U
characters of a text, V different characters.

Place on the road: above ``mixture``; ``data.strokes`` has the drawings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from ... import nn
from ...compiler.compile import compile
from ...data.buckets import PaddedRows, best_sizes, padded_batches
from ...data.datasets import Dataset
from ...data.strokes.drawing import Drawing
from ...errors import ArgumentError, DataError
from ...graph import Array
from ...nn.arguments import number_within, positive_size
from ...nn.lengths import real_steps
from ...ops.composed import one_hot, stack, swapaxes
from ...ops.control import scan
from ...ops.creation import arange
from ...ops.elementwise import exp, maximum, minimum, sigmoid, softplus, where
from ...ops.movement import concatenate
from .mixture import BivariateMixture

#: Numbers of a point: Δx, Δy, and whether the pen is lifted behind it.
COLUMNS = 3

#: Bounds of the window's exponents: e^±8 is wider and narrower than any text asks for.
STEEPEST = 8.0

#: The last of two outputs behind the mixture's: the pen is lifted; nothing follows.
FLAGS = 2


class PenScore(NamedTuple):
    """How well a writer knows drawings.

    Attributes:
        points: that were predicted: all but the first of each drawing.
        nats: −ln p of all of them, offsets measured in the writer's ``scale``.
    """

    points: int
    nats: float

    @property
    def loss(self) -> float:
        """Nats a point; less is better, and it may be below 0, for p is a density."""
        return self.nats / self.points


class PenWriter(nn.Module):
    """A recurrent network that says where a pen goes next: for texts in handwriting, or
    for sketches of one kind.

    Formula: with points as offsets xₜ = (Δx, Δy, pen lifted), L layers of an LSTM with
    peepholes, each of which sees the point, the layer below and the window w:
        h¹ₜ = LSTM(xₜ, wₜ₋₁),   hˡₜ = LSTM(xₜ, hˡ⁻¹ₜ, wₜ),   f = V (h¹ ⊕ … ⊕ hᴸ) + b
    and the first 6 K of f are a mixture for (Δx, Δy) of the next point, see
    ``BivariateMixture``; then the pen is lifted behind it with probability σ(f₆ₖ₊₁),
    and, if so, nothing follows with σ(f₆ₖ₊₂). Of a text c₁ … c_U,
        (α̂, β̂, κ̂) = W h¹ₜ + b,   α = e^α̂,  β = e^β̂,  κₜ = κₜ₋₁ + r e^κ̂
        φ(t, u) = Σₘ αₘ exp(−βₘ (κₘ − u)²),   wₜ = Σᵤ φ(t, u) cᵤ
    is the window: M bells that move along the text and never back, r characters a point
    at first.

    Shapes: offsets (N, T, 3), texts (N, U) of integers → (N, T, 6 K + 2).

    Arguments:
        characters: of the texts, each once; empty for a writer without texts.
            ``PenWriter.of`` finds them in drawings.
        scale: of an offset: what the unit of the network is, in units of the drawings.
        pace: r, characters a point, about: how fast the text is written.
        hidden_size, num_layers: H and L; of texts, L is 2 or more.
        components, window: K and M.
        least: ε, the least standard deviation, in units of ``scale``.

    Raises:
        ArgumentError: a character twice, or sizes out of range.

    Source: Graves, Generating sequences with recurrent neural networks (2013), sections
    4 and 5; the end of a drawing: Ha & Eck (2017).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> cr.manual_seed(0)
        >>> step = data.Drawing([[[0, 0], [2, 0], [4, 0], [6, 0]]])
        >>> writer = models.PenWriter.of([step] * 8, hidden_size=8, components=2)
        >>> history = cr.fit(models.PenWriting(writer), writer.examples([step] * 8),
        ...                  optimizer=cr.optim.Adam(lr=0.02), epochs=60,
        ...                  progress=False)
        >>> len(writer.write(3, seed=1)), writer.score([step]).points
        (3, 3)
    """

    def __init__(
        self,
        characters: str = "",
        *,
        scale: float = 1.0,
        pace: float = 0.04,
        hidden_size: int = 200,
        num_layers: int = 2,
        components: int = 20,
        window: int = 10,
        least: float = 0.01,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.characters = str(characters)
        if len(set(self.characters)) != len(self.characters):
            raise ArgumentError(
                f"PenWriter: characters {self.characters[:20]!r}: expected each once"
            )
        rule = "a number above 0"
        self.scale = number_within("PenWriter", "scale", scale, 1e-12, rule=rule)
        self.pace = number_within("PenWriter", "pace", pace, 1e-6, 1e3, rule=rule)
        self.window_size = positive_size("PenWriter", "window", window)
        if positive_size("PenWriter", "num_layers", num_layers) == 1 and characters:
            raise ArgumentError(
                "PenWriter: num_layers=1: the first layer moves the window on the "
                "text, and those above see what is in it",
                fix="num_layers=2",
            )
        seen = COLUMNS + len(self.characters)
        options: dict[str, Any] = {
            "peepholes": True, "forget_bias": 1.0, "dtype": dtype
        }  # fmt: skip
        self.layers = nn.Sequential(
            *(
                nn.LSTM(seen + (hidden_size if n else 0), hidden_size, **options)
                for n in range(num_layers)
            )
        )
        self.mixture = BivariateMixture(components, least)
        outputs = self.mixture.num_outputs() + FLAGS
        self.output = nn.Linear(hidden_size * num_layers, outputs, dtype=dtype)
        self.window = None
        if self.characters:
            self.window = nn.Linear(hidden_size, 3 * window, dtype=dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "characters": self.characters,
            "scale": self.scale,
            "pace": self.pace,
            "hidden_size": self.hidden_size,
            "num_layers": len(self.layers),
            "components": self.mixture.components,
            "window": self.window_size,
            "least": self.mixture.least,
        }

    def describe_settings(self) -> str:
        """``10 characters, hidden_size=200, components=20``"""
        texts = f"{len(self.characters)} characters, " * bool(self.characters)
        rest = f"hidden_size={self.hidden_size}, components={self.mixture.components}"
        return texts + rest

    @property
    def hidden_size(self) -> int:
        """H."""
        size: int = self.layers[0].hidden_size
        return size

    # The network. --------------------------------------------------------------------

    def forward(self, x: Any, text: Any = None, training: bool = False) -> Any:
        """What follows every point, from the first one on."""
        return self.go_on(x, self.start(x.shape[0]), text)[0]

    def start(self, samples: int) -> Any:
        """The state before the first point: (h, c) of each layer, and of the window
        (κ, w).
        """
        dtype = self.output.weight.dtype
        own = np.zeros((samples, self.hidden_size), dtype)
        states: list[Any] = [(own, own) for _ in self.layers]
        if self.window is not None:
            places = np.zeros((samples, self.window_size), dtype)
            states.append((places, np.zeros((samples, len(self.characters)), dtype)))
        return tuple(states)

    def go_on(self, x: Any, state: Any, text: Any = None) -> tuple[Any, Any]:
        """What follows every point, and the state to go on from.

        Arguments:
            x: (N, T, 3) offsets.
            state: as of ``start``, or what an earlier call returned.
            text: (N, U) characters, padded with −1; of a writer of texts.
        """
        sequence = swapaxes(x, 0, 1)  # (T, N, 3)
        seen, hidden, states = sequence, [], []
        first: Any = state[0]
        rest = list(self.layers)
        if self.window is not None:
            h, w, first, places = self._read_along(sequence, first, state[-1], text)
            seen = concatenate([sequence, w], axis=-1)  # (T, N, 3 + V)
            hidden, states, rest = [h], [first], rest[1:]
        for layer, before in zip(rest, state[len(states) :], strict=False):
            below = [seen, hidden[-1]] if hidden else [seen]
            h, after = _along(layer, concatenate(below, axis=-1), before)
            hidden.append(h)
            states.append(after)
        if self.window is not None:
            states.append(places)
        outputs = self.output(concatenate(hidden, axis=-1))  # (T, N, 6 K + 2)
        return swapaxes(outputs, 0, 1), tuple(states)

    def _read_along(
        self, sequence: Any, first: Any, window: Any, text: Any
    ) -> tuple[Any, Any, Any, Any]:
        """The first layer with the window on a text: its outputs (T, N, H), the windows
        (T, N, V), and the last states of both.
        """
        layer = self.layers[0]
        weights = layer.weights("_l0")
        of_point, of_window = weights.input[:COLUMNS], weights.input[COLUMNS:]
        z = sequence @ of_point + layer.input_bias(weights)  # (T, N, 4 H)
        characters = self._characters(text)  # (N, U, V)

        def step(carry: Any, z: Any) -> Any:
            state, (places, w) = carry
            h, c = layer.step(z + w @ of_window, state, weights)
            places, shares = self._shares(h, places, characters.shape[1])
            w = (shares[:, :, None] * characters).sum(axis=1)  # (N, V)
            return ((h, c), (places, w)), (h, w)

        (state, window), (h, w) = scan(step, (first, window), z)
        return h, w, state, window

    def _shares(self, h: Any, places: Any, length: int) -> tuple[Any, Any]:
        """κ, and φ of each character, (N, U)."""
        m = self.window_size
        f = self.window(h)  # type: ignore[misc]  # (N, 3 M)
        f = minimum(maximum(f, -STEEPEST), STEEPEST)
        alpha, beta = exp(f[:, :m]), exp(f[:, m : 2 * m])
        places = places + self.pace * exp(f[:, 2 * m :])
        away = places[:, :, None] - arange(length).astype(h.dtype)  # (N, M, U)
        bells = alpha[:, :, None] * exp(-beta[:, :, None] * away * away)
        return places, bells.sum(axis=1)

    def _characters(self, text: Any) -> Any:
        """Texts as rows of a single 1 a character, zeros behind their ends."""
        real = text >= 0
        one = one_hot(where(real, text, 0), len(self.characters),
                      dtype=self.output.weight.dtype)  # fmt: skip
        return where(real[:, :, None], one, 0.0)

    # Drawings to numbers, and how likely they are. -----------------------------------

    @classmethod
    def of(
        cls, drawings: Iterable[Drawing], *, texts: bool = False, **options: Any
    ) -> Self:
        """A writer for drawings: their scale, and the characters of their labels.

        Arguments:
            drawings: that it is to learn from.
            texts: whether it learns to write texts: the labels.
            **options: sizes, as of the class.

        Raises:
            DataError: no drawing with two points, or texts of one without a label.
        """
        given = list(drawings)
        if texts:
            _refuse_without_texts(given)
        steps = [each.offsets()[1:, :2] for each in given]
        points = sum(map(len, steps))
        squares = sum(float((each**2).sum()) for each in steps)
        if not squares:
            raise DataError(
                f"PenWriter: {len(given)} drawings: expected some of two points or more"
            )
        options.setdefault("scale", math.sqrt(squares / (2 * points)))
        if texts:
            written = sum(len(each.label or "") for each in given)
            options.setdefault("pace", written / (points + len(given)))
            known = {c for each in given for c in each.label or ""}
            return cls("".join(sorted(known)), **options)
        return cls("", **options)

    def rows(self, drawings: Iterable[Drawing]) -> list[Array]:
        """Drawings as offsets in units of the scale, ``(Tᵢ, 3)`` each."""
        unit = np.array([self.scale, self.scale, 1.0])
        return [(each.offsets() / unit).astype(np.float32) for each in drawings]

    def texts(self, labels: Iterable[str | None]) -> list[Array]:
        """Texts as numbers of their characters.

        Raises:
            DataError: an empty text, or a character that the writer does not know.
        """
        known = {c: number for number, c in enumerate(self.characters)}
        found = []
        for label in labels:
            if not label:
                raise DataError(
                    f"PenWriter: text {label!r}: expected a character or more"
                )
            for character in label:
                if character not in known:
                    raise DataError(
                        f"PenWriter: text {label[:40]!r}: {character!r} is none of the "
                        f"{len(known)} characters that it can write: "
                        f"{self.characters[:80]}"
                    )
            found.append(np.array([known[c] for c in label], np.int64))
        return found

    def examples(
        self, drawings: Sequence[Drawing], buckets: int = 4, name: str = "drawings"
    ) -> Dataset:
        """Drawings as examples for ``cr.fit``, in a few sizes.

        Arguments:
            drawings: of two points or more, with labels where the writer writes texts.
            buckets: how many sizes they are padded to.
            name: what messages call them.

        Raises:
            DataError: no drawing, one of a single point, one without a text.
        """
        rows = self._predicted(drawings)
        lengths = np.array([len(each) for each in rows])
        sizes = best_sizes(lengths, buckets)
        bucket = np.searchsorted(sizes, lengths)
        parts: list[Any] = [PaddedRows(rows, sizes[bucket], 0), lengths]
        if self.characters:
            texts = self.texts(each.label for each in drawings)
            longest = np.full(len(rows), max(map(len, texts)))
            parts.append(PaddedRows(texts, longest, -1))
        made = Dataset(tuple(parts), name=name, task="none")
        made.buckets = bucket
        return made

    def _predicted(self, drawings: Sequence[Drawing]) -> list[Array]:
        """Rows of drawings in which there is something to predict."""
        if not drawings:
            raise DataError("PenWriter: no drawings: expected some")
        for number, each in enumerate(drawings):
            if len(each) < 2:
                raise DataError(
                    f"PenWriter: drawing {number} has one point: the first is given, "
                    "and nothing follows to be predicted",
                    fix="[each for each in drawings if len(each) > 1]",
                )
        if self.characters:
            _refuse_without_texts(drawings)
        return self.rows(drawings)

    def log_prob(self, x: Any, lengths: Any, text: Any = None) -> Any:
        """ln p of every point but the first, given those before it: (N, T − 1), 0
        behind the end.
        """
        samples, steps = x.shape[:2]
        outputs = self(x, text)[:, :-1]  # (N, T − 1, 6 K + 2)
        following = x[:, 1:]  # (N, T − 1, 3)
        k = self.mixture.num_outputs()
        flat = outputs.reshape(-1, k + FLAGS)
        target = following.reshape(-1, COLUMNS)
        total = self.mixture.log_prob(flat[:, :k], target[:, :2])
        total = total.reshape(samples, steps - 1)
        up, end = outputs[:, :, k], outputs[:, :, k + 1]
        lifted = following[:, :, 2]
        last = (arange(1, steps) == lengths[:, None] - 1).astype(up.dtype)
        total = total + lifted * up - softplus(up)
        total = total + lifted * (last * end - softplus(end))
        real = real_steps("PenWriter: drawing", lengths, samples, steps)[:, 1:]
        return where(real, total, 0.0)

    def score(self, drawings: Sequence[Drawing]) -> PenScore:
        """How well the writer knows drawings.

        Arguments:
            drawings: as of ``examples``.
        """
        rows = self._predicted(drawings)
        nats = 0.0
        for numbers, x, lengths in padded_batches(rows):
            text = self._padded([drawings[n].label for n in numbers], len(x))
            found = self._log_prob(x, lengths, text).numpy()
            nats -= float(found[: len(numbers)].sum(dtype=np.float64))
        return PenScore(sum(len(each) - 1 for each in rows), nats)

    def _padded(self, labels: Sequence[str | None], count: int) -> Array:
        """Texts as one array of few widths, (count, U)."""
        texts = self.texts(labels) if self.characters else []
        width = -(-max([1, *map(len, texts)]) // 8) * 8
        padded = np.full((count, width), -1)
        for row, each in enumerate(texts):
            padded[row, : len(each)] = each
        return padded

    @compile
    def _log_prob(self, x: Any, lengths: Any, text: Any) -> Any:
        return self.log_prob(x, lengths, text)

    def attention(self, drawing: Drawing) -> Array:
        """φ: how much the window had of each character at every point, (T, U).

        Raises:
            ArgumentError: of a writer without texts.
        """
        if self.window is None:
            raise ArgumentError(
                "PenWriter: it has no texts, and no window on them",
                fix="models.PenWriter.of(drawings, texts=True)",
            )
        (text,) = self.texts([drawing.label])
        x = self.rows([drawing])[0][None]
        state, shares = self.start(1), []
        for t in range(x.shape[1]):
            _, after = self._go_on(x[:, t : t + 1], state, text[None])
            _, row = self._shares(after[0][0], state[-1][0], len(text))
            shares.append(row.numpy()[0])
            state = after
        return np.stack(shares)

    @compile
    def _go_on(self, x: Any, state: Any, text: Any) -> Any:
        return self.go_on(x, state, text)

    # How it writes. ------------------------------------------------------------------

    def write(
        self,
        what: int | Sequence[str] = 1,
        *,
        bias: float = 0.0,
        seed: int = 0,
        most: int = 1000,
        prime: Drawing | None = None,
    ) -> list[Drawing]:
        """Drawings of the writer's own.

        Arguments:
            what: texts, of a writer of texts; else how many drawings.
            bias: 0 writes as people do; the larger, the cleaner and the more alike.
            seed: of the random numbers.
            most: points of a drawing, at most.
            prime: what is written first. A text goes on in the same hand, and the
                prime itself is left out; a sketch is drawn on from there, and begins
                with the prime.

        Raises:
            ArgumentError: a number where texts are needed, or the other way round.
            DataError: a character that the writer does not know.
        """
        labels = self._asked(what)
        number_within("PenWriter", "bias", bias, 0)
        positive_size("PenWriter", "most", most)
        if not labels:
            return []
        before = prime.label or "" if prime is not None and self.characters else ""
        whole = [None if each is None else before + each for each in labels]
        text, count = self._padded(whole, len(labels)), len(labels)
        state: Any = self.start(count)
        x = np.zeros((count, 1, COLUMNS), np.float32)
        given = []
        if prime is not None:
            given = list(self.rows([prime])[0])
            for row in given[:-1]:  # one by one: one program, however long it is
                x = np.tile(row, (count, 1, 1))
                _, state = self._go_on(x, state, text)
            x = np.tile(given[-1], (count, 1, 1))
        rows = self._points(x, state, text, np.float32(bias), seed, most)
        kept = [x[:, 0]] if prime is None or self.characters else [
            np.tile(row, (count, 1)) for row in given
        ]  # fmt: skip
        made = np.stack([*kept, *(row for row, _ in rows)], axis=1)
        ends = np.stack([end for _, end in rows], axis=1)
        lengths = np.where(ends.any(axis=1), ends.argmax(axis=1) + 1, ends.shape[1])
        unit = np.array([self.scale, self.scale, 1.0])
        return [
            self._drawing(each[: len(kept) + n] * unit, label, primed=bool(before))
            for each, n, label in zip(made, lengths, labels, strict=True)
        ]

    def _asked(self, what: Any) -> list[str | None]:
        """The texts to write; None for each drawing of a writer without."""
        if self.characters:
            if isinstance(what, int):
                raise ArgumentError(
                    f"PenWriter: write({what}): it writes texts",
                    fix=f"write([{self.characters[:3]!r}])",
                )
            return [what] if isinstance(what, str) else list(what)
        if not isinstance(what, int) or what < 0:
            raise ArgumentError(
                f"PenWriter: write({what!r}): it knows no texts: expected how many "
                "drawings",
                fix="models.PenWriter.of(drawings, texts=True) learns texts",
            )
        return [None] * what

    def _points(
        self, x: Array, state: Any, text: Array, bias: Any, seed: int, most: int
    ) -> list[tuple[Array, Array]]:
        """Points, and which of them are the last of their drawing, until all are."""
        source = np.random.default_rng(seed)
        count = len(x)
        rows: list[tuple[Array, Array]] = []
        done = np.zeros(count, bool)
        while len(rows) < most and not done.all():
            chances = source.random((count, self.mixture.components + FLAGS))
            noise = source.standard_normal((count, 2))
            drawn, end, state = self._point(
                x, state, text, chances.astype(np.float32), noise.astype(np.float32),
                bias,
            )  # fmt: skip
            row, last = drawn.numpy(), end.numpy()
            rows.append((row, last))
            done |= last
            x = row[:, None]
        return rows

    @compile
    def _point(
        self, x: Any, state: Any, text: Any, chances: Any, noise: Any, bias: Any
    ) -> Any:
        """One more point of each drawing."""
        outputs, state = self.go_on(x, state, text)
        f = outputs[:, 0]
        k = self.mixture.num_outputs()
        pair = self.mixture.drawn(f[:, :k], chances[:, FLAGS:], noise, bias)
        sure = 1.0 + bias  # of the pen as of the mixture's shares
        up = chances[:, 0] < sigmoid(sure * f[:, k])
        end = chances[:, 1] < sigmoid(sure * f[:, k + 1])
        row = concatenate([pair, up.astype(pair.dtype)[:, None]], axis=-1)
        return row, up & end, state

    def _drawing(self, rows: Array, label: str | None, primed: bool) -> Drawing:
        """A drawing that was written; behind a prime its first point is not its own."""
        if primed and len(rows) > 1:
            rows = rows[1:]
        return Drawing.of_offsets(rows, label)


def _along(layer: Any, sequence: Any, before: Any) -> tuple[Any, Any]:
    """A layer over (T, N, D): its outputs (T, N, H), and its last (h, c)."""
    state = tuple(stack([each]) for each in before)
    output, after = layer(swapaxes(sequence, 0, 1), state)
    return swapaxes(output, 0, 1), tuple(each[0] for each in after)


def _refuse_without_texts(drawings: Sequence[Drawing]) -> None:
    for number, each in enumerate(drawings):
        if not each.label:
            raise DataError(
                f"PenWriter: drawing {number} has no label: its text is not known",
                fix="texts=False learns to draw without texts",
            )
