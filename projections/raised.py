"""Raised alerts: the table in which a read model keeps what it raised, and how the newest are read.

An alert's id is its identity: what is raised again, whatever made it so, leaves the first as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Date,
    Index,
    Integer,
    MetaData,
    Row,
    SmallInteger,
    Table,
    delete,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.alerts import Alert
from domain.book import BookId
from projections.readmodel import NEVER, CText

Place = tuple[int, str]
"""Where an alert stands in the list of a book: its version and id."""


class RaisedAlerts:
    """The table of alerts within one read model."""

    def __init__(self, name: str, version: int, metadata: MetaData) -> None:
        self.table = Table(
            f"{name}_v{version}_alerts",
            metadata,
            Column("book", CText, primary_key=True),
            Column("alert_id", CText, primary_key=True),
            Column("version", Integer, nullable=False),
            Column("rule", CText, nullable=False),
            Column("subject", CText, nullable=False),
            Column("period", Date, nullable=False),
            Column("threshold", SmallInteger, nullable=False),
            Column("raised_at", CText, nullable=False),
            Column("code", CText, nullable=False),
            Column("params", CText, nullable=False),
            Index(f"{name}_v{version}_alerts_newest", "book", "version", "alert_id"),
            sqlite_with_rowid=False,
        )

    def keep(self, connection: Connection, alerts: Sequence[Alert]) -> None:
        """Add what was raised, in the order it was; what stands under its id already stays."""
        if not alerts:
            return
        rows = {
            (alert.book, alert.alert_id): {
                "book": alert.book,
                "alert_id": alert.alert_id,
                "version": alert.version,
                "rule": alert.rule,
                "subject": alert.subject,
                "period": alert.period,
                "threshold": alert.threshold,
                "raised_at": alert.raised_at,
                "code": alert.code,
                "params": orjson.dumps(dict(alert.params), option=orjson.OPT_SORT_KEYS).decode(),
            }
            for alert in reversed(alerts)
        }
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(self.table).on_conflict_do_nothing(), list(rows.values()))

    def newest(
        self, connection: Connection, book: BookId, limit: int, before: Place | None = None, known: int | None = None
    ) -> list[Alert]:
        """At most `limit` alerts of a book, the newest first: by version, then by id, both falling.

        `before`: only those after this place of the list. `known`: the last book version to take into account.
        """
        columns = self.table.c
        wanted = select(self.table).where(columns.book == book, columns.version <= (NEVER if known is None else known))
        if before is not None:
            wanted = wanted.where(tuple_(columns.version, columns.alert_id) < tuple_(*before))
        rows = connection.execute(wanted.order_by(columns.version.desc(), columns.alert_id.desc()).limit(limit))
        return [alert_of(row) for row in rows]

    def purge(self, connection: Connection, book: BookId) -> None:
        """Remove all that was raised about a book."""
        connection.execute(delete(self.table).where(self.table.c.book == book))


def alert_of(row: Row[Any]) -> Alert:
    """The alert that a row of such a table keeps."""
    return Alert(
        row.alert_id,
        BookId(row.book),
        row.rule,
        row.subject,
        row.period,
        row.threshold,
        row.version,
        row.raised_at,
        row.code,
        orjson.loads(row.params),
    )
