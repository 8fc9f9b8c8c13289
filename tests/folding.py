"""A book's log in memory, and the read models folded from it.

    log = Log(); log.tell(household(), RecordTransaction(...)); fold(connection, log.events)

The rule it keeps: what is folded is what deciding and evolving made, with the versions, positions and moments that a
store would give it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

import sqlalchemy as sa

from domain.book import Book, BookCommand, BookEvent, BookId, decide, evolve
from domain.recorded import Recorded
from projections import READ_MODELS
from tests.given import BOOK, Told

MAX_SHOWN_CHARS = 5_000
"""How much of a log a failing test shows."""

FIRST_MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)

_EVENTS = get_args(BookEvent)
_COMMANDS = get_args(BookCommand)


@dataclass(slots=True, repr=False)
class Log:
    """Books' events in the order of the store. `now` is the moment at which the next are recorded."""

    events: list[Recorded] = field(default_factory=list)
    books: dict[BookId, Book] = field(default_factory=dict)
    versions: dict[BookId, int] = field(default_factory=dict)
    now: datetime = FIRST_MOMENT

    def __repr__(self) -> str:
        return "\n".join([f"{event.book} {event.version}: {event.event}" for event in self.events])[:MAX_SHOWN_CHARS]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How Hypothesis shows it; of its own it would show every field of every event."""
        printer.text(repr(self))

    def tell(self, *told: Told, book: BookId = BOOK) -> int:
        """Let it happen to a book, a minute after what happened before; the book's version after it."""
        self.now += timedelta(minutes=1)
        for part in told:
            self._tell(book, part)
        return self.versions.get(book, 0)

    def _tell(self, book: BookId, part: Told) -> None:
        state = self.books.setdefault(book, Book())
        if isinstance(part, _COMMANDS):
            for event in decide(state, cast(BookCommand, part)):
                self._record(book, event)
        elif isinstance(part, _EVENTS):
            self._record(book, cast(BookEvent, part))
        else:
            for inner in cast("Iterator[Told]", part):
                self._tell(book, inner)

    def _record(self, book: BookId, event: BookEvent) -> None:
        evolve(self.books[book], event)
        version = self.versions[book] = self.versions.get(book, 0) + 1
        position = len(self.events) + 1
        self.events.append(
            Recorded(
                f"e-{position}", book, version, position, self.now, "me", "c", "c", "", bytes(32), bytes(32), event
            )
        )

    def until(self, book: BookId, version: int) -> list[Recorded]:
        """The log without what came after a version of a book."""
        return [event for event in self.events if event.book != book or event.version <= version]


def create(engine: sa.Engine) -> sa.Engine:
    for model in READ_MODELS:
        model.metadata.create_all(engine)
    return engine


_kept = [create(sa.create_engine("sqlite://", poolclass=sa.StaticPool)) for _ in range(2)]


@contextmanager
def empty(engine: sa.Engine | None = None) -> Iterator[sa.Connection]:
    """Empty read models, and empty again afterwards: in memory where no engine is given, two at a time at most."""
    if engine is None:
        engine = _kept.pop()
        try:
            with empty(engine) as connection:
                yield connection
        finally:
            _kept.append(engine)
        return
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def fold(connection: sa.Connection, events: Sequence[Recorded], sizes: Sequence[int] = ()) -> None:
    """Fold events into every read model, in batches of these sizes, the rest in one."""
    begin = 0
    for size in [*sizes, len(events)]:
        batch = events[begin : begin + size]
        begin += size
        for model in READ_MODELS:
            if batch:
                model.apply(connection, batch)


def rows(connection: sa.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all read models, by table, sorted."""
    return {
        table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
        for model in READ_MODELS
        for table in model.metadata.sorted_tables
    }
