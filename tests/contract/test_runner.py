"""The projection runner, on both databases: every read model is a fold of the log, whatever happens on the way."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, inspect, select, update

from commands.ports import StoreUnavailable
from domain.book import BookErased, BookId
from domain.errors import Rejected
from infra.read_models import ReadModels, open_read_models
from streams import heads, runner
from streams.heads import ProjectionHead
from streams.runner import ProjectionReplaced, ProjectionRunner
from tests.fakes import MemoryLog
from tests.runner_process import made_log, models
from tests.tally import Tally, Trouble, opened, payee_is, spent

HOME, CABIN, SHOP = BookId("b-home"), BookId("b-cabin"), BookId("b-shop")


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
        return fresh()
    return f"sqlite+pysqlite:///{tmp_path / 'read-models.db'}"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BATCH_EVENTS", 3)


@contextmanager
def opened_at(address: str, log: MemoryLog, *read_models: Tally) -> Iterator[tuple[ReadModels, ProjectionRunner]]:
    database = open_read_models(address, read_models)
    following = ProjectionRunner(log, database, read_models)
    try:
        yield database, following
    finally:
        following.close()
        database.close()


@contextmanager
def running(following: ProjectionRunner) -> Iterator[None]:
    """The runner's loop in a thread; what it raises fails the test."""
    stop, raised = threading.Event(), list[BaseException]()

    def loop() -> None:
        try:
            following.run(stop)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not raised, raised


def rows(database: ReadModels, model: Tally) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return model.rows(connection)


def folded(log: MemoryLog, tmp_path: Path, book: BookId | None = None) -> list[tuple[object, ...]]:
    """The rows of a fold in one go, of the whole log or of one book's part."""
    model = Tally()
    database = open_read_models(f"sqlite+pysqlite:///{tmp_path / 'folded.db'}", [model])
    with database.write() as connection:
        model.purge(connection, HOME)
        model.apply(connection, [event for event in log.read(0, log.end()) if book in (None, event.book)])
    found = rows(database, model)
    with database.write() as connection:
        for table in (model.days, model.payees):
            connection.execute(delete(table))
    database.close()
    return found


def head(database: ReadModels, following: ProjectionRunner, book: BookId, name: str = "tally") -> ProjectionHead:
    with database.read() as connection:
        found = following.head(connection, name, book)
    assert found is not None
    return found


def three_books() -> MemoryLog:
    log = MemoryLog()
    for book in (HOME, CABIN, SHOP):
        log.append(book, opened(book))
    for number in range(1, 20):
        log.append((HOME, CABIN, SHOP)[number % 3], spent(number))
    return log


# Following


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 2_000])
def test_every_batch_split_leaves_the_same_rows(
    address: str, batch: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "BATCH_EVENTS", batch)
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        assert rows(database, model) == folded(log, tmp_path)
        stored = log.heads()[HOME]
        assert head(database, following, HOME) == ProjectionHead(stored.version, stored.hash, stored.position)
        assert following.verify("tally") is None


def test_a_batch_is_read_once_for_all_projections(address: str) -> None:
    log, one, other = three_books(), Tally("one"), Tally("other")
    with opened_at(address, log, one, other) as (_, following):
        log.reads = 0
        following.catch_up()
        assert log.reads == 1
        assert one.batches == other.batches == [log.end()]


def test_a_projection_that_is_behind_joins_the_others(address: str, small_batches: None) -> None:
    log, one, other = three_books(), Tally("one"), Tally("other")
    with opened_at(address, log, one) as (_, following):
        following.catch_up()
    log.append(HOME, spent(100))
    log.append(CABIN, spent(101))
    with opened_at(address, log, one, other) as (database, following):
        following.catch_up()
        assert rows(database, one)[0][1:] == rows(database, other)[0][1:]
        assert one.batches[-1] == other.batches[-1] == 2
        assert {status.lag for status in following.status()} == {0}


def test_progress_rises_to_the_end(address: str, small_batches: None) -> None:
    log, told = three_books(), list[tuple[int, int]]()
    with opened_at(address, log, Tally()) as (_, following):
        following.catch_up(lambda position, end: told.append((position, end)))
    assert told == sorted(told)
    assert told[-1] == (log.end(), log.end())


def test_events_are_visible_soon_after_they_are_recorded(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.waiting.POLL_S", 60.0)  # the runner's own commits end a wait without a poll
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (_, following), running(following):
        version = log.heads()[HOME].version
        for number in range(50):
            log.append(HOME, spent(200 + number))
            version += 1
            began = time.monotonic()
            assert following.wait_for(["tally"], HOME, version, 5.0) == version
            assert time.monotonic() - began < 4.0


def test_repeated_events_are_dropped(address: str) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        before = rows(database, model)
        with database.write() as connection:
            heads.set_back(connection, "tally_v1", heads.STORE, 0)
        following.catch_up()
        assert rows(database, model) == before
        assert following.status()[0].position == log.end()


def test_a_checkpoint_ahead_of_the_heads_is_mended_from_the_log(address: str, tmp_path: Path) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        with database.write() as connection:
            assert heads.move(connection, ["tally_v1"], {heads.STORE: (0, 10)})
        following.catch_up()
        assert rows(database, model) == folded(log, tmp_path)


def test_a_history_that_does_not_link_parks_its_book_alone(address: str, tmp_path: Path) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following), running(following):
        version = log.heads()[HOME].version
        following.wait_for(["tally"], HOME, version, 5.0)
        with database.write() as connection:
            connection.execute(update(heads.heads).where(heads.heads.c.book == HOME).values(hash=b"another"))
        log.append(HOME, spent(100))
        log.append(CABIN, spent(101))
        cabin = log.heads()[CABIN].version
        assert following.wait_for(["tally"], CABIN, cabin, 5.0) == cabin
        reason = head(database, following, HOME).parked
        assert reason is not None
        assert reason.startswith("another_hash")
        # Its head is no event of the log, so a release folds it from its beginning.
        assert following.release("tally", HOME).parked is None
        assert rows(database, model) == folded(log, tmp_path)


# A log that was replaced


def test_a_restored_log_that_is_shorter_is_followed_again(address: str, tmp_path: Path) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (_, following):
        following.catch_up()
    restored = MemoryLog()
    restored.append(HOME, opened(HOME), spent(1), spent(2))
    with opened_at(address, restored, model) as (database, following):
        following.catch_up()
        assert rows(database, model) == folded(restored, tmp_path)
        restored.append(HOME, spent(3))
        following.catch_up()
        assert rows(database, model) == folded(restored, tmp_path)
        assert following.verify("tally") is None


# Poison


def poisoned_log() -> MemoryLog:
    log = three_books()
    log.append(HOME, spent(50, payee="Dona Benta"))
    for number in range(60, 72):
        log.append((HOME, CABIN, SHOP)[number % 3], spent(number))
    return log


@pytest.mark.parametrize("batch", [1, 4, 2_000])
def test_a_poison_event_parks_its_book_at_the_event_before_it(
    address: str, batch: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "BATCH_EVENTS", batch)
    log, model, other = poisoned_log(), Tally(), Tally("other")
    trouble = model.trouble = Trouble(lambda: ValueError("cannot be"), payee_is("Dona Benta"))
    poison = next(event for event in log.read(0, log.end()) if payee_is("Dona Benta")(event))
    with opened_at(address, log, model, other) as (database, following):
        following.catch_up()
        stands = head(database, following, HOME)
        assert (stands.version, stands.hash) == (poison.version - 1, poison.prev_hash)
        assert stands.parked is not None
        assert stands.parked.startswith(f"poison: version {poison.version}: ValueError: cannot be (tests/tally.py:")
        assert following.status()[0].parked == [(HOME, poison.version - 1, stands.parked)]
        assert following.status()[0].lag == 0
        assert head(database, following, HOME, "other").parked is None
        assert head(database, following, CABIN).version == log.heads()[CABIN].version
        assert following.verify("tally") is None

        log.append(HOME, spent(90))
        following.catch_up()
        assert head(database, following, HOME) == stands

        assert following.release("tally", HOME).parked is not None
        assert head(database, following, HOME).version == stands.version

        trouble.end()
        assert following.release("tally", HOME).parked is None
        assert rows(database, model) == folded(log, tmp_path)
        with pytest.raises(Rejected, match="projection_not_parked"):
            following.release("tally", HOME)
        log.append(HOME, spent(91))
        following.catch_up()
        assert rows(database, model) == folded(log, tmp_path)
        assert following.verify("tally") is None


def test_several_poisoned_books_are_found_in_one_batch(address: str, tmp_path: Path) -> None:
    log, model = three_books(), Tally()
    log.append(HOME, spent(50, payee="bad"))
    log.append(SHOP, spent(51, payee="bad"))
    log.append(CABIN, spent(52))
    model.trouble = Trouble(lambda: KeyError("x"), payee_is("bad"))
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        assert [row[0] for row in following.status()[0].parked] == [HOME, SHOP]
        cabin = [row for row in rows(database, model) if row[0] == CABIN]
        assert cabin == folded(log, tmp_path, CABIN)


def test_a_row_that_the_database_refuses_is_poison_too(address: str) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        with database.write() as connection:
            connection.execute(insert(model.payees), {"book": HOME, "version": 3, "payee": "in the way"})
        following.catch_up()
        stands = head(database, following, HOME)
        assert stands.version == 2
        assert stands.parked is not None
        assert stands.parked.startswith("poison: version 3: IntegrityError")
        assert "in the way" not in stands.parked


@pytest.mark.parametrize(
    "told", ["Dona Benta owes", "key 'benta' twice", "no row for DONA", 'in {"payee": "Dona Benta"}', "Bénta"]
)
def test_a_reason_says_nothing_that_people_wrote(address: str, told: str) -> None:
    log, model = poisoned_log(), Tally()
    model.trouble = Trouble(lambda: ValueError(told), payee_is("Dona Benta"))
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        reason = (head(database, following, HOME).parked or "").casefold()
        assert reason.startswith("poison")
        assert "benta" not in reason
        assert "bénta" not in reason
        assert "dona" not in reason


def test_an_event_of_an_unknown_type_parks_its_book_alone(address: str, small_batches: None, tmp_path: Path) -> None:
    log, model = three_books(), Tally()
    before = log.heads()[HOME].version
    log.append_stored(HOME, "ledger.from-the-future.v9", b"{}")
    log.append(HOME, spent(50))
    log.append(CABIN, spent(51))
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        stands = head(database, following, HOME)
        assert stands.version == before
        assert stands.parked is not None
        assert stands.parked.startswith(f"unreadable: version {before + 1}")
        assert "from-the-future" in stands.parked
        assert head(database, following, CABIN).version == log.heads()[CABIN].version
        assert following.status()[0].lag == 0
        assert following.release("tally", HOME) == stands
        assert following.verify("tally") is None


def test_a_head_that_cannot_be_read_any_more_parks_its_book_alone(address: str, tmp_path: Path) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (_, following):
        following.catch_up()
    stood = log.heads()[HOME]
    log.append(HOME, spent(50))
    log.append(CABIN, spent(51))
    log.damage(stood.position)
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        stands = head(database, following, HOME)
        assert (stands.version, stands.hash) == (stood.version, stood.hash)
        assert (stands.parked or "").startswith(f"unreadable: version {stood.version}")
        assert head(database, following, CABIN).version == log.heads()[CABIN].version
        assert following.release("tally", HOME) == stands
        log.mend(stood.position)
        assert following.release("tally", HOME).parked is None
        assert rows(database, model) == folded(log, tmp_path)


@pytest.mark.parametrize(
    "fault", [OSError("the disk is away"), StoreUnavailable("store_busy", "locked"), MemoryError()]
)
def test_a_fault_that_may_pass_never_parks(address: str, fault: Exception, tmp_path: Path) -> None:
    log, model = three_books(), Tally()
    trouble = model.trouble = Trouble(lambda: fault, lambda event: event.book == HOME)
    with opened_at(address, log, model) as (database, following), running(following):
        version = log.heads()[HOME].version
        assert following.wait_for(["tally"], HOME, version, 0.2) == 0
        trouble.end()
        assert following.wait_for(["tally"], HOME, version, 10.0) == version
        assert following.status()[0].parked == []
        assert rows(database, model) == folded(log, tmp_path)


def test_a_locked_database_is_waited_for(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.sql.LOCK_TIMEOUT_MS", 50)
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        elsewhere = ReadModels(address)
        with elsewhere.write() as connection:
            heads.lock(connection, ["tally_v1"])
            with running(following):
                version = log.heads()[HOME].version
                assert following.wait_for(["tally"], HOME, version, 0.3) == 0
                connection.rollback()
                assert following.wait_for(["tally"], HOME, version, 10.0) == version
        elsewhere.close()
        assert following.status()[0].parked == []
        assert rows(database, model) == folded(log, tmp_path)


# Erasure


@pytest.mark.parametrize("batch", [1, 2_000])
def test_an_erased_book_leaves_nothing_but_its_head(address: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BATCH_EVENTS", batch)
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        log.destroy_key(HOME)
        log.append(HOME, BookErased())
        log.append(CABIN, spent(50))
        following.catch_up()
        assert HOME not in {row[0] for row in rows(database, model)}
        assert CABIN in {row[0] for row in rows(database, model)}
        assert head(database, following, HOME).version == log.heads()[HOME].version
        assert following.verify("tally") is None
        following.rebuild("tally")
        assert HOME not in {row[0] for row in rows(database, model)}
        assert following.verify("tally") is None


def test_a_parked_book_is_erased_all_the_same(address: str) -> None:
    log, model = poisoned_log(), Tally()
    model.trouble = Trouble(lambda: ValueError("no"), payee_is("Dona Benta"))
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        assert head(database, following, HOME).parked
        log.append(HOME, BookErased())
        following.catch_up()
        assert head(database, following, HOME).parked is None
        assert HOME not in {row[0] for row in rows(database, model)}
        assert following.verify("tally") is None


# Several runners


def start(address: str, books: int, events: int, batch: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.runner_process", address, str(books), str(events), str(batch)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_programs_on_one_database_never_apply_twice(address: str, tmp_path: Path) -> None:
    books, events = 5, 600
    log, read_models = made_log(books, events), models()
    programs = [start(address, books, events, 7), start(address, books, events, 5)]
    for program in programs:
        go(program)
    told = [program.communicate()[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert any("overtaken" in lines for lines in told), "they never met"
    with opened_at(address, log, *read_models) as (database, following):
        for model in read_models:
            assert rows(database, model) == folded(log, tmp_path)
            assert following.verify(model.NAME) is None


def test_what_a_killed_program_left_is_carried_on(address: str, tmp_path: Path) -> None:
    books, events = 5, 600
    log, read_models = made_log(books, events), models()
    program = start(address, books, events, 3)
    go(program)
    assert program.stdout is not None
    for _ in range(5):
        program.stdout.readline()
    program.send_signal(signal.SIGKILL)
    program.communicate()
    with opened_at(address, log, *read_models) as (database, following):
        assert 0 < following.status()[0].position < events
        following.catch_up()
        for model in read_models:
            assert rows(database, model) == folded(log, tmp_path)


def test_a_rebuild_beside_a_running_runner_stays_right(address: str, small_batches: None, tmp_path: Path) -> None:
    log, one, other = made_log(4, 200), Tally("one"), Tally("other")
    with (
        opened_at(address, log, one, other) as (database, following),
        opened_at(address, log, one, other) as (_, elsewhere),
        running(elsewhere),
    ):
        for number in range(3):
            log.append(HOME, spent(1_000 + number))
            following.rebuild("one")
        version = log.heads()[HOME].version
        assert following.wait_for(["one", "other"], HOME, version, 10.0) == version
        elsewhere.wait_for(["one", "other"], HOME, version, 10.0)
        for model in (one, other):
            assert rows(database, model) == folded(log, tmp_path)
            assert following.verify(model.NAME) is None


# Waiting


def test_waiting_tells_how_far_it_came_when_the_time_is_up(address: str) -> None:
    log = three_books()
    with opened_at(address, log, Tally("one"), Tally("other")) as (_, following):
        following.catch_up()
        version = log.heads()[HOME].version
        began = time.monotonic()
        assert following.wait_for(["one", "other"], HOME, version + 1, 0.1) == version
        assert 0.1 <= time.monotonic() - began < 2.0
        assert following.wait_for(["one"], BookId("b-nobody"), 1, 0.05) == 0


def test_a_parked_book_is_told_at_once(address: str) -> None:
    log, model = poisoned_log(), Tally()
    model.trouble = Trouble(lambda: ValueError("no"), payee_is("Dona Benta"))
    with opened_at(address, log, model, Tally("other")) as (_, following):
        following.catch_up()
        for timeout_s in (0.0, 60.0):
            with pytest.raises(Rejected) as refused:
                following.wait_for(["other", "tally"], HOME, 1, timeout_s)
            assert refused.value.code == "projection_parked"
            assert refused.value.params["projection"] == "tally"
        assert following.wait_for(["other"], HOME, 1, 0.0) == log.heads()[HOME].version
        with pytest.raises(Rejected, match="projection_unknown"):
            following.wait_for(["nothing"], HOME, 1, 0.0)


def test_many_wait_at_once_without_a_thread_each(address: str) -> None:
    log, model = three_books(), Tally()
    version = log.heads()[HOME].version

    async def all_of_them(following: ProjectionRunner) -> list[int]:
        waiting = [
            asyncio.ensure_future(following.wait_for_async(["tally"], HOME, version + 1 + number % 3, 10.0))
            for number in range(200)
        ]
        await asyncio.sleep(0)
        given_up = asyncio.ensure_future(following.wait_for_async(["tally"], HOME, 10_000, 10.0))
        await asyncio.sleep(0)
        given_up.cancel()
        threads = threading.active_count()
        log.append(HOME, *[spent(number) for number in (50, 51, 52)])
        reached = await asyncio.gather(*waiting)
        assert threading.active_count() <= threads
        return reached

    with opened_at(address, log, model) as (_, following), running(following):
        reached = asyncio.run(all_of_them(following))
    assert all(at >= version + 1 + number % 3 for number, at in enumerate(reached))


def test_what_another_program_applied_ends_the_wait_too(address: str) -> None:
    log, model = three_books(), Tally()
    with (
        opened_at(address, log, model) as (_, here),
        opened_at(address, log, Tally()) as (_, there),
        running(there),
    ):
        version = log.heads()[HOME].version + 1
        later = threading.Timer(0.05, lambda: log.append(HOME, spent(50)))
        later.start()
        began = time.monotonic()
        assert here.wait_for(["tally"], HOME, version, 10.0) == version
        assert time.monotonic() - began < 8.0
        later.join()


# Rebuilding, verifying, new versions


def test_a_rebuild_brings_the_same_rows_back(address: str, small_batches: None, tmp_path: Path) -> None:
    log, model, told = three_books(), Tally(), list[tuple[int, int]]()
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        with database.write() as connection:
            connection.execute(update(model.days).values(minor=model.days.c.minor + 1))
        assert rows(database, model) != folded(log, tmp_path)
        following.rebuild("tally", lambda position, end: told.append((position, end)))
        assert rows(database, model) == folded(log, tmp_path)
        assert told[-1] == (log.end(), log.end())
        with pytest.raises(Rejected, match="projection_unknown"):
            following.rebuild("nothing")


def test_while_a_rebuild_runs_the_live_one_serves_and_a_second_rebuild_is_refused(
    address: str, small_batches: None, tmp_path: Path
) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        with database.write() as connection:
            connection.execute(update(model.days).values(minor=model.days.c.minor + 1))
        wrong = rows(database, model)
        seen = []

        def look(position: int, end: int) -> None:
            seen.append(rows(database, model) == wrong)
            with opened_at(address, log, model) as (_, other), pytest.raises(Rejected, match="rebuild_running"):
                other.rebuild("tally")

        following.rebuild("tally", look)
        assert len(seen) > 1
        assert all(seen)
        assert rows(database, model) == folded(log, tmp_path)


class Interrupted(BaseException):
    """Somebody pressed Ctrl-C."""


def test_a_rebuild_that_was_broken_off_is_gone_on_with(address: str, small_batches: None, tmp_path: Path) -> None:
    log, model, told = made_log(3, 60), Tally(), list[int]()
    with opened_at(address, log, model) as (database, following):
        following.catch_up()

        def interrupt(position: int, end: int) -> None:
            if position > end // 2:
                raise Interrupted

        with pytest.raises(Interrupted):
            following.rebuild("tally", interrupt)
        assert rows(database, model) == folded(log, tmp_path)
        log.append(HOME, spent(2_000))
        following.rebuild("tally", lambda position, end: told.append(position))
        assert min(told) > log.end() // 2
        assert rows(database, model) == folded(log, tmp_path)
        assert following.status()[0].lag == 0
        told.clear()
        following.rebuild("tally", lambda position, end: told.append(position))
        assert min(told) < log.end() // 2  # nothing was left of the one before


def test_verify_names_the_first_difference(address: str) -> None:
    log, model = three_books(), Tally()
    with opened_at(address, log, model) as (database, following):
        following.catch_up()
        assert following.verify("tally") is None
        with database.write() as connection:
            found = connection.execute(select(model.days).order_by(*model.days.primary_key.columns)).first()
            assert found is not None
            this = (model.days.c.book == found.book) & (model.days.c.day == found.day)
            connection.execute(update(model.days).where(this).values(minor=7))
        difference = following.verify("tally")
        assert difference is not None
        assert (difference.table, difference.book, difference.column) == ("tally_v1_days", found.book, "minor")
        assert difference.key == {"book": found.book, "day": found.day}
        assert (difference.live, difference.fresh) == (7, found.minor)

        with database.write() as connection:
            connection.execute(delete(model.days).where(this))
        difference = following.verify("tally")
        assert difference is not None
        assert (difference.key["day"], difference.live, difference.fresh) == (found.day, False, True)


def test_verify_holds_while_the_runner_goes_on(address: str) -> None:
    log, model = made_log(3, 300), Tally()
    stop = threading.Event()

    def go_on() -> None:
        number = 5_000
        while not stop.wait(0.001):
            log.append(HOME, spent(number := number + 1))

    writer = threading.Thread(target=go_on)
    with opened_at(address, log, model) as (_, following), running(following):
        writer.start()
        try:
            for _ in range(3):
                assert following.verify("tally") is None
        finally:
            stop.set()
            writer.join()


def test_a_new_version_takes_the_place_of_the_old(address: str, tmp_path: Path) -> None:
    log, old, new = three_books(), Tally(version=1), Tally(version=2)
    neighbour = Tally("tally_v1_neighbour")
    with opened_at(address, log, old, neighbour) as (_, before):
        before.catch_up()
        with opened_at(address, log, new) as (database, after):
            after.catch_up()
            assert rows(database, new) == folded(log, tmp_path)
            with database.read() as connection:
                tables = set(inspect(connection).get_table_names())
            assert {"tally_v2_days", "tally_v2_payees"} <= tables
            assert not {"tally_v1_days", "tally_v1_payees"} & tables
        log.append(HOME, spent(50))
        with pytest.raises(ProjectionReplaced):
            before.catch_up()


def test_the_old_version_stays_while_the_new_one_has_a_book_parked(address: str) -> None:
    log, old, new = poisoned_log(), Tally(version=1), Tally(version=2)
    trouble = new.trouble = Trouble(lambda: ValueError("no"), payee_is("Dona Benta"))
    with opened_at(address, log, old) as (_, before):
        before.catch_up()
    with opened_at(address, log, new) as (database, after):
        after.catch_up()
        assert rows(database, old)
        trouble.end()
        after.release("tally", HOME)
        after.catch_up()
        with database.read() as connection:
            assert "tally_v1_days" not in inspect(connection).get_table_names()
