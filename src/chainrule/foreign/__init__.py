"""Names that users of other libraries reach for, and what to write here instead.

Place on the road: below everything. ``advice`` makes the errors, ``attributes`` those
of assignments; ``tables`` has the words, one file a package, none of which is imported
before an error needs it.
"""

from .advice import (
    advised,
    advised_layer,
    loss_called,
    no_attribute,
    no_name,
    table,
    wrong_arguments,
)
from .attributes import (
    Refused,
    Settled,
    Size,
    assigned_here,
    is_unknown,
    no_such_setting,
    of_package,
)

__all__ = [
    "Refused",
    "Settled",
    "Size",
    "advised",
    "advised_layer",
    "assigned_here",
    "is_unknown",
    "loss_called",
    "no_attribute",
    "no_name",
    "no_such_setting",
    "of_package",
    "table",
    "wrong_arguments",
]
