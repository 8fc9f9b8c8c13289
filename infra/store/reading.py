"""Reading the log: by book, by position, forwards and backwards, raw and decoded, always with a limit.

A reader sees what is committed and nothing else; as positions follow commit order, whoever reads on from the last one
it saw misses nothing, whatever older transaction is still open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Engine, Select, func, select

from commands.ports import EventUnreadable, Head, IdempotencyKey, Known
from domain.book import BookId
from domain.recorded import Recorded
from infra.sql import answering
from infra.store.statements import HEADS, HELD_AMONG, as_list, spelt
from infra.store.tables import events, idempotency
from streams.contract import Envelope, UnknownEventType, decode, parse_instant

MAX_READ_EVENTS = 131_072
"""The most events that one read gives: the largest unit, an import of 100,000 rows, fits, for its repeated answer is
rebuilt from it. Whoever folds reads far fewer at a time."""

_ENVELOPE = tuple(events.c[name] for name in Envelope.__slots__)
_AFTER_POSITION = select(*_ENVELOPE).order_by(events.c.position)
_IN_VERSION_ORDER = select(*_ENVELOPE).order_by(events.c.version)
_IN_REVERSE = select(*_ENVELOPE).order_by(events.c.version.desc())
_END = select(func.coalesce(func.max(events.c.position), 0))
_HEAD = (
    select(events.c.version, events.c.hash, events.c.position, events.c.recorded_at)
    .order_by(events.c.version.desc())
    .limit(1)
)


Stored = Sequence[Any]
"""An event's row: the fields of an `Envelope`, bytes as the driver gives them. No value is made of it before somebody
asks for one: a long replay makes each only once."""


class Unsealer(Protocol):
    """What of the port `Keys` a reader needs."""

    def unseal(self, book: BookId, bound_to: str, sealed: bytes) -> bytes | None: ...


class Log:
    """The stored events, over connections that only read."""

    def __init__(self, engine: Engine, keys: Unsealer) -> None:
        self._engine = engine
        self._keys = keys
        self._heads = spelt(engine.dialect.name, HEADS)
        self._held_among = spelt(engine.dialect.name, HELD_AMONG)

    def of_book(self, book: BookId, after_version: int, limit: int, until_version: int | None = None) -> list[Stored]:
        conditions = [events.c.stream == book, events.c.version > after_version]
        if until_version is not None:
            conditions.append(events.c.version <= until_version)
        return self._select(_IN_VERSION_ORDER, conditions, limit)

    def of_book_back(self, book: BookId, before_version: int | None, limit: int) -> list[Stored]:
        conditions = [events.c.stream == book]
        if before_version is not None:
            conditions.append(events.c.version < before_version)
        return self._select(_IN_REVERSE, conditions, limit)

    def of_all(self, after_position: int, limit: int) -> list[Stored]:
        return self._select(_AFTER_POSITION, [events.c.position > after_position], limit)

    def decoded(self, stored: Iterable[Stored]) -> list[Recorded]:
        """The events up to one that cannot be decoded; raises `EventUnreadable` where that is the first."""
        found: list[Recorded] = []
        for row in stored:
            try:
                found.append(recorded(row, self._keys))
            except EventUnreadable:
                if not found:
                    raise
                break
        return found

    def end(self) -> int:
        with answering(), self._engine.connect() as connection:
            return int(connection.execute(_END).scalar_one())

    def head(self, book: BookId) -> Head | None:
        with answering(), self._engine.connect() as connection:
            found = connection.execute(_HEAD.where(events.c.stream == book)).first()
        return None if found is None else _head(found)

    def heads(self) -> dict[BookId, Head]:
        with answering(), self._engine.connect() as connection:
            return {BookId(stream): _head(rest) for stream, *rest in connection.execute(self._heads)}

    def recorded_at(self, position: int) -> datetime | None:
        with answering(), self._engine.connect() as connection:
            told = connection.execute(select(events.c.recorded_at).where(events.c.position == position)).scalar()
        return None if told is None else parse_instant(told)

    def known(self, key: IdempotencyKey) -> Known | None:
        row = idempotency.c
        query = select(row.fingerprint, row.book, row.first, row.last, row.position)
        with answering(), self._engine.connect() as connection:
            found = connection.execute(query.where(row.scope == key.scope, row.key == key.key)).first()
        if found is None:
            return None
        fingerprint, book, first, last, position = found
        return Known(bytes(fingerprint), BookId(book), first, last, position)

    def held(self, scope: str, fingerprints: Iterable[str]) -> dict[str, str]:
        asked = as_list([fingerprint] for fingerprint in fingerprints)
        with answering(), self._engine.connect() as connection:
            rows = connection.execute(self._held_among, {"scope": scope, "fingerprints": asked}).all()
            return {row[0]: row[1] for row in rows}

    def _select(self, query: Select[Any], conditions: list[ColumnElement[bool]], limit: int) -> list[Stored]:
        if not 0 < limit <= MAX_READ_EVENTS:
            raise ValueError(f"a read gives 1 to {MAX_READ_EVENTS} events, not {limit}")
        with answering(), self._engine.connect() as connection:
            return [*connection.execute(query.where(*conditions).limit(limit))]


def envelope(row: Stored) -> Envelope:
    """An event as it is stored and published."""
    *rest, prev_hash, hash_, data = row
    fields: list[Any] = [*rest, bytes(prev_hash), bytes(hash_), bytes(data)]
    return Envelope(*fields)


def _head(row: Any) -> Head:
    version, hash_, position, recorded_at = row
    return Head(version, bytes(hash_), position, parse_instant(recorded_at))


def recorded(row: Stored, keys: Unsealer) -> Recorded:
    """A stored or published event, its fields in the envelope's order, decoded; raises `EventUnreadable`."""
    event_id, type_name, stream, version, position, recorded_at, *rest, prev_hash, hash_, data = row
    try:
        event = decode(type_name, bytes(data), partial(keys.unseal, stream, event_id))
    except UnknownEventType as unknown:
        raise EventUnreadable(stream, version, position, str(unknown)) from unknown
    except (ValueError, KeyError, TypeError) as error:
        # A broken seal, or data that is no event of its type; its text may hold what people wrote.
        told = f"its data is damaged ({type(error).__name__})"
        raise EventUnreadable(stream, version, position, told) from error
    fields: list[Any] = [parse_instant(recorded_at), *rest, bytes(prev_hash), bytes(hash_), event]
    return Recorded(event_id, stream, version, position, *fields)
