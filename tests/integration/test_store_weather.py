"""The event store in bad weather: slow writers, stopped and killed ones, lost answers, disks that say no.

Whatever happens, nothing is half in the log, a reader skips nothing, and who asked is told something true.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from commands.ports import Committed, Moved, StoreUnavailable
from infra.sql import LOCK_TIMEOUT_MS, writing_engine
from infra.store import SqlEventStore
from infra.store.transactions import LOOK_UP_PAUSE_S, LOOK_UPS
from tests.stores import HOME, OFFICE, append, bought, key, opened, opening, recorded, unit

PATIENCE_S = 60
"""How long a test waits for what must come; only a defect uses it up."""


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


def unavailable(store: SqlEventStore) -> StoreUnavailable:
    """The answer to a command while the store cannot take one."""
    with pytest.raises(StoreUnavailable) as failure:
        store.commit([unit(HOME, 0, opening(), key=key("weather"))], {HOME: None})
    return failure.value


# Slow and stopped writers


def test_a_follower_skips_nothing_while_a_slow_writer_holds_an_older_transaction_open(
    store: SqlEventStore, url: str, tmp_path: Path
) -> None:
    writing, go_on, all_written = threading.Event(), threading.Event(), threading.Event()
    seen: list[int] = []

    def follow() -> None:
        while not (all_written.is_set() and seen and seen[-1] == store.end()):
            seen.extend(recorded.position for recorded in store.read(seen[-1] if seen else 0, 3))
            store.wait(seen[-1] if seen else 0, 0.05)

    def pause(_connection: object) -> None:
        writing.set()
        assert go_on.wait(PATIENCE_S)

    follower = threading.Thread(target=follow)
    follower.start()
    with opened(url, tmp_path / "keys") as slow_store:
        event.listen(slow_store.writing, "commit", pause, once=True)
        slow = threading.Thread(target=recorded, args=(slow_store, HOME, opening(), bought(1)))
        slow.start()
        assert writing.wait(PATIENCE_S)
        fast = threading.Thread(target=recorded, args=(store, OFFICE, opening(OFFICE), bought(2), bought(3)))
        fast.start()
        assert not store.wait(0, 0.3), "nothing is to be seen before the older transaction has ended"
        go_on.set()
        slow.join()
        fast.join()
        recorded(slow_store, HOME, bought(4))
    all_written.set()
    follower.join()
    assert seen == [1, 2, 3, 4, 5, 6]
    assert [recorded.book for recorded in store.read(0, 10)] == [HOME] * 2 + [OFFICE] * 3 + [HOME]


def test_an_unrelated_transaction_left_open_hides_nothing_from_a_follower(
    postgres_url: Callable[[], str], tmp_path: Path
) -> None:
    url = postgres_url()
    with opened(url, tmp_path / "keys") as store:
        other = sa.create_engine(url)
        with other.begin() as older:
            older.exec_driver_sql("CREATE TABLE somebody_elses (id bigint)")
            recorded(store, HOME, opening(), bought(1))
            assert [recorded.position for recorded in store.read(0, 10)] == [1, 2]
        other.dispose()


@contextmanager
def holding(url: str, keys: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has written everything and not yet sent COMMIT."""
    command = [sys.executable, "-m", "tests.store_process", "hold", url, str(keys)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            assert process.stdout.readline() == "holding\n"
            yield process
        finally:
            process.kill()
            process.wait()


def test_a_stopped_process_that_holds_the_lock_is_told_of_in_time_and_its_death_frees_it(
    store: SqlEventStore, url: str, tmp_path: Path
) -> None:
    with holding(url, tmp_path / "keys") as process:
        process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        assert unavailable(store).code == "store_busy"
        assert time.monotonic() - started < LOCK_TIMEOUT_MS / 1000 + 5
        assert store.end() == 0
        process.kill()
        process.wait()
    assert recorded(store, HOME, opening()).position == 1
    assert store.head(OFFICE) is None


def test_a_stopped_process_that_goes_on_in_time_commits_what_it_held(
    store: SqlEventStore, url: str, tmp_path: Path
) -> None:
    with holding(url, tmp_path / "keys") as process:
        process.send_signal(signal.SIGSTOP)
        waiting = threading.Thread(target=recorded, args=(store, HOME, opening()))
        waiting.start()
        process.send_signal(signal.SIGCONT)
        assert process.communicate("go on\n", timeout=PATIENCE_S)[0] == "Committed\n"
        waiting.join()
    assert {book: head.version for book, head in store.heads().items()} == {HOME: 1, OFFICE: 1}
    assert store.verify_chain() is None


def test_a_server_frees_the_lock_of_a_process_that_stays_stopped_which_then_tries_anew(
    postgres_url: Callable[[], str], tmp_path: Path
) -> None:
    url = postgres_url()
    with opened(url, tmp_path / "keys") as store, holding(url, tmp_path / "keys") as process:
        process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + PATIENCE_S
        while store.head(HOME) is None:
            assert time.monotonic() < until
            with suppress(StoreUnavailable):
                recorded(store, HOME, opening())
        process.send_signal(signal.SIGCONT)
        told = process.communicate("go on\ngo on\n", timeout=PATIENCE_S)[0]
        assert told.splitlines()[-1] == "Committed"
        assert [recorded.book for recorded in store.read(0, 10)] == [HOME, OFFICE]
        assert store.verify_chain() is None


def test_two_processes_write_one_book_and_nothing_is_lost_doubled_or_skipped(
    store: SqlEventStore, url: str, tmp_path: Path
) -> None:
    count = 60
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.store_process", "write", url, str(tmp_path / "keys"), str(count), name],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("Ana", "Bia")
    }
    acknowledged: dict[int, tuple[int, str, str]] = {}
    for name, process in processes.items():
        told = process.communicate(timeout=PATIENCE_S)[0]
        assert process.returncode == 0
        for number, line in enumerate(told.splitlines()):
            position, version, hash_ = line.split()
            acknowledged[int(position)] = (int(version), hash_, f"{name} {number}")
    stored = {
        found.position: (found.version, found.hash.hex(), getattr(found.event, "payee", ""))
        for found in store.read(0, 1_000)
    }
    assert stored == acknowledged
    assert sorted(stored) == list(range(1, 2 * count + 1))
    assert sorted(version for version, _, _ in stored.values()) == list(range(1, 2 * count + 1))
    assert store.verify_chain() is None


# Lost connections


def test_sessions_that_the_server_ended_are_replaced_without_a_word(
    postgres_url: Callable[[], str], tmp_path: Path
) -> None:
    url = postgres_url()
    with opened(url, tmp_path / "keys") as store:
        recorded(store, HOME, opening())
        other = sa.create_engine(url, poolclass=sa.NullPool)
        with other.connect() as connection:
            ended = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                "datname = current_database() AND application_name = 'finshift'"
            )
            assert len(connection.execute(sa.text(ended)).all()) >= 1
        outcomes = append(store, [unit(HOME, 1, bought(1), key=key("a"))], {HOME: store_head(store)})
        assert isinstance(outcomes[0], Committed)


def store_head(store: SqlEventStore) -> Any:
    """A book's head, on one of the reading connections: those may be told once that their session has ended."""
    with suppress(StoreUnavailable):
        return store.head(HOME)
    return store.head(HOME)


class Proxy:
    """A way to PostgreSQL that breaks on demand: `cut` says when, as a COMMIT passes."""

    def __init__(self, server: sa.URL, folder: Path) -> None:
        self.cut = ""
        self.closed = False
        self._server = server
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / ".s.PGSQL.5432"))
        self._door.listen()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                if self.closed:
                    client.close()
                    continue
                server = _line_to(self._server)
                self._open += [client, server]
                for way in ((self._to_server, client, server), (self._to_client, server, client)):
                    thread = threading.Thread(target=way[0], args=way[1:])
                    self._threads.append(thread)
                    thread.start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while sent := client.recv(1 << 16):
                cut = self.cut if b"COMMIT\0" in sent else ""
                if cut == "before":
                    self.cut = ""
                    server.shutdown(socket.SHUT_RDWR)
                    client.shutdown(socket.SHUT_RDWR)
                    return
                if cut:
                    # The server does as it is told; its answer is what gets lost.
                    self.cut, self.closed = "", cut == "after, for good"
                    client.shutdown(socket.SHUT_RDWR)
                server.sendall(sent)
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        while answered := _received(server):
            with suppress(OSError):
                client.sendall(answered)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)


def _received(end: socket.socket) -> bytes:
    with suppress(OSError):
        return end.recv(1 << 16)
    return b""


def _line_to(server: sa.URL) -> socket.socket:
    """A connection to a PostgreSQL server, by TCP or in its folder of sockets."""
    if server.host is not None:
        return socket.create_connection((server.host, server.port or 5432))
    line = socket.socket(socket.AF_UNIX)
    line.connect(f"{server.query['host']}/.s.PGSQL.5432")
    return line


@pytest.fixture
def proxied(postgres_url: Callable[[], str], tmp_path: Path) -> Iterator[tuple[SqlEventStore, Proxy, str]]:
    """A store behind a proxy, and the way to its server without one."""
    direct = postgres_url()
    folder = Path(f"{tmp_path}/p")
    folder.mkdir()
    proxy = Proxy(sa.make_url(direct), folder)
    try:
        to = sa.make_url(direct)
        url = sa.URL.create(to.drivername, to.username, to.password, database=to.database, query={"host": str(folder)})
        with opened(url.render_as_string(hide_password=False), tmp_path / "keys") as store:
            yield store, proxy, direct
    finally:
        proxy.close()


def test_a_commit_whose_answer_is_lost_is_looked_up_and_not_repeated(
    proxied: tuple[SqlEventStore, Proxy, str],
) -> None:
    store, proxy, _ = proxied
    proxy.cut = "after"
    head = recorded(store, HOME, opening(), bought(1))
    assert (head.version, head.position) == (2, 2)
    assert proxy.cut == "", "the answer was lost"
    assert [recorded.hash for recorded in store.read(1, 10)] == [head.hash]
    base = store.head(HOME)
    proxy.cut = "after"
    outcomes = append(store, [unit(HOME, 2, key=key("nothing happened"))], {HOME: base})
    assert outcomes == (Committed(head),)
    assert store.known(key("nothing happened")) is not None


def test_a_commit_that_never_reached_the_server_is_done_again(proxied: tuple[SqlEventStore, Proxy, str]) -> None:
    store, proxy, _ = proxied
    proxy.cut = "before"
    assert recorded(store, HOME, opening()).position == 1
    assert proxy.cut == ""
    assert store.end() == 1
    assert store.verify_chain() is None


def test_an_outcome_that_cannot_be_found_out_is_said_to_be_unknown_and_the_same_key_finds_it(
    proxied: tuple[SqlEventStore, Proxy, str], tmp_path: Path
) -> None:
    store, proxy, direct = proxied
    proxy.cut = "after, for good"
    started = time.monotonic()
    assert unavailable(store).code == "outcome_unknown"
    assert time.monotonic() - started < LOOK_UPS * LOOK_UP_PAUSE_S + 10
    assert unavailable(store).code == "store_unreachable"
    with opened(direct, tmp_path / "keys") as other:
        known = other.known(key("weather"))
        assert known is not None
        assert (known.first, known.last) == (1, 1)


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailable) as failure,
        opened(f"postgresql://postgres@/finshift?host={tmp_path}", tmp_path / "keys"),
    ):
        pass
    assert failure.value.code == "store_unreachable"


# Disks and files


def test_a_read_only_store_is_read_and_takes_nothing(store: SqlEventStore, url: str, tmp_path: Path) -> None:
    recorded(store, OFFICE, opening(OFFICE))
    with opened(read_only(url), tmp_path / "keys") as other:
        assert unavailable(other).code == "store_read_only"
        assert other.end() == 1
        assert isinstance(other.read(0, 1)[0].event, type(opening()))
    assert store.end() == 1


def read_only(url: str) -> str:
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        return f"sqlite+pysqlite:///file:{address.database}?mode=ro&uri=true"
    engine = writing_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {address.database} SET default_transaction_read_only = on")
    engine.dispose()
    return url


def test_a_full_disk_is_told_of_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'events.db'}", tmp_path / "keys") as store:
        head = recorded(store, HOME, opening())
        with store.writing.begin() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
        purchases = [bought(number, "x" * 300) for number in range(500)]
        with pytest.raises(StoreUnavailable) as failure:
            store.commit([unit(HOME, 1, *purchases, key=key("a"))], {HOME: head})
        assert failure.value.code == "store_full"
        assert store.end() == 1
        assert store.known(key("a")) is None
        with store.writing.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        outcomes = append(store, [unit(HOME, 1, *purchases, key=key("a"))], {HOME: head})
        assert isinstance(outcomes[0], Committed)
        assert store.verify_chain() is None


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None or sys.platform != "linux",
    reason="a small disk of its own takes root's rights",
)
def test_a_disk_that_is_really_full_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with opened(f"sqlite:///{disk / 'events.db'}", tmp_path / "keys") as store:
            acknowledged = recorded(store, HOME, opening())
            purchases = [bought(number, "x" * 300) for number in range(20)]
            code = ""
            while not code:
                try:
                    acknowledged = recorded(store, HOME, *purchases)
                except StoreUnavailable as failure:
                    code = failure.code
            assert code == "store_full"
            assert store.head(HOME) == acknowledged
            assert store.verify_chain() is None
        with opened(f"sqlite:///{disk / 'events.db'}", tmp_path / "keys") as again:
            assert again.head(HOME) == acknowledged
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_is_no_database_is_damaged_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    file.write_bytes(b"Dear diary, " * 1_000)
    with pytest.raises(StoreUnavailable) as failure, opened(f"sqlite:///{file}", tmp_path / "keys"):
        pass
    assert failure.value.code == "store_damaged"
    assert file.read_bytes() == b"Dear diary, " * 1_000


def test_a_folder_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailable) as failure,
        opened(f"sqlite:///{tmp_path / 'nowhere' / 'events.db'}", tmp_path / "keys"),
    ):
        pass
    assert failure.value.code == "store_unreachable"


def test_a_failure_in_the_middle_of_a_write_leaves_nothing_and_no_lock(
    store: SqlEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("infra.store.event_store.insert_rows", fail)
        with pytest.raises(MemoryError):
            store.commit([unit(HOME, 0, opening(), key=key("a"))], {HOME: None})
    assert store.end() == 0
    assert recorded(store, HOME, opening()).position == 1
    outcomes = append(store, [unit(HOME, 0, opening())], {HOME: None})
    assert outcomes == (Moved(),)
