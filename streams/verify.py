"""Verification: a read model's rows against a fresh fold of the log, row by row.

The fold is made aside, up to the very heads at which the live rows stand, while the runner goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, String, Table, select

from commands.ports import EventReader, EventUnreadable
from domain.book import BookId
from domain.errors import Rejected
from domain.recorded import Recorded
from projections.readmodel import ReadModel
from streams import heads
from streams.applying import apply
from streams.heads import NOTHING_YET, ProjectionHead, ReadDatabase, create_tables, key_of

BATCH_EVENTS = 2_000
"""Events folded in one transaction of the scratch database."""

ROWS_A_FETCH = 2_000
"""Rows of a table held at a time, so that memory does not grow with the book."""

MAX_TRIES = 3
"""A rebuild in the middle of a verification makes it begin again; after these, the projection is not at rest."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that is not as the log has it.

    `key` names the row in `table` by its primary key, `book` whose it is; `column` the first value that differs, None
    where the row is missing in one of them. `live` and `fresh` are the two values, or whether the row is there: they
    may be what people wrote, for the owner's eyes and no log's.
    """

    table: str
    book: BookId | None
    key: dict[str, object]
    column: str | None
    live: object
    fresh: object


def difference(reader: EventReader, database: ReadDatabase, model: ReadModel) -> Difference | None:
    """Compare the live tables of `model` with a fold from zero; None where they are equal.

    `Rejected("projection_not_at_rest")` where it is being rebuilt all the while.
    """
    key = key_of(model)
    for _ in range(MAX_TRIES):
        with database.scratch() as aside:
            with aside.write() as scratch:
                create_tables(scratch, [model])
            fresh = _Fold(reader, aside, model)
            with database.read() as live:
                target = _held(live, key)
            found = fresh.follow_log(target)
            if found is not None:
                return found
            with database.read() as live:
                target = _held(live, key)
                if not fresh.is_within(target):
                    continue
                found = fresh.follow_books(target)
                if found is not None:
                    return found
                with aside.read() as scratch:
                    return _first_difference(live, scratch, model)
    raise Rejected("projection_not_at_rest", projection=model.NAME)


def _held(live: Connection, key: str) -> dict[BookId, ProjectionHead]:
    return {book: head for (_, book), head in heads.all_heads(live, [key]).items() if head.version > 0}


# The fresh fold


class _Fold:
    """A fold of the log in a scratch database, each book up to a given head."""

    def __init__(self, reader: EventReader, aside: ReadDatabase, model: ReadModel) -> None:
        self._reader = reader
        self._aside = aside
        self._model = model
        self._at: dict[BookId, ProjectionHead] = {}

    def is_within(self, target: Mapping[BookId, ProjectionHead]) -> bool:
        """Whether the live rows hold at least what is folded."""
        return all(target.get(book, NOTHING_YET).version >= head.version for book, head in self._at.items())

    def follow_log(self, target: Mapping[BookId, ProjectionHead]) -> Difference | None:
        """Fold the whole log in its order: the fast way, for all that stood at the start."""
        position, end = 0, max((head.position for head in target.values()), default=0)
        while position < end:
            try:
                events = self._reader.read(position, BATCH_EVENTS)
            except EventUnreadable as unreadable:
                position = unreadable.position
                continue
            if not events:
                break
            position = events[-1].position
            due = [event for event in events if event.version <= target.get(event.book, NOTHING_YET).version]
            found = self._take(due)
            if found is not None:
                return found
        return self._missing(target)

    def follow_books(self, target: Mapping[BookId, ProjectionHead]) -> Difference | None:
        """Fold what the live rows have taken in the meantime."""
        for book, head in target.items():
            while (version := self._at.get(book, NOTHING_YET).version) < head.version:
                try:
                    events = self._reader.read_book(book, version, BATCH_EVENTS, head.version)
                except EventUnreadable:
                    events = []
                if not events:
                    break
                found = self._take(events)
                if found is not None:
                    return found
        return self._missing(target)

    def _take(self, events: Sequence[Recorded]) -> Difference | None:
        with self._aside.write() as scratch:
            poisoned = apply(scratch, self._model, events)
        for event in events:
            self._at[event.book] = ProjectionHead(event.version, event.hash, event.position)
        for book, (_, reason) in poisoned.items():
            return Difference(heads.heads.name, book, {"book": book}, "parked", None, reason)
        return None

    def _missing(self, target: Mapping[BookId, ProjectionHead]) -> Difference | None:
        """A book whose live head is no event of the log."""
        for book, head in sorted(target.items()):
            mine = self._at.get(book, NOTHING_YET)
            if mine.version < head.version:
                return Difference(heads.heads.name, book, {"book": book}, "version", head.version, mine.version)
            if mine.version == head.version and mine.hash != head.hash:
                return Difference(heads.heads.name, book, {"book": book}, "hash", head.hash.hex(), mine.hash.hex())
        return None


# The rows


def _first_difference(live: Connection, fresh: Connection, model: ReadModel) -> Difference | None:
    for table in sorted(model.metadata.tables.values(), key=lambda table: table.name):
        found = _first_in(table, live, fresh)
        if found is not None:
            book = _book_of(found, model, live) or _book_of(found, model, fresh)
            return replace(found, book=book)
    return None


def _book_of(found: Difference, model: ReadModel, connection: Connection) -> BookId | None:
    """Whose row it is: tables of many rows carry the book's number, which the read model's books tell."""
    if "book" in found.key:
        return BookId(str(found.key["book"]))
    books = model.metadata.tables.get(f"{key_of(model)}_books")
    if books is None or "book_number" not in found.key:
        return None
    named = connection.scalar(select(books.c.book).where(books.c.number == found.key["book_number"]))
    return None if named is None else BookId(named)


def _first_in(table: Table, live: Connection, fresh: Connection) -> Difference | None:
    """Walk both in the order of the primary key. Rows are told apart by it, so it is never a counter."""
    ours, theirs = _rows(table, live), _rows(table, fresh)
    here, there = next(ours, None), next(theirs, None)
    while here is not None or there is not None:
        if there is None or (here is not None and here[0] < there[0]):
            assert here is not None
            return Difference(table.name, None, _named(table, here[0]), None, True, False)
        if here is None or there[0] < here[0]:
            return Difference(table.name, None, _named(table, there[0]), None, False, True)
        if here[1] != there[1]:
            names = [column.name for column in table.columns]
            unequal = next(place for place, value in enumerate(here[1]) if value != there[1][place])
            key = _named(table, here[0])
            return Difference(table.name, None, key, names[unequal], here[1][unequal], there[1][unequal])
        here, there = next(ours, None), next(theirs, None)
    return None


Row = tuple[tuple[Any, ...], tuple[Any, ...]]
"""A row's primary key, and the row."""


def _rows(table: Table, connection: Connection) -> Iterator[Row]:
    names = [column.name for column in table.columns]
    places = [names.index(column.name) for column in table.primary_key.columns]
    collation = "C" if connection.dialect.name == "postgresql" else "BINARY"
    order = [
        column.collate(collation) if isinstance(column.type, String) else column for column in table.primary_key.columns
    ]
    for row in connection.execute(select(table).order_by(*order).execution_options(yield_per=ROWS_A_FETCH)):
        values = tuple(row)
        yield tuple(values[place] for place in places), values


def _named(table: Table, key: tuple[Any, ...]) -> dict[str, object]:
    return {column.name: value for column, value in zip(table.primary_key.columns, key, strict=True)}
