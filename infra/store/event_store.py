"""The event store: the log of every book, and the one way to add to it.

Implements the ports `EventReader` and `EventStore`. A commit encodes first, takes the lock, reads what it rests on in
one SELECT, writes what still stands, and commits: an event is in the log whole and for ever, or it never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, event, insert, select

from commands.ports import Clock, Head, IdempotencyKey, Ids, Keys, Known, Told, Unit
from domain.book import BookId
from domain.recorded import Recorded
from infra.clock import SystemClock
from infra.sql import answering, reading_engine, writing_engine
from infra.store.auditing import ChainBreak, first_break
from infra.store.bulk import insert_events, insert_rows
from infra.store.following import End
from infra.store.prepared import Prepared, Preparer, is_storable
from infra.store.reading import Log, envelope
from infra.store.schema import bring_up
from infra.store.settling import Found, Settled, found_in, known_of, moved_among, settle
from infra.store.statements import DROP_RESERVATIONS, Concerned, as_list, spelt, take_lock
from infra.store.tables import events, idempotency, installation, pending_imports, reservations, snapshots
from infra.store.transactions import transact
from streams.contract import Envelope


class SqlEventStore:
    """The log in SQLite or PostgreSQL. Safe to use from any thread, and beside other processes."""

    def __init__(self, url: str, keys: Keys, clock: Clock, ids: Ids) -> None:
        """Open the store, making or migrating its schema. Raises `StoreUnavailable`."""
        self.writing: Engine = writing_engine(url)
        self.reading: Engine = reading_engine(url)
        dialect = self.writing.dialect.name
        if dialect == "postgresql":
            event.listen(self.writing, "connect", _look_up_by_index)
        self._clock = clock
        self._compare_clocks = dialect != "sqlite" and isinstance(clock, SystemClock)
        bring_up(self.writing, self.reading)
        self._preparer = Preparer(keys, ids, binary=dialect != "sqlite")
        self._log = Log(self.reading, keys)
        self._end = End(self._log.end)
        self._concerned = Concerned(dialect)
        self._drop_reservations = spelt(dialect, DROP_RESERVATIONS)

    def close(self) -> None:
        """Let go of the database. What was committed stays; nothing else ever was."""
        self.writing.dispose()
        self.reading.dispose()

    # Whose keys

    def proof(self) -> str | None:
        """The proof of the key file that the store was first opened with; None before `belong`."""
        with answering(), self.reading.connect() as connection:
            return connection.execute(select(installation.c.proof)).scalar()

    def belong(self, proof: str) -> None:
        """Take a key file for the store's own, unless another one is already."""
        with answering(), self.writing.begin() as connection:
            take_lock(connection)
            if connection.execute(select(installation.c.proof)).first() is None:
                connection.execute(insert(installation), {"one": 1, "proof": proof})

    # Reading

    def read(self, after_position: int, limit: int) -> list[Recorded]:
        return self._log.decoded(self._log.of_all(after_position, limit))

    def read_book(
        self, book: BookId, after_version: int, limit: int, until_version: int | None = None
    ) -> list[Recorded]:
        return self._log.decoded(self._log.of_book(book, after_version, limit, until_version))

    def read_book_back(self, book: BookId, limit: int, before_version: int | None = None) -> list[Recorded]:
        """The last events of a book, newest first: all of them, or those before a version."""
        return self._log.decoded(self._log.of_book_back(book, before_version, limit))

    def envelopes(
        self, book: BookId, after_version: int, limit: int, until_version: int | None = None
    ) -> list[Envelope]:
        """A book's next events as they are stored, private parts sealed."""
        return [envelope(row) for row in self._log.of_book(book, after_version, limit, until_version)]

    def envelopes_all(self, after_position: int, limit: int) -> list[Envelope]:
        """The store's next events as they are stored, private parts sealed."""
        return [envelope(row) for row in self._log.of_all(after_position, limit)]

    def end(self) -> int:
        return self._log.end()

    def head(self, book: BookId) -> Head | None:
        return self._log.head(book)

    def heads(self) -> dict[BookId, Head]:
        return self._log.heads()

    def recorded_at(self, position: int) -> datetime | None:
        return self._log.recorded_at(position)

    def wait(self, after_position: int, timeout_s: float) -> bool:
        return self._end.wait(after_position, timeout_s)

    def known(self, key: IdempotencyKey) -> Known | None:
        return self._log.known(key) if is_storable(key.key) else None

    def held(self, scope: str, fingerprints: Iterable[str]) -> dict[str, str]:
        return self._log.held(scope, fingerprints)

    def verify_chain(self, book: BookId | None = None) -> ChainBreak | None:
        """The first place where a chain does not hold, of one book or of the whole store; None where all do."""
        return first_break(self.reading, book)

    # Adding

    def commit(
        self, units: Sequence[Unit], bases: Mapping[BookId, Head | None], lookups: Iterable[IdempotencyKey] = ()
    ) -> Told:
        batch = self._preparer.prepare(units, bases, self._clock.now())
        asked = [key for key in lookups if is_storable(key.key)]
        question = _question(batch, bases, asked)
        found = Found()

        def work(connection: Connection) -> Settled:
            nonlocal found
            found = found_in(self._concerned.ask(connection, question))
            settled = settle(batch, found, compare_clocks=self._compare_clocks)
            self._write(connection, settled, found.end)
            return settled

        if any(prepared.refusal is None and not prepared.moved for prepared in batch):
            settled = transact(self.writing, work, _landed)
        else:
            # Nothing can be appended: nobody needs to be kept waiting for the answer.
            with answering(), self.reading.connect() as connection:
                settled = work(connection)
        if settled.rows:
            self.reached(settled.end)
        return Told(tuple(settled.outcomes), known_of(asked, found, settled), moved_among(bases, found))

    def reached(self, position: int) -> None:
        """Wake who waits for what this process has just committed, up to a position."""
        self._end.reached(position)

    def _write(self, connection: Connection, settled: Settled, end: int) -> None:
        if settled.rows:
            insert_events(connection, settled.rows, end + 1)
        if settled.used_keys:
            insert_rows(connection, idempotency, [(*place, *use) for place, use in settled.used_keys.items()])
        if settled.dropped_holds:
            connection.execute(self._drop_reservations, {"dropped": as_list(settled.dropped_holds)})
        if settled.new_holds:
            insert_rows(connection, reservations, settled.new_holds)
        for book in settled.erased:
            for kept_beside in (snapshots, pending_imports):
                connection.execute(delete(kept_beside).where(kept_beside.c.book == book))


def _look_up_by_index(connection: Any, _record: object) -> None:
    """A commit looks everything up by key; PostgreSQL would read whole tables while they, or what it knows of them, are
    young, and hold the lock meanwhile.
    """
    with connection.cursor() as cursor:
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET enable_{way} = off")
        cursor.execute("SET plan_cache_mode = force_generic_plan")
    connection.commit()


def _question(
    batch: Sequence[Prepared], bases: Mapping[BookId, Head | None], lookups: Sequence[IdempotencyKey]
) -> dict[str, str]:
    """The parameters of the one SELECT."""
    units = [prepared.unit for prepared in batch]
    keys = [unit.asked.key for unit in units if unit.asked.key is not None and is_storable(unit.asked.key.key)]
    claims = [unit.claims for unit in units]
    return {
        "books": as_list([(book,) for book in bases]),
        "keys": as_list({(key.scope, key.key): None for key in (*keys, *lookups)}),
        "claims": as_list([scope, fingerprint] for claim in claims for scope, fingerprint, _ in claim.holds),
        "holders": as_list(holding for claim in claims for holding in (*claim.releases, *claim.tombstones)),
    }


def _landed(connection: Connection, settled: Settled) -> bool:
    """Whether what a lost commit wrote is in the store: its last event, or its first key where it had no events."""
    if settled.last is not None:
        stream, version, hash_ = settled.last
        query = select(events.c.hash).where(events.c.stream == stream, events.c.version == version)
        found = connection.execute(query).scalar()
        return found is not None and bytes(found) == hash_
    for (scope, key), (_, book, first, last, _) in settled.used_keys.items():
        row = idempotency.c
        query_key = select(row.book, row.first, row.last).where(row.scope == scope, row.key == key)
        return connection.execute(query_key).first() == (book, first, last)
    return True
