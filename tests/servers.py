"""Real servers for the tests: PostgreSQL, MongoDB and Kafka, each one a run, gone when the run is.

The rule it keeps: nobody starts, stops or cleans anything by hand, and nothing is left behind, however the run ends. A
keeper process owns a server and its folder; every test process holds a line to the keeper, and when the last line
goes, by a clean end or by a kill, the keeper stops the server and removes the folder. A server is started when it is
first asked for, just as `finshift stack` starts it: as durable as in real life. A test that breaks its server has one
of its own: `own_postgres`, `own_mongo`, `own_kafka`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from pymongo import MongoClient

from domain.errors import Rejected
from domain.sentences import sentence
from infra.stack import kafka, mongo, postgres
from infra.stack.processes import CHILDREN_TIMEOUT_S, START_TIMEOUT_S, STOP_TIMEOUT_S, Server, free_ports

Kind = Literal["postgres", "mongo", "kafka"]

GIVEN: dict[Kind, str] = {
    "postgres": "FINSHIFT_TEST_STORE_URL",
    "mongo": "FINSHIFT_TEST_DOCUMENTS_URL",
    "kafka": "FINSHIFT_TEST_KAFKA_SERVERS",
}
"""Each names a server to use instead; the account in its address must be allowed to make databases."""

FIRST_LINE_TIMEOUT_S = 60
"""How long a keeper waits for the process that started it to call."""

KEEPER_END_S = 2 * STOP_TIMEOUT_S + CHILDREN_TIMEOUT_S
"""How long a keeper may take to end its server and to remove the folder."""

_READY = "ready at "
_PROJECT = Path(__file__).resolve().parent.parent


class ServerFailed(Exception):
    """A server that the tests need did not start; the message ends with what it logged."""


# For tests


@contextmanager
def shared(kind: Kind, meeting_place: Path) -> Iterator[str]:
    """The address of the run's server of that kind, up for as long as the context is.

    `meeting_place`: a folder that all processes of one run share; the first of them to come starts the server.
    """
    if given := os.environ.get(GIVEN[kind]):
        yield given
        return
    with _line_to_keeper(kind, meeting_place) as address:
        yield address


@contextmanager
def fresh_database(server: sa.URL) -> Iterator[sa.URL]:
    """A new, empty PostgreSQL database, dropped at the end whoever is still connected to it."""
    name = f"finshift_test_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield server.set(database=name)
    finally:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def fresh_documents(server: str) -> Iterator[str]:
    """The address of a new, empty MongoDB database, dropped at the end."""
    name = f"finshift_test_{uuid.uuid4().hex}"
    place, _, options = server.partition("?")
    host = place.removeprefix("mongodb://").partition("/")[0]
    yield f"mongodb://{host}/{name}" + (f"?{options}" if options else "")
    client: MongoClient[dict[str, Any]] = MongoClient(server)
    with client:
        client.drop_database(name)


def _administer(server: sa.URL, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


# Servers of one test's own


@dataclass(frozen=True, slots=True)
class Own:
    """A server that nobody else uses, for a test to break: on the same data and port whenever it starts again.

    `kill()` ends it at once, with all its children; `pause()` and `resume()` stop it and let it go on; `end()` ends it
    cleanly; `start()` returns when it is ready again, after any of them.
    """

    address: str
    server: Server

    def start(self) -> None:
        self.server.start()

    def end(self) -> None:
        self.server.end()

    def kill(self) -> None:
        self.server.kill()

    def pause(self) -> None:
        self.server.pause()

    def resume(self) -> None:
        self.server.resume()


@contextmanager
def own_postgres(folder: Path) -> Iterator[Own]:
    """A PostgreSQL server below `folder`; `address` is the SQLAlchemy address of its database `postgres`."""
    with _own("postgres", folder) as own:
        yield own


@contextmanager
def own_mongo(folder: Path) -> Iterator[Own]:
    """A MongoDB server below `folder`; `address` is that of its database `finshift`."""
    with _own("mongo", folder) as own:
        yield own


@contextmanager
def own_kafka(folder: Path) -> Iterator[Own]:
    """A Kafka broker below `folder`; `address` is `127.0.0.1:port`."""
    with _own("kafka", folder) as own:
        yield own


@contextmanager
def _own(kind: Kind, folder: Path) -> Iterator[Own]:
    own = _made(kind, folder / kind)
    try:
        own.start()
        yield own
    finally:
        own.end()


def _made(kind: Kind, home: Path) -> Own:
    port, second = free_ports(2)
    password = secrets.token_hex(32)
    match kind:
        case "postgres":
            url = postgres.address(port, password)
            return Own(url.render_as_string(hide_password=False), postgres.server(home, port, password))
        case "mongo":
            return Own(mongo.address(port, password, "finshift"), mongo.server(home, port, password))
        case "kafka":
            server = kafka.server(home, port, second, kafka.new_cluster(), kafka.fetch(home.parent))
            return Own(f"127.0.0.1:{port}", server)


# The line to the keeper


@contextmanager
def _line_to_keeper(kind: Kind, meeting_place: Path) -> Iterator[str]:
    note = meeting_place / f"{kind}-keeper"
    keeper: subprocess.Popen[str] | None = None
    with (meeting_place / f"{kind}-keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        called = _call(note)
        if called is None:
            keeper = _start_keeper(kind, note)
            called = _call(note)
    if called is None:
        raise ServerFailed(f"the keeper of the {kind} server ended before it was called")
    line, address = called
    try:
        yield address
    finally:
        alone = _hang_up(line)
        if keeper is not None and alone:
            keeper.wait(KEEPER_END_S)
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
        line.settimeout(KEEPER_END_S)
        line.shutdown(socket.SHUT_WR)
        return line.recv(1) == b"."


def _start_keeper(kind: Kind, note: Path) -> subprocess.Popen[str]:
    """Start a keeper in a session of its own, so that Ctrl-C reaches the tests first and the server last."""
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.servers", kind],
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
    keeper.wait(KEEPER_END_S)
    raise ServerFailed("".join(told))


# The keeper


def main(kind: Kind) -> None:
    """Start the server, print where to call, keep it up while somebody is on the line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path(tempfile.mkdtemp(prefix=f"finshift-{kind}-")).resolve()
    last: list[socket.socket] = []
    try:
        with _own(kind, folder) as own, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.bind(str(folder / "keeper"))
            door.listen()
            print(f"{_READY}{folder / 'keeper'}", flush=True)
            last = _wait_for_the_last(door, own.address)
    except Rejected as refused:
        sys.exit(sentence(refused.code, refused.params))
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


if __name__ == "__main__":
    chosen: dict[str, Kind] = {kind: kind for kind in GIVEN}
    main(chosen[sys.argv[1]])
