"""A whole embedded house for tests: store, keys, bus, read models and runners, opened on files and closed or killed.

Everything in it is the real part. What a test adds is only the moment of death: a killed house stops where it is told
to and finishes nothing, as a process does whose power goes.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, Table

from commands.answers import Answer
from commands.bus import CommandBus, Wish
from commands.ports import Asked, Clock, Head, IdempotencyKey, Keys, Snapshots, Told, Unit
from domain.book import Book, BookId
from domain.recorded import Recorded
from infra.clock import SystemClock, TimeOrderedIds
from infra.keys import KeyFile
from infra.read_models import ReadModels, open_read_models
from infra.snapshots import SqlSnapshots
from infra.store import SqlEventStore
from projections import READ_MODELS
from streams.heads import ReadDatabase, TakeOver
from streams.runner import ProjectionRunner

WAIT_S = 60.0
"""The longest that a test waits for an answer before it calls it lost."""

BEFORE, AFTER = "before", "after"
"""When a commit kills: before it reached the disk, or when it was there and nobody had heard of it."""


class Killed(BaseException):
    """The process has died here: nothing catches it that catches errors."""


class MortalStore(SqlEventStore):
    """The real store; in its commit number `dies_in` from now, if told so, the program dies, before or after it landed;
    or `trouble` comes in the next.

    It notes how many events each unit of each batch had, and how often a book was read.
    """

    def __init__(self, url: str, keys: Keys, clock: Clock) -> None:
        super().__init__(url, keys, clock, TimeOrderedIds())
        self.dies: str | None = None
        self.dies_in = 1
        self.is_dead = False
        self.trouble: dict[str, Exception] = {}
        self.batches: list[list[int]] = []
        self.book_reads = 0

    def commit(
        self, units: Sequence[Unit], bases: Mapping[BookId, Head | None], lookups: Iterable[IdempotencyKey] = ()
    ) -> Told:
        self.batches.append([len(unit.events) for unit in units])
        self._meet_fate(BEFORE)
        told = super().commit(units, bases, lookups)
        self._meet_fate(AFTER)
        return told

    def read_book(
        self, book: BookId, after_version: int, limit: int, until_version: int | None = None
    ) -> list[Recorded]:
        self.book_reads += 1
        return super().read_book(book, after_version, limit, until_version)

    def _meet_fate(self, when: str) -> None:
        if self.dies == when:
            self.dies_in -= 1
            if self.dies_in <= 0:
                self.is_dead = True
                raise Killed
        trouble = self.trouble.pop(when, None)
        if trouble is not None:
            raise trouble


class MortalSnapshots:
    """The real snapshots: the dead write none."""

    def __init__(self, store: MortalStore, keys: Keys) -> None:
        self._store = store
        self._real = SqlSnapshots(store.writing, store.reading, keys)

    def load(self, book: BookId) -> tuple[Head, Book] | None:
        return self._real.load(book)

    def save(self, book: BookId, head: Head, state: Book) -> None:
        if not self._store.is_dead:
            self._real.save(book, head, state)


class NoSnapshots:
    """Snapshots that were lost."""

    def load(self, book: BookId) -> tuple[Head, Book] | None:
        return None

    def save(self, book: BookId, head: Head, state: Book) -> None: ...


class MortalModels:
    """The real read models; the runner dies at the end of a transaction, before it is committed, if told so."""

    def __init__(self, real: ReadModels) -> None:
        self._real = real
        self.dies_in: int | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._real.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._real.write() as connection:
            yield connection
            if self.dies_in is not None:
                self.dies_in -= 1
                if self.dies_in <= 0:
                    raise Killed

    def scrub(self) -> bool:
        return self._real.scrub()

    @contextmanager
    def scratch(self) -> Iterator[ReadDatabase]:
        with self._real.scratch() as aside:
            yield aside

    @contextmanager
    def beside(self, key: str) -> Iterator[ReadDatabase]:
        with self._real.beside(key) as aside:
            yield aside

    @contextmanager
    def taking_over(self, key: str, tables: Sequence[Table]) -> Iterator[TakeOver]:
        with self._real.taking_over(key, tables) as over:
            yield over

    def close(self) -> None:
        self._real.close()


class House:
    """One program on the files of `folder`, or on the databases at the given addresses; several may stand on the same.

    `keep_snapshots`: whether there are any; `states_bytes`: the memory for states.
    """

    def __init__(
        self,
        folder: Path,
        store_url: str = "",
        read_url: str = "",
        *,
        keep_snapshots: bool = True,
        states_bytes: int = 1 << 30,
        clock: Clock | None = None,
    ) -> None:
        self.keys = KeyFile(folder / "keys")
        self.store = MortalStore(
            store_url or f"sqlite+pysqlite:///{folder / 'events.db'}", self.keys, clock or SystemClock()
        )
        self.snapshots: Snapshots = MortalSnapshots(self.store, self.keys) if keep_snapshots else NoSnapshots()
        self.bus = CommandBus(self.store, self.keys, self.snapshots, states_bytes)
        self._read_address = read_url or f"sqlite+pysqlite:///{folder / 'read-models.db'}"
        self._is_open = True

    @cached_property
    def models(self) -> MortalModels:
        return MortalModels(open_read_models(self._read_address, READ_MODELS))

    @cached_property
    def runner(self) -> ProjectionRunner:
        return ProjectionRunner(self.store, self.models, READ_MODELS)

    def close(self) -> None:
        self.bus.close()
        self._let_go()

    def kill(self) -> None:
        """What a dead process leaves: open work is dropped, nothing is written any more."""
        self.store.dies, self.store.dies_in = BEFORE, 0
        self.store.is_dead = True
        self.bus.close()
        self._let_go()

    def _let_go(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        if "runner" in self.__dict__:
            self.runner.close()
        if "models" in self.__dict__:
            self.models.close()
        self.store.close()

    def submit(self, book: BookId, wishes: Sequence[Wish], asked: Asked) -> Future[Answer]:
        return self.bus.submit(book, wishes, asked)

    def ask(self, book: BookId, *wishes: Wish, key: IdempotencyKey | None = None) -> Answer:
        """Submit one unit and wait for its answer."""
        return self.bus.submit(book, wishes, asking(key)).result(WAIT_S)

    def together(self, book: BookId, *units: tuple[Sequence[Wish], Asked]) -> list[Future[Answer]]:
        """Units of a book that are all queued before the first of them is decided."""
        with self.busy(book):
            return [self.bus.submit(book, wishes, asked) for wishes, asked in units]

    @contextmanager
    def busy(self, book: BookId) -> Iterator[None]:
        """Keep the bus's thread at a question, so that what is submitted meanwhile queues."""
        reached, go_on = threading.Event(), threading.Event()

        def wait(_: Book) -> None:
            reached.set()
            assert go_on.wait(WAIT_S)

        self.bus.inspect(book, wait)
        assert reached.wait(WAIT_S)
        try:
            yield
        finally:
            go_on.set()


_numbers = itertools.count(1)


def asking(key: IdempotencyKey | None = None, actor: str = "owner") -> Asked:
    """Who asks, with a command id of its own."""
    command_id = f"00000000-0000-7000-9000-{next(_numbers):012x}"
    return Asked(actor, command_id, command_id, command_id, key)


def key(text: str, payload: str = "payload", scope: str = "owner") -> IdempotencyKey:
    """A client's key, bound to what it sent."""
    return IdempotencyKey(scope, text, hashlib.sha256(payload.encode()).digest())
