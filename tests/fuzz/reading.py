"""What a parser may do with any bytes: read them or refuse them, in time and memory linear in their size.

`python -m tests.fuzz.reading FORMAT FILE` judges one file alone, without a fuzzer around it, and ends with 1 and what
is wrong with the reading.
"""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from commands.imports.formats import FORMATS
from commands.imports.reading import NO_HINTS, SNIFFED_BYTES, Format, Hints, StatementRow, Statements
from domain.errors import Rejected
from domain.ledger.vocabulary import check_calendar
from domain.private import check_text

SAMPLES = Path(__file__).parents[1] / "samples"
PARSERS: Mapping[str, Format] = {form.name: form for form in FORMATS}
MB = 1_000_000

IS_COUNTED = Path("/proc/self/clear_refs").exists()
"""Whether the system tells the most memory that the process had."""

MAX_CPU_S_PER_MB = 2.0
FLOOR_CPU_S = 0.5
"""What a file of any size may take: a machine that is busy doubles times, and small files start things."""

MAX_MEMORY_PER_BYTE = 50
FLOOR_MEMORY = 8 * MB
"""The same of memory: tables and imports that a first reading makes for all."""

HINTS = (
    NO_HINTS,
    Hints(decimal_mark=".", date_order="mdy", sign="reversed"),
    Hints(decimal_mark=",", date_order="dmy", sign="as-written"),
    Hints(profile="generic", decimal_mark=",", date_order="ymd"),
)
"""What a person might have said of a file; each file is read with one of them, always the same."""


def hints_of(raw: bytes) -> Hints:
    return HINTS[zlib.crc32(raw) % len(HINTS)]


def max_cpu_s(size: int) -> float:
    return FLOOR_CPU_S + MAX_CPU_S_PER_MB * size / MB


def max_memory(size: int) -> int:
    return FLOOR_MEMORY + MAX_MEMORY_PER_BYTE * size


def read(parser: Format, raw: bytes) -> None:
    """Read or be refused; whatever else a parser raises is a finding, and a reading that no ledger could take."""
    parser.fits(raw[:SNIFFED_BYTES], "file")
    with contextlib.suppress(Rejected):
        reading = parser.read(raw, hints_of(raw))
        if isinstance(reading, Statements):
            check_rows([row for statement in reading.statements for row in statement.rows])


def check_rows(rows: Sequence[StatementRow]) -> None:
    """Every row of the file is there once, with a day and an amount or the reason why it is left out; its words and its
    day are what a transaction may have.
    """
    numbers = sorted(row.row for row in rows)
    if numbers and (len(set(numbers)) < len(numbers) or numbers[0] < 1):
        raise ValueError(f"rows are numbered {numbers[:20]}")
    for row in rows:
        if row.left_out is None and (row.date is None or row.amount is None):
            raise ValueError(f"row {row.row} has neither a day and an amount nor a reason")
        try:
            check_text("payee", row.payee)
            check_text("memo", row.memo)
            if row.date is not None:
                check_calendar(row.date)
        except Rejected as refusal:
            raise ValueError(f"row {row.row} could not be recorded: {refusal}") from refusal


def samples_of(name: str) -> list[bytes]:
    """Samples that look like the parser's own."""
    paths = [path for path in sorted(SAMPLES.rglob("*")) if path.is_file() and path.parent != SAMPLES]
    found = [(path.name, path.read_bytes()) for path in paths if path.name not in ("LICENSE", "README.md")]
    return [raw for file, raw in found if PARSERS[name].fits(raw[:SNIFFED_BYTES], file)]


@cache
def warm(name: str) -> None:
    """Let a parser import and make what its first reading needs: that is no memory of a later one."""
    for sample in samples_of(name)[:2]:
        read(PARSERS[name], sample)


def resident() -> int:
    """Bytes of memory that the process has now."""
    return _status("VmRSS")


def reset_peak() -> None:
    if IS_COUNTED:
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most bytes of memory since `reset_peak`."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines() if IS_COUNTED else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


def wrong_with(name: str, raw: bytes) -> str:
    """What is wrong with how a parser reads, empty where nothing is: an error, its time, or its memory.

    Python's own memory is counted, and where the system tells it the whole process's, for some parsers are not written
    in Python.
    """
    warm(name)
    parser = PARSERS[name]
    try:
        reset_peak()
        before = resident()
        started = time.process_time()
        read(parser, raw)
        cpu_s = time.process_time() - started
        grown = peak() - before
        tracemalloc.start()
        read(parser, raw)
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    except Exception:
        return traceback.format_exc()
    if cpu_s > max_cpu_s(len(raw)):
        return f"slow: {cpu_s:.2f} s of {max_cpu_s(len(raw)):.2f} s for {len(raw):,} bytes"
    if max(grown, traced) > max_memory(len(raw)):
        return f"memory: {max(grown, traced):,} bytes of {max_memory(len(raw)):,} for {len(raw):,} bytes"
    return ""


def main(name: str, path: str) -> int:
    wrong = wrong_with(name, Path(path).read_bytes())
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
