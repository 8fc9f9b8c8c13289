"""The relay against a real broker: what is stored comes out of Kafka, whatever happens to either on the way."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from pydantic import SecretStr

from domain.errors import Rejected
from infra.roles import open_relay
from infra.settings import Settings
from infra.sql import writing_engine
from infra.store import SqlEventStore
from streams.contract import MAX_DATA_BYTES, Envelope
from streams.wire import from_record
from tests.servers import own_kafka
from tests.stores import HOME, OFFICE, bought, opened, opening, recorded

PATIENCE_S = 60
PARTITIONS = 3
ROOT = Path(__file__).resolve().parents[2]


class Household:
    """A store of two books in a folder of its own, and the topic that it is published to."""

    def __init__(self, store: SqlEventStore, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.topic = f"{settings.kafka_prefix}.events"
        recorded(store, HOME, opening())
        recorded(store, OFFICE, opening(OFFICE))

    @property
    def servers(self) -> str:
        assert self.settings.kafka_servers is not None
        return self.settings.kafka_servers

    def buy(self, count: int) -> None:
        for number in range(count):
            recorded(self.store, HOME if number % 2 else OFFICE, bought(number))

    @contextmanager
    def relaying(self, settings: Settings | None = None) -> Iterator[Callable[[], None]]:
        """A relay at work; what is given waits until it has published all there is."""
        stop = threading.Event()
        failed: list[BaseException] = []
        with open_relay(settings or self.settings, self.store) as relay:

            def run() -> None:
                try:
                    relay.run(stop)
                except BaseException as failure:
                    failed.append(failure)

            def caught_up() -> None:
                until = time.monotonic() + PATIENCE_S
                while not failed and ((lag := relay.lag()) is None or lag.events):
                    assert time.monotonic() < until, "the relay did not catch up"
                    time.sleep(0.01)

            thread = threading.Thread(target=run)
            thread.start()
            try:
                yield caught_up
            finally:
                stop.set()
                thread.join(PATIENCE_S)
        for failure in failed:
            raise failure

    def publish(self, settings: Settings | None = None) -> None:
        with self.relaying(settings) as caught_up:
            caught_up()

    def process(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """`finshift relay`, as a process."""
        return subprocess.Popen(
            [sys.executable, "-m", "infra.bootstrap", "relay", *options],
            cwd=ROOT,
            env=os.environ
            | {
                "FINSHIFT_DATA_DIR": str(self.settings.data_dir),
                "FINSHIFT_KAFKA_SERVERS": self.servers,
                "FINSHIFT_KAFKA_PREFIX": self.settings.kafka_prefix,
                "FINSHIFT_KAFKA_PARTITIONS": str(PARTITIONS),
            }
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def on_topic(self) -> dict[int, list[Envelope]]:
        """The events of each partition as they lie there, repeats too; foreign messages left out."""
        consumer = KafkaConsumer(bootstrap_servers=self.servers, group_id=None, enable_auto_commit=False)
        with closing(consumer):
            places = [TopicPartition(self.topic, n) for n in sorted(consumer.partitions_for_topic(self.topic) or ())]
            found: dict[int, list[Envelope]] = {place.partition: [] for place in places}
            consumer.assign(places)
            consumer.seek_to_beginning()
            ends = consumer.end_offsets(places)
            while any(consumer.position(place) < ends[place] for place in places):
                for place, records in consumer.poll(timeout_ms=200).items():
                    found[place.partition] += [
                        from_record(record.key, record.value, record.headers)
                        for record in records
                        if record.key != b"foreign"
                    ]
        return found

    def first_occurrences(self) -> list[Envelope]:
        """What a reader sees that drops repeats; each partition must be in order."""
        found: list[Envelope] = []
        for events in self.on_topic().values():
            firsts = list({event.position: event for event in events}.values())
            assert firsts == sorted(firsts, key=lambda event: event.position)
            found += firsts
        return sorted(found, key=lambda event: event.position)

    def repeats(self) -> int:
        return sum(map(len, self.on_topic().values())) - self.store.end()

    def is_published(self) -> bool:
        return self.first_occurrences() == self.store.envelopes_all(0, 10_000)


@contextmanager
def household(folder: Path, servers: str, prefix: str, url: str | None = None) -> Iterator[Household]:
    address = None if url is None else SecretStr(url)
    settings = Settings(
        data_dir=folder, kafka_servers=servers, kafka_prefix=prefix, kafka_partitions=PARTITIONS, store_url=address
    )
    with opened(settings.store_address, settings.keys_file) as store:
        yield Household(store, settings)


@pytest.fixture
def house(tmp_path: Path, kafka_servers: str, kafka_prefix: str) -> Iterator[Household]:
    with household(tmp_path, kafka_servers, kafka_prefix) as made:
        yield made


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_is_stored_comes_out_of_kafka_once_and_as_it_is(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, kafka_servers: str, kafka_prefix: str
) -> None:
    url: str | None = None
    if database == "postgresql":
        url = request.getfixturevalue("postgres_url")()
    with household(tmp_path, kafka_servers, kafka_prefix, url) as house:
        house.buy(30)
        with house.relaying() as caught_up:
            caught_up()
            house.buy(5)
            caught_up()
        house.buy(5)
        house.publish()
        assert house.is_published()
        assert house.repeats() == 0


def test_a_relay_killed_between_the_acknowledgements_and_its_note_loses_and_repeats_nothing_but_a_batch(
    house: Household,
) -> None:
    house.buy(30)
    killed = house.process(FINSHIFT_FAILPOINT="relay.published")
    killed.communicate(timeout=PATIENCE_S)
    assert killed.returncode == -signal.SIGKILL
    house.buy(3)
    house.publish()
    assert house.is_published()
    assert house.repeats() == 32


def test_a_relay_told_to_end_ends_with_code_0(house: Household) -> None:
    house.buy(3)
    process = house.process()
    eventually(lambda: _exists(house) and house.is_published())
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    house.publish()
    assert house.repeats() == 0


def test_a_relay_tells_prometheus_how_far_behind_it_is(house: Household) -> None:
    house.buy(3)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = house.process("--metrics-port", str(port))

    def told() -> list[str]:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
        except httpx.TransportError:
            return []

    try:
        eventually(lambda: "finshift_relay_lag_events 0.0" in told())
        assert {"finshift_relay_working 1.0", "finshift_relay_lag_seconds 0.0"} <= set(told())
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def test_a_relay_without_a_broker_named_says_what_to_set(house: Household) -> None:
    process = house.process(FINSHIFT_KAFKA_SERVERS="")
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert b"FINSHIFT_KAFKA_SERVERS" in told
    assert b"[kafka_missing]" in told


def _exists(house: Household) -> bool:
    with closing(KafkaAdminClient(bootstrap_servers=house.servers)) as admin:
        return house.topic in admin.list_topics()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the client's, of connections that were refused
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_comes_late_or_goes_for_a_while_costs_only_time(tmp_path: Path, kafka_prefix: str) -> None:
    with own_kafka(tmp_path / "kafka") as broker, household(tmp_path / "house", broker.address, kafka_prefix) as house:
        house.buy(5)
        broker.kill()
        with house.relaying() as caught_up:
            broker.start()
            caught_up()
            broker.kill()
            house.buy(5)
            broker.start()
            caught_up()
        assert house.is_published()
    gc.collect()


def test_a_topic_that_was_deleted_is_made_again_and_all_of_it_published(house: Household) -> None:
    house.buy(5)
    with house.relaying() as caught_up:
        caught_up()
        with closing(KafkaAdminClient(bootstrap_servers=house.servers)) as admin:
            admin.delete_topics([house.topic])
        house.buy(5)
        caught_up()
    house.publish()
    assert house.is_published()


def test_a_store_restored_to_an_earlier_day_is_not_published_over_a_longer_topic(
    house: Household, tmp_path: Path, kafka_servers: str
) -> None:
    house.buy(5)
    house.publish()
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    engine = writing_engine(house.settings.store_address).execution_options(isolation_level="AUTOCOMMIT")
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("VACUUM INTO ?", (str(earlier / "events.db"),))
    engine.dispose()
    house.buy(5)
    house.publish()
    before = house.on_topic()
    with opened(f"sqlite+pysqlite:///{earlier / 'events.db'}", house.settings.keys_file) as restored:
        with open_relay(house.settings, restored) as relay, pytest.raises(Rejected) as refused:
            relay.run(threading.Event())
        recorded(restored, HOME, *[bought(number) for number in range(100, 120)])
        recorded(restored, OFFICE, *[bought(number) for number in range(100, 120)])
        with open_relay(house.settings, restored) as relay, pytest.raises(Rejected) as refused_again:
            relay.run(threading.Event())
    assert refused.value.code == refused_again.value.code == "topic_diverged"
    assert house.on_topic() == before


def test_foreign_messages_at_the_end_of_the_topic_are_overlooked(house: Household) -> None:
    house.buy(5)
    house.publish()
    with closing(KafkaProducer(bootstrap_servers=house.servers)) as producer:
        for number in range(200):
            producer.send(house.topic, key=b"foreign", value=b"%d" % number, partition=number % PARTITIONS)
        producer.flush()
    house.buy(5)
    house.publish()
    assert house.is_published()
    assert house.repeats() == 0


def test_an_event_at_the_size_limit_goes_through(house: Household) -> None:
    recorded(house.store, HOME, bought(1, payee="x" * 392_000), bought(2, payee="y" * 392_000), bought(3))
    house.publish()
    sizes = [len(event.data) for event in house.first_occurrences()]
    assert MAX_DATA_BYTES - 2_000 < max(sizes) <= MAX_DATA_BYTES
    assert house.is_published()


def test_a_relay_that_was_stopped_for_a_while_is_replaced_and_cannot_do_harm_when_it_wakes(house: Household) -> None:
    house.buy(5)
    sleeper = house.process()
    try:
        eventually(lambda: _exists(house) and house.is_published())
        sleeper.send_signal(signal.SIGSTOP)
        house.buy(5)
        with house.relaying() as caught_up:
            caught_up()
            sleeper.send_signal(signal.SIGCONT)
            house.buy(5)
            caught_up()
            assert house.is_published()
        house.buy(5)
        eventually(house.is_published)  # the one that slept takes over
    finally:
        sleeper.terminate()
        sleeper.communicate(timeout=PATIENCE_S)
    assert sleeper.returncode == 0


def test_a_topic_keeps_its_partitions_whatever_the_setting_says_later(
    house: Household, caplog: pytest.LogCaptureFixture
) -> None:
    house.buy(5)
    house.publish()
    house.buy(5)
    house.publish(house.settings.model_copy(update={"kafka_partitions": 7}))
    assert "FINSHIFT_KAFKA_PARTITIONS (7)" in caplog.text
    assert len(house.on_topic()) == PARTITIONS
    assert house.is_published()
