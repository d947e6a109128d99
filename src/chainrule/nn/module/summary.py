"""A network as a table: shapes, parameters, operations and bytes of every layer.

Place on the road: below ``Module``, whose ``summary`` calls it. Shapes come from
tracing the network with inputs that have no values: nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import DTypeLike

from ... import dtypes, tree
from ...errors import ArgumentError
from ...graph import Node, Trace, in_order
from ...markup import html_table
from ...ops.arrays import lift
from ...ops.flops import flops
from ...variable import Parameter, Variable
from ...wording import weights_per_example
from ..arguments import positive_size
from .call import watching
from .part import Part


@dataclass(frozen=True)
class Row:
    """A layer of a summary.

    Attributes:
        path: its name in the network.
        layer: its type and settings.
        output: the shape of its output; None if it was not called.
        num_parameters: how many trainable numbers it holds itself; shared ones count
            where they come first.
        flops: floating-point operations, without those of its parts; see ``ops.flops``.
        num_bytes: the memory of all values that it holds.
        num_frozen: how many of the trainable numbers are frozen.
    """

    path: str
    layer: str
    output: Any
    num_parameters: int
    flops: int
    num_bytes: int
    num_frozen: int = 0


@dataclass(frozen=True)
class Summary:
    """A network as a table; printing it shows the table.

    Attributes:
        rows: one for each layer that holds or computes something.
        traced: whether the shape of the input was given, so that outputs have shapes.
        examples: how many the network is trained on; None where that is not known.
        members: how many networks are trained side by side, in an ensemble.
    """

    model: str
    rows: tuple[Row, ...] = field(repr=False)
    traced: bool = field(repr=False)
    examples: int | None = None
    members: int = 1

    @property
    def num_parameters(self) -> int:
        """The number of trainable values."""
        return sum(row.num_parameters for row in self.rows)

    @property
    def num_frozen(self) -> int:
        """The number of trainable values that are frozen."""
        return sum(row.num_frozen for row in self.rows)

    @property
    def flops(self) -> int:
        """The floating-point operations of one forward pass."""
        return sum(row.flops for row in self.rows)

    @property
    def num_bytes(self) -> int:
        """The memory of all values that the network holds."""
        return sum(row.num_bytes for row in self.rows)

    @property
    def weights_per_example(self) -> float | None:
        """How many weights there are, in each member, for each training example: those
        that are trained. None where the number of examples is not known.
        """
        if self.examples is None:
            return None
        return (self.num_parameters - self.num_frozen) / self.members / self.examples

    def _note(self) -> str:
        """What stands below the table."""
        if self.examples is None:
            return ""
        trained = self.num_parameters - self.num_frozen
        return weights_per_example(trained, self.examples, self.members)

    def __str__(self) -> str:
        table = _aligned(self._table(), left=3 if self.traced else 2)
        return f"{table}\n{self._note()}".rstrip()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows: the same table."""
        head, *rows = self._table()
        left = 3 if self.traced else 2
        table = html_table(
            head, rows, title=self.model, left=left, bold=[len(rows) - 1]
        )
        return table + (f"<p>{self._note()}</p>" if self._note() else "")

    def _table(self) -> list[list[str]]:
        """The head, a row for each layer, and the totals."""
        head = ["name", "layer", "output", "parameters", "FLOPs", "bytes"]
        total = ["total", "", "", *self._counts(self)]
        lines = [
            [row.path or ".", row.layer, _shape(row.output), *self._counts(row)]
            for row in self.rows
        ]
        table = [head, *lines, total]
        if not self.traced:
            table = [[*row[:2], row[3], row[5]] for row in table]
        if self.num_frozen:
            frozen = [row.num_frozen for row in self.rows]
            cells = [f"{n:,}" if n else "" for n in (*frozen, self.num_frozen)]
            for row, cell in zip(table, ["frozen", *cells], strict=True):
                row.insert(4 if self.traced else 3, cell)
        return table

    def _counts(self, of: Row | Summary) -> list[str]:
        return [f"{n:,}" for n in (of.num_parameters, of.flops, of.num_bytes)]


def summarise(
    model: Part,
    input_shape: Sequence[Any] | None,
    batch: int,
    dtype: DTypeLike | Sequence[DTypeLike] | None,
    examples: int | None = None,
) -> Summary:
    """The table that ``Module.summary`` returns."""
    if examples is not None:
        positive_size("summary", "examples", examples)
    record = _Record()
    if input_shape is not None:
        if dtype is None and _reads_ids(model):
            dtype = dtypes.int64
        inputs = _inputs(input_shape, positive_size("summary", "batch", batch), dtype)
        with Trace(purpose="summary"), watching(record):
            model(*inputs)
    rows, counted = [], set[int]()
    for path, module in model.named_modules():
        held = [v for _, v in module.own_variables() if id(v) not in counted]
        counted.update(id(variable) for variable in held)
        computed = record.flops.get(id(module), 0)
        is_container = next(module.children(), None) is not None
        if is_container and not held and not computed:
            continue
        rows.append(_row(path, module, held, record.outputs.get(id(module)), computed))
    members = getattr(model, "members", 1)  # an ensemble says how many it has
    traced = input_shape is not None
    name = type(model).__name__
    return Summary(name, tuple(rows), traced, examples, members)


class _Record:
    """The output shape of each module, and the operations that are not its parts'."""

    def __init__(self) -> None:
        self.outputs: dict[int, Any] = {}
        self.flops: dict[int, int] = {}
        self._owner: dict[Node, int] = {}

    def before(self, module: Part, inputs: tuple[Any, ...]) -> None:
        """Does nothing."""

    def after(self, module: Part, inputs: tuple[Any, ...], output: Any) -> None:
        """Notes the output's shape, and counts the operations that no part has."""
        nodes = lift(tree.flatten(output)[0])
        given = {node.read() for node in tree.flatten(inputs)[0] if _is_node(node)}
        shapes = [node.shape for node in nodes]
        self.outputs.setdefault(id(module), shapes[0] if len(shapes) == 1 else shapes)
        for node in in_order(nodes, stop=given):
            if node not in given and node not in self._owner:
                self._owner[node] = id(module)
                own = self.flops.get(id(module), 0)
                self.flops[id(module)] = own + flops(node)


def _is_node(value: Any) -> bool:
    return isinstance(value, Node)


def _reads_ids(model: Part) -> bool:
    """Whether the first layer takes integers."""
    layers = (each for _, each in model.named_modules())
    first = next((each for each in layers if next(each.children(), None) is None), None)
    return first is not None and first.takes_ids


def _inputs(input_shape: Sequence[Any], batch: int, dtype: Any) -> list[Any]:
    if not isinstance(input_shape, (tuple, list)):
        shape = getattr(input_shape, "shape", None)
        given = f"={input_shape!r}" if shape is None else f" is an array of {shape}"
        instead = (input_shape,) if shape is None else tuple(shape[1:])
        raise ArgumentError(
            f"summary: input_shape{given}: expected the shape of one sample, such as "
            f"{instead!r}"
        )
    several = bool(input_shape) and isinstance(input_shape[0], (tuple, list))
    shapes = list(input_shape) if several else [input_shape]
    kinds = list(dtype) if isinstance(dtype, (tuple, list)) else [dtype] * len(shapes)
    if len(kinds) != len(shapes):
        raise ArgumentError(
            f"summary: {len(kinds)} dtypes for {len(shapes)} inputs: expected one for "
            "each"
        )
    inputs = []
    for shape, kind in zip(shapes, kinds, strict=True):
        sizes = [positive_size("summary", "input_shape", size) for size in shape]
        wanted = dtypes.as_dtype(float if kind is None else kind)
        inputs.append(Node.kind(None, (), {}, (batch, *sizes), wanted, None, "x"))
    return inputs


def _row(
    path: str, module: Part, held: Sequence[Variable], output: Any, computed: int
) -> Row:
    return Row(
        path,
        f"{type(module).__name__}({module.describe_settings()})",
        output,
        sum(variable.size for variable in held if isinstance(variable, Parameter)),
        computed,
        sum(variable.size * variable.dtype.itemsize for variable in held),
        sum(v.size for v in held if isinstance(v, Parameter) and v.frozen),
    )


def _shape(output: Any) -> str:
    if output is None:
        return "not called"
    if isinstance(output, list):
        return " ".join(str(each) for each in output)
    return str(output)


def _aligned(table: list[list[str]], left: int) -> str:
    """Columns of equal width, the first ``left`` of them flush left, the rest right."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
