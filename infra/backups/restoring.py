"""Restoring a backup: into an empty store, checked before it may be used.

All rows come in one transaction, together with a mark under which no program opens the store. The mark goes last, when
the chains were recomputed from the database and the read models folded to the digests that the backup tells; whatever
fails before leaves the store empty again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, delete, func, insert, select, update

from commands.books import finish_erasures
from domain.errors import Rejected
from infra.backups.creating import BESIDE_THE_LOG, last_position
from infra.keys import KeyCopy, KeyFile
from infra.read_models import ReadModels
from infra.sql import answering
from infra.store import RESTORING, SqlEventStore
from infra.store.bulk import insert_events, insert_rows
from infra.store.statements import take_lock
from infra.store.tables import events, idempotency, installation, pending_imports, reservations, snapshots
from projections import READ_MODELS
from streams import heads
from streams.backup.content import Chains, Contents, Row, event_row
from streams.backup.digests import Progress, digests
from streams.contract import Envelope
from streams.heads import create_tables, key_of
from streams.runner import ProjectionRunner

logger = logging.getLogger(__name__)

_FILLED = (events, idempotency, reservations)
_ALL = (*_FILLED, snapshots, pending_imports, installation)

KeysOf = Callable[[Contents], KeyCopy | None]
"""The keys that come with the backup; None where none were given, and those of the target are to serve."""


@dataclass(slots=True)
class Target:
    """Where a backup goes: the store, the read models, and the path of the key file; whether that was put there."""

    store: SqlEventStore
    keys: KeyFile
    keys_path: Path
    read_models: ReadModels
    has_put_keys: bool = False


def restore(contents: Contents, keys_of: KeysOf, target: Target, told: Progress) -> tuple[str, ...]:
    """Fill the target and check it; the read models that could not be compared, for this release has other versions.

    `Rejected`: `restore_target_not_empty` before anything was written; what reading a backup and its keys may raise;
    `restore_keys_in_the_way`; `restore_differs`. After any of them the target is empty, as it was.
    """
    _empty_unfinished(target)
    _check_empty(target)
    try:
        _fill(contents, keys_of, target, told)
        uncompared = _check(contents, target, told)
    except BaseException:
        _wipe(target)
        if target.has_put_keys:
            target.keys_path.unlink(missing_ok=True)
        raise
    with answering(), target.store.writing.begin() as connection:
        take_lock(connection)
        connection.execute(update(installation).values(proof=contents.header.proof))
    return uncompared


# An empty target


def _empty_unfinished(target: Target) -> None:
    """What a restore left that was killed is nobody's: it goes, and the restore begins anew."""
    if target.store.proof() == RESTORING:
        logger.warning("an earlier restore did not end: what it left is removed first")
        _wipe(target)


def _check_empty(target: Target) -> None:
    with answering(), target.store.reading.connect() as connection:
        found = [table.name for table in _FILLED if connection.execute(select(table).limit(1)).first() is not None]
    with target.read_models.read() as connection:
        if connection.execute(select(heads.heads.c.book).limit(1)).first() is not None:
            found.append("read models")
    if found:
        raise Rejected("restore_target_not_empty", found=found)


def _wipe(target: Target) -> None:
    """Empty a store that bears the mark, and no other: what another program has begun there meanwhile is not ours."""
    with answering(), target.store.writing.begin() as connection:
        take_lock(connection)
        if connection.execute(select(installation.c.proof)).scalar() != RESTORING:
            return
        for table in _ALL:
            connection.execute(delete(table))
    with target.read_models.write() as connection:
        for model in READ_MODELS:
            model.metadata.drop_all(connection)
            heads.forget(connection, key_of(model))
        create_tables(connection, READ_MODELS)


# Filling


def _fill(contents: Contents, keys_of: KeysOf, target: Target, told: Progress) -> None:
    with _writing(target) as connection:
        _mark(connection)
        binary = connection.dialect.name != "sqlite"
        brought: KeyCopy | None = None
        for number, (kind, part) in enumerate(contents.parts()):
            if number == 0:  # the keys stand before all parts: a wrong passphrase is told at once
                brought = keys_of(contents)
            table = BESIDE_THE_LOG.get(kind)
            if table is not None:
                insert_rows(connection, table, cast("Sequence[Row]", part))
                continue
            page = cast("Sequence[Envelope]", part)
            rows: list[Any] = [event_row(event) if binary else _values(event) for event in page]
            insert_events(connection, rows, page[0].position)
            told(contents.chains.events, contents.header.end)
        _settle_keys(contents, brought, target)


@contextmanager
def _writing(target: Target) -> Iterator[Connection]:
    """The one transaction. Others that wait for the lock give up by their own limit, and have then written nothing."""
    with answering(), target.store.writing.begin() as connection:
        take_lock(connection)
        if last_position(connection):
            raise Rejected("restore_target_not_empty", found=[events.name])
        yield connection


def _mark(connection: Connection) -> None:
    connection.execute(delete(installation))
    connection.execute(insert(installation), {"one": 1, "proof": RESTORING})


def _values(event: Envelope) -> tuple[object, ...]:
    return (
        event.id,
        event.type,
        event.stream,
        event.version,
        event.recorded_at,
        event.actor,
        event.command_id,
        event.correlation_id,
        event.causation_id,
        event.prev_hash,
        event.data,
        event.hash,
    )


def _settle_keys(contents: Contents, brought: KeyCopy | None, target: Target) -> None:
    """Put the backup's keys where they belong, without those of erased books; or let the target's own serve.

    Keys of the same installation that stand there are newer: a book they lack may have been erased since, and is not
    to come back by an older copy of its key. Whether it is so nobody can tell here, so a person is asked.
    """
    living = contents.chains.heads.keys() - contents.chains.erased
    proof = contents.header.proof
    if brought is not None:
        check_keys(brought, proof, contents.chains)
    standing = target.keys.copied() if target.keys_path.exists() else None
    if standing is not None and standing.proof() == proof:
        missing = len(living - standing.keys.keys())
        if missing:
            raise Rejected("restore_keys_in_the_way", file=str(target.keys_path), books=missing)
        return
    if standing is not None and standing.keys:
        raise Rejected("restore_keys_in_the_way", file=str(target.keys_path), books=len(living))
    if brought is None:
        raise Rejected("backup_keys_needed")
    target.keys.put(brought.of(living))
    target.has_put_keys = True


def check_keys(keys: KeyCopy, proof: str, chains: Chains) -> None:
    """Whether keys are those that a backup's events were sealed with, all of them."""
    missing = len(chains.heads.keys() - chains.erased - keys.keys.keys())
    if keys.proof() != proof or missing:
        raise Rejected("backup_keys_are_others", books=missing)


# Checking


def _check(contents: Contents, target: Target, told: Progress) -> tuple[str, ...]:
    """What the database holds now, and not what was meant to get there."""
    store, footer = target.store, contents.footer
    assert footer is not None  # the last part was read
    with answering(), store.reading.connect() as connection:
        counts = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in _FILLED]
    if counts != [footer.events, footer.idempotency, footer.reservations] or store.end() != footer.events:
        raise Rejected("restore_differs", parts=["counts"])
    broken = store.verify_chain()
    if broken is not None:
        raise Rejected("restore_differs", parts=[broken.code])
    finish_erasures(store, target.keys)
    runner = ProjectionRunner(store, target.read_models, READ_MODELS)
    try:
        runner.catch_up(told)
    finally:
        runner.close()
    with target.read_models.read() as connection:
        found = digests(connection, READ_MODELS)
    differing = [name for name, digest in found.items() if footer.read_models.get(name, digest) != digest]
    if differing:
        raise Rejected("restore_differs", parts=differing)
    return tuple(sorted(found.keys() ^ footer.read_models.keys()))
