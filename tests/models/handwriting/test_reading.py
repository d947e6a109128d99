"""Reading pens: what the network sees, what it learns, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, optim
from chainrule.data.strokes.drawing import Drawing
from chainrule.errors import ArgumentError, DataError


def scrawl(label: str, seed: int, writer: str = "Anna") -> Drawing:
    """A shape of one of three kinds, written with a shaking hand."""
    shapes = {
        "1": [[[0, 0], [0, 4], [0, 8]]],
        "-": [[[0, 4], [4, 4], [8, 4]]],
        "x": [[[0, 0], [4, 4], [8, 8]], [[8, 0], [0, 8]]],
    }
    source = np.random.default_rng(seed)
    strokes = [np.array(each) + source.normal(0, 0.4, (len(each), 2))
               for each in shapes[label]]  # fmt: skip
    return Drawing(strokes, label, writer)


SCRAWLS = [scrawl("1-x"[n % 3], n) for n in range(36)]


def trained(reader: models.PenReader, drawings: list[Drawing], epochs: int) -> None:
    cr.fit(
        models.PenReading(reader), reader.examples(drawings, buckets=1), epochs=epochs,
        optimizer=optim.Adam(lr=0.02), batch_size=12, progress=False,
    )  # fmt: skip


def test_classes_are_learned_whatever_the_place_and_size(tmp_path: Path) -> None:
    cr.manual_seed(0)
    reader = models.PenReader.of(SCRAWLS, hidden_size=8, num_layers=1)
    trained(reader, SCRAWLS, 25)
    new = [scrawl("1-x"[n % 3], 100 + n) for n in range(30)]
    elsewhere = [each.scaled(7).moved(-3000, 50) for each in new]
    labels = [each.label for each in new]
    assert reader.read(new) == reader.read(elsewhere) == labels
    p = reader.probabilities(new)
    assert p.shape == (30, 3) and np.allclose(p.sum(axis=1), 1)
    reader.save(tmp_path / "reader.safetensors")
    again = cr.load(tmp_path / "reader.safetensors")
    assert (again.probabilities(new) == p).all()


def test_digits_begun_at_the_other_end_are_read_where_such_were_learned() -> None:
    cr.manual_seed(0)
    straight = [each for each in SCRAWLS if each.label != "x"]
    turned = [Drawing([s[::-1] for s in each.strokes], each.label) for each in straight]
    reader = models.PenReader.of(straight, hidden_size=8, num_layers=1)
    trained(reader, data.redrawn(straight, seed=1), 20)
    assert reader.read(turned) == [each.label for each in turned]


def test_copies_that_are_read_beside_a_drawing_count_by_the_mean_of_ln_p() -> None:
    cr.manual_seed(0)
    reader = models.PenReader.of(SCRAWLS, hidden_size=4, num_layers=1)
    some, copies = SCRAWLS[:5], 3
    each = np.log(reader.probabilities(data.redrawn(some, copies)))
    mean = np.exp(each.reshape(1 + copies, 5, 3).mean(axis=0))
    expected = mean / mean.sum(axis=1, keepdims=True)
    found = reader.probabilities(some, copies=copies)
    np.testing.assert_allclose(found, expected, 1e-6)
    assert reader.read(some, copies=copies) == [
        reader.symbols[best] for best in found.argmax(axis=1)
    ]
    assert reader.probabilities([], copies=copies).shape == (0, 3)


def test_texts_are_learned_from_lines_without_times() -> None:
    cr.manual_seed(0)
    lines = data.random_lines(SCRAWLS, 120, length=(2, 3), seed=1)
    reader = models.PenReader.of(lines, spells=True, hidden_size=16, num_layers=1)
    trained(reader, lines, 20)
    new = data.random_lines([scrawl("1-x"[n % 3], 200 + n) for n in range(30)], 40,
                            length=(2, 3), seed=2)  # fmt: skip
    labels = [[str(each.label)] for each in new]
    for width in (None, 4):
        said = reader.read(new, beam_width=width)
        assert data.error_rates(said, labels).tokens < 0.05
    with pytest.raises(ArgumentError, match="it reads texts"):
        reader.probabilities(new)


def test_points_behind_the_end_have_no_effect() -> None:
    reader = models.PenReader("ab", hidden_size=4)
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    longer = np.concatenate([x, np.full((2, 3, 3), 9, np.float32)], axis=1)
    short = reader(cr.tensor(x), [5, 3]).numpy()
    assert np.allclose(short, reader(cr.tensor(longer), [5, 3]).numpy(), atol=1e-6)


def test_drawings_of_one_point_and_of_one_place_are_read() -> None:
    reader = models.PenReader("ab", hidden_size=4)
    dots = [Drawing([[[7, 7]]]), Drawing([[[7, 7]] * 3, [[7, 7]]])]
    assert np.isfinite(reader.probabilities(dots)).all()
    loss = models.PenReading(reader)
    rows = reader.rows([Drawing(d.strokes, "a") for d in dots])
    _, gradients = cr.value_and_grad(
        lambda x: loss(x, [1], np.array([[0]]), training=True)
    )(rows[0][None])
    assert np.isfinite(gradients.numpy()).all()


def test_distortion_changes_training_alone() -> None:
    reader = models.PenReader("ab", hidden_size=4, dropout=0.0)
    x = cr.tensor(np.random.default_rng(0).standard_normal((1, 6, 3)), dtype="float32")
    usual = reader(x, [6]).numpy()
    assert (reader(x, [6]).numpy() == usual).all()
    first, second = (reader(x, [6], training=True).numpy() for _ in range(2))
    assert not np.allclose(first, second)


@pytest.mark.parametrize(
    ("drawings", "message"),
    [
        ([], "PenReader: no drawings: expected some with labels"),
        ([Drawing([[[0, 0]]])], "PenReader: drawing 0 has no label"),
        ([Drawing([[[0, 0]]], "c")], "PenReader: drawing 0: label 'c': 'c' is none of "
         "the 2 that it was made for"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_named(
    drawings: list[Drawing], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        models.PenReader("ab").examples(drawings)
    assert caught.value.what == message


def test_texts_longer_than_their_points_are_named() -> None:
    with pytest.raises(DataError, match=r"label 'aba' of 3 characters for 1 points"):
        models.PenReader("ab", spells=True).examples([Drawing([[[0, 0]]], "aba")])


def test_symbols_stand_there_once() -> None:
    for symbols in ("", "aa"):
        with pytest.raises(ArgumentError, match="expected some, each once"):
            models.PenReader(symbols)
