"""What a model has compiled for one call, kept for its next one.

Place on the road: below the models that write. It must not know what is kept.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Makes what a call of a model works with, and keeps it while the model lives.

    What is kept must not keep the model alive.

    Arguments:
        make: of a model and a size.

    Attributes:
        waiting: model ↦ size ↦ what waits for the next call.
    """

    def __init__(self, make: Callable[..., T]) -> None:
        self.make = make
        self.waiting: weakref.WeakKeyDictionary[Any, dict[tuple[int, ...], T]] = (
            weakref.WeakKeyDictionary()
        )

    @contextmanager
    def borrowed(self, model: Any, *size: int) -> Iterator[T]:
        """One for a call; two calls at the same time have two."""
        found = self.waiting.setdefault(model, {}).pop(size, None)
        made = self.make(model, *size) if found is None else found
        try:
            yield made
        finally:
            self.waiting.setdefault(model, {})[size] = made
