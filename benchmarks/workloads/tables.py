"""Seconds from a file of half a million rows to columns that are numbers or texts.

The file, about 80 MB as CSV, has 22 columns: a counter, measurements, whole numbers,
one with gaps, categories, yes or no, dates, and a text that is different in every row.
It is made before the clock starts. "without pyarrow" is the base installation.
"""

from __future__ import annotations

SUMMARY = "reading a table of 500 000 rows and 22 columns"
MEASURE = "process"
TIMED = "inside"
MOST_ROUNDS = 3
CASES = ("CSV", "CSV without pyarrow", "Parquet")

#: Writes a table of ROWS rows as ``t.csv`` and ``t.parquet`` into a new folder.
TABLE = """
import json, os, tempfile, time
import numpy as np
ROWS = 500_000
os.chdir(tempfile.mkdtemp(dir=os.environ["CHAINRULE_CACHE"]))
random = np.random.default_rng(0)
columns = {"id": np.arange(1, ROWS + 1).astype(str)}
for number in range(8):
    columns[f"x{number}"] = np.char.mod("%.6f", random.normal(size=ROWS))
for number, most in enumerate((1000, 1000, 1000, 9, 99)):
    columns[f"n{number}"] = random.integers(0, most, ROWS).astype(str)
gaps = np.char.mod("%.3f", random.normal(50, 9, ROWS))
columns["gaps"] = np.where(random.random(ROWS) < 0.05, "", gaps)
for number, most in enumerate((3, 12, 200)):
    names = np.array([f"cat {each}" for each in range(most)])
    columns[f"c{number}"] = names[random.integers(0, most, ROWS)]
columns["ok"] = np.array(["yes", "no"])[random.integers(0, 2, ROWS)]
days = np.datetime64("2015-01-01") + random.integers(0, 3650, ROWS)
columns["day"] = np.datetime_as_string(days)
columns["note"] = np.array([f"note {each}" for each in range(ROWS)])
columns["y"] = np.char.mod("%.5f", random.normal(size=ROWS))
with open("t.csv", "w", newline="") as file:
    file.write(",".join(columns) + "\\n")
    for start in range(0, ROWS, 10_000):
        part = [each[start : start + 10_000].tolist() for each in columns.values()]
        file.write("\\n".join(map(",".join, zip(*part))) + "\\n")
if PARQUET:
    from pyarrow import csv, parquet
    parquet.write_table(csv.read_csv("t.csv"), "t.parquet")
"""

CHAINRULE = """
from chainrule import data
from chainrule.data.tables import arrow_files
if not PYARROW:
    arrow_files.available = lambda: False
start = time.perf_counter()
count = len(data.read_columns(FILE))
"""

PANDAS = """
import pandas
start = time.perf_counter()
count = len(pandas.read_parquet(FILE) if PARQUET else pandas.read_csv(FILE))
"""

PEERS = {"chainrule": CHAINRULE, "sklearn": PANDAS}

END = """
print(json.dumps({"seconds": time.perf_counter() - start, "losses": [count / ROWS]}))
"""


def program(peer: str, case: str) -> str:
    """A program that times the reading; scikit-learn's users read with pandas."""
    parquet = case == "Parquet"
    return (
        f"PARQUET, PYARROW = {parquet}, {'without' not in case}\n"
        f"FILE = 't.{'parquet' if parquet else 'csv'}'\n"
        f"{TABLE}{PEERS[peer]}{END}"
    )
