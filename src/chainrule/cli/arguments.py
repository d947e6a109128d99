"""The kinds of values that options take, each with one sentence for a wrong one.

Place on the road: below the commands. It must not know which command uses them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..errors import nearest
from ..tuning.space import Axis, counting, decades, doubling, tenths

if TYPE_CHECKING:  # generic for type checkers, not in every version of click
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType

#: A layer wider than this is a typing mistake.
WIDEST = 1_000_000


class LayerSizes(ParamType):
    """``64,32``: the sizes of the hidden layers; ``none`` for a network without any."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The sizes as whole numbers."""
        if isinstance(value, tuple):
            return value
        if value.strip().lower() == "none":
            return ()
        words = [word.strip() for word in value.split(",")]
        for word in words:
            if not (word.isascii() and word.isdigit() and 1 <= int(word) <= WIDEST):
                self.fail(
                    f"{value!r}: {word!r} is not a size: expected whole numbers from 1 "
                    f"to {WIDEST} with commas between, as in 64,32; or none",
                    param,
                    ctx,
                )
        return tuple(map(int, words))


class Name(ParamType):
    """One of a fixed set of names; a message offers the nearest.

    Arguments:
        options: the names, or a function that returns them when they are needed.
    """

    name = "name"

    def __init__(self, options: Callable[[], Iterable[str]] | Iterable[str]) -> None:
        self.options = options

    def names(self) -> list[str]:
        """All names."""
        options = self.options() if callable(self.options) else self.options
        return list(options)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The name, if it is one."""
        names = self.names()
        if value not in names:
            close = nearest(str(value), names)
            hint = f"did you mean {close!r}? " if close else ""
            self.fail(f"{value!r}: {hint}There are: {', '.join(names)}.", param, ctx)
        return str(value)

    def get_metavar(
        self, param: click.Parameter, ctx: click.Context | None = None
    ) -> str:
        """What help shows for a value: the names, where they are few."""
        names = self.names()
        return "[" + "|".join(names) + "]" if len(names) <= 4 else "NAME"


class Number(ParamType):
    """A number within bounds, which help and messages spell out.

    Arguments:
        least, most: the bounds.
        above: whether ``least`` itself is excluded.
        below: whether ``most`` itself is excluded.
    """

    name = "number"

    def __init__(
        self,
        least: float = 0.0,
        most: float | None = None,
        *,
        above: bool = False,
        below: bool = False,
    ) -> None:
        self.least, self.most, self.above, self.below = least, most, above, below

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, if it is one and within bounds."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        too_small = number < self.least or (self.above and number == self.least)
        too_large = self.most is not None and (
            number > self.most or (self.below and number == self.most)
        )
        if too_small or too_large or not math.isfinite(number):
            kind = "a finite number" if number == math.inf else "a number"
            self.fail(f"{value}: expected {kind} {self.bounds}.", param, ctx)
        return number

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        low = f"{'above' if self.above else 'of at least'} {self.least:g}"
        if self.most is None:
            return low
        return f"{low} and {'below' if self.below else 'at most'} {self.most:g}"


class Whole(ParamType):
    """A whole number within bounds.

    Arguments:
        least, most: the bounds.
    """

    name = "integer"

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least, self.most = least, most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number, if it is one and within bounds."""
        try:
            number = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        if number < self.least or (self.most is not None and number > self.most):
            bounds = f"of at least {self.least}"
            if self.most is not None:
                bounds = f"from {self.least} to {self.most}"
            self.fail(f"{number}: expected a whole number {bounds}.", param, ctx)
        return number


class Words(ParamType):
    """``flip,crop``: some of a fixed set of words; ``none`` for none of them.

    Arguments:
        options: the words there are.
    """

    name = "words"

    def __init__(self, options: Iterable[str]) -> None:
        self.options = tuple(options)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The words, in the order of the options."""
        if isinstance(value, tuple):
            return value
        words = [word.strip().lower() for word in value.split(",")]
        if words == ["none"]:
            return ()
        for word in words:
            if word not in self.options:
                close = nearest(word, self.options)
                hint = f"did you mean {close!r}? " if close else ""
                listed = ", ".join(self.options)
                self.fail(
                    f"{value!r}: {hint}There are {listed}, with commas between; or "
                    "none.",
                    param,
                    ctx,
                )
        return tuple(option for option in self.options if option in words)


class Columns(ParamType):
    """``id,name``: names of columns."""

    name = "columns"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names, without blanks around them."""
        if isinstance(value, tuple):
            return value
        names = tuple(word.strip() for word in value.split(","))
        if not all(names):
            self.fail(
                f"{value!r}: expected names with commas between, as in id,name",
                param,
                ctx,
            )
        return names


@dataclass(frozen=True)
class Tried(ParamType):
    """``8..256``, ``8,16,32`` or ``8``: the values of a setting that are tried.

    Arguments:
        example: what help and messages show.
        between: (low, high) ↦ the values of a range.
        least, most: the bounds of all values.
        whole: whether they are whole numbers.
        above: whether the lower bound itself is excluded, and a range with it.
        below: whether the upper bound itself is excluded.
    """

    example: str
    between: Callable[[Any, Any], Axis]
    least: float
    most: float
    whole: bool = False
    above: bool = False
    below: bool = False

    name = "values"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Axis:
        """The values, and the bounds of a range."""
        if isinstance(value, Axis):
            return value
        low, dots, high = value.partition("..")
        if not dots:
            words = value.split(",")
            numbers = [self._number(word, value, param, ctx) for word in words]
            return Axis(tuple(dict.fromkeys(numbers)))
        ends = [self._number(word, value, param, ctx) for word in (low, high)]
        if ends[0] >= ends[1]:
            self.fail(
                f"{value!r}: a range goes from a smaller number to a larger one, as in "
                f"{self.example}",
                param,
                ctx,
            )
        if self.between is decades and ends[0] == 0:
            self.fail(
                f"{value!r}: a range of powers of ten cannot begin at 0: expected one "
                f"as {self.example}, or a list that begins with 0: 0,{high}",
                param,
                ctx,
            )
        return self.between(*ends)

    def _number(
        self,
        word: str,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """One of the numbers, or an error."""
        kind = "a whole number" if self.whole else "a number"
        try:
            number: float = int(word) if self.whole else float(word)
        except ValueError:
            self.fail(
                f"{value!r}: {word.strip()!r} is not {kind}: expected a range as "
                f"{self.example}, or numbers with commas between",
                param,
                ctx,
            )
        small = number < self.least or (self.above and number == self.least)
        large = number > self.most or (self.below and number == self.most)
        if small or large or not math.isfinite(number):
            kind = "a finite number" if number == math.inf else kind
            low = f"{'above' if self.above else 'of at least'} {self.least:g}"
            high = f"{'below' if self.below else 'at most'} {self.most:.10g}"
            bounds = low if self.most == math.inf else f"{low} and {high}"
            self.fail(
                f"{value!r}: {word.strip()}: expected {kind} {bounds}", param, ctx
            )
        return number


UNITS = Tried("8..256", doubling, 1, WIDEST, whole=True)
LAYERS = Tried("1..3", counting, 1, 100, whole=True)
RATES = Tried("1e-4..1e-2", decades, 0.0, math.inf, above=True)
PENALTIES = Tried("1e-6..1e-2", decades, 0.0, math.inf)
PARTS = Tried("0..0.5", tenths, 0.0, 1.0, below=True)


#: How an argument of a function of the library is spelled on the command line.
SPELLINGS = (
    (r"task='(\w+)'", r"--task \1"),
    (r"kinds=\{'(.+)': 'categorical'\}", r"--categorical \1"),
    (r"kinds=\{name: kind\}", "--categorical COLUMN"),
    (r"keep=\('(.+?)',\)", r"--keep \1"),
    (r"\b(dates|target)='(.+?)'", r"--\1 \2"),
    (r"\bdecimal='(.)'", r"--decimal '\1'"),
    (r", or header=False", ""),
    (r"\bfewer columns in drop\b", "fewer columns in --drop"),
    (r"skip_broken=True", "--skip-broken"),
    (r"^(image_folder|read_table): ", ""),
    (
        r"optim\.TruncatedNewton\(\) or optim\.HessianFree\(\), which multiply by the "
        "matrix and never form it",
        "--optimizer truncatednewton, which never forms the matrix; or smaller "
        "--hidden, or --members 1",
    ),
    (r"\bsave\('(.+)'\)", r"--out \1"),
    (
        r"a tokenizer that knows all: Bytes\(\), or Characters\.fit\(text, "
        r"special=\('unknown',\)\)",
        "--tokens bytes in training, which knows all",
    ),
    (r"BytePairs\.fit: size=", "--vocabulary "),
    (r"Words\.fit: size=", "--vocabulary "),
)


def as_options(sentence: str) -> str:
    """A sentence of the library in the words of the command.

    Example:
        >>> as_options("two numbers: classification; task='regression' changes that")
        'two numbers: classification; --task regression changes that'
    """
    for pattern, option in SPELLINGS:
        sentence = re.sub(pattern, option, sentence)
    return sentence
