"""``History``: what happened in each epoch of a training run.

Place on the road: what ``fit`` returns. Plain numbers in a list; it must not know of
models or data.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import ArgumentError, FileError, missing_package, unknown_option
from ..foreign import Settled, no_attribute
from ..markup import html_table
from ..wording import counted
from .formats import Row, plain, restored, shown
from .metrics import lower_is_better

#: How many rows a printed history shows at most.
SHOWN_ROWS = 12


def column_elsewhere(name: str, columns: Sequence[str]) -> str | None:
    """What a column is called here that Keras calls ``val_loss``; None for others."""
    ours = "validation_" + str(name).removeprefix("val_")
    if not str(name).startswith("val_"):
        return None
    if ours in columns:
        return f"did you mean {ours!r}?"
    return f"{ours!r}, which fit(…, validation=0.1) measures"


class History(Settled):
    """The columns of a training run, one row an epoch.

    Attributes:
        epochs: the rows, dictionaries: ``{"epoch": 1, "loss": 0.31, …}``. Values of the
            validation data are called ``validation_loss`` and so on.
        stopped: why training ended: "finished", "interrupted", or what a callback said,
            as "early stopping: …"; "" while it runs.
        settings: what the run was started with: loss, optimizer, batch size, seed …;
            and "kept_epoch", the epoch whose weights the model has at the end: the
            last, the best where a callback restored it, None within an epoch. Where a
            model's own loss only says in training which way to go, as contrastive
            divergence does, "loss_is_direction" is True.
        watch: the ``callbacks.Watch`` of ``fit(watch=…)``; None without, and in files.

    Example:
        >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
        >>> history["loss"], history.best("loss")["epoch"]
        ([0.5, 0.25], 2)
    """

    def __init__(
        self,
        epochs: Sequence[Row] = (),
        stopped: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.epochs: list[Row] = [dict(row) for row in epochs]
        self.stopped = stopped
        self.settings: dict[str, Any] = dict(settings or {})
        self.watch: Any = None

    if not TYPE_CHECKING:  # so that type checkers still find wrong names

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, "training.HISTORY")

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order of appearance."""
        names: dict[str, None] = {}
        for row in self.epochs:
            names.update(dict.fromkeys(row))
        return list(names)

    def __getitem__(self, column: str) -> list[Any]:
        """The values of a column, one an epoch; None where an epoch has none.

        Raises:
            OptionError: for a column that does not exist.
        """
        if column not in self.columns:
            fix = column_elsewhere(column, self.columns)
            raise unknown_option("column", column, self.columns, fix)
        return [row.get(column) for row in self.epochs]

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        return len(self.epochs)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, History)
            and self.epochs == other.epochs
            and self.stopped == other.stopped
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def last(self) -> Row:
        """The row of the last epoch; empty before the first has ended."""
        return self.epochs[-1] if self.epochs else {}

    def best(self, column: str = "loss") -> Row:
        """The row in which a column was best: largest, or smallest for losses, errors.

        Raises:
            OptionError: for a column that does not exist.
            ArgumentError: when no epoch has a number there.
        """
        rows = [
            row
            for row, value in zip(self.epochs, self[column], strict=True)
            if isinstance(value, (int, float)) and not math.isnan(value)
        ]
        if not rows:
            raise ArgumentError(f"best: no epoch has a number in column {column!r}")
        choose = min if lower_is_better(column) else max
        return choose(rows, key=lambda row: float(row[column]))

    # As a table.

    def __iter__(self) -> Iterator[Row]:
        """The rows, one an epoch, as ``pandas.DataFrame(history)`` takes them."""
        return iter(self.epochs)

    def to_pandas(self) -> Any:
        """A pandas frame of the columns, with the numbers of the epochs as index.

        Raises:
            MissingPackageError: without pandas.

        Example:
            >>> History([{"epoch": 1, "loss": 0.5}]).to_pandas().loc[1, "loss"].item()
            0.5
        """
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise missing_package("pandas", "History.to_pandas") from error
        frame = pd.DataFrame(self.epochs, columns=self.columns)
        return frame.set_index("epoch") if "epoch" in self else frame

    def _repr_html_(self) -> str:
        """What a notebook shows: the table, the kept epoch in bold."""
        head, names, rows = self._table()
        kept = [i for i, row in enumerate(self._shown()) if row and self._is_kept(row)]
        return html_table(names, rows, title=head, left=0, bold=kept)

    def _is_kept(self, row: Row) -> bool:
        return bool(row.get("epoch") == self.settings.get("kept_epoch", -1))

    def _table(self) -> tuple[str, list[str], list[list[str]]]:
        """A line about the run, the names of the columns, and the rows as texts."""
        head = f"History: {counted(len(self), 'epoch')}"
        if self.stopped:
            head += f", {self.stopped}"
        kept = self.settings.get("kept_epoch")
        if kept and kept != self.last.get("epoch"):
            head += f"; the model has the weights of epoch {kept}"
        names = [name for name in self.columns if not self._nested(name)]
        rows = [
            [shown(row.get(n), n) for n in names] if row else ["…"] * len(names)
            for row in self._shown()
        ]
        return head, names, rows

    # As text.

    def __repr__(self) -> str:
        head, names, cells = self._table()
        if not names:
            return head
        rows = [names, *cells]
        widths = [max(len(row[i]) for row in rows) for i in range(len(names))]
        table = [
            "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join([head, *table])

    def _shown(self) -> list[Row]:
        """The first and the last rows, with an empty one for those between."""
        if len(self.epochs) <= SHOWN_ROWS:
            return self.epochs
        return [*self.epochs[:3], {}, *self.epochs[-(SHOWN_ROWS - 4) :]]

    def _nested(self, column: str) -> bool:
        return any(isinstance(row.get(column), list) for row in self.epochs)

    # As JSON.

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The history as JSON text, written to a file where a path is given.

        NaN and infinities are written as the texts "nan", "inf" and "-inf", which every
        JSON parser reads.
        """
        content = {
            "stopped": self.stopped,
            "settings": self.settings,
            "epochs": self.epochs,
        }
        text = json.dumps(plain(content), indent=1, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> History:
        """A history from JSON text or from the path of a file.

        Raises:
            FileError: when there is no such file, or it holds no history.

        Example:
            >>> History.from_json(History([{"epoch": 1, "loss": 0.5}]).to_json()).last
            {'epoch': 1, 'loss': 0.5}
        """
        text = str(source)
        name = "text"
        if not text.lstrip().startswith("{"):
            name = repr(os.fspath(source))
            try:
                text = Path(source).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise FileError(f"History: {name}: cannot be read: {error}") from None
        try:
            content = json.loads(text)
            return cls(
                [restored(row) for row in content["epochs"]],
                content["stopped"],
                content["settings"],
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FileError(f"History: {name} holds no history: {error}") from None

    # As a picture.

    def plot(self, path: str | os.PathLike[str] | None = None, ax: Any = None) -> Any:
        """Curves over the epochs: the loss, and beside it the metrics.

        A column and its validation twin share a colour; the twin is dashed. The best
        validation value is marked. A loss that only says in training which way to go is
        drawn apart from that of validation data, which measures something else.

        Arguments:
            path: a file to write, PNG, SVG or PDF by its suffix.
            ax: a matplotlib ``Axes`` to draw the losses into; no metrics then.

        Returns:
            The matplotlib ``Figure``.

        Raises:
            ArgumentError: when no epoch has ended.
            MissingPackageError: without matplotlib.
        """
        from .learning_curves import draw  # most programs draw nothing

        if not self.epochs:
            raise ArgumentError("History.plot: no epoch has ended: nothing to draw")
        try:
            columns = {self._drawn_as(name): self[name] for name in self.columns}
            columns["epoch"] = [
                row.get("epoch", number) for number, row in enumerate(self.epochs, 1)
            ]
            return draw(columns, self.best, path, ax)
        except ModuleNotFoundError as error:
            raise missing_package("matplotlib", "History.plot") from error

    def _drawn_as(self, column: str) -> str:
        """What a column is called in the picture."""
        apart = (
            "loss_is_direction" in self.settings and "validation_loss" in self.columns
        )
        return "loss in training" if apart and column == "loss" else column
