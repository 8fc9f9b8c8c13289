"""A relay's surroundings in memory: a log, notes with a lease, and a broker that does all that brokers were seen to do.

What the broker does next is a script, so that a test that fails can be made smaller and told again.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from domain.book import BookId
from streams.contract import GENESIS_HASH, Envelope, envelope_hash, instant_text
from streams.relay import Noted, Publication, RawRecord, TopicUnavailable
from streams.wire import Record, from_record

LEASE_MS = 5_000
TOPIC = "test.events"


def envelopes(books: Sequence[int], before: Sequence[Envelope] = (), data: bytes = b"{}") -> list[Envelope]:
    """Events of books by number, behind those of `before`, hashed and chained as they would be stored."""
    log = list(before)
    for book in books:
        stream = f"book-{book}"
        own = [envelope for envelope in log if envelope.stream == stream]
        fields = {
            "id": f"e-{len(log)}",
            "type": "ledger.transaction-recorded.v1",
            "stream": stream,
            "recorded_at": instant_text(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=len(log))),
            "actor": "owner",
            "command_id": f"c-{len(log)}",
            "correlation_id": "",
            "causation_id": "",
        }
        prev_hash = own[-1].hash if own else GENESIS_HASH
        version = len(own) + 1
        hash_ = envelope_hash(**fields, version=version, prev_hash=prev_hash, data=data)
        log.append(
            Envelope(**fields, version=version, position=len(log) + 1, prev_hash=prev_hash, hash=hash_, data=data)
        )
    return log


@dataclass
class ListedLog:
    """The store: a list of events. `at_end` is told when a relay has come to its end."""

    events: list[Envelope]
    at_end: Callable[[], None] = lambda: None

    def envelopes_all(self, after_position: int, limit: int) -> list[Envelope]:
        return self.events[after_position : after_position + limit]

    def envelopes(self, book: BookId, after_version: int, limit: int) -> list[Envelope]:
        return [event for event in self.events if event.stream == book and event.version > after_version][:limit]

    def end(self) -> int:
        return len(self.events)

    def wait(self, after_position: int, timeout_s: float) -> bool:
        if after_position >= self.end():
            self.at_end()
            return False
        return True


class Killed(BaseException):
    """The process was killed here."""


@dataclass
class Clock:
    """The database's clock."""

    ms: float = 0.0


class Stop(threading.Event):
    """Told to stop; a wait takes no time but the clock's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.ms += 1000 * (timeout or 0)
        return self.is_set()


@dataclass
class Shared:
    """What the notes of all relays lie in."""

    clock: Clock = field(default_factory=Clock)
    lease: tuple[str, float] | None = None
    notes: dict[str, Noted] = field(default_factory=dict)


class MemoryNotes:
    """Notes and lease of one relay. `interrupt` is called between the acknowledgements and the note."""

    def __init__(self, shared: Shared, holder: str, interrupt: Callable[[], None] = lambda: None) -> None:
        self._shared = shared
        self._holder = holder
        self._interrupt = interrupt

    def hold(self) -> bool:
        lease, now = self._shared.lease, self._shared.clock.ms
        if lease is not None and lease[0] != self._holder and lease[1] > now:
            return False
        self._shared.lease = (self._holder, now + LEASE_MS)
        return True

    def release(self) -> None:
        if self._is_mine():
            self._shared.lease = None

    def noted(self, topic: str) -> Noted | None:
        return self._shared.notes.get(topic)

    def begin(self, topic: str, topic_id: str, position: int, partitions: int) -> bool:
        if not self._renewed():
            return False
        noted = self._shared.notes.get(topic)
        kept = noted.positions if noted is not None and noted.topic_id == topic_id else {}
        lowered = {partition: min(at, position) for partition, at in kept.items()}
        self._shared.notes[topic] = Noted(topic_id, dict.fromkeys(range(partitions), 0) | lowered)
        return True

    def write(self, topic: str, topic_id: str, positions: Mapping[int, int]) -> bool:
        self._interrupt()
        if not self._renewed():
            return False
        noted = self._shared.notes[topic]
        if noted.topic_id == topic_id:
            self._shared.notes[topic] = Noted(topic_id, {**noted.positions, **positions})
        return True

    def _renewed(self) -> bool:
        if not self._is_mine():
            return False
        self._shared.lease = (self._holder, self._shared.clock.ms + LEASE_MS)
        return True

    def _is_mine(self) -> bool:
        return self._shared.lease is not None and self._shared.lease[0] == self._holder


class Happens(Enum):
    """What may become of a batch."""

    ARRIVES = auto()
    LOST = auto()
    PARTLY = auto()
    ARRIVES_AND_FAILS = auto()
    LATE = auto()
    LATE_ARRIVE = auto()
    MADE_AGAIN = auto()
    CUT = auto()
    FOREIGN = auto()
    KILLED_BEFORE = auto()
    KILLED_AFTER = auto()
    PAUSED_BEFORE = auto()
    PAUSED_AFTER = auto()
    KILLED_BEFORE_NOTE = auto()
    PAUSED_BEFORE_NOTE = auto()


class ScriptedBroker:
    """A topic of some partitions. It tells where an event came to a partition before its turn."""

    name = TOPIC

    def __init__(
        self,
        log: ListedLog,
        partitions: int,
        script: Iterator[Happens],
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self.log = log
        self.count = partitions
        self.script = script
        self.pause = pause
        self.number = 1
        self.made = 1
        self.partitions: list[list[RawRecord]] = [[] for _ in range(partitions)]
        self.before_note: Happens | None = None
        self.out_of_order: list[str] = []
        self._late: list[tuple[int, int, list[Record]]] = []
        self._broken_at = 0
        self._steps = 0

    @property
    def topic_id(self) -> str:
        return f"id-{self.number}"

    def open(self) -> ScriptedOpen:
        return ScriptedOpen(self)

    def partition_of(self, key: bytes) -> int:
        return sum(key) % self.count

    def positions(self, partition: int) -> list[int]:
        """What the partition should hold."""
        mine = [event for event in self.log.events if self.partition_of(event.stream.encode()) == partition]
        return [event.position for event in mine]

    def holds(self, partition: int) -> list[int]:
        """The events that it holds, in the order of their first occurrence."""
        found = [from_record(*raw).position for raw in self.partitions[partition] if raw[0] != b"foreign"]
        return list(dict.fromkeys(found))

    def append(self, partition: int, records: Sequence[Record]) -> None:
        self.partitions[partition] += [(record.key, record.value, list(record.headers)) for record in records]
        held = self.holds(partition)
        if held != self.positions(partition)[: len(held)]:
            self.out_of_order.append(f"partition {partition} holds {held}")

    def interrupt(self) -> None:
        """Between the acknowledgements of a batch and its note."""
        happens, self.before_note = self.before_note, None
        if happens is Happens.KILLED_BEFORE_NOTE:
            raise Killed
        if happens is Happens.PAUSED_BEFORE_NOTE:
            self.pause()

    def deliver_late(self) -> None:
        late, self._late = self._late, []
        for number, partition, records in late:
            if number == self.number:
                self.append(partition, records)

    def make_again(self) -> None:
        self.number += 1
        self.partitions = [[] for _ in range(self.count)]

    def cut(self) -> None:
        """A partition loses half of what it had, as a disk that did not sync; what was on the way goes with it."""
        self._late.clear()
        partition = self.partitions[self._steps % self.count]
        del partition[(len(partition) + 1) // 2 :]
        self._broken_at = self._steps

    def later(self, partition: int, records: list[Record]) -> None:
        self._late.append((self.number, partition, records))


class ScriptedOpen:
    def __init__(self, broker: ScriptedBroker) -> None:
        self._broker = broker
        self._opened_at = broker._steps
        self.topic_id = broker.topic_id
        self.partitions = broker.count
        self.partition_of = broker.partition_of

    def ends(self) -> Mapping[int, tuple[int, int]]:
        return {partition: (0, len(records)) for partition, records in enumerate(self._broker.partitions)}

    def read(self, spans: Mapping[int, tuple[int, int]]) -> Mapping[int, Sequence[RawRecord]]:
        return {partition: self._broker.partitions[partition][first:end] for partition, (first, end) in spans.items()}

    def is_current(self) -> bool:
        return self.topic_id == self._broker.topic_id

    def close(self) -> None: ...

    def publish(self, batch: Sequence[tuple[int, Record]]) -> Publication:
        broker = self._broker
        broker._steps += 1
        of_partition: defaultdict[int, list[Record]] = defaultdict(list)
        for partition, record in batch:
            of_partition[partition].append(record)
        happens = next(broker.script, Happens.ARRIVES)
        self._before(happens)
        if self.topic_id != broker.topic_id or self._opened_at < broker._broken_at:
            return Sent(False)
        if happens is Happens.LATE:
            for partition, records in of_partition.items():
                broker.later(partition, records)
            return Sent(False)
        if happens is Happens.LOST:
            return Sent(False)
        for number, (partition, records) in enumerate(of_partition.items()):
            if happens is Happens.PARTLY:
                records = records[: (len(records) + number) // 2]
            broker.append(partition, records)
        if happens is Happens.KILLED_AFTER:
            raise Killed
        if happens is Happens.PAUSED_AFTER:
            broker.pause()
        broker.before_note = happens
        return Sent(happens not in (Happens.PARTLY, Happens.ARRIVES_AND_FAILS))

    def _before(self, happens: Happens) -> None:
        broker = self._broker
        match happens:
            case Happens.KILLED_BEFORE:
                raise Killed
            case Happens.PAUSED_BEFORE:
                broker.pause()
            case Happens.LATE_ARRIVE:
                broker.deliver_late()
            case Happens.MADE_AGAIN:
                broker.make_again()
            case Happens.CUT:
                broker.cut()
            case Happens.FOREIGN:
                for partition in broker.partitions:
                    partition += [(b"foreign", b"", [])] * 5
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Sent:
    is_acknowledged: bool

    def wait(self, timeout_s: float) -> bool:
        if not self.is_acknowledged:
            raise TopicUnavailable("so the script says")
        return True
