"""The publisher: what the read models raise goes to the topic of alerts, at least once.

A read model raises an alert in the runner's transaction, where no broker can be asked; it is sent from its table
afterwards. What was sent is noted beside the model and not in it, by the topic's id: a model that is rebuilt sends
nothing again, and a topic that was lost is filled again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Column, MetaData, Table, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.alerts import Alert
from projections.raised import RaisedAlerts, alert_of
from projections.readmodel import CText
from streams.alerts.ground import BrokerAway
from streams.alerts.records import to_record
from streams.heads import ReadDatabase
from streams.wire import Record

BATCH_ALERTS = 500

LOOK_EVERY_S = 0.5
"""How often it is asked what was raised: an alert is for people, who do not notice half a second."""

ASK_TOPIC_EVERY_S = 15.0
"""How often the broker is asked whether the topic is still the one that the notes are about."""

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 15.0

metadata = MetaData()

published = Table(
    "alerts_published",
    metadata,
    Column("topic_id", CText, primary_key=True),
    Column("alert_id", CText, primary_key=True),
    sqlite_with_rowid=False,
)
"""Outside every read model's own tables, so that no rebuild forgets it."""

_log = logging.getLogger(__name__)


class Sender(Protocol):
    """A producer that is used until it fails."""

    def send(self, records: Sequence[Record]) -> None:
        """Returns when every replica has every record; raises `BrokerAway`."""
        ...


class AlertsTopic(Protocol):
    """The topic of alerts on the broker."""

    def alerts_id(self) -> str:
        """The topic's id, which a topic made anew has not; it is made where it is missing. Raises `BrokerAway`."""
        ...

    def sender(self) -> AbstractContextManager[Sender]:
        """Raises `BrokerAway`."""
        ...


class AlertPublisher:
    """Publishes the alerts of some read models, of which it knows their tables alone."""

    def __init__(self, database: ReadDatabase, raised: Sequence[RaisedAlerts], topic: AlertsTopic) -> None:
        self._database = database
        self._raised = raised
        self._topic = topic

    def run(self, stop: threading.Event) -> None:
        """Publish until told to stop; whatever is in the way is waited out."""
        pause_s = FIRST_RETRY_S
        while not stop.is_set():
            try:
                self._follow(stop)
                pause_s = FIRST_RETRY_S
            except BrokerAway as away:
                _log.warning("alerts of budgets wait for Kafka: %s", away)
            except Exception as fault:
                _log.warning(
                    "alerts of budgets could not be published: they are tried again until they are; look at the "
                    "database of the read models",
                    extra={"fault": type(fault).__name__},
                )
            else:
                continue
            stop.wait(pause_s)
            pause_s = min(pause_s * 2, LONGEST_RETRY_S)

    def _follow(self, stop: threading.Event) -> None:
        """Publish to the topic as it is now, until it is time to ask whether it still is."""
        topic_id = self._topic.alerts_id()
        self._begin(topic_id)
        asked_at = time.monotonic()
        with self._topic.sender() as sender:
            while not stop.is_set():
                if not self._publish(topic_id, sender):
                    stop.wait(LOOK_EVERY_S)
                if time.monotonic() - asked_at > ASK_TOPIC_EVERY_S:
                    if self._topic.alerts_id() != topic_id:
                        _log.warning("the topic of alerts was made anew: it is filled again")
                        return
                    asked_at = time.monotonic()

    def publish_once(self) -> int:
        """Publish what is raised and not published yet; how many alerts that were."""
        topic_id = self._topic.alerts_id()
        self._begin(topic_id)
        count = 0
        with self._topic.sender() as sender:
            while sent := self._publish(topic_id, sender):
                count += sent
        return count

    def _begin(self, topic_id: str) -> None:
        """Make the table of notes, and forget those about topics that are gone."""
        with self._database.write() as connection:
            metadata.create_all(connection)
            connection.execute(delete(published).where(published.c.topic_id != topic_id))

    def _publish(self, topic_id: str, sender: Sender) -> int:
        alerts = self._unpublished(topic_id)
        if not alerts:
            return 0
        sender.send([to_record(alert) for alert in alerts])
        with self._database.write() as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            notes = [{"topic_id": topic_id, "alert_id": alert.alert_id} for alert in alerts]
            connection.execute(insert(published).on_conflict_do_nothing(), notes)
        return len(alerts)

    def _unpublished(self, topic_id: str) -> list[Alert]:
        found: list[Alert] = []
        with self._database.read() as connection:
            for raised in self._raised:
                table = raised.table
                noted = exists().where(published.c.topic_id == topic_id, published.c.alert_id == table.c.alert_id)
                query = select(table).where(~noted).order_by(table.c.book, table.c.version, table.c.alert_id)
                found += [alert_of(row) for row in connection.execute(query.limit(BATCH_ALERTS - len(found)))]
                if len(found) >= BATCH_ALERTS:
                    break
        return found
