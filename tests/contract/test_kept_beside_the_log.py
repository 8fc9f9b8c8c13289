"""The contracts of what is kept beside the log and may be lost: snapshots of states, and pending imports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from commands.ports import Head, KeyGone
from domain.book import Book, BookErased, evolve
from domain.ledger import ImportId
from infra import snapshots as snapshots_module
from infra.clock import SystemClock, TimeOrderedIds
from infra.keys import KeyFile
from infra.pending import SqlPendingImports
from infra.snapshots import SqlSnapshots
from infra.store import SqlEventStore
from infra.store.tables import pending_imports, snapshots
from tests.stores import HOME, NOON, OFFICE, bought, opening, recorded


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    keys = KeyFile(tmp_path / "keys")
    keys.create(HOME)
    keys.create(OFFICE)
    return keys


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, keys: KeyFile) -> Iterator[SqlEventStore]:
    url = f"sqlite+pysqlite:///{tmp_path / 'events.db'}"
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
        url = fresh()
    store = SqlEventStore(url, keys, SystemClock(), TimeOrderedIds())
    yield store
    store.close()


# Snapshots


@pytest.fixture
def kept(store: SqlEventStore, keys: KeyFile) -> SqlSnapshots:
    return SqlSnapshots(store.writing, store.reading, keys)


def home(store: SqlEventStore) -> tuple[Head, Book]:
    """A book in the store, and its state."""
    head, state = recorded(store, HOME, opening(), bought(1), bought(2)), Book()
    evolve(state, opening())
    return head, state


def test_a_snapshot_comes_back_as_it_was(store: SqlEventStore, kept: SqlSnapshots) -> None:
    head, state = home(store)
    assert kept.load(HOME) is None
    kept.save(HOME, head, state)
    assert kept.load(HOME) == (head, state)
    assert kept.load(OFFICE) is None
    newer = recorded(store, HOME, bought(9))
    kept.save(HOME, newer, state)
    assert kept.load(HOME) == (newer, state)


def test_processes_that_save_a_snapshot_of_one_book_at_once_do_not_collide(
    store: SqlEventStore, kept: SqlSnapshots, keys: KeyFile
) -> None:
    head, state = home(store)
    address = store.writing.url.render_as_string(hide_password=False)
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def save() -> None:
        other = SqlEventStore(address, keys, SystemClock(), TimeOrderedIds())
        try:
            snapshots_of_other = SqlSnapshots(other.writing, other.reading, keys)
            together.wait()
            for _ in range(25):
                snapshots_of_other.save(HOME, head, state)
        except BaseException as failure:
            failures.append(failure)
        finally:
            other.close()

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert kept.load(HOME) == (head, state)


def test_a_snapshot_hides_what_people_wrote(store: SqlEventStore, kept: SqlSnapshots) -> None:
    head, state = home(store)
    kept.save(HOME, head, state)
    with store.reading.connect() as connection:
        assert b"Home" not in bytes(connection.execute(sa.select(snapshots.c.sealed)).scalar_one())


def test_a_snapshot_of_another_release_is_ignored(
    store: SqlEventStore, kept: SqlSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, state = home(store)
    with monkeypatch.context() as other_release:
        other_release.setattr(snapshots_module, "source_digest", lambda: "another")
        kept.save(HOME, head, state)
    assert kept.load(HOME) is None
    kept.save(HOME, head, state)
    assert kept.load(HOME) is not None


def test_a_snapshot_of_a_chain_that_is_not_the_stores_is_ignored(store: SqlEventStore, kept: SqlSnapshots) -> None:
    head, state = home(store)
    kept.save(HOME, replace(head, hash=bytes(32)), state)
    assert kept.load(HOME) is None
    kept.save(HOME, replace(head, version=head.version + 1), state)
    assert kept.load(HOME) is None


@pytest.mark.parametrize(
    "forged", [{"version": 2}, {"position": 99}, {"sealed": bytes(200)}, {"sealed": b""}, {"book": OFFICE}]
)
def test_a_snapshot_that_somebody_changed_is_never_read(
    store: SqlEventStore, kept: SqlSnapshots, forged: dict[str, object]
) -> None:
    head, state = home(store)
    recorded(store, OFFICE, *[opening(OFFICE)] * head.version)
    kept.save(HOME, head, state)
    hashes = {found.version: found.hash for found in store.read_book(HOME, 0, 10)}
    if "version" in forged:
        forged = forged | {"hash": hashes[2]}
    if "book" in forged:
        forged = forged | {"hash": store.read_book_back(OFFICE, 1)[0].hash}
    with store.writing.begin() as connection:
        connection.execute(sa.update(snapshots).values(**forged))
    assert kept.load(HOME) is None
    assert kept.load(OFFICE) is None


def test_a_snapshot_goes_with_its_books_key(store: SqlEventStore, kept: SqlSnapshots, keys: KeyFile) -> None:
    head, state = home(store)
    kept.save(HOME, head, state)
    keys.destroy(HOME)
    assert kept.load(HOME) is None
    with pytest.raises(KeyGone):
        kept.save(HOME, head, state)


def test_the_digest_follows_every_source_that_makes_a_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = list(snapshots_module._sources())
    names = {path.name for path in sources}
    assert {"book.py", "transactions.py", "state.py", "money.py", "codec.py", "contract.py"} <= names
    before = snapshots_module.source_digest.__wrapped__()
    changed = tmp_path / sources[0].name
    changed.write_bytes(sources[0].read_bytes() + b"\n")
    monkeypatch.setattr(snapshots_module, "_sources", lambda: [changed, *sources[1:]])
    assert snapshots_module.source_digest.__wrapped__() != before


# Pending imports


@pytest.fixture
def pending(store: SqlEventStore) -> SqlPendingImports:
    return SqlPendingImports(store.writing, store.reading)


ONE, TWO, THREE = (ImportId(f"i-{number}") for number in range(1, 4))


def test_a_pending_import_is_kept_replaced_and_forgotten(pending: SqlPendingImports) -> None:
    pending.save(ONE, HOME, NOON, b"sealed", keep=5)
    assert pending.load(ONE) == (HOME, b"sealed")
    pending.save(ONE, HOME, NOON, b"answered", keep=5)
    assert pending.load(ONE) == (HOME, b"answered")
    pending.drop(ONE)
    pending.drop(ONE)
    assert pending.load(ONE) is None


def test_only_the_newest_of_a_book_stay(pending: SqlPendingImports) -> None:
    pending.save(ONE, OFFICE, NOON, b"other book", keep=2)
    for number, import_id in enumerate((TWO, THREE, ImportId("i-4"))):
        pending.save(import_id, HOME, NOON + timedelta(minutes=number), b"sealed", keep=2)
    assert pending.load(TWO) is None
    assert pending.load(THREE) is not None
    assert pending.load(ImportId("i-4")) is not None
    assert pending.load(ONE) == (OFFICE, b"other book")


def test_what_is_old_or_of_an_erased_book_is_forgotten(pending: SqlPendingImports, store: SqlEventStore) -> None:
    pending.save(ONE, HOME, NOON, b"old", keep=5)
    pending.save(TWO, HOME, NOON + timedelta(hours=1), b"new", keep=5)
    pending.save(THREE, OFFICE, NOON + timedelta(hours=1), b"other", keep=5)
    pending.purge_before(NOON + timedelta(hours=1))
    assert pending.load(ONE) is None
    assert pending.load(TWO) is not None
    recorded(store, HOME, opening(), BookErased())
    assert pending.load(TWO) is None
    with store.reading.connect() as connection:
        assert connection.execute(sa.select(pending_imports.c.import_id)).scalars().all() == [THREE]


def test_no_snapshot_of_an_erased_book_is_left(store: SqlEventStore, kept: SqlSnapshots) -> None:
    head, state = home(store)
    kept.save(HOME, head, state)
    recorded(store, HOME, BookErased())
    with store.reading.connect() as connection:
        assert connection.execute(sa.select(snapshots.c.book)).all() == []
