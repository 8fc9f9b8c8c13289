"""States of books in memory: loaded aside, kept while they are used, forgotten when memory is needed.

Only committed events are folded here, and only the committer's thread touches a state that has been handed over.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from commands.faults import without_words
from commands.ports import EventReader, Head, Snapshots
from domain.book import Book, BookEvent, BookId, evolve

logger = logging.getLogger(__name__)

LOAD_BATCH_EVENTS = 5_000
"""Events read at a time when a state is loaded or catches up."""

SNAPSHOT_AFTER_EVENTS = 5_000
"""Events beyond the last snapshot from which a new one is worth its writing."""

MAX_LOADERS = 2
"""Threads that load states, so that a long book does not stand before a short one."""

BYTES_A_BOOK, BYTES_A_TRANSACTION, BYTES_A_HOLDING, BYTES_AN_ACCOUNT = 16_384, 300, 250, 900
"""Measured with `make bench` (state bytes a transaction) and rounded up."""


@dataclass(slots=True)
class Loaded:
    """A book's committed state and the head it stands at; `head` is None for a book without events."""

    state: Book
    head: Head | None
    snapshot_version: int = 0

    @property
    def version(self) -> int:
        return self.head.version if self.head is not None else 0

    def size_bytes(self) -> int:
        """About what the state takes in memory, from the counts of its largest maps."""
        ledger = self.state.ledger
        return (
            BYTES_A_BOOK
            + BYTES_A_TRANSACTION * len(ledger.standing)
            + BYTES_A_HOLDING * len(ledger.holdings)
            + BYTES_AN_ACCOUNT * len(ledger.accounts)
        )


class States:
    """The states in memory, least recently used first, within `limit_bytes`."""

    def __init__(self, reader: EventReader, snapshots: Snapshots, limit_bytes: int) -> None:
        self._reader = reader
        self._snapshots = snapshots
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[BookId, Loaded] = OrderedDict()
        self._sizes: dict[BookId, int] = {}
        self._loaders = ThreadPoolExecutor(MAX_LOADERS, thread_name_prefix="load-state")

    def get(self, book: BookId) -> Loaded | None:
        loaded = self._kept.get(book)
        if loaded is not None:
            self._kept.move_to_end(book)
        return loaded

    def keep(self, book: BookId, loaded: Loaded) -> None:
        self._kept[book] = loaded
        self._kept.move_to_end(book)
        self._sizes[book] = loaded.size_bytes()

    def forget(self, book: BookId) -> Loaded | None:
        self._sizes.pop(book, None)
        return self._kept.pop(book, None)

    def forget_all(self) -> None:
        self._sizes.clear()
        self._kept.clear()

    def make_room(self) -> None:
        """Forget the least recently used states beyond the limit; the newest always stays."""
        total = sum(self._sizes.values())
        while total > self._limit_bytes and len(self._kept) > 1:
            book = next(iter(self._kept))
            total -= self._sizes[book]
            self.forget(book)

    def resize(self, book: BookId) -> None:
        self._sizes[book] = self._kept[book].size_bytes()

    def load(self, book: BookId, old: Loaded | None, then: Callable[[Future[Loaded]], None]) -> None:
        """Load a state aside, or let `old`, which nobody else holds any more, catch up; `then` gets the future."""
        self._loaders.submit(self._load, book, old).add_done_callback(then)

    def aside(self, work: Callable[[], None]) -> None:
        """Do a piece of reading that would make others wait in the committer."""
        self._loaders.submit(work)

    def close(self) -> None:
        """Write snapshots of what has moved far since its last one. Call when nothing is committed any more."""
        self._loaders.shutdown()
        for book, loaded in self._kept.items():
            self._save(book, loaded)

    def _load(self, book: BookId, old: Loaded | None) -> Loaded:
        loaded = old or self._from_snapshot(book) or Loaded(Book(), None)
        for head, events in _read_on(self._reader, book, loaded.version):
            for event in events:
                evolve(loaded.state, event)
            loaded.head = head
        if old is None:
            self._save(book, loaded)
        return loaded

    def _from_snapshot(self, book: BookId) -> Loaded | None:
        found = self._snapshots.load(book)
        if found is None:
            return None
        head, state = found
        stands = self._reader.read_book(book, head.version - 1, 1, head.version)
        if not stands or stands[0].hash != head.hash:
            logger.warning("a snapshot does not match its book's chain and is ignored", extra={"book": book})
            return None
        return Loaded(state, head, head.version)

    def _save(self, book: BookId, loaded: Loaded) -> None:
        if loaded.head is None or loaded.version - loaded.snapshot_version < SNAPSHOT_AFTER_EVENTS:
            return
        if "erased" in loaded.state.facts:
            return
        try:
            self._snapshots.save(book, loaded.head, loaded.state)
        except Exception as fault:  # losing a snapshot costs time, and nobody's command
            told = without_words(fault)
            logger.warning("a snapshot was not written, the next start takes longer: %s", told, extra={"book": book})
        else:
            loaded.snapshot_version = loaded.version


def _read_on(reader: EventReader, book: BookId, version: int) -> Iterator[tuple[Head, list[BookEvent]]]:
    while recorded := reader.read_book(book, version, LOAD_BATCH_EVENTS):
        last = recorded[-1]
        version = last.version
        yield Head(last.version, last.hash, last.position, last.recorded_at), [event.event for event in recorded]
        if len(recorded) < LOAD_BATCH_EVENTS:
            return
