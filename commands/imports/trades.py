"""Rows of investment accounts as postings: the cash that moved, the holding at what it cost, income as income.

Cash and holding are two commodities of one account. A purchase is held at its total, fees inside; a sale takes units
out at what they brought, for the file does not tell which lots it took, and nothing is claimed about their cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import assert_never

from commands.imports.reading import Action, Reason, StatementRow, Trade
from domain.errors import Rejected
from domain.ledger import AccountId, Cost, Posting, Price
from domain.money import MAX_AMOUNT_MINOR, MAX_SCALE, Amount, Commodity, at_scale_of

MIN_SECURITY_SCALE = 6
"""Decimal places a security is declared with at least: brokers trade in millionths, and later files bring finer
fractions than the first, while a scale never grows.
"""

INCOME = "Income"
"""The root of the accounts that income goes to: `Income:Dividends`."""


def investment_postings(
    row: StatementRow,
    account: AccountId,
    cash: Amount,
    holding_unit: Commodity,
    category: Callable[[str], AccountId],
) -> tuple[Posting, ...]:
    """The postings of a row with a trade or income, which balance by construction.

    `cash` is the row's amount at its currency's scale in the book, `holding_unit` the book's unit of the traded
    security (of no use without a trade). `category` gives the id of an account by its full name, opening it where
    needed. `amount_scale_exceeded` where the units are finer than the book keeps them: `units_not_booked` tells before.
    """
    trade = row.trade
    if trade is None:
        return Posting(account, cash), Posting(category(f"{INCOME}:{row.income}"), -cash)
    units = at_scale_of(trade.units, holding_unit)
    match trade.action:
        case Action.BUY:
            return Posting(account, cash), Posting(account, units, Cost(-cash, row.date))
        case Action.SELL:
            return Posting(account, cash), Posting(account, units, price=Price(-cash))
        case Action.REINVEST:
            earned = Posting(category(f"{INCOME}:{row.income}"), -cash)
            return earned, Posting(account, units, Cost(cash, row.date))
        case _:
            assert_never(trade.action)


def units_not_booked(row: StatementRow, holding_unit: Commodity) -> Reason | None:
    """Why a row's units cannot be booked exactly in a security that the book has already; None where they can."""
    if row.trade is None:
        return None
    units = row.trade.units
    try:
        exact = at_scale_of(units, holding_unit)
    except Rejected as rejected:
        return Reason(rejected.code, {"amount": units, "scale": holding_unit.scale})
    if abs(exact.minor) > MAX_AMOUNT_MINOR:
        return Reason("amount_out_of_range", {"limit_minor": MAX_AMOUNT_MINOR})
    return None


def security_scale(rows: Iterable[StatementRow]) -> Mapping[str, int]:
    """Decimal places to declare each traded security with, by code: what its finest row needs and `MIN_SECURITY_SCALE`
    at least. Finer than a commodity can be is cut at the finest; the rows beyond it are left out when they are booked.
    """
    scales: dict[str, int] = {}
    for trade in _trades_of(rows):
        places = max(MIN_SECURITY_SCALE, trade.units.commodity.scale)
        scales[trade.security] = min(MAX_SCALE, max(places, scales.get(trade.security, 0)))
    return scales


def _trades_of(rows: Iterable[StatementRow]) -> Iterable[Trade]:
    return (row.trade for row in rows if row.trade is not None and row.left_out is None)
