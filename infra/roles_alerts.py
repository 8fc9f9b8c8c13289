"""The roles that send alerts, built from the settings: the Faust worker, and the publisher beside the projections."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import Rejected
from infra.kafka.alerts import KafkaAlertTopics
from infra.store.reading import recorded
from projections import budgets
from streams.alerts.publishing import AlertPublisher
from streams.alerts.watching import Watching
from streams.alerts.worker import AlertsWorker
from streams.contract import Envelope

if TYPE_CHECKING:
    from infra.keys import KeyFile
    from infra.read_models import ReadModels
    from infra.settings import Settings
    from infra.store import SqlEventStore

_row = attrgetter(*Envelope.__slots__)
"""An envelope's fields as they are stored; `astuple` copies each of them, which takes longer than to decode it."""

MAX_WORKERS = 64
"""Workers of one data folder on one machine: more than any topic of ours has partitions for."""


@contextmanager
def open_alerts(settings: Settings, store: SqlEventStore, keys: KeyFile) -> Iterator[AlertsWorker]:
    """The Faust worker. `kafka_missing` where no broker is named: without one, the read models raise these alerts."""
    if settings.kafka_servers is None:
        raise Rejected("kafka_missing")

    def watching(generation: str) -> Watching:
        return Watching(lambda envelope: recorded(_row(envelope), keys), keys.fingerprint, store, generation)

    topics = KafkaAlertTopics(settings.kafka_servers, settings.kafka_prefix)
    with _folder(settings.data_dir / "alerts") as folder:
        yield AlertsWorker(topics, watching, folder, settings.kafka_prefix)


def alert_publisher(settings: Settings, read_models: ReadModels) -> AlertPublisher:
    """Sends what the budgets raise, beside the projections that raise it; `kafka_missing` where no broker is named."""
    if settings.kafka_servers is None:
        raise Rejected("kafka_missing")
    return AlertPublisher(
        read_models, [budgets.raised], KafkaAlertTopics(settings.kafka_servers, settings.kafka_prefix)
    )


@contextmanager
def _folder(below: Path) -> Iterator[Path]:
    """The first folder that no other worker has: RocksDB lets one process at a time into its files."""
    below.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, MAX_WORKERS + 1):
        handle = os.open(below / f"worker-{number}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        try:
            folder = below / f"worker-{number}"
            folder.mkdir(mode=0o700, exist_ok=True)
            yield folder
        finally:
            os.close(handle)
        return
    raise Rejected("too_many_alert_workers", limit=MAX_WORKERS)
