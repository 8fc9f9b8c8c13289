"""Whatever a broker, a kill or a pause does to the relay: every event is published, in order, and none is left out."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import count
from unittest.mock import patch

from hypothesis import event, given, settings
from hypothesis import strategies as st

from streams import relay as relay_module
from streams.relay import Relay
from tests.relaying import Happens, Killed, ListedLog, MemoryNotes, ScriptedBroker, Shared, Stop, envelopes

MAX_LIVES = 1_000
"""A script that ends lets everything through; so many processes in a row would be a relay that goes on nowhere."""

scripts = st.lists(st.sampled_from([Happens.ARRIVES, *Happens]), max_size=25)
histories = st.lists(st.integers(0, 4), min_size=1, max_size=30)
PARTITIONS = 3


class World:
    """A store, a topic, and relays of which one after the other, or several at a time, are alive."""

    def __init__(self, books: list[int], script: list[Happens]) -> None:
        self.shared = Shared()
        self.log = ListedLog(envelopes(books))
        self.broker = ScriptedBroker(self.log, PARTITIONS, iter(script), pause=self._another_works)
        self._holders = count()
        self._depth = 0

    def live(self) -> None:
        """One process: until it has come to the store's end, or is killed."""
        notes = MemoryNotes(self.shared, f"relay-{next(self._holders)}", self.broker.interrupt)
        stop = Stop(self.shared.clock)
        at_end, self.log.at_end = self.log.at_end, stop.set
        try:
            Relay(self.log, self.broker, _Mortal(notes), lambda: datetime(2026, 1, 2, tzinfo=UTC)).run(stop)
        finally:
            self.log.at_end = at_end

    def _another_works(self) -> None:
        """The process that publishes is stopped, long enough for another one to take over; then it goes on."""
        if self._depth > 2:
            return
        self._depth += 1
        try:
            self.live()
        except Killed:
            event("killed beside a stopped one")
        finally:
            self._depth -= 1

    def go_on(self) -> None:
        """As many processes as are needed."""
        for _ in range(MAX_LIVES):
            try:
                return self.live()
            except Killed:
                event("killed")
        raise AssertionError("the relay goes on nowhere")


class _Mortal(MemoryNotes):
    """Notes of a process that, where it is killed, does not give its lease back."""

    def __init__(self, notes: MemoryNotes) -> None:
        vars(self).update(vars(notes))

    def release(self) -> None:
        if not isinstance(sys.exc_info()[1], Killed):
            super().release()


@settings(max_examples=300)
@given(histories, scripts)
def test_every_event_is_on_the_topic_in_order_and_none_is_left_out(books: list[int], script: list[Happens]) -> None:
    world = World(books, script)
    with patch.multiple(relay_module, MAX_BATCH_EVENTS=3, READ_EVENTS=2, TAIL_RECORDS=2):
        world.go_on()
        world.broker.deliver_late()
        world.log.events = envelopes([0, 1, 2, 3, 4], world.log.events)
        world.go_on()
    assert world.broker.out_of_order == []
    for partition in range(PARTITIONS):
        assert world.broker.holds(partition) == world.broker.positions(partition)
