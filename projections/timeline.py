"""The timeline: when a book learnt what, so that "as known on a day" becomes a version.

`recorded_at` never goes back within a book, so what was known at a moment is a beginning of its stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, select

from domain.book import BookId
from domain.recorded import Recorded
from projections.chart import BookNumbers
from projections.reading import read
from projections.readmodel import CText, Value, add_in_bulk, copy_in_bulk

NAME, VERSION = "timeline", 1

metadata = MetaData()
books = BookNumbers(NAME, VERSION, metadata)
instants = Table(
    f"{NAME}_v{VERSION}_instants",
    metadata,
    Column("book_number", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", CText, primary_key=True),
    Column("version", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""One row a distinct moment: the last version recorded at it."""


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Keep the last version of every moment."""
    numbers = books.extend(connection, read(batch))
    first: dict[int, tuple[Value, ...]] = {}
    later: list[tuple[Value, ...]] = []
    last: dict[int, tuple[datetime, int]] = {}
    for recorded in batch:
        number = numbers[recorded.book]
        instant, version = last.get(number, (recorded.recorded_at, 0))
        if instant != recorded.recorded_at:
            row = (number, _text(instant), version)
            if number in first:
                later.append(row)
            else:
                first[number] = row
        last[number] = (recorded.recorded_at, recorded.version)
    for number, (instant, version) in last.items():
        row = (number, _text(instant), version)
        if number in first:
            later.append(row)
        else:
            first[number] = row
    # Moments never go back, so only a book's first one here can stand already, from the end of the batch before.
    add_in_bulk(connection, instants, [first[number] for number in sorted(first)], added=("version",), put=True)
    copy_in_bulk(connection, instants, later)


def purge(connection: Connection, book: BookId) -> None:
    """Remove a book's timeline."""
    books.purge(connection, book, (instants,))


def version_known_on(connection: Connection, book: BookId, instant: datetime) -> int:
    """The last version that `book` had recorded by `instant` (aware; that very microsecond included); 0 if none."""
    number = books.of(connection, book)
    if number is None:
        return 0
    latest = (
        select(instants.c.version)
        .where(instants.c.book_number == number, instants.c.recorded_at <= _text(instant))
        .order_by(instants.c.recorded_at.desc())
        .limit(1)
    )
    return connection.scalar(latest) or 0


def _text(instant: datetime) -> str:
    """UTC in microseconds, always 27 characters, so that texts sort as instants do."""
    return f"{instant.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"
