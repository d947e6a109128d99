"""Pictures of pens: SVG that is XML, whatever the strokes and labels are."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from chainrule import data, pictures

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("label", [None, "7", "<&>\"'"])
def test_drawings_are_xml_with_a_path_a_stroke(label: str | None) -> None:
    dot = data.Drawing([[[3, 3]], [[1e6, -5], [1e6, -6]]], label)
    line = data.Drawing([[[0, 0], [0, 0]]], label)
    for drawings in ([dot], [line], [dot, line, dot]):
        root = ElementTree.fromstring(pictures.pen_svg(drawings))
        strokes = sum(len(each.strokes) for each in drawings)
        assert len(root.findall(f".//{SVG}path")) == strokes
        texts = [each.text for each in root.findall(f".//{SVG}text")]
        assert texts == [label] * len(drawings) * (label is not None)
        assert "nan" not in pictures.pen_svg(drawings)


def test_drawings_stand_in_rows_without_overlap() -> None:
    box = data.Drawing([np.array([[0, 0], [10, 0], [10, 10]])])
    root = ElementTree.fromstring(pictures.pen_svg([box] * 6, columns=3))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width == pytest.approx(1.5 * height)


def test_a_page_writes_strokes_one_after_the_other() -> None:
    cross = data.Drawing([[[0, 0], [4, 4]], [[4, 0], [2, 2], [0, 4]]], "<x>")
    page = pictures.pen_page([cross], "A & B")
    assert "<title>A &amp; B</title>" in page and "&lt;x&gt;" in page
    assert "animation-delay:0s;animation-duration:0.06s" in page
    assert "animation-delay:0.18s;animation-duration:0.09s" in page
    assert "<script" not in page and "src=" not in page
