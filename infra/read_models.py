"""The read models' database: SQLite beside the events or PostgreSQL, with the tables of the models it is opened for.

All in it can be folded again from the log, so a commit does not wait for the disk. It holds what people wrote, so its
files are the owner's alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.schema import CreateSchema, DropSchema

from commands.ports import StoreUnavailable
from domain.errors import Rejected
from infra.sql import LOCK_TIMEOUT_MS, answering, reading_engine, writing_engine
from projections.readmodel import ReadModel
from streams.heads import create_tables, heads

CREATE_LOCK = 0x46696E7265616401
"""PostgreSQL's advisory lock while tables are made: two programs that start at once would both find them missing."""


SCRUB_TIMEOUT_MS = 20
"""How long emptying SQLite's log waits for readers: writers wait with it, and it is tried again."""

SCRATCH_PREFIX = "finshift-verify-"


@contextmanager
def telling() -> Iterator[None]:
    """`answering`, and a damage here is another matter than one of the store: all of it can be folded again."""
    try:
        with answering():
            yield
    except StoreUnavailable as told:
        if told.code != "store_damaged":
            raise
        raise StoreUnavailable("read_models_damaged", told.detail) from told


class ReadModels:
    """An open database of read models: the runner's `ReadDatabase`, and the queries' source of connections."""

    def __init__(self, address: str | URL, schema: str | None = None) -> None:
        """`schema`: PostgreSQL's, where it is not the account's own."""
        url = make_url(address)
        self._writes = writing_engine(url, durable=False, schema=schema)
        self._reads = reading_engine(url, schema=schema)
        self._snapshot: dict[str, Any] = {}
        if self._reads.dialect.name == "sqlite":
            event.listen(self._reads, "begin", _begin)
        else:
            self._snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose queries all see one moment of the database, and that writes nothing."""
        with telling(), self._reads.connect() as connection:
            yield connection.execution_options(**self._snapshot)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write from its first statement on: committed at the end, rolled back by a raise."""
        with telling(), self._writes.begin() as connection:
            yield connection

    @contextmanager
    def scratch(self) -> Iterator[ReadModels]:
        """An empty database in SQLite, gone afterwards: beside the read models, where those are files."""
        file = self._writes.url.database if self._writes.dialect.name == "sqlite" else None
        with _scratch_folder(Path(file).absolute().parent if file else Path(tempfile.gettempdir())) as folder:
            aside = ReadModels(URL.create("sqlite+pysqlite", database=str(folder / "scratch.db")))
            try:
                yield aside
            finally:
                aside.close()

    @contextmanager
    def beside(self, key: str) -> Iterator[ReadModels]:
        """A file beside the live one, or a schema of the same database."""
        with telling(), ExitStack() as held:
            if self._writes.dialect.name == "sqlite":
                file = self._file_beside(key)
                held.enter_context(_alone(file.with_suffix(".lock"), key))
                aside = ReadModels(URL.create("sqlite+pysqlite", database=str(file)))
            else:
                held.enter_context(self._locked_session(key))
                with self._writes.begin() as connection:
                    connection.execute(CreateSchema(_schema_beside(key), if_not_exists=True))
                aside = ReadModels(self._writes.url, _schema_beside(key))
            held.callback(aside.close)
            yield aside

    @contextmanager
    def taking_over(self, key: str, tables: Sequence[Table]) -> Iterator[TakingOver]:
        with telling(), self._writes.connect() as connection:
            if connection.dialect.name == "sqlite":
                # Outside a transaction, as SQLite asks.
                raw: Any = connection.connection.driver_connection
                raw.execute("ATTACH DATABASE ? AS beside", (str(self._file_beside(key)),))
                try:
                    with connection.begin():
                        yield TakingOver(connection, key, tables, "beside")
                finally:
                    raw.execute("DETACH DATABASE beside")
            else:
                with connection.begin():
                    yield TakingOver(connection, key, tables, _schema_beside(key))
        self._drop_beside(key)

    def _drop_beside(self, key: str) -> None:
        if self._writes.dialect.name == "sqlite":
            file = self._file_beside(key)
            for suffix in ("", "-wal", "-shm"):
                file.with_name(file.name + suffix).unlink(missing_ok=True)
            return
        with self._writes.begin() as connection:
            connection.execute(DropSchema(_schema_beside(key), cascade=True, if_exists=True))

    def _file_beside(self, key: str) -> Path:
        live = Path(self._writes.url.database or "")
        return live.with_name(f"{live.stem}-{key}.rebuild.db")

    @contextmanager
    def _locked_session(self, key: str) -> Iterator[None]:
        """PostgreSQL's advisory lock of a rebuild, held by a session of its own and gone with it."""
        with self._reads.connect() as connection:
            asked = {"rebuild": f"rebuild {key}"}
            if not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:rebuild, 0))"), asked):
                raise Rejected("rebuild_running", projection=key)
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:rebuild, 0))"), asked)

    def scrub(self) -> bool:
        """SQLite overwrites what it deletes, and here empties its log of older pages, False where a reader still sees
        those; PostgreSQL's vacuum does both in its own time.
        """
        if self._writes.dialect.name != "sqlite":
            return True
        with telling():
            connection = self._writes.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout={SCRUB_TIMEOUT_MS}")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                [(busy, _, _)] = cursor.fetchall()
                cursor.execute(f"PRAGMA busy_timeout={LOCK_TIMEOUT_MS}")
            finally:
                connection.close()
        return not busy

    def close(self) -> None:
        self._reads.dispose()
        self._writes.dispose()


class TakingOver:
    """The transaction in which a projection that was built beside takes the place of the live one."""

    def __init__(self, connection: Connection, key: str, tables: Sequence[Table], schema: str) -> None:
        self.connection = connection
        self._key = key
        self._tables = tables
        self._schema = schema

    def replace(self) -> None:
        run = self.connection.exec_driver_sql
        if self.connection.dialect.name == "sqlite":
            for table in self._tables:
                table.create(self.connection, checkfirst=True)
                run(f"DELETE FROM main.{table.name}")
                run(f"INSERT INTO main.{table.name} SELECT * FROM {self._schema}.{table.name}")
        else:
            live = self.connection.scalar(text("SELECT current_schema()"))
            for table in self._tables:
                run(f"DROP TABLE IF EXISTS {table.name}")
                run(f'ALTER TABLE "{self._schema}".{table.name} SET SCHEMA "{live}"')
        columns = ", ".join([column.name for column in heads.columns])
        self.connection.execute(heads.delete().where(heads.c.projection == self._key))
        run(f'INSERT INTO {heads.name} ({columns}) SELECT {columns} FROM "{self._schema}".{heads.name}')


def _schema_beside(key: str) -> str:
    return f"finshift_rebuild_{key}"


@contextmanager
def _alone(lock: Path, key: str) -> Iterator[None]:
    """The file's lock, while its holder lives."""
    handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Rejected("rebuild_running", projection=key) from None
    finally:
        os.close(handle)


def open_read_models(address: str | URL, models: Sequence[ReadModel]) -> ReadModels:
    """Open the database at a SQLAlchemy address and make what is missing of the models' tables."""
    database = ReadModels(address)
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CREATE_LOCK})
        create_tables(connection, models)
    return database


@contextmanager
def _scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder for its owner alone, gone afterwards; what a killed program left of such goes first.

    A folder in use is locked; the lock on `parent` keeps one that is just being made from being taken for a left one.
    """
    with ExitStack() as held:
        with _locked(parent, fcntl.LOCK_EX):
            for left in parent.glob(f"{SCRATCH_PREFIX}*"):
                with suppress(OSError), _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=parent))
            held.callback(shutil.rmtree, folder, ignore_errors=True)
            held.enter_context(_locked(folder, fcntl.LOCK_EX))
        yield folder


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
