"""The recorder interface of the `eventsourcing` library, over the same tables and the same lock as our own store.

For programs built on that library which read or extend a Finshift log. An originator is a stream whose versions run
from 1 without a gap; a notification's id is the position. Ours stays the way for commands: this one judges nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Notification, StoredEvent, Subscription
from sqlalchemy import Connection, Select, select

from commands.ports import Asked, Clock, Head, Ids
from domain.book import BookId
from infra.sql import answering
from infra.store.bulk import Row, insert_events
from infra.store.event_store import SqlEventStore
from infra.store.prepared import Layout
from infra.store.settling import found_in
from infra.store.statements import CONCERNED, as_list, spelt
from infra.store.tables import events
from infra.store.transactions import transact
from streams.contract import GENESIS_HASH, instant_text

ACTOR = "eventsourcing"
"""The actor of what comes in this way."""

PAGE_EVENTS = 500
"""Notifications that a subscription reads ahead."""

STOP_WITHIN_S = 0.5
"""How long a waiting subscription may take to notice that it was stopped."""


class EventRecorder(ApplicationRecorder):
    """`ApplicationRecorder` on an open event store."""

    def __init__(self, store: SqlEventStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._concerned = spelt(store.writing.dialect.name, CONCERNED)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events, all or none, and give their positions; `IntegrityError` where a version is not the next."""
        if not stored_events:
            return None
        question = {
            "books": as_list({(_stream(event.originator_id),): None for event in stored_events}),
            "keys": "[]",
            "claims": "[]",
            "holders": "[]",
        }

        def work(connection: Connection) -> tuple[int, int, bytes]:
            found = found_in(connection.execute(self._concerned, question))
            rows, last = self._chained(stored_events, found.heads, binary=connection.dialect.name != "sqlite")
            insert_events(connection, rows, found.end + 1)
            return found.end + 1, found.end + len(rows), last

        with answering():
            first, end, _ = transact(self._store.writing, work, _landed)
        self._store.reached(end)
        return range(first, end + 1)

    def _chained(
        self, stored_events: Sequence[StoredEvent], heads: dict[BookId, Head], *, binary: bool
    ) -> tuple[list[Row], bytes]:
        now = self._clock.now()
        command_id = self._ids.new()
        asked = Asked(ACTOR, command_id, command_id, command_id)
        links = {stream: (head.version, head.hash, max(now, head.recorded_at)) for stream, head in heads.items()}
        rows: list[Row] = []
        last = GENESIS_HASH
        for event in stored_events:
            stream = BookId(_stream(event.originator_id))
            version, prev_hash, at = links.get(stream, (0, GENESIS_HASH, now))
            if event.originator_version != version + 1:
                raise IntegrityError(f"{stream} stands at version {version}, not before {event.originator_version}")
            layout = Layout(stream, asked, instant_text(at), binary=binary)
            row, last = layout.row(self._ids.new(), event.topic, version + 1, command_id, prev_hash, event.state)
            links[stream] = (version + 1, last, at)
            rows.append(row)
        return rows, last

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        version = events.c.version
        query = select(version, events.c.type, events.c.data).where(events.c.stream == _stream(originator_id))
        if gt is not None:
            query = query.where(version > gt)
        if lte is not None:
            query = query.where(version <= lte)
        query = query.order_by(version.desc() if desc else version).limit(limit)
        return self._read(query, lambda row: StoredEvent(originator_id, row.version, row.type, bytes(row.data)))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        position = events.c.position
        query = select(position, events.c.stream, events.c.version, events.c.type, events.c.data)
        if start is not None:
            query = query.where(position >= start if inclusive_of_start else position > start)
        if stop is not None:
            query = query.where(position <= stop)
        if topics:
            query = query.where(events.c.type.in_(topics))
        return self._read(
            query.order_by(position).limit(limit),
            lambda row: Notification(UUID(row.stream), row.version, row.type, bytes(row.data), row.position),
        )

    def max_notification_id(self) -> int | None:
        return self._store.end() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return _Following(self, gt, topics)

    def wait(self, after_position: int) -> None:
        """Wait for the store to grow, and no longer than a stopped subscription may take to notice."""
        self._store.wait(after_position, STOP_WITHIN_S)

    def _read(self, query: Select[Any], build: Callable[[Any], Any]) -> list[Any]:
        with answering(), self._store.reading.connect() as connection:
            return [build(row) for row in connection.execute(query)]


class _Following(Subscription[EventRecorder]):
    """Everything recorded after a position, then whatever comes, until it is stopped."""

    def __init__(self, recorder: EventRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._position = gt or 0
        self._ahead: list[Notification] = []
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            if self._ahead:
                found = self._ahead.pop()
                self._position = found.id
                return found
            end = self._recorder.max_notification_id() or 0
            page = self._recorder.select_notifications(
                self._position, PAGE_EVENTS, end, self._topics, inclusive_of_start=False
            )
            self._ahead = list(reversed(page))
            if not page:
                self._position = max(self._position, end)
                self._recorder.wait(self._position)
        raise StopIteration


def _landed(connection: Connection, done: tuple[int, int, bytes]) -> bool:
    _, end, hash_ = done
    found = connection.execute(select(events.c.hash).where(events.c.position == end)).scalar()
    return found is not None and bytes(found) == hash_


def _stream(originator_id: UUID | str) -> str:
    return str(originator_id)
