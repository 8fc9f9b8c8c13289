"""The contract tests that the `eventsourcing` library publishes for recorders, run on ours.

Its suite begins some streams at version 0, where ours begin at 1: an adapter for that suite alone maps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription
from eventsourcing.tests.persistence import AggregateRecorderTestCase, ApplicationRecorderTestCase

from infra.clock import SystemClock, TimeOrderedIds
from infra.recorder import EventRecorder
from tests.stores import opened


class FromZero(ApplicationRecorder):
    """Streams that the suite began at version 0 are kept one version higher."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._from_zero: set[UUID | str] = set()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self._from_zero |= {event.originator_id for event in stored_events if event.originator_version == 0}
        kept = [
            replace(event, originator_version=event.originator_version + self._by(event)) for event in stored_events
        ]
        positions = self._recorder.insert_events(kept, **kwargs)
        return None if positions is None else list(positions)

    def select_events(self, originator_id: UUID | str, **where: Any) -> Sequence[StoredEvent]:
        return [self._back(event) for event in self._recorder.select_events(originator_id, **where)]

    def select_notifications(self, *where: Any, **and_where: Any) -> Sequence[Notification]:
        return [self._back(found) for found in self._recorder.select_notifications(*where, **and_where)]

    def max_notification_id(self) -> int | None:
        return self._recorder.max_notification_id()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return self._recorder.subscribe(gt, topics)

    def _by(self, event: StoredEvent) -> int:
        return 1 if event.originator_id in self._from_zero else 0

    def _back(self, event: Any) -> Any:
        return replace(event, originator_version=event.originator_version - self._by(event))


class OfAggregates(FromZero):
    """An aggregate recorder numbers nothing across streams, so the suite expects no numbers of it."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        super().insert_events(stored_events, **kwargs)
        return None


class _OnOurStore:
    """Gives the suite's `unittest` cases a fresh store for each test."""

    database: ClassVar[str]
    adapter: ClassVar[type[FromZero]] = FromZero

    @pytest.fixture(autouse=True)
    def _open(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
        with ExitStack() as stack:

            def create() -> FromZero:
                url = f"sqlite:///{tmp_path / 'events.db'}"
                if self.database == "postgresql":
                    fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
                    url = fresh()
                store = stack.enter_context(opened(url, tmp_path / "keys"))
                return self.adapter(EventRecorder(store, SystemClock(), TimeOrderedIds()))

            self._create = create
            yield

    def create_recorder(self) -> Any:
        return self._create()


class TestApplicationRecorderOnSqlite(_OnOurStore, ApplicationRecorderTestCase):
    database = "sqlite"

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderOnPostgres(_OnOurStore, ApplicationRecorderTestCase):
    database = "postgresql"

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestAggregateRecorderOnSqlite(_OnOurStore, AggregateRecorderTestCase):
    database = "sqlite"
    adapter = OfAggregates


class TestAggregateRecorderOnPostgres(_OnOurStore, AggregateRecorderTestCase):
    database = "postgresql"
    adapter = OfAggregates


del ApplicationRecorderTestCase, AggregateRecorderTestCase
"""The suite's own classes have no store: pytest collects only those above."""


def test_what_came_through_the_recorder_is_chained_like_everything_else(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'events.db'}", tmp_path / "keys") as store:
        recorder = EventRecorder(store, SystemClock(), TimeOrderedIds())
        stream = UUID("018f0000-0000-7000-8000-00000000000a")
        recorder.insert_events([StoredEvent(stream, version, "topic", b"state") for version in (1, 2)])
        recorder.insert_events([StoredEvent(stream, 3, "topic", b"state")])
        assert store.verify_chain() is None
        assert [envelope.version for envelope in store.envelopes_all(0, 10)] == [1, 2, 3]
        assert store.wait(2, 0)
