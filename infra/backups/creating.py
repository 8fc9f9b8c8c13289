"""Making a backup: the store as it was at one moment, in one pass, in the memory of a page.

Events and what stands beside them are read in one transaction's snapshot, while others go on writing. The keys are
copied inside it: a book is opened key first and erased event first, so whoever then lacks a key was erased meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from sqlalchemy import Connection, Engine, Table, func, select

from commands.ports import StoreUnavailable
from domain.errors import Rejected
from infra.backups.sealing import seal
from infra.keys import KeyCopy, KeyFile
from infra.sql import answering
from infra.store import SqlEventStore
from infra.store.reading import Log, envelope
from infra.store.statements import HEADS, spelt
from infra.store.tables import events, idempotency, reservations
from projections.readmodel import in_chunks
from streams.backup import blocks
from streams.backup.blocks import BlockWriter
from streams.backup.content import (
    BLOCK_BYTES,
    ERASED,
    EVENTS_A_BLOCK,
    INSIDE,
    ROW_TYPES,
    ROWS_A_BLOCK,
    Chains,
    Footer,
    Header,
    Row,
    pack_events,
    pack_rows,
    to_json,
)
from streams.backup.digests import Progress, Read
from streams.contract import Envelope

BESIDE_THE_LOG = {blocks.IDEMPOTENCY: idempotency, blocks.RESERVATIONS: reservations}
"""What the log alone does not give back. Snapshots it does; an import that waits for a yes is uploaded again."""

MAX_TRIES = 3
"""A book erased between the snapshot and the copy of its key makes the backup begin again."""

_ENVELOPE = tuple(events.c[name] for name in Envelope.__slots__)


class _ErasedMeanwhile(Exception):
    """A key is gone of a book that the snapshot has as living."""


def last_position(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(events.c.position), 0))).scalar_one())


@contextmanager
def at_one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection whose queries all see one moment of the store, and that keeps no writer waiting."""
    with answering(), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            yield connection
        finally:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("ROLLBACK")


def copy_store(
    store: SqlEventStore,
    keys: KeyFile,
    file: BinaryIO,
    made_at: str,
    where: str,
    passphrase: str | None,
    told: Progress,
) -> tuple[BlockWriter, Header, Chains, Footer, KeyCopy]:
    """Write all but the footer, whose digests of read models are still open; the writer, and what was written."""
    for _ in range(MAX_TRIES):
        try:
            return _copy(store, keys, file, made_at, where, passphrase, told)
        except _ErasedMeanwhile:
            file.seek(0)
            file.truncate()
    raise StoreUnavailable("keys_missing", "books were erased each time a backup was begun, or their keys are lost")


def _copy(
    store: SqlEventStore,
    keys: KeyFile,
    file: BinaryIO,
    made_at: str,
    where: str,
    passphrase: str | None,
    told: Progress,
) -> tuple[BlockWriter, Header, Chains, Footer, KeyCopy]:
    writer = BlockWriter(file)
    with at_one_moment(store.reading) as connection:
        end = last_position(connection)
        copied = _living(connection, keys)
        header = Header(made_at, copied.proof(), end, where)
        first = to_json(header)
        writer.write(blocks.HEADER, first)
        if where == INSIDE and passphrase is not None:
            writer.write(blocks.KEYS, seal(copied.content(), passphrase, first))
        chains = Chains()
        for page in _event_blocks(connection):
            for event in page:
                reason = chains.add(event)
                if reason is not None:
                    raise Rejected("backup_log_broken", position=event.position, reason=reason)
            writer.write(blocks.EVENTS, pack_events(page))
            told(chains.events, end)
        counts = {kind: _copy_rows(connection, writer, kind, table) for kind, table in BESIDE_THE_LOG.items()}
    if any(stream not in copied.keys for stream in chains.heads.keys() - chains.erased):
        raise _ErasedMeanwhile
    uses, held = counts[blocks.IDEMPOTENCY], counts[blocks.RESERVATIONS]
    return writer, header, chains, Footer(end, len(chains.heads), uses, held, chains.digest(), {}), copied


def _living(connection: Connection, keys: KeyFile) -> KeyCopy:
    """The keys of the streams that the snapshot has, without those whose destruction it tells of."""
    heads = connection.execute(spelt(connection.dialect.name, HEADS)).all()
    copied = keys.copied()
    living = {head.stream for head in heads}
    for positions in in_chunks([head.position for head in heads]):
        ended = select(events.c.stream).where(events.c.position.in_(positions), events.c.type == ERASED)
        living -= set(connection.execute(ended).scalars())
    return copied.of(living)


def as_copied(store: SqlEventStore, copied: KeyCopy) -> Read:
    """Read the log with the keys as they were copied: a book that is erased meanwhile reads as it did then."""
    log = Log(store.reading, copied)
    return lambda after_position, limit: log.decoded(log.of_all(after_position, limit))


def _event_blocks(connection: Connection) -> Iterator[list[Envelope]]:
    query = select(*_ENVELOPE).order_by(events.c.position)
    page: list[Envelope] = []
    size_bytes = 0
    for row in _streamed(connection, query, EVENTS_A_BLOCK):
        event = envelope(row)
        page.append(event)
        size_bytes += len(event.data)
        if len(page) >= EVENTS_A_BLOCK or size_bytes >= BLOCK_BYTES:
            yield page
            page, size_bytes = [], 0
    if page:
        yield page


def _copy_rows(connection: Connection, writer: BlockWriter, kind: bytes, table: Table) -> int:
    count = 0
    rows = _streamed(connection, select(table).order_by(*table.primary_key.columns), ROWS_A_BLOCK)
    page: list[Row] = []
    for row in rows:
        page.append(_plain(row, ROW_TYPES[kind]))
        if len(page) >= ROWS_A_BLOCK:
            writer.write(kind, pack_rows(page))
            count += len(page)
            page = []
    if page:
        writer.write(kind, pack_rows(page))
    return count + len(page)


def _plain(row: Sequence[Any], types: Sequence[type]) -> Row:
    return tuple([bytes(value) if kind is bytes else value for value, kind in zip(row, types, strict=True)])


def _streamed(connection: Connection, query: Any, at_a_time: int) -> Iterator[Any]:
    """Rows as they come, so many in memory: PostgreSQL by a cursor of the server's."""
    return iter(connection.execute(query, execution_options={"yield_per": at_a_time}))
