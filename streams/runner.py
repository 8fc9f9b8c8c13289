"""The projection runner: it follows the log and keeps every read model a fold of it.

A batch is read and decoded once and applied to all projections that stand at its beginning, in one transaction with
their heads and checkpoints. Whoever finds a checkpoint moved drops its work, so any number of runners apply once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, MetaData, Table, inspect

from commands.ports import EventReader, EventUnreadable, Head, StoreUnavailable
from domain.book import BookErased, BookId
from domain.errors import Rejected
from domain.recorded import Recorded
from projections.readmodel import ReadModel
from streams import heads
from streams.applying import (
    Selection,
    apply,
    apply_to_all,
    follow,
    is_transient,
    select_new,
    unreadable_reason,
)
from streams.heads import NOTHING_YET, Moves, Positions, ProjectionHead, ReadDatabase, key_of
from streams.sources import Batch, Source, StoreSource
from streams.verify import Difference, difference
from streams.waiting import Waiters

BATCH_EVENTS = 2_000
"""Events of one transaction: enough that its fixed costs vanish, few enough that readers see it move and that it holds
the write lock for a fraction of a second."""

IDLE_WAIT_S = 0.5
"""How long one wait for the log lasts: the longest that a stop, or a checkpoint set back by a rebuild elsewhere, goes
unnoticed. New events end the wait at once."""

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 2.0
"""After a fault that may pass the pause doubles from the one to the other."""

OVERTAKEN_PAUSE_S = 0.02
"""Another runner is at work: it is left alone for a few of its batches, rather than done beside it for nothing."""

CATCH_UP_PATIENCE_S = 30.0
"""How long `catch_up`, `rebuild` and `release` try against faults before they give up; `run` never does."""

SCRUB_AGAIN_S = 0.5
"""The pause before another try to empty the database's log of what an erased book said, while readers are in the way:
each try keeps writers waiting for a moment."""

Progress = Callable[[int, int], None]
"""Told after each batch: the position reached, and the position to reach."""

REFOLDING = "refolding: release it to go on"
"""The reason that a book carries while it is folded again; a runner that starts goes on with one that was left."""

T = TypeVar("T")
Places = dict[tuple[str, BookId], ProjectionHead]

_log = logging.getLogger(__name__)


class ProjectionReplaced(Exception):
    """Another release has taken a projection over and removed this one's tables: this program is out of date."""

    def __init__(self, key: str) -> None:
        super().__init__(f"projection {key} was removed by another release: start the newer release instead")
        self.key = key


class _Overtaken(Exception):
    """Another runner has moved a checkpoint: what was done on top of the old one is rolled back."""


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """How far a projection is: `position` is the highest it holds an event of; `lag` counts the log's events that it
    does not hold, `lag_s` is about how long ago the first of them was recorded, in seconds; of parked books neither
    counts any. `parked` has a row for each parked book: (book, version it stands at, reason).
    """

    name: str
    version: int
    position: int
    lag: int
    lag_s: float
    parked: list[tuple[BookId, int, str]]


class ProjectionRunner:
    """Runs the models it is given. Any of its methods may be called from any thread."""

    def __init__(
        self, reader: EventReader, database: ReadDatabase, models: Sequence[ReadModel], source: Source | None = None
    ) -> None:
        """`reader` is the log; `source` where events are followed: the log itself, unless something else is named."""
        self._reader = reader
        self._source = source or StoreSource(reader)
        self._database = database
        self._models = {key_of(model): model for model in models}
        self._keys = {model.NAME: key_of(model) for model in models}
        self._waiters = Waiters(database, self._keys)
        self._scrub_at: float | None = None
        """From when on the database is to be scrubbed, None where nothing is left to."""

    # Following

    def catch_up(self, progress: Progress | None = None) -> None:
        """Bring every projection to the log's end as it is now."""
        keys = sorted(self._models)
        self._scrub_at = 0.0  # a program that ended may have left it undone
        self._patiently(lambda: self._reconcile(keys))
        self._fold_to(keys, progress)
        self._patiently(self._retire_older_versions)
        self._patiently(self._scrub)

    def run(self, stop: threading.Event) -> None:
        """Follow the log until told to stop. A fault that may pass is waited out; any other error is raised."""
        keys = sorted(self._models)
        reconciled = retired = False
        at: Positions = {}
        pause_s = FIRST_RETRY_S
        self._scrub_at = 0.0
        while not stop.is_set():
            try:
                self._scrub()
                if not reconciled:
                    self._reconcile(keys)
                    reconciled = True
                lanes = self._source.lanes()
                if not at or lanes != at[keys[0]].keys():
                    at = self._positions(keys, lanes)
                began = time.monotonic()
                if self._step(at):
                    self._waiters.hurry(self._source.gather_s - (time.monotonic() - began))
                else:
                    if not retired:
                        self._retire_older_versions()
                        retired = True
                    if not self._source.wait(_lowest(at), IDLE_WAIT_S):
                        at = {}
                pause_s = FIRST_RETRY_S
            except _Overtaken:
                _log.debug("overtaken by another runner")
                stop.wait(OVERTAKEN_PAUSE_S)
                at = {}
            except Exception as fault:
                if not is_transient(fault):
                    raise
                # Weather tells where it comes from; any other error's text may hold what people wrote.
                told = fault if isinstance(fault, StoreUnavailable | ConnectionError) else type(fault).__name__
                _log.warning("projections wait, again in %.2f s: %s", pause_s, told)
                reconciled = False
                stop.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)
                at = {}

    def close(self) -> None:
        """End the thread that waits for heads. The loop of `run` has its own stop."""
        self._waiters.close()

    def _fold_to(self, keys: Sequence[str], progress: Progress | None) -> None:
        """Follow the log itself up to its end as it is now, whatever the runner follows when it runs."""
        source = StoreSource(self._reader)
        ends = source.ends()
        while self._patiently(lambda: self._advance(source, keys, ends, progress)):
            _log.debug("overtaken by another runner")
            time.sleep(OVERTAKEN_PAUSE_S)

    def _advance(self, source: Source, keys: Sequence[str], ends: Mapping[str, int], progress: Progress | None) -> bool:
        """Apply up to `ends`; True where another runner came between, and there may be more to do."""
        at = self._positions(keys, ends.keys())
        end = sum(ends.values())
        try:
            while (reached := sum(_lowest(at).values())) < end and self._step(at, source):
                if progress is not None:
                    progress(min(max(reached, sum(_lowest(at).values())), end), end)
        except _Overtaken:
            return True
        return False

    def _patiently(self, attempt: Callable[[], T]) -> T:
        until = time.monotonic() + CATCH_UP_PATIENCE_S
        pause_s = FIRST_RETRY_S
        while True:
            try:
                return attempt()
            except Exception as fault:
                if not is_transient(fault) or time.monotonic() + pause_s > until:
                    raise
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)

    def _positions(self, keys: Sequence[str], lanes: Collection[str]) -> Positions:
        """Where the projections stand in these lanes; a lane that is new to one begins at its beginning."""
        with self._database.read() as connection:
            stored = heads.positions(connection)
        for key in keys:
            if key not in stored:
                raise ProjectionReplaced(key)
        if any(lane not in stored[key] for key in keys for lane in lanes):
            with self._database.write() as connection:
                heads.lock(connection, keys)
                heads.start(connection, keys, lanes)
                stored = heads.positions(connection)
        return {key: {lane: stored[key][lane] for lane in lanes} for key in keys}

    def _step(self, at: Positions, source: Source | None = None) -> bool:
        """Apply the next batch to the projections furthest behind, and note it in `at`; False where none is there.

        The batch ends where other projections stand, so that those behind join them and go on together.
        """
        lowest = min(at.values(), key=lambda lanes: sum(lanes.values()))
        group = sorted(key for key, lanes in at.items() if lanes == lowest)
        until: dict[str, int] = {}
        for lanes in at.values():
            for lane, position in lanes.items():
                if position > lowest[lane]:
                    until[lane] = min(position, until.get(lane, position))
        batch = (source or self._source).read(lowest, until, BATCH_EVENTS)
        if batch is None:
            return False
        moves = {lane: (lowest[lane], reached) for lane, reached in batch.reached.items()}
        if batch.unreadable is not None:
            self._park_unreadable(group, moves, batch.unreadable)
        else:
            self._apply(group, moves, batch)
        for key in group:
            at[key] = at[key] | batch.reached
        self._waiters.moved()
        self._scrub()
        return True

    def _scrub(self) -> None:
        """Scrub where that is due: once more later where a reader was in the way."""
        if self._scrub_at is None or time.monotonic() < self._scrub_at:
            return
        self._scrub_at = None
        done = False
        try:
            done = self._database.scrub()
        finally:
            if not done:
                self._scrub_at = time.monotonic() + SCRUB_AGAIN_S

    def _apply(self, keys: Sequence[str], moves: Moves, batch: Batch) -> None:
        events = batch.events
        books = list({event.book for event in events})
        with self._database.write() as connection:
            if not heads.move(connection, keys, moves):
                raise _Overtaken
            known = heads.claim(connection, keys, books)
            selections = self._select(keys, books, events, known)
            changed: Places = {}
            due = [(self._models[key], selection.news) for key, selection in zip(keys, selections, strict=True)]
            poisoned = apply_to_all(connection, due)
            for key, selection, poison in zip(keys, selections, poisoned, strict=True):
                changed |= {(key, book): head for book, head in selection.heads.items()}
                for book, (good, reason) in poison.items():
                    applied = [event for event in selection.news if event.book == book][:good]
                    changed[key, book] = _head_after(applied, known.get((key, book), NOTHING_YET), reason)
            heads.write_heads(connection, changed)
        _tell_parked(changed)
        if any(isinstance(event.event, BookErased) for event in events):
            self._scrub_at = 0.0

    def _select(
        self, keys: Sequence[str], books: Sequence[BookId], events: Sequence[Recorded], known: Places
    ) -> list[Selection]:
        """What the batch brings each projection: reckoned once for all whose heads are the same."""
        made: dict[frozenset[tuple[BookId, ProjectionHead]], Selection] = {}
        selections = []
        for key in keys:
            mine = {book: head for book in books if (head := known.get((key, book))) is not None}
            same = frozenset(mine.items())
            if same not in made:
                made[same] = select_new(events, mine, self._refetch)
            selections.append(made[same])
        return selections

    def _park_unreadable(self, keys: Sequence[str], moves: Moves, unreadable: EventUnreadable) -> None:
        """Pass over an event that cannot be decoded; its book waits at the event before."""
        book = unreadable.book
        with self._database.write() as connection:
            if not heads.move(connection, keys, moves):
                raise _Overtaken
            known = heads.claim(connection, keys, [book])
            changed: Places = {}
            for key in keys:
                head = known.get((key, book), NOTHING_YET)
                if head.parked is None and head.version < unreadable.version:
                    changed[key, book] = replace(head, parked=unreadable_reason(unreadable))
            heads.write_heads(connection, changed)
        _tell_parked(changed)

    def _park(self, key: str, book: BookId, unreadable: EventUnreadable) -> ProjectionHead:
        """Park a book where it stands, for the event there cannot be read to tell whether it is the log's."""
        with self._database.write() as connection:
            heads.lock(connection, [key])
            head = heads.claim(connection, [key], [book])[key, book]
            if head.version == unreadable.version:
                head = replace(head, parked=unreadable_reason(unreadable))
                heads.write_heads(connection, {(key, book): head})
        _tell_parked({(key, book): head})
        return head

    def _refetch(self, book: BookId, first: int, last: int) -> list[Recorded]:
        events: list[Recorded] = []
        after = first - 1
        while after < last:
            some = self._reader.read_book(book, after, BATCH_EVENTS, last)
            if not some:
                break
            events += some
            after = some[-1].version
        return events

    # Waiting

    def wait_for(self, names: Sequence[str], book: BookId, min_version: int, timeout_s: float) -> int:
        """Wait until the projections hold the book up to `min_version`: the version they all have reached, which is
        lower where the time was up before. `Rejected("projection_parked")` at once where one has parked the book.
        """
        self._check(names)
        reached = self._waiters.look(names, book)
        if reached >= min_version or timeout_s <= 0:
            return reached
        return self._waiters.wait(names, book, min_version, timeout_s).result()

    async def wait_for_async(self, names: Sequence[str], book: BookId, min_version: int, timeout_s: float) -> int:
        """As `wait_for`, without a thread of its own and without blocking the loop."""
        self._check(names)
        return await asyncio.wrap_future(self._waiters.wait(names, book, min_version, timeout_s))

    # Telling

    def head(self, connection: Connection, name: str, book: BookId) -> ProjectionHead | None:
        """The book's head as `connection` sees it, beside the rows that it sees; None before the first event."""
        return heads.head_of(connection, self._key(name), book)

    def status(self) -> list[ProjectionStatus]:
        """Every projection, in the order in which they were given."""
        with self._database.read() as connection:
            held = heads.applied(connection)
            parked = heads.parked(connection, list(self._models))
        end = self._reader.end()
        rows: dict[str, list[tuple[BookId, int, str]]] = defaultdict(list)
        for (key, book), head in sorted(parked.items()):
            rows[key].append((book, head.version, head.parked or ""))
        return [self._status_of(model, rows[key], end, *held.get(key, (0, 0))) for key, model in self._models.items()]

    def _status_of(
        self, model: ReadModel, parked: list[tuple[BookId, int, str]], end: int, count: int, position: int
    ) -> ProjectionStatus:
        # Positions have no gap either: the log's end counts its events.
        lag = end - count
        for book, version, _ in parked:
            stored = self._reader.head(book)
            lag -= max(0, stored.version - version) if stored is not None else 0
        lag = max(0, lag)
        return ProjectionStatus(model.NAME, model.VERSION, position, lag, self._age_of(end - lag + 1, end), parked)

    def _age_of(self, position: int, end: int) -> float:
        """How long ago the event at a position was recorded, in seconds; 0.0 beyond the end."""
        if position > end:
            return 0.0
        recorded_at = self._reader.recorded_at(max(1, position))
        return 0.0 if recorded_at is None else max(0.0, time.time() - recorded_at.timestamp())

    def verify(self, name: str) -> Difference | None:
        """The first difference between a projection's rows and a fresh fold up to where it stands; None if equal."""
        return difference(self._reader, self._database, self._models[self._key(name)])

    def _check(self, names: Sequence[str]) -> None:
        for name in names:
            self._key(name)

    def _key(self, name: str) -> str:
        key = self._keys.get(name)
        if key is None:
            raise Rejected("projection_unknown", projection=name, known=", ".join(sorted(self._keys)))
        return key

    # Mending

    def rebuild(self, name: str, progress: Progress | None = None) -> None:
        """Fold a projection anew from the log's begin, beside the live one, which goes on serving; then let it take the
        live one's place in one transaction. What was broken off is gone on with. Other runners may be at work.

        `Rejected("rebuild_running")` where another program rebuilds it already.
        """
        key = self._key(name)
        model = self._models[key]
        tables = list(model.metadata.tables.values())
        with self._database.beside(key) as aside:
            with aside.write() as connection:
                heads.create_tables(connection, [model])
            building = ProjectionRunner(self._reader, aside, [model])
            building.catch_up(progress)
            self._patiently(lambda: self._swap(building, key, tables))
        self._waiters.moved()
        self._scrub_at = 0.0
        self._patiently(self._scrub)

    def _swap(self, building: ProjectionRunner, key: str, tables: Sequence[Table]) -> None:
        with self._database.taking_over(key, tables) as over:
            heads.start(over.connection, [key], [heads.STORE])
            heads.lock(over.connection, [key])
            # From here on the live one does not move: what it has beyond the new one is a moment's work.
            building.catch_up()
            over.replace()

    def release(self, name: str, book: BookId) -> ProjectionHead:
        """Try a parked book again, from the event behind its head; from its beginning where its head is no event of
        the log. The head after it: parked once more where the cause still stands.
        """
        key = self._key(name)
        with self._database.read() as connection:
            head = heads.head_of(connection, key, book)
        if head is None or head.parked is None:
            raise Rejected("projection_not_parked", projection=name, book=book)
        try:
            afresh = not self._patiently(lambda: self._stands(book, head))
        except EventUnreadable as unreadable:
            return self._park(key, book, unreadable)
        return self._refold(key, book, afresh=afresh)

    def _refold(self, key: str, book: BookId, *, afresh: bool) -> ProjectionHead:
        """Fold a book on up to its end in the log, in transactions of a batch each.

        It stays parked until the last of them, so that no other runner applies in between.
        """
        if afresh:
            self._patiently(lambda: self._forget_book(key, book))
        while True:
            head, done = self._patiently(lambda: self._refold_batch(key, book))
            if done:
                self._waiters.moved()
                self._patiently(self._scrub)
                _tell_parked({(key, book): head})
                return head

    def _forget_book(self, key: str, book: BookId) -> None:
        with self._database.write() as connection:
            heads.lock(connection, [key])
            heads.claim(connection, [key], [book])
            self._models[key].purge(connection, book)
            heads.write_heads(connection, {(key, book): replace(NOTHING_YET, parked=REFOLDING)})
        self._scrub_at = 0.0

    def _refold_batch(self, key: str, book: BookId) -> tuple[ProjectionHead, bool]:
        """The next batch of a book: its head then, and whether that was the last."""
        with self._database.write() as connection:
            if key not in heads.lock(connection, [key]):
                raise ProjectionReplaced(key)
            before = heads.claim(connection, [key], [book])[key, book]
            stored: list[Recorded] = []
            after = replace(before, parked=None)
            try:
                stored = self._reader.read_book(book, before.version, BATCH_EVENTS)
            except EventUnreadable as unreadable:
                after = replace(before, parked=unreadable_reason(unreadable))
            behind, after = follow(after, stored)
            done = len(stored) < BATCH_EVENTS or after.parked is not None
            for good, reason in apply(connection, self._models[key], behind).values():
                after, done = _head_after(behind[:good], before, reason), True
            if done and after == NOTHING_YET:
                heads.drop_heads(connection, [(key, book)])
            else:
                stored_head = after if done else replace(after, parked=before.parked)
                heads.write_heads(connection, {(key, book): stored_head})
        if any(isinstance(event.event, BookErased) for event in behind):
            self._scrub_at = 0.0
        return after, done

    # What other programs left

    def _reconcile(self, keys: Sequence[str]) -> None:
        """Fit the read models to a log that is not the one they were folded from, such as one restored from a backup.

        Heads are read before the log's, which therefore are never behind them by rights.
        """
        with self._database.read() as connection:
            mine = heads.all_heads(connection, keys)
            at = heads.positions(connection)
        stored = self._reader.heads()
        foreign = []
        for (key, book), head in mine.items():
            try:
                if not self._is_of_log(book, head, stored.get(book)):
                    foreign.append((key, book))
            except EventUnreadable as unreadable:
                if head.parked is None:
                    self._park(key, book, unreadable)
        for lane, end in StoreSource(self._reader).ends().items() | self._source.ends().items():
            for key in keys:
                if at.get(key, {}).get(lane, 0) > end:
                    with self._database.write() as connection:
                        heads.lock(connection, [key])
                        heads.set_back(connection, key, lane, end)
        for (key, book), head in mine.items():
            if head.parked == REFOLDING:
                self._refold(key, book, afresh=False)
        for key, book in foreign:
            _log.warning("projection %s holds another history of book %s than the log: folding it again", key, book)
            self._refold(key, book, afresh=True)

    def _is_of_log(self, book: BookId, head: ProjectionHead, stored: Head | None) -> bool:
        if head.version == 0:
            return True
        if stored is None or head.version > stored.version:
            return False
        if head.version < stored.version:
            return self._stands(book, head)
        return (head.hash, head.position) == (stored.hash, stored.position)

    def _stands(self, book: BookId, head: ProjectionHead) -> bool:
        """Whether a head is an event of the log."""
        if head.version == 0:
            return True
        found = self._reader.read_book(book, head.version - 1, 1)
        return bool(found) and (found[0].hash, found[0].position) == (head.hash, head.position)

    def _retire_older_versions(self) -> None:
        """Drop the tables of older versions of these projections, once these have reached them for every book."""
        with self._database.read() as connection:
            stored = heads.positions(connection)
        for old in stored:
            name, _, version = old.rpartition("_v")
            key = self._keys.get(name)
            if key is not None and version.isdigit() and int(version) < self._models[key].VERSION:
                self._retire(old, key)

    def _retire(self, old: str, key: str) -> None:
        with self._database.write() as connection:
            heads.lock(connection, [old, key])
            held = heads.all_heads(connection, [old, key])
            for (owner, book), head in held.items():
                if owner == old and held.get((key, book), NOTHING_YET).version < head.version:
                    return
            for table in inspect(connection).get_table_names():
                if table.startswith(f"{old}_"):
                    Table(table, MetaData()).drop(connection)
            heads.forget(connection, old)
        _log.info("projection %s has replaced %s", key, old)


def _lowest(at: Positions) -> dict[str, int]:
    """For each lane where the last of the projections stands."""
    lowest: dict[str, int] = {}
    for lanes in at.values():
        for lane, position in lanes.items():
            lowest[lane] = min(position, lowest.get(lane, position))
    return lowest


def _head_after(applied: Sequence[Recorded], before: ProjectionHead, reason: str) -> ProjectionHead:
    """The head of a book parked behind the last of its events that could be applied."""
    if not applied:
        return replace(before, parked=reason)
    return ProjectionHead(applied[-1].version, applied[-1].hash, applied[-1].position, reason)


def _tell_parked(changed: Places) -> None:
    for (key, book), head in changed.items():
        if head.parked is not None:
            _log.warning("projection %s parked book %s behind version %d: %s", key, book, head.version, head.parked)
