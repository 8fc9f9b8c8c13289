"""Opening and closing balances: whether a bank's rows add up between them, and which messages continue each other.

A bank cuts what it tells of an account into pages and days. What one message closes with and the next opens with is one
statement: its equal rows are movements of their own, while a message that stands twice in a file does not continue
itself, and its rows stay known as the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from commands.imports.reading import AccountType, Reason, Statement, StatementRow
from domain.money import Amount, commodity

NOT_BOOKED = frozenset({"row_pending", "row_informational", "row_status_unknown"})
"""Why rows are left out that the bank has not booked, so that no balance of its has them."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account held at the end of a day, as the bank writes it."""

    amount: Amount
    on: date


@dataclass(frozen=True, slots=True)
class Message:
    """One message, or page, on one account. `reference` is the bank's own of the message.

    `closing_is_final` is False where it closes a page and not a day. `after_closing` of the rows, at their end, stand
    outside of the two balances.
    """

    type: AccountType
    bank: str
    account_number: str
    currency: str
    reference: str
    opening: Balance | None
    closing: Balance | None
    closing_is_final: bool
    rows: tuple[StatementRow, ...]
    after_closing: int = 0


@dataclass(slots=True)
class _Chain:
    first: Message
    last: Message
    rows: list[StatementRow]


def statements_of(messages: Iterable[Message]) -> tuple[tuple[Statement, ...], tuple[Reason, ...]]:
    """One statement of all messages that continue each other, in the order they begin, and what is odd about them."""
    chains: list[_Chain] = []
    latest: dict[tuple[str, str, str], _Chain] = {}
    remarks: list[Reason] = []
    for message in messages:
        place = (message.bank, message.account_number, message.currency)
        chain = latest.get(place)
        if chain is not None and _continues(chain.last, message):
            chain.last = message
            chain.rows += message.rows
        else:
            chain = latest[place] = _Chain(message, message, list(message.rows))
            chains.append(chain)
        remarks += _doubts(message)
    statements: list[Statement] = []
    for chain in chains:
        stated = _stated(chain.last)
        if chain.last.closing is not None and not chain.last.closing_is_final:
            remarks.append(Reason("closing_not_of_a_day", {"account": chain.last.account_number}))
        statements.append(_statement(len(statements) + 1, chain, stated))
    return tuple(statements), tuple(remarks)


def dated_by_closing(rows: list[StatementRow], opening: Balance | None, closing: Balance | None) -> int:
    """Put rows with a later day on the closing balance's, and give how many: what it holds was booked by then.

    Nothing is moved where the closing balance is of a day before the opening one: then its day says nothing.
    """
    if closing is None or (opening is not None and closing.on < opening.on):
        return 0
    moved = 0
    for place, row in enumerate(rows):
        if row.date is not None and row.date > closing.on and _is_booked(row):
            rows[place] = replace(row, date=closing.on)
            moved += 1
    return moved


def _is_booked(row: StatementRow) -> bool:
    return row.left_out is None or row.left_out.code not in NOT_BOOKED


def _continues(before: Message, after: Message) -> bool:
    if before.closing is None or after.opening is None:
        return False
    if before.closing_is_final and before.reference == after.reference:
        return False  # the same once more: pages may bear one reference, statements may not
    return _difference(before.closing.amount, after.opening.amount) == 0 and after.opening.on >= before.closing.on


def _doubts(message: Message) -> list[Reason]:
    opening, closing = message.opening, message.closing
    facts: dict[str, object] = {"account": message.account_number}
    if opening is None or closing is None:
        return []
    doubts: list[Reason] = []
    held = opening.amount
    for row in message.rows[: len(message.rows) - message.after_closing]:
        if _is_booked(row) and row.amount is not None and row.amount.commodity.code == held.commodity.code:
            held = _sum(held, row.amount)
    if (missing := _difference(closing.amount, held)) != 0:
        scale = max(closing.amount.commodity.scale, held.commodity.scale)
        difference = Amount(missing, commodity(closing.amount.commodity.code, scale))
        doubts.append(Reason("statement_does_not_add_up", {**facts, "date": closing.on, "difference": difference}))
    if closing.on < opening.on:
        doubts.append(Reason("closing_before_opening", {**facts, "opening": opening.on, "closing": closing.on}))
    return doubts


def _stated(message: Message) -> Balance | None:
    """The closing balance where it is one of the end of a day."""
    opening, closing = message.opening, message.closing
    if closing is None or not message.closing_is_final or (opening is not None and closing.on < opening.on):
        return None
    return closing


def _statement(number: int, chain: _Chain, stated: Balance | None) -> Statement:
    days = [row.date for row in chain.rows if row.date is not None and row.dated]
    if stated is not None:
        days.append(stated.on)
    message = chain.first
    return Statement(
        number,
        message.type,
        message.bank,
        message.account_number,
        message.currency,
        min(days, default=None),
        max(days, default=None),
        stated.amount if stated is not None else None,
        stated.on if stated is not None else None,
        tuple(chain.rows),
    )


def _sum(one: Amount, other: Amount) -> Amount:
    a, b = one.commodity.scale, other.commodity.scale
    if a == b:
        return Amount(one.minor + other.minor, one.commodity)
    scale = max(a, b)
    minor = one.minor * 10 ** (scale - a) + other.minor * 10 ** (scale - b)
    return Amount(minor, commodity(one.commodity.code, scale))


def _difference(one: Amount, other: Amount) -> int:
    """In units of the finer of the two scales."""
    return _sum(one, -other).minor
