"""The pages of the reference, one a module, made from docstrings; see generate.py."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

NOTE = "<!-- Written by docs/generate.py from the source: change it there. -->"
SECTION = re.compile(r"^([A-Z][A-Za-z ]{2,30}):$")
ITEM = re.compile(r"^    (\S[^:]*): (.*)$")

#: page → (module, what the page says first)
MODULES = {
    "chainrule": ("chainrule", "Tensors, functions, derivatives, compiling, training."),
    "linalg": ("chainrule.linalg", "Linear algebra, with NumPy's names."),
    "nn": ("chainrule.nn", "Layers and networks."),
    "losses": ("chainrule.losses", "How wrong a prediction is."),
    "initializers": ("chainrule.initializers", "What parameters start as."),
    "optim": ("chainrule.optim", "How parameters learn."),
    "random": ("chainrule.random", "Random tensors and generators."),
    "data": ("chainrule.data", "Data sets, tables and batches."),
    "models": ("chainrule.models", "Networks, and machines that learn features."),
    "metrics": ("chainrule.training.metrics", "How good a network is."),
    "callbacks": (
        "chainrule.training.callbacks",
        "What is done around the training loop.",
    ),
    "sampling": ("chainrule.sampling", "Draws from a log density, by chains."),
    "estimators": ("chainrule.estimators", "Networks for scikit-learn."),
    "runs": ("chainrule.runs", "What `chainrule train` leaves: opened, compared."),
    "tuning": ("chainrule.tuning", "Choosing a model: sizes, growth."),
    "pictures": (
        "chainrule.pictures",
        "Training curves, confusion matrices, features.",
    ),
    "errors": ("chainrule.errors", "Every error: cause, smallest example, cure."),
}


def pages() -> dict[str, Callable[[], str]]:
    """Every page of the reference, and what writes it."""
    found: dict[str, Callable[[], str]] = {"reference/README.md": contents}
    for page, (module, first) in MODULES.items():
        found[f"reference/{page}.md"] = lambda m=module, f=first: module_page(m, f)
    return found


def contents() -> str:
    """The page that lists the others."""
    lines = [
        "# Reference",
        "",
        NOTE,
        "",
        "One page a module, made from its docstrings.",
        "",
    ]
    for page, (module, first) in MODULES.items():
        lines.append(f"- [`{module}`]({page}.md): {first}")
    return "\n".join(lines) + "\n"


def module_page(module_name: str, first: str) -> str:
    """The page of one module: an entry for every public function and class."""
    module = importlib.import_module(module_name)
    entries = [
        entry(name, getattr(module, name))
        for name in public_names(module)
        if is_documented(getattr(module, name))
    ]
    return "\n\n".join([f"# `{module_name}`", NOTE, first, *entries]).rstrip() + "\n"


def public_names(module: Any) -> list[str]:
    """The names a module offers, classes first."""
    names = getattr(module, "__all__", None)
    if names is None:
        own = module.__name__ if not hasattr(module, "__path__") else "chainrule"
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and str(getattr(value, "__module__", "")).startswith(own)
        ]
    return sorted(names, key=lambda name: (not name[0].isupper(), name.lower()))


def is_documented(value: Any) -> bool:
    """Whether a name is a function or class of this package with a docstring."""
    if inspect.ismodule(value) or not callable(value):
        return False
    home = getattr(value, "__module__", None) or type(value).__module__
    return str(home).startswith("chainrule") and bool(inspect.getdoc(value))


def signature(name: str, value: Any) -> str:
    """``name(arguments)``, as one would call it.

    A class is called as its ``__init__`` says. Some versions of Python look at an
    inherited ``__new__`` first.
    """
    own = isinstance(value, type) and value.__init__ is not object.__init__  # type: ignore[misc]
    try:
        found = inspect.signature(value.__init__ if own else value)
    except (TypeError, ValueError):
        return name
    if own:
        found = found.replace(parameters=list(found.parameters.values())[1:])
    shown = str(found)
    shown = re.sub(r"(chainrule|collections|typing|numpy)(\.\w+)*\.", "", shown)
    shown = re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "…", shown)
    return f"{name}{shown}".replace("'", "")


def entry(name: str, value: Any) -> str:
    """A section for one public name, with the public methods of a class."""
    parts = [f"## {name}", f"```text\n{signature(name, value)}\n```", docstring(value)]
    if inspect.isclass(value):
        for method, function in sorted(vars(value).items()):
            public = not method.startswith("_") and inspect.isfunction(function)
            if public and inspect.getdoc(function):
                shown = signature(method, function).replace("(self, ", "(")
                parts.append(f"### .{shown.replace('(self)', '()')}")
                parts.append(docstring(function))
    return "\n\n".join(parts)


def docstring(value: Any) -> str:
    """A docstring as Markdown: bold sections, lists of arguments, fenced examples."""
    text = (inspect.getdoc(value) or "").replace("::\n", ":\n").replace("``", "`")
    return "\n\n".join(paragraph(each) for each in text.split("\n\n"))


def paragraph(text: str) -> str:
    """One paragraph: a section with its block, an example, a formula or prose."""
    lines = text.strip("\n").splitlines()
    head = SECTION.match(lines[0]) if lines else None
    if head and len(lines) > 1:
        return f"**{head[1]}**\n\n{block(lines[1:])}"
    return block(lines)


def block(lines: list[str]) -> str:
    """Indented examples and formulas fenced, ``name: text`` listed, the rest as is."""
    first = lines[0].strip() if lines else ""
    body = textwrap.dedent("\n".join(lines))
    if first.startswith(">>>"):
        return f"```pycon\n{body}\n```"
    if lines and all(line.startswith("    ") for line in lines):
        if ITEM.match(lines[0]):
            return "\n".join(listed(lines))
        return f"```text\n{body}\n```"
    return body


def listed(lines: list[str]) -> list[str]:
    """``name: text`` lines as a Markdown list; deeper lines continue the last one."""
    items: list[str] = []
    for line in lines:
        item = ITEM.match(line)
        if item and not line.startswith("     "):
            items.append(f"- `{item[1]}`: {item[2]}")
        else:
            items.append(f"  {line.strip()}")
    return items
