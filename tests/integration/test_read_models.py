"""The read models behind the runner, on the real store: each equals a fresh fold, also of what cannot be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.engine import URL

from domain.book import BookErased
from infra.read_models import ReadModels, open_read_models
from infra.sql import LOCK_TIMEOUT_MS
from infra.store import SqlEventStore
from infra.store.tables import events
from projections import READ_MODELS, accounts, register
from streams import heads, runner
from streams.runner import ProjectionRunner
from tests.given import household
from tests.stores import HOME, OFFICE, bought, opened, opening, recorded

NAMES = [model.NAME for model in READ_MODELS]


@pytest.fixture(params=["sqlite", "postgresql"])
def addresses(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The event store's, and the read models'."""
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
        return fresh(), fresh()
    return f"sqlite+pysqlite:///{tmp_path / 'events.db'}", f"sqlite+pysqlite:///{tmp_path / 'read-models.db'}"


House = tuple[SqlEventStore, ReadModels, ProjectionRunner]


@contextmanager
def house(addresses: tuple[str, str], keys: Path) -> Iterator[House]:
    with opened(addresses[0], keys) as store:
        database = open_read_models(addresses[1], READ_MODELS)
        following = ProjectionRunner(store, database, READ_MODELS)
        try:
            yield store, database, following
        finally:
            following.close()
            database.close()


@pytest.fixture
def standing(addresses: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Two households with some purchases, followed in small batches."""
    monkeypatch.setattr(runner, "BATCH_EVENTS", 7)
    with house(addresses, tmp_path / "keys") as (store, database, following):
        for book in (HOME, OFFICE):
            recorded(store, book, opening(book), *household()[1:])
        for number in range(40):
            recorded(store, (HOME, OFFICE)[number % 2], bought(number))
        following.catch_up()
        yield store, database, following


def assert_all_verify(following: ProjectionRunner) -> None:
    assert {name: following.verify(name) for name in NAMES} == dict.fromkeys(NAMES)


def test_every_read_model_equals_a_fresh_fold(standing: House) -> None:
    store, _, following = standing
    assert {status.lag for status in following.status()} == {0}
    assert_all_verify(following)
    following.rebuild(register.NAME)
    recorded(store, HOME, bought(100))
    following.catch_up()
    assert_all_verify(following)


def test_a_following_runner_shows_what_was_recorded(standing: House) -> None:
    store, _, following = standing
    stop = threading.Event()
    thread = threading.Thread(target=following.run, args=(stop,))
    thread.start()
    try:
        for number in range(20):
            head = recorded(store, HOME, bought(200 + number))
            assert following.wait_for(NAMES, HOME, head.version, 10.0) == head.version
    finally:
        stop.set()
        thread.join()
    assert_all_verify(following)


def test_erasing_a_book_purges_every_read_model_and_its_neighbour_stands(
    standing: House, tmp_path: Path, addresses: tuple[str, str]
) -> None:
    store, database, following = standing
    recorded(store, HOME, BookErased())
    following.catch_up()
    with database.read() as connection:
        assert [row.book for row in accounts.books(connection)] == [OFFICE]
        assert register.transactions(connection, HOME).items == []
        assert register.transactions(connection, OFFICE).items
        for model in READ_MODELS:
            for table in model.metadata.tables.values():
                if "book" in table.c:
                    assert HOME not in {row.book for row in connection.execute(table.select())}, table.name
    assert_all_verify(following)


@pytest.mark.parametrize("harm", ["type", "data"])
def test_an_event_that_cannot_be_read_parks_its_book_and_is_released_once_mended(standing: House, harm: str) -> None:
    store, database, following = standing
    before = store.head(HOME)
    assert before is not None
    damaged = recorded(store, HOME, bought(100))
    recorded(store, HOME, bought(101))
    neighbour = recorded(store, OFFICE, bought(102))
    this = events.c.position == damaged.position
    with store.writing.begin() as connection:
        found = connection.execute(events.select().where(this)).one()
        broken = {"type": "ledger.from-the-future.v9", "data": b'{"date":"Padaria"}'}
        connection.execute(update(events).where(this).values({harm: broken[harm]}))

    following.catch_up()
    with database.read() as read:
        for name in NAMES:
            head = following.head(read, name, HOME)
            assert head is not None
            assert (head.version, head.hash) == (before.version, before.hash)
            assert head.parked is not None
            assert head.parked.startswith(f"unreadable: version {damaged.version}: ")
            assert "Padaria" not in head.parked
            other = following.head(read, name, OFFICE)
            assert other is not None
            assert (other.version, other.parked) == (neighbour.version, None)
    assert_all_verify(following)
    assert following.release(NAMES[0], HOME).parked is not None

    with store.writing.begin() as connection:
        connection.execute(update(events).where(this).values(type=found.type, data=found.data))
    for name in NAMES:
        assert following.release(name, HOME).version == damaged.version + 1
    assert_all_verify(following)


def files_with(folder: Path, text: str) -> list[str]:
    return [file.name for file in folder.iterdir() if text.encode() in file.read_bytes()]


@pytest.mark.parametrize("later", ["batch", "idle", "start"])
def test_what_an_erased_book_said_goes_once_no_reader_sees_it_any_more(tmp_path: Path, later: str) -> None:
    addresses = (f"sqlite+pysqlite:///{tmp_path / 'events.db'}", f"sqlite+pysqlite:///{tmp_path / 'read-models.db'}")
    with house(addresses, tmp_path / "keys") as (store, database, following):
        for book in (HOME, OFFICE):
            recorded(store, book, opening(book), *household()[1:])
        recorded(store, HOME, *[bought(number, f"Quincaillerie {number}") for number in range(300)])
        following.catch_up()
        stop = threading.Event()
        thread = threading.Thread(target=following.run, args=(stop,))
        with database.read() as reader:
            assert accounts.books(reader)
            if later == "idle":
                thread.start()
            erased = recorded(store, HOME, BookErased())
            began = time.monotonic()
            if later != "idle":
                following.catch_up()
            assert following.wait_for(NAMES, HOME, erased.version, 10.0) == erased.version
            assert time.monotonic() - began < LOCK_TIMEOUT_MS / 1000, "readers hold nobody up"
            if later == "idle":
                # The next batch is behind the first try to clear the files, which the reader makes fail.
                other = recorded(store, OFFICE, bought(1))
                assert following.wait_for(NAMES, OFFICE, other.version, 10.0) == other.version
            assert files_with(tmp_path, "Quincaillerie") != []
        try:
            if later == "batch":
                recorded(store, OFFICE, bought(1))
                following.catch_up()
            elif later == "start":
                with house(addresses, tmp_path / "keys") as (_, _, another):
                    another.catch_up()
                    # The first program's connections stand open: nothing was cleared by closing the last one.
                    assert files_with(tmp_path, "Quincaillerie") == []
            until = time.monotonic() + (30 if later == "idle" else 0)
            while files_with(tmp_path, "Quincaillerie") and time.monotonic() < until:
                stop.wait(0.01)
            assert files_with(tmp_path, "Quincaillerie") == []
        finally:
            stop.set()
            if later == "idle":
                thread.join()


def test_a_release_that_comes_upon_an_erasure_leaves_nothing_in_the_files_either(tmp_path: Path) -> None:
    addresses = (f"sqlite+pysqlite:///{tmp_path / 'events.db'}", f"sqlite+pysqlite:///{tmp_path / 'read-models.db'}")
    with house(addresses, tmp_path / "keys") as (store, database, following):
        recorded(store, HOME, opening(), *household()[1:])
        recorded(store, HOME, *[bought(number, f"Quincaillerie {number}") for number in range(300)])
        following.catch_up()
        recorded(store, HOME, BookErased())
        with database.write() as connection:
            connection.execute(update(heads.heads).values(parked="tried"))
            connection.execute(update(heads.checkpoints).values(position=store.end()))
        for name in NAMES:
            assert following.release(name, HOME).parked is None
        assert files_with(tmp_path, "Quincaillerie") == []


def test_a_verification_keeps_its_copy_beside_the_read_models_and_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    place = tmp_path / "a folder with #, ? and %"
    place.mkdir()
    database = ReadModels(URL.create("sqlite+pysqlite", database=str(place / "read-models.db")))
    left = place / "finshift-verify-left"
    left.mkdir()
    (left / "scratch.db").write_bytes(b"Quincaillerie")
    with database.scratch() as aside:
        (one,) = place.glob("finshift-verify-*")
        assert one != left
        assert one.stat().st_mode & 0o777 == 0o700
        with aside.write() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x)")
        assert (one / "scratch.db").exists()
        with database.scratch():
            assert len(list(place.glob("finshift-verify-*"))) == 2, "one that is in use stays"
    assert list(place.glob("finshift-verify-*")) == []
    database.close()


def test_nothing_that_was_written_in_an_erased_book_is_left_in_the_files(tmp_path: Path) -> None:
    addresses = (f"sqlite+pysqlite:///{tmp_path / 'events.db'}", f"sqlite+pysqlite:///{tmp_path / 'read-models.db'}")

    with house(addresses, tmp_path / "keys") as (store, _, following):
        purchases = [bought(number, f"Quincaillerie {number}") for number in range(300)]
        recorded(store, HOME, opening(), *household()[1:], *purchases)
        following.catch_up()
        assert files_with(tmp_path, "Quincaillerie") != []
        recorded(store, HOME, BookErased())
        following.catch_up()
        assert files_with(tmp_path, "Quincaillerie") == []
