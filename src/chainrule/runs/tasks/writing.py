"""``--task writing``: a network that writes with a pen.

Place on the road: a task. Its file or folder holds drawings, InkML, UNIPEN or a stroke
table; where all have labels, it learns to write texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import data, models, pictures
from ...errors import DataError
from ...wording import spaced
from ..memoryless_pens import MemorylessPen
from ..settings import Network, Settings, Source, Training
from .drawings import PEN_FILES, Drawings, checksum_of, labels_of, lesson_of, parts_of
from .task import Corpus, Task, TaskRun, epochs_within, sizes_refused, trained

#: Steps of a whole training, about, and epochs at least and at most.
STEPS, EPOCHS = 4000, (5, 100)

#: Single characters are put into lines of so many.
LINE = (2, 6)

#: Components of a mixture without memory that the network is measured beside.
COMPONENTS = 20

#: Drawings of a picture, how clean they are, and points of each at most.
SHOWN, BIAS, MOST = 12, 0.5, 1500


class Writing(Task):
    """Learns to write, or to draw, as the pens of a file did."""

    name = "writing"
    what = "writes with a pen"
    score = ("loss", True)
    networks = ("lstm",)
    reads_folders = reads_both = True
    learns_from, files = "drawings", PEN_FILES
    example = "ink/"

    def checksum(self, path: Path) -> str:
        """Of a file, or of all pen files in a folder."""
        return checksum_of(path)

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The drawings, in parts by their writers; single characters in lines."""
        path = Path(str(source.file or source.folder))
        given = [each for each in data.read_drawings(path) if len(each) > 1]
        parts, note = parts_of(given, path.name, source.test, asked)
        texts = all(each.label for each in given)
        notes = [note]
        if texts and all(len(str(each.label)) == 1 for each in given):
            seed = asked.get("seed", 0)
            parts = [
                data.random_lines(part, len(part), length=LINE, seed=seed)
                if part
                else []
                for part in parts
            ]
            notes.append(
                f"single characters: put into lines of {LINE[0]} to {LINE[1]}, each by "
                "one writer"
            )
        train, validation, test = parts
        if texts:
            train, validation, test = _only_known(train, validation, test)
        kind = "with texts" if texts else "without texts: sketches"
        return Corpus(
            path.name,
            f"{spaced(len(given))} drawings, "
            f"{spaced(sum(map(len, given)))} points, {kind}",
            train,
            validation or None,
            test,
            tuple(each for each in notes if each),
            {"texts": texts},
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the number of drawings."""
        count = len(corpus.train)
        hidden = asked.get("hidden") or (128,) * 2
        if len(set(hidden)) != 1:
            raise sizes_refused(hidden, "all layers have one size", len(hidden))
        if corpus.made["texts"] and len(hidden) == 1:
            why = "texts take two layers or more, the first moves along them"
            raise sizes_refused(hidden, why, 2)
        rows = asked.get("batch_size", max(1, min(32, count // 10)))
        words = trained(
            asked,
            epochs=epochs_within(EPOCHS, STEPS / -(-count // rows)),
            batch_size=rows,
            lr=3e-3,
            patience=10,
        )
        outputs = models.BivariateMixture(COMPONENTS).num_outputs() + 2
        net = Network(3, outputs, tuple(hidden), activation="tanh", model="lstm")
        return net, words, {}

    def build(self, settings: Settings, corpus: Corpus) -> models.PenWriter:
        """A writer for the scale and characters of the training drawings."""
        words = settings.network
        return models.PenWriter.of(
            corpus.train,
            texts=corpus.made["texts"],
            hidden_size=words.hidden[0],
            num_layers=len(words.hidden),
            components=COMPONENTS,
        )

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """Where the pen goes next."""
        return lesson_of(run.model, models.PenWriting(run.model), run.corpus)

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """Nats a point."""
        score = model.score(part)
        return {"loss": score.loss, "points": score.points}

    def part_of(self, path: Path, model: Any, settings: Settings) -> Drawings:
        """All drawings of another file or folder."""
        return [each for each in data.read_drawings(path) if len(each) > 1]

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``0.512 nats a point``"""
        return f"{measured['loss']:.3f} nats a point".replace("-", "−")

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """Pens that know nothing of what they did before."""
        train, test = (
            run.model.rows(each) for each in (run.corpus.train, run.corpus.test)
        )
        points = sum(len(each) - 1 for each in test)
        named = {"one normal distribution": 1,
                 f"a mixture of {COMPONENTS} without memory": COMPONENTS}  # fmt: skip
        return {
            name: {"loss": MemorylessPen(train, count).nats(test), "points": points}
            for name, count in named.items()
        }

    def draw(self, run: TaskRun) -> list[str]:
        """A picture and a page of what the network writes."""
        writer = run.model
        what: Any = SHOWN
        if writer.characters:
            what = labels_of(run.corpus.test[:SHOWN])
        made = writer.write(what, bias=BIAS, most=MOST, seed=run.settings.training.seed)
        path = run.folder.path
        (path / "samples.svg").write_text(pictures.pen_svg(made), encoding="utf-8")
        page = pictures.pen_page(made, f"Written by {run.folder.path.name}")
        (path / "samples.html").write_text(page, encoding="utf-8")
        return ["samples.svg", "samples.html"]

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Writing, and measuring."""
        folder = str(run.folder)
        writes: tuple[str, tuple[str, ...]] = ("draw", ("sample", folder))
        if run.model.characters:
            text = labels_of(run.corpus.test)[0]
            writes = ("write a text", ("generate", folder, "--prompt", text))
        return [writes, ("other drawings", ("evaluate", folder, "other.inkml"))]


TASK = Writing()


def _only_known(*parts: Drawings) -> list[Drawings]:
    """Parts without drawings whose characters are none of the first part's."""
    known = {character for each in parts[0] for character in str(each.label)}
    kept = [[e for e in part if set(str(e.label)) <= known] for part in parts]
    if not kept[-1]:
        raise DataError(
            "--task writing: no test drawing has a text of characters that those of "
            f"training have: {''.join(sorted(known))[:60]}",
            fix="more drawings, or a larger part in --test",
        )
    return kept
