"""The command bus: the one way in which a wish becomes fact.

Whoever submits gets a future. One thread a process decides what queued while the last commit ran and appends it in one
database transaction; nothing is answered before it is durable, and a full queue says so instead of growing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from typing import Any, TypeVar, cast

from commands.answers import Answer, Result
from commands.committer import Arrival, Busy, Committer, Item, Job, Question, Wish
from commands.faults import without_words
from commands.ports import Asked, EventStore, Keys, Snapshots, StoreUnavailable
from commands.states import States
from domain.book import Book, BookId

logger = logging.getLogger(__name__)

__all__ = ["GROUP_TIMEOUT_S", "LOOK_TIMEOUT_S", "Answer", "Busy", "CommandBus", "Result", "Wish", "result_of"]

T = TypeVar("T")

MAX_QUEUED_ITEMS = 8_192
"""Units and questions waiting; one more is answered "busy"."""

MAX_QUEUED_WISHES = 250_000
"""Commands in waiting units: room for two of the largest imports. A unit into an empty queue may exceed it alone."""

MAX_STATES_BYTES = 1024 * 1024 * 1024
"""About what the states of books in memory may take together."""


class CommandBus:
    """Takes commands from any thread and answers through futures.

    A future raises `Rejected` (a group's has `index` among its params), `StoreUnavailable`, or `Busy` for a book so
    contended that its unit was decided too often in vain.
    """

    def __init__(
        self, store: EventStore, keys: Keys, snapshots: Snapshots, states_bytes: int = MAX_STATES_BYTES
    ) -> None:
        self.store = store
        self.keys = keys
        self._states = States(store, snapshots, states_bytes)
        self._committer = Committer(store, keys, self._states, self._put_back)
        self._queue: deque[Item] = deque()
        self._queued_wishes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def submit(self, book: BookId, wishes: Sequence[Wish], asked: Asked) -> Future[Answer]:
        """Queue one unit: a command, or several as one atomic group. Raises `Busy` where the queue is full."""
        if not wishes:
            raise ValueError("a unit has at least one command")
        job = Job(book, wishes, asked, _uncancellable())
        with self._changed:
            queued_wishes = self._queued_wishes + self._committer.waiting_wishes
            full = queued_wishes > 0 and queued_wishes + len(wishes) > MAX_QUEUED_WISHES
            self._take_in(job, full)
            self._queued_wishes += len(wishes)
        return job.done

    def inspect(self, book: BookId, ask: Callable[[Book], T]) -> Future[T]:
        """A short look at the committed state of a book, on the committer's thread; it must keep no reference to it.

        The future raises `Rejected("book_unknown")` for a book without events.
        """
        question = Question(book, ask, _uncancellable())
        with self._changed:
            self._take_in(question, False)
        return cast("Future[T]", question.done)

    @property
    def is_open(self) -> bool:
        """Whether commands are taken, for readiness."""
        return not self._closing

    @property
    def queued(self) -> int:
        """Units and questions waiting, those for a state that is being loaded too."""
        return len(self._queue) + self._committer.waiting_items

    def close(self) -> None:
        """Refuse what comes from now on, finish what was taken, write snapshots."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._states.close()

    def _take_in(self, item: Item, full: bool) -> None:
        if self._closing or full or self.queued >= MAX_QUEUED_ITEMS:
            raise Busy()
        self._queue.append(item)
        if len(self._queue) == 1:
            self._changed.notify()

    def _put_back(self, items: Sequence[Item]) -> None:
        with self._changed:
            self._queue.extendleft(reversed(items))
            self._queued_wishes += sum(len(item.wishes) for item in items if isinstance(item, Job))
            self._changed.notify()

    def _take(self) -> Item | None:
        with self._changed:
            if not self._queue:
                return None
            item = self._queue.popleft()
            if isinstance(item, Job):
                self._queued_wishes -= len(item.wishes)
            return item

    def _run(self) -> None:
        try:
            while self._await_items():
                self._committer.run_batch(self._take)
        except BaseException as crash:
            told = without_words(crash)
            logger.critical("the committer crashed: no command is taken any more; restart Finshift: %s", told)
            with self._changed:
                self._closing = True
                queued = [item for item in self._queue if not isinstance(item, Arrival)]
                self._queue.clear()
            self._states.forget_all()  # no snapshot is made of what a crash may have left half done
            for item in [*self._committer.unanswered(), *queued]:
                if not item.done.done():
                    item.done.set_exception(crash)

    def _await_items(self) -> bool:
        """Wait for items; False where none will come any more."""
        with self._changed:
            while not self._queue:
                if self._closing and not self._committer.is_waiting:
                    return False
                self._changed.wait()
            return True


LOOK_TIMEOUT_S = 120.0
"""The longest wait for a look at a book: a long book may have to be loaded, behind a large import."""

GROUP_TIMEOUT_S = 900.0
"""The longest wait for a group: the largest import behind another such."""


def result_of(future: Future[T], timeout_s: float) -> T:
    """What came of a submission or a look, waited for on a worker's thread; `outcome_unknown` where it takes longer."""
    try:
        return future.result(timeout_s)
    except NotInTime:
        detail = f"no answer within {timeout_s:.0f} s; the same command with the same key finds out what came of it"
        raise StoreUnavailable("outcome_unknown", detail) from None


def _uncancellable() -> Future[Any]:
    """A future that a client who hangs up cannot cancel: what was taken is finished."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future
