"""The contract of the relay's notes and its lease, on every database that they lie in, and in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import Engine

from infra.relay_notes import SqlRelayNotes
from infra.sql import reading_engine, writing_engine
from infra.store.schema import bring_up
from infra.store.tables import leases
from streams.relay import Noted, Notes
from tests.relaying import LEASE_MS, MemoryNotes, Shared

LONG_LEASE_MS = 60_000
"""So long that no test is slow enough to lose it."""

TOPIC, TOPIC_ID = "household.events", "topic-1"


class Desk(Protocol):
    """Notes of several relays on one store; the lease of one that is silent can run out."""

    def relay(self, holder: str) -> Notes: ...

    def let_the_lease_run_out(self) -> None: ...


class MemoryDesk:
    def __init__(self) -> None:
        self._shared = Shared()

    def relay(self, holder: str) -> Notes:
        return MemoryNotes(self._shared, holder)

    def let_the_lease_run_out(self) -> None:
        self._shared.clock.ms += LEASE_MS + 1


class SqlDesk:
    """Each relay has connections of its own, as in a process of its own."""

    def __init__(self, url: str, opened: ExitStack) -> None:
        self._url = url
        self._opened = opened
        writing, reading = self._engines()
        bring_up(writing, reading)

    def _engines(self) -> tuple[Engine, Engine]:
        writing, reading = writing_engine(self._url), reading_engine(self._url)
        self._opened.callback(writing.dispose)
        self._opened.callback(reading.dispose)
        return writing, reading

    def relay(self, holder: str) -> Notes:
        writing, reading = self._engines()
        return SqlRelayNotes(writing, reading, holder, LONG_LEASE_MS)

    def let_the_lease_run_out(self) -> None:
        """What its time has done: nobody can move the database's clock."""
        writing, _ = self._engines()
        with writing.begin() as connection:
            connection.execute(leases.update().values(until_ms=leases.c.until_ms - LONG_LEASE_MS))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    if request.param == "memory":
        yield MemoryDesk()
        return
    url = f"sqlite+pysqlite:///{tmp_path / 'events.db'}"
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
        url = fresh()
    with ExitStack() as opened:
        yield SqlDesk(url, opened)


def test_one_relay_has_the_lease_until_it_gives_it_back(desk: Desk) -> None:
    one, another = desk.relay("one"), desk.relay("another")
    assert one.hold()
    assert one.hold()
    assert not another.hold()
    another.release()
    assert not another.hold()
    one.release()
    assert another.hold()
    assert not one.hold()


def test_the_lease_of_a_relay_that_is_silent_goes_to_another_one(desk: Desk) -> None:
    one, another = desk.relay("one"), desk.relay("another")
    assert one.hold()
    desk.let_the_lease_run_out()
    assert another.hold()
    assert not one.hold()


def test_a_relay_that_lost_its_lease_changes_no_note(desk: Desk) -> None:
    one, another = desk.relay("one"), desk.relay("another")
    assert one.hold()
    assert one.begin(TOPIC, TOPIC_ID, 0, 2)
    assert one.write(TOPIC, TOPIC_ID, {0: 7})
    desk.let_the_lease_run_out()
    assert another.hold()
    assert not one.write(TOPIC, TOPIC_ID, {0: 9, 1: 8})
    assert not one.begin(TOPIC, TOPIC_ID, 3, 2)
    assert another.noted(TOPIC) == Noted(TOPIC_ID, {0: 7, 1: 0})


def test_a_relay_whose_lease_ran_out_and_that_nobody_replaced_goes_on(desk: Desk) -> None:
    one = desk.relay("one")
    assert one.hold()
    assert one.begin(TOPIC, TOPIC_ID, 0, 1)
    desk.let_the_lease_run_out()
    assert one.write(TOPIC, TOPIC_ID, {0: 7})
    assert not desk.relay("another").hold()


def test_what_is_noted_is_told_by_topic_to_every_relay(desk: Desk) -> None:
    one = desk.relay("one")
    assert one.noted(TOPIC) is None
    assert one.hold()
    assert one.begin(TOPIC, TOPIC_ID, 0, 3)
    assert one.noted(TOPIC) == Noted(TOPIC_ID, {0: 0, 1: 0, 2: 0})
    assert one.write(TOPIC, TOPIC_ID, {0: 5, 2: 6})
    assert one.write(TOPIC, TOPIC_ID, {2: 9})
    assert desk.relay("another").noted(TOPIC) == Noted(TOPIC_ID, {0: 5, 1: 0, 2: 9})
    assert one.noted("another.events") is None


def test_notes_are_taken_back_to_where_publishing_begins_again(desk: Desk) -> None:
    one = desk.relay("one")
    assert one.hold()
    assert one.begin(TOPIC, TOPIC_ID, 0, 3)
    assert one.write(TOPIC, TOPIC_ID, {0: 5, 1: 3, 2: 9})
    assert one.begin(TOPIC, TOPIC_ID, 4, 3)
    assert one.noted(TOPIC) == Noted(TOPIC_ID, {0: 4, 1: 3, 2: 4})


def test_notes_of_a_topic_that_was_made_again_are_forgotten(desk: Desk) -> None:
    one = desk.relay("one")
    assert one.hold()
    assert one.begin(TOPIC, TOPIC_ID, 0, 3)
    assert one.write(TOPIC, TOPIC_ID, {0: 5, 1: 3, 2: 9})
    assert one.begin(TOPIC, "topic-2", 0, 2)
    assert one.noted(TOPIC) == Noted("topic-2", {0: 0, 1: 0})
    assert one.write(TOPIC, TOPIC_ID, {0: 12})  # of the topic before: without effect
    assert one.noted(TOPIC) == Noted("topic-2", {0: 0, 1: 0})
