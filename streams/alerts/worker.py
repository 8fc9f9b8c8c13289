"""The Faust worker: it reads the topic of events and keeps each book's watch in a durable table.

What Faust promises is not relied on: it may give an event twice, out of its turn after a rebalance, or lose what it
wrote to the table last. A watch carries the version and hash of the last event in it, so a repeat is dropped and a hole
is filled from the store; an alert is acknowledged by the broker before the table moves, and the event after both.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import faust
from faust.types import AppT, StreamT, TableT

from domain.alerts import Alert, Watch
from domain.book import BookId
from streams.alerts.ground import BrokerAway, Ground, Topics
from streams.alerts.records import to_record
from streams.alerts.watching import Place, Watching
from streams.contract import Envelope
from streams.failpoints import reach
from streams.wire import Headers, NotAnEvent, Record, from_record

TABLE = "watch"

KEEP_EVERY_EVENTS = 64
KEEP_EVERY_S = 1.0
"""A watch goes into the table when so much is new in it, and whenever it raised an alert: a watch has up to some
kilobytes, and what the table lacks after a kill is read again from the store."""

MAX_WATCHES = 512
"""Watches that are kept decoded, up to about 100 KB each; others wait in the table."""

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 10.0
"""After a fault that may pass the pause doubles from the one to the other."""

STEADY_S = 60.0
"""A worker that ran for so long had found what it needs: its next trouble is a new one."""

LOOK_AGAIN_S = 5.0
"""How often it is asked whether the topics are still the ones that the worker began with, and whether events wait."""

IDLE_LOOKS = 2

STOP_LIMIT_S = 20.0
"""The longest that a stop waits for Faust to give its partitions back."""

SESSION_TIMEOUT_S = 10.0
HEARTBEAT_S = 2.0
REBALANCE_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 30.0
"""A worker that was killed is missed after the first; the broker waits for a slow one as long as the third says."""

COMMIT_EVERY_S = 1.0
BUFFERED_EVENTS = 4_096
MAX_FETCH_BYTES = 4 * 1024 * 1024
LINGER_S = 0.005

TABLE_OPTIONS = {
    "driver": "rocksdict",
    "max_open_files": 64,
    "write_buffer_size": 4 * 1024 * 1024,
    "max_write_buffer_number": 2,
    "target_file_size_base": 8 * 1024 * 1024,
    "block_cache_size": 8 * 1024 * 1024,
}
"""Each partition is a RocksDB of its own; left alone each may take gigabytes for its cache."""

_log = logging.getLogger(__name__)


Send = Callable[[Record], Awaitable[None]]
"""Sends a record to the topic of alerts, and returns when every replica has it."""


class Keeper:
    """What one worker does with each event: everything but Faust's part in it."""

    def __init__(self, watching: Watching, table: TableT[bytes, bytes], send: Send, retry_s: float = FIRST_RETRY_S):
        self._watching = watching
        self._table = table
        self._send = send
        self._retry_s = retry_s
        self._ready: OrderedDict[BookId, Watch] = OrderedDict()
        self._kept: dict[BookId, tuple[int, float]] = {}
        """Of the watches that are ready: the version that the table has, and when it got it."""
        self._parked: set[BookId] = set()
        self.begun = self.taken = 0
        """Records that were begun, and those that are done with."""

    def forget(self) -> None:
        """Partitions have moved between workers: what is known of their books may be old."""
        self._ready.clear()
        self._kept.clear()
        self._parked.clear()

    async def take(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Fold one record; returns when its alerts are sent and its watch is as durable as it needs to be.

        A fault that may pass is waited out: nothing here lets an event go by that was not folded.
        """
        self.begun += 1
        try:
            await self._take(key, value, headers)
        finally:
            self.taken += 1

    async def _take(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        try:
            envelope = from_record(key, value, headers)
        except NotAnEvent as foreign:
            _log.warning("a record that is no event was passed over", extra={"reason": foreign.reason})
            return
        book = BookId(envelope.stream)
        if book in self._parked and not self._watching.is_erasure(envelope):
            return
        pause_s = self._retry_s
        while True:
            try:
                await self._fold(book, envelope)
            except Exception as fault:
                reason = self._watching.parked_by(fault)
                if reason is not None:
                    self._park(book, envelope, reason)
                    return
                _log.warning(
                    "an event could not be watched: it is tried again until it can; look at the store and the broker",
                    extra={"book": book, "version": envelope.version, "fault": type(fault).__name__},
                )
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)
            else:
                return

    async def _fold(self, book: BookId, envelope: Envelope) -> None:
        watch = self._watch_of(book)
        if self._watching.is_erasure(envelope) or (watch is None and self._watching.is_erased(book)):
            self._drop(book)
            return
        place = self._watching.place(watch, envelope)
        if place is Place.REPEATED:
            return
        if place is Place.APART:
            await self._mend(book, watch, envelope)
            return
        stepped, alerts = self._watching.step(watch, envelope)
        if stepped is None:
            self._drop(book)
        else:
            await self._move(book, stepped, alerts)

    async def _mend(self, book: BookId, watch: Watch | None, envelope: Envelope) -> None:
        """Fold what the store says stands between the watch and an event that is not its next one, with the event."""
        pages = self._watching.mended(watch, book, envelope.version)
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            stepped, alerts = page
            if stepped is None:
                self._drop(book)
                return
            await self._move(book, stepped, alerts)

    async def _move(self, book: BookId, watch: Watch, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            await self._send(to_record(alert))
        if alerts:
            reach("alerts.sent")
        version, at = self._kept.get(book, (0, 0.0))
        if alerts or watch.version - version >= KEEP_EVERY_EVENTS or time.monotonic() - at >= KEEP_EVERY_S:
            self._table[book.encode()] = self._watching.dump(watch)
            self._kept[book] = watch.version, time.monotonic()
            reach("alerts.kept")
        self._ready[book] = watch
        self._ready.move_to_end(book)
        while len(self._ready) > MAX_WATCHES:
            gone, _ = self._ready.popitem(last=False)
            self._kept.pop(gone, None)

    def _watch_of(self, book: BookId) -> Watch | None:
        watch = self._ready.get(book)
        if watch is None:
            kept = self._table.get(book.encode())
            watch = self._watching.load(kept) if kept is not None else None
        return watch

    def _drop(self, book: BookId) -> None:
        """An erased book is watched no more, and nothing of it stays in the table or in its topic."""
        self._ready.pop(book, None)
        self._kept.pop(book, None)
        self._parked.discard(book)
        key = book.encode()
        if key in self._table:
            del self._table[key]

    def _park(self, book: BookId, envelope: Envelope, reason: str) -> None:
        self._parked.add(book)
        self._ready.pop(book, None)
        self._kept.pop(book, None)
        _log.error(
            "a book is watched no more until this program is started again: mend the reason, or update Finshift first",
            extra={"book": book, "version": envelope.version, "reason": reason},
        )


class Idle:
    """Notices that Faust gives no more events though some wait.

    Behind the recovery of a table, in a group that has committed nothing yet, it was seen to fetch the first events and
    to give them to nobody: nothing is lost by that, as nothing was acknowledged, but without this nobody would notice.
    """

    def __init__(self, topics: Topics, ground: Ground, app: AppT, keeper: Keeper) -> None:
        self._topics = topics
        self._ground = ground
        self._app = app
        self._keeper = keeper
        self._looks = 0
        self._taken = 0

    async def has_lost_its_turn(self) -> bool:
        """To be asked every `LOOK_AGAIN_S`: whether nothing came since, for `IDLE_LOOKS` times, and something waits."""
        taken, self._taken = self._taken, self._keeper.taken
        is_busy = self._keeper.begun != self._keeper.taken or self._keeper.taken != taken
        mine = {tp.partition for tp in self._app.consumer.assignment() if tp.topic == self._ground.events}
        if is_busy or not mine or not cast(Any, self._app.tables).recovery.completed.is_set():
            self._looks = 0
            return False
        try:
            waiting = await asyncio.to_thread(self._topics.waiting, self._app.conf.id, mine)
        except BrokerAway:
            waiting = 0
        self._looks = self._looks + 1 if waiting else 0
        return self._looks >= IDLE_LOOKS


class AlertsWorker:
    """Runs Faust until it is told to stop, and begins again after whatever weather ended it.

    `data_dir`: a folder of this worker's own, where RocksDB keeps what can be read again from Kafka.
    """

    def __init__(self, topics: Topics, watching: Callable[[str], Watching], data_dir: Path, prefix: str) -> None:
        self._topics = topics
        self._watching = watching
        self._data_dir = data_dir
        self._prefix = prefix

    def run(self, stop: threading.Event) -> None:
        pause_s = FIRST_RETRY_S
        while not stop.is_set():
            began = time.monotonic()
            try:
                ground = self._topics.ground()
                asyncio.run(self._work(ground, stop))
            except BrokerAway as away:
                _log.warning("alerts wait for Kafka: %s", away)
            except Exception as fault:
                _log.warning(
                    "the alerts' worker ended and begins again; if this goes on, look at the broker's log",
                    extra={"fault": type(fault).__name__},
                    exc_info=fault,
                )
            gc.collect()  # RocksDB lets its folder go when nobody holds it any more
            if time.monotonic() - began > STEADY_S:
                pause_s = FIRST_RETRY_S
            stop.wait(pause_s)
            pause_s = min(pause_s * 2, LONGEST_RETRY_S)

    async def _work(self, ground: Ground, stop: threading.Event) -> None:
        folder = self._folder_of(ground)
        watching = self._watching(ground.generation)
        app, keeper = build_app(self._topics.servers, ground, self._prefix, folder, watching)
        idle = Idle(self._topics, ground, app, keeper)
        starting = asyncio.create_task(app.start())
        try:
            looked_at = time.monotonic()
            while not stop.is_set() and not app.crashed:
                if starting.done():
                    starting.result()
                await asyncio.to_thread(stop.wait, 0.25)
                if time.monotonic() - looked_at > LOOK_AGAIN_S:
                    looked_at = time.monotonic()
                    if await self._is_replaced(ground):
                        _log.warning("a topic was made anew: the watches are folded again from its beginning")
                        break
                    if await idle.has_lost_its_turn():
                        _log.warning("events wait and Faust gives none: the worker begins again where it stood")
                        break
        finally:
            starting.cancel()
            try:
                await asyncio.wait_for(app.stop(), STOP_LIMIT_S)
            except TimeoutError:
                _log.warning("Kafka did not take the partitions back in time; it will find out by itself")
        if app.crashed and not stop.is_set():
            raise app.crash_reason or RuntimeError("the worker ended without a reason")

    def _folder_of(self, ground: Ground) -> Path:
        """The folder of this generation; those of earlier ones speak of topics that are gone, and go as well."""
        folder = self._data_dir / ground.generation
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for other in self._data_dir.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return folder

    async def _is_replaced(self, ground: Ground) -> bool:
        try:
            return await asyncio.to_thread(self._topics.ground) != ground
        except BrokerAway:
            return False  # the worker itself waits for it to come back


def build_app(
    servers: Sequence[str], ground: Ground, prefix: str, folder: Path, watching: Watching, store: str = "rocksdb://"
) -> tuple[AppT, Keeper]:
    """The Faust application of one worker on these topics, and what its one agent does with each event."""
    app = faust.App(
        f"{prefix}-alerts-{ground.generation}",
        broker=[f"kafka://{server}" for server in servers],
        store=store,
        datadir=str(folder),
        autodiscover=False,
        web_enabled=False,
        canonical_url=f"http://{uuid4().hex}",  # what tells workers apart; nobody listens there
        topic_partitions=ground.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        table_standby_replicas=0,
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_FETCH_BYTES,
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
        broker_request_timeout=REQUEST_TIMEOUT_S,
        broker_commit_interval=COMMIT_EVERY_S,
        stream_buffer_maxsize=BUFFERED_EVENTS,
        stream_wait_empty=False,
        producer_acks=-1,
        producer_linger=LINGER_S,
        producer_request_timeout=REQUEST_TIMEOUT_S,
        recovery_consistency_check=False,  # versions tell what is old
        worker_redirect_stdouts=False,
    )
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "partitions": ground.partitions,
    }
    events = app.topic(ground.events, allow_empty=True, **raw)
    alerts = app.topic(ground.alerts, **raw)
    changelog = app.topic(
        ground.changelog, allow_empty=True, acks=False, internal=True, compacting=True, maxsize=131_072, **raw
    )
    table = app.Table(
        TABLE,
        key_type=bytes,
        value_type=bytes,
        partitions=ground.partitions,
        changelog_topic=changelog,
        options=dict(TABLE_OPTIONS),
    )

    async def send(record: Record) -> None:
        sending = await alerts.send(key=record.key, value=record.value, headers=record.headers)
        await sending

    keeper = Keeper(watching, table, send)

    async def watch(stream: StreamT[Any]) -> None:
        # Acknowledged by hand: Faust's own way acknowledges an event whose handling was cut short.
        async for event in cast(faust.Stream[bytes], stream).noack().events():
            message = event.message
            await keeper.take(message.key, message.value, message.headers or ())
            await stream.ack(event)

    async def moved(*_: object, **__: object) -> None:
        keeper.forget()

    app.agent(events, name=TABLE)(watch)
    app.on_partitions_revoked.connect(moved, weak=False)
    return app, keeper
