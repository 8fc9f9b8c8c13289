"""The contract of the event store, on every database that it runs on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from commands.ports import (
    BOOK_NAMES,
    Claims,
    Committed,
    Head,
    Known,
    Moved,
    Refused,
    StoreUnavailable,
    Told,
)
from infra import migrations
from infra.clock import FixedClock, SystemClock
from infra.keys import KeyFile
from infra.sql import reading_engine, writing_engine
from infra.store import MAX_READ_EVENTS, ChainBreak, SqlEventStore
from infra.store.prepared import CLOCK_TOLERANCE_S, MAX_KEY_CHARS
from infra.store.schema import SCHEMA, VERSION_TABLE
from infra.store.tables import metadata
from streams.contract import GENESIS_HASH, MAX_DATA_BYTES, envelope_hash
from tests.stores import HOME, NOON, OFFICE, append, bought, key, opened, opening, recorded, unit


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+pysqlite:///{tmp_path / 'events.db'}"
    fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
    return fresh()


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[SqlEventStore]:
    with opened(url, tmp_path / "keys") as store:
        yield store


def refused(outcome: object) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason.code


def committed(outcome: object) -> Head:
    assert isinstance(outcome, Committed), outcome
    return outcome.head


# Appending


def test_what_was_committed_is_read_back_as_it_happened(store: SqlEventStore) -> None:
    head = recorded(store, HOME, opening(), bought(1), bought(2))
    read = store.read_book(HOME, 0, 10)
    assert [event.event for event in read] == [opening(), bought(1), bought(2)]
    assert [(event.version, event.position) for event in read] == [(1, 1), (2, 2), (3, 3)]
    assert store.read(0, 10) == read
    assert store.head(HOME) == head == store.heads()[HOME]
    assert (head.version, head.hash, head.position, head.recorded_at) == (3, read[-1].hash, 3, read[-1].recorded_at)


def test_every_event_is_chained_on_the_one_before_it_by_the_documented_hash(store: SqlEventStore) -> None:
    recorded(store, HOME, opening(), bought(1))
    recorded(store, HOME, bought(2))
    envelopes = store.envelopes(HOME, 0, 10)
    prev_hash = GENESIS_HASH
    for envelope in envelopes:
        assert envelope.prev_hash == prev_hash
        fields = {name: getattr(envelope, name) for name in envelope.__slots__ if name not in ("position", "hash")}
        assert envelope.hash == envelope_hash(**fields)
        prev_hash = envelope.hash
    assert store.envelopes_all(0, 10) == envelopes
    assert len({envelope.id for envelope in envelopes}) == 3
    assert all(len(envelope.recorded_at) == 27 for envelope in envelopes)


def test_what_a_person_wrote_is_not_to_be_read_in_the_stored_bytes(store: SqlEventStore) -> None:
    recorded(store, HOME, opening(), bought(1, payee="Farmácia da Ana"))
    stored = b"".join(envelope.data for envelope in store.envelopes(HOME, 0, 10))
    assert b"Ana" not in stored
    assert b"bread" not in stored
    assert b"a-food" in stored


def test_units_of_one_batch_stand_on_each_other_and_books_do_not_wait_for_each_other(store: SqlEventStore) -> None:
    units = [
        unit(HOME, 0, opening()),
        unit(OFFICE, 0, opening(OFFICE), bought(9)),
        unit(HOME, 1, bought(1), bought(2)),
    ]
    outcomes = append(store, units, {HOME: None, OFFICE: None})
    assert [(committed(o).version, committed(o).position) for o in outcomes] == [(1, 1), (2, 3), (3, 5)]
    assert store.verify_chain() is None


def test_a_unit_decided_on_an_older_version_has_moved_and_costs_its_neighbours_nothing(store: SqlEventStore) -> None:
    old = recorded(store, HOME, opening())
    recorded(store, HOME, bought(1))
    units = [unit(HOME, 1, bought(2)), unit(OFFICE, 0, opening(OFFICE)), unit(HOME, 2, bought(3))]
    outcomes = append(store, units, {HOME: old, OFFICE: None})
    assert outcomes[0] == outcomes[2] == Moved()
    assert committed(outcomes[1]).position == 3
    assert store.end() == 3


def test_a_unit_decided_on_another_history_of_the_same_length_has_moved(store: SqlEventStore) -> None:
    head = recorded(store, HOME, opening())
    other = Head(head.version, bytes(32), head.position, head.recorded_at)
    outcomes = append(store, [unit(HOME, 1, bought(1))], {HOME: other})
    assert outcomes == (Moved(),)


def test_a_book_that_another_writer_opened_meanwhile_has_moved(store: SqlEventStore) -> None:
    recorded(store, HOME, opening())
    outcomes = append(store, [unit(HOME, 0, opening())], {HOME: None})
    assert outcomes == (Moved(),)


def test_an_event_that_is_too_large_is_refused_with_all_that_stands_on_it(store: SqlEventStore) -> None:
    large = bought(1, payee="x" * MAX_DATA_BYTES)
    units = [unit(HOME, 0, opening(), large), unit(HOME, 2, bought(2)), unit(OFFICE, 0, opening(OFFICE))]
    outcomes = append(store, units, {HOME: None, OFFICE: None})
    assert refused(outcomes[0]) == "event_too_large"
    assert outcomes[1] == Moved()
    assert committed(outcomes[2]).position == 1
    assert store.head(HOME) is None


def test_a_book_whose_key_is_destroyed_takes_no_more_events_and_keeps_its_sums(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path / "keys") as store:
        head = recorded(store, HOME, opening(), bought(1))
    KeyFile(tmp_path / "keys").destroy(HOME)
    with opened(url, tmp_path / "keys", books=()) as store:
        outcomes = append(store, [unit(HOME, 2, bought(2))], {HOME: head})
        (event,) = store.read_book(HOME, 1, 1)
        assert refused(outcomes[0]) == "book_erased"
        assert event.event == replace(bought(1), payee="", memo="")
        assert store.verify_chain() is None


def test_a_batch_of_nothing_asks_nothing(store: SqlEventStore) -> None:
    assert store.commit([], {}) == Told((), {}, frozenset())
    assert store.end() == 0
    assert store.heads() == {}


# Moments


def test_an_event_is_never_recorded_before_the_one_it_follows(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path / "keys", FixedClock(NOON)) as store:
        recorded(store, HOME, opening())
    with opened(url, tmp_path / "keys", FixedClock(NOON - timedelta(seconds=CLOCK_TOLERANCE_S))) as store:
        assert recorded(store, HOME, bought(1)).recorded_at == NOON
        assert recorded(store, OFFICE, opening(OFFICE)).recorded_at < NOON


def test_a_clock_far_behind_a_book_is_refused(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path / "keys", FixedClock(NOON)) as store:
        head = recorded(store, HOME, opening())
    with opened(url, tmp_path / "keys", FixedClock(NOON - timedelta(seconds=CLOCK_TOLERANCE_S + 1))) as store:
        outcomes = append(store, [unit(HOME, 1, bought(1))], {HOME: head})
        assert refused(outcomes[0]) == "clock_behind"
        assert store.end() == 1


class HastyClock(SystemClock):
    """A machine whose clock somebody set forward."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=CLOCK_TOLERANCE_S + 60)


def test_a_clock_far_ahead_of_the_servers_is_refused(postgres_url: Callable[[], str], tmp_path: Path) -> None:
    with opened(postgres_url(), tmp_path / "keys", HastyClock()) as store:
        outcomes = append(store, [unit(HOME, 0, opening())], {HOME: None})
        assert refused(outcomes[0]) == "clock_ahead"
        assert store.end() == 0


# Idempotency


def test_a_key_used_before_answers_its_first_use_and_appends_nothing(store: SqlEventStore) -> None:
    recorded(store, HOME, opening())
    first = store.head(HOME)
    store.commit([unit(HOME, 1, bought(1), bought(2), key=key("a"))], {HOME: first})
    known = Known(key("a").fingerprint, HOME, 2, 3, 3)
    again = append(store, [unit(HOME, 3, bought(1), bought(2), key=key("a"))], {HOME: store.head(HOME)})
    stale = append(store, [unit(HOME, 1, bought(1), bought(2), key=key("a"))], {HOME: first})
    assert again == stale == (known,)
    assert store.known(key("a")) == known
    assert store.known(key("a", scope="another")) is None
    assert store.end() == 3


def test_the_first_uses_fingerprint_comes_back_whatever_the_payload_now(store: SqlEventStore) -> None:
    store.commit([unit(HOME, 0, opening(), key=key("a", b"one"))], {HOME: None})
    outcomes = append(store, [unit(HOME, 1, bought(1), key=key("a", b"two"))], {HOME: store.head(HOME)})
    (known,) = outcomes
    assert isinstance(known, Known)
    assert known.fingerprint == key("a", b"one").fingerprint


def test_a_key_twice_in_one_batch_is_used_once(store: SqlEventStore) -> None:
    units = [unit(HOME, 0, opening(), key=key("a")), unit(HOME, 1, bought(1), key=key("a"))]
    outcomes = append(store, units, {HOME: None})
    assert committed(outcomes[0]).version == 1
    assert outcomes[1] == Moved()


def test_a_command_that_made_nothing_happen_keeps_its_key_too(store: SqlEventStore) -> None:
    head = recorded(store, HOME, opening())
    outcomes = append(store, [unit(HOME, 1, key=key("a"))], {HOME: head})
    assert committed(outcomes[0]) == head
    assert store.known(key("a")) == Known(key("a").fingerprint, HOME, 2, 1, 1)


def test_a_refused_command_learns_that_it_is_a_repeat(store: SqlEventStore) -> None:
    store.commit([unit(HOME, 0, opening(), key=key("a"))], {HOME: None})
    units = [unit(HOME, 1, bought(1), key=key("b"))]
    lookups = [key("a"), key("b"), key("c")]
    assert store.commit(units, {HOME: store.head(HOME)}, lookups).known == {
        key("a"): store.known(key("a")),
        key("b"): store.known(key("b")),
    }
    assert store.commit([], {}, [key("b", b"other")]).known == {key("b", b"other"): store.known(key("b"))}


@pytest.mark.parametrize("text", ["nul\0", "half \ud800", "k" * (MAX_KEY_CHARS + 1)])
def test_a_key_that_no_database_could_keep_is_refused(store: SqlEventStore, text: str) -> None:
    told = store.commit([unit(HOME, 0, opening(), key=key(text))], {HOME: None}, [key(text)])
    assert refused(told.outcomes[0]) == "idempotency_key_not_valid"
    assert told.known == {}
    assert store.known(key(text)) is None


# Reservations


def holds(*fingerprints: str, holder: str, scope: str = HOME) -> Claims:
    return Claims(holds=tuple((scope, fingerprint, holder) for fingerprint in fingerprints))


def test_a_reservation_is_held_once(store: SqlEventStore) -> None:
    units = [
        unit(HOME, 0, opening(), claims=holds("f1", "f2", holder="t-1")),
        unit(OFFICE, 0, opening(OFFICE), claims=holds("f1", holder="t-9", scope=OFFICE)),
    ]
    store.commit(units, {HOME: None, OFFICE: None})
    outcomes = append(
        store, [unit(HOME, 1, bought(1), claims=holds("f0", "f1", "f2", holder="t-2"))], {HOME: store.head(HOME)}
    )
    (outcome,) = outcomes
    assert refused(outcome) == "claim_taken"
    assert isinstance(outcome, Refused)
    assert outcome.reason.params == {"count": 2, "holder": "t-1"}
    assert store.held(HOME, ["f0", "f1", "f2"]) == {"f1": "t-1", "f2": "t-1"}
    assert store.held(OFFICE, ["f1"]) == {"f1": "t-9"}


def test_a_reservation_twice_in_one_batch_goes_to_the_first(store: SqlEventStore) -> None:
    units = [
        unit(HOME, 0, opening(), claims=holds("n", holder=HOME, scope=BOOK_NAMES)),
        unit(OFFICE, 0, opening(OFFICE), claims=holds("n", holder=OFFICE, scope=BOOK_NAMES)),
    ]
    outcomes = append(store, units, {HOME: None, OFFICE: None})
    committed(outcomes[0])
    assert refused(outcomes[1]) == "book_name_used"
    assert store.held(BOOK_NAMES, ["n"]) == {"n": HOME}
    assert store.head(OFFICE) is None


def test_a_row_twice_in_one_unit_is_refused(store: SqlEventStore) -> None:
    claims = Claims(holds=((HOME, "f", "t-1"), (HOME, "f", "t-2")))
    outcomes = append(store, [unit(HOME, 0, opening(), claims=claims)], {HOME: None})
    assert refused(outcomes[0]) == "claim_taken"
    assert store.held(HOME, ["f"]) == {}


def test_what_is_released_is_free_for_the_next_even_in_the_same_batch(store: SqlEventStore) -> None:
    store.commit([unit(HOME, 0, opening(), claims=holds("f1", "f2", holder="t-1"))], {HOME: None})
    units = [
        unit(HOME, 1, bought(1), claims=Claims(releases=((HOME, "t-1"),))),
        unit(HOME, 2, bought(2), claims=holds("f1", holder="t-2")),
    ]
    outcomes = append(store, units, {HOME: store.head(HOME)})
    assert committed(outcomes[1]).version == 3
    assert store.held(HOME, ["f1", "f2"]) == {"f1": "t-2"}


def test_a_name_is_given_up_and_taken_in_one_step(store: SqlEventStore) -> None:
    store.commit([unit(HOME, 0, opening(), claims=holds("old", holder=HOME, scope=BOOK_NAMES))], {HOME: None})
    claims = Claims(holds=((BOOK_NAMES, "new", HOME),), releases=((BOOK_NAMES, HOME),))
    outcomes = append(store, [unit(HOME, 1, bought(1), claims=claims)], {HOME: store.head(HOME)})
    committed(outcomes[0])
    assert store.held(BOOK_NAMES, ["old", "new"]) == {"new": HOME}


def test_a_row_that_a_person_deleted_stays_taken_even_when_its_holder_is_released(store: SqlEventStore) -> None:
    store.commit([unit(HOME, 0, opening(), claims=holds("f1", holder="t-1"))], {HOME: None})
    units = [
        unit(HOME, 1, bought(1), claims=Claims(tombstones=((HOME, "t-1"),))),
        unit(HOME, 2, bought(2), claims=Claims(releases=((HOME, "t-1"),))),
    ]
    store.commit(units, {HOME: store.head(HOME)})
    assert store.held(HOME, ["f1"]) == {"f1": ""}
    outcomes = append(store, [unit(HOME, 3, bought(3), claims=holds("f1", holder="t-3"))], {HOME: store.head(HOME)})
    assert refused(outcomes[0]) == "claim_taken"


def test_a_refused_unit_leaves_every_reservation_as_it_was(store: SqlEventStore) -> None:
    store.commit([unit(HOME, 0, opening(), claims=holds("f1", holder="t-1"))], {HOME: None})
    claims = Claims(holds=((HOME, "f2", "t-2"), (HOME, "f3", "t-2")), releases=((HOME, "t-1"),))
    large = bought(1, payee="x" * MAX_DATA_BYTES)
    taken = Claims(holds=((OFFICE, "g", "t-8"), (OFFICE, "g", "t-9")), releases=((HOME, "t-1"),))
    units = [unit(HOME, 1, large, claims=claims), unit(OFFICE, 0, opening(OFFICE), claims=taken)]
    outcomes = append(store, units, {HOME: store.head(HOME), OFFICE: None})
    assert [refused(outcome) for outcome in outcomes] == ["event_too_large", "claim_taken"]
    assert store.held(HOME, ["f1", "f2", "f3"]) == {"f1": "t-1"}


def test_books_that_moved_are_named_even_where_every_command_was_refused(store: SqlEventStore) -> None:
    old = recorded(store, HOME, opening())
    office = recorded(store, OFFICE, opening(OFFICE))
    recorded(store, HOME, bought(1))
    assert store.commit([], {HOME: old, OFFICE: office}).moved == {HOME}
    assert store.commit([], {HOME: None, OFFICE: office}).moved == {HOME}


# Reading


def test_a_book_is_read_in_pages_forwards_up_to_a_version_and_backwards(store: SqlEventStore) -> None:
    recorded(store, HOME, opening(), *[bought(number) for number in range(9)])
    recorded(store, OFFICE, opening(OFFICE))
    assert [event.version for event in store.read_book(HOME, 0, 4)] == [1, 2, 3, 4]
    assert [event.version for event in store.read_book(HOME, 4, 4)] == [5, 6, 7, 8]
    assert [event.version for event in store.read_book(HOME, 4, 9, 6)] == [5, 6]
    assert [event.version for event in store.read_book_back(HOME, 3)] == [10, 9, 8]
    assert [event.version for event in store.read_book_back(HOME, 3, before_version=3)] == [2, 1]
    assert [event.position for event in store.read(9, 10)] == [10, 11]
    assert store.read(11, 10) == []
    assert store.end() == 11
    assert {book: head.version for book, head in store.heads().items()} == {HOME: 10, OFFICE: 1}


@pytest.mark.parametrize("limit", [0, -1, MAX_READ_EVENTS + 1])
def test_a_read_without_a_sensible_limit_is_a_defect(store: SqlEventStore, limit: int) -> None:
    with pytest.raises(ValueError, match="a read gives"):
        store.read(0, limit)


def test_a_unit_larger_than_any_chunk_is_written_whole(store: SqlEventStore) -> None:
    count = 12_000
    outcomes = append(
        store, [unit(HOME, 0, opening(), *[bought(number, "x" * 400) for number in range(count)])], {HOME: None}
    )
    assert committed(outcomes[0]).version == count + 1
    assert store.end() == count + 1
    assert store.verify_chain() is None


# Following


def test_a_commit_wakes_who_waits(store: SqlEventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.store.following.LOOK_EVERY_S", 60.0)  # nobody finds it by looking
    woken: list[bool] = []
    waiters = [threading.Thread(target=lambda: woken.append(store.wait(0, 30))) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    recorded(store, HOME, opening())
    for waiter in waiters:
        waiter.join()
    assert woken == [True, True, True]
    assert store.wait(0, 0)


def test_a_commit_of_another_store_object_is_noticed(store: SqlEventStore, url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path / "keys") as other:
        recorded(other, HOME, opening())
    assert store.wait(0, 30)
    assert not store.wait(1, 0.05)


def test_a_wait_in_vain_ends_in_time_while_others_wait_longer(store: SqlEventStore) -> None:
    started = time.monotonic()
    woken: list[bool] = []
    patient = threading.Thread(target=lambda: woken.append(store.wait(0, 30)))
    patient.start()
    assert not store.wait(0, 0.2)
    assert time.monotonic() - started < 10
    recorded(store, HOME, opening())
    patient.join()
    assert woken == [True]


# Proof


EDITS = {
    "hash_differs": "UPDATE events SET actor = 'somebody' WHERE position = 3",
    "link_differs": "UPDATE events SET prev_hash = hash WHERE position = 3",
    "version_missing": "DELETE FROM events WHERE position = 3",
}


@pytest.mark.parametrize("code", EDITS)
def test_an_edited_or_removed_event_is_found_and_named(store: SqlEventStore, url: str, code: str) -> None:
    recorded(store, OFFICE, opening(OFFICE))
    recorded(store, HOME, opening(), bought(1), bought(2))
    assert store.verify_chain() is None
    edit(url, EDITS[code])
    found = store.verify_chain()
    assert found is not None
    assert (found.code, found.book) == (code, HOME)
    assert found.version == (3 if code == "version_missing" else 2)
    assert store.verify_chain(HOME) == found
    assert store.verify_chain(OFFICE) is None


def test_a_whole_book_that_was_removed_leaves_a_hole_in_the_positions(store: SqlEventStore, url: str) -> None:
    recorded(store, HOME, opening())
    recorded(store, OFFICE, opening(OFFICE), bought(1))
    recorded(store, HOME, bought(1))
    edit(url, f"DELETE FROM events WHERE stream = '{OFFICE}'")
    assert store.verify_chain() == ChainBreak("position_missing", None, 0, 2)
    edit(url, "DELETE FROM events WHERE position = 1")
    assert store.verify_chain(OFFICE) is None


def test_moments_that_go_back_are_found_even_where_every_hash_was_made_anew(store: SqlEventStore, url: str) -> None:
    recorded(store, HOME, opening(), bought(1))
    (envelope,) = store.envelopes(HOME, 1, 1)
    fields = {name: getattr(envelope, name) for name in envelope.__slots__ if name not in ("position", "hash")}
    fields["recorded_at"] = "2001-01-01T00:00:00.000000Z"
    literal = f"'\\x{envelope_hash(**fields).hex()}'" if "postgres" in url else f"x'{envelope_hash(**fields).hex()}'"
    edit(url, f"UPDATE events SET recorded_at = '{fields['recorded_at']}', hash = {literal} WHERE position = 2")
    found = store.verify_chain()
    assert found is not None
    assert found.code == "time_goes_back"


def edit(url: str, statement: str) -> None:
    """What somebody with the database in their hands may do."""
    engine = writing_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


# The schema


def test_what_the_migrations_make_is_what_the_release_expects(store: SqlEventStore) -> None:
    context = MigrationContext.configure(store.reading.connect(), opts={"version_table": VERSION_TABLE})
    assert context.connection is not None
    with context.connection:
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_this_release_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_a_store_written_by_a_newer_release_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path / "keys") as store:
        recorded(store, HOME, opening())
    edit(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreUnavailable) as refusal, opened(url, tmp_path / "keys"):
        pass
    assert refusal.value.code == "store_newer"
    assert "update Finshift" in refusal.value.detail
    edit(url, f"UPDATE {VERSION_TABLE} SET version_num = '{SCHEMA}'")
    with opened(url, tmp_path / "keys") as store:
        assert store.end() == 1


def test_a_migration_that_is_cut_off_leaves_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise OSError("the lights went out")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.create_index", cut_off)
        with pytest.raises(OSError, match="lights"), opened(url, tmp_path / "keys"):
            pass
    engine = reading_engine(url)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    engine.dispose()
    with opened(url, tmp_path / "keys") as store:
        recorded(store, HOME, opening())


def test_an_older_store_is_brought_up_and_keeps_its_events(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path / "keys") as store:
        recorded(store, HOME, opening())
    for younger in ("installation", "relay_notes", "leases"):
        edit(url, f"DROP TABLE {younger}")
    edit(url, f"UPDATE {VERSION_TABLE} SET version_num = '0001'")
    with opened(url, tmp_path / "keys") as store:
        assert store.end() == 1
        assert store.proof() is None


def test_a_store_belongs_to_the_first_key_file_for_good(store: SqlEventStore) -> None:
    assert store.proof() is None
    store.belong("first")
    store.belong("second")
    assert store.proof() == "first"


def test_a_databases_error_does_not_show_what_was_to_be_written(store: SqlEventStore) -> None:
    row = {"one": 1, "proof": "Padaria do Zé"}
    with store.writing.begin() as connection, pytest.raises(sa.exc.IntegrityError) as failure:
        connection.execute(sa.insert(metadata.tables["installation"]), [row, row])
    assert "Padaria" not in str(failure.value)


def test_stores_opened_at_once_on_an_empty_database_agree(url: str, tmp_path: Path) -> None:
    together = threading.Barrier(4)
    ends: list[int] = []

    def open_one() -> None:
        together.wait()
        with opened(url, tmp_path / "keys") as store:
            ends.append(store.end())

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [0, 0, 0, 0]


def test_the_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'events.db'}", tmp_path / "keys") as store:
        recorded(store, HOME, opening())
        for file in tmp_path.glob("events.db*"):
            assert file.stat().st_mode & 0o077 == 0, file
