"""Pen files: UNIPEN, InkML and stroke tables; what is broken is named."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, FileError

UNIPEN = b""".VERSION 1.0
.DATA_SOURCE somewhere
  with 3 tablets
.COORD X Y T
.WRITER_ID Anna
.SEGMENT DIGIT 0-1 ? "7"
.PEN_DOWN
 10 20 0
 30 20 1
.PEN_UP
 25 25 2
.PEN_DOWN
 12 15 3
.PEN_UP
.DT 100
.SEGMENT DIGIT 2 ? "1"
.PEN_DOWN
 1 9 4
 1 0 5
.PEN_UP
"""

INKML = b"""<?xml version="1.0"?>
<ink xmlns="http://www.w3.org/2003/InkML">
  <annotation type="writer">Bo</annotation>
  <traceFormat>
    <channel name="T" type="integer"/>
    <channel name="X" type="decimal"/>
    <channel name="Y" type="decimal"/>
  </traceFormat>
  <traceGroup>
    <annotation type="truth">ab</annotation>
    <traceGroup><annotation type="truth">a</annotation>
      <trace id="0">0 10 20, 1 '3 '-4, 2 "1 "1, 3 !5 !5</trace>
      <trace type="penUp">0 1 2</trace>
    </traceGroup>
    <traceGroup><trace>0 -1.5e1 .5</trace></traceGroup>
  </traceGroup>
  <traceGroup><annotation type="truth">c</annotation>
    <trace>9 1 1,
      9 2 2</trace></traceGroup>
</ink>
"""


ROWS = np.array([[0, 0, 0], [3, 4, 1], [0, 0, 1]], np.float32)


def stroke_table(points: Any = ROWS) -> bytes:
    """The bytes of a ``.npz`` file of two drawings."""
    written = io.BytesIO()
    np.savez(written, points=points, offsets=np.array([0, 2, 3]))
    return written.getvalue()


def file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_unipen_is_segments_with_strokes(tmp_path: Path) -> None:
    seven, one = data.read_drawings(file(tmp_path, "a.dat", UNIPEN))
    assert (seven.label, seven.writer, one.label) == ("7", "Anna", "1")
    assert [each.tolist() for each in seven.strokes] == [
        [[10, -20], [30, -20]],
        [[12, -15]],  # what the pen did in the air is left out
    ]


def test_unipen_names_the_writer_in_a_comment_as_uci_does(tmp_path: Path) -> None:
    body = b"\n.PEN_DOWN\n1 2\n.PEN_UP\n"
    said = b'.SEGMENT DIGIT 0 ? "8"\n.COMMENT 8  6  138' + body
    text = b'.SEGMENT DIGIT 0 ? "8"\n.COMMENT 8 or so' + body
    for content, writer in ((said, "6"), (text, None)):
        (only,) = data.read_drawings(file(tmp_path, "a.dat", content))
        assert only.writer == writer


def test_unipen_takes_its_columns_by_name(tmp_path: Path) -> None:
    swapped = UNIPEN.replace(b".COORD X Y T", b".COORD T Y X")
    (seven, _) = data.read_drawings(file(tmp_path, "a.dat", swapped))
    assert seven.strokes[0].tolist() == [[0, -20], [1, -20]]


def test_inkml_is_groups_with_traces(tmp_path: Path) -> None:
    first, second = data.read_drawings(file(tmp_path, "a.inkml", INKML))
    assert (first.label, first.writer, second.label) == ("ab", "Bo", "c")
    # Values, first and second differences, and values again.
    assert first.strokes[0].tolist() == [[10, 20], [13, 16], [17, 13], [5, 5]]
    assert first.strokes[1].tolist() == [[-15, 0.5]] and len(second) == 2


FORMULA = b"""<ink><annotation type="truth">$a+b$</annotation>
<trace id="0">1 1, 2 2</trace><trace id="1">5 5, 6 6</trace>
<traceGroup><annotation type="truth">Segmentation</annotation>
  <traceGroup><annotation type="truth">a</annotation><traceView traceDataRef="0"/>
  </traceGroup>
</traceGroup>%s</ink>"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (b"", [("$a+b$", 2)]),
        (b"<trace>7 7</trace>", [("$a+b$", 3)]),
        (b"<traceGroup><annotation type='label'>c</annotation><trace>8 8</trace>"
         b"</traceGroup><trace>9 9</trace>", [("c", 1), ("$a+b$", 3)]),
    ],
)  # fmt: skip
def test_inkml_groups_have_the_traces_that_stand_in_them_and_no_others(
    tmp_path: Path, more: bytes, expected: list[tuple[str, int]]
) -> None:
    drawings = data.read_drawings(file(tmp_path, "a.inkml", FORMULA % more))
    assert [(each.label, len(each.strokes)) for each in drawings] == expected


def test_a_folder_is_its_files_and_names_classes(tmp_path: Path) -> None:
    bare = b"<ink><trace>0 0, 1 1</trace></ink>"
    for name in ("b/1.inkml", "a/1.inkml", "a/2.inkml"):
        file(tmp_path, name, bare)
    file(tmp_path, "notes.txt", b"nothing")
    drawings = data.read_drawings(tmp_path)
    assert [each.label for each in drawings] == ["a", "a", "b"]


def test_a_stroke_table_is_drawings(tmp_path: Path) -> None:
    rows = np.array([[0, 0, 0], [3, 4, 1], [0, 0, 1]], np.int16)
    path = tmp_path / "a.npz"
    np.savez(path, points=rows, offsets=np.array([0, 2, 3]))
    first, second = data.read_drawings(path)
    assert first.size.tolist() == [3, 4] and len(second) == 1
    np.savez(path, points=rows, offsets=np.array([0, 2]))
    with pytest.raises(DataError, match="offsets from 0 to 2 of 3 points"):
        data.read_drawings(path)
    np.savez(path, points=5)
    with pytest.raises(DataError, match=r"points \(1,\) and offsets \(2,\): expected"):
        data.read_drawings(path)


def test_a_folder_of_stroke_tables_is_drawings(tmp_path: Path) -> None:
    file(tmp_path, "cat/1.npz", stroke_table())
    file(tmp_path, "dog/2.NPZ", stroke_table())
    drawings = data.read_drawings(tmp_path)
    assert [each.label for each in drawings] == ["cat", "cat", "dog", "dog"]


def _flipped(content: bytes) -> bytes:
    """One byte of the numbers is another."""
    place = content.index(ROWS.tobytes())
    return content[:place] + b"\7" + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [_flipped, lambda content: content[:-50], lambda content: content[:4]],
    ids=["another byte", "cut off", "only its beginning"],
)
def test_damaged_stroke_tables_are_named(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = file(tmp_path, "a.npz", damage(stroke_table()))
    with pytest.raises(DataError, match=r"^read_drawings: a\.npz: a damaged stroke"):
        data.read_drawings(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "a.npz: points: of dtype <U32: expected numbers"),
        (np.nan, "a.npz: points: drawing 1: stroke 0: point 0 is (0, nan): expected "
         "two numbers within ±1e+09"),
        (np.inf, "a.npz: points: drawing 1: stroke 0: point 0 is (0, inf): expected "
         "two numbers within ±1e+09"),
    ],
)  # fmt: skip
def test_points_that_are_no_numbers_are_named_with_their_drawing(
    tmp_path: Path, value: object, message: str
) -> None:
    rows = ROWS.astype(np.asarray(value).dtype if value != "x" else str)
    rows[2, 1] = value
    with pytest.raises(DataError) as caught:
        data.read_drawings(file(tmp_path, "a.npz", stroke_table(rows)))
    assert caught.value.what == f"read_drawings: {message}"


def test_a_table_of_pickled_objects_says_how_it_becomes_one_of_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    objects = np.empty(2, object)
    objects[:] = [ROWS[:2], ROWS[2:]]
    np.savez("cat.npz", train=objects)
    with pytest.raises(DataError, match="expected arrays of numbers") as caught:
        data.read_drawings("cat.npz")
    exec(str(caught.value.fix).partition("Sketch-RNN: ")[2], {"np": np})
    first, second = data.read_drawings("strokes.npz")
    assert first.size.tolist() == [3, 4] and len(second) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.dat", b" \n\n", "read_drawings: a.dat: an empty file"),
        ("a.dat", b".PEN_DOWN\n1 2\n3 x\n", "read_drawings: a.dat: line 3: '3 x': "
         "expected x and y of a point, two numbers"),
        ("a.dat", b".PEN_DOWN\n1\n", "read_drawings: a.dat: line 2: '1': expected x "
         "and y of a point"),
        ("a.dat", b"\n.PEN_DOWN\n1 2e9\n", "read_drawings: a.dat: line 3: '1 2e9': "
         "expected numbers within ±1e+09"),
        ("a.dat", b".PEN_DOWN\n1 nan\n", "read_drawings: a.dat: line 2: '1 nan': "
         "expected numbers within ±1e+09"),
        ("a.dat", b".PEN_DOWN\n.PEN_UP\n", "read_drawings: a.dat: line 1: .PEN_DOWN "
         "without a point behind it"),
        ("a.dat", b"1 2\n", "read_drawings: a.dat: line 1: '1 2': a point before "
         ".PEN_DOWN"),
        ("a.dat", b".COORD X Z\n", "read_drawings: a.dat: line 1: .COORD X Z: expected "
         "X and Y among them"),
        ("a.dat", b".VERSION 1\n", "read_drawings: a.dat: no stroke in it: expected "
         ".PEN_DOWN, lines of x and y, .PEN_UP"),
        ("a.inkml", b"<ink>\n<trace>0 0</ink>", "read_drawings: a.inkml: line 2, "
         "column 13: broken XML: mismatched tag"),
        ("a.inkml", b"<ink></ink>", "read_drawings: a.inkml: no trace in it"),
        ("a.inkml", b"<ink>\n<trace>1 1</trace>\n<trace></trace></ink>",
         "read_drawings: a.inkml: trace 2, line 3: '': expected x and y of a point"),
        ("a.inkml", b"<ink><trace>1 1, 2 b</trace></ink>", "read_drawings: a.inkml: "
         "trace 1, line 1: '2 b': expected numbers"),
        ("a.inkml", b"<ink><trace>1 1, 2 1e300</trace></ink>", "read_drawings: "
         "a.inkml: trace 1, line 1: '2 1e300': expected numbers within ±1e+09"),
        ("a.inkml", b"<ink><traceFormat><channel name='F'/></traceFormat><trace>1"
         b"</trace></ink>", "read_drawings: a.inkml: trace 1, line 1: its channels are "
         "F: expected X, Y"),
        ("a.inkml", b'<!DOCTYPE a [\n<!ENTITY a "b">]><ink/>', "read_drawings: "
         "a.inkml: line 2: an entity: expected InkML without a document type"),
    ],
)  # fmt: skip
def test_broken_files_are_named_with_their_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        data.read_drawings(file(tmp_path, name, content))
    assert caught.value.what == message


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="this is a PNG image: expected InkML"):
        data.read_drawings(file(tmp_path, "a.dat", b"\x89PNG\r\n\x1a\n"))
    with pytest.raises(DataError, match="no pen file in it"):
        data.read_drawings(file(tmp_path, "empty/notes.txt", b"").parent)
    with pytest.raises(FileError, match="no such file"):
        data.read_drawings(tmp_path / "b.dat")


@pytest.mark.parametrize(("name", "whole"), [("a.dat", UNIPEN), ("a.inkml", INKML)])
def test_damaged_files_are_read_or_refused_and_nothing_else(
    tmp_path: Path, name: str, whole: bytes
) -> None:
    source = np.random.default_rng(0)
    extra = [b"<", b">", b"&", b"1e999", b"nan", b"\xff", b"\0", b".PEN_UP\n", b'"']
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(source.integers(1, 4)):
            start = int(source.integers(len(content)))
            end = start + int(source.integers(0, 30))
            piece = extra[source.integers(len(extra))]
            content[start:end] = piece if source.random() < 0.7 else b""
        try:
            drawings = data.read_drawings(file(tmp_path, name, bytes(content)))
        except (DataError, FileError) as error:
            refused += str(error).startswith(f"read_drawings: {name}: ")
        else:
            assert all(np.isfinite(each.points).all() for each in drawings)
    assert refused > 60
