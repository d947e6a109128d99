"""Well-known series that come with the package: ``data.load_series("airline")``.

==========================  ========================================================
``airline``                 passengers of airlines a month, thousands, 1949 … 1960
``co2``                     CO₂ in the air on Mauna Loa a month, ppm, 1958 … 2001
``sunspots``                sunspots a year, 1700 … 2008
``electrical-equipment``    its turnover in the euro area a month, 1995 … 2016
``el-nino``                 temperature of the eastern Pacific a month, °C, 1950 … 2010
==========================  ========================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import unknown_option
from .reading import read_series
from .series import Series

FOLDER = Path(__file__).parent / "files"


@dataclass(frozen=True)
class KnownSeries:
    """What a series is, where it is from, and who may use it.

    Arguments:
        description: what is counted, and when.
        source: who published it.
        licence: of the numbers.
        season: how many steps make a season.
    """

    description: str
    source: str
    licence: str
    season: int


KNOWN: Mapping[str, KnownSeries] = {
    "airline": KnownSeries(
        "international airline passengers a month, in thousands",
        "Box & Jenkins, Time series analysis (1970), series G",
        "published figures",
        12,
    ),
    "co2": KnownSeries(
        "CO₂ in the air on Mauna Loa, in parts per million, means of a month",
        "Keeling & Whorf, Scripps Institution of Oceanography; by statsmodels",
        "public domain",
        12,
    ),
    "sunspots": KnownSeries(
        "sunspots, means of a year",
        "NOAA, National Geophysical Data Center; by statsmodels",
        "public domain",
        11,
    ),
    "electrical-equipment": KnownSeries(
        "turnover of electrical equipment in the euro area, an index",
        "Eurostat, STS.M.I7.W.TOVT.NS0016.4.000; by statsmodels",
        "public domain",
        12,
    ),
    "el-nino": KnownSeries(
        "temperature of the sea's surface in the region Niño 1+2, °C",
        "NOAA, National Weather Service, ERSST.V3B; by statsmodels",
        "public domain",
        12,
    ),
}


def load_series(name: str) -> Series:
    """A well-known series, which needs no download.

    Arguments:
        name: one of "airline", "co2", "electrical-equipment", "el-nino", "sunspots".

    Raises:
        OptionError: for another name.

    Example:
        >>> load_series("airline")
        Series('airline', 144 × month, 1949-01-01 to 1960-12-01)
    """
    if name not in KNOWN:
        raise unknown_option("series", name, KNOWN)
    path = FOLDER / f"{name}.csv"
    with path.open(encoding="utf-8") as file:
        time, target = file.readline().strip().split(",")
    found = read_series(path, time, target)[0]
    return Series(found.values, found.frequency, found.start, name)
