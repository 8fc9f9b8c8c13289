"""How events become the register's rows: a state begins with its event and ends with the one that takes it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, Connection, Date, Integer, Table, bindparam, select, update

from domain.book import BookId
from domain.ledger import Posting, TransactionAmended, TransactionId, TransactionRecorded, TransactionVoided
from domain.recorded import Recorded
from projections.chart import Numbers
from projections.reading import Reading, forget, read
from projections.readmodel import NEVER, Value, add_in_bulk, copy_in_bulk, in_chunks
from projections.register.tables import chart, entries, lines, months
from projections.register.words import words_column

_Ref = tuple[int, TransactionId]
"""A transaction by its book's number and its id."""

_State = tuple[int, int]
"""A state of a transaction by its book's number and the version that it began with."""

_Head = tuple[str | None, str | None]
"""What an amendment leaves as it was: the import that brought a transaction, and the one that it corrects."""


@dataclass(slots=True)
class _Ends:
    """What ends in a batch.

    `until`: of states that began in it too, the version that ends them. `standing` and `standing_lines`: rows of
    before that are to end. `heads`: what an amended transaction keeps.
    """

    until: dict[_State, int] = field(default_factory=dict)
    heads: dict[_State, _Head] = field(default_factory=dict)
    standing: list[dict[str, Any]] = field(default_factory=list)
    standing_lines: list[dict[str, Any]] = field(default_factory=list)


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Add the states that the batch's transactions take, and end those that they leave."""
    reading = read(batch)
    numbers = chart.extend(connection, reading)
    ends = _ends(connection, batch, numbers)
    copy_in_bulk(connection, entries, list(_entry_rows(batch, numbers, ends)))
    copy_in_bulk(connection, lines, list(_line_rows(reading, numbers, ends)))
    if ends.standing:
        until = {"until": bindparam("ended", type_=Integer)}
        of_account = lines.c.account == bindparam("of_account", type_=Integer)
        connection.execute(update(entries).where(*_key_of(entries)).values(until), ends.standing)
        connection.execute(update(lines).where(*_key_of(lines), of_account).values(until), ends.standing_lines)
    _add_to_months(connection, reading, numbers)


def purge(connection: Connection, book: BookId) -> None:
    """Remove every transaction of a book, and the words it could be found by, from memory too."""
    chart.purge(connection, book, (entries, lines, months))
    # What is remembered may be of any book; to forget all of it costs a few milliseconds.
    words_column.cache_clear()
    forget()


def _ends(connection: Connection, batch: Sequence[Recorded], numbers: Numbers) -> _Ends:
    ends = _Ends()
    ending: dict[_Ref, date] = {}
    for recorded in batch:
        event = recorded.event
        if isinstance(event, TransactionAmended | TransactionVoided):
            # A transaction's first end in the batch tells the day of its state of before, if it has one.
            ending.setdefault((numbers.books[recorded.book], event.transaction), event.was_date)
    if not ending:
        return ends
    before = _standing_before(connection, ending)
    begun: dict[_Ref, tuple[int, _Head]] = {}
    for recorded in batch:
        event = recorded.event
        number, version = numbers.books[recorded.book], recorded.version
        if isinstance(event, TransactionRecorded):
            begun[number, event.transaction] = version, (event.import_id, event.corrects)
        elif isinstance(event, TransactionAmended | TransactionVoided):
            ref = (number, event.transaction)
            if ref in begun:
                began, head = begun.pop(ref)
                ends.until[number, began] = version
            else:
                began, head = before[ref]
                key = {"of_book": number, "of_date": event.was_date, "of_version": began, "ended": version}
                accounts = {numbers.accounts[recorded.book][p.account][0] for p in event.was_postings}
                ends.standing.append(key)
                ends.standing_lines.extend([key | {"of_account": account} for account in sorted(accounts)])
            if isinstance(event, TransactionAmended):
                begun[ref] = version, head
                ends.heads[number, version] = head
    return ends


def _standing_before(connection: Connection, ending: dict[_Ref, date]) -> dict[_Ref, tuple[int, _Head]]:
    """Version and head of the states of before the batch that end in it."""
    days: dict[int, dict[TransactionId, date]] = defaultdict(dict)
    for (number, transaction), day in ending.items():
        days[number][transaction] = day
    found: dict[_Ref, tuple[int, _Head]] = {}
    columns = entries.c
    for number, day_of in days.items():
        # By day, so that the few days of a chunk are read and not the book.
        for chunk in in_chunks(sorted(day_of, key=lambda transaction: (day_of[transaction], transaction))):
            rows = connection.execute(
                select(columns.transaction, columns.version, columns.body).where(
                    columns.book_number == number,
                    columns.date.in_(sorted({day_of[transaction] for transaction in chunk})),
                    columns.transaction.in_(chunk),
                    columns.until == NEVER,
                )
            )
            for transaction, version, body in rows:
                import_id, corrects = orjson.loads(body)[4:6]
                found[number, transaction] = version, (import_id, corrects)
    return found


def _entry_rows(batch: Sequence[Recorded], numbers: Numbers, ends: _Ends) -> Iterator[tuple[Value, ...]]:
    for recorded in batch:
        event = recorded.event
        if not isinstance(event, TransactionRecorded | TransactionAmended):
            continue
        number, version = numbers.books[recorded.book], recorded.version
        head: _Head = (
            (event.import_id, event.corrects) if isinstance(event, TransactionRecorded) else ends.heads[number, version]
        )
        places = numbers.accounts[recorded.book]
        packed: list[tuple[Any, ...]] = []
        for posting in event.postings:
            unit = posting.amount.commodity
            amount = (places[posting.account][0], posting.amount.minor, unit.code, unit.scale)
            plain = posting.cost is None and posting.price is None
            packed.append(amount if plain else (*amount, *_packed_totals(posting)))
        body = (event.payee, event.memo, event.tags, event.links, *head, packed)
        yield (
            number,
            event.date.isoformat(),
            version,
            ends.until.get((number, version), NEVER),
            event.transaction,
            words_column(event.payee, event.memo, event.tags),
            orjson.dumps(body).decode(),
        )


def _packed_totals(posting: Posting) -> tuple[Any, Any]:
    """Cost and price as JSON takes them; `asking` reads them back."""
    cost, price = posting.cost, posting.price
    lot = total = None
    if cost is not None:
        unit = cost.total.commodity
        lot = (cost.total.minor, unit.code, unit.scale, cost.date, cost.label)
    if price is not None:
        unit = price.total.commodity
        total = (price.total.minor, unit.code, unit.scale)
    return lot, total


def _line_rows(reading: Reading, numbers: Numbers, ends: _Ends) -> Iterator[tuple[Value, ...]]:
    for book, version, sign, day, _, amounts in reading.moves:
        if sign < 0:
            continue
        number, places = numbers.books[book], numbers.accounts[book]
        until = ends.until.get((number, version), NEVER)
        for account, code, scale, minor in amounts:
            yield number, minor, places[account][0], day, version, until, scale, code


def _add_to_months(connection: Connection, reading: Reading, numbers: Numbers) -> None:
    sums: dict[tuple[int, int, str, str], list[int]] = {}
    for book, _, _, _, month, amounts in reading.moves:
        number, places = numbers.books[book], numbers.accounts[book]
        for account, code, scale, minor in amounts:
            key = (number, places[account][0], month, code)
            known = sums.get(key)
            if known is None:
                sums[key] = [scale, minor]
            else:
                known[1] += minor
    # In the order of keys, so that two writers would meet the rows in the same order.
    rows: list[tuple[Value, ...]] = [(*key, *sums[key]) for key in sorted(sums)]
    add_in_bulk(connection, months, rows, added=("minor",))


def _key_of(table: Table) -> list[ColumnElement[bool]]:
    return [
        table.c.book_number == bindparam("of_book", type_=BigInteger),
        table.c.date == bindparam("of_date", type_=Date),
        table.c.version == bindparam("of_version", type_=Integer),
    ]
