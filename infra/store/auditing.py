"""Proof that the log is what was written: every hash recomputed, every link followed.

In memory of one page, whatever the length of the log. An edited event, a hole and a swap show; an end that was cut off
shows only against a receipt, that is a head's hash from an answer or an export.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from domain.book import BookId
from infra.sql import answering
from infra.store.statements import HEADS, spelt
from infra.store.tables import events
from streams.contract import GENESIS_HASH, Envelope, envelope_hash

PAGE_EVENTS = 2_000
"""Events in memory at a time."""


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where the log is not what was written. `code`: `hash_differs` (an event was edited), `link_differs` (it does not
    follow the one before it), `version_missing`, `time_goes_back`, `position_missing` (of the store; no book).
    """

    code: str
    book: BookId | None
    version: int
    position: int


def first_break(engine: Engine, book: BookId | None) -> ChainBreak | None:
    """The first break of a book's chain, or of any book's and then of the store's positions; None where all holds."""
    if book is not None:
        return _break_of_book(engine, book)
    with answering(), engine.connect() as connection:
        books = [BookId(row[0]) for row in connection.execute(spelt(engine.dialect.name, HEADS))]
    for one in books:
        found = _break_of_book(engine, one)
        if found is not None:
            return found
    return _missing_position(engine)


def _break_of_book(engine: Engine, book: BookId) -> ChainBreak | None:
    prev_hash, recorded_at = GENESIS_HASH, ""
    for version, row in enumerate(_chain(engine, book), 1):
        code = _break_at(row, version, prev_hash, recorded_at)
        if code is not None:
            return ChainBreak(code, book, row.version, row.position)
        prev_hash, recorded_at = bytes(row.hash), row.recorded_at
    return None


def _break_at(row: Any, version: int, prev_hash: bytes, recorded_at: str) -> str | None:
    if row.version != version:
        return "version_missing"
    if bytes(row.prev_hash) != prev_hash:
        return "link_differs"
    if row.recorded_at < recorded_at:
        return "time_goes_back"
    computed = envelope_hash(
        id=row.id,
        type=row.type,
        stream=row.stream,
        version=row.version,
        recorded_at=row.recorded_at,
        actor=row.actor,
        command_id=row.command_id,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        prev_hash=prev_hash,
        data=bytes(row.data),
    )
    return None if computed == bytes(row.hash) else "hash_differs"


def _chain(engine: Engine, book: BookId) -> Iterator[Any]:
    columns = [events.c[name] for name in Envelope.__slots__]
    version = 0
    while True:
        query = select(*columns).where(events.c.stream == book, events.c.version > version)
        with answering(), engine.connect() as connection:
            page = connection.execute(query.order_by(events.c.version).limit(PAGE_EVENTS)).all()
        yield from page
        if len(page) < PAGE_EVENTS:
            return
        version = page[-1].version


def _missing_position(engine: Engine) -> ChainBreak | None:
    """The first position that no event has, below the store's end."""
    later = events.alias()
    followed = select(later.c.position).where(later.c.position == events.c.position + 1)
    end = select(func.max(later.c.position)).scalar_subquery()
    gap = select(func.min(events.c.position)).where(events.c.position < end, ~followed.exists())
    with answering(), engine.connect() as connection:
        first, before_gap = connection.execute(select(func.min(events.c.position), gap.scalar_subquery())).one()
    if first is not None and first != 1:
        return ChainBreak("position_missing", None, 0, 1)
    return None if before_gap is None else ChainBreak("position_missing", None, 0, before_gap + 1)
