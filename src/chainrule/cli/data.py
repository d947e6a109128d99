"""``chainrule data``: the data sets that can be trained on by name.

Place on the road: a command.
"""

from __future__ import annotations

import click

from .application import Command
from .terminal import Terminal, columns

EXAMPLES = """
Examples:
  chainrule data                 list them
  chainrule data mnist           all that is known of one
  chainrule data --json          the same for a program
"""


@click.command("data", cls=Command, epilog=EXAMPLES)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(name: str | None, as_json: bool) -> None:
    """List the data sets that chainrule train takes by name.

    Those of scikit-learn need no download. Others are looked for in the folder
    $CHAINRULE_DATA, then in the cache, then downloaded and checked.
    """
    from ..data.named import catalogue
    from ..errors import OptionError, nearest

    terminal = Terminal(json=as_json)
    if name is not None and name not in catalogue.CATALOGUE:
        close = nearest(name, catalogue.CATALOGUE)
        raise OptionError(
            f"{name!r} is not a data set; chainrule data lists them",
            fix=f"did you mean {close!r}?" if close else None,
        )
    chosen = {k: e for k, e in catalogue.CATALOGUE.items() if name in (None, k)}
    if name is None:
        rows = [
            (key, entry.description, "included" if entry.read is None else "")
            for key, entry in chosen.items()
        ]
        terminal.result(*columns(rows, indent=""))
    else:
        entry = chosen[name]
        facts = [("source", entry.source), ("licence", entry.licence)]
        facts += [("published", result) for result in entry.published]
        facts.append(("train", f"chainrule train {name}"))
        terminal.result(f"{name}: {entry.description}", *columns(facts))
    terminal.finish(
        {
            key: {
                "description": entry.description,
                "source": entry.source,
                "licence": entry.licence,
                "published": entry.published,
                "included": entry.read is None,
            }
            for key, entry in chosen.items()
        }
    )
