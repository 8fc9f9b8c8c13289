"""Snapshots of books' states, in the store's database, sealed under each book's key.

A snapshot is only good for the very code that wrote it: it is kept under a digest of that code's source, and read only
after its seal, which covers that digest and the head, has proven that nobody else wrote it. Anything else is ignored.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

import domain
from commands.ports import Head, Keys
from domain.book import Book, BookId
from infra.sql import answering
from infra.store.tables import events, snapshots
from streams import codec, contract
from streams.contract import instant_text, parse_instant

MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024
"""The largest snapshot written, compressed; a book beyond it is read from its events."""

_FAST = 1
"""zlib's level: a state of ids and small numbers shrinks to half, and slower levels add little."""


class SqlSnapshots:
    """The port `Snapshots`: one snapshot a book, the newest."""

    def __init__(self, writing: Engine, reading: Engine, keys: Keys) -> None:
        self._writing = writing
        self._reading = reading
        self._keys = keys

    def load(self, book: BookId) -> tuple[Head, Book] | None:
        row = snapshots.c
        query = select(row.digest, row.version, row.hash, row.position, row.recorded_at, row.sealed)
        written = select(events.c.hash).where(events.c.stream == book, events.c.version == row.version)
        query = query.where(row.book == book, row.hash == written.scalar_subquery())
        with answering(), self._reading.connect() as connection:
            found = connection.execute(query).first()
        if found is None or found.digest != source_digest():
            return None
        head = Head(found.version, bytes(found.hash), found.position, parse_instant(found.recorded_at))
        try:
            packed = self._keys.unseal(book, _bound_to(book, head), bytes(found.sealed))
        except ValueError:
            return None
        if packed is None:
            return None
        # Under the book's key and bound to this source: this very program wrote it.
        state = pickle.loads(zlib.decompress(packed))
        return (head, state) if isinstance(state, Book) else None

    def save(self, book: BookId, head: Head, state: Book) -> None:
        """Keep a state; one too large is not kept."""
        packed = zlib.compress(pickle.dumps(state, pickle.HIGHEST_PROTOCOL), _FAST)
        if len(packed) > MAX_SNAPSHOT_BYTES:
            return
        values = {
            "book": book,
            "digest": source_digest(),
            "version": head.version,
            "hash": head.hash,
            "position": head.position,
            "recorded_at": instant_text(head.recorded_at),
            "sealed": self._keys.seal(book, _bound_to(book, head), packed),
        }
        with answering(), self._writing.begin() as connection:
            # One statement: another process may save the same book at the same moment.
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            write = dialect.insert(snapshots)
            fresh = {name: write.excluded[name] for name in values if name != "book"}
            connection.execute(write.on_conflict_do_update(index_elements=[snapshots.c.book], set_=fresh), values)


def _bound_to(book: BookId, head: Head) -> str:
    place = f"{head.version} {head.hash.hex()} {head.position} {instant_text(head.recorded_at)}"
    return f"snapshot {book} {source_digest()} {place}"


@cache
def source_digest() -> str:
    """SHA-256 of all the code that makes a state what it is, and of the Python that lays it out."""
    digest = hashlib.sha256(sys.version.encode())
    for path in _sources():
        digest.update(b"%s\0%s\0" % (path.name.encode(), hashlib.sha256(path.read_bytes()).digest()))
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for folder in domain.__path__:
        yield from sorted(Path(folder).rglob("*.py"))
    for module in (contract, codec):
        assert module.__file__ is not None
        yield Path(module.__file__)
