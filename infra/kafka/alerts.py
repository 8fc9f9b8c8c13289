"""The topics of alerts on Kafka: made here, with retention for ever, and never by a broker's own idea.

Only what can be made again from the log is made, or made anew, here; the topic of events is the relay's.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer, TopicPartition
from kafka.admin import NewTopic, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError

from infra.kafka.administering import REQUEST_TIMEOUT_MS, administering
from streams.alerts.ground import BrokerAway, Ground
from streams.wire import Record

CLIENT_ID = "finshift-alerts"
SEND_TIMEOUT_S = 30.0
"""The longest that one batch of alerts waits for all its acknowledgements."""

SETTLE_S = 10.0
SETTLE_STEP_S = 0.1
"""How long a topic that was made, or removed, may take until every answer says so, and the pause between two looks."""

LINGER_MS = 5
REPLICATION = -1
"""As many replicas as the broker is set to give."""

FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
COMPACTED = {"cleanup.policy": "compact", "delete.retention.ms": "86400000", "max.compaction.lag.ms": "86400000"}
"""Of each book the last watch is kept; what an erasure removed is gone within a day."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Described:
    """A topic as the broker has it."""

    topic_id: str
    partitions: int


class KafkaAlertTopics:
    """The port `Topics` of the Faust worker, and the one of the publisher."""

    def __init__(self, servers: str, prefix: str) -> None:
        self.servers = [server.strip() for server in servers.split(",") if server.strip()]
        self.events = f"{prefix}.events"
        self.alerts = f"{prefix}.alerts"
        self.changelog = f"{prefix}-alerts-watch-changelog"

    def ground(self) -> Ground:
        with self._administrator() as administrator:
            events = self._known_events(administrator)
            alerts = self._made(administrator, self.alerts, events.partitions, FOR_EVER)
            changelog = _described(administrator, self.changelog)
            if changelog is not None and changelog.partitions != events.partitions:
                _log.warning(
                    "the topic of events has another number of partitions than before: the watches are folded again",
                    extra={"partitions": events.partitions, "before": changelog.partitions},
                )
                administrator.delete_topics([self.changelog])
                _settled(lambda: _described(administrator, self.changelog) is None)
            changelog = self._made(administrator, self.changelog, events.partitions, COMPACTED)
        ids = f"{events.topic_id}/{alerts.topic_id}/{changelog.topic_id}"
        generation = hashlib.sha256(ids.encode()).hexdigest()[:12]
        return Ground(self.events, self.alerts, self.changelog, events.partitions, generation)

    def waiting(self, group: str, partitions: Collection[int]) -> int:
        asked = [TopicPartition(self.events, number) for number in partitions]
        with self._administrator() as administrator:
            committed = administrator.list_group_offsets([group])[group]
            ends = administrator.list_partition_offsets(dict.fromkeys(asked, OffsetSpec.LATEST))
        done = {partition: max(told.offset, 0) for partition, told in committed.items()}
        return sum(ends[partition].offset - done.get(partition, 0) for partition in asked)

    def alerts_id(self) -> str:
        """The id of the topic of alerts, made where it is missing; raises `BrokerAway`."""
        with self._administrator() as administrator:
            partitions = self._known_events(administrator).partitions
            return self._made(administrator, self.alerts, partitions, FOR_EVER).topic_id

    def sender(self) -> KafkaAlertSender:
        return KafkaAlertSender(self.servers, self.alerts)

    def _known_events(self, administrator: Any) -> Described:
        events = _described(administrator, self.events)
        if events is None:
            raise BrokerAway(f"there is no topic {self.events} yet: start finshift relay, which makes it")
        return events

    def _made(self, administrator: Any, name: str, partitions: int, config: dict[str, str]) -> Described:
        found = _described(administrator, name)
        if found is None:
            with suppress(TopicAlreadyExistsError):  # another worker was faster
                administrator.create_topics([NewTopic(name, partitions, REPLICATION, topic_configs=config)])
            _settled(lambda: _described(administrator, name) is not None)
            found = _described(administrator, name)
        if found is None:
            raise BrokerAway(f"the topic {name} was made and is not there: look at the broker's log")
        return found

    @contextmanager
    def _administrator(self) -> Iterator[Any]:
        try:
            with administering(self.servers, CLIENT_ID) as administrator:
                yield administrator
        except (KafkaError, OSError, ValueError) as error:
            raise _away(error) from error


class KafkaAlertSender:
    """Sends alerts with a producer of its own; after a failure it is thrown away, never waited for."""

    def __init__(self, servers: Sequence[str], topic: str) -> None:
        self._topic = topic
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=list(servers),
                client_id=CLIENT_ID,
                acks="all",
                linger_ms=LINGER_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
        except (KafkaError, OSError, ValueError) as error:
            raise _away(error) from error

    def send(self, records: Sequence[Record]) -> None:
        """Returns when every replica has every record; raises `BrokerAway`, and some may have arrived all the same."""
        try:
            sent = [
                self._producer.send(self._topic, key=record.key, value=record.value, headers=record.headers)
                for record in records
            ]
            limit = time.monotonic() + SEND_TIMEOUT_S
            for future in sent:
                future.get(timeout=max(limit - time.monotonic(), 0.0))
        except (KafkaError, OSError) as error:
            raise _away(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._producer.close(timeout=0)


def _described(administrator: Any, name: str) -> Described | None:
    """The topic; None where there is none, or none yet that can be written to."""
    answer: dict[str, Any] = administrator.describe_topics([name])[0]
    partitions = answer["partitions"]
    if answer["error_code"] or not partitions or any(part["leader_id"] < 0 for part in partitions):
        return None
    return Described(str(answer["topic_id"]), len(partitions))


def _settled(is_so: Callable[[], bool]) -> None:
    limit = time.monotonic() + SETTLE_S
    while not is_so() and time.monotonic() < limit:
        time.sleep(SETTLE_STEP_S)


def _away(error: Exception) -> BrokerAway:
    return BrokerAway(
        f"Kafka does not answer ({type(error).__name__}): start it, or correct FINSHIFT_KAFKA_SERVERS; "
        "nothing is lost meanwhile"
    )
