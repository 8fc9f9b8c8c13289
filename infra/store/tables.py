"""The store's tables, as this release reads and writes them.

`infra/migrations` makes them and brings older stores here; a test compares the two. Events are only ever inserted. The
events table is the outbox too: positions are given under the writers' lock, in commit order and without a gap.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, UniqueConstraint

from infra.sql import CText

BIG = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on both; SQLite's row id, which the position is there, must be called INTEGER."""

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("position", BIG, primary_key=True, autoincrement=False),
    Column("id", CText, nullable=False),
    Column("type", CText, nullable=False),
    Column("stream", CText, nullable=False),
    Column("version", BIG, nullable=False),
    Column("recorded_at", CText, nullable=False),
    Column("actor", CText, nullable=False),
    Column("command_id", CText, nullable=False),
    Column("correlation_id", CText, nullable=False),
    Column("causation_id", CText, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("stream", "version", name="events_stream_version"),
)
"""A book's head is its last row: kept nowhere else, so that the two cannot differ."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope", CText, primary_key=True),
    Column("key", CText, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("book", CText, nullable=False),
    Column("first", BIG, nullable=False),
    Column("last", BIG, nullable=False),
    Column("position", BIG, nullable=False),
    sqlite_with_rowid=False,
)
"""The first use of each key: which versions of which book it made, none where `last` is below `first`."""

reservations = Table(
    "reservations",
    metadata,
    Column("scope", CText, primary_key=True),
    Column("fingerprint", CText, primary_key=True),
    Column("holder", CText, nullable=False),
    Column("state", CText, nullable=False),
    Index("reservations_holder", "scope", "holder", "state"),
    sqlite_with_rowid=False,
)
HELD, TOMBSTONE = "held", "tombstone"

snapshots = Table(
    "snapshots",
    metadata,
    Column("book", CText, primary_key=True),
    Column("digest", CText, nullable=False),
    Column("version", BIG, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("position", BIG, nullable=False),
    Column("recorded_at", CText, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

pending_imports = Table(
    "pending_imports",
    metadata,
    Column("import_id", CText, primary_key=True),
    Column("book", CText, nullable=False),
    Column("created_at", CText, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("pending_imports_created_at", "created_at"),
)

installation = Table(
    "installation",
    metadata,
    Column("one", BIG, primary_key=True, autoincrement=False),
    Column("proof", CText, nullable=False),
)
"""One row: which key file the store was first opened with, so that no other one is taken for it."""

RESTORING = "restoring"
"""In the place of a proof: the store is being filled from a backup, and nobody may use it yet."""

relay_notes = Table(
    "relay_notes",
    metadata,
    Column("topic", CText, primary_key=True),
    Column("partition", BIG, primary_key=True, autoincrement=False),
    Column("topic_id", CText, nullable=False),
    Column("position", BIG, nullable=False),
    sqlite_with_rowid=False,
)
"""What the relay has published: for each partition of a topic the position last acknowledged there."""

leases = Table(
    "leases",
    metadata,
    Column("name", CText, primary_key=True),
    Column("holder", CText, nullable=False),
    Column("until_ms", BIG, nullable=False),
    sqlite_with_rowid=False,
)
"""Which process does what only one may do at a time, until a moment of the database's own clock."""
