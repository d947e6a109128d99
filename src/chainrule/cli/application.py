"""The group of commands, the form of error messages, and the exit codes.

Place on the road: what ``main`` calls. Commands are imported when they are run. It must
not know what any command does.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .. import __version__
from ..config import config
from ..errors import ChainruleError, nearest
from .arguments import as_options

#: The commands, in the order in which users need them.
COMMANDS = {
    "train": "Train a network on digits, a named data set or your table.",
    "tune": "Choose a network by cross-validation, and train it.",
    "predict": "Predict the rows of a table with a trained network.",
    "encode": "Write the codes of new data, by the features that a run learned.",
    "generate": "Write a text with a language model, as it is written.",
    "nearest": "Say which words are nearest to a word, by vectors of a run or a file.",
    "sample": "Draw new examples from the distribution that a run learned.",
    "evaluate": "Evaluate a trained network on its test data, or on other data.",
    "runs": "List the runs there are, and compare them.",
    "explain": "Show every value and every gradient of a trained network.",
    "experiment": "Run a published result again, or list those there are.",
    "data": "List the data sets that can be trained on by name.",
    "doctor": "Check the installation: versions, processor, engines, folders.",
}

WRONG_USE, BUG, INTERRUPTED = 2, 1, 130

REPORT = "this is a bug of chainrule, please report it"


class Interrupted(Exception):
    """Ctrl-C during training, after everything was kept; its text says how to go on."""


class Command(click.Command):
    """A command whose help ends with examples, kept as they are written."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(debug_option())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, not wrapped."""
        _write_epilog(self.epilog, formatter)


class Application(click.Group):
    """The group: commands by name, errors as one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command, imported now."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"chainrule.cli.{name}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command meant, or an error with the nearest name."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            close = nearest(args[0], COMMANDS)
            hint = f"did you mean {close!r}?" if close else ", ".join(COMMANDS)
            raise click.UsageError(f"no command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """One line a command, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, not wrapped."""
        _write_epilog(self.epilog, formatter)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line, and leave with its exit code.

        Arguments:
            args: the words after the program's name; those of this process if None.
            prog_name: the program's name in help and messages.
            standalone_mode: False raises errors, and returns.
        """
        words = list(sys.argv[1:] if args is None else args)
        prog_name = prog_name or "chainrule"
        if not standalone_mode:
            return super().main(words, prog_name, standalone_mode=False, **extra)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # signs that a terminal lacks
        try:
            code = super().main(words, prog_name, standalone_mode=False, **extra)
            sys.stdout.flush()
        except Exception as error:  # noqa: BLE001 - every end of a command is told here
            _leave(error, debug="--debug" in words or config.debug)
        except KeyboardInterrupt:
            _say("stopped.")
            sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


def _leave(error: Exception, debug: bool) -> NoReturn:
    """Prints what went wrong, and exits with the matching code."""
    if isinstance(error, BrokenPipeError):
        # nobody reads on: quiet, also when Python closes its output at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    if isinstance(error, (Interrupted, click.Abort)):
        _say(str(error) or "stopped.")
        sys.exit(INTERRUPTED)
    if isinstance(error, click.exceptions.Exit):
        sys.exit(error.exit_code)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        sys.exit(0)
    if debug and not isinstance(error, click.ClickException):
        traceback.print_exception(error)
    elif isinstance(error, ChainruleError):
        _say(_message(error))
    elif isinstance(error, click.ClickException):
        _say(_usage_message(error))
    else:
        what = " ".join(str(error).split())[:300]
        _say(
            f"{type(error).__name__}: {what}: {REPORT}\n"
            "  fix        run the command again with --debug, "
            "and send what it prints"
        )
    known = isinstance(error, (ChainruleError, click.ClickException))
    sys.exit(WRONG_USE if known else BUG)


def _message(error: ChainruleError) -> str:
    """An error as the user of a command needs it: without a line of Python."""
    lines = [f"{type(error).__name__}: {error.what}"]
    if error.layer:
        lines.append(f"  in layer   {error.layer}")
    if error.fix:
        lines.append(f"  fix        {error.fix}")
    return as_options("\n".join(lines))


def _usage_message(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "chainrule"
    sentence = " ".join(error.format_message().split())
    return f"{path}: {sentence}\n  help       {path} --help"


def _say(text: str) -> None:
    click.echo(text, err=True)


def _write_epilog(epilog: str | None, formatter: click.HelpFormatter) -> None:
    if not epilog:
        return
    formatter.write_paragraph()
    for line in epilog.strip("\n").splitlines():
        formatter.write(line + "\n")


def debug_option() -> click.Option:
    """``--debug``, which every command takes; ``Application.main`` acts on it."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        help="Show Python's traceback where something fails.",
    )


EXAMPLES = """
Examples:
  chainrule train                                 train on handwritten digits
  chainrule train houses.csv --target price       train on your own table
  chainrule tune houses.csv --target price        choose its size by cross-validation
  chainrule predict runs/houses-… new.csv         predict new rows
  chainrule explain runs/digits-…                 look inside

Each command says more with --help.
"""

application = Application(
    "chainrule",
    help="Neural networks as computational graphs: train, predict, look inside.",
    epilog=EXAMPLES,
    params=[debug_option()],
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
click.version_option(__version__, prog_name="chainrule")(application)
