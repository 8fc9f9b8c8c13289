"""The spending watch of every book, folded where no Faust worker does it: what it remembers, and what it raised.

The rules are the domain's, and an alert's id rests on nothing that the two ways do differently: here a payee's
fingerprint is a plain hash, since the tables beside this one hold the payees themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from threading import Lock

import orjson
from sqlalchemy import Column, Connection, MetaData, Table, delete, select

from domain.alerts import Alert, Watch, observe, payee_text, watch_of, watch_record
from domain.alerts.spending import KEY_CHARS
from domain.book import BookId
from domain.recorded import Recorded
from projections.raised import RaisedAlerts
from projections.readmodel import CText, add_in_bulk, in_chunks

NAME, VERSION = "spending_watch", 1

metadata = MetaData()
watches = Table(
    f"{NAME}_v{VERSION}_watches",
    metadata,
    Column("book", CText, primary_key=True),
    Column("watch", CText, nullable=False),
    sqlite_with_rowid=False,
)
raised = RaisedAlerts(NAME, VERSION, metadata)

MAX_REMEMBERED = 32
"""Watches kept in memory beside their rows, those that were folded last: about 100 KB each."""

REMEMBERED = tuple([part.name for part in fields(Watch) if part.name not in ("version", "hash")])

_latest: dict[str, tuple[str, Watch]] = {}
_turn = Lock()  # two runners may fold at once


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Fold the batch into the watches of its books, and keep what is raised."""
    kept: dict[BookId, Watch] = {}
    for chunk in in_chunks(sorted({recorded.book for recorded in batch})):
        for row in connection.execute(select(watches).where(watches.c.book.in_(chunk))):
            kept[BookId(row.book)] = _watch(row.book, row.watch)
    alerts: list[Alert] = []
    changed: set[BookId] = set()
    for recorded in batch:
        watch = kept.get(recorded.book, Watch())
        becomes, found = observe(watch, recorded, _key(recorded))
        # What only moves the version on is not kept: most events would write the whole row for nothing.
        if not _is_same(watch, becomes):
            kept[recorded.book] = becomes
            changed.add(recorded.book)
        alerts.extend(found)
    rows = []
    for book in sorted(changed):
        text = orjson.dumps(watch_record(kept[book])).decode()
        rows.append((book, text))
        _remember(book, text, kept[book])
    add_in_bulk(connection, watches, rows, added=("watch",), put=True)
    raised.keep(connection, alerts)


def _is_same(watch: Watch, becomes: Watch) -> bool:
    """Whether an event left all but the version as it was: then the very same values are in both."""
    return all(getattr(watch, name) is getattr(becomes, name) for name in REMEMBERED)


def _watch(book: str, text: str) -> Watch:
    """The watch that a row tells. It is read from its text only where another was written last: most batches hold one
    event, and reading hundreds of purchases would cost more than folding it.
    """
    latest = _latest.get(book)
    if latest is not None and latest[0] == text:
        return latest[1]
    watch = watch_of(orjson.loads(text))
    _remember(book, text, watch)
    return watch


def _remember(book: str, text: str, watch: Watch) -> None:
    with _turn:
        _latest.pop(book, None)
        while len(_latest) >= MAX_REMEMBERED:
            del _latest[next(iter(_latest))]
        _latest[book] = text, watch


def purge(connection: Connection, book: BookId) -> None:
    """Remove a book's watch, and what it raised."""
    connection.execute(delete(watches).where(watches.c.book == book))
    raised.purge(connection, book)
    with _turn:
        _latest.pop(book, None)


def _key(recorded: Recorded) -> str:
    text = payee_text(recorded)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_CHARS] if text else ""
