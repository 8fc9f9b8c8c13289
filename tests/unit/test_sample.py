"""The sample household: alive today, believable, and the same for everyone who looks on the same day."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest

from commands.sample import LIVES, SEED, household
from commands.sample.brazil import BRAZIL
from commands.sample.life import Life, bill_due, history
from domain.book import Book, BookCommand, BookId, OpenBook, decide, evolve
from domain.budgets import month_later
from domain.ledger import AccountId, Kind, RecordTransaction
from domain.prices import RecordPrice

TODAY = date(2026, 9, 17)
BOTH = pytest.mark.parametrize("life", LIVES, ids=[life.book for life in LIVES])


def commands_of(life: Life, until: date = TODAY, seed: int = SEED) -> list[BookCommand]:
    numbers = iter(range(100_000))
    opening = OpenBook(BookId("b"), life.base, life.time_zone, AccountId("opening"), life.book)
    return [opening, *household(life, seed, until, lambda: f"id-{next(numbers)}")]


def book_of(commands: list[BookCommand]) -> Book:
    book = Book()
    for command in commands:
        for event in decide(book, command):
            evolve(book, event)
    return book


def transactions_of(commands: list[BookCommand]) -> list[RecordTransaction]:
    return [command for command in commands if isinstance(command, RecordTransaction)]


@BOTH
def test_the_same_seed_and_day_make_the_same_household(life: Life) -> None:
    assert commands_of(life) == commands_of(life)
    assert commands_of(life) != commands_of(life, seed=SEED + 1)


@BOTH
def test_another_day_adds_to_the_history_and_changes_nothing_of_it(life: Life) -> None:
    before, after = transactions_of(commands_of(life)), transactions_of(commands_of(life, TODAY + timedelta(days=9)))
    told = [(entry.date, entry.payee, entry.memo, len(entry.postings)) for entry in after]
    assert told[: len(before)] == [(entry.date, entry.payee, entry.memo, len(entry.postings)) for entry in before]


@BOTH
@pytest.mark.parametrize("until", [TODAY, date(2026, 1, 1), date(2024, 2, 29), date(2031, 12, 31)], ids=str)
def test_the_ledger_takes_every_command_on_whatever_day_the_sample_is_made(life: Life, until: date) -> None:
    commands = commands_of(life, until)
    assert 1_500 <= len(transactions_of(commands)) <= 2_600
    book_of(commands)


@BOTH
def test_two_years_and_this_month_up_to_today_in_order(life: Life) -> None:
    days = [entry.date for entry in transactions_of(commands_of(life))]
    assert days == sorted(days)
    assert (days[0].year, days[0].month) == (2024, 9)
    assert TODAY - timedelta(days=3) <= days[-1] <= TODAY


@BOTH
def test_neither_the_wallet_nor_the_checking_account_is_ever_overdrawn(life: Life) -> None:
    balances = dict(life.opening_minor)
    start = month_later(TODAY.replace(day=1), -24)
    for entry in history(life, SEED, start, TODAY):
        for move in entry.moves:
            if move.account in balances:
                balances[move.account] += move.minor
        assert min(balances[life.checking], balances[life.wallet], balances[life.savings]) >= 0, entry


@BOTH
def test_every_card_bill_is_paid_by_what_was_bought_before_its_closing_day(life: Life) -> None:
    start = month_later(TODAY.replace(day=1), -24)
    bought: Counter[date] = Counter()
    paid = []
    for entry in history(life, SEED, start, TODAY):
        minor = sum(move.minor for move in entry.moves if move.account == life.card)
        if any(move.account == life.checking for move in entry.moves) and minor > 0:
            paid.append((entry.date, minor))
        elif minor:
            bought[bill_due(entry.date, life.closing_day, life.due_day)] -= minor
    first, *later = paid
    assert first[1] == -life.opening_minor[life.card]
    assert len(later) >= 22
    assert [minor for _, minor in later] == [bought[due] for due in sorted(bought)][: len(later)]


@pytest.mark.parametrize(
    ("closing_day", "due_day", "bought", "due"),
    [
        (25, 5, date(2026, 2, 24), date(2026, 3, 5)),
        (25, 5, date(2026, 2, 25), date(2026, 4, 5)),
        (31, 10, date(2026, 2, 27), date(2026, 3, 10)),
        (31, 10, date(2026, 2, 28), date(2026, 4, 10)),
    ],
    ids=str,
)
def test_a_purchase_is_on_the_bill_that_its_day_says(closing_day: int, due_day: int, bought: date, due: date) -> None:
    assert bill_due(bought, closing_day, due_day) == due


def test_instalments_are_a_month_apart_with_the_odd_cents_first() -> None:
    glasses = [e for e in history(BRAZIL, SEED, date(2024, 1, 1), TODAY) if e.memo.startswith("Óculos")]
    first_year = [entry for entry in glasses if entry.links == glasses[0].links]
    assert [entry.memo for entry in first_year] == [f"Óculos da Ana Parcela {k}/12" for k in range(1, 13)]
    assert [entry.date for entry in first_year] == [month_later(date(2024, 8, 17), k) for k in range(12)]
    minors = [entry.moves[0].minor for entry in first_year]
    assert minors[0] - minors[1] < 12
    assert set(minors[1:]) == {minors[-1]}


def test_a_purchase_abroad_costs_its_rate_and_the_tax_on_it() -> None:
    abroad = [e for e in history(BRAZIL, SEED, date(2026, 1, 1), TODAY) if e.moves[0].total_minor and len(e.moves) == 3]
    assert abroad
    for entry in abroad:
        spent, tax, card = entry.moves
        assert spent.total_minor is not None
        assert tax.minor == (spent.total_minor * 35 + 500) // 1000
        assert card.minor == -spent.total_minor - tax.minor


@BOTH
def test_a_refund_is_a_negative_expense_and_never_income(life: Life) -> None:
    commands = commands_of(life)
    book = book_of(commands)
    refunds = [entry for entry in transactions_of(commands) if entry.memo == life.words.refund]
    assert refunds
    for entry in refunds:
        kinds = {book.ledger.accounts[p.account].kind: p.amount.minor for p in entry.postings}
        assert kinds[Kind.EXPENSES] < 0 < kinds[Kind.LIABILITIES]


@BOTH
def test_no_price_is_ever_older_than_a_week_so_that_no_figure_is_stale(life: Life) -> None:
    days = [command.date for command in commands_of(life) if isinstance(command, RecordPrice)]
    assert days[-1] == TODAY
    assert all((later - earlier).days <= 7 for earlier, later in pairwise(days))


@BOTH
def test_a_household_shows_what_a_household_has(life: Life) -> None:
    commands = commands_of(life)
    book = book_of(commands)
    assert len(book.budgets.standing) == 5
    assert any(entry.tags for entry in transactions_of(commands))
    foreign = [h for (_, code), h in book.ledger.holdings.items() if code == life.foreign and h > 0]
    assert foreign
    months = {entry.date.month for entry in transactions_of(commands) if entry.memo.startswith("13º")}
    assert months == ({11, 12} if life is BRAZIL else set())
