"""``chainrule generate``: a text of a language model's own, while it is written.

Place on the road: a command.
"""

from __future__ import annotations

from typing import Any

import click

import chainrule as cr

from ..random_numbers import Generator
from ..runs.folder import RunFolder
from .application import Command
from .arguments import Number, Whole
from .terminal import Terminal

EXAMPLES = """
Examples:
  chainrule generate runs/book-20260131-120000 --prompt "It was"
      500 tokens that go on from there, as they are written
  chainrule generate latest --temperature 0.7 --top-k 20 --seed 3
      more careful, and another text
  chainrule generate latest --temperature 0 --length 100
      the likeliest token every time
  chainrule generate latest --prompt "It was" --n 3 --json
      three texts, for a program
"""


@click.command("generate", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.option("--prompt", default="", help="What the text begins with.")
@click.option(
    "--length",
    type=Whole(1, 10_000_000),
    default=500,
    show_default=True,
    metavar="TOKENS",
    help="How many tokens are written.",
)
@click.option(
    "--temperature",
    type=Number(0),
    default=0.8,
    show_default=True,
    help="Below 1 the likely becomes likelier; 0 takes the likeliest.",
)
@click.option("--top-k", type=Whole(1), help="Draw from the k most probable tokens.")
@click.option(
    "--top-p",
    type=Number(0, 1, above=True),
    help="Draw from the fewest tokens that have this probability together.",
)
@click.option(
    "--n", type=Whole(1, 1000), default=1, show_default=True, help="How many texts."
)
@click.option("--seed", type=Whole(0, 2**63 - 1), help="[default: another every time]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: str, prompt: str, length: int, n: int, as_json: bool, **sampling: Any
) -> None:
    """Write a text with the language model of a RUN.

    RUN was trained with --task language. The text goes on from the prompt, token by
    token, and is printed as it is written.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    folder.read_settings().require_task("generate", "language", "writes no text")
    model: Any = cr.load(folder.model)
    if folder.unfinished:
        click.echo(f"warning: {folder.unfinished}", err=True)
    sampling["generator"] = Generator(sampling.pop("seed"))
    if as_json or n > 1:
        texts = model.generate([prompt] * n, length, **sampling)
        terminal.result("\n---\n".join(prompt + text for text in texts))
        terminal.finish({"run": str(folder), "prompt": prompt, "texts": texts})
        return
    pieces = model.stream(prompt, length, **sampling)
    click.echo(prompt, nl=False)
    for piece in pieces:
        click.echo(piece, nl=False)
    click.echo()
