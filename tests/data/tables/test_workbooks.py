"""Excel workbooks are tables too."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, FileError, MissingPackageError

pytest.importorskip("python_calamine")

SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/'
    'spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
FILES = {
    "[Content_Types].xml": '<?xml version="1.0"?><Types xmlns="http://schemas.openxml'
    'formats.org/package/2006/content-types"><Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension='
    '"xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxml'
    'formats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas'
    '.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target='
    '"xl/workbook.xml"/></Relationships>',
    "xl/styles.xml": '<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxml'
    'formats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/>'
    '<xf numFmtId="14"/></cellXfs></styleSheet>',
}


def cell(value: Any) -> str:
    """A cell of a sheet; ("date", n) is day n of Excel."""
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, tuple):
        return f'<c s="1"><v>{value[1]}</v></c>'
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    """A workbook as Excel writes it, in the least that readers need."""
    names = "".join(
        f'<sheet name="s{n}" sheetId="{n}" r:id="r{n}"/>'
        for n in range(1, len(sheets) + 1)
    )
    relations = "".join(
        f'<Relationship Id="r{n}" Type="http://schemas.openxmlformats.org/officeDocument/'
        f'2006/relationships/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    space = "http://schemas.openxmlformats.org"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
        archive.writestr(
            "xl/workbook.xml",
            f'<?xml version="1.0"?><workbook xmlns="{space}/spreadsheetml/2006/main" '
            f'xmlns:r="{space}/officeDocument/2006/relationships"><sheets>{names}'
            "</sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<?xml version="1.0"?><Relationships xmlns="{space}/package/2006/'
            f'relationships">{relations}<Relationship Id="rs" Type="{space}/office'
            'Document/2006/relationships/styles" Target="styles.xml"/></Relationships>',
        )
        for number, rows in enumerate(sheets, 1):
            text = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            archive.writestr(f"xl/worksheets/sheet{number}.xml", SHEET.format(text))
    return path


def test_a_workbook_is_a_table(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "t.xlsx",
        [],
        [
            ["age", "city", "ok", "day", "pay", 2024],
            [30, "Rome", True, ("date", 45322), "$1,200", 1],
            [None, "NA", False, ("date", 45323), "$900", 2.5],
        ],
    )
    columns = data.read_columns(path)
    np.testing.assert_array_equal(columns["age"], [30, np.nan])
    assert columns["city"].tolist() == ["Rome", None]
    assert columns["ok"].tolist() == ["True", "False"]
    assert [text[:10] for text in columns["day"]] == ["2024-01-31", "2024-02-01"]
    assert columns["pay"].tolist() == [1200, 900]
    assert columns["2024"].tolist() == [1, 2.5]
    assert columns.place(1) == "line 3"


def test_a_workbook_that_is_no_table_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with pytest.raises(FileError, match="a workbook without cells"):
        data.read_columns(workbook(path, []))
    with pytest.raises(DataError, match=r"t\.xlsx: a header and no rows"):
        data.read_columns(workbook(path, [["a", "b"]]))
    with pytest.raises(DataError, match="two columns are called 'a'"):
        data.read_columns(workbook(path, [["a", "a"], [1, 2]]))
    path.write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(FileError, match="not a whole workbook"):
        data.read_columns(path)


def test_without_the_extra_the_cure_is_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "t.xlsx", [["a"], [1]])
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    with pytest.raises(MissingPackageError) as caught:
        data.read_columns(path)
    assert "pip install 'chainrule[tables]'" in str(caught.value)
