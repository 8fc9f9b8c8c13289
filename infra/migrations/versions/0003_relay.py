"""What the relay notes of the topic, and the leases of roles that work one at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "relay_notes",
        sa.Column("topic", TEXT, primary_key=True),
        sa.Column("partition", BIG, primary_key=True, autoincrement=False),
        sa.Column("topic_id", TEXT, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("until_ms", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
