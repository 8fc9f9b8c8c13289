"""What an OFX element holds, and the readings that rows of every kind share: days, words, figures, balances.

A figure that is none makes the whole file doubtful and refuses it; one that could mean two things costs its row.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any

from commands.imports.reading import Reason
from commands.imports.texts import clean, read_figure
from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY
from domain.money import ISO_4217, MAX_AMOUNT_MINOR, Amount, commodity

Leaves = dict[str, Any]
"""An element's content by name: a text, or the `Leaves` of an element inside it. Of several, the first."""

Entry = tuple[int, str, Leaves]
"""A row before it is read: its number in the file, the name of its element, its content."""

USUAL_SCALE = 2
"""Decimal places of a currency that is not known."""

_FIGURE = re.compile(r"\s*+[+-]?+\s*+[0-9.,][0-9., '’\u00a0\u202f]*+\s*+")
"""A sign, digits and marks: the standard has no signs of currencies and no parentheses, so these are errors here."""


def text_of(leaves: Leaves, name: str) -> str:
    value: object = leaves.get(name)
    return value if isinstance(value, str) else ""


def inner(leaves: Leaves, name: str) -> Leaves:
    value = leaves.get(name)
    return value if isinstance(value, dict) else {}


@lru_cache(maxsize=4096)
def read_day(text: str) -> date | None:
    """The day as written, `YYYYMMDD` with or without time and zone: the bank's own day, whatever the hour elsewhere."""
    text = text.strip()
    if len(text) >= 10 and text[4] in "-/" and text[7] == text[4]:
        text = text[:4] + text[5:7] + text[8:10]
    digits = text[:8]
    if len(digits) < 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def words_of(leaves: Leaves) -> tuple[str, str]:
    """Payee and memo: the name where there is one, else the memo; a check's number where neither has it."""
    name = clean(text_of(leaves, "NAME") or text_of(leaves, "EXTDNAME") or text_of(inner(leaves, "PAYEE"), "NAME"))
    memo = clean(text_of(leaves, "MEMO"))
    check = clean(text_of(leaves, "CHECKNUM"))
    payee = name or memo
    memo = memo if memo != payee else ""
    if check.strip("0") and check not in payee and check not in memo:
        memo = clean(f"{memo} #{check}")
    return payee, memo


def own_currency(leaves: Leaves) -> str:
    """The currency that a row's amount is in, where it names its own (`ORIGCURRENCY` names what it was before)."""
    of = leaves.get("CURRENCY")  # few rows have one
    return clean(text_of(of, "CURSYM")).upper() if isinstance(of, dict) else ""


def scale_of(currency: str) -> int:
    known = ISO_4217.get(currency)
    return known.scale if known is not None else USUAL_SCALE


def figure_of(written: str, scale: int, mark: str = "") -> tuple[int, int]:
    """As `read_figure`, of what the standard calls a figure."""
    if _FIGURE.fullmatch(written) is None:
        raise Rejected("amount_not_decimal", text=clean(written)[:40])
    return read_figure(written, scale, mark)


def read_money(written: str, currency: str, row: int) -> tuple[Amount | None, Reason | None]:
    """A row's amount, or why it has none that can be trusted; `row_amount_not_valid` refuses the file."""
    scale = scale_of(currency)
    try:
        minor, places = figure_of(written, scale)
    except Rejected as rejected:
        if rejected.code != "amount_ambiguous":
            raise not_a_figure(written, row) from None
        return None, Reason("amount_ambiguous", rejected.params)
    if abs(minor) > MAX_AMOUNT_MINOR and abs(minor) > MAX_AMOUNT_MINOR * 10 ** max(0, places - scale):
        raise not_a_figure(written, row)
    return Amount(minor, commodity(currency, places)), None


def not_a_figure(written: str, row: int) -> Rejected:
    return Rejected("row_amount_not_valid", row=row, text=clean(written)[:40])


def read_if_figure(written: str, currency: str) -> Amount | None:
    """An amount that only shows what a row that is not booked, or a balance, says; None where it cannot be read."""
    try:
        minor, places = figure_of(written, scale_of(currency))
    except Rejected:
        return None
    return Amount(minor, commodity(currency, places))


def stated_of(written: str, on: date | None, currency: str) -> tuple[Amount | None, date | None]:
    """A stated balance and its day; nothing where either is missing or cannot be read."""
    amount = read_if_figure(written, currency)
    return (amount, on) if amount is not None and on is not None else (None, None)
