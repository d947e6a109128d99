"""The one pool of threads that all compiled programs of this process share.

Place on the road: between ``pool`` and the executables. It is made when a program first
needs it, and again when ``config.threads`` has changed.
"""

from __future__ import annotations

from .....compiler.locked import Locked
from .....config import config
from ...choose.processor import host
from ..compile.llvm import Compilation, Library
from ..object_cache import cached
from .pool import Pool

_shared = Locked()
_pool: Pool | None = None


def shared_pool() -> Pool:
    """The pool for ``config.threads`` threads."""
    global _pool
    found = _pool
    if found is not None and found.threads == config.threads:
        return found
    with _shared._lock:
        if _pool is None or _pool.threads != config.threads:
            if _pool is not None:
                _pool.retire()
            _pool = Pool(_worker(), config.threads, _library)
        return _pool


_library: Library | None = None


def _worker() -> int:
    """The address of the worker's loop."""
    global _library
    if _library is None:

        def compiled() -> bytes:
            from ...write import ir
            from ...write.threads import emit_worker

            module = ir.Module("chainrule_worker")
            emit_worker(module, host().pause)
            return Compilation(str(module), host()).run().code()

        _library = Library(cached("worker", compiled)[0])
    return _library.address("chainrule_worker")
