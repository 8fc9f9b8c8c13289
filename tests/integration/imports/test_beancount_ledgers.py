"""Whole ledgers made by `bean-example`, imported, and compared with what `bean-query` says of the same text."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from commands.imports.looks import held_on
from domain.book import Book
from domain.errors import Rejected
from tests.integration.imports.parts import Desk, desk

PROGRAMS = Path(sys.executable).parent
DAYS = [
    date(2020, 6, 30),
    date(2021, 12, 31),
    date(2022, 4, 15),
    date(2023, 9, 1),
    date(2024, 12, 30),
    date(2026, 1, 1),
]


def program(name: str, *arguments: str) -> str:
    done = subprocess.run([PROGRAMS / name, *arguments], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def example(seed: int) -> str:
    return program("bean-example", "--seed", str(seed), "--date-begin", "2020-01-01", "--date-end", "2026-01-01")


def told_by_beancount(file: Path, day: date) -> dict[tuple[str, str], Decimal]:
    query = f"SELECT account, currency, sum(number) WHERE date <= {day} GROUP BY account, currency"
    rows = list(csv.reader(io.StringIO(program("bean-query", "-f", "csv", str(file), query))))[1:]
    return {(account.strip(), code.strip()): Decimal(number) for account, code, number in rows if Decimal(number)}


def told_by_us(home: Desk, day: date) -> dict[tuple[str, str], Decimal]:
    def look(book: Book) -> dict[tuple[str, str], Decimal]:
        ledger = book.ledger
        held = held_on(ledger, {(account, code, day) for account, code in ledger.holdings})
        return {
            (ledger.accounts[account].name, code): Decimal(minor).scaleb(-ledger.commodities[code].scale)
            for (account, code, _), minor in held.items()
            if minor
        }

    return home.bus.inspect(home.book, look).result(60)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_balance_of_an_example_equals_beancounts_on_every_day(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "example.beancount"
    file.write_text(example(seed), "utf-8")
    with desk(tmp_path) as home:
        first = home.bring(file, file.name)
        assert first.agreement is not None
        assert first.agreement.code == "assertions_hold"
        for day in DAYS:
            assert told_by_us(home, day) == told_by_beancount(file, day)
        balances, count = home.balances(), home.transactions()
        again = home.bring(file, file.name)
        assert (again.counts["new"], again.counts["duplicate"]) == (0, first.counts["new"])
        assert [again.counts[name] for name in ("accounts", "commodities", "prices", "assertions")] == [0, 0, 0, 0]
        assert (home.balances(), home.transactions()) == (balances, count)
        home.imports.undo(home.book, first.import_id, home.asked())
        assert home.balances() == {}


HEAD = """
2020-01-01 open Assets:Cash
2020-01-01 open Assets:Broker
2020-01-01 open Expenses:Food
"""


def brought(folder: Path, text: str) -> dict[tuple[str, str], Decimal]:
    with desk(folder) as home:
        home.bring((HEAD + text).encode(), "x.beancount")
        return home.balances()


def test_a_residue_within_tolerance_goes_into_the_largest_cost(tmp_path: Path) -> None:
    text = "2020-02-01 * \n  Assets:Broker  1.234 FUND {30.96 USD}\n  Assets:Cash  -38.20 USD\n"
    assert brought(tmp_path, text) == {
        ("Assets:Broker", "FUND"): Decimal("1.234"),
        ("Assets:Cash", "USD"): Decimal("-38.20"),
    }


def test_a_residue_without_a_cost_stands_on_its_own_account(tmp_path: Path) -> None:
    each = "  Assets:Cash  1.00 USD @ 1.004 EUR\n"
    assert brought(tmp_path, f"2020-02-01 * \n{each}{each}  Assets:Broker  -2.01 EUR\n") == {
        ("Assets:Cash", "USD"): Decimal("2.00"),
        ("Assets:Broker", "EUR"): Decimal("-2.01"),
        ("Equity:Rounding", "EUR"): Decimal("0.01"),
    }


def test_a_unit_finer_than_the_book_keeps_it_refuses_the_ledger(tmp_path: Path) -> None:
    with desk(tmp_path) as home, pytest.raises(Rejected) as refusal:
        home.bring((HEAD + "2020-02-01 * \n  Assets:Cash  1.005 USD\n  Expenses:Food\n").encode(), "x.beancount")
    assert (refusal.value.code, refusal.value.params["commodity"]) == ("commodity_scale_too_small", "USD")


def test_a_refusal_names_the_row_and_nothing_of_the_ledger_is_kept(tmp_path: Path) -> None:
    text = HEAD + "1850-02-01 open Assets:Old\n1850-02-01 open Assets:Older\n"
    text += '1850-03-01 * "too old"\n  Assets:Old  1.00 USD\n  Assets:Older\n'
    with desk(tmp_path) as home:
        head = home.store.head(home.book)
        with pytest.raises(Rejected) as refusal:
            home.bring(text.encode(), "x.beancount")
        assert (refusal.value.code, refusal.value.params["row"]) == ("date_out_of_range", 1)
        assert home.store.head(home.book) == head


def test_a_longer_version_of_a_ledger_adds_only_what_is_new(tmp_path: Path) -> None:
    first = HEAD + '2020-02-01 * "Shop" "bread"\n  Assets:Cash  -1.00 USD\n  Expenses:Food\n'
    more = first.replace("bread", "mended memo") + "2020-03-01 * \n  Assets:Cash  -2.00 USD\n  Expenses:Food\n"
    more += "2020-04-01 balance Assets:Cash -3.00 USD\n"
    with desk(tmp_path) as home:
        home.bring(first.encode(), "x.beancount")
        second = home.bring(more.encode(), "x.beancount")
        assert [second.counts[name] for name in ("new", "duplicate", "assertions", "accounts")] == [1, 1, 1, 0]
        assert home.balances()["Assets:Cash", "USD"] == Decimal("-3.00")


def test_closed_accounts_are_closed_and_one_that_still_holds_is_left_out_by_name(tmp_path: Path) -> None:
    text = HEAD + "2020-02-01 * \n  Assets:Cash  -1.00 USD\n  Expenses:Food\n"
    text += "2020-05-01 close Expenses:Food\n2020-05-01 close Assets:Cash\n"
    with desk(tmp_path) as home:
        preview = home.imports.preview(home.book, text.encode(), "x.beancount")
        assert [(row.description, row.reason.code) for row in preview.rows if row.verdict == "left-out"] == [
            ("close Assets:Cash", "account_not_empty")
        ]
        assert home.imports.commit(home.book, preview.import_id, home.asked()).counts["closings"] == 1


def test_a_ledger_that_closes_its_accounts_adds_nothing_to_them_later_and_is_undone_whole(tmp_path: Path) -> None:
    entry = "2020-02-{} * \n  Assets:Cash  {}1.00 USD\n  Expenses:Food\n"
    text = HEAD + entry.format("01", "") + entry.format("02", "-") + "2020-05-01 close Assets:Cash\n"
    with desk(tmp_path) as home:
        first = home.bring(text.encode(), "x.beancount")
        assert first.counts["closings"] == 1
        with pytest.raises(Rejected) as refusal:
            home.bring((text + entry.format("03", "")).encode(), "x.beancount")
        assert (refusal.value.code, refusal.value.params["row"]) == ("account_closed", 3)
        assert home.imports.undo(home.book, first.import_id, home.asked()).counts == {"voided": 2}
        assert home.balances() == {}
