"""Applying: which events are new to a projection, and what happens to one that cannot be applied.

A head decides what is new: the event behind it, linked to its hash. What is known is dropped, what does not link is
fetched again, and a book whose history does not fit, or whose event makes the reducer raise, is parked alone.
"""

from __future__ import annotations

import dataclasses
import re
import sqlite3
import traceback
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commands.ports import EventUnreadable, StoreUnavailable
from domain.book import BookErased, BookEvent, BookId
from domain.private import is_private
from domain.recorded import Recorded
from projections.readmodel import ReadModel
from streams.heads import MAX_REASON_CHARS, NOTHING_YET, ProjectionHead

MAX_REFETCH_EVENTS = 50_000
"""The longest hole in a book that is mended within a batch; a longer one is parked, and mended by a release."""

Refetch = Callable[[BookId, int, int], list[Recorded]]
"""The events of a book from a version to a version, both included, as the store has them now."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a batch brings a projection: events in position order, and the heads of the books it touches after them."""

    news: list[Recorded]
    heads: dict[BookId, ProjectionHead]


# What is new


def select_new(events: Sequence[Recorded], heads: Mapping[BookId, ProjectionHead], refetch: Refetch) -> Selection:
    """The events that stand next to the heads of their books; parked books are passed over."""
    news: list[Recorded] = []
    at = {book: (head.version, head.hash) for book, head in heads.items()}
    closed = {book for book, head in heads.items() if head.parked is not None}
    last: dict[BookId, Recorded] = {}
    held: dict[BookId, int] = {}
    beginning = (NOTHING_YET.version, NOTHING_YET.hash)
    for event in events:
        book = event.book
        version, hash = at.get(book, beginning)
        if book in closed:
            if isinstance(event.event, BookErased) and event.version > version:
                # Nothing before an erasure matters after it, and what it hides must go wherever the book stands.
                closed.remove(book)
                news.append(event)
                at[book] = event.version, event.hash
                last[book] = event
        elif book in held:
            held[book] = max(held[book], event.version)
        elif event.version == version + 1 and event.prev_hash == hash:
            news.append(event)
            at[book] = event.version, event.hash
            last[book] = event
        elif event.version > version or (event.version == version and event.hash != hash):
            held[book] = event.version
    changed = {book: ProjectionHead(event.version, event.hash, event.position) for book, event in last.items()}
    for book, until in held.items():
        fetched, changed[book] = _mend(book, changed.get(book) or heads.get(book, NOTHING_YET), until, refetch)
        news.extend(fetched)
    if held:
        news.sort(key=lambda event: event.position)
    return Selection(news, changed)


def _mend(book: BookId, head: ProjectionHead, until: int, refetch: Refetch) -> tuple[list[Recorded], ProjectionHead]:
    """What the store says follows `head`, or the head parked where the two do not fit together."""
    if until - head.version > MAX_REFETCH_EVENTS:
        return [], replace(head, parked=f"gap: {until - head.version} versions are missing behind {head.version}")
    try:
        stored = refetch(book, max(head.version, 1), max(until, 1))
    except EventUnreadable as unreadable:
        return [], replace(head, parked=unreadable_reason(unreadable))
    if not stored:
        return [], replace(head, parked=f"gap: the store has no version {max(head.version, 1)}")
    if head.version and stored[0].hash != head.hash:
        return [], replace(head, parked=f"another_hash: version {head.version} is another event in the store")
    return follow(head, stored[1:] if head.version else stored)


def follow(head: ProjectionHead, behind: Sequence[Recorded]) -> tuple[list[Recorded], ProjectionHead]:
    """A book's stored events behind `head`, and the head after them; the head parked where they do not link to it."""
    version, hash = head.version, head.hash
    for event in behind:
        if event.version != version + 1:
            return [], replace(head, parked=f"gap: version {event.version} follows version {version}")
        if event.prev_hash != hash:
            return [], replace(head, parked=f"another_hash: version {event.version} does not link to the one before")
        version, hash = event.version, event.hash
    return list(behind), ProjectionHead(version, hash, behind[-1].position) if behind else head


# Applying


def fold(connection: Connection, model: ReadModel, events: Sequence[Recorded]) -> None:
    """Fold new events in position order. Of an erased book nothing that came before the erasure is kept."""
    erased = {event.book: event.version for event in events if isinstance(event.event, BookErased)}
    for book in erased:
        model.purge(connection, book)
    rest = [event for event in events if event.version > erased.get(event.book, 0)] if erased else events
    if rest:
        model.apply(connection, rest)


def apply_to_all(
    connection: Connection, due: Sequence[tuple[ReadModel, Sequence[Recorded]]]
) -> list[dict[BookId, tuple[int, str]]]:
    """`apply` for several models, each with its events, in one savepoint as long as nothing fails."""
    if _attempt(connection, due) is None:
        return [{} for _ in due]
    return [apply(connection, model, events) for model, events in due]


def apply(connection: Connection, model: ReadModel, events: Sequence[Recorded]) -> dict[BookId, tuple[int, str]]:
    """Apply what can be applied; for each poisoned book the number of its events that were, and the reason.

    Every attempt is a savepoint. A fault that may pass is raised: then the whole transaction is to be tried again.
    """
    if _attempt(connection, [(model, events)]) is None:
        return {}
    by_book: dict[BookId, list[Recorded]] = defaultdict(list)
    for event in events:
        by_book[event.book].append(event)
    return dict(_poisoned(connection, model, list(by_book.values())))


def _poisoned(
    connection: Connection, model: ReadModel, books: list[list[Recorded]]
) -> Iterator[tuple[BookId, tuple[int, str]]]:
    """Halve what failed until each book that fails stands alone; all others are applied."""
    if len(books) == 1:
        good, error = _apply_until_poison(connection, model, books[0])
        if error is not None:
            yield books[0][0].book, (good, poison_reason(error, books[0][good]))
        return
    for half in (books[: len(books) // 2], books[len(books) // 2 :]):
        together = sorted((event for book in half for event in book), key=lambda event: event.position)
        if _attempt(connection, [(model, together)]) is not None:
            yield from _poisoned(connection, model, half)


def _apply_until_poison(
    connection: Connection, model: ReadModel, events: Sequence[Recorded]
) -> tuple[int, Exception | None]:
    """Apply a book's events up to the one that raises: how many, and what it raised."""
    error = _attempt(connection, [(model, events)])
    if error is None:
        return len(events), None
    if len(events) == 1:
        return 0, error
    middle = len(events) // 2
    good, error = _apply_until_poison(connection, model, events[:middle])
    if error is not None:
        return good, error
    more, error = _apply_until_poison(connection, model, events[middle:])
    return middle + more, error


def _attempt(connection: Connection, due: Sequence[tuple[ReadModel, Sequence[Recorded]]]) -> Exception | None:
    if not any(events for _, events in due):
        return None
    try:
        with connection.begin_nested():
            for model, events in due:
                fold(connection, model, events)
    except Exception as error:
        if is_transient(error) or connection.invalidated:
            raise
        return error
    return None


# Faults and reasons

_TRANSIENT_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_SCHEMA,
}

_TRANSIENT_SQLSTATES = ("08", "25", "40", "53", "55", "57", "58")
"""Classes of PostgreSQL errors that say nothing about the event: connection, transaction state and rollback,
resources, locks, shutdown, system."""


def is_transient(error: BaseException) -> bool:
    """Whether the same events may well be applied later: a lock, a full disk, a server that went away."""
    if isinstance(error, (StoreUnavailable, PoolTimeout, PendingRollbackError, OSError, MemoryError)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _TRANSIENT_SQLITE
    if not hasattr(cause, "pgcode"):
        return False
    if cause.pgcode is not None:
        return str(cause.pgcode).startswith(_TRANSIENT_SQLSTATES)
    # Without a state the server never judged the statement: the connection was lost under it.
    return type(cause).__name__ in ("OperationalError", "InterfaceError")


def _cause(error: BaseException) -> Any:
    """The driver's own error; bulk paths go past SQLAlchemy and raise it bare."""
    return error.orig if isinstance(error, DBAPIError) else error


_PROJECT = Path(__file__).resolve().parent.parent
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_WORD = re.compile(r"\w+")
_SHORTEST_PART_CHARS = 3
"""A private word of this length or more is looked for within others, a shorter one as a whole word."""


def unreadable_reason(unreadable: EventUnreadable) -> str:
    return f"unreadable: version {unreadable.version}: {unreadable.reason}"[:MAX_REASON_CHARS]


def poison_reason(error: Exception, poison: Recorded) -> str:
    """What went wrong, at which version and where in the code; nothing that people wrote.

    What stands in quotes is left out, for it may be a value; the whole text is, where it shares a word with the
    event's private part. Of a database's error only its class, state and constraint are told.
    """
    place = _place(error)
    told = f"poison: version {poison.version}: {type(error).__name__}{_text(error, poison.event)}"
    return told[: MAX_REASON_CHARS - len(place)] + place


def _text(error: Exception, event: BookEvent) -> str:
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error) or hasattr(cause, "pgcode"):
        diagnosis = getattr(cause, "diag", None)
        parts = [
            getattr(cause, "sqlite_errorname", None),
            getattr(cause, "pgcode", None),
            getattr(diagnosis, "table_name", None),
            getattr(diagnosis, "constraint_name", None),
        ]
        return "".join(f" {part}" for part in parts if part)
    if isinstance(error, SQLAlchemyError):
        return ""
    text = _QUOTED.sub("'…'", str(error))
    words = set(_WORD.findall(_plain(text)))
    flat = _plain(text)
    for hidden in _private_texts(event):
        for word in _WORD.findall(_plain(hidden)):
            if word in words or (len(word) >= _SHORTEST_PART_CHARS and word in flat):
                return " (text withheld: it speaks of what is private)"
    return f": {text}" if text else ""


def _private_texts(value: object) -> Iterator[str]:
    if isinstance(value, tuple):
        for part in value:
            yield from _private_texts(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            part = getattr(value, field.name)
            if not is_private(field):
                yield from _private_texts(part)
            elif isinstance(part, str):
                yield part
            else:
                yield from part


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _place(error: Exception) -> str:
    """The innermost line of our own code that the error passed, ` (projections/register.py:88)`."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_PROJECT) and "site-packages" not in path.parts:
            return f" ({path.relative_to(_PROJECT)}:{line})"
    return ""
