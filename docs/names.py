"""The page of names of other libraries, made from the tables that errors use."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping

from chainrule.foreign import tables

NOTE = "<!-- Written by docs/generate.py from src/chainrule/foreign/tables. -->"

#: table → what its names are; a table that is not here is headed by its address.
TITLES = {
    "package.NAMES": "Names of the package",
    "package.TENSOR": "Attributes and methods of a tensor",
    "package.ASSIGNED": "What is assigned to a parameter",
    "nn.NAMES": "Layers",
    "nn.MODULE": "Attributes and methods of a network",
    "nn.LAYER": "Options of layers",
    "nn.RECURRENT": "Options of recurrent layers",
    "nn.CALL": "Options of calls of layers",
    "losses.NAMES": "Losses, by name without `_` and `loss`",
    "optim.NAMES": "Optimizers and schedules",
    "optim.OPTIMIZER": "Attributes of an optimizer",
    "optim.GROUP": "Attributes of a group of parameters",
    "optim.OPTIONS": "Options of optimizers",
    "training.FIT": "Options of `cr.fit`",
    "training.HISTORY": "Attributes of a history",
    "training.CALLBACK": "Attributes of a callback",
    "training.RUN": "Attributes of a run",
    "data.NAMES": "Data",
    "data.SPLIT": "Options of `data.train_test_split`",
    "models.NAMES": "Models",
    "models.FUNCTION": "Options of functions that make models",
    "models.LAYER": "Options of models",
    "models.GPT": "Options of `models.GPT`",
    "linalg.NAMES": "Linear algebra",
}


def names_page() -> str:
    """Every table, under what its names are."""
    lines = ["# Names of other libraries", "", NOTE, ""]
    lines += [
        "What PyTorch, Keras, scikit-learn and NumPy call something, and what is",
        "written here. Who uses one of these names gets an error that says so.",
        "",
    ]
    for address, table in sorted(found().items(), key=_place):
        lines += [
            f"## {TITLES.get(address, f'`{address}`')}",
            "",
            "| elsewhere | here |",
        ]
        lines += ["|---|---|"]
        rows: dict[str, list[str]] = {}
        for name, advice in table.items():
            if name:
                rows.setdefault(advice, []).append(f"`{name}`")
        for advice, names in rows.items():
            lines.append(f"| {', '.join(names)} | {_cell(advice)} |")
        lines.append("")
    return "\n".join(lines)


def found() -> dict[str, Mapping[str, str]]:
    """The tables by address, ``nn.MODULE``."""
    result = {}
    for module in pkgutil.iter_modules(tables.__path__):
        file = importlib.import_module(f"{tables.__name__}.{module.name}")
        for name, value in inspect.getmembers(file):
            if name.isupper() and isinstance(value, Mapping):
                result[f"{module.name}.{name}"] = value
    return result


def _place(item: tuple[str, Mapping[str, str]]) -> tuple[int, str]:
    order = list(TITLES)
    return (order.index(item[0]) if item[0] in order else len(order), item[0])


def _cell(advice: str) -> str:
    """Advice in a table: code where it is nothing but code."""
    text = advice.replace("|", "\\|")
    code = not any(f" {word} " in f" {text} " for word in PROSE) and ": " not in text
    return f"`{text}`" if code else text.replace("*", "\\*").replace("_", "\\_")


#: Words that tell a sentence from code.
PROSE = ("a", "the", "is", "it", "its", "of", "for", "not", "with", "leave", "makes")
