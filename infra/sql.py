"""SQL databases: how they are opened, and what their errors mean to a person.

SQLite and PostgreSQL behind one SQLAlchemy engine each. Every wait for a lock, a connection or a server has a named
limit here, and every failure of a database leaves here as `StoreUnavailable` with a stable code.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from sqlalchemy import Engine, Text, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commands.ports import StoreUnavailable

LOCK_TIMEOUT_MS = 5_000
"""How long a writer waits for another one (SQLite's busy timeout, PostgreSQL's lock_timeout): many times the longest
commit there is, and short enough for a person to be told."""

IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
"""PostgreSQL ends a session that stands idle in a transaction so long: a stopped writer holds its lock no longer."""

CONNECT_TIMEOUT_S = 5
"""How long a PostgreSQL server may take to accept a connection."""

NETWORK_TIMEOUT_MS = 15_000
"""How long sent bytes may stay without the other machine's acknowledgement before a connection counts as lost."""

POOL_TIMEOUT_S = 10
"""How long a thread waits for one of its own process's connections."""

READ_CONNECTIONS = 8
"""Connections of a process for reading: beyond a few more than the cores, readers only wait for each other."""

JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024
"""What SQLite's write-ahead log is cut back to after a large commit."""

CHECKPOINT_PAGES = 4_000
"""Pages of SQLite's write-ahead log (16 MB) from which a commit moves them into the file: each time costs two syncs."""

WAL_RETRY_S = 0.005
"""The pause before a new file is asked into WAL mode again: about as long as another connection takes for it."""

CACHE_KIB = 16 * 1024
"""Pages that a SQLite connection keeps in memory."""

CText = Text().with_variant(Text(collation="C"), "postgresql")
"""Text compared and sorted by code point on both databases, so that no answer depends on the store."""


def writing_engine(url: str | URL, *, durable: bool = True, schema: str | None = None) -> Engine:
    """One connection, so that the writers of a process queue before the database's lock rather than in it.

    On SQLite a transaction takes the write lock as it begins. `durable`: a commit is on the disk when it answers; what
    can be rebuilt from the log does without. `schema`: PostgreSQL's, where it is not the account's own.
    """
    engine = _engine(url, durable=durable, connections=1, schema=schema)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", _begin_immediate)
    return engine


def reading_engine(url: str | URL, *, schema: str | None = None) -> Engine:
    """Connections that read, each statement on what is committed as it starts, and that cannot write on SQLite."""
    engine = _engine(url, durable=True, connections=READ_CONNECTIONS, schema=schema)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _only_read)
        return engine
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _engine(url: str | URL, *, durable: bool, connections: int, schema: str | None) -> Engine:
    url = make_url(url)
    pool = {"pool_size": connections, "max_overflow": 0, "pool_timeout": POOL_TIMEOUT_S}
    if url.get_backend_name() == "sqlite":
        _make_private_file(url.database)
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_TIMEOUT_MS / 1000}, **pool)
        event.listen(engine, "connect", _sqlite_settings(durable=durable))
        return engine
    settings = {
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
        "synchronous_commit": "on" if durable else "off",
        "timezone": "UTC",
    }
    if schema is not None:
        settings["search_path"] = schema
    return create_engine(
        url.set(drivername="postgresql+psycopg2"),
        hide_parameters=True,
        executemany_mode="values_plus_batch",
        isolation_level="READ COMMITTED",
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "client_encoding": "utf8",
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": NETWORK_TIMEOUT_MS,
            "application_name": "finshift",
        },
        **pool,
    )


def _make_private_file(path: str | None) -> None:
    """A new database file belongs to its owner alone; SQLite gives its journals the same rights."""
    if not path or path == ":memory:" or path.startswith("file:") or os.path.exists(path):
        return
    with answering():
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except PermissionError as error:
            raise StoreUnavailable("store_read_only", f"the folder of {path} cannot be written to") from error
        except OSError as error:
            raise StoreUnavailable("store_unreachable", f"{path}: {error.strerror}") from error


def _sqlite_settings(*, durable: bool) -> Any:
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        # The driver begins no transaction of its own; ours begin where the store says so.
        connection.isolation_level = None
        _keep_in_wal(connection)
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={JOURNAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")

    return settle


def _keep_in_wal(connection: sqlite3.Connection) -> None:
    """Put the file into WAL mode. SQLite answers "busy" without waiting where two connections do so to a new file at
    once, whatever the busy timeout: it is asked again for as long.
    """
    until = time.monotonic() + LOCK_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as refused:
            if refused.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(WAL_RETRY_S)


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _only_read(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only=ON")


# What a failure means

DATABASE_ERRORS = (DBAPIError, sqlite3.Error, psycopg2.Error)
"""What a database's failure arrives as: the drivers' own where SQLAlchemy is not in between, as when it connects."""

_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY: "store_busy",
    sqlite3.SQLITE_LOCKED: "store_busy",
    sqlite3.SQLITE_READONLY: "store_read_only",
    sqlite3.SQLITE_PERM: "store_read_only",
    sqlite3.SQLITE_FULL: "store_full",
    sqlite3.SQLITE_CORRUPT: "store_damaged",
    sqlite3.SQLITE_NOTADB: "store_damaged",
}

_POSTGRES_CODES = {
    "55P03": "store_busy",  # lock_not_available: lock_timeout
    "57014": "store_busy",  # query_canceled: statement_timeout
    "40P01": "store_busy",  # deadlock_detected
    "53300": "store_busy",  # too_many_connections
    "25006": "store_read_only",  # read_only_sql_transaction
    "42501": "store_read_only",  # insufficient_privilege
    "53100": "store_full",  # disk_full
    "XX001": "store_damaged",  # data_corrupted
    "XX002": "store_damaged",  # index_corrupted
}

_SQLITE_DEFECTS = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_MISUSE,
    sqlite3.SQLITE_RANGE,
)

_POSTGRES_GONE = ("08", "57P", "25P03")
"""A lost connection, a server that stops or starts, a session ended for standing idle inside a transaction."""

_POSTGRES_UNREACHABLE_CLASSES = ("08", "57", "58", "53", "25P0", "28", "3D")
"""Connections, the operator's interventions, the system, resources, ended sessions, sign-in, a missing database."""


@contextmanager
def answering() -> Iterator[None]:
    """Turn a database's failure into `StoreUnavailable`; what is a defect of ours goes through as it is."""
    try:
        yield
    except DATABASE_ERRORS as error:
        meant = unavailable(error)
        if meant is None:
            raise
        raise meant from error
    except PoolTimeout as error:
        raise StoreUnavailable("store_busy", "every connection of this process is in use") from error


def unavailable(error: Exception) -> StoreUnavailable | None:
    """What a driver's error means to who asked; None where nobody outside can mend it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    told = str(cause).strip().partition("\n")[0]
    if isinstance(cause, sqlite3.Error):
        primary = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if primary in _SQLITE_DEFECTS:
            return None
        return StoreUnavailable(_SQLITE_CODES.get(primary, "store_unreachable"), told)
    if isinstance(cause, psycopg2.Error):
        state = cause.pgcode
        if state in _POSTGRES_CODES:
            return StoreUnavailable(_POSTGRES_CODES[state], told)
        if connection_lost(error) or (state is not None and state.startswith(_POSTGRES_UNREACHABLE_CLASSES)):
            return StoreUnavailable("store_unreachable", told)
    return None


def connection_lost(error: Exception) -> bool:
    """Whether the server or the way to it went: what was asked last may have been done or not."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError):
        return False
    return cause.pgcode is None or cause.pgcode.startswith(_POSTGRES_GONE)
