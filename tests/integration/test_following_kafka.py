"""The read models by way of Kafka: the same as from the store, whatever else is on the topic and whoever shares it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from domain.book import BookErased, BookId
from infra.kafka.source import KafkaSource
from infra.keys import KeyFile
from infra.read_models import ReadModels, open_read_models
from infra.store import SqlEventStore
from projections import READ_MODELS
from streams import heads, runner
from streams.contract import envelope_hash
from streams.runner import ProjectionRunner
from streams.wire import Record, to_record
from tests.given import household
from tests.stores import bought, opened, opening, recorded
from tests.topics import log_of, make_topic, publish, remove_topic

BOOKS = [BookId(f"b-{number:03}") for number in range(8)]
NAMES = [model.NAME for model in READ_MODELS]
WAIT_S = 60.0


@pytest.fixture(params=["sqlite", "postgresql"])
def read_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
        return fresh()
    return f"sqlite+pysqlite:///{tmp_path / 'read-models.db'}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlEventStore]:
    """Eight households with some purchases each."""
    with opened(f"sqlite+pysqlite:///{tmp_path / 'events.db'}", tmp_path / "keys", books=BOOKS) as store:
        for book in BOOKS:
            recorded(store, book, opening(book), *household()[1:])
        for number in range(80):
            recorded(store, BOOKS[number % len(BOOKS)], bought(number))
        yield store


@pytest.fixture
def topic(kafka_servers: str, kafka_prefix: str) -> Iterator[str]:
    name = f"{kafka_prefix}.events"
    make_topic(kafka_servers, name)
    yield name
    remove_topic(kafka_servers, name)


@pytest.fixture
def models(read_address: str) -> Iterator[ReadModels]:
    database = open_read_models(read_address, READ_MODELS)
    yield database
    database.close()


@contextmanager
def projecting(store: SqlEventStore, models: ReadModels, servers: str, topic: str, keys: Path) -> Iterator[None]:
    """A projector in a thread; what it raises fails the test."""
    source = KafkaSource(servers, topic, f"{topic}.projections", KeyFile(keys))
    following = ProjectionRunner(store, models, READ_MODELS, source)
    stop, raised = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            following.run(stop)
        except BaseException as error:
            raised.append(error)
        finally:
            source.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WAIT_S)
        following.close()
    assert not thread.is_alive()
    assert raised == []


@contextmanager
def asking(store: SqlEventStore, models: ReadModels) -> Iterator[ProjectionRunner]:
    """Another process's runner: it follows nothing, it asks."""
    aside = ProjectionRunner(store, models, READ_MODELS)
    try:
        yield aside
    finally:
        aside.close()


def assert_all_is_there(store: SqlEventStore, models: ReadModels, *, but: frozenset[BookId] = frozenset()) -> None:
    """Every read model reaches the log's end, across processes, and equals a fresh fold of it."""
    with asking(store, models) as aside:
        for book, head in store.heads().items():
            if book not in but:
                assert aside.wait_for(NAMES, book, head.version, WAIT_S) >= head.version
        assert {name: aside.verify(name) for name in NAMES} == dict.fromkeys(NAMES)
        if not but:
            assert {(status.lag, status.lag_s) for status in aside.status()} == {(0, 0.0)}


def test_read_models_by_way_of_kafka_equal_a_fresh_fold_of_the_store(
    store: SqlEventStore, models: ReadModels, kafka_servers: str, topic: str, tmp_path: Path
) -> None:
    publish(kafka_servers, topic, log_of(store))
    with projecting(store, models, kafka_servers, topic, tmp_path / "keys"):
        assert_all_is_there(store, models)
        head = recorded(store, BOOKS[0], bought(500))
        publish(kafka_servers, topic, store.envelopes(BOOKS[0], head.version - 1, 1))
        assert_all_is_there(store, models)


def test_repeats_holes_disorder_and_strangers_on_the_topic_change_nothing(
    store: SqlEventStore, models: ReadModels, kafka_servers: str, topic: str, tmp_path: Path
) -> None:
    log = log_of(store)
    late = log[::3]
    strangers = [
        Record(b"b-000", b"{}", []),
        Record(b"nobody", b"\xff\x00", [("ce_id", b"x")]),
        Record(b"b-001", to_record(log[0]).value, to_record(log[0]).headers),
    ]
    kept = [event for event in log if event not in late]
    publish(kafka_servers, topic, [*log[:10], *strangers, *log[:10], *reversed(log[10:20]), *kept, *strangers, *log])
    with projecting(store, models, kafka_servers, topic, tmp_path / "keys"):
        assert_all_is_there(store, models)


def test_projectors_share_the_partitions_and_one_that_leaves_loses_nothing(
    store: SqlEventStore,
    models: ReadModels,
    kafka_servers: str,
    topic: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "BATCH_EVENTS", 5)
    log = log_of(store)
    with ExitStack() as staying, ExitStack() as leaving:
        staying.enter_context(projecting(store, models, kafka_servers, topic, tmp_path / "keys"))
        publish(kafka_servers, topic, log[:40])
        leaving.enter_context(projecting(store, models, kafka_servers, topic, tmp_path / "keys"))
        publish(kafka_servers, topic, log[40:90])
        leaving.close()
        publish(kafka_servers, topic, log[90:])
        assert_all_is_there(store, models)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    store: SqlEventStore, models: ReadModels, kafka_servers: str, topic: str, tmp_path: Path
) -> None:
    publish(kafka_servers, topic, log_of(store))
    with projecting(store, models, kafka_servers, topic, tmp_path / "keys"):
        assert_all_is_there(store, models)
    remove_topic(kafka_servers, topic)
    recorded(store, BOOKS[3], bought(900))
    make_topic(kafka_servers, topic)
    publish(kafka_servers, topic, log_of(store))
    with projecting(store, models, kafka_servers, topic, tmp_path / "keys"):
        assert_all_is_there(store, models)
    with models.read() as connection:
        lanes = {lane for held in heads.positions(connection).values() for lane in held}
    assert len({lane.partition("/")[0] for lane in lanes - {heads.STORE}}) == 2


def test_an_erased_book_is_purged_by_way_of_kafka_too(
    store: SqlEventStore, models: ReadModels, kafka_servers: str, topic: str, tmp_path: Path
) -> None:
    publish(kafka_servers, topic, log_of(store))
    with projecting(store, models, kafka_servers, topic, tmp_path / "keys"):
        assert_all_is_there(store, models)
        before = store.end()
        recorded(store, BOOKS[2], BookErased("enough"))
        publish(kafka_servers, topic, store.envelopes_all(before, 10))
        assert_all_is_there(store, models)


def test_an_event_of_a_newer_release_parks_its_book_alone(
    store: SqlEventStore, models: ReadModels, kafka_servers: str, topic: str, tmp_path: Path
) -> None:
    log = log_of(store)
    last = store.envelopes(BOOKS[1], (head := store.heads()[BOOKS[1]]).version - 1, 1)[0]
    fields = {name: getattr(last, name) for name in ("stream", "recorded_at", "actor", "command_id")}
    fields |= {"id": "e-newer", "type": "ledger.time-turned.v9"}
    fields |= {"correlation_id": last.correlation_id, "causation_id": last.causation_id}
    newer = type(last)(
        **fields,
        version=head.version + 1,
        position=head.position + 1_000,
        prev_hash=head.hash,
        hash=envelope_hash(**fields, version=head.version + 1, prev_hash=head.hash, data=b"{}"),
        data=b"{}",
    )
    publish(kafka_servers, topic, [*log, newer])
    with projecting(store, models, kafka_servers, topic, tmp_path / "keys"), asking(store, models) as aside:
        until = time.monotonic() + WAIT_S
        while not all(status.parked for status in aside.status()) and time.monotonic() < until:
            threading.Event().wait(0.05)
        for status in aside.status():
            [(book, version, reason)] = status.parked
            assert (book, version) == (BOOKS[1], head.version)
            assert "ledger.time-turned.v9" in reason
        assert_all_is_there(store, models, but=frozenset({BOOKS[1]}))
