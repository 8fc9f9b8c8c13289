"""The Faust worker on the real broker: whatever is killed or lost, each alert that the history raises is told.

The oracle is a plain fold of the store; what the topic has is compared with it by id, for an alert that is told twice
is one alert.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from projections import spending_watch
from streams.failpoints import SETTING
from tests import servers
from tests.house import House
from tests.watched import (
    FIRST_DAY,
    MovingClock,
    alerts_on,
    expected_alerts,
    live,
    make_topic,
    open_household,
    publish,
    remove_topics,
)

PARTITIONS = 3
TOLD_LIMIT_S = 120.0
LOOK_AGAIN_S = 0.2
STOP_LIMIT_S = 30.0


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def house(tmp_path: Path, clock: MovingClock) -> Iterator[House]:
    house = House(tmp_path, clock=clock)
    yield house
    house.close()


class Worker:
    """`finshift alerts` as a process of its own, on the house in `folder`."""

    def __init__(self, folder: Path, servers: str, prefix: str, failpoint: str = "") -> None:
        self._log = folder / "alerts.log"
        environment = os.environ | {
            "FINSHIFT_DATA_DIR": str(folder),
            "FINSHIFT_KAFKA_SERVERS": servers,
            "FINSHIFT_KAFKA_PREFIX": prefix,
            SETTING: failpoint,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.bootstrap", "alerts"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(STOP_LIMIT_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_LIMIT_S)

    def died(self) -> int:
        return self._process.wait(TOLD_LIMIT_S)


@contextmanager
def working(folder: Path, servers: str, prefix: str) -> Iterator[Worker]:
    worker = Worker(folder, servers, prefix)
    try:
        yield worker
        assert worker.stop() == 0, worker.log()[-3000:]
    finally:
        worker.kill()


def until(is_so: Callable[[], bool], what: str, worker: Worker) -> None:
    limit = time.monotonic() + TOLD_LIMIT_S
    while not is_so():
        assert time.monotonic() < limit, f"{what} did not come; the worker logged: {worker.log()[-3000:]}"
        threading.Event().wait(LOOK_AGAIN_S)


def told(servers: str, prefix: str) -> set[str]:
    return {alert for alert, _ in alerts_on(servers, f"{prefix}.alerts")}


def test_without_a_broker_named_the_command_says_what_to_set(tmp_path: Path) -> None:
    program = subprocess.run(
        [sys.executable, "-m", "infra.bootstrap", "alerts"],
        env=os.environ | {"FINSHIFT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TOLD_LIMIT_S,
        check=False,
    )

    assert program.returncode == 2
    assert "FINSHIFT_KAFKA_SERVERS" in program.stderr


def embedded(house: House) -> set[str]:
    """What the same history raises where there is no Kafka."""
    house.runner.catch_up()
    with house.models.read() as connection:
        return {row.alert_id for row in connection.execute(spending_watch.raised.table.select())}


def events_topic(house: House, servers: str, prefix: str) -> None:
    make_topic(servers, f"{prefix}.events", PARTITIONS)
    publish(house.store, servers, f"{prefix}.events")


def test_the_worker_tells_what_a_fold_of_the_history_raises_and_each_alert_once(
    tmp_path: Path, house: House, clock: MovingClock, kafka_servers: str, kafka_prefix: str
) -> None:
    homes = [open_household(house, f"Home {number}") for number in range(3)]
    live(house, clock, homes, weeks=8, seed=1)
    events_topic(house, kafka_servers, kafka_prefix)

    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        until(lambda: told(kafka_servers, kafka_prefix) >= expected_alerts(house.store), "every alert", worker)
        live(house, clock, homes, weeks=6, seed=10, first_week=8)
        publish(house.store, kafka_servers, f"{kafka_prefix}.events")  # all that is there once more, and then the new
        expected = expected_alerts(house.store)
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)

    alerts = [alert for alert, _ in alerts_on(kafka_servers, f"{kafka_prefix}.alerts")]
    assert len(expected) > 10
    assert sorted(alerts) == sorted(expected)
    assert embedded(house) == expected


@pytest.mark.parametrize("failpoint", ["alerts.sent:3", "alerts.kept:5"])
def test_killed_before_or_after_the_table_no_alert_is_lost(
    tmp_path: Path, house: House, clock: MovingClock, kafka_servers: str, kafka_prefix: str, failpoint: str
) -> None:
    live(house, clock, [open_household(house, f"Home {number}") for number in range(3)], weeks=14, seed=2)
    events_topic(house, kafka_servers, kafka_prefix)

    doomed = Worker(tmp_path, kafka_servers, kafka_prefix, failpoint)
    try:
        assert doomed.died() == -signal.SIGKILL, doomed.log()[-3000:]
    finally:
        doomed.kill()
    expected = expected_alerts(house.store)
    assert told(kafka_servers, kafka_prefix) < expected
    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)

    assert told(kafka_servers, kafka_prefix) == expected


@pytest.mark.parametrize("lost", ["files", "files and changelog", "changelog"])
def test_a_worker_whose_table_is_lost_goes_on_as_if_it_were_not(
    tmp_path: Path, house: House, clock: MovingClock, kafka_servers: str, kafka_prefix: str, lost: str
) -> None:
    homes = [open_household(house, f"Home {number}") for number in range(3)]
    live(house, clock, homes, weeks=8, seed=3)
    events_topic(house, kafka_servers, kafka_prefix)
    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        until(lambda: told(kafka_servers, kafka_prefix) >= expected_alerts(house.store), "every alert", worker)

    if "files" in lost:
        shutil.rmtree(tmp_path / "alerts")
    if "changelog" in lost:
        remove_topics(kafka_servers, f"{kafka_prefix}-alerts-watch-changelog")
    before = house.store.end()
    live(house, clock, homes, weeks=6, seed=4, first_week=8)
    publish(house.store, kafka_servers, f"{kafka_prefix}.events", before)
    expected = expected_alerts(house.store)
    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)

    assert told(kafka_servers, kafka_prefix) == expected


def test_two_workers_share_the_partitions_and_one_goes_on_alone(
    tmp_path: Path, house: House, clock: MovingClock, kafka_servers: str, kafka_prefix: str
) -> None:
    homes = [open_household(house, f"Home {number}") for number in range(6)]
    live(house, clock, homes, weeks=8, seed=5)
    events_topic(house, kafka_servers, kafka_prefix)
    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        second = Worker(tmp_path, kafka_servers, kafka_prefix)
        try:
            until(lambda: told(kafka_servers, kafka_prefix) >= expected_alerts(house.store), "every alert", worker)
            before = house.store.end()
            live(house, clock, homes, weeks=6, seed=6, first_week=8)
            publish(house.store, kafka_servers, f"{kafka_prefix}.events", before)
        finally:
            second.kill()
        expected = expected_alerts(house.store)
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)

    assert told(kafka_servers, kafka_prefix) == expected


def test_a_topic_of_alerts_that_was_lost_is_filled_again(
    tmp_path: Path, house: House, clock: MovingClock, kafka_servers: str, kafka_prefix: str
) -> None:
    live(house, clock, [open_household(house, "Home")], weeks=8, seed=7)
    expected = expected_alerts(house.store)
    events_topic(house, kafka_servers, kafka_prefix)
    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)
    remove_topics(kafka_servers, f"{kafka_prefix}.alerts")

    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)


def test_what_is_no_event_is_passed_over_and_a_hole_in_the_topic_is_filled_from_the_store(
    tmp_path: Path, house: House, clock: MovingClock, kafka_servers: str, kafka_prefix: str
) -> None:
    from kafka import KafkaProducer

    from streams.wire import to_record

    live(house, clock, [open_household(house, "Home")], weeks=8, seed=8)
    topic = f"{kafka_prefix}.events"
    make_topic(kafka_servers, topic, PARTITIONS)
    producer = KafkaProducer(bootstrap_servers=kafka_servers)
    last = house.store.envelopes_all(house.store.end() - 1, 1)[0]
    record = to_record(last)
    for key, value, headers in [
        (None, b"nobody's", []),
        (record.key, b"{}", record.headers),
        (record.key, None, []),
        (record.key, record.value, record.headers),
    ]:
        producer.send(topic, key=key, value=value, headers=headers)
    producer.flush()
    producer.close()

    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        expected = expected_alerts(house.store)
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)

    assert told(kafka_servers, kafka_prefix) == expected
    assert worker.log().count("a record that is no event was passed over") == 3


def test_no_payee_and_no_name_is_in_what_the_worker_writes(
    tmp_path: Path, house: House, clock: MovingClock, kafka_servers: str, kafka_prefix: str
) -> None:
    live(house, clock, [open_household(house, "Home")], weeks=8, seed=9)
    events_topic(house, kafka_servers, kafka_prefix)
    with working(tmp_path, kafka_servers, kafka_prefix) as worker:
        expected = expected_alerts(house.store)
        until(lambda: told(kafka_servers, kafka_prefix) >= expected, "every alert", worker)

    written = b"".join(value for _, value in alerts_on(kafka_servers, f"{kafka_prefix}.alerts"))
    written += worker.log().encode()
    for path in (tmp_path / "alerts").rglob("*"):
        written += path.read_bytes() if path.is_file() else b""
    assert str(FIRST_DAY.year).encode() in written
    for secret in (b"Padaria", b"padaria", b"Mercado", b"mercado", b"Expenses", b"Food"):
        assert secret not in written


def test_a_broker_that_is_missing_at_the_start_or_lost_later_is_waited_for(
    tmp_path: Path, house: House, clock: MovingClock, kafka_prefix: str
) -> None:
    homes = [open_household(house, "Home")]
    live(house, clock, homes, weeks=8, seed=11)
    with servers.own_kafka(tmp_path) as kafka:
        kafka.kill()
        with working(tmp_path, kafka.address, kafka_prefix) as worker:
            until(lambda: "alerts wait for Kafka" in worker.log(), "the line that says what to do", worker)
            kafka.start()
            events_topic(house, kafka.address, kafka_prefix)
            until(lambda: told(kafka.address, kafka_prefix) >= expected_alerts(house.store), "every alert", worker)

            kafka.kill()
            before = house.store.end()
            live(house, clock, homes, weeks=6, seed=12, first_week=8)
            kafka.start()
            publish(house.store, kafka.address, f"{kafka_prefix}.events", before)
            expected = expected_alerts(house.store)
            until(lambda: told(kafka.address, kafka_prefix) >= expected, "every alert", worker)

        assert told(kafka.address, kafka_prefix) == expected
