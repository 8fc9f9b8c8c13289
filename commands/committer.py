"""The committer: one a process and store; it decides what queued and appends it, a database transaction a batch.

Base states hold committed events only. What a batch decides stays on overlays until it is durable; a refusal, conflict
or failure drops the overlay it happened on, and what was decided above it is decided again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, assert_never

from commands.answers import Answer, Result, command_id, made_by, replayed_results
from commands.claims import claims_of
from commands.faults import without_words
from commands.overlay import fold, laid_over
from commands.ports import (
    BOOK_NAMES,
    Asked,
    Committed,
    EventStore,
    Head,
    Keys,
    Known,
    Moved,
    Outcome,
    Refused,
    StoreUnavailable,
    Unit,
)
from commands.states import LOAD_BATCH_EVENTS, Loaded, States
from domain.book import Book, BookCommand, BookEvent, BookId, decide, evolve
from domain.errors import Rejected
from domain.ledger import TransactionAmended, TransactionRecorded
from domain.recorded import Recorded

logger = logging.getLogger(__name__)

MAX_BATCH_EVENTS = 4_096
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_DECIDING_S = 0.005
"""A batch ends with the unit that reaches one of these, so that nobody waits long for a neighbour. A unit is never
split and may exceed them alone."""

MAX_ATTEMPTS = 20
"""How often a unit is decided again because its book moved, before it is answered "busy"."""

Wish = BookCommand | Callable[[Book], BookCommand]
"""A command, or what becomes one against the state it is decided on (an account's name becomes its id)."""


class Busy(Exception):
    """The queue is full, or the program is closing: nothing was taken. Ask again after `retry_after_s`."""

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("busy: more is waiting than the queue holds")
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Job:
    """A unit on its way: its wishes, who asked, and who waits for the answer."""

    book: BookId
    wishes: Sequence[Wish]
    asked: Asked
    done: Future[Answer]
    attempts: int = 0
    turn: int = 0
    """Its place in the batch: what is decided again, is decided in the order in which it came."""


@dataclass(slots=True)
class Question:
    """A short look at a book's committed state."""

    book: BookId
    ask: Callable[[Book], Any]
    done: Future[Any]
    is_fresh: bool = False
    """The state was brought up to date since it was asked: good enough, or a busy neighbour would put it off for ever.
    """


@dataclass(slots=True)
class Arrival:
    """A state that was loaded aside has come."""

    book: BookId
    loaded: Future[Loaded]


Item = Job | Question | Arrival


@dataclass(slots=True)
class _Decided:
    """A job decided in this batch, and how many events each of its wishes made."""

    job: Job
    unit: Unit
    counts: list[int]


@dataclass(slots=True)
class _Draft:
    """A book in this batch: its base, the overlay its units stack on, the version they have reached."""

    base: Loaded
    overlay: Book
    version: int
    crashed: bool = False


@dataclass(slots=True)
class _Batch:
    """What one round has decided, refused and put off."""

    drafts: dict[BookId, _Draft] = field(default_factory=dict)
    decided: list[_Decided] = field(default_factory=list)
    refused: list[tuple[Job, Rejected]] = field(default_factory=list)
    later: list[Item] = field(default_factory=list)
    keys: set[tuple[str, str]] = field(default_factory=set)
    events: int = 0
    size_bytes: int = 0

    def is_full(self, started: float) -> bool:
        return (
            self.events >= MAX_BATCH_EVENTS
            or self.size_bytes >= MAX_BATCH_BYTES
            or time.perf_counter() - started >= MAX_DECIDING_S
        )


class Committer:
    """Decides and commits batches. Not a thread itself: the bus's one thread calls `run_batch`.

    `put_back` puts items at the front of the queue, whatever its limit, in their order.
    """

    def __init__(
        self, store: EventStore, keys: Keys, states: States, put_back: Callable[[Sequence[Item]], None]
    ) -> None:
        self._store = store
        self._keys = keys
        self._states = states
        self._put_back = put_back
        self._waiting: dict[BookId, list[Item]] = {}
        self._taken: list[Job | Question] = []
        self.waiting_items = 0
        self.waiting_wishes = 0
        """How many items, and wishes in them, wait for a state that is being loaded: they count as queued."""

    @property
    def is_waiting(self) -> bool:
        """Whether items wait for a state that is being loaded."""
        return bool(self._waiting)

    def run_batch(self, take: Callable[[], Item | None]) -> None:
        """Take items until the batch is full or none is left, decide them, commit, answer."""
        batch = _Batch()
        started = time.perf_counter()
        self._taken.clear()
        while not batch.is_full(started) and (item := take()) is not None:
            if isinstance(item, Arrival):
                self._arrive(item)
                continue
            self._taken.append(item)
            if isinstance(item, Question) and item.book in batch.drafts:
                batch.later.append(item)  # what it may load again lies under this batch's overlay
                continue
            base = self._ready(item)
            if base is None:
                continue
            if isinstance(item, Question):
                self._answer_question(item, base)
            else:
                self._decide(batch, base, item)
        if batch.decided or batch.refused:
            self._commit(batch)
        for book, draft in batch.drafts.items():
            if draft.crashed:
                self._states.forget(book)
        if batch.later:
            self._put_back(batch.later)
        self._states.make_room()

    def unanswered(self) -> list[Job | Question]:
        """Who still waits for an answer when the committer has crashed."""
        waiting = [item for items in self._waiting.values() for item in items if not isinstance(item, Arrival)]
        return [item for item in [*self._taken, *waiting] if not item.done.done()]

    # States, loaded aside

    def _ready(self, item: Job | Question) -> Loaded | None:
        """The item's base state; None where it is being loaded: then the item waits for it aside."""
        waiting = self._waiting.get(item.book)
        if waiting is not None:
            self._load(item.book, None, [item])
            return None
        loaded = self._states.get(item.book)
        if loaded is None:
            self._load(item.book, None, [item])
        return loaded

    def _load(self, book: BookId, old: Loaded | None, items: Sequence[Item]) -> None:
        """Let items wait while their book's state is loaded, or catches up from `old`; one load at a time a book."""
        self.waiting_items += len(items)
        self.waiting_wishes += wishes_in(items)
        waiting = self._waiting.get(book)
        if waiting is not None:
            waiting.extend(items)
            return
        self._waiting[book] = list(items)
        self._states.load(book, old, lambda loaded: self._put_back([Arrival(book, loaded)]))

    def _arrive(self, arrival: Arrival) -> None:
        items = self._waiting.pop(arrival.book)
        self.waiting_items -= len(items)
        self.waiting_wishes -= wishes_in(items)
        failure = arrival.loaded.exception()
        if failure is not None:
            for item in items:
                assert not isinstance(item, Arrival)
                item.done.set_exception(failure)
            return
        self._states.keep(arrival.book, arrival.loaded.result())
        self._put_back(items)

    def _answer_question(self, question: Question, base: Loaded) -> None:
        try:
            if not question.is_fresh and self._store.head(question.book) != base.head:
                question.is_fresh = True  # another process wrote: look at what is there now
                self._load(question.book, self._states.forget(question.book), [question])
                return
            if base.head is None:
                raise Rejected("book_unknown")
            question.done.set_result(question.ask(base.state))
        except Exception as failure:
            question.done.set_exception(failure)

    # Deciding

    def _decide(self, batch: _Batch, base: Loaded, job: Job) -> None:
        key = job.asked.key
        place = (key.scope, key.key) if key is not None else None
        draft = batch.drafts.get(job.book)
        # A job behind its twin, or behind a crash on its book, is decided in the next batch.
        if place in batch.keys or (draft is not None and draft.crashed):
            batch.later.append(job)
            return
        if draft is None:
            draft = batch.drafts[job.book] = _Draft(base, laid_over(base.state), base.version)
        if place is not None:
            batch.keys.add(place)
        job.turn = len(batch.decided) + len(batch.refused)
        try:
            decided = self._decided(draft, job)
        except Rejected as rejected:
            batch.refused.append((job, rejected))
        except Exception as crash:  # a defect: this unit fails, the committer and its neighbours go on
            logger.error("a command could not be decided: %s", without_words(crash), extra={"book": job.book})
            draft.crashed = True
            job.done.set_exception(crash)
        else:
            batch.decided.append(decided)
            batch.events += len(decided.unit.events)
            batch.size_bytes += sum(_size_bytes(event) for _, event in decided.unit.events)

    def _decided(self, draft: _Draft, job: Job) -> _Decided:
        """Decide a unit on the draft's overlay; a group first on one of its own, so that a refusal leaves nothing."""
        size = len(job.wishes)
        overlay = draft.overlay if size == 1 else laid_over(draft.overlay)
        events: list[tuple[str, BookEvent]] = []
        counts: list[int] = []
        for index, wish in enumerate(job.wishes):
            try:
                made = decide(overlay, wish(overlay) if callable(wish) else wish)
            except Rejected as rejected:
                if size > 1:
                    rejected.params["index"] = index
                raise
            own_id = command_id(job.asked.command_id, index, size)
            for event in made:
                evolve(overlay, event)
                events.append((own_id, event))
            counts.append(len(made))
        if overlay is not draft.overlay:
            fold(overlay)
        claims = claims_of(job.book, [event for _, event in events], self._installation_fingerprint)
        unit = Unit(job.book, draft.version, tuple(events), job.asked, claims)
        draft.version += len(events)
        return _Decided(job, unit, counts)

    def _installation_fingerprint(self, text: str) -> str:
        return self._keys.fingerprint(BOOK_NAMES, text)

    # Committing

    def _commit(self, batch: _Batch) -> None:
        bases = {book: draft.base.head for book, draft in batch.drafts.items()}
        units = [decided.unit for decided in batch.decided]
        lookups = [job.asked.key for job, _ in batch.refused if job.asked.key is not None]
        try:
            told = self._store.commit(units, bases, lookups)
        except Exception as failure:
            self._fail(batch, failure)
            return
        dropped = self._fold(batch, told.outcomes)
        moved: dict[BookId, list[Job]] = {}
        for job, rejected in batch.refused:
            first_use = told.known.get(job.asked.key) if job.asked.key is not None else None
            if first_use is not None:
                self._answer_again(job, first_use)
            elif job.book in told.moved or job.turn > dropped.get(job.book, job.turn):
                self._decide_again(job, moved)
            else:
                job.done.set_exception(rejected)
        for decided, outcome in zip(batch.decided, told.outcomes, strict=True):
            job = decided.job
            match outcome:
                case Committed(head):
                    job.done.set_result(_answer(decided, head))
                case Known():
                    self._answer_again(job, outcome)
                case Refused(reason):
                    job.done.set_exception(reason)
                case Moved():
                    self._decide_again(job, moved)
                case _:
                    assert_never(outcome)
        for book, jobs in moved.items():
            in_order = sorted(jobs, key=lambda job: job.turn)
            self._load(book, self._states.forget(book), [*in_order])

    def _decide_again(self, job: Job, moved: dict[BookId, list[Job]]) -> None:
        job.attempts += 1
        if job.attempts < MAX_ATTEMPTS:
            moved.setdefault(job.book, []).append(job)
        else:
            job.done.set_exception(Busy())

    def _fold(self, batch: _Batch, outcomes: Sequence[Outcome]) -> dict[BookId, int]:
        """Bring the base states to what was committed, before anybody hears of it.

        Gives the turn of each book's first unit that was not committed: what was refused above it may not be refused
        without it; what was refused before it stays so.
        """
        committed: dict[BookId, list[_Decided]] = {}
        dropped: dict[BookId, int] = {}
        heads: dict[BookId, Head] = {}
        for decided, outcome in zip(batch.decided, outcomes, strict=True):
            book = decided.job.book
            if isinstance(outcome, Committed):
                committed.setdefault(book, []).append(decided)
                heads[book] = outcome.head
            else:
                dropped.setdefault(book, decided.job.turn)
        for book, units in committed.items():
            draft = batch.drafts[book]
            if book in dropped or draft.crashed:
                for decided in units:
                    for _, event in decided.unit.events:
                        evolve(draft.base.state, event)
            else:
                fold(draft.overlay)
            draft.base.head = heads[book]
            self._states.resize(book)
        return dropped

    def _fail(self, batch: _Batch, failure: Exception) -> None:
        if not isinstance(failure, StoreUnavailable):
            logger.error("a batch could not be committed: %s", without_words(failure))
        for job, _ in batch.refused:
            job.done.set_exception(failure)
        for decided in batch.decided:
            decided.job.done.set_exception(failure)
        if isinstance(failure, StoreUnavailable) and failure.code != "outcome_unknown":
            return  # nothing was appended: the bases stand as they are
        for book in batch.drafts:
            self._states.forget(book)

    def _answer_again(self, job: Job, known: Known) -> None:
        """Answer a repeated key from the events of its first use, read aside."""
        key = job.asked.key
        if key is not None and known.fingerprint != key.fingerprint:
            job.done.set_exception(Rejected("idempotency_key_reused"))
            return

        def read() -> None:
            try:
                job.done.set_result(replayed_answer(self._store, known, len(job.wishes)))
            except Exception as failure:
                job.done.set_exception(failure)

        self._states.aside(read)


def wishes_in(items: Iterable[Item]) -> int:
    return sum(len(item.wishes) for item in items if isinstance(item, Job))


def replayed_answer(store: EventStore, known: Known, commands: int) -> Answer:
    """The answer to the first use of a key, rebuilt from its events and the head it left."""
    made: list[Recorded] = []
    version = known.first - 1
    while version < known.last:
        made += store.read_book(known.book, version, LOAD_BATCH_EVENTS, known.last)
        version = min(version + LOAD_BATCH_EVENTS, known.last)
    head = made or store.read_book(known.book, known.last - 1, 1, known.last)
    results = replayed_results(made, known.first - 1, commands)
    last = head[-1]
    return Answer(known.book, last.version, last.position, last.hash.hex(), last.recorded_at, results, replayed=True)


def _answer(decided: _Decided, head: Head) -> Answer:
    results: list[Result] = []
    version = decided.unit.after_version
    place = 0
    for count in decided.counts:
        version += count
        made = made_by([event for _, event in decided.unit.events[place : place + count]])
        place += count
        results.append(Result(version, made))
    return Answer(decided.job.book, head.version, head.position, head.hash.hex(), head.recorded_at, tuple(results))


def _size_bytes(event: BookEvent) -> int:
    """About what an event takes once encoded; only what people write makes one large."""
    if isinstance(event, TransactionRecorded | TransactionAmended):
        return 400 + 150 * len(event.postings) + 2 * (len(event.payee) + len(event.memo))
    return 400
