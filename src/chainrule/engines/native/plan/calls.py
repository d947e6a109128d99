"""What the engine knows of primitives, and applications of them as plain data.

Place on the road: below kernels and their fusion. The sets follow from what the
package's primitives declare of their kind and cost; a primitive that a user declares is
in none of them, and runs with its NumPy meaning. What a primitive is in LLVM stands in
``elementwise``, which is imported when something is compiled and not when its code is
found on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....dtypes import DType
from ....ops.catalog import PRIMITIVES, of_kind
from ....ops.primitive import Cost, Kind

#: Steps of the engine's own, which no primitive stands for; they only move numbers.
OWN_STEPS = frozenset({"bordered", "copy", "gather", "one_at", "pair"})
#: Primitives of the package that are elementwise, reductions or views, and that nobody
#: has written in LLVM yet: they run with their NumPy meaning, as a user's do.
NOT_LOWERED: frozenset[str] = frozenset()
#: What has an emitter; a test compares it with ``EMITTERS``. A gather is emitted where
#: it is read, and the check of an index is computed as other steps are.
ELEMENTWISE = (
    frozenset(op.name for op in of_kind(Kind.ELEMENTWISE) if not op.is_view)
    | {"copy", "one_at", "normal_index", "pair"}
) - NOT_LOWERED
#: Steps that cost more to compute again than to read back.
COSTLY = frozenset(
    op.name for op in of_kind(Kind.ELEMENTWISE) if op.cost is Cost.COSTLY
) | {"gather"}
#: Movements that are views of a buffer, or may be: ``views.view_of`` has each.
VIEWS = frozenset(op.name for op in PRIMITIVES.values() if op.is_view) - NOT_LOWERED
#: Reductions, of which those that are associative may be computed in parts.
REDUCTIONS = frozenset(op.name for op in of_kind(Kind.REDUCTION)) - NOT_LOWERED
CUTTABLE = frozenset(op.name for op in of_kind(Kind.REDUCTION) if op.associative)


#: Steps that read their first operand from memory, not quite where they stand.
INDIRECT = frozenset({"bordered", "gather"})


@dataclass(frozen=True)
class Call:
    """An application of a primitive: what an emitter may ask besides the operands."""

    name: str
    params: Mapping[str, Any]
    inputs: tuple[DType, ...]
    output: DType
