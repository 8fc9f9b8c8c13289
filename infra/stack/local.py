"""The three servers as one stack below a folder: up, down, how it is, and the settings by which the program finds it.

The rule it keeps: what was chosen once stays. Ports, passwords and the cluster's name are written down before the
first start, in a file for its owner's eyes, and every later start uses the same data behind the same addresses.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from domain.errors import Rejected
from infra.stack import kafka, mongo, postgres
from infra.stack.processes import LOOPBACK, Server, check_platform, free_ports

STORE, READ_MODELS = "finshift", "finshift_read"
"""PostgreSQL's databases: events and read models apart, so that the one can be thrown away without the other."""

DOCUMENTS = "finshift"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the first `up` chose."""

    postgres_port: int
    postgres_password: str
    mongo_port: int
    mongo_password: str
    kafka_port: int
    kafka_controller_port: int
    kafka_cluster: str


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How a server is. `state`: `running` (it answered just now), `silent` (there, but no answer), or `stopped`."""

    server: str
    state: str
    version: str
    address: str
    pid: int | None
    log: str


class LocalStack:
    """The stack whose data, notes and logs are below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def up(self) -> list[ServerStatus]:
        """Have all servers run and ready; those that do are left alone, those that broke start on their data.

        Errors: `stack_needs`, `stack_not_fetched`, `stack_port_taken`, `stack_server_failed`, `stack_busy`.
        """
        check_platform()
        postgres.check()
        mongo.check()
        kafka.check(self._folder)
        with self._alone():
            _all(self._servers(self._chosen() or self._choose()), Server.start)
        return self.status()

    def down(self) -> list[ServerStatus]:
        """End all servers cleanly; data and logs stay. Errors: `stack_server_failed`, `stack_busy`."""
        if (chosen := self._chosen()) is not None:
            with self._alone():
                _all(self._servers(chosen), Server.end)
        return self.status()

    def status(self) -> list[ServerStatus]:
        """How every server is, asked now; nothing where there never was a stack."""
        chosen = self._chosen()
        if chosen is None:
            return []
        versions = (postgres.version(), mongo.version(), kafka.version())
        return [
            ServerStatus(s.name, _state(s), version, f"{LOOPBACK}:{s.port}", s.pid(), str(s.log))
            for s, version in zip(self._servers(chosen), versions, strict=True)
        ]

    def env(self) -> dict[str, str]:
        """The settings that point the program at the stack, passwords included; `stack_down` where a part is not up."""
        chosen = self._chosen()
        running = {s.server: s.state == "running" for s in self.status()}
        if chosen is None or not all(running.values()):
            missing = [name for name, is_running in running.items() if not is_running]
            raise Rejected("stack_down", servers=missing or [postgres.NAME, mongo.NAME, kafka.NAME])

        def database(name: str) -> str:
            url = postgres.address(chosen.postgres_port, chosen.postgres_password, name)
            return url.render_as_string(hide_password=False)

        return {
            "FINSHIFT_STORE_URL": database(STORE),
            "FINSHIFT_READ_URL": database(READ_MODELS),
            "FINSHIFT_DOCUMENTS_URL": mongo.address(chosen.mongo_port, chosen.mongo_password, DOCUMENTS),
            "FINSHIFT_KAFKA_SERVERS": f"{LOOPBACK}:{chosen.kafka_port}",
        }

    def _servers(self, chosen: Choices) -> list[Server]:
        libraries = kafka.libraries(self._folder)
        return [
            postgres.server(
                self._folder / "postgres", chosen.postgres_port, chosen.postgres_password, (STORE, READ_MODELS)
            ),
            mongo.server(self._folder / "mongo", chosen.mongo_port, chosen.mongo_password),
            kafka.server(
                self._folder / "kafka",
                chosen.kafka_port,
                chosen.kafka_controller_port,
                chosen.kafka_cluster,
                libraries,
            ),
        ]

    def _chosen(self) -> Choices | None:
        try:
            return Choices(**json.loads((self._folder / "choices.json").read_bytes()))
        except FileNotFoundError:
            return None

    def _choose(self) -> Choices:
        one, two, three, four = free_ports(4)
        chosen = Choices(
            postgres_port=one,
            postgres_password=secrets.token_hex(32),
            mongo_port=two,
            mongo_password=secrets.token_hex(32),
            kafka_port=three,
            kafka_controller_port=four,
            kafka_cluster=kafka.new_cluster(),
        )
        new = self._folder / "choices.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(chosen), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._folder / "choices.json")
        return chosen

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one at a time starts or ends servers; `stack_busy` for the other."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "busy").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Rejected("stack_busy", folder=str(self._folder)) from None
            yield


def _state(server: Server) -> str:
    if server.pid() is None:
        return "stopped"
    return "running" if server.is_ready() else "silent"


def _all(servers: Sequence[Server], do: Callable[[Server], None]) -> None:
    """Do it to all at once; what failed first is told when all have been tried."""
    with ThreadPoolExecutor(len(servers)) as workers:
        tried = [workers.submit(do, server) for server in servers]
    for one in tried:
        one.result()
