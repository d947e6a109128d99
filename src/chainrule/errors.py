"""Every exception of the package, and the one formatter of their messages.

Place on the road: below everything. It knows nothing of graphs, tensors or layers;
callers supply the message, and this module adds the line of the user's program.

A message has a first line, "operation: operands with names and full shapes: the rule",
and up to three more, each present only when known::

    matmul: x (32, 784) @ weight.T (512, 10): 784 ≠ 512; …
      in layer   fc1 = Linear(512 → 10)
      called at  train.py:41 in step:  logits = model(images)
      fix        Linear(784, 10), or give it inputs with 512 features
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType

import numpy as np

__all__ = [
    "ArgumentError",
    "BoundsError",
    "ChainruleError",
    "DTypeError",
    "DataError",
    "FileError",
    "ForeignNameError",
    "GradientError",
    "LinAlgError",
    "MissingPackageError",
    "NumericsError",
    "OptionError",
    "ScalarError",
    "ShapeError",
    "SharingError",
    "SourceLine",
    "StateError",
    "TraceError",
    "format_message",
    "missing_package",
    "nearest",
    "unknown_option",
    "user_line",
]

PACKAGE_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep

#: The layers being called, outermost first; kept by ``nn.Module``. Messages use only
#: their ``str``.
layers: ContextVar[tuple[object, ...]] = ContextVar("layers", default=())


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of the user's program: the file, its number and the function around it."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The line itself, without indentation; empty where there is no source."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def place(self) -> str:
        """``train.py:41``"""
        return f"{os.path.basename(self.file)}:{self.line}"

    def __str__(self) -> str:
        where = "" if self.function == "<module>" else f" in {self.function}"
        text = self.text
        return f"{self.place}{where}" + (f":  {text}" if text else "")


class _OwnFiles(dict[str, bool]):
    """Whether a file belongs to this package or to Python; remembered per file."""

    def __missing__(self, file: str) -> bool:
        self[file] = file.startswith((PACKAGE_FOLDER, "<frozen", contextlib.__file__))
        return self[file]


own_files = _OwnFiles()


def user_line() -> SourceLine | None:
    """The innermost line of the call stack that is not part of this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not own_files[code.co_filename]:
            return SourceLine(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return None


class ChainruleError(Exception):
    """The base of every error raised on purpose by this package.

    Arguments:
        what: the first line, "operation: operands: the rule".
        fix: what to do about it, when known.
        at: the user's line; found on the call stack when not given.
        layer: the layer concerned; the innermost layer being called when not given.

    Example:
        >>> print(ShapeError("add: (2,) + (3,): 2 ≠ 3", fix="give both 3 elements",
        ...                  at=SourceLine("train.py", 41, "step")))
        add: (2,) + (3,): 2 ≠ 3
          called at  train.py:41 in step
          fix        give both 3 elements
    """

    def __init__(
        self,
        what: str,
        *,
        fix: str | None = None,
        at: SourceLine | None = None,
        layer: str | None = None,
    ) -> None:
        self.what = what
        self.fix = fix
        self.at = at if at is not None else user_line()
        stack = layers.get()
        self.layer = layer if layer is not None else (str(stack[-1]) if stack else None)
        super().__init__(format_message(what, self.layer, self.at, fix))


def format_message(
    what: str, layer: str | None, at: SourceLine | None, fix: str | None
) -> str:
    """The text of an error: first line, layer, source line and fix, as far as known."""
    lines = [what]
    if layer:
        lines.append(f"  in layer   {layer}")
    if at:
        lines.append(f"  called at  {at}")
    if fix:
        lines.append(f"  fix        {fix}")
    return "\n".join(lines)


class ShapeError(ChainruleError, ValueError):
    """Shapes that do not fit the operation.

    Smallest example: ``cr.tensor([1., 2.]) + cr.tensor([1., 2., 3.])``.
    Cure: reshape or slice one operand so that the named axes agree.
    """


class ScalarError(ShapeError, TypeError):
    """A single number asked for its length, or to be gone through; a ``TypeError``, as
    Python's own error is, by which other libraries tell numbers from sequences.

    Smallest example: ``len(cr.tensor(1.0))``.
    Cure: ``x.item()`` is the number; ``x[None]`` is a tensor of one element.
    """


class SharingError(ChainruleError, BufferError):
    """Memory that cannot be shared with another library in the way it asks for.

    Smallest example: ``cr.ones(3).__dlpack__(dl_device=(2, 0))``.
    Cure: the message says what is possible; a copy always is.
    """


class DTypeError(ChainruleError, TypeError):
    """A dtype the operation does not take, or two that have no common dtype.

    Smallest example: ``cr.tensor("text")``.
    Cure: ``.astype(...)`` to the dtype named in the message.
    """


class BoundsError(ChainruleError, IndexError):
    """An index or class label outside the axis it points into.

    Smallest example: ``cr.tensor([1., 2.])[5]``.
    Cure: correct the index; for labels, give the network as many outputs as classes.
    """


class ArgumentError(ChainruleError, ValueError):
    """An argument whose value makes no sense, whatever its type.

    Smallest example: ``nn.Dropout(1.5)``.
    Cure: a value from the range in the message.
    """


class OptionError(ArgumentError):
    """A name that is not one of a fixed set; the message offers the nearest.

    Smallest example: ``cr.fit(..., loss="cross_entrpy")``.
    Cure: one of the listed names.
    """


class TraceError(ChainruleError, TypeError):
    """Python asked for the value of a tensor that has none yet, inside ``cr.compile``.

    Smallest example: ``cr.compile(lambda x: x if x > 0 else -x)``.
    Cure: ``cr.where`` to choose between values, ``cr.scan`` to repeat, or no
        ``compile``.
    """


class GradientError(ChainruleError, ValueError):
    """A gradient that does not exist: a loss that is not a scalar, a node not reached.

    Smallest example: ``cr.backprop(cr.tensor([1., 2.]))``.
    Cure: reduce the loss to one number; use the parameter in the loss.
    """


class NumericsError(ChainruleError, ArithmeticError):
    """A NaN or an infinity where ``check_numerics`` or ``fit`` looked for one.

    Smallest example: ``with cr.check_numerics(): cr.log(cr.tensor(-1.0))``.
    Cure: the message names the first operation that made it, and its inputs.
    """


class LinAlgError(ChainruleError, np.linalg.LinAlgError):
    """A matrix without what is asked of it: singular, not positive definite, not
    finite. It is NumPy's error of that name too.

    Smallest example: ``cr.linalg.inv(cr.zeros((2, 2)))``.
    Cure: the message says what the matrix lacks; ``cr.linalg.lstsq`` and ``pinv`` take
        any finite matrix.
    """


class DataError(ChainruleError, ValueError):
    """Data that cannot be trained on: empty, with NaN, of one class, without the
    column.

    Smallest example: ``cr.fit(model, (x, y[:-1]), ...)``.
    Cure: the message names the row or column.
    """


class FileError(ChainruleError, OSError):
    """A file that cannot be read or written: missing, truncated, of another format.

    Smallest example: ``cr.load("notes.txt")``.
    Cure: the path of a file that this package wrote, or of a supported format.
    """


class StateError(ChainruleError, ValueError):
    """Saved values that do not fit the object: missing, extra or differently shaped.

    Smallest example: ``nn.Linear(2, 3).load_state_dict({})``.
    Cure: build the object with the settings it was saved with.
    """


class ForeignNameError(ChainruleError, AttributeError):
    """A name that other libraries have, and this one does not; ``hasattr`` is False.

    Smallest example: ``loss.backward()``.
    Cure: the message says what is written here instead.
    """


class MissingPackageError(ChainruleError, ImportError):
    """An optional package that this call needs is not installed.

    Smallest example: reading a Parquet file without ``pyarrow``.
    Cure: the ``pip install`` line in the message.
    """


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option most like ``name``, or None where none is close."""
    import difflib  # only for a message: no program should pay for it at its start

    close = difflib.get_close_matches(str(name), list(options), n=1, cutoff=0.5)
    return close[0] if close else None


def unknown_option(
    kind: str, name: object, options: Iterable[str], fix: str | None = None
) -> OptionError:
    """The error for a name that is not one of ``options``.

    Arguments:
        kind: what the name is of.
        name: the name given.
        options: the names there are.
        fix: advice that is better than the nearest name, if there is any.

    Example:
        >>> print(unknown_option("loss", "mes", ["mse", "l1"]).what)
        unknown loss 'mes': expected one of 'l1', 'mse'
    """
    names = sorted(options)
    listed = ", ".join(repr(option) for option in names)
    close = None if fix else nearest(str(name), names)
    return OptionError(
        f"unknown {kind} {name!r}: expected one of {listed}",
        fix=f"did you mean {close!r}?" if close else fix,
    )


def missing_package(
    package: str, purpose: str, extra: str | None = None
) -> MissingPackageError:
    """The error for an optional package that is not installed."""
    install = f"chainrule[{extra}]" if extra else package
    return MissingPackageError(
        f"{purpose} needs the package {package!r}, which is not installed",
        fix=f"pip install {install!r}",
    )


def __dir__() -> list[str]:
    """The public names, as ``public.listing`` of other modules."""
    return sorted(__all__)
