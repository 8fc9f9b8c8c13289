"""The relay: every stored event onto the topic, in the store's order, none left out.

It may repeat, it never skips. What it remembers (the notes) is believed only where the topic itself agrees: before it
publishes it reads each partition's end, and it goes on from where both say that nothing is missing. A topic that holds
what the store does not is not written to at all.

Why no hole: a batch is the store's next events after G, and G moves only when every partition has acknowledged. So all
that belongs to a partition up to its note is there, and nothing of it lies between its note and the highest note.
Where an end is behind its note, publishing begins again behind what is there, and the notes are taken back first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from commands.ports import StoreUnavailable
from domain.book import BookId
from domain.errors import Rejected
from streams.contract import Envelope, parse_instant
from streams.failpoints import reach
from streams.wire import Headers, NotAnEvent, Record, from_record, to_record

logger = logging.getLogger(__name__)

READ_EVENTS = 250
"""Events asked of the store at a time: at their largest, 128 MB."""

MAX_BATCH_EVENTS = 2_000
MAX_BATCH_BYTES = 1024 * 1024
"""A batch ends before the event that would go beyond one of these; one event alone always fits. It is what is repeated
after a failure, and what a partition's leader writes at once."""

BATCH_TIMEOUT_S = 30.0
"""How long acknowledgements may take; then the connection is given up and the ends are read again."""

ACK_WAIT_S = 0.5
"""How long acknowledgements are waited for before the lease is looked after."""

STANDBY_S = 1.0
"""How often a relay that waits tries for the lease: with the lease's own time, how soon it takes over."""

IDLE_WAIT_S = 0.25
"""How long the store is waited for at a time: how soon the relay ends when it is told to."""

TOPIC_CHECK_S = 5.0
"""How often an idle relay looks whether the topic is still the one it knows."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
"""The pause after a failure doubles from the first to the longest."""

TAIL_RECORDS = 16
"""Records read from each end at first: each event among them is looked up in the store."""

TAIL_STEP_RECORDS = 4_096
"""The most that is read back at a time."""

MAX_TAIL_RECORDS = 65_536
"""The most that is read back from an end to find an event among foreign messages."""

TELL_LAG_EVERY_S = 60.0


class TopicUnavailable(Exception):
    """The broker cannot be reached, or did not do what it was asked; it may have done so all the same. The text says
    what to do.
    """


class TopicCut(TopicUnavailable):
    """What was acknowledged lies before the end that was read: the topic lost records while it was written to."""


RawRecord = tuple[bytes | None, bytes | None, Headers]
"""A record's key, value and headers, as they lie on the topic."""


class Log(Protocol):
    """What the relay needs of the event store."""

    def envelopes_all(self, after_position: int, limit: int) -> list[Envelope]: ...

    def envelopes(self, book: BookId, after_version: int, limit: int) -> list[Envelope]: ...

    def end(self) -> int: ...

    def wait(self, after_position: int, timeout_s: float) -> bool: ...


class Publication(Protocol):
    """A batch on its way."""

    def wait(self, timeout_s: float) -> bool:
        """True when every partition has acknowledged, False where not yet; raises `TopicUnavailable`, and `TopicCut`
        where a partition acknowledged at an offset that it had before.
        """
        ...


class OpenTopic(Protocol):
    """A topic with a connection to it. Whatever fails raises `TopicUnavailable`, and the connection is then closed."""

    topic_id: str
    partitions: int

    def partition_of(self, key: bytes) -> int: ...

    def ends(self) -> Mapping[int, tuple[int, int]]:
        """Of each partition the first offset there is, and the one behind the last."""
        ...

    def read(self, spans: Mapping[int, tuple[int, int]]) -> Mapping[int, Sequence[RawRecord]]:
        """The records of each partition from an offset to before another."""
        ...

    def publish(self, batch: Sequence[tuple[int, Record]]) -> Publication:
        """Send records to their partitions. Of each partition a beginning of its records may arrive, and later than
        anybody expects; never a record without those before it.
        """
        ...

    def is_current(self) -> bool:
        """Whether the topic still has this id, and as many partitions."""
        ...

    def close(self) -> None:
        """Let go at once, waiting for nothing that is outstanding."""
        ...


class Topic(Protocol):
    """Where events are published."""

    name: str

    def open(self) -> OpenTopic:
        """Connect, making the topic where it is missing; raises `TopicUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted of a topic: which one it was, and for each partition the store position last acknowledged."""

    topic_id: str
    positions: Mapping[int, int]


class Notes(Protocol):
    """The relay's notes beside the events, and the lease that lets one relay work at a time.

    What is written is written under the lease: False says that another relay has it, and nothing was changed. All
    raise `StoreUnavailable`.
    """

    def hold(self) -> bool:
        """Take the lease, or keep it: True where it is this relay's for its time from now."""
        ...

    def release(self) -> None:
        """Give the lease up, where it is this relay's."""
        ...

    def noted(self, topic: str) -> Noted | None: ...

    def begin(self, topic: str, topic_id: str, position: int, partitions: int) -> bool:
        """Take back what was noted of this topic beyond a position, and all of one with another id; each partition
        that has no note gets one at 0.
        """
        ...

    def write(self, topic: str, topic_id: str, positions: Mapping[int, int]) -> bool:
        """Note acknowledged positions, and keep the lease."""
        ...


@dataclass(frozen=True, slots=True)
class Lag:
    """What is not published yet: how many events, and how long ago the first of them was recorded."""

    events: int
    seconds: float


class Relay:
    """Publishes the log until it is told to stop. One thread runs it; any may ask for its lag."""

    def __init__(self, log: Log, topic: Topic, notes: Notes, now: Callable[[], datetime]) -> None:
        self._log = log
        self._topic = topic
        self._notes = notes
        self._now = now
        self._published: int | None = None
        self._pause_s = FIRST_PAUSE_S
        self._waits_for_lease = False
        self._told_lag_at = time.monotonic()

    def lag(self) -> Lag | None:
        """How far behind the store the topic is; None while another relay works, or before the ends were read."""
        published = self._published
        if published is None:
            return None
        waiting = self._log.end() - published
        first = self._log.envelopes_all(published, 1) if waiting > 0 else []
        if not first:
            return Lag(0, 0.0)
        return Lag(waiting, max(0.0, (self._now() - parse_instant(first[0].recorded_at)).total_seconds()))

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set. Broker and store may come and go; raises `Rejected` (`topic_diverged`,
        `topic_partitions_changed`) where a person has to decide.
        """
        try:
            while not stop.is_set():
                try:
                    if self._hold_or_wait(stop):
                        self._work(stop)
                except TopicUnavailable as weather:
                    self._pause(stop, f"the broker is not to be had, so events wait in the store: {weather}")
                except StoreUnavailable as weather:
                    self._pause(stop, f"the event store cannot be read or written: {weather}")
        finally:
            self._published = None
            try:
                self._notes.release()
            except StoreUnavailable as weather:
                logger.warning("the relay's lease ends by itself, for the store did not take it back: %s", weather)

    def _pause(self, stop: threading.Event, why: str) -> None:
        logger.warning("%s; trying again in %.3g s", why, self._pause_s)
        stop.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _hold_or_wait(self, stop: threading.Event) -> bool:
        """True with the lease; False after a wait for the relay that has it."""
        if self._notes.hold():
            self._waits_for_lease = False
            return True
        self._published = None
        if not self._waits_for_lease:
            logger.info("another relay publishes to %s; this one waits to take over", self._topic.name)
            self._waits_for_lease = True
        stop.wait(STANDBY_S)
        return False

    def _work(self, stop: threading.Event) -> None:
        """Publish over one connection, until it fails, the lease is lost, the topic is another, or `stop` is set."""
        topic = self._topic.open()
        try:
            position = resume(self._log, self._notes.noted(self._topic.name), topic, self._topic.name)
            if not self._notes.begin(self._topic.name, topic.topic_id, position, topic.partitions):
                return
            self._published = position
            logger.info(
                "publishing to %s behind position %d", self._topic.name, position, extra={"topic_id": topic.topic_id}
            )
            self._publish_all(stop, topic, position)
        except TopicCut:
            # What was written behind the cut hides it from whoever reads the end: only the beginning is sure.
            self._notes.begin(self._topic.name, topic.topic_id, 0, topic.partitions)
            raise
        finally:
            topic.close()

    def _publish_all(self, stop: threading.Event, topic: OpenTopic, position: int) -> None:
        batches = _Batches(self._log, topic, position)
        checked_at = time.monotonic()
        while not stop.is_set():
            batch = batches.next()
            if not self._notes.hold():
                return
            if batch is None:
                if time.monotonic() - checked_at > TOPIC_CHECK_S:
                    if not topic.is_current():
                        logger.warning("the topic %s is another one now: reading its ends", self._topic.name)
                        return
                    checked_at = time.monotonic()
                    self._pause_s = FIRST_PAUSE_S
                self._log.wait(batches.position, IDLE_WAIT_S)
                continue
            if not self._publish(topic, batch, batches):
                return
            self._pause_s = FIRST_PAUSE_S
            self._tell_lag()

    def _publish(self, topic: OpenTopic, batch: _Batch, batches: _Batches) -> bool:
        """Have one batch acknowledged, then note it; False where the lease was lost meanwhile."""
        publication = topic.publish(batch.records)
        batches.prepare()
        until = time.monotonic() + BATCH_TIMEOUT_S
        while not publication.wait(ACK_WAIT_S):
            if time.monotonic() > until:
                raise TopicUnavailable(
                    f"a batch was not acknowledged within {BATCH_TIMEOUT_S:.0f} s: look at the broker's log and disk"
                )
            if not self._notes.hold():
                return False
        reach("relay.published")
        if not self._notes.write(self._topic.name, topic.topic_id, batch.positions):
            return False
        self._published = batch.last
        return True

    def _tell_lag(self) -> None:
        """A log line each minute in which the relay is behind."""
        if time.monotonic() - self._told_lag_at < TELL_LAG_EVERY_S:
            return
        self._told_lag_at = time.monotonic()
        lag = self.lag()
        if lag is not None and lag.events:
            logger.info("%d events wait to be published, the first for %.0f s", lag.events, lag.seconds)


# Batches


@dataclass(frozen=True, slots=True)
class _Batch:
    """Events in the store's order, each with its partition; `positions` has each partition's last."""

    records: Sequence[tuple[int, Record]]
    positions: Mapping[int, int]
    last: int


class _Batches:
    """The log behind a position, cut into batches; the next one is made ready while one is on its way."""

    def __init__(self, log: Log, topic: OpenTopic, position: int) -> None:
        self._log = log
        self._topic = topic
        self._read: deque[Envelope] = deque()
        self._read_to = position
        self._ready: _Batch | None = None
        self.position = position
        """The last position that was made part of a batch."""

    def next(self) -> _Batch | None:
        """The next batch; None at the store's end."""
        self.prepare()
        batch, self._ready = self._ready, None
        return batch

    def prepare(self) -> None:
        if self._ready is None:
            self._ready = self._made()

    def _made(self) -> _Batch | None:
        records: list[tuple[int, Record]] = []
        positions: dict[int, int] = {}
        size_bytes = 0
        while len(records) < MAX_BATCH_EVENTS and (self._read or self._refill()):
            envelope = self._read[0]
            record = to_record(envelope)
            size_bytes += _size_bytes(record)
            if records and size_bytes > MAX_BATCH_BYTES:
                break
            self._read.popleft()
            partition = self._topic.partition_of(record.key)
            records.append((partition, record))
            positions[partition] = self.position = envelope.position
        return _Batch(records, positions, self.position) if records else None

    def _refill(self) -> bool:
        page = self._log.envelopes_all(self._read_to, READ_EVENTS)
        if page:
            self._read.extend(page)
            self._read_to = page[-1].position
        return bool(page)


FRAME_BYTES = 256
"""What a record takes beside its value and its headers' values: lengths, the headers' names, its key."""


def _size_bytes(record: Record) -> int:
    return FRAME_BYTES + len(record.value) + sum([len(value) for _, value in record.headers])


# Resuming


def resume(log: Log, noted: Noted | None, topic: OpenTopic, name: str) -> int:
    """The position behind which to publish, so that nothing is left out: notes as far as the topic's ends bear them
    out. Raises `Rejected` where the topic is not this store's.
    """
    is_noted = noted is not None and noted.topic_id == topic.topic_id
    if noted is not None and is_noted and len(noted.positions) != topic.partitions:
        raise Rejected("topic_partitions_changed", topic=name, partitions=topic.partitions, noted=len(noted.positions))
    held = _held_to(log, topic, name)
    if noted is None or not is_noted:
        return 0
    behind = [held[partition] for partition, position in noted.positions.items() if held[partition] < position]
    if behind:
        position = min(behind)
        logger.warning("the topic %s holds less than was acknowledged: publishing again from %d", name, position)
        return position
    return max(noted.positions.values(), default=0)


def _held_to(log: Log, topic: OpenTopic, name: str) -> Mapping[int, int]:
    """The store position of each partition's newest event, 0 where it has none."""
    held = dict.fromkeys(range(topic.partitions), 0)
    ends = topic.ends()
    spans = {partition: (max(first, end - TAIL_RECORDS), end) for partition, (first, end) in ends.items()}
    while spans := {partition: span for partition, span in spans.items() if span[0] < span[1]}:
        tails = topic.read(spans)
        for partition, (start, _) in list(spans.items()):
            positions = [_verified(log, topic, name, partition, raw) for raw in tails[partition]]
            found = [position for position in positions if position is not None]
            if found:
                held[partition] = found[-1]
                del spans[partition]
                continue
            first, end = ends[partition]
            if start > first and end - start >= MAX_TAIL_RECORDS:
                raise Rejected("topic_foreign", topic=name, partition=partition, records=end - start)
            step = min(3 * (end - start), TAIL_STEP_RECORDS)
            spans[partition] = (max(first, start - step, end - MAX_TAIL_RECORDS), start)
    return held


def _verified(log: Log, topic: OpenTopic, name: str, partition: int, raw: RawRecord) -> int | None:
    """The store position of the event that a record carries; None where it carries none."""
    try:
        event = from_record(*raw)
    except NotAnEvent:
        return None
    if topic.partition_of(event.stream.encode()) != partition:
        return None  # whoever wrote it there, it was no relay of this topic
    stored = log.envelopes(BookId(event.stream), event.version - 1, 1)
    if not stored or stored[0].version != event.version or stored[0].hash != event.hash:
        raise Rejected("topic_diverged", topic=name, partition=partition, book=event.stream, version=event.version)
    return stored[0].position
