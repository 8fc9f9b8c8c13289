"""Files of many rows that look the same, by chance or by malice: none is doubled, and the work stays bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from rapidfuzz import fuzz

from commands.imports.statements import likeness
from domain.book import Book, BookId
from domain.ledger import AccountId, OpenAccount
from tests.bankfiles import Movement, Slice, camt053, mt940, ofx
from tests.integration.imports.parts import Desk, desk
from tests.integration.imports.test_joins import SEPTEMBER, commit, preview, slice_of, verdicts

T = TypeVar("T")

MANY = 3 * likeness.MAX_COMPARED
CHECKING, SAVINGS = "Assets:Checking", "Assets:Savings"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, "BRL") as opened:
        opened.do(OpenAccount(AccountId("checking"), CHECKING), OpenAccount(AccountId("savings"), SAVINGS))
        yield opened


class Compared:
    """Counts how often words are compared."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._compare = fuzz.token_set_ratio
        monkeypatch.setattr(fuzz, "token_set_ratio", self._counted)

    def _counted(self, mine: str, theirs: str) -> float:
        self.count += 1
        return self._compare(mine, theirs)


def of_another_bank(told: Slice) -> Slice:
    """The same movements with ids of their own."""
    return replace(told, movements=tuple([replace(moved, id=f"other-{moved.id}") for moved in told.movements]))


def test_equal_rows_of_one_day_are_all_matched_however_many_they_are(home: Desk) -> None:
    coffees = slice_of(*[(10, -450, "COFFEE")] * MANY)
    commit(home, preview(home, camt053(coffees, "1", "BRL"), "first.xml", CHECKING))
    shown = preview(home, ofx(of_another_bank(coffees), "1", "BRL", states=True), "again.ofx", CHECKING)
    assert verdicts(shown) == ["match"] * MANY
    assert len({row.transaction for row in shown.rows}) == MANY
    before = home.balances()
    commit(home, shown)
    assert home.balances() == before


def test_rows_of_one_day_are_matched_beyond_the_comparisons_that_a_file_may_cost(
    home: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likeness, "MAX_COMPARISONS", 100)
    compared = Compared(monkeypatch)
    told = slice_of(*[(10, -450, f"COFFEE {number}") for number in range(MANY)])
    again = slice_of(*[(10, -450, f"Cafe no. {number} of the day") for number in range(MANY)])
    commit(home, preview(home, camt053(told, "1", "BRL"), "first.xml", CHECKING))
    compared.count = 0
    shown = home.imports.preview(home.book, ofx(of_another_bank(again), "1", "BRL", states=True), "again.ofx", CHECKING)
    assert verdicts(shown) == ["match"] * MANY
    assert len({row.transaction for row in shown.rows}) == MANY
    assert compared.count == 100


def test_rows_of_near_days_are_compared_with_the_nearest_alone(home: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = Compared(monkeypatch)
    told = slice_of(*[(10, -450, f"BAKERY {number}") for number in range(MANY)])
    again = slice_of(*[(12, -450, f"parking lot {number}") for number in range(MANY)], (9, -100, "X"))
    commit(home, preview(home, camt053(told, "1", "BRL"), "first.xml", CHECKING))
    compared.count = 0
    home.imports.preview(home.book, ofx(of_another_bank(again), "1", "BRL", states=True), "again.ofx", CHECKING)
    assert compared.count == MANY * likeness.MAX_COMPARED


def test_many_equal_sides_of_transfers_are_listed_with_how_many_there_are_and_never_joined(home: Desk) -> None:
    out = slice_of(*[(10, -9_00, "SENT")] * MANY)
    came = slice_of(*[(11, 9_00, "RECEIVED")] * MANY)
    commit(home, preview(home, ofx(out, "1", "BRL", states=True), "checking.ofx", CHECKING))
    shown = preview(home, ofx(came, "2", "BRL", states=True), "savings.ofx", SAVINGS)
    assert verdicts(shown) == ["new"] * MANY
    assert {(row.reason.code, row.reason.params["count"]) for row in shown.rows} == {("transfer_not_clear", MANY)}


def test_a_file_of_many_statements_is_looked_up_as_one(home: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    inspect = home.bus.inspect
    looks: Counter[int] = Counter()

    def counted(book: BookId, question: Callable[[Book], T]) -> Future[T]:
        looks[days] += 1
        return inspect(book, question)

    for days in (2, 20):
        commit(home, preview(home, daily(days), "daily.sta", CHECKING))
    monkeypatch.setattr(home.bus, "inspect", counted)
    for days in (2, 20):
        assert set(verdicts(home.imports.preview(home.book, daily(days), "daily.sta", CHECKING))) == {"duplicate"}
    assert looks[20] == looks[2]


def daily(days: int) -> bytes:
    """A statement for each day of a month."""
    first = SEPTEMBER[0]
    told = [first + timedelta(days=number) for number in range(days)]
    slices = [
        Slice(day, day, (Movement(day, -100, f"id-{number}", "BUS"),), -100 * (number + 1))
        for number, day in enumerate(told)
    ]
    return b"".join([mt940(one, "1", "BRL") for one in slices])
