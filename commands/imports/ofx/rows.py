"""Rows of banks and cards, and the bank's rows within an investment account.

What a bank writes wrong in one row costs that row, by name.
"""

from __future__ import annotations

from datetime import date

from commands.imports.ofx.leaves import (
    Entry,
    Leaves,
    own_currency,
    read_day,
    read_if_figure,
    read_money,
    text_of,
    words_of,
)
from commands.imports.reading import Reason, StatementRow
from commands.imports.texts import clean, read_instalment
from domain.money import ISO_4217

ROW, PENDING_ROW = "STMTTRN", "STMTTRNP"
"""A movement, and one that the bank has announced and not booked yet."""


def bank_row(entry: Entry, currency: str, last: date | None, takes_any_currency: bool) -> StatementRow:
    """A row of a statement in `currency` whose last day is `last`.

    A broker keeps cash in several currencies: `takes_any_currency` leaves an amount in the one that it names itself.
    """
    number, name, leaves = entry
    if name == PENDING_ROW:
        return _pending(number, leaves, currency)
    payee, memo = words_of(leaves)
    own = own_currency(leaves) or currency
    amount, left_out = read_money(text_of(leaves, "TRNAMT"), own, number)
    if amount is not None and amount.minor == 0:
        left_out = Reason("row_moves_nothing")
    if own != currency and not (takes_any_currency and own in ISO_4217):
        left_out = Reason("row_in_other_currency", {"currency": own, "expected": currency})
    on, dated = text_of(leaves, "DTPOSTED"), True
    day = read_day(on)
    if day is None and "DTPOSTED" not in leaves:
        day, dated = last, False
    if day is None:
        left_out = Reason("row_date_not_valid", {"text": clean(on)[:40]})
    return StatementRow(
        number,
        day,
        amount,
        payee,
        memo,
        clean(text_of(leaves, "FITID")),
        clean(text_of(leaves, "TRNTYPE")).upper(),
        read_instalment(f"{payee} {memo}"),
        dated,
        left_out,
    )


def _pending(number: int, leaves: Leaves, currency: str) -> StatementRow:
    """A row that the bank may still change or drop: shown, as far as it can be read, and not booked."""
    payee, memo = words_of(leaves)
    return StatementRow(
        number,
        read_day(text_of(leaves, "DTTRAN") or text_of(leaves, "DTPOSTED")),
        read_if_figure(text_of(leaves, "TRNAMT"), own_currency(leaves) or currency),
        payee,
        memo,
        clean(text_of(leaves, "FITID")),
        clean(text_of(leaves, "TRNTYPE")).upper(),
        left_out=Reason("row_pending"),
        pending=True,
    )
