"""Ledgers of another program, whole: what beancount's own example makes is imported, and every figure is beancount's.

The balances of every account and commodity, at the end and on five days between, are those that beancount's query
language finds in the file; exported again, beancount accepts it and hledger finds them once more.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from beanquery import query

from tests.e2e.cli.program import PATIENCE_S, Program

DAYS = ("2020-03-31", "2021-02-28", "2022-12-31", "2024-02-29", "2025-06-15", "2025-12-31")

MAKE_EXAMPLE = "from beancount.scripts.example import main; main()"
"""What the script `bean-example` does."""

Sums = dict[tuple[str, str], Decimal]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_example_ledger_is_imported_and_exported_with_every_balance_as_beancount_has_it(
    seed: int, finshift: Program, tmp_path: Path, outside_program: Callable[[str], Path]
) -> None:
    example = tmp_path / "example.beancount"
    span = ["--date-begin", "2020-01-01", "--date-end", "2026-01-01"]
    made = _run([sys.executable, "-c", MAKE_EXAMPLE, "--seed", str(seed), *span])
    example.write_text(made, encoding="utf-8")
    entries, errors, options = loader.load_file(str(example))
    assert not errors

    assert finshift("book", "create", "example", "--commodity", "USD").code == 0
    answer = finshift("import", example, "--book", "example", "--yes", "--json").json
    assert answer["counts"]["new"] > 1_000
    for day in DAYS:
        held = finshift.balances("example", "--as-of", day)
        assert _decimals(held) == _queried(entries, options, day)

    final = _decimals(finshift.balances("example"))
    written = tmp_path / "again.beancount"
    assert finshift("export", "--book", "example", "--format", "beancount", "-o", written).code == 0
    again, errors, options = loader.load_file(str(written))
    assert not errors
    assert _queried(again, options, "2026-12-31") == final
    journal = tmp_path / "again.journal"
    assert finshift("export", "--book", "example", "--format", "hledger", "-o", journal).code == 0
    assert _hledger(outside_program("hledger"), journal) == final


def _queried(entries: list[Any], options: dict[str, Any], day: str) -> Sums:
    """Balances at the end of a day, as `bean-query` finds them."""
    asked = f"SELECT account, currency, sum(number) WHERE date <= {day} GROUP BY account, currency"
    _, rows = query.run_query(entries, options, asked)
    return {(account, code): number for account, code, number in rows if number}


def _hledger(program: Path, journal: Path) -> Sums:
    balance = [str(program), "-f", str(journal), "balance", "--strict", "--flat", "--no-total", "--empty"]
    rows = csv.DictReader(io.StringIO(_run([*balance, "-O", "csv", "--layout=bare"])))
    sums = {(row["account"], row["commodity"]): Decimal(row["balance"]) for row in rows}
    return {place: amount for place, amount in sums.items() if amount}


def _decimals(held: dict[tuple[str, str], str]) -> Sums:
    return {place: Decimal(amount) for place, amount in held.items()}


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout
