"""Waiting for a projection to reach a book's version: read your own writes.

One thread a process looks for all who wait, when the local runner has committed and at a steady pace for runners
elsewhere; a request never polls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from domain.book import BookId
from domain.errors import Rejected
from streams.heads import ProjectionHead, ReadDatabase, heads_of

POLL_S = 0.02
"""How often heads that another process moves are looked at while somebody waits: a small part of what is felt."""

MAX_WAITERS = 10_000
"""More than these do not wait: they are told at once how far the projection is."""

CLOSE_TIMEOUT_S = 5.0
"""A look takes milliseconds; a thread that takes longer to end hangs in the database and is left to it."""


@dataclass(frozen=True, slots=True)
class _Waiter:
    names: tuple[str, ...]
    book: BookId
    min_version: int
    until: float
    answer: Future[int] = field(default_factory=Future)


class Waiters:
    """Everyone in this process who waits for a head."""

    def __init__(self, database: ReadDatabase, keys: Mapping[str, str]) -> None:
        """`keys`: for each projection's name the key of its heads."""
        self._database = database
        self._keys = keys
        self._change = threading.Condition()
        self._waiting: list[_Waiter] = []
        self._moved = False
        self._closed = False
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self, names: Sequence[str], book: BookId) -> int:
        """The version of the book that all the projections have reached; `Rejected` where one has parked it."""
        with self._database.read() as connection:
            found = heads_of(connection, [self._keys[name] for name in names], [book])
        return self._reached(tuple(names), book, found)

    def wait(self, names: Sequence[str], book: BookId, min_version: int, timeout_s: float) -> Future[int]:
        """A future of the version reached: `min_version` or more, or less where the time was up before."""
        waiter = _Waiter(tuple(names), book, min_version, time.monotonic() + timeout_s)
        with self._change:
            if self._closed:
                raise RuntimeError("the runner is closed")
            if len(self._waiting) >= MAX_WAITERS:
                waiter = _Waiter(waiter.names, book, min_version, time.monotonic())
            self._waiting.append(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="projection-waiters", daemon=True)
                self._thread.start()
            self._moved = True
            self._change.notify()
        self._asked.set()
        return waiter.answer

    def hurry(self, timeout_s: float) -> None:
        """Wait, but not longer than until somebody asks for what may not be applied yet."""
        if timeout_s > 0:
            self._asked.wait(timeout_s)
        self._asked.clear()

    def moved(self) -> None:
        """The local runner has committed: look now."""
        with self._change:
            if self._waiting:
                self._moved = True
                self._change.notify()

    def close(self) -> None:
        """End the thread; who still waits is told that it was cancelled."""
        with self._change:
            self._closed = True
            self._change.notify()
            thread = self._thread
        if thread is not None:
            thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while waiting := self._next():
            self._look_for(waiting)
        with self._change:
            for waiter in self._waiting:
                waiter.answer.cancel()
            self._waiting.clear()

    def _next(self) -> list[_Waiter]:
        """Everyone who waits, once it is worth a look; nobody when the waiting is over."""
        with self._change:
            self._waiting = [waiter for waiter in self._waiting if not waiter.answer.done()]
            while not self._closed and not self._waiting:
                self._change.wait()
            if not self._closed and not self._moved:
                nearest = min(waiter.until for waiter in self._waiting)
                self._change.wait(max(0.0, min(POLL_S, nearest - time.monotonic())))
            self._moved = False
            return [] if self._closed else list(self._waiting)

    def _look_for(self, waiting: list[_Waiter]) -> None:
        now = time.monotonic()
        keys = sorted({self._keys[name] for waiter in waiting for name in waiter.names})
        books = sorted({waiter.book for waiter in waiting})
        try:
            with self._database.read() as connection:
                found = heads_of(connection, keys, books)
        except Exception as fault:
            # A database that is away for a moment fails only those whose time is up.
            for waiter in waiting:
                if waiter.until <= now and waiter.answer.set_running_or_notify_cancel():
                    waiter.answer.set_exception(fault)
            return
        for waiter in waiting:
            self._answer(waiter, found, now)

    def _answer(self, waiter: _Waiter, found: Mapping[tuple[str, BookId], ProjectionHead], now: float) -> None:
        try:
            reached = self._reached(waiter.names, waiter.book, found)
        except Rejected as refusal:
            if waiter.answer.set_running_or_notify_cancel():
                waiter.answer.set_exception(refusal)
            return
        over = reached >= waiter.min_version or waiter.until <= now
        if over and waiter.answer.set_running_or_notify_cancel():
            waiter.answer.set_result(reached)

    def _reached(self, names: tuple[str, ...], book: BookId, found: Mapping[tuple[str, BookId], ProjectionHead]) -> int:
        reached = []
        for name in names:
            head = found.get((self._keys[name], book))
            if head is not None and head.parked is not None:
                raise parked_refusal(name, book, head)
            reached.append(0 if head is None else head.version)
        return min(reached)


def parked_refusal(name: str, book: BookId, head: ProjectionHead) -> Rejected:
    """What a query on a parked book answers: it would be out of date without saying so."""
    return Rejected("projection_parked", projection=name, book=book, version=head.version, reason=head.parked)
