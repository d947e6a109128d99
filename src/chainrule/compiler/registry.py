"""Engines by name, each imported when it is first asked for.

Place on the road: where ``compile`` finds an engine. It holds names of modules and
imports none of them before that, so nothing of the core depends on an engine.
"""

from __future__ import annotations

import importlib

from ..collector import collector_paused
from ..errors import unknown_option
from .engine import Engine

#: name → the module that holds its ``ENGINE``
ENGINES: dict[str, str] = {
    "numpy": "chainrule.engines.numpy_engine",
    "native": "chainrule.engines.native.engine",
}


def register(name: str, module: str) -> None:
    """Makes an engine known by name; its module is imported when it is first used.

    The module holds an ``Engine`` under the name ``ENGINE``.
    """
    ENGINES[name] = module


def engine_named(name: str) -> Engine:
    """The engine of that name.

    Raises:
        OptionError: when there is none.
    """
    if name not in ENGINES:
        raise unknown_option("engine", name, ENGINES)
    with collector_paused:
        engine: Engine = importlib.import_module(ENGINES[name]).ENGINE
    return engine
