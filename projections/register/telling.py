"""What the register tells of single transactions that stand: their words, for whoever decides and keeps none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

import orjson
from sqlalchemy import Connection, and_, select

from domain.book import BookId
from domain.ledger import AccountId, Posting, TransactionId
from projections.readmodel import MAX_BOUND_VALUES, NEVER
from projections.register.asking import unpacked
from projections.register.tables import chart, entries, lines

FETCHED_ROWS = 1_000
"""Rows fetched at a time: a whole book is never held."""


def words_of(
    connection: Connection, book: BookId, transactions: Collection[TransactionId]
) -> dict[TransactionId, tuple[str, str]]:
    """Payee and memo of those of the transactions that stand. Reads all of the book's entries once."""
    number = chart.books.of(connection, book)
    if number is None or not transactions:
        return {}
    wanted = set(transactions)
    standing = select(entries.c.transaction, entries.c.body)
    standing = standing.where(entries.c.book_number == number, entries.c.until == NEVER)
    if len(wanted) <= MAX_BOUND_VALUES:
        standing = standing.where(entries.c.transaction.in_(sorted(wanted)))
    found: dict[TransactionId, tuple[str, str]] = {}
    for transaction, body in connection.execute(standing, execution_options={"yield_per": FETCHED_ROWS}):
        if transaction in wanted:
            payee, memo = orjson.loads(body)[:2]
            found[transaction] = payee, memo
    return found


def standing_on(
    connection: Connection, book: BookId, accounts: Collection[AccountId]
) -> Iterator[tuple[TransactionId, date, tuple[Posting, ...], str, str]]:
    """The transactions that stand with a posting on one of the accounts, or on what was merged into it: id, date,
    postings, payee and memo of each, once and in no order.
    """
    places = chart.of(connection, book, None)
    if places is None:
        return
    numbers = sorted({number for account in accounts for number in places.numbers_of(account)})
    columns = lines.c
    # One line a commodity and account, one state for all of them.
    on_them = [columns.book_number == places.number, columns.account.in_(numbers), columns.until == NEVER]
    keys = select(columns.date, columns.version).where(*on_them).distinct().subquery()
    found = (
        select(entries.c.transaction, entries.c.date, entries.c.body)
        .join(keys, and_(entries.c.date == keys.c.date, entries.c.version == keys.c.version))
        .where(entries.c.book_number == places.number)
    )
    for transaction, day, body in connection.execute(found, execution_options={"yield_per": FETCHED_ROWS}):
        payee, memo, *_, postings = orjson.loads(body)
        yield transaction, day, tuple([unpacked(posting, places) for posting in postings]), payee, memo
