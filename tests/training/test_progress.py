"""Progress: a bar for people, lines for logs, nothing when nothing is wanted."""

from __future__ import annotations

import io
import math
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from chainrule import nn
from chainrule.errors import OptionError
from chainrule.training import fit, progress
from chainrule.training.callbacks import TimeLimit
from chainrule.training.formats import shown
from chainrule.training.progress import Progress, choose_renderer, clock, columns_text
from tests.training.conftest import Points

Build = Callable[..., nn.Module]


class Terminal(io.StringIO):
    """A stream that says that a person is watching."""

    def isatty(self) -> bool:
        return True


def run(
    model: nn.Module, points: Points, shown: Progress, epochs: int = 3, **more: Any
) -> Any:
    callbacks = [shown, *more.pop("callbacks", [])]
    return fit(
        model, points, epochs=epochs, callbacks=callbacks, progress=False, **more
    )


def test_a_log_gets_one_line_an_epoch(points: Points, network: Build) -> None:
    stream = io.StringIO()
    history = run(network(), points, Progress(stream=stream), validation=0.2)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"epoch 1/3  loss {history['loss'][0]:.4f}  accuracy ")
    assert "validation_loss" in lines[0] and lines[0].endswith(" s")
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()


def test_a_log_of_thousands_of_epochs_stays_short(
    points: Points, network: Build
) -> None:
    stream = io.StringIO()
    run(network(), points, Progress("plain", stream), epochs=1000, batch_size=90)
    assert 100 <= len(stream.getvalue().splitlines()) <= 102


def test_fit_writes_to_the_error_stream_and_is_quiet_on_request(
    points: Points, network: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(network(), points, epochs=2)
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 2
    for quiet in (False, "none"):
        fit(network(), points, epochs=2, progress=quiet)
        captured = capsys.readouterr()
        assert captured.out == captured.err == ""


def test_why_a_run_stopped_is_said(points: Points, network: Build) -> None:
    stream = io.StringIO()
    run(network(), points, Progress("plain", stream), epochs=10**6,
        callbacks=[TimeLimit(0.02)])  # fmt: skip
    assert stream.getvalue().splitlines()[-1] == "stopped: time limit: 0.02 s"


def test_a_terminal_gets_a_bar_that_goes_away(
    points: Points, network: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "150")
    stream = Terminal()
    run(network(), points, Progress(stream=stream), batch_size=10)
    written = stream.getvalue()
    assert "━" in written and "examples/s" in written and "left" in written
    assert ("\x1b[?25l" in written and written.rstrip().endswith("\x1b[?25h")) or (
        written.index("\x1b[?25h") > written.index("\x1b[?25l")
    )
    assert written.count("epoch 3/3  loss") == 1  # the line that stays


def test_an_error_takes_the_bar_away(
    points: Points, network: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()

    class Failing:
        def on_epoch_end(self, run: Any) -> None:
            raise LookupError("mine")

    with pytest.raises(LookupError):
        run(network(), points, Progress(stream=stream), callbacks=[Failing()])
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is shown again


def test_a_notebook_gets_one_output_that_is_replaced(
    points: Points, network: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[str] = []
    handle = types.SimpleNamespace(update=updates.append)
    displayed: list[str] = []

    def display(html: str, display_id: bool) -> Any:
        displayed.append(html)
        return handle

    shell = types.SimpleNamespace(kernel=object())
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    module = types.ModuleType("IPython.display")
    module.HTML, module.display = str, display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    run(network(), points, Progress(stream=io.StringIO()), batch_size=10)
    assert len(displayed) == 1
    assert any("<progress" in text for text in updates)
    assert "<progress" not in updates[-1] and updates[-1].count("epoch ") == 3


def test_the_style_is_chosen_or_named() -> None:
    assert type(choose_renderer(None, io.StringIO())).__name__ == "PlainRenderer"
    assert type(choose_renderer("auto", Terminal())).__name__ == "TerminalRenderer"
    assert choose_renderer(False, Terminal()) is None
    with pytest.raises(OptionError, match="did you mean 'terminal'"):
        choose_renderer("terminl", Terminal())


def test_rich_is_not_imported_before_it_is_used() -> None:
    import subprocess

    code = "import sys, chainrule.training; assert 'rich' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (61, "1:01"), (7325, "2:02:05")]
)
def test_times_are_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_an_undefined_metric_is_not_shown_and_a_loss_that_is_nan_is() -> None:
    row = {"epoch": 1, "loss": math.nan, "validation_r2": math.nan, "accuracy": 0.5}
    assert columns_text(row) == "loss nan  accuracy 0.5000"
    assert shown(math.nan, "r2") == "–"
    assert shown(math.nan, "validation_loss") == "nan"
