"""Backups of a million events: how long they take, in how much memory, and how large they are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from api.parts import Parts
from domain.book import BookId
from tests.bench.made import ids, opening, small_chart, transactions
from tests.bench.places import Place, asked, opened, rate

GROUP = 1_000
LOOK_EVERY_S = 0.05


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    count = 100_000 if quick else 1_000_000
    of = f"{count:,} events"
    with place.settings() as source, place.settings() as target:
        folder = Path(source["FINSHIFT_DATA_DIR"])
        file, passphrase = folder / "backup", folder / "passphrase"
        passphrase.write_text("a passphrase for a benchmark\n")
        with opened(source) as parts:
            _fill(parts, count)
            end = parts.store.end()
        for what, environment in (("create", source), ("verify", source), ("restore", target)):
            seconds, peak_mib = _run(environment, what, file, passphrase)
            yield f"`backup {what}`, {of}", rate(end, seconds, " events/s")
            yield f"`backup {what}`, peak memory of the program, {of}", f"{peak_mib:,.0f} MiB"
        yield f"a backup's size, {of}", f"{file.stat().st_size / end:,.0f} bytes an event"


def _fill(parts: Parts, count: int) -> None:
    book = BookId(ids.new())
    parts.keys.create(book)
    checking, categories, opened_accounts = small_chart()
    parts.bus.submit(book, [opening(book, "Large"), *opened_accounts], asked()).result()
    made = transactions(count - 10, checking, categories)
    while group := list(islice(made, GROUP)):
        parts.bus.submit(book, group, asked()).result()


def _run(environment: dict[str, str], what: str, file: Path, passphrase: Path) -> tuple[float, float]:
    """Seconds and the most memory of one command, as a program of its own."""
    command = [sys.executable, "-m", "infra.bootstrap", "backup", what, str(file), "--passphrase-file", str(passphrase)]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    peak_kib = 0
    while process.poll() is None:
        # The system's own high-water mark; that of a child's resources would begin at the size of this process.
        peak_kib = max(peak_kib, _high_water_kib(process.pid))
        time.sleep(LOOK_EVERY_S)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"backup {what} ended with {process.returncode}")
    return seconds, peak_kib / 1024


def _high_water_kib(pid: int) -> int:
    """The most memory that a process has had; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
