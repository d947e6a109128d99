"""The options that commands which train have in common.

Place on the road: below the commands, above ``arguments``. It must not know what a
command does with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .. import optim
from ..compiler.registry import ENGINES
from ..data.tables.dates import ORDERS
from ..models.seq2seq import ATTENTIONS
from ..runs import network
from ..runs.feature_models import MODELS
from ..runs.tasks.names import TASKS
from .arguments import Columns, Name, Number, Whole

Decorator = Callable[[Any], Any]


def _names_of_losses() -> list[str]:
    every = [*network.LOSSES.values(), *(each.losses for each in MODELS.values())]
    return sorted({name for names in every for name in names})


def _all(*options: Decorator) -> Decorator:
    """Several options as one decorator, in their order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


#: Which columns of a table are used and how they are read; what is tested on.
about_data = _all(
    click.option(
        "--target", metavar="COLUMN", help="The column of a table to predict."
    ),
    click.option(
        "--task",
        type=Name((*network.LOSSES, *TASKS)),
        help="The task: classification or regression of a column, or one of "
        f"{', '.join(TASKS)}.  [default: recognised from the data]",
    ),
    click.option(
        "--drop",
        type=Columns(),
        metavar="COLUMNS",
        help="Columns to leave out: id,name.",
    ),
    click.option(
        "--keep",
        type=Columns(),
        metavar="COLUMNS",
        help="Columns to use although they look like identifiers.",
    ),
    click.option(
        "--categorical",
        type=Columns(),
        metavar="COLUMNS",
        help="Columns of numbers that are categories, such as postcodes.",
    ),
    click.option(
        "--dates",
        type=Name(ORDERS),
        help="The order of day, month and year, where a column leaves it open.",
    ),
    click.option(
        "--decimal",
        type=Name((".", ",")),
        help="The sign before decimals, where a column leaves it open: 1,234.",
    ),
    click.option(
        "--groups",
        metavar="COLUMN",
        help="A column whose rows of one value stay together, in training or in "
        "testing: the patient, the house, the day.",
    ),
    click.option(
        "--test",
        type=Number(0, 1, above=True, below=True),
        help="The fraction of the rows or images held out as test data.  "
        "[default: 0.2]",
    ),
)

#: How a network learns, whatever its size.
about_training = _all(
    click.option(
        "--activation", type=Name(tuple(network.ACTIVATIONS)), help="[default: relu]"
    ),
    click.option(
        "--loss", type=Name(_names_of_losses), help="[default: depends on the task]"
    ),
    click.option(
        "--optimizer", type=Name(tuple(optim.ALGORITHMS)), help="[default: adam]"
    ),
    click.option(
        "--schedule",
        type=Name(network.SCHEDULES),
        help="How the learning rate changes.  [default: one_cycle]",
    ),
    click.option("--epochs", type=Whole(1), help="[default: depends on the data]"),
    click.option("--batch-size", type=Whole(1), help="[default: depends on the data]"),
    click.option("--seed", type=Whole(0, 2**63 - 1), help="[default: 0]"),
    click.option(
        "--engine",
        type=Name(tuple(ENGINES)),
        help="The engine that runs the training steps.",
    ),
)

#: How a text is cut, for the tasks on texts.
about_text = _all(
    click.option(
        "--text",
        metavar="COLUMN",
        help="The column of a table that holds texts, from which alone the class in "
        "--target is told.",
    ),
    click.option(
        "--tokens",
        type=Name(("characters", "bytes", "words", "bpe")),
        help="What a text is cut into; bpe: byte pairs.  [default: characters]",
    ),
    click.option(
        "--vocabulary",
        type=Whole(2, 1_000_000),
        metavar="N",
        help="How many words or byte pairs there are.  [default: 10000 words, 1024 "
        "byte pairs]",
    ),
    click.option(
        "--length",
        type=Whole(1, 65536),
        metavar="TOKENS",
        help="How many tokens a network reads in a step, and a gpt looks back on.  "
        "[default: 64; gpt 128]",
    ),
)

#: How a recurrent network that translates looks back at its source.
about_attention = click.option(
    "--attention",
    type=Name(ATTENTIONS),
    help="How a gru or lstm that translates looks back at the source: as Bahdanau's, "
    "or by Luong's dot or general.  [default: bahdanau]",
)

#: What of a table is a time series, for the task of forecasting.
about_series = _all(
    click.option(
        "--horizon",
        type=Whole(1, 100_000),
        metavar="STEPS",
        help="How many steps ahead are forecast.",
    ),
    click.option("--time", metavar="COLUMN", help="The column of the times."),
    click.option(
        "--series",
        metavar="COLUMN",
        help="A column that tells several series apart: the shop, the product.",
    ),
    click.option(
        "--season",
        type=Whole(1, 100_000),
        metavar="STEPS",
        help="How many steps a season has; 1 for none.  [default: that of the "
        "frequency, 12 for months, if the data show it]",
    ),
    click.option(
        "--lags",
        type=Whole(1, 100_000),
        metavar="STEPS",
        help="How many steps of the past a network reads.  [default: two seasons, or "
        "three horizons]",
    ),
    click.option(
        "--covariates",
        type=Columns(),
        metavar="COLUMNS",
        help="Columns that help to forecast, known as far as the target is.",
    ),
    click.option(
        "--known",
        type=Columns(),
        metavar="COLUMNS",
        help="Columns that are known ahead, in rows with an empty target: holidays.",
    ),
    click.option(
        "--output",
        type=Name(("quantiles", "gaussian")),
        help="What is forecast of a step: quantiles, or mean and deviation.  "
        "[default: quantiles]",
    ),
)

#: What a network is measured beside.
about_baselines = click.option(
    "--baselines",
    is_flag=True,
    help="Measure k nearest neighbours, gradient boosting and a support vector machine "
    "on the same data too.",
)

#: What answers hold, and where they go.
about_answers = _all(
    click.option(
        "--keep",
        type=Columns(),
        metavar="COLUMNS",
        help="Columns of DATA to carry into the output: id,name.  "
        "[default: the number of the row]",
    ),
    click.option("--out", metavar="FILE", help="Write the table to a file."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)

#: Of which run and which rows something is asked, and where the answers go.
about_rows = _all(click.argument("run"), click.argument("data"), about_answers)

#: What is printed.
about_output = _all(
    click.option("--quiet", is_flag=True, help="Print the result only."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)
