"""A runner's events from Kafka: the partitions that the consumer group gives this process, each a lane.

Where to read on is the projections' own checkpoint and never the group's offset: that is not even kept. A lane is named
after the topic's id, so that a topic that was made anew is read from its beginning.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from operator import attrgetter
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from commands.ports import EventUnreadable, Keys
from domain.recorded import Recorded
from infra.kafka.administering import administering
from infra.store.reading import recorded
from streams.contract import Envelope
from streams.sources import Batch
from streams.wire import NotAnEvent, from_record

MAX_PARTITION_FETCH_BYTES = 4 * 1024 * 1024
"""Of each partition at a time: some thousands of events, and several of the largest there are."""

MAX_BUFFERED_RECORDS = 20_000
"""Records that were fetched and not yet asked for; no more are fetched before some are."""

METADATA_AGE_MS = 5_000
"""How soon a topic that was just made, or made anew, is noticed."""

SESSION_TIMEOUT_MS = 10_000
"""After this long without a sign of life a runner's partitions are given to another."""

REQUEST_TIMEOUT_MS = 15_000
"""How long a broker may take to answer; above the session's, as the protocol asks."""

JOIN_POLL_S = 0.2
"""How long one poll waits while the group has given this process nothing yet."""


_row = attrgetter(*Envelope.__slots__)


class KafkaUnavailable(ConnectionError):
    """The broker does not answer, or not as it should; nothing was read. It may pass."""


class KafkaSource:
    """A member of the group `group`, from the first time that its lanes are asked for until it is closed."""

    gather_s = 0.01
    """A short wait gathers what other books did meanwhile; the committer is another process."""

    def __init__(self, servers: str, topic: str, group: str, keys: Keys) -> None:
        self._servers = servers.split(",")
        self._topic = topic
        self._group = group
        self._keys = keys
        self._consumer: Any = None
        self._topic_id: str | None = None
        self._asked_at = 0.0
        self._next: dict[TopicPartition, int] = {}
        """Where each partition's buffer begins."""
        self._buffers: dict[TopicPartition, deque[Any]] = {}

    def lanes(self) -> frozenset[str]:
        with self._answering():
            consumer = self._joined()
            if not self._is_subscribed():
                time.sleep(JOIN_POLL_S)
                return frozenset()
            if not consumer.assignment():
                self._poll(JOIN_POLL_S)
            assigned = consumer.assignment()
            for gone in self._next.keys() - assigned:
                del self._next[gone]
                self._buffers.pop(gone, None)
            if not assigned or not self._is_same_topic():
                return frozenset()
            return frozenset(self._lane(partition) for partition in assigned)

    def ends(self) -> dict[str, int]:
        with self._answering():
            assigned = self._joined().assignment()
            if not assigned or not self._is_same_topic():
                return {}
            ends: dict[TopicPartition, int] = self._consumer.end_offsets(list(assigned))
            return {self._lane(partition): end for partition, end in ends.items()}

    def read(self, after: Mapping[str, int], until: Mapping[str, int], limit: int) -> Batch | None:
        with self._answering():
            places = self._seek(after)
            if not any(self._buffers[partition] for partition in places):
                self._poll(0.0)
            events: list[Recorded] = []
            reached: dict[str, int] = {}
            for partition in places:
                lane = self._lane(partition)
                unreadable = self._take(partition, until.get(lane), limit - len(events), events, reached)
                if unreadable is not None and not reached:
                    self._pass_over(partition, reached)
                    return Batch([], reached, unreadable)
            events.sort(key=lambda event: event.position)
            return Batch(events, reached) if reached else None

    def wait(self, after: Mapping[str, int], timeout_s: float) -> bool:
        with self._answering():
            places = self._seek(after)
            if not any(self._buffers[partition] for partition in places):
                self._poll(timeout_s)
            return any(self._buffers[partition] for partition in places)

    def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError):
                consumer.close(autocommit=False)

    # Taking

    def _take(
        self,
        partition: TopicPartition,
        until: int | None,
        limit: int,
        events: list[Recorded],
        reached: dict[str, int],
    ) -> EventUnreadable | None:
        """Move up to `limit` events of a partition to `events`; one that cannot be decoded ends it, and is given."""
        buffer = self._buffers[partition]
        taken = 0
        while buffer and taken < limit and (until is None or buffer[0].offset < until):
            try:
                envelope = from_record(buffer[0].key, buffer[0].value, buffer[0].headers)
                events.append(recorded(_row(envelope), self._keys))
                taken += 1
            except NotAnEvent as foreign:
                _tell_foreign(self._topic, foreign.reason)
            except EventUnreadable as unreadable:
                return unreadable
            self._pass_over(partition, reached)
        return None

    def _pass_over(self, partition: TopicPartition, reached: dict[str, int]) -> None:
        passed = self._buffers[partition].popleft()
        self._next[partition] = reached[self._lane(partition)] = passed.offset + 1

    def _seek(self, after: Mapping[str, int]) -> list[TopicPartition]:
        """The partitions of these lanes that are still this process's, each with a buffer that begins where asked."""
        places = []
        for partition in sorted(self._joined().assignment()):
            position = after.get(self._lane(partition))
            if position is None:
                continue
            if self._next.get(partition) != position:
                self._consumer.seek(partition, position)
                self._next[partition] = position
                self._buffers[partition] = deque()
            places.append(partition)
        return places

    def _poll(self, timeout_s: float) -> None:
        if sum(map(len, self._buffers.values())) >= MAX_BUFFERED_RECORDS:
            return
        fetched = self._joined().poll(timeout_ms=int(timeout_s * 1000), max_records=MAX_BUFFERED_RECORDS)
        for partition, records in fetched.items():
            # What was fetched before anybody said where to read on, as behind a rebalance, is fetched again.
            buffer = self._buffers.get(partition)
            expected = None if buffer is None else buffer[-1].offset + 1 if buffer else self._next.get(partition)
            if buffer is not None and expected is not None and records[0].offset >= expected:
                buffer.extend(records)
            else:
                self._next.pop(partition, None)

    # The group and the topic

    def _joined(self) -> Any:
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=self._servers,
                client_id="finshift",
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
                metadata_max_age_ms=METADATA_AGE_MS,
                session_timeout_ms=SESSION_TIMEOUT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            self._next.clear()
            self._buffers.clear()
        return self._consumer

    def _is_subscribed(self) -> bool:
        """Join the group, once the topic is known to be there: a leader that knows no partitions shares out none, and
        nobody would ask it again.
        """
        consumer = self._joined()
        if not consumer.subscription() and consumer.partitions_for_topic(self._topic):
            consumer.subscribe([self._topic])
        return bool(consumer.subscription())

    def _is_same_topic(self) -> bool:
        """Ask now and then which topic bears the name; a topic that is not there yet has no lanes."""
        if self._topic_id is None or time.monotonic() - self._asked_at > METADATA_AGE_MS / 1000:
            found = topic_id(self._servers, self._topic)
            self._asked_at = time.monotonic()
            if found != self._topic_id:
                self._topic_id = found
                self._next.clear()
                self._buffers.clear()
        return self._topic_id is not None

    def _lane(self, partition: TopicPartition) -> str:
        return f"{self._topic_id}/{partition.partition}"

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError) as error:
            # Whatever state the consumer is in: the next one asks the broker anew.
            with suppress(KafkaError):
                self.close()
            reason = f"{type(error).__name__} at {', '.join(self._servers)}: is the broker up?"
            raise KafkaUnavailable(reason) from error


def topic_id(servers: list[str], topic: str) -> str | None:
    """The id that the broker gave the topic when it was made; None where there is no such topic."""
    with administering(servers, "finshift") as admin:
        [told] = admin.describe_topics([topic])
    return str(told["topic_id"]) if not told.get("error_code") else None


_log = logging.getLogger(__name__)


@lru_cache(maxsize=64)
def _tell_foreign(topic: str, reason: str) -> None:
    """Once for each reason: a foreign message is passed over, however many there are."""
    _log.warning("topic %s holds a message that is no event and is passed over: %s; find who writes it", topic, reason)
