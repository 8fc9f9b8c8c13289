"""From where the relay goes on, what it notes and when, and what it refuses to write to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from domain.errors import Rejected
from streams import relay as relay_module
from streams.relay import Lag, Noted, Relay, TopicCut, resume
from streams.wire import Record, to_record
from tests.relaying import (
    TOPIC,
    Happens,
    Killed,
    ListedLog,
    MemoryNotes,
    ScriptedBroker,
    ScriptedOpen,
    Sent,
    Shared,
    Stop,
    envelopes,
)

PARTITIONS = 2
NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


class House:
    """Six events, of book 0 in one partition and of book 1 in the other, published by one relay after the other."""

    def __init__(self, *script: Happens) -> None:
        self.log = ListedLog(envelopes([0, 1, 0, 1, 0, 1]))
        self.broker = ScriptedBroker(self.log, PARTITIONS, iter(script))
        self.shared = Shared()
        self.notes = MemoryNotes(self.shared, "one", self.broker.interrupt)
        self.of_book = [self.broker.partition_of(f"book-{book}".encode()) for book in (0, 1)]

    def run(self, notes: MemoryNotes | None = None) -> Relay:
        stop = Stop(self.shared.clock)
        self.log.at_end = stop.set
        relay = Relay(self.log, self.broker, notes or self.notes, lambda: NOW)
        relay.run(stop)
        return relay

    def resumed(self, noted: Noted | None) -> int:
        return resume(self.log, noted, ScriptedOpen(self.broker), TOPIC)

    def note(self, first: int, second: int) -> Noted:
        return Noted(self.broker.topic_id, {self.of_book[0]: first, self.of_book[1]: second})

    def hold(self, *positions: int) -> None:
        for position in positions:
            record = to_record(self.log.events[position - 1])
            self.broker.partitions[self.broker.partition_of(record.key)].append(
                (record.key, record.value, list(record.headers))
            )


def test_what_is_not_acknowledged_is_not_noted() -> None:
    house = House(Happens.KILLED_AFTER)
    with pytest.raises(Killed):
        house.run()
    assert house.broker.holds(house.of_book[0]) == [1, 3, 5]
    assert house.shared.notes[TOPIC].positions == {0: 0, 1: 0}


def test_what_is_acknowledged_is_noted_by_partition_and_not_published_again() -> None:
    house = House()
    house.run()
    assert house.shared.notes[TOPIC] == house.note(5, 6)
    house.run()
    assert sum(map(len, house.broker.partitions)) == 6


def test_publishing_goes_on_behind_the_highest_note_where_the_ends_bear_the_notes_out() -> None:
    house = House()
    house.hold(1, 2, 3, 4)
    assert house.resumed(house.note(3, 4)) == 4
    assert house.resumed(house.note(1, 2)) == 2  # written, and its note was lost


def test_publishing_begins_again_where_the_one_partition_that_is_behind_ends() -> None:
    house = House()
    house.hold(1, 2, 3, 5)
    assert house.resumed(house.note(5, 4)) == 2
    house.broker.partitions[house.of_book[1]].clear()
    assert house.resumed(house.note(5, 4)) == 0


def test_notes_beyond_where_publishing_begins_again_are_taken_back_before_anything_is_published() -> None:
    house = House(Happens.KILLED_BEFORE)
    house.hold(1, 2, 3, 5)
    house.shared.notes[TOPIC] = house.note(5, 4)
    with pytest.raises(Killed):
        house.run()
    assert house.shared.notes[TOPIC] == house.note(2, 2)


def test_notes_of_a_topic_that_was_made_again_count_for_nothing() -> None:
    house = House()
    house.hold(1, 2, 3, 4, 5, 6)
    assert house.resumed(Noted("another", {0: 5, 1: 6})) == 0
    assert house.resumed(None) == 0


def test_foreign_messages_at_the_end_hide_nothing() -> None:
    house = House()
    house.hold(1, 2, 3, 4)
    for partition in house.broker.partitions:
        partition += [(b"foreign", b"", [])] * 1_000
    assert house.resumed(house.note(3, 4)) == 4


def test_a_partition_that_ends_in_more_foreign_messages_than_are_read_is_not_guessed_at() -> None:
    house = House()
    house.hold(1, 2, 3, 4)
    house.broker.partitions[0] += [(b"foreign", b"", [])] * 200
    with patch.multiple(relay_module, MAX_TAIL_RECORDS=100), pytest.raises(Rejected) as refused:
        house.resumed(house.note(3, 4))
    assert (refused.value.code, refused.value.params["records"]) == ("topic_foreign", 100)


def test_a_topic_that_holds_what_the_store_does_not_is_not_written_to() -> None:
    house = House()
    house.run()
    house.log.events = house.log.events[:4]
    with pytest.raises(Rejected) as refused:
        house.run()
    assert refused.value.code == "topic_diverged"
    assert sum(map(len, house.broker.partitions)) == 6
    assert house.shared.lease is None


def test_a_store_that_went_another_way_after_it_was_restored_is_told_by_the_hash() -> None:
    house = House()
    house.run()
    house.log.events = envelopes([0, 1], house.log.events[:4], data=b'{"another":1}')
    with pytest.raises(Rejected) as refused:
        house.run()
    assert (refused.value.code, refused.value.params["version"]) == ("topic_diverged", 3)


def test_a_topic_whose_partitions_were_added_to_is_not_written_to() -> None:
    house = House()
    house.run()
    house.broker.count += 1
    house.broker.partitions.append([])
    with pytest.raises(Rejected) as refused:
        house.run()
    assert refused.value.code == "topic_partitions_changed"


def test_a_relay_waits_while_another_one_has_the_lease_and_then_takes_over() -> None:
    house = House()
    assert MemoryNotes(house.shared, "another").hold()
    began_ms = house.shared.clock.ms
    house.run()
    assert house.shared.clock.ms - began_ms >= 5_000
    assert house.broker.holds(0) == house.broker.positions(0)


def test_a_relay_that_slept_over_its_lease_publishes_no_second_batch() -> None:
    house = House(Happens.PAUSED_BEFORE)
    published: list[int] = []

    def another_works() -> None:
        house.shared.clock.ms += 5_001
        assert MemoryNotes(house.shared, "another").hold()
        published.append(sum(map(len, house.broker.partitions)))
        house.log.at_end = lambda: None

    house.broker.pause = another_works
    stop = threading.Event()
    relay = Relay(house.log, house.broker, house.notes, lambda: NOW)
    with (
        patch.multiple(relay_module, MAX_BATCH_EVENTS=2, STANDBY_S=0),
        patch.object(relay, "_hold_or_wait", side_effect=lambda stop: len(published) == 0 or stop.set()),
    ):
        house.notes.hold()
        relay.run(stop)
    assert published == [0]
    assert sum(map(len, house.broker.partitions)) == 2
    assert house.shared.notes[TOPIC].positions == {0: 0, 1: 0}


def test_a_topic_that_lost_records_while_it_was_written_to_is_published_to_from_the_beginning() -> None:
    house = House(Happens.ARRIVES, Happens.ARRIVES)
    cut = [True]

    class Cut(Sent):
        def wait(self, timeout_s: float) -> bool:
            if cut:
                cut.clear()
                raise TopicCut("half of it is gone")
            return True

    publish = ScriptedOpen.publish

    def published(self: ScriptedOpen, batch: list[tuple[int, Record]]) -> Sent:
        publish(self, batch)
        return Cut(True)

    house.hold(1, 2, 3, 4)
    house.shared.notes[TOPIC] = house.note(3, 4)
    with patch.object(ScriptedOpen, "publish", published):
        house.run()
    records = [raw[2] for raw in house.broker.partitions[house.of_book[0]]]
    versions = [dict(headers)["ce_version"] for headers in records]
    assert versions == [b"1", b"2", b"3", b"1", b"2", b"3"]


def test_the_lag_tells_how_many_events_wait_and_since_when() -> None:
    house = House()
    relay = Relay(house.log, house.broker, house.notes, lambda: NOW)
    assert relay.lag() is None
    stop = Stop(house.shared.clock)
    told: list[Lag | None] = []

    def at_end() -> None:
        told.append(relay.lag())
        house.log.events = envelopes([0, 1], house.log.events)
        told.append(relay.lag())
        stop.set()

    house.log.at_end = at_end
    relay.run(stop)
    assert told == [Lag(0, 0.0), Lag(2, 54.0)]
    assert relay.lag() is None
