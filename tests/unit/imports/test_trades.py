"""What brokers' rows do to a book: every one that is booked balances, and cash and holdings are the file's own sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.imports.reading import Action, StatementRow, Trade
from commands.imports.trades import MIN_SECURITY_SCALE, investment_postings, security_scale, units_not_booked
from domain.book import Book
from domain.ledger import (
    AccountId,
    Cost,
    DeclareCommodity,
    OpenAccount,
    Posting,
    Price,
    RecordTransaction,
    TransactionId,
)
from domain.money import ISO_4217, MAX_SCALE, Amount, at_scale_of, commodity, parse_amount
from tests.given import Told, household, usd
from tests.given import given as given_book
from tests.unit.imports.investments import rows_of

BROKER, OTHER = AccountId("a-broker"), AccountId("a-uncategorized")
NAMES = ("Dividends", "Interest", "Capital-Gains", "Other-Investment-Income")
CATEGORIES = {f"Income:{name}": AccountId(f"a-{name.lower()}") for name in NAMES}
DAY = date(2026, 1, 5)
UNIT = commodity("INTC", 6)


def postings_of(row: StatementRow, units: dict[str, int]) -> tuple[Posting, ...]:
    assert row.amount is not None
    cash = at_scale_of(row.amount, ISO_4217[row.amount.commodity.code])
    if row.trade is None and not row.income:
        return Posting(BROKER, cash), Posting(OTHER, -cash)
    held = commodity(row.trade.security, units[row.trade.security]) if row.trade is not None else cash.commodity
    return investment_postings(row, BROKER, cash, held, CATEGORIES.__getitem__)


def booked(rows: Iterable[StatementRow]) -> Book:
    """A book into which the rows were recorded by the real decider, one transaction each."""
    taken = [row for row in rows if row.left_out is None]
    scales = dict(security_scale(taken))
    told: list[Told] = [DeclareCommodity(code, scale) for code, scale in scales.items()]
    told += [OpenAccount(BROKER, "Assets:Broker"), OpenAccount(OTHER, "Expenses:Uncategorized")]
    told += [OpenAccount(account, name) for name, account in CATEGORIES.items()]
    for row in taken:
        assert row.date is not None
        told.append(RecordTransaction(TransactionId(f"t-{row.row}"), row.date, postings_of(row, scales)))
    return given_book(household(), told).book


def held(book: Book, account: AccountId) -> dict[str, Decimal]:
    """What an account holds, by commodity."""
    units = book.ledger.commodities
    return {
        code: Decimal(minor).scaleb(-units[code].scale).normalize()
        for (of, code), minor in book.ledger.holdings.items()
        if of == account and minor
    }


def decimals(**figures: str) -> dict[str, Decimal]:
    return {code.replace("_", "-"): Decimal(figure).normalize() for code, figure in figures.items()}


def row(
    amount: str = "-100.50", trade: tuple[Action, str] | None = None, income: str = "", number: int = 1
) -> StatementRow:
    told = Trade(trade[0], "INTC", "INTEL CORP", parse_amount(trade[1], "INTC")) if trade is not None else None
    return StatementRow(number, DAY, usd(amount), "INTEL CORP", "", "1", "", income=income, trade=told)


def test_a_year_at_a_broker_ends_with_the_holdings_that_the_broker_lists() -> None:
    book = booked(rows_of("fidelity.ofx"))
    # Of SPY 8.035 were sold that came before the file; all others are the file's own list of positions.
    holdings = decimals(INTC="100.911", SDRL="128", HI="115", CLCT="70.573", XIN="390.909", SPY="-8.035")
    spent, received, sold = "11687.07", "66.30", "1094.10"
    assert held(book, BROKER) == holdings | {"USD": Decimal(received) + Decimal(sold) - Decimal(spent)}
    assert held(book, CATEGORIES["Income:Dividends"]) == decimals(USD="-65.90")
    assert held(book, OTHER) == decimals(USD="0.57")  # a fee of 0.97 less interest of 0.24 and 0.16


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("investment_401k.ofx", decimals(USD="-197.20", FOO="8.846699")),
        ("vanguard.ofx", decimals(USD="4212.30", SEC_012345678="-42.123")),
        ("investment_medium.ofx", decimals(USD="-3.95")),
        ("td_ameritrade.ofx", {}),
    ],
)
def test_cash_and_holdings_are_what_the_file_says_moved(sample: str, expected: dict[str, Decimal]) -> None:
    assert held(booked(rows_of(sample)), BROKER) == expected


def test_a_purchase_is_held_at_its_total_since_its_day() -> None:
    bought = postings_of(row("-100.50", (Action.BUY, "10")), {"INTC": 6})
    units = Amount(10_000_000, UNIT)
    assert bought == (Posting(BROKER, usd("-100.50")), Posting(BROKER, units, Cost(usd("100.50"), DAY)))


def test_a_sale_takes_units_out_at_what_they_brought_and_claims_no_cost() -> None:
    sold = postings_of(row("99.50", (Action.SELL, "-10")), {"INTC": 6})
    units = Amount(-10_000_000, UNIT)
    assert sold == (Posting(BROKER, usd("99.50")), Posting(BROKER, units, price=Price(usd("-99.50"))))


def test_a_reinvestment_earns_and_spends_at_once_and_moves_no_cash() -> None:
    book = booked([row("5.53", (Action.REINVEST, "0.25"), "Dividends")])
    assert held(book, BROKER) == decimals(INTC="0.25")
    assert held(book, CATEGORIES["Income:Dividends"]) == decimals(USD="-5.53")


def test_income_that_is_taken_back_lowers_the_income() -> None:
    book = booked([row("5.53", income="Dividends"), row("-2.00", income="Dividends", number=2)])
    assert held(book, CATEGORIES["Income:Dividends"]) == decimals(USD="-3.53")
    assert held(book, BROKER) == decimals(USD="3.53")


def test_a_security_is_declared_finer_than_its_first_rows_are() -> None:
    def scale(*units: str) -> int:
        rows = [row("-1.00", (Action.BUY, text), number=n) for n, text in enumerate(units, 1)]
        return security_scale(rows)["INTC"]

    assert scale("10") == scale("0.25", "1") == MIN_SECURITY_SCALE
    assert scale("0.12345678", "10") == 8
    assert scale("0.123456789012") == MAX_SCALE
    assert security_scale([row(income="Dividends")]) == {}


def test_units_that_the_book_cannot_keep_exactly_are_left_out_by_name() -> None:
    def reason(units: str, scale: int) -> str:
        found = units_not_booked(row("-1.00", (Action.BUY, units)), commodity("INTC", scale))
        return found.code if found is not None else ""

    assert reason("0.25", 2) == reason("0.250", 2) == ""
    assert reason("0.255", 2) == "amount_scale_exceeded"
    assert reason("1000001", 9) == "amount_out_of_range"
    assert units_not_booked(row(income="Dividends"), UNIT) is None


trades = st.tuples(
    st.sampled_from(Action), st.integers(1, 10**9), st.integers(0, MAX_SCALE), st.integers(1, 10**9), st.booleans()
)


@given(st.lists(trades, max_size=8))
def test_any_rows_of_a_broker_balance_and_move_exactly_what_they_say(
    told: Sequence[tuple[Action, int, int, int, bool]],
) -> None:
    rows, cash, units = [], 0, Decimal(0)
    for number, (action, minor, places, total, is_income) in enumerate(told, 1):
        sign = -1 if action is Action.SELL else 1
        trade = None if is_income else Trade(action, "INTC", "", Amount(sign * minor, commodity("INTC", places)))
        moved = -total if action is Action.BUY else total
        income = "Dividends" if is_income or action is Action.REINVEST else ""
        amount = Amount(moved, commodity("USD", 2))
        rows.append(StatementRow(number, DAY, amount, "", "", "", "", income=income, trade=trade))
        cash += 0 if trade is not None and action is Action.REINVEST else moved
        units += Decimal(sign * minor).scaleb(-places) if trade is not None else 0
    rows = [of for of in rows if units_fit(of, rows)]
    if len(rows) < len(told):
        return
    expected = {"USD": Decimal(cash).scaleb(-2)} if cash else {}
    expected |= {"INTC": units} if units else {}
    assert held(booked(rows), BROKER) == expected


def units_fit(of: StatementRow, rows: Sequence[StatementRow]) -> bool:
    return units_not_booked(of, commodity("INTC", security_scale(rows).get("INTC", 0))) is None
