"""`make bench`: the figures of docs/performance.md, measured on this machine.

    python -m tests.bench [SCENARIO ...] [--quick] [--write]

Each figure says what it counts; nothing here is asserted. `--write` puts the table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from tests.bench import alerts, appends, backup, http, imports, page, reads, relay
from tests.bench.places import Place
from tests.servers import fresh_database, shared

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Figures = Iterator[tuple[str, str]]
SCENARIOS: dict[str, Callable[[Place, bool], Figures]] = {
    "alerts": alerts.measure,
    "appends": appends.measure,
    "backup": backup.measure,
    "http": http.measure,
    "imports": imports.measure,
    "page": page.measure,
    "reads": reads.measure,
    "relay": relay.measure,
}


@contextmanager
def places() -> Iterator[list[Place]]:
    """Both stores, each in a fresh folder or database a scenario asks for."""
    with tempfile.TemporaryDirectory(prefix="finshift-bench-") as folder, shared("postgres", Path(folder)) as server:

        @contextmanager
        def database() -> Iterator[str]:
            with fresh_database(make_url(server)) as url:
                yield url.render_as_string(hide_password=False)

        yield [Place("SQLite", Path(folder), None), Place("PostgreSQL", Path(folder), database)]


def machine() -> str:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=PAGE.parent, check=False
    ).stdout.strip()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, {os.cpu_count()} cores, "
        f"{platform.machine()}, Python {platform.python_version()}; durable before the answer: SQLite WAL with "
        "`synchronous=FULL`, PostgreSQL with `fsync=on` and `synchronous_commit=on`; client and servers on one machine"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], default=[])
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, to see that it runs")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    asked = parser.parse_args()
    rows: dict[str, dict[str, str]] = {}
    print(machine())
    with places() as stores:
        for name, scenario in SCENARIOS.items():
            if asked.scenarios and name not in asked.scenarios:
                continue
            for place in stores:
                for what, figure in scenario(place, asked.quick):
                    rows.setdefault(what, {})[place.name] = figure
                    print(f"{place.name:11} {what:90} {figure}", flush=True)
    if asked.write:
        write(rows)


def write(rows: dict[str, dict[str, str]]) -> None:
    page = PAGE.read_text()
    table = ["| what | SQLite | PostgreSQL |", "| -- | -- | -- |"]
    table += [f"| {what} | {row.get('SQLite', '')} | {row.get('PostgreSQL', '')} |" for what, row in rows.items()]
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{machine()}.\n\n" + "\n".join(table) + f"\n{END}{after}")


if __name__ == "__main__":
    main()
