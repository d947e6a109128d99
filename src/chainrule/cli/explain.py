"""``chainrule explain``: every value and every gradient of a trained network, and what
its training step is compiled to.

Place on the road: a command.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
import numpy as np

import chainrule as cr

from .. import pictures
from ..compiler.registry import ENGINES
from ..errors import ArgumentError
from ..explain.explanation import Explanation
from ..optim import Minimizer
from ..runs import first_layer, network, sources
from ..runs.folder import RunFolder
from ..runs.saved_run import SavedRun
from ..runs.settings import Settings
from ..training.evaluation import chosen_metrics
from ..training.examples import (
    LabelCheck,
    training_and_validation,
)
from ..training.minimizing import MinimizingStep
from ..training.objective import objective_of
from ..training.step import training_step
from ..wording import counted
from .application import Command
from .arguments import Name, Whole
from .terminal import Terminal, columns

EXAMPLES = """
Examples:
  chainrule explain runs/digits-20260131-120000
      z, a, δ, ∇W and ∇b of every layer, for the first test example
  chainrule explain runs/digits-20260131-120000 --row 7
      for another one
  chainrule explain latest --out inside.html
      a page to step through the graph, forward and backward, node by node
  chainrule explain latest --through-time --out rnn.html
      a recurrent network, step by step in time
  chainrule explain runs/houses-20260131-120000 --importance
      which columns of the table its predictions rest on
  chainrule explain latest --compiled
      what a step of its training is compiled to: passes, kernels, bytes, speed
"""


@click.command("explain", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.option(
    "--row", type=Whole(0), default=0, show_default=True, help="Which test example."
)
@click.option(
    "--out",
    metavar="FILE",
    help="Write a page (.html), a drawing (.svg), .txt; or, of a network for images, "
    "the activations of its first layer (.png).",
)
@click.option(
    "--importance",
    is_flag=True,
    help="Show which columns of the table the predictions rest on.",
)
@click.option(
    "--through-time",
    is_flag=True,
    help="Unroll a recurrent network: predictions, errors and gradients of each step.",
)
@click.option("--graph", is_flag=True, help="Print the graph, node by node.")
@click.option(
    "--compiled", is_flag=True, help="Show what a training step is compiled to."
)
@click.option(
    "--engine",
    type=Name(tuple(ENGINES)),
    help="With --compiled: for which engine.  [default: the run's]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: str,
    row: int,
    out: str | None,
    importance: bool,
    through_time: bool,
    graph: bool,
    compiled: bool,
    engine: str | None,
    as_json: bool,
) -> None:
    """Open up the network of a RUN on one of its test examples.

    The example goes forward through the network, the error backward: each layer's sum
    z, activation a and error δ, and the gradients ∇W and ∇b.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    settings.require_targets("explain")
    asked = {"--compiled": compiled, "--importance": importance, "--graph": graph}
    given = [option for option, wanted in asked.items() if wanted]
    if out is not None and given:
        given.append("--out")
    if through_time:
        given.append("--through-time")
    if len(given) > 1:
        raise ArgumentError(f"{given[0]} beside {given[1]}: one at a time")
    if importance:
        _show_importance(SavedRun(folder, settings), terminal)
        return
    if compiled:
        _show_compiled(folder, settings, engine, terminal)
        return
    saved = SavedRun(folder, settings)
    test = saved.examples.test
    if row >= len(test):
        raise ArgumentError(
            f"--row {row}: the test data have the rows 0 to {len(test) - 1}"
        )
    model, network = saved.model, saved.explain(row)
    opened = network.through_time() if through_time else network
    sentence = opened.title
    if out is not None and out.lower().endswith(".png"):
        _draw(model, test, row, out)
        terminal.result(sentence, f"written to {out}")
    elif out is not None:
        opened.save(out)
        terminal.result(sentence, f"written to {out}")
    elif graph:
        terminal.result(sentence, "", Explanation.text(network, None))
    else:
        terminal.result(sentence, "", opened.text())
    terminal.finish(
        {"run": str(folder), "row": row, "sentence": sentence, "text": opened.text()}
    )


def _draw(model: Any, test: Any, row: int, out: str) -> None:
    """The activations of the first layer for one example, as a picture."""
    layer = first_layer.find(model)
    if layer is None or test.image_shape is None:
        raise ArgumentError(
            f"--out {out}: the network has no convolution whose activations could be "
            "drawn",
            fix="a name that ends in .html, .svg or .txt",
        )
    with pictures.windowless():
        figure = first_layer.activations(layer, test, row)
        pictures.save(figure, out)


def _show_importance(saved: SavedRun, terminal: Terminal) -> None:
    """Which columns the predictions rest on."""
    found = saved.importance()
    terminal.result(
        f"{saved.path}: {found.sentence()}", "", *columns(found.table(), indent="")
    )
    terminal.finish({"run": str(saved.path), **asdict(found)})


def _show_compiled(
    folder: RunFolder, settings: Settings, engine: str | None, terminal: Terminal
) -> None:
    """How a training step of the run is compiled, and how long it takes."""
    words = settings.training
    examples = sources.of_run(settings).train
    model: Any = cr.load(folder.model)
    train, _ = training_and_validation(examples, None, model, words.seed)
    steps = cr.data.num_batches(len(examples), words.batch_size)
    loss = network.loss_of(settings)
    objective = objective_of(model, loss, train.kind, train.has_weights)
    optimizer = network.make_optimizer(model, words, steps)
    minimizes = isinstance(optimizer, Minimizer)
    make: Any = MinimizingStep if minimizes else training_step
    step = make(
        model,
        objective,
        chosen_metrics(None, objective),
        optimizer,
        LabelCheck(train, objective),
        engine or words.engine,
    )
    inputs, targets = examples[: words.batch_size]
    explained = step.explain(np.asarray(inputs), np.asarray(targets), measure=True)
    what = "an evaluation of loss and gradient" if minimizes else "a training step"
    sentence = f"{what} of {folder}, {counted(len(inputs), 'example')}"
    terminal.result(sentence, "", str(explained))
    terminal.finish({"run": str(folder), "sentence": sentence, **explained.to_json()})
