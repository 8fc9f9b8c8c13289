"""What the worker does with each event, in Faust's own test harness: the agent and its table, with no consumer before
them; what it sends goes to the real broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from commands.ports import EventReader, StoreUnavailable
from domain.book import BookId, EraseBook
from domain.recorded import Recorded
from infra.kafka.alerts import KafkaAlertTopics
from infra.store.reading import recorded
from streams.alerts.ground import Ground
from streams.alerts.watching import Reader, Watching
from streams.alerts.worker import TABLE, build_app
from streams.contract import Envelope
from streams.wire import to_record
from tests.house import House
from tests.watched import (
    MovingClock,
    alerts_on,
    expected_alerts,
    live,
    make_topic,
    open_household,
)

ALL = 10_000


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def house(tmp_path: Path, clock: MovingClock) -> Iterator[House]:
    house = House(tmp_path, clock=clock)
    yield house
    house.close()


@pytest.fixture
def topics(kafka_servers: str, kafka_prefix: str) -> KafkaAlertTopics:
    make_topic(kafka_servers, f"{kafka_prefix}.events", 1)
    return KafkaAlertTopics(kafka_servers, kafka_prefix)


class Away:
    """A store that is away for the first times it is asked."""

    def __init__(self, reader: EventReader, times: int) -> None:
        self._reader = reader
        self.left = times

    def read_book(
        self, book: BookId, after_version: int, limit: int, until_version: int | None = None
    ) -> list[Recorded]:
        if self.left:
            self.left -= 1
            raise StoreUnavailable("store_unreachable", "away")
        return self._reader.read_book(book, after_version, limit, until_version)


def fold(
    house: House, topics: KafkaAlertTopics, folder: Path, envelopes: Iterable[Envelope], reader: Reader | None = None
) -> set[str]:
    """Hand the events to the agent, one after the other; the books that its table has afterwards."""
    ground: Ground = topics.ground()
    watching = Watching(
        lambda envelope: recorded(astuple(envelope), house.keys),
        house.keys.fingerprint,
        reader or house.store,
        ground.generation,
    )

    async def run() -> set[str]:
        app, _ = build_app(topics.servers, ground, "test", folder, watching, store="memory://")
        app.flow_control.resume()
        (agent,) = [agent for agent in app.agents.values() if agent.name.endswith(TABLE)]
        async with agent.test_context() as harness:
            for envelope in envelopes:
                record = to_record(envelope)
                await harness.put(key=record.key, value=record.value, headers=record.headers)
        (table,) = app.tables.values()
        books = {key.decode() for key in table}
        with suppress(asyncio.CancelledError):
            await app.producer.stop()
        return books

    return asyncio.run(run())


def told(topics: KafkaAlertTopics) -> list[str]:
    return [alert for alert, _ in alerts_on(",".join(topics.servers), topics.alerts)]


def test_repeats_raise_nothing_again(
    tmp_path: Path, house: House, clock: MovingClock, topics: KafkaAlertTopics
) -> None:
    live(house, clock, [open_household(house, "A"), open_household(house, "B")], weeks=8, seed=1)
    envelopes = house.store.envelopes_all(0, ALL)

    fold(house, topics, tmp_path, [*envelopes[:50], *envelopes[20:], *envelopes])

    assert sorted(told(topics)) == sorted(expected_alerts(house.store))


def test_a_hole_is_filled_from_the_store_when_that_is_back(
    tmp_path: Path, house: House, clock: MovingClock, topics: KafkaAlertTopics
) -> None:
    live(house, clock, [open_household(house, "A")], weeks=8, seed=2)
    envelopes = house.store.envelopes_all(0, ALL)
    away = Away(house.store, times=2)

    fold(house, topics, tmp_path, [*envelopes[:5], *envelopes[25:]], away)

    assert away.left == 0
    assert sorted(told(topics)) == sorted(expected_alerts(house.store))


def test_an_event_of_a_newer_release_parks_its_book_and_no_other(
    tmp_path: Path, house: House, clock: MovingClock, topics: KafkaAlertTopics, caplog: pytest.LogCaptureFixture
) -> None:
    homes = [open_household(house, "A"), open_household(house, "B")]
    live(house, clock, homes, weeks=8, seed=3)
    newer = _of_a_newer_release(house, homes[0].book, version=6)

    fold(house, topics, tmp_path, newer)

    assert set(told(topics)) == _alerts_of(house, homes[1].book)
    parked = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [vars(record)["book"] for record in parked] == [homes[0].book]
    assert "start" in parked[0].getMessage()


def test_an_erasure_takes_the_books_watch_out_of_the_table(
    tmp_path: Path, house: House, clock: MovingClock, topics: KafkaAlertTopics
) -> None:
    homes = [open_household(house, "A"), open_household(house, "B")]
    live(house, clock, homes, weeks=8, seed=5)
    expected = expected_alerts(house.store)

    def as_it_happens() -> Iterator[Envelope]:
        before = house.store.end()
        yield from house.store.envelopes_all(0, ALL)
        house.ask(homes[0].book, EraseBook())
        house.keys.destroy(homes[0].book)
        yield from house.store.envelopes_all(before, ALL)

    books = fold(house, topics, tmp_path, as_it_happens())

    assert books == {homes[1].book}
    assert set(told(topics)) == expected


def test_a_book_that_was_erased_before_is_not_watched_at_all(
    tmp_path: Path, house: House, clock: MovingClock, topics: KafkaAlertTopics
) -> None:
    homes = [open_household(house, "A"), open_household(house, "B")]
    live(house, clock, homes, weeks=8, seed=4)
    expected = _alerts_of(house, homes[1].book)
    house.ask(homes[0].book, EraseBook())
    house.keys.destroy(homes[0].book)
    envelopes = house.store.envelopes_all(0, ALL)

    books = fold(house, topics, tmp_path, envelopes)

    assert books == {homes[1].book}
    assert set(told(topics)) == expected


def _alerts_of(house: House, book: BookId) -> set[str]:
    return expected_alerts(house.store, only(book))


def only(book: BookId) -> Callable[[BookId], bool]:
    return lambda other: other == book


def _of_a_newer_release(house: House, book: BookId, version: int) -> list[Envelope]:
    """The log as a release would have it that knows one event type more: a book's event `version` is of that type, and
    those behind it link to it.
    """
    from streams.contract import envelope_hash

    told: list[Envelope] = []
    last: bytes | None = None
    for envelope in house.store.envelopes_all(0, ALL):
        if envelope.stream == book and envelope.version >= version:
            kind = "ledger.dreamt.v1" if envelope.version == version else envelope.type
            envelope = replace(envelope, type=kind, prev_hash=last or envelope.prev_hash)
            fields = {name: getattr(envelope, name) for name in Envelope.__slots__ if name not in ("hash", "position")}
            last = envelope_hash(**fields)
            envelope = replace(envelope, hash=last)
        told.append(envelope)
    return told
