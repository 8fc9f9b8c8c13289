"""The store knows its key file: one row with the proof of the installation's secret."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("one", BIG, primary_key=True, autoincrement=False),
        sa.Column("proof", TEXT, nullable=False),
    )
