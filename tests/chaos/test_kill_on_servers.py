"""`kill -9` of relays and projectors under load: the topic has every event in order, the tables each of them once.

What is compared with the store is read by a plain client of Kafka and by a fresh fold: nothing that the relay or the
projectors noted is believed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from domain.book import BookId
from infra.read_models import open_read_models
from infra.store import SqlEventStore
from projections import READ_MODELS
from streams.runner import ProjectionRunner
from tests.given import household
from tests.stores import bought, opened, opening, recorded
from tests.topics import log_of

SEED = 20261123
KILLS = 12
BOOKS = [BookId(f"b-{number:03}") for number in range(6)]
ROLES = ("relay", "relay", "project", "project")
ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120.0


class Roles:
    """Processes of the program, each started again where it was killed."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._running = [self._start(role) for role in ROLES]

    def kill(self, number: int) -> None:
        self._running[number].kill()
        self._running[number].wait()
        self._running[number] = self._start(ROLES[number])

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "infra.bootstrap", role],
                env=dict(self._environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )


@contextmanager
def writing(store: SqlEventStore) -> Iterator[None]:
    """A writer beside, until the end."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        number = 0
        try:
            while not stop.wait(0.002):
                recorded(store, BOOKS[number % len(BOOKS)], bought(number))
                number += 1
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert failed == []


def on_topic(servers: str, topic: str) -> dict[str, list[tuple[int, str, bytes]]]:
    """Of each book the version, hash and data of every record, in the order of its partition."""
    found: dict[str, list[tuple[int, str, bytes]]] = {}
    with closing(KafkaConsumer(bootstrap_servers=servers, consumer_timeout_ms=3_000)) as consumer:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        for record in consumer:
            headers = dict(record.headers)
            told = (int(headers["ce_version"]), headers["ce_hash"].decode(), record.value)
            found.setdefault(record.key.decode(), []).append(told)
    return found


def test_killed_relays_and_projectors_lose_nothing_and_apply_nothing_twice(
    tmp_path: Path, postgres_url: Callable[[], str], kafka_servers: str, kafka_prefix: str
) -> None:
    dice = random.Random(SEED)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    store_url, read_url = postgres_url(), postgres_url()
    with opened(store_url, data_dir / "keys", books=BOOKS) as store:
        for book in BOOKS:
            recorded(store, book, opening(book), *household()[1:])
        environment = os.environ | {
            "FINSHIFT_DATA_DIR": str(data_dir),
            "FINSHIFT_STORE_URL": store_url,
            "FINSHIFT_READ_URL": read_url,
            "FINSHIFT_KAFKA_SERVERS": kafka_servers,
            "FINSHIFT_KAFKA_PREFIX": kafka_prefix,
        }
        roles = Roles(environment, tmp_path / "roles.log")
        try:
            with writing(store):
                for _ in range(KILLS):
                    time.sleep(dice.uniform(0.5, 2.5))
                    roles.kill(dice.randrange(len(ROLES)))
            database = open_read_models(read_url, READ_MODELS)
            aside = ProjectionRunner(store, database, READ_MODELS)
            try:
                for book, head in store.heads().items():
                    names = [model.NAME for model in READ_MODELS]
                    assert aside.wait_for(names, book, head.version, WAIT_S) >= head.version, book
                assert {model.NAME: aside.verify(model.NAME) for model in READ_MODELS} == {
                    model.NAME: None for model in READ_MODELS
                }
                assert {(status.lag, tuple(status.parked)) for status in aside.status()} == {(0, ())}
            finally:
                aside.close()
                database.close()
        finally:
            roles.end()
        published = on_topic(kafka_servers, f"{kafka_prefix}.events")
        for book in BOOKS:
            stored = [(event.version, event.hash.hex(), event.data) for event in log_of(store) if event.stream == book]
            seen: list[tuple[int, str, bytes]] = []
            for record in published[book]:
                if record[0] == len(seen) + 1:
                    seen.append(record)
                else:
                    assert record in seen[: record[0]], "a repeat that says something else, or a hole"
            assert seen == stored
    assert "Traceback" not in (tmp_path / "roles.log").read_text()
