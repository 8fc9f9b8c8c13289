"""The read models' database: SQLite beside the events or PostgreSQL, with the tables of the models it is opened for.

All in it can be folded again from the log, so a commit does not wait for the disk. It holds what people wrote, so its
files are the owner's alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url

from infra.sql import answering, reading_engine, writing_engine
from projections.readmodel import ReadModel
from streams.heads import create_tables

CREATE_LOCK = 0x46696E7265616401
"""PostgreSQL's advisory lock while tables are made: two programs that start at once would both find them missing."""


class ReadModels:
    """An open database of read models: the runner's `ReadDatabase`, and the queries' source of connections."""

    def __init__(self, address: str | URL) -> None:
        url = make_url(address)
        self._writes = writing_engine(url, durable=False)
        self._reads = reading_engine(url)
        self._snapshot: dict[str, Any] = {}
        if self._reads.dialect.name == "sqlite":
            event.listen(self._reads, "begin", _begin)
        else:
            self._snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose queries all see one moment of the database, and that writes nothing."""
        with answering(), self._reads.connect() as connection:
            yield connection.execution_options(**self._snapshot)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write from its first statement on: committed at the end, rolled back by a raise."""
        with answering(), self._writes.begin() as connection:
            yield connection

    @contextmanager
    def scratch(self) -> Iterator[ReadModels]:
        """An empty database in SQLite, gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="finshift-verify-") as folder:
            aside = ReadModels(f"sqlite+pysqlite:///{Path(folder) / 'scratch.db'}")
            try:
                yield aside
            finally:
                aside.close()

    def scrub(self) -> None:
        """SQLite overwrites what it deletes, and here empties its log of older pages; PostgreSQL's vacuum does both in
        its own time.
        """
        if self._writes.dialect.name == "sqlite":
            connection = self._writes.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    def close(self) -> None:
        self._reads.dispose()
        self._writes.dispose()


def open_read_models(address: str | URL, models: Sequence[ReadModel]) -> ReadModels:
    """Open the database at a SQLAlchemy address and make what is missing of the models' tables."""
    database = ReadModels(address)
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CREATE_LOCK})
        create_tables(connection, models)
    return database


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
