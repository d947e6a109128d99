"""``chainrule nearest``: words by their vectors.

Place on the road: a command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import chainrule as cr

from .. import models
from ..errors import ArgumentError
from ..runs.folder import RunFolder
from .application import Command
from .arguments import Whole
from .terminal import Terminal

EXAMPLES = """
Examples:
  chainrule nearest latest river
      the ten words nearest to river, and their cosines
  chainrule nearest runs/book-20260131-120000 man king woman
      what is to woman as king is to man
  chainrule nearest vectors.bin river --n 3 --json
      of a file of word2vec, fastText or GloVe, for a program
"""


@click.command("nearest", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--n", type=Whole(1, 10_000), default=10, show_default=True, help="How many words."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(run: str, words: tuple[str, ...], n: int, as_json: bool) -> None:
    """Say which words are nearest to a word.

    RUN was trained with --task vectors, or is a file of vectors. Of three words, the
    answer is what is to the third as the second is to the first.
    """
    terminal = Terminal(json=as_json)
    if len(words) not in (1, 3):
        raise ArgumentError(
            f"nearest: {len(words)} words: expected one, or three of an analogy",
            fix="chainrule nearest RUN man king woman",
        )
    vectors = _vectors(run)
    if len(words) == 1:
        found = vectors.nearest(words[0], n)
    else:
        found = vectors.analogy(words[0], words[1], words[2], n)
    width = max((len(word) for word, _ in found), default=0)
    terminal.result(*(f"{word:{width}}  {cosine:.3f}" for word, cosine in found))
    answers = [{"word": word, "cosine": cosine} for word, cosine in found]
    terminal.finish({"run": run, "words": list(words), "nearest": answers})


def _vectors(run: str) -> models.WordVectors:
    """Those of a run, or of a file."""
    if Path(run).is_file():
        return models.WordVectors.load(run)
    folder = RunFolder.find(run)
    folder.read_settings().require_task("nearest", "vectors", "has no vectors of words")
    net: Any = cr.load(folder.model)
    return models.WordVectors.of(net)
