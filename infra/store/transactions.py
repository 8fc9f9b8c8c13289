"""One writer's transaction from the lock to the commit, and what to do when its answer is lost.

What is decided inside rests on what was read after the lock was taken, so it may be done again on a fresh connection,
as long as it is certain that the first attempt came to nothing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from commands.ports import StoreUnavailable
from infra.sql import DATABASE_ERRORS, answering, connection_lost
from infra.store.statements import take_lock

MAX_ATTEMPTS = 3
"""Tries of one transaction: a pool may hold a connection that a restart of the server has cut, and the next one too."""

LOOK_UPS = 8
LOOK_UP_PAUSE_S = 0.5
"""Tries, and the pause between them, to find out what became of a commit: longer than a server takes to restart."""

T = TypeVar("T")


class _Lost(Exception):
    """The connection went before COMMIT was sent, or with a COMMIT that is known to have come to nothing."""


def transact(engine: Engine, work: Callable[[Connection], T], landed: Callable[[Connection, T], bool]) -> T:
    """Do `work` as the store's only writer and commit it. `landed` tells, on a later connection, whether what `work`
    wrote is in the store. Raises `StoreUnavailable`: with `outcome_unknown` where even that could not be asked.
    """
    with answering():
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return _attempt(engine, work, landed)
            except _Lost as lost:
                if attempt == MAX_ATTEMPTS:
                    told = str(lost.__cause__).strip().partition("\n")[0]
                    raise StoreUnavailable("store_unreachable", told) from lost
    raise AssertionError("the last attempt returns or raises")


def _attempt(engine: Engine, work: Callable[[Connection], T], landed: Callable[[Connection, T], bool]) -> T:
    with engine.connect() as connection:
        try:
            transaction = connection.begin()
            take_lock(connection)
            done = work(connection)
        except DATABASE_ERRORS as error:
            if not connection_lost(error):
                raise
            # It may be known to the driver alone: nothing of it goes back into the pool.
            connection.invalidate(error)
            raise _Lost from error
        try:
            transaction.commit()
        except DBAPIError as error:
            if not _may_have_committed(error):
                raise
            connection.invalidate(error)
            reason = error
        else:
            return done
    if not _look_up(engine, done, landed):
        raise _Lost from reason
    return done


def _may_have_committed(error: DBAPIError) -> bool:
    """Whether a COMMIT's error leaves its outcome open: a lost connection, or a disk that failed to say."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR
    return connection_lost(error)


def _look_up(engine: Engine, done: T, landed: Callable[[Connection, T], bool]) -> bool:
    """Whether a commit whose answer was lost took place.

    Asked under the lock: who holds it knows that the lost transaction has ended, one way or the other.
    """
    for _ in range(LOOK_UPS):
        with suppress(*DATABASE_ERRORS), engine.begin() as connection:
            take_lock(connection)
            return landed(connection, done)
        time.sleep(LOOK_UP_PAUSE_S)
    raise StoreUnavailable(
        "outcome_unknown", "the store took a commit and did not answer; ask again with the same idempotency key"
    )
