"""The Faust worker over a history of many books: events a second from the topic to the table, and its memory."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from kafka.errors import KafkaError

from api.parts import Parts
from domain.book import BookId
from infra.kafka.administering import administering
from infra.kafka.alerts import KafkaAlertTopics
from streams.alerts.ground import BrokerAway
from tests.bench.made import SEED, ids, opening, small_chart, transactions
from tests.bench.places import Place, asked, opened, rate
from tests.servers import shared
from tests.watched import make_topic, publish

BOOKS = 100
TRANSACTIONS = 1_000
"""Of each book."""

GROUP = 500
DAYS = 180
"""The purchases lie in the half-year before they are recorded, so that the watch has to do with all of them."""

PARTITIONS = 12
LOOK_EVERY_S = 0.05
LIMIT_S = 600


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    count = TRANSACTIONS // (10 if quick else 1)
    prefix = f"bench-{ids.new()}"
    with shared("kafka", place.folder) as servers, place.settings() as environment:
        environment |= {"FINSHIFT_KAFKA_SERVERS": servers, "FINSHIFT_KAFKA_PREFIX": prefix}
        make_topic(servers, f"{prefix}.events", PARTITIONS)
        with opened(environment) as parts:
            _live(parts, count)
            end = parts.store.end()
            store: Any = parts.store
            publish(store, servers, f"{prefix}.events")
        seconds, events, memory = _watched(environment, KafkaAlertTopics(servers, prefix), end)
    what = f"{BOOKS} books of {count:,} transactions"
    yield f"events a second through the Faust worker, {what}", rate(events, seconds)
    yield f"memory of the Faust worker at most, {what}", memory


def _live(parts: Parts, count: int) -> None:
    today = parts.clock.now().date()
    dice = random.Random(SEED)
    for number in range(BOOKS):
        book = BookId(ids.new())
        parts.keys.create(book)
        checking, categories, chart = small_chart()
        parts.bus.submit(book, [opening(book, f"bench {number}"), *chart], asked()).result()
        commands = [
            replace(command, date=today - timedelta(days=dice.randint(0, DAYS)))
            for command in transactions(count, checking, categories)
        ]
        for answer in [parts.bus.submit(book, commands[i : i + GROUP], asked()) for i in range(0, count, GROUP)]:
            answer.result()


def _watched(environment: dict[str, str], topics: KafkaAlertTopics, end: int) -> tuple[float, int, str]:
    """From the first offset that the worker commits to the last: seconds, events between, and its memory."""
    program = subprocess.Popen([sys.executable, "-m", "infra.bootstrap", "alerts"], env=os.environ | environment)
    limit = time.monotonic() + LIMIT_S
    try:
        group = f"{topics.events.removesuffix('.events')}-alerts-{topics.ground().generation}"
        first: tuple[float, int] | None = None
        while time.monotonic() < limit:
            done = _committed(topics, group)
            if done and first is None:
                first = time.monotonic(), done
            if done >= end and first is not None:
                return time.monotonic() - first[0], done - first[1], _peak(program.pid)
            time.sleep(LOOK_EVERY_S)
        raise BrokerAway("the worker did not reach the topic's end in time")
    finally:
        program.terminate()
        program.wait()


def _committed(topics: KafkaAlertTopics, group: str) -> int:
    try:
        with administering(topics.servers, "bench") as administrator:
            offsets = administrator.list_group_offsets([group])[group]
    except KafkaError:  # the broker makes the group's own topic first
        return 0
    return sum(told.offset for partition, told in offsets.items() if partition.topic == topics.events)


def _peak(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    return f"{int(kilobytes) / 1024:,.0f} MiB"
