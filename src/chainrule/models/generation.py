"""Writing token by token, for every network that predicts the next one.

A network says what may follow; one token is drawn from that, read, and so on. What has
been read is kept in a *memory* of fixed size, keys and values or the state of a
recurrence, which compiled code updates in place, so that a token does not cost more for
all before it.

A prompt is read in chunks of a few sizes, and all further tokens share a program, or
four where a memory is so large that a part of it is worth looking at alone: texts of
however many lengths need a handful of programs. A call of machine code draws as many
tokens as take a moment, and hands them out together.

Place on the road: beside the networks, which it knows by three names alone. It must not
know what tokens stand for.
"""

from __future__ import annotations

import math
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from .. import dtypes
from ..compiler.compile import compile
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Array
from ..nn.arguments import number_within, positive_size
from ..ops.arrays import lift
from ..ops.composed import softmax, sort
from ..ops.creation import arange
from ..ops.elementwise import where
from ..ops.movement import reshape
from ..ops.reduction import argmax, cumsum
from ..ops.reduction import min as min_
from ..random_numbers import Generator, default_generator
from ..tensor import Tensor, tensor
from ..variable import Variable
from .borrowing import Pool

#: Seconds in which tokens are drawn in one call: they are handed out after that.
MOMENT = 0.05
#: Tokens of a prompt that are read at a time: as many as fit of the first, and so on.
CHUNKS = (64, 8, 1)


class Memory(ABC):
    """What a network keeps of the tokens it has read."""

    @abstractmethod
    def clear(self) -> None:
        """Forgets all."""

    def room(self, tokens: int) -> int | None:
        """How much of it is looked at while it holds no more than so many tokens; None
        for all, where less would not be worth another program.
        """
        return None

    def within(self, room: int) -> Self:
        """The same memory, of which only so much is looked at, where that is less."""
        return self


class TokenNetwork(Protocol):
    """A network that predicts the next token.

    Attributes:
        longest: how many tokens its memory holds; None where it never fills.
    """

    @property
    def longest(self) -> int | None:
        """How many tokens it can look back on."""

    def new_memory(self, batch: int) -> Any:
        """An empty ``Memory`` for some sequences."""

    def read(self, ids: Any, memory: Any) -> Any:
        """The logits of what follows each of these tokens, (N, T) → (N, T, V), after
        all that the memory holds, which holds them afterwards, too."""


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the logits of all.

    Formula: p = softmax(z / temperature) over the tokens that are kept: the ``top_k``
    most probable, and of these the fewest whose probabilities add up to ``top_p``.

    Arguments:
        temperature: below 1 the likely becomes likelier; 0 takes the likeliest token.
        top_k: how many tokens are kept; all if not given. Tokens as likely as the last
            one stay too.
        top_p: the probability that is kept; all if not given.
        never: how many of the first tokens are never drawn.

    Raises:
        ArgumentError: for values out of their ranges.

    Source: top-k: Fan, Lewis & Dauphin, Hierarchical neural story generation (2018);
    top-p: Holtzman et al., The curious case of neural text degeneration (2020).

    Example:
        >>> Sampling(0.8, top_k=10)
        Sampling(temperature=0.8, top_k=10, top_p=None, never=0)
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    never: int = 0

    def __post_init__(self) -> None:
        number_within("generate", "temperature", self.temperature, 0)
        if self.top_k is not None:
            positive_size("generate", "top_k", self.top_k)
        if self.top_p is not None:
            rule = "a probability above 0"
            smallest = math.nextafter(0, 1)
            number_within("generate", "top_p", self.top_p, smallest, 1, rule)

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken and nothing is drawn."""
        return self.temperature == 0

    @property
    def filters(self) -> bool:
        """Whether only some tokens may be drawn."""
        return not self.greedy and (self.top_k is not None or self.top_p is not None)

    @property
    def kind(self) -> Sampling:
        """The same for all rules that one program serves, whatever their amounts."""
        heat, k = 0.0 if self.greedy else 1.0, 1 if self.filters else None
        return Sampling(heat, k, never=self.never)

    def amounts(self) -> tuple[Array, Array, Array]:
        """Temperature, k and p as a compiled program takes them."""
        heat = 1.0 if self.greedy else self.temperature
        k = np.iinfo(np.int64).max if self.top_k is None else self.top_k
        p = 1.0 if self.top_p is None else self.top_p
        return np.array(heat, "f4"), np.array(k, "i8"), np.array(p, "f4")


def sample(logits: Any, amounts: Any, rules: Sampling, source: Generator) -> Tensor:
    """A token for each row of logits, (N, V) → (N,).

    Arguments:
        amounts: temperature, k and p, see ``Sampling.amounts``; tensors, so that one
            program serves all of them.
        rules: of which only the ``kind`` counts.
        source: of random numbers.
    """
    heat, k, p = amounts
    z = logits / heat
    if rules.never:
        z = where(arange(z.shape[-1]) < rules.never, -math.inf, z)
    if rules.greedy:
        likeliest: Tensor = argmax(z, axis=-1)
        return likeliest
    if rules.filters:
        ordered = -sort(-z)  # the likeliest first
        share = softmax(ordered)
        before = cumsum(share, axis=-1) - share
        kept = (arange(z.shape[-1]) < k) & (before < p)
        least = min_(where(kept, ordered, math.inf), axis=-1, keepdims=True)
        z = where(z < least, -math.inf, z)
    drawn: Tensor = source.categorical(z)
    return drawn


def write(
    network: Any,
    prompt: Array,
    steps: int,
    rules: Sampling,
    generator: Generator | None = None,
) -> Iterator[Array]:
    """The tokens that follow some sequences, one for each at a time.

    Where the memory of the network is full, it forgets the older half.

    Arguments:
        network: a ``TokenNetwork``.
        prompt: integers (N, T), what the sequences begin with, at least one token.
        steps: how many tokens are written.
        rules: how they are drawn.
        generator: of random numbers; the default one when not given.

    Returns:
        An iterator of ``(N,)`` int64.
    """
    count = positive_size("generate", "steps", steps)
    source = default_generator if generator is None else generator
    seed = int(source.bits((2,)).numpy().view(np.uint64)[0])

    def tokens() -> Iterator[Array]:
        rows, longest = prompt, network.longest
        if longest is not None:
            rows = rows[:, -longest:]
        with writers.borrowed(network, len(rows)) as writer:
            writer.forget()
            writer.source.seed(seed)
            writer.read(rows[:, :-1])
            writer.last.assign(rows[:, -1:])
            kind, amounts = rules.kind, rules.amounts()
            known, left = [rows], count
            while left:
                if writer.length == longest:
                    writer.forget()
                    known = [np.concatenate(known, axis=1)[:, -max(1, longest // 2) :]]
                    writer.read(known[0][:, :-1])
                drawn = writer.draw(left, kind, amounts)
                left -= len(drawn)
                known.append(drawn.T)
                yield from drawn

    return tokens()


def checked_prompt(prompt: Any) -> Array:
    """A prompt as integers (N, T) or (T,), at least one token.

    Raises:
        DTypeError: for anything but integers.
        ShapeError: for another number of axes, and for no token.
    """
    (node,) = lift([prompt])
    shape = node.shape
    if not dtypes.is_integer(node.dtype):
        raise DTypeError(
            f"generate: prompt {shape} of {node.dtype}: a token is an integer",
            fix="prompt.astype('int64')",
        )
    if len(shape) not in (1, 2) or 0 in shape:
        raise ShapeError(
            f"generate: prompt {shape}: expected (tokens,) or (sequences, tokens), "
            "with at least one token to continue"
        )
    return np.asarray(tensor(node).numpy(), np.int64)


def checked_network(operation: str, network: Any) -> None:
    """An ``ArgumentError`` for what does not predict tokens."""
    wanted = ("longest", "new_memory", "read")
    if not all(hasattr(network, name) for name in wanted):
        raise ArgumentError(
            f"{operation}: {type(network).__name__}: expected a network that predicts "
            "the next token",
            fix="models.TokenRNN(vocabulary), models.GPT(vocabulary, 128)",
        )


class Writer:
    """The memory of a network for some sequences, and the programs that fill it.

    The network is not kept alive by them.
    """

    def __init__(self, network: Any, batch: int) -> None:
        self.network = weakref.ref(network)
        self.memory: Memory = network.new_memory(batch)
        self.longest: int | None = network.longest
        self.source = Generator(0)
        self.last = Variable(np.zeros((batch, 1), np.int64), name="last token")
        self.length = 0
        #: the least time that a token has taken so far
        self.seconds = math.inf
        self.absorb = compile(self._absorb)
        self.next = compile(self._next)

    def forget(self) -> None:
        """Begins anew."""
        self.memory.clear()
        self.length = 0

    def read(self, ids: Array) -> None:
        """Takes tokens in, (N, T), in chunks."""
        begin, steps = 0, np.ascontiguousarray(ids.T)
        for size in CHUNKS:
            end = begin + (len(steps) - begin) // size * size
            if end > begin:
                rows = np.arange(begin, end).reshape(-1, size)
                self.absorb.for_rows(rows, steps)
            begin = end
        self.length += begin

    def draw(self, most: int, kind: Sampling, amounts: tuple[Array, ...]) -> Array:
        """Takes the last token in and draws what follows, (tokens, N), several times in
        one call of machine code: as often as takes a moment, but no more than the
        memory, or the part of it that is looked at, has room for.
        """
        room = self.memory.room(self.length + 1)
        ends = [end for end in (room, self.longest) if end is not None]
        count = min([most, *(end - self.length for end in ends)])
        count = min(count, max(1, int(MOMENT / self.seconds)))
        began = time.perf_counter()
        drawn: Array = self.next.repeat(count, amounts, kind, room).numpy()
        self.seconds = min(self.seconds, (time.perf_counter() - began) / count)
        self.length += count
        return drawn

    def _absorb(self, steps: Any) -> None:
        """Takes in tokens, (T, N)."""
        network = self.network()
        assert network is not None
        network.read(steps.T, self.memory)

    def _next(self, amounts: Any, rules: Sampling, room: int | None) -> Tensor:
        network = self.network()
        assert network is not None
        memory = self.memory if room is None else self.memory.within(room)
        logits = network.read(self.last.read(), memory)[:, -1]  # (N, V)
        drawn = sample(logits, amounts, rules, self.source)
        self.last.assign(reshape(drawn, (-1, 1)))
        return drawn


#: The writers of all networks, by number of sequences.
writers = Pool(Writer)
