"""The first store: events, idempotency keys, reservations, snapshots, pending imports.

What a published migration does is never edited: a change of schema is a new migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("position", BIG, primary_key=True, autoincrement=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("stream", TEXT, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("recorded_at", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("command_id", TEXT, nullable=False),
        sa.Column("correlation_id", TEXT, nullable=False),
        sa.Column("causation_id", TEXT, nullable=False),
        sa.Column("prev_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("stream", "version", name="events_stream_version"),
    )
    op.create_table(
        "idempotency",
        sa.Column("scope", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("book", TEXT, nullable=False),
        sa.Column("first", BIG, nullable=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reservations",
        sa.Column("scope", TEXT, primary_key=True),
        sa.Column("fingerprint", TEXT, primary_key=True),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("reservations_holder", "reservations", ["scope", "holder", "state"])
    op.create_table(
        "snapshots",
        sa.Column("book", TEXT, primary_key=True),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("recorded_at", TEXT, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pending_imports",
        sa.Column("import_id", TEXT, primary_key=True),
        sa.Column("book", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("pending_imports_created_at", "pending_imports", ["created_at"])
