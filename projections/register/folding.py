"""How events become the register's rows: a state begins with its event and ends with the one that takes it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, ColumnElement, Connection, Date, Integer, Table, bindparam, select, update

from domain.book import BookId
from domain.ledger import Posting, TransactionAmended, TransactionId, TransactionRecorded
from domain.recorded import Recorded
from projections.chart import Numbers
from projections.reading import Reading, forget, read
from projections.readmodel import NEVER, CText, Value, add_in_bulk, copy_in_bulk, in_chunks
from projections.register.likeness import likeness
from projections.register.tables import chart, entries, instalments, lines, months
from projections.register.words import words_column

_Ref = tuple[int, TransactionId]
"""A transaction by its book's number and its id."""

_State = tuple[int, int]
"""A state of a transaction by its book's number and the version that it began with."""


class _Told(NamedTuple):
    """What is told of a transaction beside its day and postings, as the body of its row begins."""

    payee: str
    memo: str
    tags: tuple[str, ...]
    links: tuple[str, ...]
    import_id: str | None
    corrects: str | None
    instalment: tuple[int, int, str] | None


@dataclass(slots=True)
class _Ends:
    """What ends in a batch.

    `until`: of states that began in it too, the version that ends them. `standing`, `standing_lines` and
    `standing_instalments`: rows of before that are to end. `told`: what a changed transaction keeps.
    """

    until: dict[_State, int] = field(default_factory=dict)
    told: dict[_State, _Told] = field(default_factory=dict)
    standing: list[dict[str, Any]] = field(default_factory=list)
    standing_lines: list[dict[str, Any]] = field(default_factory=list)
    standing_instalments: list[dict[str, Any]] = field(default_factory=list)


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Add the states that the batch's transactions take, and end those that they leave."""
    reading = read(batch)
    numbers = chart.extend(connection, reading)
    ends = _ends(connection, reading, numbers)
    rows, parts = _entry_rows(reading, numbers, ends)
    copy_in_bulk(connection, entries, rows)
    copy_in_bulk(connection, instalments, parts)
    copy_in_bulk(connection, lines, list(_line_rows(reading, numbers, ends)))
    until = {"until": bindparam("ended", type_=Integer)}
    if ends.standing:
        of_account = lines.c.account == bindparam("of_account", type_=Integer)
        connection.execute(update(entries).where(*_key_of(entries)).values(until), ends.standing)
        connection.execute(update(lines).where(*_key_of(lines), of_account).values(until), ends.standing_lines)
    if ends.standing_instalments:
        part = (
            instalments.c.book_number == bindparam("of_book", type_=BigInteger),
            instalments.c.purchase == bindparam("of_purchase", type_=CText),
            instalments.c.k == bindparam("of_k", type_=Integer),
            instalments.c.version == bindparam("of_version", type_=Integer),
        )
        connection.execute(update(instalments).where(*part).values(until), ends.standing_instalments)
    _add_to_months(connection, reading, numbers)


def purge(connection: Connection, book: BookId) -> None:
    """Remove every transaction of a book, and the words it could be found by, from memory too."""
    chart.purge(connection, book, (entries, instalments, lines, months))
    # What is remembered may be of any book; to forget all of it costs a few milliseconds.
    words_column.cache_clear()
    likeness.cache_clear()
    forget()


def _ends(connection: Connection, reading: Reading, numbers: Numbers) -> _Ends:
    ends = _Ends()
    ending: dict[_Ref, date] = {}
    for recorded, change in reading.changes:
        if change.was is not None:
            # A transaction's first end in the batch tells the day of its state of before, if it has one.
            ending.setdefault((numbers.books[recorded.book], change.transaction), change.was.day)
    if not ending:
        return ends
    before = _standing_before(connection, ending)
    begun: dict[_Ref, tuple[int, _Told]] = {}
    for recorded, change in reading.changes:
        number, version = numbers.books[recorded.book], recorded.version
        ref = (number, change.transaction)
        told = _told_anew(recorded)
        if change.was is not None:
            if ref in begun:
                began, known = begun.pop(ref)
                ends.until[number, began] = version
            else:
                began, known = before[ref]
            if change.was.postings and (number, began) not in ends.until:
                key = {"of_book": number, "of_date": change.was.day, "of_version": began, "ended": version}
                accounts = {numbers.accounts[recorded.book][p.account][0] for p in change.was.postings}
                ends.standing.append(key)
                ends.standing_lines.extend([key | {"of_account": account} for account in sorted(accounts)])
                if known.instalment is not None:
                    k, _, purchase = known.instalment
                    part = {"of_book": number, "of_purchase": purchase, "of_k": k, "of_version": began}
                    ends.standing_instalments.append(part | {"ended": version})
            # The words may be new; where a transaction came from, and what it is a part of, stays.
            told = known if told is None else _Told(*told[:4], *known[4:])
        if change.becomes is not None:
            assert told is not None, "what nothing was before tells its words"
            begun[ref] = version, told
            ends.told[number, version] = told
    return ends


def _told_anew(recorded: Recorded) -> _Told | None:
    """What an event tells of a transaction's words; None where those that stood stay."""
    event = recorded.event
    if isinstance(event, TransactionRecorded):
        part = event.instalment
        instalment = None if part is None else (part.k, part.n, part.purchase)
        return _Told(event.payee, event.memo, event.tags, event.links, event.import_id, event.corrects, instalment)
    if isinstance(event, TransactionAmended):
        return _Told(event.payee, event.memo, event.tags, event.links, None, None, None)
    return None


def _standing_before(connection: Connection, ending: dict[_Ref, date]) -> dict[_Ref, tuple[int, _Told]]:
    """Version and texts of the last states of before the batch of what changes in it.

    What has no postings just then has no state either, and comes back, if it does, with the words of its last one.
    """
    days: dict[int, dict[TransactionId, date]] = defaultdict(dict)
    for (number, transaction), day in ending.items():
        days[number][transaction] = day
    found: dict[_Ref, tuple[int, _Told]] = {}
    columns = entries.c
    for number, day_of in days.items():
        # By day, so that the few days of a chunk are read and not the book.
        for chunk in in_chunks(sorted(day_of, key=lambda transaction: (day_of[transaction], transaction))):
            rows = connection.execute(
                select(columns.transaction, columns.version, columns.body)
                .where(
                    columns.book_number == number,
                    columns.date.in_(sorted({day_of[transaction] for transaction in chunk})),
                    columns.transaction.in_(chunk),
                )
                .order_by(columns.version)
            )
            for transaction, version, body in rows:
                payee, memo, tags, links, import_id, corrects, part, _ = orjson.loads(body)
                instalment = None if part is None else (part[0], part[1], part[2])
                told = _Told(payee, memo, tuple(tags), tuple(links), import_id, corrects, instalment)
                found[number, transaction] = version, told
    return found


def _entry_rows(
    reading: Reading, numbers: Numbers, ends: _Ends
) -> tuple[list[tuple[Value, ...]], list[tuple[Value, ...]]]:
    """The rows of the states that begin, and of those among them that are instalments."""
    rows: list[tuple[Value, ...]] = []
    parts: list[tuple[Value, ...]] = []
    for recorded, change in reading.changes:
        if change.becomes is None or not change.becomes.postings:
            continue
        number, version = numbers.books[recorded.book], recorded.version
        told = ends.told.get((number, version)) or _told_anew(recorded)
        assert told is not None, "what is not in `ends` was recorded, with its words"
        places = numbers.accounts[recorded.book]
        packed: list[tuple[Any, ...]] = []
        for posting in change.becomes.postings:
            unit = posting.amount.commodity
            amount = (places[posting.account][0], posting.amount.minor, unit.code, unit.scale)
            plain = posting.cost is None and posting.price is None
            packed.append(amount if plain else (*amount, *_packed_totals(posting)))
        day, until = change.becomes.day.isoformat(), ends.until.get((number, version), NEVER)
        found_by = words_column(told.payee, told.memo, told.tags)
        body = orjson.dumps((*told, packed)).decode()
        rows.append((number, day, version, until, change.transaction, found_by, body))
        if told.instalment is not None:
            k, n, purchase = told.instalment
            parts.append((number, purchase, k, version, until, day, n))
    return rows, parts


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
