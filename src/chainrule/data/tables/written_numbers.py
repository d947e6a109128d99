"""Numbers as people write them: ``1,234.50``  ``1.234,50``  ``$ 5``  ``12 %``  ``(7)``.

Place on the road: below ``columns``; cells in, numbers out. What the comma means in
``1,234`` is no matter of one cell: ``Writing`` gathers what all cells of a column say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

#: Blanks and signs that have several characters, in one spelling.
SPELLING = str.maketrans(
    {
        "\u2212": "-", "\u2013": "-", "\ufe63": "-", "\uff0d": "-",
        "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ",
        "\u2019": "'", "\uff05": "%", "\u066a": "%",
    }
)  # fmt: skip

SYMBOLS = "$€£¥₹₽₩₺₫₴₦₪฿₱₡₵₲₸₼₾₿"
WORDS = (
    *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF"),
    *("INR", "JPY", "KRW", "MXN", "NOK", "NZD", "PLN", "RUB", "SEK", "SGD", "TRY"),
    *("USD", "ZAR", "Fr", "Kč", "Rs", "kr", "zł"),
)
CURRENCY = rf"(?:(?:[A-Z]{{1,2}})?[{SYMBOLS}]|(?:{'|'.join(WORDS)})\.?)"

#: Digits in groups: 1,234,567, or as in India 12,34,567.
GROUPS = r"[1-9]\d{{0,2}}(?:{0}\d{{3}})+|[1-9]\d?(?:{0}\d{{2}})+{0}\d{{3}}"

BODY = r"(?:{thousands}|\d+)?(?:{decimal}\d*)?(?:[eE][+-]?\d+)?"


def _pattern(thousands: str, decimal: str) -> re.Pattern[str]:
    groups = "|".join(GROUPS.format(sign) for sign in (thousands, " ", "'"))
    body = BODY.format(thousands=groups, decimal=decimal)
    return re.compile(
        rf"(?P<bracket>\()?\s*(?P<sign>[+-])?\s*(?P<before>{CURRENCY})?\s*"
        rf"(?P<inner>[+-])?(?P<body>(?=[.,]?\d){body})\s*"
        rf"(?P<after>{CURRENCY}|%|‰)?\s*(?(bracket)\))",
        re.ASCII,
    )


#: The decimal sign ↦ what a whole number is, written with it.
PATTERNS = {".": _pattern(",", r"\."), ",": _pattern(r"\.", ",")}

#: Whole numbers with a zero in front are codes (postcodes, telephone numbers), not
#: amounts.
CODE = re.compile(r"[+-]?0\d+", re.ASCII)

#: One comma or point with three digits behind it: thousands, or three decimals.
EITHER = re.compile(r"\D*[1-9]\d{0,2}[.,]\d{3}\D*")

DIGITS = str.maketrans("123456789", "0" * 9)
NO_DIGITS = "".join(map(chr, range(32, 48))) + SYMBOLS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#: What stands for a missing number in a column of numbers.
DASHES = frozenset(
    ["-", "--", "---", ".", "..", "...", "n.a.", "N.A.", "k.A.", "#REF!"]
)


@dataclass(frozen=True)
class Amount:
    """A number, and what it is counted in: a currency, per cent or nothing."""

    value: float
    unit: str


def read_amount(cell: str, decimal: str = ".") -> Amount | None:
    """A cell as a number and its unit; None for other texts, and codes as ``"00123"``.

    Example:
        >>> read_amount("(1.234,50 €)", ",")
        Amount(value=-1234.5, unit='€')
    """
    match = PATTERNS[decimal].fullmatch(cell.strip().translate(SPELLING))
    if match is None:
        return None
    before, after = match["before"], match["after"]
    if (before and after) or (match["sign"] and match["inner"]):
        return None
    body: str = match["body"]
    if CODE.fullmatch(body):
        return None
    plain = body.replace("." if decimal == "," else ",", "")
    value = float(plain.replace(" ", "").replace("'", "").replace(",", "."))
    sign = match["sign"] or match["inner"]
    if match["bracket"]:
        if sign:
            return None
        sign = "-"
    return Amount(-value if sign == "-" else value, (before or after or "").rstrip("."))


def to_number(cell: str, decimal: str = ".") -> float | None:
    """A text as a number; None for other texts, and for codes such as ``"00123"``."""
    try:
        number = float(cell)
    except ValueError:
        amount = read_amount(cell, decimal)
        return None if amount is None else amount.value
    if is_code(cell):
        return None
    if decimal == "," and EITHER.fullmatch(cell):
        return float(cell.replace(".", ""))
    return number


def is_code(cell: str) -> bool:
    """Whether a text that Python reads as a number is a code, such as a postcode."""
    if "_" in cell or not cell.isascii():
        return True
    cell = cell.strip()
    return cell[0] in "0+-" and cell[1:2].isdigit() and bool(CODE.fullmatch(cell))


def amounts(cells: Sequence[str], decimal: str) -> list[float | None]:
    """The numbers of cells that are known to be numbers; None for dashes."""
    drop = " '%‰)" + SYMBOLS + (",\u2019" if decimal == "." else ".\u2019")
    table = SPELLING | str.maketrans(dict.fromkeys(drop)) | str.maketrans("(,", "-.")
    if decimal == ".":
        table[ord(",")] = None
    for sign in "\u00a0\u202f\u2009\u2007\u2019\uff05\u066a":
        table[ord(sign)] = None
    values: list[float | None] = []
    for cell in cells:
        try:
            values.append(float(cell.translate(table)))
        except ValueError:  # a currency in letters
            amount = read_amount(cell, decimal)
            values.append(amount.value if amount else None)
    return values


@dataclass
class Writing:
    """How the numbers of a column are written, gathered from its cells.

    Arguments:
        point: the first cell that has a decimal point, or a comma before thousands.
        comma: the first cell that has a decimal comma, or a point before thousands.
        either: the first cell that may be read both ways, as ``1,234``.
        other: the first cell that is no number.
        units: unit ↦ the first cell with it.
        decorated: whether any cell is more than Python's own writing of a number.
    """

    point: str | None = None
    comma: str | None = None
    either: str | None = None
    other: str | None = None
    units: dict[str, str] = field(default_factory=dict)
    decorated: bool = False

    @classmethod
    def of(cls, cells: Iterable[str]) -> Writing:
        """The writing of the different cells of a column, blanks removed, up to the
        first that is no number.

        Cells that differ in their digits alone are looked at once.
        """
        found, shapes = cls(), set()
        for cell in cells:
            digits = cell.lstrip(NO_DIGITS)
            shape = cell.translate(DIGITS), digits[:1] == "0", not cell.strip("0.,")
            if shape not in shapes and cell not in DASHES:
                shapes.add(shape)
                found.add(cell)
                if found.other is not None:
                    break
        return found

    def add(self, cell: str) -> None:
        """Takes one more cell into account."""
        with_point, with_comma = read_amount(cell), read_amount(cell, ",")
        amount = with_point or with_comma
        if amount is None:
            if not _special(cell):
                self.other = self.other or cell
            return
        if EITHER.fullmatch(cell.translate(SPELLING)):
            self.either = self.either or cell
        elif with_comma is None:
            self.point = self.point or cell
        elif with_point is None:
            self.comma = self.comma or cell
        if amount.value or amount.unit:
            self.units.setdefault(amount.unit, cell)
        self.decorated = self.decorated or not _plain(cell)

    @property
    def is_numbers(self) -> bool:
        """Whether every cell is a number, whatever the comma means."""
        return self.other is None

    @property
    def decimal(self) -> str | None:
        """``"."`` or ``","`` where the cells say; None where they do not."""
        if self.comma is not None:
            return ","
        return "." if self.point is not None else None

    @property
    def quarrel(self) -> tuple[str, str] | None:
        """Two cells that cannot both be right, or None."""
        if self.point is not None and self.comma is not None:
            return self.point, self.comma
        named = [unit for unit in self.units if unit]
        if len(named) > 1:
            return self.units[named[0]], self.units[named[1]]
        if "%" in self.units and "" in self.units:
            return self.units["%"], self.units[""]
        return None

    def in_words(self, decimal: str) -> str:
        """What is more than a plain number in the column, in a few words."""
        unit = next((unit for unit in self.units if unit), "")
        words = [f"in {unit}"] if unit else []
        if decimal == "," and (self.comma or self.either):
            words.append("with a decimal comma")
        elif any("," in (cell or "") for cell in (self.point, self.either)):
            words.append("with commas before thousands")
        return " ".join(words)


def _special(cell: str) -> bool:
    """Whether Python reads a cell as a number that has no digits: inf, nan."""
    try:
        return not any(sign.isdigit() for sign in cell) and float(cell) != 0
    except ValueError:
        return False


def _plain(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
