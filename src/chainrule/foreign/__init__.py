"""Names that users of other libraries reach for, and what to write here instead.

Place on the road: below everything. ``advice`` makes the errors; ``tables`` has the
words, one file a package, none of which is imported before an error needs it.
"""

from .advice import advised, advised_layer, loss_called, no_attribute, no_name, table

__all__ = [
    "advised",
    "advised_layer",
    "loss_called",
    "no_attribute",
    "no_name",
    "table",
]
