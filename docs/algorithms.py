"""The page that shows each algorithm of ``optim``: the paper's lines beside the code.

Both come from the package: the formula from the docstring of the class, the code from
the function that has it.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from chainrule import optim
from chainrule.optim.linear_cg import LinearCG

HEAD = """# Optimizers, line by line

Each algorithm as its paper has it, and below it the function of `chainrule.optim` that
computes it, complete. Which to use when, and how they compare:
[Optimizers](optimizers.md). This page is written by `docs/generate.py`.

In the code of those that take gradients, `w` is a parameter, `g` its gradient, and
`step` has the learning rate `lr`, the number `t` of the step, what is remembered of the
parameter, `state`, and the hyper-parameters, `options`. `squarable(g)` is g, but for
values whose square is no number. Those that evaluate the loss themselves look at all
parameters together: `at` has where they are and the gradients there. A line search then
finds how far to go, unless a function `go` does more than that.
"""

#: The functions in which an algorithm is, in the order in which they are read.
LINES = ("rule", "direction", "go", "learned")

#: The loop in which linear conjugate gradients are.
LOOP = ("_loop",)

#: Beginnings of the names of functions that are not the algorithm.
BESIDE = ("_", "check", "refuse")


def algorithms_page() -> str:
    """The page, in Markdown."""
    parts = [HEAD]
    kinds = (
        ("Given gradients", optim.Optimizer),
        ("Given the loss itself", optim.Minimizer),
    )
    for title, base in kinds:
        parts.append(f"## {title}\n")
        found = [each for each in optim.ALGORITHMS.values() if issubclass(each, base)]
        parts += [algorithm(each) for each in found]
    parts.append("## Linear conjugate gradients\n")
    parts.append("They find the direction of `TruncatedNewton` and `HessianFree`.\n")
    parts.append(algorithm(LinearCG, LOOP))
    return re.sub("(?<!`)``(?!`)", "`", "\n".join(parts))


def algorithm(cls: type[Any], names: Sequence[str] = LINES) -> str:
    """One algorithm: its first sentence, formula, code and source.

    Arguments:
        cls: its class.
        names: the functions that are shown, of those that it has.
    """
    paragraphs = re.split(r"\n\n(?=\S)", inspect.getdoc(cls) or "")
    formula, *more = formula_of(paragraphs)
    source = next((each for each in paragraphs if each.startswith("Source:")), "")
    lines = [f"### {cls.__name__}\n", paragraphs[0] + "\n", fenced(formula)]
    lines += [f"{each}\n" for each in more]
    own = [getattr(cls, name) for name in names if name in vars(cls)]
    if own:
        own += [
            each
            for name, each in inspect.getmembers(inspect.getmodule(cls))
            if inspect.isfunction(each)
            and each.__module__ == cls.__module__
            and not name.startswith(BESIDE)
        ]
        code = "\n\n\n".join(code_of(each) for each in own)
        lines.append(f"```py\n{code}\n```\n")
    else:
        lines.append(f"The code is that of `{cls.__mro__[1].__name__}`.\n")
    return "\n".join([*lines, f"{source}\n"])


def formula_of(paragraphs: Sequence[str]) -> list[str]:
    """The paragraph with the formula, and those that go on in its middle."""
    place = next(i for i, each in enumerate(paragraphs) if each.startswith("Formula"))
    found = [paragraphs[place]]
    for each in paragraphs[place + 1 :]:
        open_end = found[-1].endswith((" and", ",", ":"))
        if not open_end and not each[0].islower():
            break
        found.append(each)
    return found


def fenced(text: str) -> str:
    """A formula: prose, and the indented lines after ``::`` as a block."""
    prose, _, block = text.partition("::\n\n")
    if not block:
        return f"{prose}\n"
    return f"{prose}:\n\n```text\n{textwrap.dedent(block)}\n```\n"


def code_of(function: Any) -> str:
    """The source of a function, without its docstring."""
    text = textwrap.dedent(inspect.getsource(function))
    body = ast.parse(text).body[0]
    assert isinstance(body, ast.FunctionDef)
    lines = text.splitlines()
    if ast.get_docstring(body) is not None:
        first = body.body[0]
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)
