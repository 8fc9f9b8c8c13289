"""Digests of read models: one figure that two databases agree on where they hold the same rows, and only there.

Over every table of a read model, by name, every row in the order of its key: the same on SQLite and on PostgreSQL, for
texts compare by code point in both. The fold they are taken of is a fresh one, up to a named position.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import orjson
from sqlalchemy import Connection, select

from commands.ports import EventUnreadable
from domain.book import BookErased, BookId
from domain.recorded import Recorded
from projections.readmodel import ReadModel
from streams.applying import apply
from streams.heads import ReadDatabase, create_tables, key_of

BATCH_EVENTS = 2_000
"""Events folded in one transaction of the scratch database."""

ROWS_A_FETCH = 2_000
"""Rows held at a time, so that memory does not grow with the books."""

Progress = Callable[[int, int], None]
Read = Callable[[int, int], list[Recorded]]


def digests(connection: Connection, models: Iterable[ReadModel]) -> dict[str, str]:
    """The digest of each read model, under its name with its version: a newer one is another read model."""
    return {key_of(model): _digest(connection, model) for model in models}


def _digest(connection: Connection, model: ReadModel) -> str:
    hashed = hashlib.sha256()
    for table in sorted(model.metadata.tables.values(), key=lambda table: table.name):
        hashed.update(orjson.dumps([table.name, [column.name for column in table.columns]]))
        rows = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS_A_FETCH)
        for row in connection.execute(rows):
            hashed.update(orjson.dumps(tuple(row), default=_plain, option=orjson.OPT_APPEND_NEWLINE))
    return hashed.hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(f"a row holds a {type(value).__name__}, which has no one form on both databases")


def fresh_digests(
    read: Read, aside: ReadDatabase, models: Sequence[ReadModel], until: int, progress: Progress
) -> dict[str, str]:
    """The digests of a fold of the log up to position `until`, made in the empty database `aside`.

    `read` gives the next events behind a position, as `EventReader.read` does.
    """
    with aside.write() as connection:
        create_tables(connection, models)
    stopped: dict[str, set[BookId]] = defaultdict(set)
    position = 0
    while position < until:
        try:
            batch = read(position, min(BATCH_EVENTS, until - position))
        except EventUnreadable as unreadable:
            # As the runner does: its book waits at the event before, in every read model.
            position = unreadable.position
            for model in models:
                stopped[key_of(model)].add(unreadable.book)
            continue
        position = batch[-1].position
        with aside.write() as connection:
            for model in models:
                parked = stopped[key_of(model)]
                # An erasure is applied wherever its book stands.
                due = [event for event in batch if event.book not in parked or isinstance(event.event, BookErased)]
                parked -= {event.book for event in due}
                parked |= apply(connection, model, due).keys()
        progress(position, until)
    with aside.read() as connection:
        return digests(connection, models)
