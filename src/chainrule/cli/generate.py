"""``chainrule generate``: a text of a network's own: of a language model while it is
written, of a pen as a picture.

Place on the road: a command.
"""

from __future__ import annotations

from typing import Any

import click

import chainrule as cr

from ..errors import ArgumentError
from ..random_numbers import Generator
from ..runs.folder import RunFolder
from . import pens
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
  chainrule generate runs/digits-20260131-120000 --prompt 2718 --bias 1 --out e.svg
      in handwriting, by a network that learned to write; .html shows the pen
"""

#: Options for texts of a language model, and for those of a pen.
FOR_TOKENS, FOR_PENS = ("temperature", "top_k", "top_p"), ("bias", "prime", "out")
#: What is written unless it is said: tokens, points of a pen, and how.
TOKENS, POINTS, TEMPERATURE, BIAS = 500, 2000, 0.8, 0.5


@click.command("generate", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.option("--prompt", default="", help="What the text begins with.")
@click.option(
    "--length",
    type=Whole(1, 10_000_000),
    metavar="TOKENS",
    help="How many tokens are written, or points of a pen at most.  "
    f"[default: {TOKENS}; of a pen {POINTS}]",
)
@click.option(
    "--temperature",
    type=Number(0),
    help="Below 1 the likely becomes likelier; 0 takes the likeliest.  "
    f"[default: {TEMPERATURE}]",
)
@click.option("--top-k", type=Whole(1), help="Draw from the k most probable tokens.")
@click.option(
    "--top-p",
    type=Number(0, 1, above=True),
    help="Draw from the fewest tokens that have this probability together.",
)
@click.option(
    "--bias",
    type=Number(0),
    help="Of a pen: 0 writes as people do, more is cleaner and more alike.  "
    f"[default: {BIAS}]",
)
@click.option(
    "--prime",
    metavar="FILE",
    help="Of a pen: a pen file whose first drawing it writes on from, in that hand.",
)
@click.option(
    "--out",
    metavar="FILE",
    help="Of a pen: the picture, .svg, or a page on which it is written, .html.  "
    "[default: samples.svg in the run's folder]",
)
@click.option(
    "--n", type=Whole(1, 1000), default=1, show_default=True, help="How many texts."
)
@click.option("--seed", type=Whole(0, 2**63 - 1), help="[default: another every time]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: str, prompt: str, length: int | None, n: int, as_json: bool, **sampling: Any
) -> None:
    """Write a text with the language model, or with the pen, of a RUN.

    RUN was trained with --task language: the text goes on from the prompt, token by
    token, and is printed as it is written. Or with --task writing, on drawings with
    texts: the prompt is what is written, as a picture.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    by_pen = settings.task == "writing"
    if not by_pen:
        settings.require_task("generate", "language", "writes no text")
    _check_options(sampling, FOR_TOKENS if by_pen else FOR_PENS, settings.task)
    model: Any = cr.load(folder.model)
    if folder.unfinished:
        click.echo(f"warning: {folder.unfinished}", err=True)
    if by_pen:
        _write_by_pen(folder, model, prompt, n, length, sampling, terminal)
        return
    for option in FOR_PENS:
        del sampling[option]
    length = TOKENS if length is None else length
    if sampling["temperature"] is None:
        sampling["temperature"] = TEMPERATURE
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


def _check_options(given: dict[str, Any], others: tuple[str, ...], task: str) -> None:
    """An error for options that the run has no use for."""
    for option in others:
        if given[option] is not None:
            word = f"--{option.replace('_', '-')}"
            raise ArgumentError(
                f"{word}: the run was trained with --task {task}, which has no use for "
                "it",
                fix=f"leave {word} out",
            )


def _write_by_pen(
    folder: RunFolder,
    model: Any,
    prompt: str,
    n: int,
    length: int | None,
    given: dict[str, Any],
    terminal: Terminal,
) -> None:
    """The prompt in handwriting.

    Raises:
        ArgumentError: no prompt; a run that learned sketches, without texts.
    """
    if not model.characters:
        raise ArgumentError(
            "generate: the run learned sketches, which have no texts",
            fix=f"chainrule sample {folder}",
        )
    if not prompt:
        raise ArgumentError(
            "generate: what is to be written?", fix=f"--prompt {model.characters[:4]}"
        )
    how = {
        "bias": BIAS if given["bias"] is None else given["bias"],
        "seed": Generator(None).integers(0, 2**31).item()
        if given["seed"] is None
        else given["seed"],
        "most": POINTS if length is None else length,
        "prime": given["prime"],
    }
    pens.write(folder, model, [prompt] * n, how, given["out"], terminal)
