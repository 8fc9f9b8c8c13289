"""Rows of investment accounts: trades with their cash and their holding, income, expenses, and what is only listed.

The total is what moved, whatever units times price would give. A row whose cash, units or direction the file does not
tell for certain is left out by name, and so is what changes holdings without telling what they cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from commands.imports.ofx.leaves import (
    Entry,
    Leaves,
    figure_of,
    inner,
    not_a_figure,
    own_currency,
    read_day,
    read_if_figure,
    read_money,
    text_of,
    words_of,
)
from commands.imports.ofx.securities import Securities, Security
from commands.imports.reading import Action, Reason, StatementRow, Trade
from commands.imports.texts import clean
from domain.errors import Rejected
from domain.money import ISO_4217, MAX_SCALE, Amount, commodity, decimal_text

BUYS = frozenset({"BUYSTOCK", "BUYMF", "BUYDEBT", "BUYOPT", "BUYOTHER"})
SELLS = frozenset({"SELLSTOCK", "SELLMF", "SELLDEBT", "SELLOPT", "SELLOTHER"})
EXPENSES = frozenset({"INVEXPENSE", "MARGININTEREST"})
LISTED_ONLY = {
    "RETOFCAP": Reason("return_of_capital_not_booked"),
    "SPLIT": Reason("split_not_booked"),
    "TRANSFER": Reason("security_transfer_not_booked"),
    "JRNLFUND": Reason("moved_within_account"),
    "JRNLSEC": Reason("moved_within_account"),
    "CLOSUREOPT": Reason("option_closure_not_booked"),
}
"""What never is a transaction of cash and cost, and why."""

DEALS = BUYS | SELLS | EXPENSES | LISTED_ONLY.keys() | {"REINVEST", "INCOME"}
"""Elements that are rows wherever they stand; in a list of transactions any other element is one too."""

PARTS = frozenset({"INVBUY", "INVSELL", "INVTRAN", "SECID", "INVBAL", "INVPOS", "SECINFO", "SECLIST"})
"""Elements of investment statements that hold others, beside the rows."""

INCOME = {"DIV": "Dividends", "INTEREST": "Interest", "CGLONG": "Capital-Gains", "CGSHORT": "Capital-Gains"}
OTHER_INCOME = "Other-Investment-Income"

_ON_DEBT_SIDE = frozenset({"BUYTOCOVER", "BUYTOCLOSE", "SELLSHORT", "SELLTOOPEN"})
"""Trades in what is owed and not held: their cost is told when they end."""

_NEAR = 2
"""Units times price come within this factor of the total where a figure is read rightly; wrongly it is a thousand."""

MAX_SHOWN_HOLDINGS = 20
"""Holdings that a remark names."""


def investment_row(entry: Entry, currency: str, securities: Securities, broker: str) -> StatementRow:
    """A row that is no bank row, of a statement in `currency`."""
    number, name, leaves = entry
    deal = _deal_of(leaves)
    told = inner(deal, "INVTRAN")
    security = securities.named(inner(deal, "SECID"), broker)
    _, memo = words_of({"NAME": security.name if security is not None else "", "MEMO": text_of(told, "MEMO")})
    payee = security.name if security is not None else clean(text_of(told, "MEMO"))
    row = StatementRow(
        number,
        read_day(text_of(told, "DTTRADE")),
        read_if_figure(text_of(deal, "TOTAL"), own_currency(deal) or currency),
        payee,
        memo,
        clean(text_of(told, "FITID")),
        name,
    )
    listed = LISTED_ONLY.get(name)
    if name not in DEALS:
        listed = Reason("investment_row_unknown", {"element": name})
    elif listed is None and text_of(told, "REVERSALFITID").strip():
        listed = Reason("trade_reversed")
    if listed is not None:
        return replace(row, left_out=listed)
    return _booked(row, leaves, deal, own_currency(deal) or currency, currency, security)


def _deal_of(leaves: Leaves) -> Leaves:
    """The part that tells the transaction: a trade wraps it, what moves only cash does not."""
    if "INVTRAN" in leaves:
        return leaves
    return next((value for value in leaves.values() if isinstance(value, dict) and "INVTRAN" in value), leaves)


def _booked(
    row: StatementRow, leaves: Leaves, deal: Leaves, own: str, currency: str, security: Security | None
) -> StatementRow:
    """The row with what it moves; left out where that is not certain."""
    written = text_of(deal, "TOTAL")
    if not written.strip():
        return replace(row, left_out=Reason("trade_without_total"))
    amount, left_out = read_money(written, own, row.row)
    if amount is not None and amount.minor == 0:
        is_trade = row.kind in BUYS or row.kind in SELLS or row.kind == "REINVEST"
        left_out = Reason("trade_without_total" if is_trade else "row_moves_nothing")
    if own != currency and own not in ISO_4217:
        left_out = Reason("row_in_other_currency", {"currency": own, "expected": currency})
    if row.date is None:
        left_out = Reason("row_date_not_valid", {"text": clean(text_of(inner(deal, "INVTRAN"), "DTTRADE"))[:40]})
    row = replace(row, amount=amount)
    if left_out is not None or amount is None:
        return replace(row, left_out=left_out)
    if row.kind == "INCOME":
        withheld = _is_some(text_of(deal, "WITHHOLDING"))
        return replace(row, income=_income(deal), left_out=Reason("income_with_withholding") if withheld else None)
    if row.kind in EXPENSES:
        return replace(row, left_out=Reason("expense_direction_unclear") if amount.minor > 0 else None)
    return _traded(row, leaves, deal, amount, security)


def _traded(row: StatementRow, leaves: Leaves, deal: Leaves, total: Amount, security: Security | None) -> StatementRow:
    if security is None:
        return replace(row, left_out=Reason("trade_without_security"))
    if _is_some(text_of(leaves, "ACCRDINT")):
        return replace(row, left_out=Reason("accrued_interest_not_booked"))
    kinds = (text_of(leaves, name).strip().upper() for name in ("BUYTYPE", "SELLTYPE", "OPTBUYTYPE", "OPTSELLTYPE"))
    if not _ON_DEBT_SIDE.isdisjoint(kinds):
        return replace(row, left_out=Reason("short_trade_not_booked"))
    if not text_of(deal, "UNITS").strip():
        return replace(row, left_out=Reason("trade_without_units"))
    units = _units(deal, total, security.code, row.row)
    if units is None:
        return replace(row, left_out=Reason("amount_ambiguous", {"text": clean(text_of(deal, "UNITS"))[:40]}))
    if units.minor == 0:
        return replace(row, left_out=Reason("trade_without_units"))
    # Some brokers write no signs: then the element's name tells the direction. Any other contradiction is none of ours.
    unsigned = units.minor > 0 and total.minor > 0
    match row.kind:
        case "REINVEST" if units.minor > 0:
            earned = total if total.minor > 0 else -total
            return replace(row, amount=earned, income=_income(deal), trade=_trade(Action.REINVEST, security, units))
        case name if name in BUYS and units.minor > 0:
            return replace(row, amount=-total if unsigned else total, trade=_trade(Action.BUY, security, units))
        case name if name in SELLS and total.minor > 0:
            return replace(row, trade=_trade(Action.SELL, security, -units if unsigned else units))
        case _:
            return replace(row, left_out=Reason("trade_direction_unclear"))


def _trade(action: Action, security: Security, units: Amount) -> Trade:
    return Trade(action, security.code, security.name, units)


def _income(deal: Leaves) -> str:
    return INCOME.get(text_of(deal, "INCOMETYPE").strip().upper(), OTHER_INCOME)


def _is_some(written: str) -> bool:
    """Whether a figure that should be nothing is something, or cannot be told."""
    return any(c.isalnum() and c != "0" for c in written)


def _units(deal: Leaves, total: Amount, code: str, row: int) -> Amount | None:
    """The units, without zeros at their end; None where they could be so many or a thousand times as many.

    `42.123` could be either, were it alone: units times price give the total in one reading only.
    """
    readings = _readings(text_of(deal, "UNITS"), row)
    if len(readings) > 1:
        prices = _readings(text_of(deal, "UNITPRICE"), row) if text_of(deal, "UNITPRICE").strip() else []
        moved = abs(_decimal(total.minor, total.commodity.scale))
        readings = list(
            dict.fromkeys(
                units
                for units in readings
                for price in prices
                if moved <= abs(_decimal(*units) * _decimal(*price)) * _NEAR <= moved * _NEAR * _NEAR
            )
        )
    if len(readings) != 1:
        return None
    minor, places = readings[0]
    while places and minor % 10 == 0:
        minor, places = minor // 10, places - 1
    return Amount(minor, commodity(code, places))


def _readings(written: str, row: int) -> list[tuple[int, int]]:
    """What a figure of any number of places can mean: one thing, or a decimal and a thousand times it."""
    try:
        return [figure_of(written, MAX_SCALE)]
    except Rejected as rejected:
        if rejected.code != "amount_ambiguous":
            raise not_a_figure(written, row) from None
        return [figure_of(written, MAX_SCALE, mark) for mark in ".,"]


def _decimal(minor: int, places: int) -> Decimal:
    return Decimal(minor).scaleb(-places)


def holdings_remark(holdings: list[Leaves], securities: Securities, broker: str) -> Iterator[Reason]:
    """What to know of the positions a broker lists: they tell no cost, so that none of them is booked."""
    shown = [
        f"{_plain(text_of(position, 'UNITS'))} {security.code}"
        for position in holdings
        if (security := securities.named(inner(position, "SECID"), broker)) is not None
        and _is_some(text_of(position, "UNITS"))
    ]
    if shown:
        yield Reason("holdings_not_opened", {"count": len(shown), "holdings": shown[:MAX_SHOWN_HOLDINGS]})


def _plain(written: str) -> str:
    """Units as a person writes them, where they can be read."""
    try:
        minor, places = figure_of(written, MAX_SCALE)
    except Rejected:
        return clean(written)[:40]
    text = decimal_text(minor, places)
    return text.rstrip("0").rstrip(".") if "." in text else text
