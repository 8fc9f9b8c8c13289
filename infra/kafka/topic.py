"""The topic of events on a real broker: made where it is missing, read at its ends, written to in whole batches.

Each partition gets one record batch a request and one request is outstanding, so that a partition holds a beginning of
what it was sent and nothing else. Requests name the topic by its id where the broker can (Kafka 4.1 and later): one
that was deleted and made again refuses what was meant for the one before it.
"""

from __future__ import annotations

import gc
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from kafka.net.compat import KafkaNetClient
from kafka.partitioner.default import murmur2
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.producer import ProduceRequest

from infra.kafka.records import record_batch
from streams.relay import OpenTopic, Publication, RawRecord, TopicCut, TopicUnavailable
from streams.wire import Record

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_MS = 5_000
"""How long a broker may take to accept a connection and tell what it can."""

REQUEST_TIMEOUT_MS = 30_000
"""How long a broker may take to answer; it is told so with what it has to write to its replicas."""

READ_TIMEOUT_S = 30.0
"""How long the reading of the partitions' ends may take."""

POLL_MS = 500

FETCH_BYTES = 4 * 1024 * 1024
"""What one partition gives at a time."""

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""The largest record batch the topic takes: the relay's batch of 1 MiB, or one event of 512 KiB, with its envelope."""

KNOWN_KEYS = 65_536
"""Books whose partition is remembered: reckoning it takes as long as writing the record."""

TOPIC_SETTINGS = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
}
"""Events stay for ever and each of them stays: the topic is a copy of the log."""

_UNKNOWN_TOPIC = 3
_CLIENT_ID = "finshift-relay"
_PRODUCED = (9, 13)
"""The versions of the request to write that are spoken here; 13 names topics by id."""


class KafkaTopic:
    """A topic by its name, on the brokers `servers` (`host:port,host:port`)."""

    def __init__(self, servers: str, name: str, partitions: int) -> None:
        self.name = name
        self._servers = servers.split(",")
        self._partitions = partitions
        self._has_failed = False

    def open(self) -> OpenTopic:
        if self._has_failed:
            # The client leaves sockets that were refused to the collector, and meets many while a broker is away.
            gc.collect()
        self._has_failed = True
        with _answering():
            with closing(self._admin()) as admin:
                self._make(admin)
                self._compare_settings(admin)
            opened = _Open(self._servers, self.name)
        self._has_failed = False
        return opened

    def _admin(self) -> Any:
        return KafkaAdminClient(
            bootstrap_servers=self._servers,
            client_id=_CLIENT_ID,
            bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    def _make(self, admin: Any) -> None:
        (found,) = admin.describe_topics([self.name])
        if found["error_code"] == _UNKNOWN_TOPIC:
            asked = {self.name: {"num_partitions": self._partitions, "configs": TOPIC_SETTINGS}}
            with suppress(TopicAlreadyExistsError):  # another relay was faster
                admin.create_topics(asked, wait_for_metadata=True)
                logger.info("made the topic %s with %d partitions", self.name, self._partitions)
            return
        if found["error_code"]:
            raise for_code(found["error_code"])()
        has = len(found["partitions"])
        if has != self._partitions:
            logger.warning(
                "the topic %s has %d partitions and keeps them; FINSHIFT_KAFKA_PARTITIONS (%d) is for new topics",
                self.name,
                has,
                self._partitions,
            )

    def _compare_settings(self, admin: Any) -> None:
        """Tell where somebody set the topic otherwise: what is lost there can be published again, so it works on."""
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, self.name)], config_filter="all")
        has = described["topic"][self.name]
        for name, wanted in TOPIC_SETTINGS.items():
            value = has[name]["value"]
            fits = int(value) >= int(wanted) if name == "max.message.bytes" else value == wanted
            if not fits:
                logger.warning("the topic %s has %s=%s: set it to %s", self.name, name, value, wanted)


class _Open:
    """A topic and one connection to each of its leaders. Used by one thread."""

    def __init__(self, servers: Sequence[str], name: str) -> None:
        self._servers = servers
        self._name = name
        self._client = KafkaNetClient(
            bootstrap_servers=servers, client_id=_CLIENT_ID, request_timeout_ms=REQUEST_TIMEOUT_MS
        )
        try:
            self._client.get_broker_version(CONNECT_TIMEOUT_MS)
            found = self._described()
        except BaseException:
            self._client.close()
            raise
        self.topic_id = str(found.topic_id)
        self.partitions = len(found.partitions)
        self._uuid = found.topic_id
        self._leaders = {partition.partition_index: partition.leader_id for partition in found.partitions}
        self._next_offsets: dict[int, int] = {}
        self.partition_of = lru_cache(KNOWN_KEYS)(self._partition_of)

    def _partition_of(self, key: bytes) -> int:
        """Kafka's default partitioner: so does every other client that has a book's key."""
        return int(murmur2(key) & 0x7FFFFFFF) % self.partitions

    def _described(self) -> Any:
        asked = MetadataRequest(
            topics=[MetadataRequest.MetadataRequestTopic(name=self._name)], allow_auto_topic_creation=False
        )
        answer = self._client.send_and_receive(self._client.least_loaded_node(), asked, CONNECT_TIMEOUT_MS)
        (found,) = answer.topics
        for part in (found, *found.partitions):
            if part.error_code:
                raise for_code(part.error_code)()
        return found

    def is_current(self) -> bool:
        with _answering():
            found = self._described()
        return bool(found.topic_id == self._uuid and len(found.partitions) == self.partitions)

    def ends(self) -> Mapping[int, tuple[int, int]]:
        with _answering(), closing(self._consumer()) as consumer:
            places = [TopicPartition(self._name, partition) for partition in range(self.partitions)]
            firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        found = {place.partition: (firsts[place], ends[place]) for place in places}
        self._next_offsets = {partition: end for partition, (_, end) in found.items()}
        return found

    def read(self, spans: Mapping[int, tuple[int, int]]) -> Mapping[int, Sequence[RawRecord]]:
        found: dict[int, list[RawRecord]] = {partition: [] for partition in spans}
        until = time.monotonic() + READ_TIMEOUT_S
        with _answering(), closing(self._consumer()) as consumer:
            open_ends = {TopicPartition(self._name, partition): end for partition, (_, end) in spans.items()}
            consumer.assign(list(open_ends))
            for partition, (start, _) in spans.items():
                consumer.seek(TopicPartition(self._name, partition), start)
            while open_ends:
                for place, records in consumer.poll(timeout_ms=POLL_MS).items():
                    end = open_ends.get(place, 0)
                    found[place.partition] += [(r.key, r.value, r.headers) for r in records if r.offset < end]
                for place in [place for place, end in open_ends.items() if consumer.position(place) >= end]:
                    del open_ends[place]
                    consumer.pause(place)
                if open_ends and time.monotonic() > until:
                    raise TopicUnavailable(
                        f"the ends of {self._name} could not be read within {READ_TIMEOUT_S:.0f} s: look at the broker"
                    )
        return found

    def _consumer(self) -> Any:
        return KafkaConsumer(
            bootstrap_servers=self._servers,
            client_id=_CLIENT_ID,
            bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    def publish(self, batch: Sequence[tuple[int, Record]]) -> Publication:
        of_partition: defaultdict[int, list[Record]] = defaultdict(list)
        for partition, record in batch:
            of_partition[partition].append(record)
        now_ms = time.time_ns() // 1_000_000
        topic, part = ProduceRequest.TopicProduceData, ProduceRequest.TopicProduceData.PartitionProduceData
        for_node: defaultdict[int, list[Any]] = defaultdict(list)
        for partition, records in of_partition.items():
            written = part(index=partition, records=record_batch(records, now_ms))
            for_node[self._leaders[partition]].append(written)
        answers = []
        with _answering():
            for node, parts in for_node.items():
                request = ProduceRequest(
                    transactional_id=None,
                    acks=-1,
                    timeout_ms=REQUEST_TIMEOUT_MS,
                    topic_data=[topic(name=self._name, topic_id=self._uuid, partition_data=parts)],
                    min_version=_PRODUCED[0],
                    max_version=_PRODUCED[1],
                )
                self._client.await_ready(node, CONNECT_TIMEOUT_MS)
                answers.append(self._client.send(node, request))
            self._client.poll(timeout_ms=0)
        return _Sent(self._client, answers, self._next_offsets)

    def close(self) -> None:
        with suppress(KafkaError, OSError):
            self._client.close()


class _Sent:
    """A batch on its way, an answer for each leader."""

    def __init__(self, client: Any, answers: list[Any], next_offsets: dict[int, int]) -> None:
        self._client = client
        self._answers = answers
        self._next_offsets = next_offsets

    def wait(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        with _answering():
            while self._answers:
                answer = self._answers[0]
                if not answer.is_done:
                    self._client.poll(timeout_ms=max(0.0, 1000 * (until - time.monotonic())), future=answer)
                if not answer.is_done:
                    return False
                if answer.failed():
                    raise answer.exception
                self._take(answer.value)
                del self._answers[0]
        return True

    def _take(self, answer: Any) -> None:
        for topic in answer.responses:
            for partition in topic.partition_responses:
                if partition.error_code:
                    raise for_code(partition.error_code)(partition.error_message)
                if partition.base_offset < self._next_offsets.get(partition.index, 0):
                    raise TopicCut("it lost what it had acknowledged: all is published again; look at its disks")
                self._next_offsets[partition.index] = partition.base_offset + 1


@contextmanager
def _answering() -> Iterator[None]:
    """Turn whatever the client raises into `TopicUnavailable`; what to do stands in it."""
    try:
        yield
    except (KafkaError, OSError) as error:
        told = str(error).partition("\n")[0][:300]
        raise TopicUnavailable(
            f"{type(error).__name__}: {told} (is the broker of FINSHIFT_KAFKA_SERVERS up, and its disk not full?)"
        ) from error
